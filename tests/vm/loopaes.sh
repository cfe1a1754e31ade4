# SPDX-License-Identifier: ISC
# shellcheck shell=bash disable=SC2034,SC2154
#
# Volumes of loop-AES, in all versions and with all sizes of keys: what coffer writes, through FUSE and through a mapping that it
# makes itself, cryptsetup and dm-crypt read, and the other way round. Each version with one size, where it is not named.

programs='dmsetup cryptsetup losetup base64'
modules='fuse loop dm-crypt cbc ecb md5 aesni-intel aes_generic'
amount=98304 # bytes: more sectors than keys

prepare() {
    [ -z "$named" ] || touch every
}

pattern() { # TEXT
    (set +o pipefail; seq 100000 200000 | sed "s,^,$1 ," | head -c "$amount")
}

put() { # TEXT FILE
    pattern "$1" | dd of="$2" bs=64k conv=notrunc,fsync status=none
}

compare() { # TEXT FILE
    pattern "$1" | cmp -n "$amount" - "$2" || { echo "$2 does not hold '$1'"; return 1; }
}

check_all() { # VERSION BITS
    local volume=/tmp/volume name="version $1 AES$2" device
    local ours=(--type loop-aes-"$2" --key-file "/tmp/key$1" --quiet)
    [ "$2" -ne 128 ] || ours[1]=loop-aes
    coffer mount --block "$volume" /tmp/m "${ours[@]}"
    put "coffer $name" /tmp/m/volume
    coffer unmount /tmp/m

    cryptsetup open --type loopaes --key-size "$2" --key-file "/tmp/key$1" "$volume" loopaes
    compare "coffer $name" /dev/mapper/loopaes
    put "cryptsetup $name" /dev/mapper/loopaes
    cryptsetup close loopaes

    device=$(coffer mount --via dm --block "$volume" "${ours[@]}")
    compare "cryptsetup $name" "$device"
    put "dm $name" "$device"
    coffer unmount "$device"

    coffer mount --block "$volume" /tmp/m "${ours[@]}"
    compare "dm $name" /tmp/m/volume
    coffer unmount /tmp/m
    test "$(dmsetup ls)" = 'No devices found'
}

guest() {
    local version bits
    head -c 45 /dev/urandom | base64 -w 60 >/tmp/key1
    head -c $((45 * 64)) /dev/urandom | base64 -w 60 >/tmp/key2
    head -c $((45 * 65)) /dev/urandom | base64 -w 60 >/tmp/key3
    truncate -s 4M /tmp/volume
    mkdir /tmp/m
    for version in 1 2 3; do
        for bits in 128 192 256; do
            [ ! -e /case/every ] && [ "$bits" -ne $((64 + 64 * version)) ] || check_all "$version" "$bits"
        done
    done
    test -z "$(losetup -a)"
}
