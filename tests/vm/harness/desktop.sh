# SPDX-License-Identifier: ISC
# shellcheck shell=bash
#
# desktop.sh - the second kind of virtual machine, which host() of a case starts with desktop_start: a small Debian with
# systemd, udisks2 and polkit, cached outside the project. Its first file system loads modules, puts coffer and the case into the root and starts systemd; agetty logs
# the user in on the first virtual terminal, which makes an active session at a seat, and that runs the case.
# shellcheck disable=SC2154

desktop_packages=systemd-sysv,dbus,libpam-systemd,udisks2,polkitd,fuse3,e2fsprogs,btrfs-progs,exfatprogs,dosfstools
# The number changes with anything in here that the image depends on.
desktop_image=$cache/desktop-1.ext4

desktop_fetch() {
    local scratch
    [ ! -e "$desktop_image" ] || return 0
    [ -n "$named" ] || skip "there is no image of a desktop yet: ./dev vm $case makes it"
    [ "$(id -u)" -eq 0 ] || skip 'only root can make the image of a desktop'
    for program in debootstrap mkfs.ext4; do
        command -v "$program" >/dev/null || skip "$program is not installed"
    done
    exec 8>"$cache/lock"
    flock 8
    scratch=$(mktemp -d "$cache/desktop.XXXXXX")
    echo 'vm: making an image of Debian with udisks2' >&2
    debootstrap --variant=minbase --include="$desktop_packages" bookworm "$scratch/root" >"$scratch/log" 2>&1 ||
        { tail -n 3 "$scratch/log"; rm -rf "$scratch"; skip 'debootstrap cannot make a Debian'; }
    rm -rf "$scratch"/root/var/{cache/apt,lib/apt/lists} "$scratch"/root/usr/share/{doc,locale,man}
    desktop_settle "$scratch/root"
    mkfs.ext4 -q -d "$scratch/root" "$scratch/image" 600M
    mv "$scratch/image" "$desktop_image"
    rm -rf "$scratch"
    flock -u 8
}

# Logs the user in, and leaves out what a test does not need.
desktop_settle() { # ROOT
    local root=$1 unit
    echo 'user:x:1000:1000::/home/user:/bin/bash' >>"$root/etc/passwd"
    echo 'user:x:1000:' >>"$root/etc/group"
    echo 'user:!:20000:0:99999:7:::' >>"$root/etc/shadow"
    sed -i 's/^dialout:.*:$/&user/' "$root/etc/group" # who may write to the serial line
    install -d -o 1000 -g 1000 "$root/home/user"
    install -d "$root/etc/systemd/system/getty@tty1.service.d"
    printf '%s\n' '[Service]' ExecStart= 'ExecStart=-/sbin/agetty --autologin user tty1 linux' TTYVTDisallocate=no \
        >"$root/etc/systemd/system/getty@tty1.service.d/login.conf"
    for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
        fstrim.timer systemd-journal-flush.service serial-getty@ttyS0.service; do
        ln -sf /dev/null "$root/etc/systemd/system/$unit"
    done
    echo '. /case/desktop-session' >"$root/home/user/.bash_profile"
}

desktop_start() { # [QEMU-ARGUMENT...]
    desktop_fetch
    desktop_build
    # Nothing that is written to its root is kept.
    machine_start -drive "file=$desktop_image,format=raw,if=virtio,snapshot=on" "$@"
}

# In place of the first file system that was built for a machine without a desktop.
desktop_build() {
    local stage path program
    stage=$(mktemp -d "$work/stage.XXXXXX")
    mkdir -p "$stage"/{case,dev,proc,root,sys,usr/bin,usr/sbin,usr/lib,usr/lib64}
    chmod 755 "$stage"
    for path in bin sbin lib lib64; do ln -s "usr/$path" "$stage/$path"; done
    image_add "$stage" "$(type -P busybox)" "$COFFER"
    for program in $(busybox --list); do
        [ -e "$stage/usr/bin/$program" ] || [ -e "$stage/usr/sbin/$program" ] || ln -s busybox "$stage/usr/bin/$program"
    done
    ln -sf ../bin/busybox "$stage/usr/sbin/modprobe" # where the kernel looks for it
    path=$(ldconfig -p | sed -n 's/.*libgcc_s\.so\.1 .*x86-64.* => //p')
    image_add "$stage" "$path"
    cp "$COFFER" "$stage/case/coffer"
    # shellcheck disable=SC2086
    image_add_modules "$stage" virtio_pci virtio_blk virtio_rng crc32c_generic crc32c-intel ext4 $modules
    cp -a "$work/cases/$case/." "$vm"/harness/{guest.sh,desktop-session} "$stage/case/"
    echo "$case" >"$stage/case/name"
    echo "$modules" >"$stage/case/modules"
    cp "$vm/harness/desktop-init" "$stage/init"
    (cd "$stage" && find . -print0 | cpio --null --quiet -o -H newc -R 0:0) >"$work/initramfs"
    rm -rf "$stage"
}
