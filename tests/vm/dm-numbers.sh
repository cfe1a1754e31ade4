# SPDX-License-Identifier: ISC
# shellcheck shell=bash disable=SC2034,SC2154
#
# The emergency exit: stock dm-crypt opens the data of a thick volume with nothing but what `coffer info --dm` prints
# and the key that it writes ([DATA-1], [DM-1]), by dmsetup and by cryptsetup; and so does cryptsetup with a header
# of `coffer header export-luks2`. What one side writes the other reads: sectors of 4096 and 512 bytes, a hidden
# volume, and one whose tweaks do not begin at 0, as VeraCrypt's.

programs='dmsetup cryptsetup xxd losetup'
modules='fuse loop dm-crypt xts aesni-intel ecb'
disks='12M'
amount=524288 # bytes of each pattern
cheap=(--kdf-memory 8M --kdf-passes 1)

prepare() {
    mkdir volumes
    if PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 "$root/spec/vectors/generate.py" --volumes volumes 2>/dev/null; then
        mv volumes/adopted adopted.img
    fi
    rm -rf volumes
}

# Bytes of which no two sectors are the same.
pattern() { # TEXT
    (set +o pipefail; seq 100000 200000 | sed "s/^/$1 /" | head -c "$amount")
}

put() { # TEXT FILE
    pattern "$1" | dd of="$2" bs=64k conv=notrunc,fsync status=none
}

compare() { # TEXT FILE
    pattern "$1" | cmp -n "$amount" - "$2" || { echo "$2 does not hold '$1'"; return 1; }
}

by_fuse() { # put|compare TEXT
    coffer mount --block "$volume" /tmp/m "${secret[@]}" --quiet
    "$1" "$2" /tmp/m/volume
    coffer unmount /tmp/m
}

check_numbers() { # NAME DEVICE
    local numbers table
    rm -f /tmp/key
    by_fuse put "fuse $1"
    numbers=$(coffer info "$volume" --dm "${secret[@]}" --volume-key-file /tmp/key --confirm "${volume##*/}" 2>/dev/null)

    table=$(sed -n 's,^  dmsetup  *,,p' <<<"$numbers" | sed "s,KEY,$(xxd -p -c 64 /tmp/key),; s,DEVICE,$2,")
    dmsetup create plain --table "$table"
    compare "fuse $1" /dev/mapper/plain
    put "dm $1" /dev/mapper/plain
    dmsetup remove --retry plain
    by_fuse compare "dm $1"

    # shellcheck disable=SC2046
    cryptsetup $(sed -n 's,^  cryptsetup  *,,p' <<<"$numbers" | sed "s,KEY,/tmp/key,; s,DEVICE,$2,; s,NAME,plain,")
    compare "dm $1" /dev/mapper/plain
    cryptsetup close plain
}

check_luks() { # NAME DEVICE
    rm -f /tmp/header
    coffer header export-luks2 "$volume" /tmp/header "${secret[@]}" --new-passphrase-file /tmp/luks --quiet 2>/tmp/said ||
        { cat /tmp/said; return 1; }
    cryptsetup open --header /tmp/header --key-file /tmp/luks "$2" luks
    compare "dm $1" /dev/mapper/luks
    put "luks $1" /dev/mapper/luks
    cryptsetup close luks
    by_fuse compare "luks $1"
}

guest() {
    printf 'correct horse battery staple' >/tmp/secret
    printf 'another one' >/tmp/luks
    mkdir /tmp/m
    secret=(--passphrase-file /tmp/secret)

    local bytes device
    volume=$disk0
    for bytes in 4096 512; do
        coffer create "$volume" --force --confirm "${disk0##*/}" --thick --fill --fs none --sector-size "$bytes" "${cheap[@]}" \
            "${secret[@]}" --quiet
        check_numbers "$bytes" "$volume"
        check_luks "$bytes" "$volume"
    done

    coffer create --hidden "$volume" --size 2M --confirm "${disk0##*/}" "${secret[@]}" --new-passphrase-file /tmp/luks --fs none --quiet
    secret=(--passphrase-file /tmp/luks)
    check_numbers hidden "$volume"
    check_luks hidden "$volume"

    # Its data begins too early for a LUKS2 header.
    secret=(--passphrase-file /tmp/secret)
    volume=/case/adopted.img
    [ -e "$volume" ] || { echo 'without an adopted volume: python3-argon2 is missing'; return; }
    device=$(losetup -f --show "$volume")
    check_numbers adopted "$device"
    ! check_luks adopted "$device" >/tmp/said
    grep 'LUKS2 wants at least 284 KiB in front of the data, and there are 128' /tmp/said
    losetup -d "$device"
}
