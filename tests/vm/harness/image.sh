# SPDX-License-Identifier: ISC
# shellcheck shell=bash
#
# image.sh - what a virtual machine boots: Debian's kernel as its package has it, cached outside the project, and
# a first file system with busybox, bash, coffer, the cases and what they need. Sets kernel; the other variables are
# those of 'run'.
# shellcheck disable=SC2154

cache=${XDG_CACHE_HOME:-${HOME:-/var/tmp}/.cache}/coffer/vm

# The newest kernel in the cache, else the one that linux-image-amd64 stands for.
kernel_fetch() {
    local package scratch
    [ "$(dpkg --print-architecture 2>/dev/null)" = amd64 ] || skip 'only for Debian on amd64, so far'
    for package in qemu-system-x86_64 busybox cpio depmod; do
        command -v "$package" >/dev/null || skip "$package is not installed"
    done
    mkdir -p "$cache" 2>/dev/null && [ -w "$cache" ] || skip "cannot write to $cache"
    exec 8>"$cache/lock"
    flock 8
    kernel=$(find "$cache" -mindepth 2 -maxdepth 2 -name vmlinuz -printf '%h\n' | sort -V | tail -n 1)
    if [ -z "$kernel" ]; then
        [ "$(id -u)" -ne 0 ] || apt-get -qq update </dev/null >/dev/null 2>&1 || true
        package=$(apt-cache depends linux-image-amd64 2>/dev/null | sed -n 's/^ *Depends: *//p' | head -n 1)
        [ -n "$package" ] || skip 'apt knows no linux-image-amd64'
        scratch=$(mktemp -d "$cache/fetch.XXXXXX")
        echo "vm: fetching $package" >&2
        (cd "$scratch" && apt-get -qq download "$package" </dev/null >/dev/null 2>&1 &&
            dpkg-deb -x ./*.deb unpacked) || { rm -rf "$scratch"; skip "cannot download $package"; }
        mv "$scratch"/unpacked/boot/vmlinuz-* "$scratch/unpacked/vmlinuz"
        kernel=$cache/$package
        mv "$scratch/unpacked" "$kernel"
        rm -rf "$scratch"
    fi
    flock -u 8
}

# Copies files with the libraries that they are linked to.
image_add() { # STAGE FILE...
    local stage=$1 file
    shift
    for file; do
        cp -L --parents "$file" "$stage"
        { ldd "$file" 2>/dev/null || true; } | sed -n 's,^[^/]*\(/[^ ]*\).*,\1,p' | while read -r library; do
            [ -e "$stage$library" ] || cp -L --parents "$library" "$stage"
        done
    done
}

# Copies modules with those that they need; what is built in or unknown to this kernel is left to the case.
image_add_modules() { # STAGE MODULE...
    local stage=$1 version module
    shift
    version=$(basename "$kernel"/lib/modules/*)
    [ -e "$kernel/lib/modules/$version/modules.dep" ] || depmod -b "$kernel" "$version" 2>/dev/null
    for module; do
        modprobe -d "$kernel" -S "$version" --show-depends "$module" 2>/dev/null || true
    done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | sort -u | while read -r module; do
        mkdir -p "$stage$(dirname "${module#"$kernel"}")"
        cp "$module" "$stage${module#"$kernel"}"
    done
    mkdir -p "$stage/lib/modules/$version"
    cp "$kernel/lib/modules/$version"/modules.{order,builtin} "$stage/lib/modules/$version"
    depmod -b "$stage" "$version" 2>/dev/null
}

image_build() { # CASES IMAGE PROGRAMS MODULES
    local stage program path
    stage=$(mktemp -d "$work/stage.XXXXXX")
    mkdir -p "$stage"/{dev,etc,mnt,proc,root,run,sys,tmp,usr/bin,usr/sbin,usr/lib,usr/lib64,home/user}
    chmod 755 "$stage" # it becomes /
    for path in bin sbin lib lib64; do ln -s "usr/$path" "$stage/$path"; done

    for program in bash busybox fusermount3 $3; do
        path=$(type -P "$program") || skip "$program is not installed"
        image_add "$stage" "$path"
    done
    for program in $(busybox --list); do
        [ -e "$stage/usr/bin/$program" ] || [ -e "$stage/usr/sbin/$program" ] || ln -s busybox "$stage/usr/bin/$program"
    done
    ln -sf ../bin/busybox "$stage/usr/sbin/modprobe" # where the kernel looks for it
    path=$(ldconfig -p | sed -n 's/.*libgcc_s\.so\.1 .*x86-64.* => //p') # loaded when a thread ends
    image_add "$stage" "$path" "$COFFER"
    cp "$COFFER" "$stage/usr/bin/coffer"
    chmod u+s "$stage/usr/bin/fusermount3"
    # shellcheck disable=SC2086
    image_add_modules "$stage" virtio_pci virtio_blk virtio_rng crc32c_generic crc32c-intel $4

    printf 'root:x:0:0::/root:/bin/bash\nuser:x:1000:1000::/home/user:/bin/bash\n' >"$stage/etc/passwd"
    printf 'root:x:0:\nuser:x:1000:\n' >"$stage/etc/group"
    ln -s /proc/self/mounts "$stage/etc/mtab"
    cp -a "$1" "$stage/cases"
    echo "$4" >"$stage/cases/modules"
    cp "$vm/harness/guest.sh" "$stage/cases/"
    cp "$vm/harness/init" "$stage/init"
    (cd "$stage" && find . -print0 | cpio --null --quiet -o -H newc -R 0:0) >"$2"
    rm -rf "$stage"
}
