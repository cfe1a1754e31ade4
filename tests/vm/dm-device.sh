# SPDX-License-Identifier: ISC
# shellcheck shell=bash disable=SC2034,SC2154
#
# `mount --via dm --block`: the volume as a block device, its name, its end, and what happens when the process behind it
# is killed; discards, which reach the backing file when they are asked for and are refused when not; mappings that a
# process left which was killed while it made them; and what is done where the kernel refuses. Named, a process is killed
# at each of the requests in which it makes a mapping.

programs='dmsetup mkfs.ext4 e2fsck mount umount losetup blkdiscard fstrim strace'
modules='fuse loop ext4 dm-crypt xts aesni-intel ecb'
secret=(--passphrase-file /tmp/secret)
volume=/tmp/v.coffer

prepare() {
    [ -z "$named" ] || touch every
}

expect() { # STATUS COMMAND...
    local status=0
    "${@:2}" >/tmp/said 2>&1 || status=$?
    [ "$status" -eq "$1" ] || { cat /tmp/said; echo "status $status instead of $1: ${*:2}"; return 1; }
}

nothing_is_left() {
    test "$(dmsetup ls)" = 'No devices found'
    test -z "$(losetup -a)"
    test "$(ls /dev/mapper)" = control
    test -z "$(coffer list 2>/dev/null)"
}

map() { # OPTION...
    coffer mount --via dm --block "$volume" "${secret[@]}" "$@"
}

check_device() {
    local pid
    test "$(map)" = /dev/mapper/coffer-v
    coffer list | grep "^$volume  */dev/mapper/coffer-v  *dm  *rw "
    expect 11 coffer mount --block "$volume" /tmp/n "${secret[@]}"
    grep "it is mounted at '/dev/mapper/coffer-v'" /tmp/said
    mkdir /tmp/other
    coffer create /tmp/other/v.coffer --size 4M "${small[@]}" --fs none "${secret[@]}"
    test "$(coffer mount --via dm --block /tmp/other/v.coffer "${secret[@]}")" = /dev/mapper/coffer-v-2
    coffer unmount /tmp/other/v.coffer

    mkfs.ext4 -q /dev/mapper/coffer-v
    mount /dev/mapper/coffer-v /tmp/m
    echo text >/tmp/m/file
    expect 11 coffer unmount /dev/mapper/coffer-v
    grep "cannot close '/dev/mapper/coffer-v': in use by a mount (ext4: /tmp/m)$" /tmp/said
    umount /tmp/m
    exec 7</dev/mapper/coffer-v
    expect 11 coffer unmount /dev/mapper/coffer-v
    grep "cannot close '/dev/mapper/coffer-v': in use by [a-z]* (pid $BASHPID: /dev/" /tmp/said
    exec 7<&-
    coffer unmount /dev/mapper/coffer-v
    nothing_is_left
    coffer mount "$volume" /tmp/m "${secret[@]}" --via fuse
    test "$(cat /tmp/m/file)" = text
    coffer unmount /tmp/m

    # Let go with the last user.
    map --read-only
    exec 7</dev/mapper/coffer-v
    coffer unmount --lazy "$volume"
    test -b /dev/mapper/coffer-v
    exec 7<&-
    wait_until nothing_is_left >/dev/null

    # The device needs nobody.
    pid=$(map --json | sed -n 's/.*"server_pid": \([0-9]*\).*/\1/p')
    mount /dev/mapper/coffer-v /tmp/m
    kill -9 "$pid"
    wait_until test ! -e "/proc/$pid"
    coffer list | grep ' kernel$'
    test "$(cat /tmp/m/file)" = text
    expect 11 coffer unmount "$volume"
    umount /tmp/m
    wait_until nothing_is_left >/dev/null
}

blocks() {
    stat -c %b "$volume"
}

check_discards() {
    local before
    map
    dd if=/dev/urandom of=/dev/mapper/coffer-v bs=1M oflag=direct status=none 2>/dev/null || : # until it is full
    before=$(blocks)
    expect 1 blkdiscard /dev/mapper/coffer-v
    coffer unmount "$volume"
    test "$(blocks)" -eq "$before"

    map --options discard
    dmsetup table coffer-v | grep allow_discards
    blkdiscard /dev/mapper/coffer-v
    mkfs.ext4 -q -E nodiscard /dev/mapper/coffer-v
    coffer unmount "$volume"
    test "$(blocks)" -lt $((before / 2))

    coffer mount "$volume" /tmp/m --via dm "${secret[@]}"
    ! fstrim /tmp/m 2>/dev/null
    dd if=/dev/urandom of=/tmp/m/random bs=1M count=8 conv=fsync status=none
    rm /tmp/m/random
    coffer unmount /tmp/m
    before=$(blocks)
    coffer mount "$volume" /tmp/m --via dm --options discard "${secret[@]}"
    fstrim /tmp/m
    coffer unmount /tmp/m
    test "$(blocks)" -lt "$before"
}

check_left() {
    local n
    dmsetup create coffer-left --uuid COFFER-coffer-left --table '0 8 error'
    dmsetup create coffer-used --uuid COFFER-coffer-used --table '0 8 error'
    dmsetup create others --table '0 8 error'
    exec 7</dev/mapper/coffer-used
    coffer list
    test "$(dmsetup ls | cut -f 1 | sort | tr '\n' ' ')" = 'coffer-used others '
    exec 7<&-
    dmsetup remove others
    coffer list
    nothing_is_left

    for n in $(if [ -e /case/every ]; then seq 5 10; else echo 8; fi); do
        strace -f -o /dev/null -e trace=ioctl -e "inject=ioctl:signal=KILL:when=$n" \
            coffer mount "$volume" /tmp/m --via dm "${secret[@]}" >/dev/null 2>&1 || echo "killed at $n: $(dmsetup ls)"
        ! coffer unmount /tmp/m 2>/dev/null || echo "not killed at $n"
        coffer list 2>/dev/null
        wait_until nothing_is_left >/dev/null
    done
}

# Without its XTS the kernel takes no table of ours.
check_refused() {
    local module
    for module in aesni_intel xts; do
        rmmod "$module"
        find /lib/modules -name "$module.ko" -o -name "${module//_/-}.ko" >"/tmp/$module"
        while read -r file; do mv "$file" "$file.away"; done <"/tmp/$module"
    done
    expect 14 coffer mount "$volume" /tmp/m --via dm "${secret[@]}"
    grep 'this kernel does not map aes-xts-plain64' /tmp/said
    expect 14 map
    coffer mount "$volume" /tmp/m "${secret[@]}" 2>/tmp/said
    grep "the kernel does not map '$volume', so this program serves it: this kernel does not map aes-xts-plain64" /tmp/said
    coffer list | grep ' loop '
    coffer unmount /tmp/m
    for module in aesni_intel xts; do
        while read -r file; do mv "$file.away" "$file"; done <"/tmp/$module"
        modprobe "$module"
    done
    nothing_is_left
}

guest() {
    echo secret >/tmp/secret
    mkdir /tmp/m /tmp/n
    small=(--thick --kdf-memory 8M --kdf-passes 1 --quiet)
    coffer create "$volume" --size 16M "${small[@]}" --fs none "${secret[@]}"
    check_device
    check_discards
    check_left
    check_refused
}
