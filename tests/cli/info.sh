#!/bin/bash
# SPDX-License-Identifier: ISC
#
# `coffer info`: the public part without a secret, the private part with one, a status of its own for each way in which
# a file is not a volume that opens, and never a write.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_volume a.coffer --size 64M --label 'Ferien'
sum=$(sha256sum <a.coffer)

# ---- what it says ------------------------------------------------------------------------------------------

expect_status 0 "$COFFER" info a.coffer
expect_output "^'a.coffer': coffer volume, version 1$"
expect_output '^  file  *64 MiB \(67108864 bytes\)$'
expect_output '^  label  *Ferien$'
expect_output '^  uuid  *[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$'
expect_output '^  front header  *good$'
expect_output '^  tail header  *good$'
expect_output '^  derivation  *Argon2id, 8 MiB, 1 pass, 1 lane$'
! grep -q 'cleartext' stdout || fail 'the private part needs a secret'

expect_status 0 "$COFFER" info a.coffer --passphrase-file "$secret"
expect_output '^  cleartext  *62.8 MiB \(65929216 bytes\)$'
expect_output '^  cipher  *aes-xts-plain64, sectors of 4096 bytes$'
expect_output '^  created  *20[0-9-]+T[0-9:]+Z$'
expect_output '^  key slots  *1 of 15 in use, opened by slot 0$'

expect_status 0 "$COFFER" info a.coffer --json
expect_json 'it["schema"] == "coffer.info/1"' 'it["volume"] == "a.coffer"' 'it["format"] == "coffer"' \
    'it["version"] == 1' 'it["backing_size"] == 64 << 20' 'it["label"] == "Ferien"' 'it["marked"]' \
    'it["front_header"] == {"ok": True, "slots_ok": True}' 'it["kdf"]["memory"] == 8 << 20' \
    'not it["unlocked"]' '"data_size" not in it'
expect_status 0 "$COFFER" info a.coffer --json --passphrase-file "$secret"
expect_json 'it["unlocked"] and it["thin"] and not it["hidden"]' 'it["data_size"] == 65929216' \
    'it["data_offset"] == 1 << 20' 'it["slots_used"] == 1 and it["slot"] == 0' \
    '__import__("datetime").datetime.strptime(it["created"], "%Y-%m-%dT%H:%M:%SZ")'
expect_same "$sum" "$(sha256sum <a.coffer)" 'the volume after info'

# A label is whatever somebody has written there.
make_volume evil.coffer --label "$(printf 'x\x1b]0;y\x07\n')"
expect_status 0 "$COFFER" info evil.coffer
expect_output 'label  *x\\x1b\]0;y\\x07$'

# ---- read-only files and other users -----------------------------------------------------------------------

if [ "$(id -u)" -eq 0 ]; then
    chmod 0755 "$work"
    cp a.coffer shown.coffer
    chmod 0444 shown.coffer
    install -m 0644 "$secret" readable
    expect_status 0 as_nobody "$COFFER" info "$work/shown.coffer" --passphrase-file "$work/readable"
    chmod 0600 shown.coffer
    expect_status 16 as_nobody "$COFFER" info "$work/shown.coffer"
    expect_error 'permission denied'
fi

# ---- each failure has its status ---------------------------------------------------------------------------

expect_status 10 "$COFFER" info missing
expect_error "^coffer: error: cannot read 'missing': no such file or directory$"
head -c 4M /dev/urandom >noise
expect_status 10 "$COFFER" info noise
expect_error '^coffer: hint: .*--unlock'
expect_status 12 "$COFFER" info noise --passphrase-file "$secret" --kdf-level 0
expect_error 'no format opens with this secret'
head -c 1000 /dev/urandom >crumb
expect_status 10 "$COFFER" info crumb
expect_status 10 "$COFFER" info crumb --passphrase-file "$secret"
: >empty
expect_status 10 "$COFFER" info empty
expect_status 10 "$COFFER" info .
expect_status 12 "$COFFER" info a.coffer --passphrase-file "$wrong"

patch() { # FILE OFFSET BYTES: in both copies' preambles, the tail being 128 KiB before the end
    local file=$1 tail
    tail=$(($(stat -c %s "$file") - 131072))
    printf '%b' "$3" | dd of="$file" bs=1 seek="$2" conv=notrunc status=none
    printf '%b' "$3" | dd of="$file" bs=1 seek=$((tail + $2)) conv=notrunc status=none
}
cp a.coffer new.coffer
patch new.coffer 8 '\x02'
expect_status 14 "$COFFER" info new.coffer
expect_status 14 "$COFFER" info new.coffer --passphrase-file "$secret"
cp a.coffer costly.coffer
patch costly.coffer 16 '\xff\xff\xff\xff'
expect_status 13 "$COFFER" info costly.coffer
expect_status 13 "$COFFER" info costly.coffer --passphrase-file "$secret"
# One good copy is enough, and the damage is said.
cp a.coffer half.coffer
dd if=/dev/zero of=half.coffer bs=4096 count=1 conv=notrunc status=none
expect_status 0 "$COFFER" info half.coffer
expect_output '^  front header  *damaged$'
expect_output '^  tail header  *good$'
expect_status 0 "$COFFER" info half.coffer --passphrase-file "$secret"
cp a.coffer slots.coffer
printf 'x' | dd of=slots.coffer bs=1 seek=200 conv=notrunc status=none
expect_status 0 "$COFFER" info slots.coffer
expect_output '^  front header  *good, but key slots are damaged$'

# ---- usage -------------------------------------------------------------------------------------------------

expect_status 2 "$COFFER" info a.coffer --kdf-level 1
expect_error "'--kdf-level' needs a secret"
expect_status 2 "$COFFER" info a.coffer --unlock
expect_error 'no terminal'
