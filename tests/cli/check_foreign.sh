#!/bin/bash
# SPDX-License-Identifier: ISC
#
# `coffer check` on volumes of other programs: what each format has to verify is verified, damage is exit status 3 and
# named, nothing is written; and what would have to write their headers is refused by name, with who can do it.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/cli/lib_foreign.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib_foreign.sh"
need_program cryptsetup

with=(--passphrase-file "$secret")
cheap=(--batch-mode --pbkdf pbkdf2 --pbkdf-force-iterations 1000)

damage() { # FILE OFFSET [SIZE]: other bytes than they were
    /usr/bin/python3 - "$1" "$2" "${3:-16}" <<'PYTHON'
import sys
with open(sys.argv[1], "r+b") as file:
    file.seek(int(sys.argv[2]))
    old = file.read(int(sys.argv[3]))
    file.seek(int(sys.argv[2]))
    file.write(bytes(byte ^ 0x5a for byte in old))
PYTHON
}
zero() { dd if=/dev/zero of="$1" bs=512 seek="$(($2 / 512))" count=1 conv=notrunc status=none; }
damaged() { # GOOD OFFSET...: `a` is a copy that is good but for these
    cp "$1" a
    for offset in "${@:2}"; do damage a "$offset"; done
}
finds() { # PATTERN [OPTION...]: of `a`, which is left as it was
    local before
    before=$(sha256sum <a)
    expect_status 3 "$COFFER" check a "${@:2}"
    expect_output "^damage +$1"
    expect_error '^coffer: hint: '
    expect_same "$before" "$(sha256sum <a)" 'a volume that was checked'
}

# ---- LUKS2 -------------------------------------------------------------------------------------------------

printf 'correct horse' >pass
truncate -s 20M luks2
cryptsetup luksFormat --type luks2 --key-file pass --label Urlaub --sector-size 4096 "${cheap[@]}" luks2
sum=$(sha256sum <luks2)
expect_status 0 "$COFFER" check luks2
expect_output '^good +first header: checksum and JSON'
expect_output '^good +second header: checksum and JSON'
expect_output '^good +key slots: .* of 1 '
expect_output '^note +.*needs a secret'
expect_status 0 "$COFFER" check luks2 "${with[@]}" --json
expect_json 'it["format"] == "luks"' 'not it["damaged"]' \
    'any("key slot 0: opens" in finding["text"] for finding in it["findings"])'
expect_status 12 "$COFFER" check luks2 --passphrase-file "$wrong"
damaged luks2 5000 # JSON of the first
finds 'first header: '
expect_output '^good +second header'
damaged luks2 $((16384 + 5000))
finds 'second header: ' "${with[@]}"
expect_output '^good +key slot 0: opens'
damaged luks2 5000 $((16384 + 5000))
finds '(first|second) header: '
cp luks2 a
cryptsetup luksAddKey --key-file pass "${cheap[@]}" a "$wrong"
dd if=luks2 of=a bs=16384 count=1 conv=notrunc status=none # the first header of the time before
finds 'first header: it is older'
cp luks2 a
zero a $((32768 + 512 * 7)) # inside the first key slot's area
finds 'key slot 0: its key material was overwritten'
damaged luks2 $((32768 + 512 * 7)) # noise: only the secret tells
expect_status 0 "$COFFER" check a
expect_status 12 "$COFFER" check a "${with[@]}"
head -c 1M luks2 >a
finds 'data: beyond the end'
truncate -s 1M data
cryptsetup luksFormat --type luks2 --key-file pass "${cheap[@]}" --header detached data
expect_status 0 "$COFFER" check detached
expect_output '^note +data: in another file'
expect_status 0 "$COFFER" check data --header detached "${with[@]}"
expect_output '^good +key slot 0: opens'
expect_same "$sum" "$(sha256sum <luks2)" 'a good volume that was checked'

# ---- LUKS1 -------------------------------------------------------------------------------------------------

truncate -s 4M luks1
cryptsetup luksFormat --type luks1 --key-file pass "${cheap[@]}" luks1
expect_status 0 "$COFFER" check luks1 "${with[@]}"
expect_output '^good +header: its fields'
expect_output '^good +key slot 0: opens'
damaged luks1 208 # the state of the first slot
finds 'header: .*neither in use nor free'
cp luks1 a
zero a $((4096 + 1024))
finds 'key slot 0: its key material was overwritten'

# ---- VeraCrypt ---------------------------------------------------------------------------------------------

tcrypt make vera.hc --kind veracrypt
expect_status 10 "$COFFER" check vera.hc
expect_error '^coffer: hint: .*--unlock'
expect_status 0 "$COFFER" check vera.hc "${with[@]}" --pim 1
expect_output '^good +header: opens, checksums right \(aes-xts, pbkdf2-sha256\)$'
expect_output '^good +backup header: opens'
damaged vera.hc 300
finds 'header: it is damaged' "${with[@]}" --pim 1
expect_output '^good +backup header: opens'
damaged vera.hc $(((1 << 20) - 131072 + 300))
finds 'backup header: it is damaged' "${with[@]}" --pim 1
damaged vera.hc 300 $(((1 << 20) - 131072 + 300))
expect_status 12 "$COFFER" check a "${with[@]}" --pim 1
tcrypt make two.hc --kind truecrypt --other-backup
cp two.hc a
finds 'the two headers do not say the same' "${with[@]}" --type truecrypt

# ---- BitLocker ---------------------------------------------------------------------------------------------

if corpus_file cryptsetup/bitlk-images/bitlk-aes-xts-128.img good; then
    expect_status 0 "$COFFER" check good
    expect_same 3 "$(grep -cE '^good +metadata [123] of 3: ' stdout)" 'good copies'
    offset=$(/usr/bin/python3 -c 'import struct, sys
boot = open(sys.argv[1], "rb").read(512)
print(struct.unpack_from("<Q", boot, (424 if boot[3:11] == b"MSWIN4.1" else 160) + 24)[0])' good)
    cp --sparse=always good a
    damage a $((offset + 200))
    finds 'metadata 2 of 3: '
    rm -f good a
fi

# ---- what would have to write them -------------------------------------------------------------------------

for command in 'key list luks2' 'key add luks1 --new-passphrase-file wrong' 'header backup luks2 b' \
    'resize luks2 40M' 'check luks2 --repair'; do
    # shellcheck disable=SC2086
    expect_status 14 "$COFFER" $command "${with[@]}"
    expect_error 'it is a luks volume, and headers of other formats are never written$'
    expect_error '^coffer: hint: '
done
expect_status 14 "$COFFER" key add luks1 "${with[@]}" --new-passphrase-file "$wrong"
expect_error '^coffer: hint: .*cryptsetup luksAddKey'
expect_status 14 "$COFFER" key list two.hc "${with[@]}"
expect_error 'it is a truecrypt volume, and headers'
expect_error '^coffer: hint: .*VeraCrypt'
