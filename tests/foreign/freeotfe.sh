#!/bin/bash
# SPDX-License-Identifier: ISC
#
# FreeOTFE and LibreCrypt: volumes that make_freeotfe.py, which shares no code with coffer, lays out in every format of
# critical data blocks, and those of the collection. coffer reads what it has written, and it what coffer has; the blocks stay
# as they were.

# shellcheck source=tests/cli/lib.sh
. "$SOURCE_DIR/tests/cli/lib.sh"
# shellcheck source=tests/foreign/lib_opened.sh
. "$SOURCE_DIR/tests/foreign/lib_opened.sh"
if ! /usr/bin/python3 -c 'import cryptography' 2>/dev/null; then
    skip 'python3-cryptography is not installed'
fi

freeotfe() {
    /usr/bin/python3 "$SOURCE_DIR/tests/foreign/make_freeotfe.py" "$@"
}

printf heslo123 >pass
printf wrong >other
chmod 0644 pass other

open_volume() { # FILE OPTION...
    opened "./$1" --type freeotfe --passphrase-file ./pass "${@:2}"
}

make_volume() { # FILE OPTION...: prints the digest of the cleartext
    freeotfe make "$@"
    chmod 0666 "$1"
}

# ---- every format, kind of IV and sort of cipher: read, then written, the block left as it was ---------------------

head -c 65536 /dev/urandom >random

both_ways() { # OPTION... [-- OPTION-OF-OPENED...]
    local how=() digest
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        how+=("$1")
        shift
    done
    digest=$(make_volume volume "${how[@]}")
    expect_same "$digest" "$(open_volume volume "${@:2}" 2>said | sha256sum | cut -d' ' -f1)" \
        "cleartext with ${how[*]} ($(cat said))"
    head -c 512 volume >block
    open_volume volume --write --fill --no-cleartext "${@:2}" <random 2>said || {
        cat said
        fail "${how[*]}: it cannot be written"
    }
    freeotfe read volume "${how[@]}" | cmp - random || fail "${how[*]}: another implementation reads something else"
    head -c 512 volume | cmp - block || fail "${how[*]}: its block was written"
}

wide=000102030405060708090a0b0c0d0e0f old=f0e1d2c3b4a59687
both_ways
both_ways --cipher aes-256-xts --volume-iv "$wide" --iv 5 --hash sha256 # which XTS does without
both_ways --cipher aes-192-xts --hash sha384 --from-start
both_ways --cipher aes-128-xts --hash sha1 --format 5
both_ways --cipher aes-256-lrw --hash md5
both_ways --cipher aes-192-lrw --hash sha224 --volume-iv "$wide"
both_ways --cipher aes-128-lrw --from-start
for iv in 0 1 2 3 4 5; do
    both_ways --format 3 --cipher aes-256-cbc --iv "$iv" --volume-iv "$wide"
    both_ways --format 4 --cipher 3des-192-cbc --iv "$iv" --hash sha1 --from-start
done
both_ways --format 3 --cipher aes-256-cbc --iv 5 --hash sha1 # a digest shorter than the key
both_ways --format 3 --cipher aes-128-cbc --iv 5 --hash ripemd160
for iv in 0 2 4; do # which are bits of the flags
    both_ways --format 2 --cipher blowfish-256-cbc --iv "$iv" --volume-iv "$old"
    both_ways --format 2 --cipher aes-192-cbc --iv "$iv" --from-start
done
both_ways --format 3 --cipher blowfish-448-cbc
both_ways --format 3 --cipher blowfish-160-cbc --iv 3 --hash md5
both_ways --format 3 --cipher cast5-128-cbc --volume-iv "$old" --iv 1
both_ways --format 3 --cipher des-64-cbc
both_ways --format 1 --cipher aes-256-cbc --iv 0 --hash sha512
both_ways --format 1 --cipher blowfish-128-cbc --iv 0 --hash sha1
both_ways --format 1 --cipher cast5-128-cbc --iv 0 --hash ripemd160
both_ways --iterations 1 -- --iterations 1
both_ways --salt-bits 0 --iterations 3001 -- --salt-bits 0 --iterations 3001
both_ways --salt-bits 512 --cipher 3des-192-cbc --format 3 -- --salt-bits 512
both_ways --salt-bits 104 --cipher aes-256-cbc --format 3 -- --salt-bits 104 # bytes are left over at the end of the block
both_ways --padding 3584
# The first format's flags were read from the fourth last byte of the size: 16 MiB are its first bit.
make_volume large --format 1 --cipher aes-256-cbc --iv 2 --size $((0x1000000 + 65536)) --filled 65536 >digest
open_volume large >plain 2>/dev/null
head -c 65536 plain | sha256sum | cut -d' ' -f1 | cmp - digest || fail 'the flags of the first format are read from elsewhere'
rm large plain

# ---- what has to be said, and what can be --------------------------------------------------------------------------

digest=$(make_volume volume)
expect_status 12 opened ./volume --type freeotfe --passphrase-file ./other
expect_error 'no critical data block of FreeOTFE opens'
for wrong_option in '--salt-bits 128' '--iterations 2049' '--hash sha256'; do
    # shellcheck disable=SC2086
    expect_status 12 open_volume volume $wrong_option
done
expect_status 0 open_volume volume --hash sha512 --salt-bits 256 --iterations 2048 --no-cleartext
expect_status 2 open_volume volume --salt-bits 12
expect_status 2 open_volume volume --salt-bits 520
expect_status 2 open_volume volume --offset 100
expect_status 2 open_volume volume --hash blake2s
expect_error 'sha512, sha256, whirlpool'
expect_status 2 open_volume volume --key-file ./other
expect_error 'what it calls a keyfile is a header'
make_volume slow --iterations 4000000 --hash md5 --cipher aes-128-cbc --format 3 >/dev/null
expect_status 130 open_volume slow --iterations 4000000 --stop
expect_error 'stopped key derivation at [0-9]* of [1-9]'

# A keyfile; the volume has a block of its own, or none and no room for one, or none and it is said where the data begins.
digest=$(make_volume volume --header keyfile --has-own)
chmod 0644 keyfile
expect_same "$digest" "$(open_volume volume --header ./keyfile 2>/dev/null | sha256sum | cut -d' ' -f1)" 'with a keyfile'
expect_status 12 open_volume volume --no-cleartext
digest=$(make_volume volume --header keyfile)
expect_same "$digest" "$(open_volume volume --header ./keyfile 2>/dev/null | sha256sum | cut -d' ' -f1)" 'keyfile only'
head -c 512 /dev/urandom >>volume
open_volume volume --header ./keyfile 2>/dev/null | sha256sum | grep -q "$digest" && fail 'the data begins at another place'
expect_same "$digest" "$(open_volume volume --header ./keyfile --offset 0 2>/dev/null | sha256sum | cut -d' ' -f1)" \
    'keyfile only, with an offset'

# In another volume; sectors counted from the start of that, or not.
for counted in '' --from-start; do
    head -c 1M /dev/urandom >host
    # shellcheck disable=SC2086
    digest=$(make_volume host --offset 524288 --inside $counted)
    expect_same "$digest" "$(open_volume host --offset 524288 2>/dev/null | sha256sum | cut -d' ' -f1)" 'hidden volume'
done
expect_status 12 open_volume host --no-cleartext

# ---- damage and what is not known ------------------------------------------------------------------------------------

refused() { # STATUS PATTERN OPTION...
    make_volume no "${@:3}" >/dev/null
    expect_status "$1" open_volume no --no-cleartext
    expect_error "$2"
}
refused 14 'has format 6, which is not known' --as-format 6
refused 14 'IVs are made in a way that is not known' --iv 6 --cipher aes-256-xts
refused 14 'IVs are made in a way that is not known' --iv 3 --format 2 --cipher aes-256-xts
refused 13 'says what cannot be' --key-bits 256
refused 13 'says what cannot be' --key-bits 4294967288
refused 13 'says what cannot be' --size 65537 --filled 65536
refused 13 'says what cannot be' --volume-iv 0011
make_volume short >/dev/null
truncate -s -512 short
expect_status 13 open_volume short --no-cleartext
expect_error 'cut short'
truncate -s 1023 short
expect_status 10 open_volume short --no-cleartext
head -c 511 short >keyfile
expect_status 10 open_volume volume --header ./keyfile --no-cleartext

# ---- the program ---------------------------------------------------------------------------------------------------

make_volume volume --format 3 --cipher 3des-192-cbc --hash sha1 --iv 3 --volume-iv "$old" >/dev/null
expect_status 0 "$COFFER" info volume --type freeotfe --passphrase-file pass
expect_output "^'volume': freeotfe volume, version 3, unmarked"
expect_output '^  derivation  *pbkdf2-sha1, 2048 iterations$'
expect_output '^  cipher  *3des-192-cbc-plain:sha1, volume IV, sectors of 512 bytes$'
expect_status 0 "$COFFER" info --json volume --passphrase-file pass # without a word about what it is
expect_json 'it["format"] == "freeotfe"' 'it["data_size"] == 65536' 'it["data_offset"] == 512' 'it["unlocked"]'
make_volume volume --header keyfile >/dev/null
expect_status 0 "$COFFER" info volume --type freeotfe --header keyfile --passphrase-file pass --json
expect_json 'it["data_offset"] == 0' 'it["data_size"] == 65536'
expect_status 0 "$COFFER" check volume --offset 0 --header keyfile --passphrase-file pass
expect_output '^good  *critical data block'
make_volume volume --salt-bits 128 --iterations 4096 >/dev/null
expect_status 0 "$COFFER" info volume --salt-bits 128 --iterations 4096 --passphrase-file pass
expect_status 12 "$COFFER" info volume --salt-bits 128 --passphrase-file pass
expect_status 0 "$COFFER" check volume --salt-bits 128 --iterations 4096 --passphrase-file pass
expect_output '^good  *critical data block: opens, its check value is right \(aes-256-xts, pbkdf2-sha512\)$'
make_volume volume >/dev/null
expect_status 0 "$COFFER" check volume --passphrase-file pass
expect_output '^good  *critical data block'
expect_status 12 "$COFFER" check volume --type freeotfe --passphrase-file other
expect_status 10 "$COFFER" check volume --type freeotfe
truncate -s -512 volume
expect_status 3 "$COFFER" check volume --type freeotfe --passphrase-file pass
expect_output 'cut short'
make_volume no --as-format 6 >/dev/null
expect_status 0 "$COFFER" check no --type freeotfe --passphrase-file pass
expect_output '^note  *it cannot be opened here: .* format 6'

corpus=${COFFER_CORPUS:-$SOURCE_DIR/../shared/corpus}
if [ -e "$corpus/INDEX.tsv" ] && command -v xz >/dev/null; then
    mkdir each
    (cd each && /usr/bin/python3 "$SOURCE_DIR/tests/foreign/corpus.py" "$corpus" "$OPENED" FreeOTFE)
fi

# Files of an ordinary user, and what LibreCrypt has put there.
if [ -e each ] && [ "$(id -u)" -eq 0 ] && { : <>/dev/fuse; } 2>/dev/null && command -v fusermount3 >/dev/null; then
    xz -dc "$corpus/files/librecrypt/test_vols/a.box.xz" >a.box
    printf password >pass
    mkdir m
    chown nobody a.box m
    head -c 512 a.box >block
    for round in first second; do
        expect_status 0 as_nobody "$COFFER" mount a.box m --type freeotfe --passphrase-file pass
        as_nobody test -s m/readme.txt || fail "what was there is not ($round)"
        as_nobody tee m/hello <<<hello >/dev/null
        as_nobody cat m/hello | grep -q hello || fail "what was written is not there ($round)"
        expect_status 0 as_nobody "$COFFER" unmount m
    done
    head -c 512 a.box | cmp - block || fail 'its block was written by a mount'
fi
