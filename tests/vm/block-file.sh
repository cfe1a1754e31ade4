# SPDX-License-Identifier: ISC
# shellcheck shell=bash disable=SC2034,SC2154
#
# The main job on a Debian kernel: a thin volume in a file on ext4 and a thick one on a block device, with a file
# system inside, through the block file and a loop device. What is copied in is there after a second mount.

programs='mkfs.ext4 e2fsck mount umount'
modules='fuse loop ext4'
disks='200M 96M'
secret=(--passphrase-file /tmp/secret)

fill_and_compare() { # VOLUME
    coffer mount --block "$1" /tmp/m "${secret[@]}"
    mount -o loop /tmp/m/volume /tmp/f
    cp -a /usr/bin /tmp/f/
    umount /tmp/f
    wait_until coffer unmount /tmp/m

    coffer mount --block "$1" /tmp/m "${secret[@]}"
    e2fsck -fn /tmp/m/volume >/dev/null
    mount -o loop,ro /tmp/m/volume /tmp/f
    diff -r /usr/bin /tmp/f/bin
    umount /tmp/f
    wait_until coffer unmount /tmp/m
    test -z "$(ls -A /tmp/m)"
}

guest() {
    echo secret >/tmp/secret
    mkdir /tmp/m /tmp/f
    mkfs.ext4 -q "$disk0"
    mount "$disk0" /mnt
    coffer create /mnt/a.coffer --size 96M --kdf-memory 8M --kdf-passes 1 "${secret[@]}"
    fill_and_compare /mnt/a.coffer
    coffer create "$disk1" --confirm "${disk1##*/}" --thick --kdf-memory 8M --kdf-passes 1 "${secret[@]}"
    fill_and_compare "$disk1"
    test -z "$(coffer list 2>/dev/null)"
}
