#!/bin/bash
# SPDX-License-Identifier: ISC
#
# full_disk.sh - no room under a thin volume: the writer is told, unmount is told, what was there before stays whole,
# and the volume works again when there is room.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$SOURCE_DIR/tests/cli/lib_mount.sh"

need_root # to make a small file system
mkdir small m
mount -t tmpfs -o size=12M none small

make_volume small/a.coffer --size 256M
mount_block small/a.coffer m
head -c 2M /dev/urandom >good
dd if=good of=m/volume bs=64K conv=notrunc,fsync status=none
mount_entry=$(stat -c %d m)
[ -n "$mount_entry" ]

# Through the kernel's cache the error comes at fsync, past it at the write itself.
status=0
dd if=/dev/urandom of=m/volume bs=1M seek=16 count=32 conv=notrunc,fsync status=none 2>dd.err || status=$?
[ "$status" -ne 0 ] || fail 'a write into a full disk succeeded'
grep -qiE 'No space left|Input/output error' dd.err || fail "unexpected: $(cat dd.err)"
status=0
dd if=/dev/urandom of=m/volume bs=1M seek=64 count=32 oflag=direct conv=notrunc status=none 2>dd.err || status=$?
[ "$status" -ne 0 ] || fail 'a direct write into a full disk succeeded'
grep -q 'No space left' dd.err || fail "unexpected: $(cat dd.err)"

# unmount says so, whoever else was told.
expect_status 1 "$COFFER" unmount m
expect_error "'$work/m' is unmounted, but closing '$work/small/a.coffer' failed"
expect_nothing_left_but_small() {
    ! grep -qF " $work/m " /proc/self/mountinfo || fail 'still mounted'
    expect_same '' "$(ls -A "$XDG_RUNTIME_DIR/coffer")" 'runtime directory'
}
expect_nothing_left_but_small

# Nobody waits for the result: the next command tells it, once.
mount_block small/a.coffer m
server=$(server_of m)
dd if=/dev/urandom of=m/volume bs=1M seek=100 count=16 oflag=direct conv=notrunc status=none 2>dd.err || true
umount m
wait_until is_gone "$server"
expect_status 0 "$COFFER" list
expect_error "warning: '$work/small/a.coffer' was unmounted from '$work/m', but what was written last may be lost"
expect_nothing_left_but_small
expect_status 0 "$COFFER" list
expect_no_error 'may be lost'

# The volume is whole.
expect_status 0 "$COFFER" info small/a.coffer --passphrase-file "$secret"
mount -o remount,size=300M small
mount_block small/a.coffer m
cmp -n 2097152 good m/volume
dd if=good of=m/volume bs=64K seek=1600 conv=notrunc,fsync status=none
unmount m
mount_block small/a.coffer m
cmp -n 2097152 good m/volume
dd if=m/volume bs=64K skip=1600 count=32 status=none | cmp - good
unmount m
expect_nothing_left_but_small

# A create that does not fit leaves nothing.
mount -o remount,size=12M small 2>/dev/null || { umount small && mount -t tmpfs -o size=12M none small; }
rm -f small/*
expect_status 1 "$COFFER" create small/b.coffer --thick --fs none --size 64M --passphrase-file "$secret" "${small_kdf[@]}"
expect_error 'no space'
expect_same '' "$(ls -A small)" 'what a failed create left'
umount small
