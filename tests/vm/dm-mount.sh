# SPDX-License-Identifier: ISC
# shellcheck shell=bash disable=SC2034,SC2154
#
# `mount --via dm`: the kernel's file system over the kernel's cipher, over a device and over a file. What is written is
# there for FUSE as well; the key is not in the table; a second opening is refused for as long as the mapping is there,
# also when the process that made it has been killed; and nothing is left after the unmount, whoever it is by.

programs='dmsetup mkfs.ext4 e2fsck debugfs mount umount losetup'
modules='fuse loop ext4 dm-crypt xts aesni-intel ecb'
disks='24M 40M'
secret=(--passphrase-file /tmp/secret)

expect() { # STATUS COMMAND...
    local status=0
    "${@:2}" >/tmp/said 2>&1 || status=$?
    [ "$status" -eq "$1" ] || { cat /tmp/said; echo "status $status instead of $1: ${*:2}"; return 1; }
}

has_open() { # PID FILE
    local fd
    for fd in "/proc/$1/fd/"*; do [ "$(readlink "$fd")" != "$2" ] || return 0; done
    return 1
}

nothing_is_left() {
    test "$(dmsetup ls)" = 'No devices found'
    test -z "$(losetup -a)"
    test "$(ls /dev/mapper)" = control
    test -z "$(coffer list 2>/dev/null)"
    ! grep /tmp/m /proc/mounts
}

check_volume() { # VOLUME NAME
    coffer mount "$1" /tmp/m "${secret[@]}" --via dm --json >/tmp/said
    grep -q '"way": "dm"' /tmp/said
    grep "^/dev/mapper/$2 /tmp/m ext4 rw,nosuid,nodev" /proc/mounts
    dmsetup table --showkeys "$2" | tee /tmp/table
    grep -q ' :64:logon:coffer:[0-9a-f]* 0 [0-9]*:[0-9]* 2048 1 sector_size:4096$' /tmp/table
    ! grep coffer: /proc/keys
    coffer list
    echo "by dm $1" >/tmp/m/dm

    # Nobody else gets it.
    expect 11 coffer mount --block "$1" /tmp/n "${secret[@]}"
    expect 11 coffer mount --block "$1" /tmp/n "${secret[@]}" --read-only
    expect 11 coffer mount "$1" /tmp/n "${secret[@]}" --via dm
    expect 11 coffer resize "$1" "${secret[@]}"
    expect 0 coffer key list "$1" "${secret[@]}"

    # Busy is said, and by whom.
    tail -f /tmp/m/dm >/dev/null &
    wait_until has_open "$!" /tmp/m/dm
    expect 11 coffer unmount /tmp/m
    grep "in use by tail (pid $!: /tmp/m/dm)" /tmp/said
    kill $!
    wait $! || :
    coffer unmount /tmp/m
    nothing_is_left

    # What one way wrote the other reads.
    coffer mount --block "$1" /tmp/n "${secret[@]}" --quiet
    test "$(debugfs -R 'cat dm' /tmp/n/volume 2>/dev/null)" = "by dm $1"
    coffer unmount /tmp/n
    coffer mount "$1" /tmp/n "${secret[@]}" --via fuse
    echo "by fuse $1" >/tmp/n/fuse
    coffer unmount /tmp/n
    coffer mount "$1" /tmp/m "${secret[@]}" --read-only --via dm
    test "$(cat /tmp/m/fuse)" = "by fuse $1"
    ! touch /tmp/m/x 2>/dev/null
    test "$(dmsetup info -c --noheadings -o attr "$2")" = L--r

    # Whoever unmounts.
    umount /tmp/m
    wait_until nothing_is_left >/dev/null
}

killed_server() { # VOLUME
    local pid
    coffer mount "$1" /tmp/m "${secret[@]}" --via dm --json >/tmp/said
    pid=$(sed -n 's/.*"server_pid": \([0-9]*\).*/\1/p' /tmp/said)
    exec 7>/tmp/m/open
    kill -9 "$pid"
    wait_until test ! -e "/proc/$pid"
    echo still >&7
    expect 11 coffer mount --block "$1" /tmp/n "${secret[@]}"
    grep "it is mounted at '/tmp/m'" /tmp/said
    coffer list | grep '^[^ ].* /tmp/m *dm *rw *kernel$'
    test -e /tmp/m/open
    expect 11 coffer unmount /tmp/m
    exec 7>&-
    expect 0 coffer unmount /tmp/m
    wait_until nothing_is_left >/dev/null
    coffer mount "$1" /tmp/m "${secret[@]}"
    test "$(cat /tmp/m/open)" = still
    coffer unmount /tmp/m
}

guest() {
    echo secret >/tmp/secret
    mkdir /tmp/m /tmp/n
    coffer version | grep libdevmapper
    mkfs.ext4 -q "$disk1"
    mount "$disk1" /mnt
    local small=(--thick --kdf-memory 8M --kdf-passes 1 --quiet)
    coffer create "$disk0" --confirm "${disk0##*/}" "${small[@]}" "${secret[@]}"
    coffer create '/mnt/a b.coffer' --size 24M "${small[@]}" "${secret[@]}"
    check_volume "$disk0" "coffer-${disk0##*/}"
    check_volume '/mnt/a b.coffer' coffer-a_b
    killed_server '/mnt/a b.coffer'
    killed_server "$disk0"

    # Thin ones are not for dm-crypt.
    coffer create /mnt/thin.coffer --size 8M --kdf-memory 8M --kdf-passes 1 --quiet "${secret[@]}"
    expect 14 coffer mount /mnt/thin.coffer /tmp/m --via dm "${secret[@]}"
    coffer mount /mnt/thin.coffer /tmp/m "${secret[@]}"
    coffer list | grep ' loop '
    coffer unmount /tmp/m
    nothing_is_left
}
