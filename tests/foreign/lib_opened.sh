# SPDX-License-Identifier: ISC
# shellcheck shell=bash
#
# lib_opened.sh - tests/foreign/opened.c, which opens a volume by the library alone; source it behind tests/cli/lib.sh.

: "${work:?tests/cli/lib.sh comes first}"

# Where others can reach it.
chmod 0755 .
install -m 0755 "$OPENED" opened

opened() { # ./VOLUME OPTION...: as an ordinary user where that can be had; files are named with './' or from the root on
    if [ "$(id -u)" -eq 0 ]; then
        as_nobody "$work/opened" "${@/#.\//$work/}"
    else
        ./opened "$@"
    fi
}
