#!/bin/bash
# SPDX-License-Identifier: ISC
#
# The way out of coffer: with the numbers of `info --dm` and the key, another implementation reads what coffer reads
# (DATA-1, DM-1), and nothing else is given to it (DM-2, DM-3); with a header of `header export-luks2`, libcryptsetup
# finds the same key. A real kernel is asked in tests/vm/dm-numbers.sh.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

info() { "$COFFER" info "$@"; }
export_luks2() { "$COFFER" header export-luks2 "$@"; }
with=(--passphrase-file "$secret")
cleartext=$BUILD_DIR/tests/cleartext
number() { /usr/bin/python3 -c 'import json, sys; print(eval(sys.argv[2], {"it": json.load(open(sys.argv[1]))["mapping"]}))' "$work/stdout" "$1"; }

# ---- the numbers -------------------------------------------------------------------------------------------

make_volume a.coffer --thick --sector-size 4096
make_volume b.coffer --thick --sector-size 512
make_volume thin.coffer
before=$(cat a.coffer b.coffer thin.coffer | sha256sum)

expect_status 0 info a.coffer --dm "${with[@]}"
size=$((($(stat -c %s a.coffer) - 1024 * 1024 - 128 * 1024) / 512))
expect_output "^  dmsetup +0 $size crypt aes-xts-plain64 KEY 0 DEVICE 2048 1 sector_size:4096$"
expect_output "^  cryptsetup +open --type plain --cipher aes-xts-plain64 --key-size 512 --key-file KEY --offset 2048 --skip 0 --size $size --sector-size 4096 DEVICE NAME$"
expect_status 0 info b.coffer --dm "${with[@]}"
expect_output "^  dmsetup +0 $size crypt aes-xts-plain64 KEY 0 DEVICE 2048$"
expect_status 0 info thin.coffer --dm "${with[@]}"
expect_error '^coffer: warning: the volume is thin: '
in_terminal "see:Passphrase for 'a.coffer'" echo:off 'type:correct horse' see:dmsetup exit:0 -- "$COFFER" info a.coffer --dm
expect_status 12 info a.coffer --dm --passphrase-file "$wrong"

# ---- the key -----------------------------------------------------------------------------------------------

key_file=(--dm --volume-key-file key --confirm a.coffer)
expect_status 2 info a.coffer --volume-key-file key --confirm a.coffer "${with[@]}"
expect_status 2 info a.coffer --dm --confirm a.coffer "${with[@]}"
expect_status 2 info a.coffer --dm --volume-key-file key "${with[@]}"
expect_error "'a.coffer' would be open to whoever has the key file: without a terminal that takes --confirm 'a.coffer'"
expect_status 2 info a.coffer --dm --volume-key-file key --confirm b.coffer "${with[@]}"
expect_status 12 info a.coffer "${key_file[@]}" --passphrase-file "$wrong"
expect_status 1 info a.coffer --dm --volume-key-file nowhere/key --confirm a.coffer "${with[@]}"
[ ! -e key ] || fail 'a refused request wrote a key'
expect_status 0 info a.coffer "${key_file[@]}" "${with[@]}" --json
expect_json '"key" not in it["mapping"]' 'it["mapping"]["layers"][0]["key_size"] == 64'
expect_same '64 600' "$(stat -c '%s %a' key)" 'size and mode of the key file'
! grep -q "$(xxd -p -c 64 key)" stdout stderr || fail 'the key was printed'
expect_error '"message":.*no change of a passphrase helps'
ln -s elsewhere link
expect_status 1 info a.coffer --dm --volume-key-file link --confirm a.coffer "${with[@]}"
[ ! -e elsewhere ] || fail 'a key went through a link'
expect_status 1 info a.coffer "${key_file[@]}" "${with[@]}"
expect_error "^coffer: error: cannot write the key to 'key': file exists$"

# Another implementation, told nothing but that, reads the same. What a new thick volume holds is noise.
check_numbers() { # VOLUME
    rm -f key
    expect_status 0 info "$1" --dm --volume-key-file key --confirm "$1" "${with[@]}" --json
    /usr/bin/python3 "$SOURCE_DIR/tests/foreign/sectors.py" read "$(number 'it["layers"][0]["cipher"]')" \
        "$(xxd -p -c 64 key)" "$(number 'it["sector_size"]')" "$(number 'it["data_offset"]')" "$1" \
        "$(number 'it["iv_offset"]')" "$(number 'it["data_size"]')" >theirs
    "$cleartext" "$1" "${with[@]}" | cmp - theirs || fail "other cleartext in $1"
}

if /usr/bin/python3 -c 'import cryptography' 2>/dev/null; then
    check_numbers a.coffer
    check_numbers b.coffer
fi

# ---- a header for cryptsetup -------------------------------------------------------------------------------

expect_status 14 export_luks2 thin.coffer header "${with[@]}"
expect_error "^coffer: error: cannot make a LUKS2 header for 'thin.coffer': it is thin, and its holes would read as noise$"
expect_status 12 export_luks2 a.coffer header --passphrase-file "$wrong"
expect_status 10 export_luks2 missing.coffer header "${with[@]}"
expect_status 10 export_luks2 a.coffer nowhere/header "${with[@]}"
expect_status 2 export_luks2 a.coffer header "${with[@]}" --confirm a.coffer
expect_status 2 "$COFFER" header backup a.coffer header --new-passphrase-file "$wrong"
[ ! -e header ] || fail 'a failed export left a file'

expect_status 0 export_luks2 a.coffer header "${with[@]}"
expect_output "^'header': a LUKS2 header for 'a.coffer': cryptsetup open --header 'header' 'a.coffer' NAME$"
expect_error '^coffer: notice: .* its own passphrase for ever'
expect_same 600 "$(stat -c %a header)" 'mode of the header'
expect_status 1 export_luks2 a.coffer header "${with[@]}"
expect_error "'header' is there already"
expect_status 0 export_luks2 a.coffer other.header "${with[@]}" --new-passphrase-file "$wrong" --json
expect_json 'it == {"schema": "coffer.header/1", "action": "export-luks2", "volume": "a.coffer", "header": "other.header"}'
head -c 100 /dev/urandom >key-file
expect_status 0 export_luks2 b.coffer b.header "${with[@]}" --new-key-file key-file
expect_status 2 export_luks2 b.coffer none.header "${with[@]}" --new-key-file key-file --new-passphrase-file "$wrong"
expect_error 'with a passphrase or with one key file'
expect_same "$before" "$(cat a.coffer b.coffer thin.coffer | sha256sum)" 'the volumes'

# Our own reader of LUKS.
"$cleartext" a.coffer "${with[@]}" >plain
for secrets in "header $secret" "other.header $wrong"; do
    read -r header file <<<"$secrets"
    "$cleartext" a.coffer --header "$header" --passphrase-file "$file" | cmp - plain || fail "other cleartext by $header"
done
expect_status 12 "$COFFER" info a.coffer --header other.header "${with[@]}"

# libcryptsetup: the header is sound, its secret gives the volume's key, and another one can be added.
need_program cryptsetup
printf 'correct horse' >pass
"$COFFER" info a.coffer --dm --volume-key-file a.key --confirm a.coffer "${with[@]}" >/dev/null 2>&1
"$COFFER" info b.coffer --dm --volume-key-file b.key --confirm b.coffer "${with[@]}" >/dev/null 2>&1
dump_key() { # HEADER KEY-FILE
    cryptsetup luksDump --batch-mode --dump-volume-key --key-file "$2" "$1" | sed -n '/dump:/,$p' | sed 's/.*dump://' |
        tr -dc '0-9a-f'
}
cryptsetup luksDump header >dump
for line in "UUID: *$("$COFFER" info a.coffer | sed -n 's/^ *uuid *//p')" 'offset: 1048576 ' "length: $((size * 512)) " \
    'cipher: aes-xts-plain64' 'sector: 4096 ' 'PBKDF: *argon2id' 'Memory: *8192'; do
    tr '\t' ' ' <dump | grep -q "$line" || { cat dump; fail "luksDump does not say '$line'"; }
done
expect_same "$(xxd -p -c 64 a.key)" "$(dump_key header pass)" 'key in the header'
expect_same "$(xxd -p -c 64 b.key)" "$(dump_key b.header key-file)" 'key in the header with a key file'
cryptsetup luksAddKey --batch-mode --key-file pass --pbkdf pbkdf2 --pbkdf-force-iterations 1000 header key-file
expect_same "$(xxd -p -c 64 a.key)" "$(dump_key header key-file)" 'key in the slot that cryptsetup made'
