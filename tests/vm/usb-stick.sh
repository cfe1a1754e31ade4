# SPDX-License-Identifier: ISC
# shellcheck shell=bash disable=SC2034,SC2154
#
# A USB stick with exFAT inside, pulled while it is mounted, by a loop device and by dm-crypt, and ext4 by our own
# driver: whoever writes gets an error, the unmount ends and leaves nothing, and once it is plugged in again the volume
# mounts, with every file whose sync had returned.

programs='mkfs.exfat mkfs.ext4 e2fsck mount umount dmsetup losetup'
modules='fuse loop exfat nls_ascii dm-crypt xts aesni-intel ecb xhci-pci usb-storage sd_mod'
secret=(--passphrase-file /tmp/secret)

stick() { # the block device, once it is there
    [ -b "$(find /dev -maxdepth 1 -name 'sd?' | head -n 1)" ] && find /dev -maxdepth 1 -name 'sd?' | head -n 1
}

no_stick() {
    ! stick >/dev/null
}

pull_while_mounted() { # WAY FS KIND
    local device status=0
    wait_until stick >/dev/null
    device=$(stick)
    coffer create "$device" --force --confirm "${device##*/}" "$3" --fs "$2" --kdf-memory 8M --kdf-passes 1 --quiet \
        "${secret[@]}" 2>/dev/null
    coffer mount "$device" /tmp/m --via "$1" "${secret[@]}"
    coffer list | grep "$1"
    seq 1 50000 >/tmp/m/safe
    sync /tmp/m/safe
    sync -f /tmp/m/safe # the directory as well, which exFAT's fsync leaves out
    echo "@pull $1"
    wait_until no_stick
    # Where nothing of it is cached any more, nothing can be written.
    echo 3 >/proc/sys/vm/drop_caches
    ! (seq 1 50000 >/tmp/m/lost && sync /tmp/m/lost) 2>/tmp/said || { echo 'writing to nowhere succeeds'; return 1; }
    coffer unmount /tmp/m 2>/tmp/said || status=$?
    echo "unmounting ends with $status: $(head -n 1 /tmp/said)"
    [ "$status" -le 1 ]
    test -z "$(coffer list 2>/dev/null)"
    ! grep /tmp/m /proc/mounts
    wait_until test -z "$(losetup -a)"
    test "$(dmsetup ls)" = 'No devices found'
    echo "@plug $1"
    wait_until stick >/dev/null
    device=$(stick)
    coffer mount "$device" /tmp/m --via "$1" "${secret[@]}"
    seq 1 50000 | cmp - /tmp/m/safe
    echo again >/tmp/m/again
    coffer unmount /tmp/m
    echo "@next $1"
}

guest() {
    echo secret >/tmp/secret
    mkdir /tmp/m
    pull_while_mounted loop exfat --thick
    pull_while_mounted dm exfat --thick
    pull_while_mounted fuse ext4 --thick
}

host() {
    local way usb='usb-storage,drive=stick,id=usb,bus=xhci.0'
    truncate -s 48M "$work/stick"
    machine_start -blockdev "driver=file,filename=$work/stick,node-name=stick" -device qemu-xhci,id=xhci -device "$usb"
    for way in loop dm fuse; do
        machine_says "@pull $way"
        machine_ask 'device_del usb'
        machine_says "@plug $way"
        machine_ask "device_add $usb"
        machine_says "@next $way"
    done
    machine_wait
}
