#!/bin/bash
# SPDX-License-Identifier: ISC
#
# FileVault 2: volumes that make_fvault.py lays out as a Mac does, and the one of the collection. coffer finds the same key
# as cryptsetup, reads and writes what sectors.py, which shares no code with it, has on the medium, in several pieces too,
# and leaves the metadata as it was. What is not supported is refused by name.

# shellcheck source=tests/cli/lib.sh
. "$SOURCE_DIR/tests/cli/lib.sh"
# shellcheck source=tests/foreign/lib_opened.sh
. "$SOURCE_DIR/tests/foreign/lib_opened.sh"
if ! /usr/bin/python3 -c 'import cryptography' 2>/dev/null; then
    skip 'python3-cryptography is not installed'
fi

sectors() {
    /usr/bin/python3 "$SOURCE_DIR/tests/foreign/sectors.py" "$@"
}

make_volume() { # FILE STATEMENT...: prints the key
    /usr/bin/python3 "$SOURCE_DIR/tests/foreign/make_fvault.py" "$1" heslo123 "${@:2}"
    chmod 0666 "$1"
}

printf heslo123 >pass
printf wrong >other
chmod 0644 pass other

# ---- keys ----------------------------------------------------------------------------------------------------

key=$(make_volume volume)
expect_status 0 opened ./volume --passphrase-file ./pass --no-cleartext
expect_error " vk=$key$"
expect_status 12 opened ./volume --passphrase-file ./other --no-cleartext
expect_error 'none of its users'
expect_status 0 opened ./volume --passphrase-file ./pass --slot 1 --no-cleartext
expect_status 12 opened ./volume --passphrase-file ./pass --slot 0 --no-cleartext
expect_status 2 opened ./volume --passphrase-file ./pass --slot 2 --no-cleartext
expect_status 2 opened ./volume --key-file ./pass --no-cleartext
if command -v cryptsetup >/dev/null && cryptsetup --help | grep -q fvault2Dump; then
    key=$(make_volume theirs 'it.others = 0') # it looks at the last user only
    cryptsetup fvault2Dump --dump-volume-key --batch-mode --key-file pass theirs >dump
    expect_same "$key" "$(sed -n 's/^Volume key://p' dump | tr -d ' \t\n')" 'key that cryptsetup finds'
    expect_status 0 opened ./theirs --passphrase-file ./pass --no-cleartext
    expect_error " vk=$key$"
fi
/usr/bin/python3 "$SOURCE_DIR/tests/foreign/make_fvault.py" slow heslo123 'it.iterations = 2000000; it.others = 0' >key
chmod 0644 slow
expect_status 130 opened ./slow --passphrase-file ./pass --no-cleartext --stop
expect_error 'stopped user 0 at [1-9]'

# ---- content: 1 MiB at 6 MiB, then 2 MiB at 4 MiB ------------------------------------------------------------

head -c 3145728 /dev/urandom >random
rm volume
key=$(make_volume volume)
metadata() {
    { head -c 4M "$1"; tail -c 512 "$1"; } | sha256sum
}
before=$(metadata volume)
opened ./volume --write --fill --no-cleartext --passphrase-file ./pass <random 2>said || { cat said; fail 'it cannot be written'; }
{
    sectors read aes-xts-plain64 "$key" 512 6291456 volume 0 1048576
    sectors read aes-xts-plain64 "$key" 512 4194304 volume 2048 2097152
} | cmp - random || fail 'another implementation reads something else'
expect_same "$before" "$(metadata volume)" 'metadata'
opened ./volume --passphrase-file ./pass 2>/dev/null | cmp - random || fail 'it reads something else itself'

# ---- damage: the other header, the other label, the other copy of the log ------------------------------------

damage() { # FILE OFFSET
    cp volume "$1"
    dd if=/dev/urandom of="$1" bs=1 seek="$2" count=64 conv=notrunc status=none
}
damage header 100
expect_status 0 opened ./header --passphrase-file ./pass --no-cleartext
damage label $((2097152 + 64))
expect_status 0 opened ./label --passphrase-file ./pass --no-cleartext
damage log $((1048576 + 2 * 8192 + 1000))
expect_status 0 opened ./log --passphrase-file ./pass --no-cleartext
dd if=/dev/urandom of=log bs=1 seek=$((1126400 + 2 * 8192 + 1000)) count=64 conv=notrunc status=none
expect_status 13 opened ./log --passphrase-file ./pass --no-cleartext
expect_error 'FileVault metadata is damaged: parts of it are missing'
head -c 6800000 volume >short
chmod 0644 short
expect_status 13 opened ./short --passphrase-file ./pass --no-cleartext
expect_error 'cut short'
make_volume gap 'it.map = [(0, 1536, 256, 0), (300, 1024, 512, 0)]' >key
expect_status 13 opened ./gap --passphrase-file ./pass --no-cleartext
make_volume far 'it.map = [(0, 1 << 47, 768, 0)]' >key
expect_status 13 opened ./far --passphrase-file ./pass --no-cleartext
make_volume blocks 'it.block_size = 1000' >key
expect_status 13 opened ./blocks --passphrase-file ./pass --no-cleartext
expect_error 'impossible size'

# ---- what is refused -----------------------------------------------------------------------------------------

refused() { # STATEMENT PATTERN: before anything is asked for, and said by info
    make_volume no "$1" >key
    expect_status 14 opened ./no --passphrase-file ./pass --no-cleartext
    expect_error "$2"
    expect_status 0 "$COFFER" info no
    expect_output "not supported .*$2"
    expect_status 14 "$COFFER" info no --unlock
    expect_error "$2"
}

refused 'it.status = "Converting"' 'it is being encrypted or decrypted'
refused 'it.has_key = False' 'its keys are not in it'
refused 'it.stored = 100' 'its encryption context is compressed'
refused 'it.more = [block(0x305, 7, 9, extents(it))]' 'several logical volumes'
refused 'it.more = [block(0x505, 7, 9, bytes(64))]' "the disk of a Mac's system"
refused 'it.map = [(0, 1024, 768, 1)]' 'spread over several disks'
refused 'it.map = [(i, 1024 + i, 1, 0) for i in range(20)]' 'in too many pieces'
refused 'it.key_size = 32' 'encrypted in an unknown way'

# ---- the program ---------------------------------------------------------------------------------------------

make_volume volume 'it.name = "x\033]0;y"' >key
expect_status 0 "$COFFER" info volume
expect_output "^'volume': filevault volume, version 2$"
expect_output '^  label  *x\\x1b\]0;y$'
expect_output '^  derivation  *pbkdf2-sha256, 2000 iterations$'
expect_output '^  cipher  *aes-xts-plain64, sectors of 512 bytes$'
expect_output '^  opens with  *a passphrase$'
expect_status 0 "$COFFER" info --json volume --type filevault --passphrase-file pass
expect_json 'it["format"] == "filevault"' 'it["data_size"] == 3 << 20' 'it["unlocked"] and it["slot"] == 1'

# ---- check -----------------------------------------------------------------------------------------------------

checks() { # STATUS PATTERN...: of the output
    local pattern
    expect_status "$1" "$COFFER" check volume
    for pattern in "${@:2}"; do
        expect_output "$pattern"
    done
}
wipe() { # OFFSET SIZE
    dd if=/dev/zero of=volume bs=512 seek=$(($1 / 512)) count=$(($2 / 512)) conv=notrunc status=none
}
fresh() {
    make_volume volume >key
}
fresh
sum=$(sha256sum <volume)
checks 0 '^good  *header 1 of 2' '^good  *header 2 of 2' '^good  *label 1 of 2' '^good  *label 2 of 2' \
    '^good  *metadata: 4 of the 4 copies'
expect_status 0 "$COFFER" check volume --passphrase-file pass
expect_output '^good  *key slot 1: opens with this secret'
expect_status 12 "$COFFER" check volume --passphrase-file other
expect_same "$sum" "$(sha256sum <volume)" 'a volume that was checked'
for end in 0 $(((8 << 20) - 512)); do # the other header is enough
    fresh
    wipe "$end" 512
    checks 3 "^damaged? *header $((end > 0 ? 2 : 1)) of 2" '^good  *metadata: 4 of the 4'
    expect_error "hint: .*diskutil"
    expect_status 0 opened ./volume --passphrase-file ./pass --no-cleartext
done
fresh
wipe $((512 * 4096)) 8192
checks 3 '^damaged? *label 1 of 2' '^good  *label 2 of 2' '^good  *metadata: 2 of the 2 copies'
expect_status 0 opened ./volume --passphrase-file ./pass --no-cleartext
fresh
wipe $((256 * 4096)) 16384 # the first copy, which both labels name
checks 0 '^note  *metadata: 2 of the 4 copies that the labels name are complete'
expect_status 0 opened ./volume --passphrase-file ./pass --no-cleartext
wipe $((275 * 4096)) 16384
checks 3 '^damaged? *metadata: no copy of it is complete'
expect_status 13 opened ./volume --passphrase-file ./pass --no-cleartext

corpus=${COFFER_CORPUS:-$SOURCE_DIR/../shared/corpus}
if [ -e "$corpus/INDEX.tsv" ] && command -v xz >/dev/null; then
    mkdir each
    cd each
    /usr/bin/python3 "$SOURCE_DIR/tests/foreign/corpus.py" "$corpus" "$OPENED" FVAULT2
fi
