#!/bin/bash
# SPDX-License-Identifier: ISC
#
# BitLocker volumes that make_bitlk.py lays out, and those of the collection that Windows made: what coffer writes into them,
# with every cipher of theirs, two other programs read, dislocker and, where it is installed, libbde. Their metadata
# stays as it was. What is not supported is refused by name.

# shellcheck source=tests/cli/lib.sh
. "$SOURCE_DIR/tests/cli/lib.sh"
# shellcheck source=tests/foreign/lib_opened.sh
. "$SOURCE_DIR/tests/foreign/lib_opened.sh"

need_program dislocker-file
if ! /usr/bin/python3 -c 'import cryptography' 2>/dev/null; then
    skip 'python3-cryptography is not installed'
fi

printf anaconda >pass
printf wrong >other
chmod 0644 pass other

make_volume() { # FILE METHOD STATEMENT...: prints the key
    rm -f "$1"
    /usr/bin/python3 "$SOURCE_DIR/tests/foreign/make_bitlk.py" "$@"
    chmod 0666 "$1"
}

# ---- every cipher, in front of the metadata and behind it -----------------------------------------------------

head -c 250003 /dev/urandom >front
head -c 300007 /dev/urandom >back
metadata() { # the boot sector and the three areas
    for skip in 0 512 1024 2048; do
        dd if="$1" bs=512 skip="$skip" count="$((skip > 0 ? 128 : 1))" status=none
    done | sha256sum
}

check_cipher() { # METHOD SECTOR STATEMENT...
    key=$(make_volume volume "$1" "it.sector = $2" "${@:3}")
    local before
    before=$(metadata volume)
    expect_status 0 opened ./volume --no-cleartext # a clear key: nothing is needed
    expect_error " vk=${key:0:16}"
    opened ./volume --write --fill --no-cleartext <front 2>said || { cat said; fail "$* cannot be written"; }
    opened ./volume --write --fill-at 1300003 <back >cleartext 2>said || { cat said; fail "$* cannot be written"; }
    cmp <(head -c 250003 cleartext) front || fail "$*: it reads something else itself in front"
    cmp <(tail -c +1300004 cleartext | head -c 300007) back || fail "$*: it reads something else itself behind"
    rm -f other-cleartext
    dislocker-file -r -c -V volume -- other-cleartext >dislocker.log 2>&1 || { cat dislocker.log; fail "dislocker: $*"; }
    cmp cleartext other-cleartext || fail "$*: dislocker reads something else"
    expect_same "$before" "$(metadata volume)" "metadata of $*"
}

for method in 0x8000 0x8001 0x8002 0x8003 0x8004 0x8005; do
    check_cipher "$method" 512
done
check_cipher 0x8004 4096
# Partly encrypted: the second half is plain.
make_volume volume 0x8004 'it.state = 2; it.encrypted_size = 1 << 20' >key
opened ./volume >cleartext 2>/dev/null
cmp <(tail -c +1114113 volume) <(tail -c +1114113 cleartext) || fail 'what is not encrypted yet reads as something else'
cmp -s <(head -c 262144 volume | tail -c +8193) <(head -c 262144 cleartext | tail -c +8193) && fail 'what is encrypted reads as it is'

# Nothing that is written may be stored in the clear, also not where Windows has not come to yet: it is only read.
before=$(sha256sum <volume)
expect_status 16 opened ./volume --write --fill --no-cleartext <front
expect_error 'open for reading only'
expect_same "$before" "$(sha256sum <volume)" 'a partly encrypted volume, after it was to be written'

# ---- secrets ------------------------------------------------------------------------------------------------

make_volume locked 0x8004 'it.clear = False; it.passphrase = "anaconda"; it.extra = [master(TPM, b"")]' >key
expect_status 0 opened ./locked --no-cleartext --passphrase-file ./pass
expect_status 0 opened ./locked --no-cleartext --passphrase-file ./pass --slot 1
expect_status 12 opened ./locked --no-cleartext --passphrase-file ./pass --slot 0
expect_status 2 opened ./locked --no-cleartext --passphrase-file ./pass --slot 2
expect_error 'it has no protector 2'
expect_status 12 opened ./locked --no-cleartext --passphrase-file ./other
expect_error 'no protector of it opens'
expect_status 12 opened ./locked --no-cleartext
expect_status 130 opened ./locked --no-cleartext --passphrase-file ./pass --stop
expect_error 'stopped protector 1 at [1-9]'
expect_error 'interrupted while the key was derived'

make_volume started 0x8005 'it.clear = False; it.startup = "start.bek"; it.extra = [master(TPM, b"")]' >key
make_volume restarted 0x8005 'it.clear = False; it.startup = "other.bek"' >key
chmod 0644 ./*.bek
expect_status 0 opened ./started --no-cleartext --key-file ./other.bek --key-file ./start.bek
expect_status 12 opened ./started --no-cleartext --key-file ./other.bek
expect_status 12 opened ./started --no-cleartext --key-file ./pass
head -c 100 start.bek >short.bek
chmod 0644 short.bek
expect_status 12 opened ./started --no-cleartext --key-file ./short.bek

# ---- what is refused, before anything is asked for, and damage ------------------------------------------------

refused() { # STATUS PATTERN METHOD STATEMENT...
    make_volume no "${@:3}" >key
    expect_status "$1" opened ./no --no-cleartext
    expect_error "$2"
    if [ "$1" = 14 ] && "$COFFER" info no >said 2>&1; then
        grep -q "not supported .*$2" said || fail "info does not say '$2'"
    fi
}

refused 14 'its BitLocker cipher, 0x8006, is not supported' 0x8006
refused 14 'encrypt-on-write' 0x8004 'it.guid = GUID_ON_WRITE'
refused 14 'Windows Vista' 0x8004 'it.guid = bytes(16)'
refused 14 'version 1' 0x8004 'it.version = 1'
refused 13 'impossible size' 0x8004 'it.sector = 513'
refused 13 'parts overlap or lie outside' 0x8004 'it.boot = 0x40000'
refused 13 'parts overlap or lie outside' 0x8004 'it.boot = 1 << 62'
refused 13 'parts overlap or lie outside' 0x8004 'it.boot_size = 8191'
refused 13 'the key has' 0x8004 'it.method = 0x8005'
refused 10 'no format knows it' 0x8004 'it.boot_signature = b"12345678"'

make_volume volume 0x8004 >key
damage() { # OFFSET
    dd if=/dev/urandom of=volume bs=1 seek="$1" count=64 conv=notrunc status=none
}
damage $((0x40000 + 100))
damage $((0x80000 + 100))
expect_status 0 opened ./volume --no-cleartext # the third copy is whole
damage $((0x100000 + 100))
expect_status 13 opened ./volume --no-cleartext
expect_error 'none of the three copies is whole'

# ---- volumes that Windows made ------------------------------------------------------------------------------

corpus=${COFFER_CORPUS:-$SOURCE_DIR/../shared/corpus}
images=$corpus/files/cryptsetup/bitlk-images
if [ ! -d "$images" ] || ! command -v xz >/dev/null; then
    exit 0
fi
head -c 9000001 /dev/urandom >random

# The boot sector, and the areas that it names.
areas() { # FILE OFFSET...
    {
        head -c 512 "$1"
        for offset in "${@:2}"; do
            dd if="$1" bs=512 skip=$((offset / 512)) count=128 status=none
        done
    } | sha256sum
}

check_volume() { # NAME METADATA-OFFSET...
    local before
    xz -dc "$images/bitlk-$1.img.xz" >volume
    chmod 0666 volume
    before=$(areas volume "${@:2}")
    # The start, which is stored elsewhere, and all up to behind it; the holes of the metadata lie farther back.
    opened "$work/volume" --write --fill --passphrase-file "$work/pass" <random >cleartext 2>said ||
        { cat said; fail "$1 cannot be written"; }
    expect_same "$(sha256sum <random)" "$(head -c 9000001 cleartext | sha256sum)" "what was written into $1"
    dislocker-file -r -V volume -uanaconda -- theirs >dislocker.log 2>&1 || { cat dislocker.log; fail "dislocker: $1"; }
    cmp cleartext theirs || fail "$1: dislocker reads something else"
    expect_same "$before" "$(areas volume "${@:2}")" "metadata of $1"
    # libbde takes longer, and reads some of these.
    if [[ $1 = *4k || $1 = *elephant-128 ]] && [ -w /dev/fuse ] && command -v bdemount fusermount >/dev/null && mkdir -p bde &&
        bdemount -p anaconda volume bde >bde.log 2>&1; then
        cmp cleartext bde/bde1 || { fusermount -u bde; fail "$1: libbde reads something else"; }
        fusermount -u bde
    fi
    rm -f volume theirs cleartext
}


check_volume aes-cbc-256 35213312 46256128 57909248
check_volume aes-xts-128-4k 35213312 46256128 57909248
check_volume togo-aes-xts-128 34603008 46254080 57905152
check_volume aes-cbc-elephant-128 34603008 67809280 101015552
