# SPDX-License-Identifier: ISC
# shellcheck shell=bash
#
# guest.sh - what a case can call inside the machine.

skip() { # TEXT: ends the case
    echo "@skipped $1"
    exit 77
}

# Waits until a command succeeds.
wait_until() {
    local tries=0
    until "$@"; do
        tries=$((tries + 1))
        [ "$tries" -lt 1200 ] || { echo "still not: $*"; return 1; }
        sleep 0.1
    done
}
