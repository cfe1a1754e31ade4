#!/bin/bash
# SPDX-License-Identifier: ISC
#
# loop.sh - `coffer mount --via loop`: the kernel's file systems over a loop device, for root. Mounted, used, unmounted
# in every way, and nothing left: no loop device, no private directory, no process.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/cli/lib_mount.sh
. "$SOURCE_DIR/tests/cli/lib_mount.sh"

need_root
need_program losetup
[ -w /dev/loop-control ] || skip 'there are no loop devices here'
mkdir m n tree
mkdir -p tree/a/b
echo text >tree/a/b/file
ln -s a/b/file tree/link
head -c 3000000 /dev/urandom >tree/large

loop_of() { # DIR: the loop device that is mounted there
    awk -v dir="$work/$1" '$5 == dir { for (i = 6; i < NF; i++) if ($i == "-") print $(i + 2) }' /proc/self/mountinfo
}

is_free() { # LOOP: it has no file any more
    [ ! -e "/sys/block/${1##*/}/loop/backing_file" ]
}

mount_loop() { # VOLUME DIR [OPTION...]
    expect_status 0 "$COFFER" mount "$1" "$2" --via loop --passphrase-file "$secret" "${@:3}"
    expect_silence
    loop=$(loop_of "$2")
    [ -n "$loop" ] || fail "nothing of the kernel's is mounted at $2"
    server=$(server_of "$2")
}

expect_end() { # of that mount: what it left goes
    wait_until is_gone "$server"
    wait_until is_free "$loop"
    expect_nothing_left
}

# Every file system that mkfs and the kernel know here, there and back.
tried=0
for kind in ext4 xfs btrfs vfat exfat; do
    command -v "mkfs.$kind" >/dev/null && { modprobe -q "$kind" 2>/dev/null || true; } &&
        grep -qw "$kind" /proc/filesystems || continue
    size=64M
    [ "$kind" != xfs ] || size=320M
    [ "$kind" != btrfs ] || size=128M
    make_volume "$kind.coffer" --size "$size" --fs "$kind"
    mount_loop "$kind.coffer" m
    grep -q " $work/m rw,nosuid,nodev,.* - $kind $loop " /proc/self/mountinfo ||
        fail "$kind: $(grep "$work/m" /proc/self/mountinfo)"
    expect_same 4096 "$(cat "/sys/block/${loop##*/}/queue/logical_block_size")" "$kind: sector size"
    expect_status 0 "$COFFER" list --json
    expect_json "[m['way'] for m in it['mounts'] if m['mount_point'] == '$work/m'] == ['loop']"
    cp -rL tree m/tree
    unmount m
    is_free "$loop" || fail "$kind: the loop device is still there after unmount"
    expect_end
    mount_loop "$kind.coffer" m --read-only
    diff -r tree m/tree || fail "$kind: what was written is not there"
    ! touch m/tree/new 2>/dev/null || fail "$kind: written to a read-only mount"
    expect_same 1 "$(cat "/sys/block/${loop##*/}/ro")" "$kind: the device is read-only"
    unmount "$kind.coffer"
    expect_end
    tried=$((tried + 1))
done
[ "$tried" -gt 0 ] || skip 'this kernel has none of the file systems'
volume=ext4.coffer
[ -e "$volume" ] || skip 'this kernel has no ext4'

# Many may be open for reading; a second writer is refused.
mount_loop "$volume" m
expect_status 11 "$COFFER" mount "$volume" n --via loop --passphrase-file "$secret"
expect_error "it is mounted at '$work/m'"

# In use: who and what is said; later it goes. Lazily it goes at once, and the volume with the last file.
exec 7<m/tree/large
expect_status 11 "$COFFER" unmount m
expect_error "in use by bash \(pid $$: $work/m/tree/large\)"
is_mounted m || fail 'a busy mount is gone'
expect_status 0 "$COFFER" unmount m --lazy
expect_error "notice: .* files in it are still open"
! is_mounted m || fail 'still in the tree'
is_running "$server" || fail 'the server has gone under an open file'
cmp tree/large - <&7 || fail 'a file that was open cannot be read'
exec 7<&-
expect_end

# umount(8) ends it, too.
mount_loop "$volume" m
umount m
expect_end

# So does a signal to the server; with a file open, with the last one.
mount_loop "$volume" m
kill -TERM "$server"
expect_end
mount_loop "$volume" m
exec 7<m/tree/large
kill -TERM "$server"
wait_until eval '! is_mounted m'
is_running "$server" || fail 'the server has gone under an open file'
exec 7<&-
expect_end

# Killed: the kernel's file system gets errors, never a hang; the next command cleans up, and the next mount works.
mount_loop "$volume" m
echo precious >m/precious
sync m/precious
kill -KILL "$server"
wait_until is_gone "$server"
! timeout 60 dd if=m/tree/large of=/dev/null iflag=direct 2>/dev/null || fail 'reading works without a server'
expect_status 0 "$COFFER" list
expect_error "the server of '$work/$volume' died: '$work/m' is unmounted now"
expect_end
mount_loop "$volume" m
expect_same precious "$(cat m/precious)" 'a synced file after kill -9'
unmount m
expect_end

# Somebody else's state file unmounts nothing of the kernel's.
if as_nobody test -x "$COFFER"; then
    mount_loop "$volume" m
    chmod 0711 "$work"
    install -d -o nobody -m 0700 theirs theirs/coffer
    as_nobody sh -c "printf '%s\n%s\n' \
        '{\"schema\":\"coffer.mount_state/1\",\"volume\":\"/x\",\"mount_point\":\"$work/m\",\"way\":\"loop\",\"format\":\"coffer\",\"source\":\"$loop\",\"server_pid\":1,\"read_only\":false,\"is_private\":false,\"volume_device\":0,\"volume_inode\":0,\"started\":1}' \
        '{\"phase\":\"serving\",\"device\":$((16#$(stat -c %D m)))}' >$work/theirs/coffer/1.mount"
    as_nobody XDG_RUNTIME_DIR="$work/theirs" "$COFFER" list >/dev/null 2>&1 || true
    is_mounted m || fail 'a made-up state file unmounted it'
    unmount m
    expect_end
fi

# Options: of the kernel's file system, over the defaults; what is not known is refused before a secret is read.
mount_loop "$volume" m --options noexec,suid,commit=60
grep -q " $work/m rw,nodev,noexec,.* - ext4 $loop .*commit=60" /proc/self/mountinfo ||
    fail "options: $(grep "$work/m" /proc/self/mountinfo)"
unmount m
for bad in nonsense noexec,loop remount uid=5x,bind; do
    expect_status 2 "$COFFER" mount "$volume" m --via loop --options "$bad" --passphrase-file no-such-file
    expect_error "error: '--options' does not know"
done
expect_status 2 "$COFFER" mount "$volume" m --options ro --passphrase-file "$secret"
expect_error 'hint: there is .--read-only'
expect_status 2 "$COFFER" mount "$volume" m --via loop --options compress=zstd --passphrase-file "$secret"
expect_error "'compress=zstd' is no option of ext4"
expect_nothing_left

# What this program serves knows noexec.
cp /bin/true tree/true
expect_status 0 "$COFFER" mount "$volume" m --via fuse --options noexec --passphrase-file "$secret"
cp tree/true m/true
! m/true 2>/dev/null || fail 'a program runs on a noexec mount'
unmount m
expect_status 2 "$COFFER" mount "$volume" m --via fuse --options commit=60 --passphrase-file "$secret"

# Without --via, root gets the kernel's; but not where this program knows better.
expect_status 0 "$COFFER" mount "$volume" m --passphrase-file "$secret"
grep -q " $work/m .* - ext4 /dev/loop" /proc/self/mountinfo || fail 'root did not get a mount of the kernel'
unmount m
for option in --read-only --owner=root; do
    expect_status 0 "$COFFER" mount "$volume" m "$option" --passphrase-file "$secret"
    grep -q " $work/m .* - fuse.coffer " /proc/self/mountinfo || fail "$option: a mount of the kernel"
    unmount m
done

# A file system that is damaged is not given to the kernel for writing.
if command -v debugfs >/dev/null; then
    mount_block "$volume" m
    debugfs -w -R 'set_super_value state 2' m/volume 2>/dev/null
    debugfs -w -R 'set_inode_field /tree/large block[0] 0' m/volume 2>/dev/null # no extent tree
    unmount m
    expect_status 0 "$COFFER" mount "$volume" m --via loop --passphrase-file "$secret"
    expect_error "warning: the file system in '$volume' is damaged: .*e2fsck"
    grep -q " $work/m ro," /proc/self/mountinfo || fail 'a damaged file system is writable'
    unmount m
    mount_block "$volume" m
    e2fsck -fy m/volume >/dev/null 2>&1 || true
    expect_status 0 e2fsck -fn m/volume
    unmount m
fi

# What does not go.
expect_status 2 "$COFFER" mount "$volume" m --via loop --block --passphrase-file "$secret"
make_volume none.coffer
expect_status 16 "$COFFER" mount none.coffer m --via loop --passphrase-file "$secret"
expect_error 'no file system is in it'
if as_nobody test -x "$COFFER"; then
    chmod 0711 "$work"
    install -d -o nobody -m 0700 mine mine/m mine/run
    cp "$volume" "$secret" mine/
    chown nobody mine/*
    expect_status 16 as_nobody XDG_RUNTIME_DIR="$work/mine/run" "$COFFER" mount "mine/$volume" mine/m --via loop \
        --passphrase-file mine/secret
    expect_error 'only root can mount with the kernel'
fi
expect_nothing_left
