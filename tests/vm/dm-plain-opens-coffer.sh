# SPDX-License-Identifier: ISC
# shellcheck shell=bash disable=SC2034
#
# The emergency exit: stock dm-crypt, given the key and the numbers, opens the data of a thick volume ([DATA-1],
# [DM-1]), by dmsetup and by cryptsetup. What one side writes the other reads, with sectors of 512 and 4096 bytes.

programs='dmsetup cryptsetup mkfs.ext4'
modules='fuse dm-crypt xts aesni-intel ecb'
disks='24M'
secret=(--passphrase-file /tmp/secret)

prepare() {
    cp "$BUILD_DIR/tests/vm/volume_key" .
}

# The first 4 MiB in a pattern that no two sectors share.
pattern() { # TEXT
    (set +o pipefail; seq 400000 | sed "s/^/$1 /" | head -c $((4 << 20)))
}

compare() { # TEXT FILE
    pattern "$1" | cmp -n $((4 << 20)) - "$2"
}

check_sector_size() { # BYTES
    coffer create /dev/vda --force --confirm vda --thick --fs none --sector-size "$1" --kdf-memory 8M --kdf-passes 1 \
        "${secret[@]}"
    coffer mount --block /dev/vda /tmp/m "${secret[@]}"
    pattern "fuse $1" | dd of=/tmp/m/volume conv=notrunc,fsync bs=64k 2>/dev/null
    coffer unmount /tmp/m

    # dmsetup: one line says it all.
    local table
    table=$(/case/volume_key /dev/vda secret /dev/vda)
    dmsetup create plain --table "$table"
    compare "fuse $1" /dev/mapper/plain
    pattern "dm $1" | dd of=/dev/mapper/plain bs=64k conv=fsync 2>/dev/null
    dmsetup remove --retry plain
    coffer mount --block /dev/vda /tmp/m --read-only "${secret[@]}"
    compare "dm $1" /tmp/m/volume
    coffer unmount /tmp/m

    # cryptsetup: the key from a file, offset in 512-byte units.
    local size key tweak offset
    read -r _ size _ _ key tweak _ offset _ <<<"$table"
    test "$tweak" -eq 0
    xxd -r -p <<<"$key" >/tmp/key
    cryptsetup open --type plain --cipher aes-xts-plain64 --key-size 512 --key-file /tmp/key --offset "$offset" \
        --size "$size" --sector-size "$1" /dev/vda plain
    compare "dm $1" /dev/mapper/plain
    cryptsetup close plain
}

guest() {
    echo secret >/tmp/secret
    mkdir /tmp/m
    check_sector_size 4096
    check_sector_size 512
}
