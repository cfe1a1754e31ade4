#!/bin/bash
# SPDX-License-Identifier: ISC
#
# The kernel's ext4 over a loop device over DIR/volume: what is copied in comes out again, the file system stays
# clean, and what it discards becomes holes in the backing file.

# shellcheck source=tests/fuse/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need mkfs.ext4 e2fsck losetup fstrim
need_root 'only root mounts loop devices'
[ -e /dev/loop-control ] || skip 'no loop devices'
skip_without_fuse

volume=$work/mnt/volume
inside=$work/inside
mkdir "$inside" "$work/source"
# Some thousand files of many sizes, a few larger than any request.
for i in $(seq 300); do
    head -c $((i * i * 7 % 40000)) /dev/urandom >"$work/source/$i"
done
cp -r "$work/source" "$work/again"
mv "$work/again" "$work/source/sub"
head -c 9000001 /dev/urandom >"$work/source/large"

for writeback in '' -w; do
    rm -f "$work/backing"
    serve ${writeback:+"$writeback"} "$work/backing" 128M "$work/mnt"
    mkfs.ext4 -q -F "$volume"
    mount -o loop "$volume" "$inside"
    cp -a "$work/source" "$inside/"
    umount "$inside"
    stop

    serve ${writeback:+"$writeback"} "$work/backing" 128M "$work/mnt"
    e2fsck -fn "$volume" >"$work/fsck" 2>&1 || fail "e2fsck: $(cat "$work/fsck")"
    mount -o loop "$volume" "$inside"
    diff -r "$work/source" "$inside/source" || fail 'the files differ'
    before=$(stat -c %b "$work/backing")
    rm -r "$inside/source"
    sync -f "$inside"
    fstrim "$inside"
    umount "$inside"
    e2fsck -fn "$volume" >"$work/fsck" 2>&1 || fail "e2fsck after the trim: $(cat "$work/fsck")"
    stop
    after=$(stat -c %b "$work/backing")
    [ "$after" -lt $((before / 2)) ] || fail "$before blocks before the trim, $after after it"
    [ "$(stat -c %s "$work/backing")" -eq $((128 << 20)) ] || fail 'the size of the backing file has changed'
done
