#!/bin/bash
# SPDX-License-Identifier: ISC
#
# Volumes that cryptsetup makes here: coffer opens them as an ordinary user, by passphrase, key file and slot, with the
# header in the file or beside it; what it writes is read back by sectors.py, which shares no code with it; and the headers
# stay as they were. What is not supported is refused by name before a passphrase is asked for.

# shellcheck source=tests/cli/lib.sh
. "$SOURCE_DIR/tests/cli/lib.sh"
# shellcheck source=tests/foreign/lib_opened.sh
. "$SOURCE_DIR/tests/foreign/lib_opened.sh"
need_program cryptsetup
if ! /usr/bin/python3 -c 'import cryptography' 2>/dev/null; then
    skip 'python3-cryptography is not installed'
fi

sectors() {
    /usr/bin/python3 -W ignore "$SOURCE_DIR/tests/foreign/sectors.py" "$@"
}

printf 'correct horse' >pass
printf 'battery staple' >other
head -c 300 /dev/urandom >keyfile
chmod 0644 pass other keyfile
head -c 3000000 /dev/urandom >random
cheap=(--batch-mode --pbkdf-force-iterations 1000 --pbkdf pbkdf2)
cheap_argon=(--batch-mode --pbkdf argon2id --pbkdf-memory 8192 --pbkdf-force-iterations 4 --pbkdf-parallel 4)

luks_format() { # FILE OPTION...: 20 MiB with the secret in `pass`
    truncate -s 20M "$1"
    cryptsetup luksFormat --key-file pass "${@:2}" "$1" >format.log 2>&1 || { cat format.log; fail "cannot make $1"; }
    chmod 0666 "$1"
}

# ---- every way of encrypting sectors: what is on the medium is what another implementation reads --------------

check_volume() { # NAME CIPHER KEY-BITS SECTOR OPTION...
    local name=$1 cipher=$2 bits=$3 sector=$4 key offset header
    luks_format "$name" --cipher "$cipher" --key-size "$bits" "${@:5}"
    opened "./$name" --passphrase-file ./pass --no-cleartext 2>said || { cat said; fail "$name does not open"; }
    key=$(sed -n 's/.* vk=\([0-9a-f]*\)$/\1/p' said)
    offset=$(sed -n 's/.* data_offset=\([0-9]*\) .*/\1/p' said)
    header=$(head -c "$offset" "$name" | sha256sum)
    # Another program puts content in, coffer has to read it ...
    sectors write "$cipher" "$key" "$sector" "$offset" "$name" >wanted
    opened "./$name" --passphrase-file ./pass 2>/dev/null | sha256sum >got
    expect_same "$(cat wanted)" "$(cat got)" "cleartext of $name"
    # ... and the other way round.
    opened "./$name" --write --fill --no-cleartext --passphrase-file ./pass <random 2>/dev/null
    expect_same "$(sha256sum <random)" "$(sectors read "$cipher" "$key" "$sector" "$offset" "$name" 0 3000320 |
        head -c 3000000 | sha256sum)" "what was written into $name"
    expect_same "$header" "$(head -c "$offset" "$name" | sha256sum)" "header of $name"
}

check_volume luks1 aes-xts-plain64 512 512 --type luks1 "${cheap[@]}" --hash sha256
check_volume luks1-sha1 aes-cbc-essiv:sha256 256 512 --type luks1 "${cheap[@]}" --hash sha1
check_volume luks2-512 aes-xts-plain64 512 512 --type luks2 "${cheap_argon[@]}" --sector-size 512
check_volume luks2-4096 aes-xts-plain64 512 4096 --type luks2 "${cheap_argon[@]}" --sector-size 4096
check_volume luks2-128 aes-xts-plain64 256 4096 --type luks2 "${cheap[@]}" --hash sha512 --sector-size 4096
check_volume luks2-essiv aes-cbc-essiv:sha256 256 512 --type luks2 "${cheap[@]}" --sector-size 512
check_volume luks2-plain aes-cbc-plain64 128 512 --type luks2 "${cheap[@]}" --sector-size 512

# ---- which secret opens ------------------------------------------------------------------------------------

cryptsetup luksAddKey --key-file pass "${cheap[@]}" --key-slot 5 luks2-512 keyfile
cryptsetup luksAddKey --key-file pass "${cheap_argon[@]}" --key-slot 2 luks2-512 other
expect_status 0 opened ./luks2-512 --key-file ./keyfile --no-cleartext
expect_status 0 opened ./luks2-512 --passphrase-file ./other --no-cleartext
expect_status 0 opened ./luks2-512 --passphrase-file ./other --slot 2 --no-cleartext
expect_status 12 opened ./luks2-512 --passphrase-file ./other --slot 0 --no-cleartext
expect_status 2 opened ./luks2-512 --passphrase-file ./other --slot 9 --no-cleartext
expect_error 'its key slot 9 is not in use'
expect_status 12 opened ./luks2-512 --passphrase-file "$wrong" --no-cleartext
expect_error 'no key slot opens with this secret'
expect_status 2 opened ./luks2-512 --passphrase-file ./pass --key-file ./keyfile --no-cleartext
expect_error 'with a passphrase or with one key file'
# A slot whose priority is "ignore" opens only when it is named.
cryptsetup config --key-slot 2 --priority ignore luks2-512
expect_status 12 opened ./luks2-512 --passphrase-file ./other --no-cleartext
expect_status 0 opened ./luks2-512 --passphrase-file ./other --slot 2 --no-cleartext
# A part of a key file.
{ head -c 1000 /dev/urandom; cat keyfile; head -c 99 /dev/urandom; } >padded
chmod 0644 padded
expect_status 0 opened ./luks2-512 --key-file ./padded --keyfile-offset 1000 --keyfile-size 300 --no-cleartext
expect_status 12 opened ./luks2-512 --key-file ./padded --keyfile-offset 1001 --keyfile-size 300 --no-cleartext

# ---- a header beside the data ------------------------------------------------------------------------------

truncate -s 8M data
chmod 0666 data
for type in luks1 luks2; do
    rm -f header
    cryptsetup luksFormat --type "$type" --key-file pass "${cheap[@]}" --header header data >format.log 2>&1
    chmod 0644 header
    opened ./data --header ./header --passphrase-file ./pass 2>said | sha256sum >got
    key=$(sed -n 's/.* vk=\([0-9a-f]*\)$/\1/p' said)
    sectors write aes-xts-plain64 "$key" "$([ "$type" = luks1 ] && echo 512 || cryptsetup luksDump header |
        sed -n 's/.*sector: \([0-9]*\).*/\1/p')" 0 data >wanted
    opened ./data --header ./header --passphrase-file ./pass 2>/dev/null | sha256sum >got
    expect_same "$(cat wanted)" "$(cat got)" "cleartext beside a header of $type"
    expect_status 14 opened ./header --passphrase-file ./pass --no-cleartext
    expect_error 'detached LUKS header'
    expect_status 0 "$COFFER" info data --header header
    expect_output "luks volume, version ${type#luks}"
done

# ---- what is refused ---------------------------------------------------------------------------------------

edit() { # FROM TO EXPRESSION: the JSON of a LUKS2 header, `it`, changed in both copies
    cp "$1" "$2"
    /usr/bin/python3 "$SOURCE_DIR/tests/foreign/edit_luks2.py" "$2" "$3"
}

refused() { # FILE PATTERN: before anything is asked for, and said by info
    expect_status 14 opened "./$1" --passphrase-file ./pass --no-cleartext
    expect_error "$2"
    expect_status 0 "$COFFER" info "$1"
    expect_output "not supported .*$2"
    expect_status 0 "$COFFER" info --json "$1"
    expect_json '"not_supported" in it'
    expect_status 14 "$COFFER" info "$1" --unlock
    expect_error "$2"
}

edit luks2-512 integrity 'it["segments"]["0"]["integrity"] = {"type": "hmac(sha256)", "journal_encryption": "none",
    "journal_integrity": "none"}'
refused integrity 'dm-integrity'
edit luks2-512 unknown 'it["config"]["requirements"] = {"mandatory": ["moonlight"]}'
refused unknown 'unknown requirement, moonlight'
edit luks2-512 running 'it["config"]["requirements"] = {"mandatory": ["online-reencrypt-v2"]}'
refused running 're-encrypted'
edit luks2-512 offline 'it["config"]["requirements"] = {"mandatory": ["offline-reencrypt"]}'
refused offline 're-encrypted'
edit luks2-512 kind 'it["segments"]["0"]["type"] = "hw-opal"'
refused kind 'segment of the kind hw-opal'
# Nobody vouches for a segment that says that it is not encrypted: what is written there would be in the clear.
edit luks2-512 linear 'it["segments"]["0"] = {"type": "linear", "offset": "16777216", "size": "dynamic"}'
refused linear 'not encrypted .a linear segment'
edit luks2-512 linear-behind 'it["segments"]["0"]["size"] = "1048576";
    it["segments"]["1"] = {"type": "linear", "offset": "17825792", "size": "dynamic"}'
refused linear-behind 'not encrypted .a linear segment'
edit luks2-512 linear-front 'it["segments"]["1"] = dict(it["segments"]["0"], offset="17825792");
    it["segments"]["0"] = {"type": "linear", "offset": "16777216", "size": "1048576"};
    it["digests"]["0"]["segments"] = ["1"]'
refused linear-front 'not encrypted .a linear segment'
edit luks2-512 linear-twice 'it["segments"]["0"].update(type="linear", size="1048576");
    it["segments"]["1"] = {"type": "linear", "offset": "17825792", "size": "dynamic"}'
refused linear-twice 'not encrypted .a linear segment'
# Neither the name of the cipher nor the digest that lists it makes such a segment an encrypted one.
edit luks2-512 linear-dressed 'it["segments"]["0"]["type"] = "linear"'
refused linear-dressed 'not encrypted .a linear segment'
for each in linear linear-behind linear-front linear-twice linear-dressed; do
    sum=$(sha256sum <"$each")
    chmod 0666 "$each"
    expect_status 14 opened "./$each" --write --fill --no-cleartext --passphrase-file ./pass <random
    expect_same "$sum" "$(sha256sum <"$each")" "$each, after it was to be written"
done
# Nor is a segment that a re-encryption keeps a part of the volume: what it held is not shown.
edit luks2-512 kept 'it["segments"]["0"]["size"] = "1048576";
    it["segments"]["1"] = {"type": "linear", "offset": "17825792", "size": "dynamic", "flags": ["backup-previous"]}'
expect_same 1048576 "$(opened ./kept --passphrase-file ./pass 2>/dev/null | wc -c)" 'size without what a re-encryption keeps'
edit luks2-512 null 'it["segments"]["0"]["encryption"] = "cipher_null-ecb"'
refused null 'cipher_null-ecb, encrypts nothing'
edit luks2-512 lrw 'it["segments"]["0"]["encryption"] = "aes-lrw-plain64"'
refused lrw 'aes-lrw-plain64 with 512 bits'
edit luks2-512 small 'it["segments"]["0"]["encryption"] = "cast5-xts-plain64"'
refused small 'cast5-xts-plain64 with 512 bits'
edit luks2-512 ecb 'it["segments"]["0"]["encryption"] = "aes-ecb"'
refused ecb 'aes-ecb with 512 bits'
edit luks2-512 essiv 'it["segments"]["0"]["encryption"] = "capi:essiv(cbc(aes),sha256)"'
refused essiv 'capi:essiv'
# The kernel's own way of naming ciphers.
edit luks2-512 capi 'it["segments"]["0"]["encryption"] = "capi:xts(ecb(aes-generic))-plain64"'
opened ./luks2-512 --passphrase-file ./pass >wanted 2>/dev/null
opened ./capi --passphrase-file ./pass 2>/dev/null | cmp - wanted || fail 'capi: it reads something else'

# What cryptsetup cannot make without the kernel: another cipher in the header of a volume that it made. It does not
# change how the key slots are encrypted.
for each in luks2-essiv:camellia-cbc-essiv:sha256 luks2-plain:camellia-cbc-plain64 luks2-plain:cast5-cbc-plain64; do
    cipher=${each#*:}
    edit "${each%%:*}" swapped "it['segments']['0']['encryption'] = '$cipher'"
    chmod 0666 swapped
    opened ./swapped --write --fill --no-cleartext --passphrase-file ./pass <random 2>said || { cat said; fail "$cipher"; }
    key=$(sed -n 's/.* vk=\([0-9a-f]*\)$/\1/p' said)
    expect_same "$(head -c 1000000 random | sha256sum)" "$(sectors read "$cipher" "$key" 512 16777216 swapped 0 1000448 |
        head -c 1000000 | sha256sum)" "what was written with $cipher"
done

# Two segments, the second one far behind the first, with a tweak of its own.
edit luks2-512 segments 'it["segments"]["0"]["size"] = "1048576";
    it["segments"]["1"] = dict(it["segments"]["0"], offset="18874368", iv_tweak="77", size="dynamic");
    it["digests"]["0"]["segments"] = ["0", "1"]'
opened ./segments --passphrase-file ./pass 2>said | sha256sum >got
key=$(sed -n 's/.* vk=\([0-9a-f]*\)$/\1/p' said)
{
    sectors read aes-xts-plain64 "$key" 512 16777216 segments 0 1048576
    sectors read aes-xts-plain64 "$key" 512 18874368 segments 77 2097152
} | sha256sum >wanted
expect_same "$(cat wanted)" "$(cat got)" 'cleartext of two segments'
edit luks2-512 apart 'it["segments"]["0"]["size"] = "1048576";
    it["segments"]["1"] = dict(it["segments"]["0"], offset="18874368", size="dynamic")'
expect_status 14 opened ./apart --passphrase-file ./pass --no-cleartext
expect_error 'segments have different keys'

# ---- damage ------------------------------------------------------------------------------------------------

cp luks2-512 front
chmod 0666 front
dd if=/dev/urandom of=front bs=64 seek=100 count=1 conv=notrunc status=none
sum=$(sha256sum <front)
expect_status 0 opened ./front --write --passphrase-file ./pass --no-cleartext
expect_same "$sum" "$(sha256sum <front)" 'a damaged header, which is not ours to repair'
cp front both
dd if=/dev/urandom of=both bs=64 seek=$((256 + 100)) count=1 conv=notrunc status=none
expect_status 13 opened ./both --passphrase-file ./pass --no-cleartext
expect_error 'both copies'
cp luks2-512 covered # as a new file system would
dd if=/dev/zero of=covered bs=4096 count=1 conv=notrunc status=none
expect_status 13 opened ./covered --passphrase-file ./pass --no-cleartext
expect_error 'only the second header'
expect_status 0 opened ./covered --type luks --passphrase-file ./pass --no-cleartext
expect_status 13 "$COFFER" info covered --passphrase-file pass
expect_status 0 "$COFFER" info covered --type luks --passphrase-file pass
expect_output '^  opened by slot  *0$'
head -c 17M luks2-512 >short
expect_status 0 opened ./short --passphrase-file ./pass --no-cleartext
head -c 16M luks2-512 >shorter
expect_status 13 opened ./shorter --passphrase-file ./pass --no-cleartext
expect_error 'beyond the end'
edit luks2-512 costly 'it["keyslots"]["0"]["kdf"]["memory"] = 2 ** 40'
expect_status 13 opened ./costly --passphrase-file ./pass --no-cleartext
edit luks2-512 overlapping 'it["keyslots"]["5"]["area"]["offset"] = it["keyslots"]["0"]["area"]["offset"]'
expect_status 13 opened ./overlapping --passphrase-file ./pass --no-cleartext
expect_error 'two key slots overlap'

# ---- a derivation that takes for ever is stopped ------------------------------------------------------------

for change in 'it["keyslots"]["0"]["kdf"]["time"] = 2 ** 30' 'it["keyslots"]["0"]["kdf"] = {"type": "pbkdf2",
    "hash": "sha256", "iterations": 2 ** 31 - 1, "salt": it["keyslots"]["0"]["kdf"]["salt"]}'; do
    edit luks2-512 endless "$change"
    expect_status 130 opened ./endless --passphrase-file ./pass --no-cleartext --stop
    expect_error 'stopped key slot 0 at [1-9]'
    expect_error 'interrupted while the key was derived'
done

# ---- the program -------------------------------------------------------------------------------------------

cryptsetup config --label "$(printf 'x\033]0;y')" luks2-512
expect_status 0 "$COFFER" info luks2-512
expect_output "^'luks2-512': luks volume, version 2$"
expect_output '^  label  *x\\x1b\]0;y$'
expect_output "^  uuid  *$(cryptsetup luksUUID luks2-512)$"
expect_output '^  derivation  *Argon2id, 8 MiB, 4 passes, [0-9] lanes?$'
expect_output '^  cipher  *aes-xts-plain64, sectors of 512 bytes$'
expect_output '^  key slots  *0, 2, 5$'
expect_output '^  opens with  *a passphrase or a key file$'
expect_status 0 "$COFFER" info --json luks1 --passphrase-file pass
expect_json 'it["format"] == "luks" and it["version"] == 1' 'it["kdf"]["name"] == "pbkdf2-sha256"' \
    'it["slots_in_use"] == [0] and it["slots"] == 8' 'it["unlocked"] and it["slot"] == 0' \
    'it["cipher"] == "aes-xts-plain64"' 'it["data_size"] % 512 == 0'

if [ -w /dev/fuse ] && command -v fusermount3 mkfs.ext4 >/dev/null; then
    # shellcheck source=tests/cli/lib_mount.sh
    . "$SOURCE_DIR/tests/cli/lib_mount.sh"
    mkdir m
    expect_status 2 "$COFFER" mount luks2-4096 m --passphrase-file pass --protect-hidden --new-passphrase-file other
    expect_error 'a luks volume has no hidden one that could be protected'
    expect_status 0 "$COFFER" mount --block luks2-4096 m --passphrase-file pass
    expect_status 0 "$COFFER" list --json
    expect_json 'any(each["format"] == "luks" for each in it["mounts"])'
    mkfs.ext4 -q -b 4096 m/volume
    e2fsck -fn m/volume >fsck.log 2>&1 || { cat fsck.log; fail 'the file system is damaged'; }
    cp m/volume image
    expect_status 11 opened ./luks2-4096 --write --passphrase-file ./pass --no-cleartext # it is locked
    unmount m
    opened ./luks2-4096 --passphrase-file ./pass 2>/dev/null | cmp - image
    expect_status 0 "$COFFER" mount luks2-4096 m --passphrase-file pass # and its files
    printf 'hello' >m/file
    unmount m
    opened ./luks2-4096 --passphrase-file ./pass 2>/dev/null >image
    expect_same hello "$(debugfs -R 'cat /file' image 2>/dev/null)" 'a file in the volume'
fi
