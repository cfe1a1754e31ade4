#!/bin/bash
# SPDX-License-Identifier: ISC
#
# Key derivations that would take minutes: a terminal shows how far they are, and Ctrl-C ends them.

# shellcheck source=tests/cli/lib.sh
. "$SOURCE_DIR/tests/cli/lib.sh"
# shellcheck source=tests/cli/lib_mount.sh
. "$SOURCE_DIR/tests/cli/lib_mount.sh"
if ! /usr/bin/python3 -c 'import cryptography' 2>/dev/null; then
    skip 'python3-cryptography is not installed'
fi

shows() { # TEXT COMMAND...
    /usr/bin/python3 "$SOURCE_DIR/tests/foreign/progress.py" "$@" || fail "$*"
}

printf heslo123 >pass
/usr/bin/python3 "$SOURCE_DIR/tests/foreign/make_fvault.py" volume heslo123 'it.others = 0; it.claimed = 1 << 30' >key
shows 'user 0 [-' "$COFFER" info volume --passphrase-file pass
head -c 1M /dev/urandom >random # nothing that is known: every way of VeraCrypt is tried
shows 'key derivation [' "$COFFER" info random --type veracrypt --pim 100000 --passphrase-file pass
if [ -w /dev/fuse ] && command -v fusermount3 >/dev/null; then
    mkdir m
    shows 'user 0 [-' "$COFFER" mount --block volume m --passphrase-file pass
    expect_nothing_left
fi
