#!/bin/bash
# SPDX-License-Identifier: ISC
#
# gone.sh - the volume goes away under a mount, for every way: its file is removed or cut off, or the device it is
# on is pulled. Errors, an unmount that says what is lost, nothing left, and never a hang. The device is a loop device over the
# block file of another mount, whose server is killed: everything fails from then on, as with a stick.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/cli/lib_mount.sh
. "$SOURCE_DIR/tests/cli/lib_mount.sh"

need_root
need_program losetup blockdev mkfs.vfat
[ -w /dev/loop-control ] || skip 'there are no loop devices here'
mkdir m below
head -c 3000000 /dev/urandom >data
make_volume below.coffer --size 80M
cases=(block:none fuse:ext4 fuse:vfat fuse:exfat)
! command -v mkfs.ntfs >/dev/null || ! "$COFFER" version | grep -q '^library libntfs-3g' || cases+=(fuse:ntfs)
! grep -qw ext4 /proc/filesystems || cases+=(loop:ext4)
for fs in none ext4 vfat exfat ntfs; do
    [[ " ${cases[*]} " != *":$fs "* ]] || make_volume "$fs.coffer" --size 48M --fs "$fs"
done

way_options() { # of this case
    if [ "$way" = block ]; then echo --block; else echo "--via=$way"; fi
}

file_of() { # this case
    if [ "$way" = block ]; then echo m/volume; else echo m/data; fi
}

begin() { # VOLUME: mounted, with something written that is on the medium and something that is not yet
    expect_status 0 "$COFFER" mount "$1" m "$(way_options)" --passphrase-file "$secret"
    server=$(server_of m)
    file=$(file_of)
    dd if=data of="$file" bs=1M conv=notrunc,fsync status=none
    dd if=/dev/zero of="$file" bs=100k count=1 conv=notrunc status=none
}

promptly() { # COMMAND...: a minute is no time on a busy machine
    timeout -k 5 60 "$@"
}

expect_failure() { # WHAT COMMAND...
    local status=0
    promptly "${@:2}" >stdout 2>stderr || status=$?
    [ "$status" -ne 0 ] || fail "$way, $fs: $1 succeeds"
    [ "$status" -lt 124 ] || fail "$way, $fs: $1 hangs"
}

expect_end() {
    wait_until is_gone "$server"
    wait_until nothing_is_left
}

nothing_is_left() {
    ! grep -F " $work/" /proc/self/mountinfo && [ -z "$(ls -A "$XDG_RUNTIME_DIR/coffer")" ] &&
        ! losetup -l | grep -F "$work"
} >/dev/null

# The file is removed: whoever has it open has all of it.
for case in "${cases[@]}"; do
    way=${case%:*} fs=${case#*:}
    cp --sparse=always "$fs.coffer" gone.coffer
    begin gone.coffer
    rm gone.coffer
    promptly dd if=data of="$file" bs=1M conv=notrunc,fsync status=none || fail "$way, $fs: writing to a removed volume"
    cmp -n 3000000 data "$file" || fail "$way, $fs: the content of a removed volume"
    expect_status 0 promptly "$COFFER" unmount m
    expect_end
done

expect_loss() { # errors, and an end that says so
    expect_failure 'reading' dd if="$file" of=stdout iflag=direct bs=64k
    expect_failure 'writing' dd if=data of="$file" bs=1M conv=notrunc,fsync
    expect_status 1 promptly "$COFFER" unmount m --wait 40
    expect_error "error: .*is unmounted, but closing '.*' failed"
}

# It is cut off, and stays so: a write that made it longer again would hide that the rest is lost.
for case in "${cases[@]}"; do
    way=${case%:*} fs=${case#*:}
    cp --sparse=always "$fs.coffer" gone.coffer
    begin gone.coffer
    truncate -s 1M gone.coffer
    expect_loss
    expect_same 1048576 "$(stat -c %s gone.coffer)" "$way, $fs: size of what was cut off"
    expect_end
done

# The device is pulled.
device=''
let_go() {
    [ -z "$device" ] || losetup -d "$device"
    device=''
}
at_end let_go
for case in "${cases[@]}"; do
    way=${case%:*} fs=${case#*:}
    mount_block below.coffer below
    stick=$(server_of below)
    dd if="$fs.coffer" of=below/volume bs=1M conv=notrunc,sparse status=none
    device=$(losetup --show -f below/volume)
    begin "$device"
    kill -KILL "$stick"
    wait_until is_gone "$stick"
    blockdev --flushbufs "$device" 2>/dev/null || true # what the kernel remembers of it could still be read
    expect_loss
    let_go
    promptly "$COFFER" list >stdout 2>stderr || fail "$way, $fs: list afterwards"
    expect_end
done
