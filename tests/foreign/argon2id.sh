#!/bin/bash
# SPDX-License-Identifier: ISC
#
# VeraCrypt's Argon2id: a PIM of up to 31 sets memory and passes, one above it only passes. The headers are made with an
# Argon2id that shares no code with coffer.

# shellcheck source=tests/cli/lib.sh
. "$SOURCE_DIR/tests/cli/lib.sh"
# shellcheck source=tests/cli/lib_foreign.sh
. "$SOURCE_DIR/tests/cli/lib_foreign.sh"

/usr/bin/python3 -c 'import argon2.low_level' 2>/dev/null || skip 'python3-argon2 is not installed'

named=(--type veracrypt --hash argon2id --passphrase-file "$secret")
opens() { # PIM MEMORY-IN-MIB PASSES
    expect_status 0 "$COFFER" info volume "${named[@]}" --pim "$1" --json
    expect_json "it['kdf'] == {'name': 'argon2id', 'memory': $2 << 20, 'passes': $3, 'lanes': 1}"
}

tcrypt make_bare volume --argon2id 1
opens 1 64 3
tcrypt make_bare volume --argon2id 4
opens 4 160 4
expect_status 12 "$COFFER" info volume "${named[@]}" --pim 3

too_small='a PIM above 31 takes 1 GiB, three quarters of 1.5 GiB, of free memory'
available=$(sed -n 's/^MemAvailable: *\([0-9]*\) kB$/\1/p' /proc/meminfo)
[ "${available:-0}" -ge $((1536 << 10)) ] || skip "$too_small"
tcrypt make_bare volume --argon2id 32 || skip "$too_small" # a control group may allow less
opens 32 1024 14
