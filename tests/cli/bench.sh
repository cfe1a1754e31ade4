#!/bin/bash
# SPDX-License-Identifier: ISC
#
# `coffer bench`: every number is there, in text and JSON, as an ordinary user, and nothing is left behind. How fast is not
# looked at.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

mkdir -m 0777 place
chmod 0755 .
bench=("$COFFER" bench)
[ "$(id -u)" -ne 0 ] || bench=(as_nobody "$COFFER" bench)
expect_status 0 "${bench[@]}" "$work/place" --json
expect_json 'it["schema"] == "coffer.bench/1"' 'len(it["ciphers"]) >= 6' 'it["ciphers"][0]["name"] == "aes-xts-plain64"' \
    'all(c["encrypt"] > 0 and c["decrypt"] > 0 and c["sector_size"] in (512, 4096) for c in it["ciphers"])' \
    'len(it["key_derivations"]) >= 2 and all(k["nanoseconds"] > 0 for k in it["key_derivations"])' \
    'any(k["name"] == "argon2id" and k["memory"] == 64 << 20 and k["passes"] == 3 for k in it["key_derivations"])' \
    'it["volume"]["library_write"] > 0 and it["volume"]["library_read"] > 0'
if { : <>/dev/fuse; } 2>/dev/null && command -v fusermount3 >/dev/null; then
    expect_json 'it["volume"]["mounted"]' 'it["volume"]["mounted_read"] > 0 and it["volume"]["mounted_write"] > 0' \
        'it["volume"]["mounted_random_reads"] > 0'
fi
expect_same '' "$(ls -A place)" 'what is left'
expect_status 0 "$COFFER" bench place
for line in '^Ciphers' '^  serpent-xts-plain64 +512 +.*/s .*/s$' '^  argon2id, 64 MiB, 3 passes +[0-9.]+ s$' '^A volume of 64 MiB' \
    '^  read, by the library .*/s$'; do
    expect_output "$line"
done
expect_same '' "$(ls -A place)" 'what is left'
! grep -qF "$work" /proc/self/mountinfo || fail 'something is mounted'
expect_status 10 "$COFFER" bench missing
expect_status 2 "$COFFER" bench a b

# A signal ends it and leaves nothing.
"$COFFER" bench place >stdout 2>stderr &
process=$!
wait_until grep -q bench "/proc/$process/cmdline"
kill -TERM "$process"
ended=0
wait "$process" || ended=$?
case $ended in 0 | 130 | 143) ;; *) fail "ended with $ended" ;; esac
expect_same '' "$(ls -A place)" 'what is left'
