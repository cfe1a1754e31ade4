#!/bin/bash
# SPDX-License-Identifier: ISC
#
# What `coffer mount` says of a volume whose files it cannot show by itself: exit status 16, what is in it, and what to
# do, for each kind of content.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/cli/lib_mount.sh
. "$SOURCE_DIR/tests/cli/lib_mount.sh"

PATH=$PATH:/usr/sbin:/sbin
mkdir mnt
make_volume v.coffer --size 512M --fs none

# refused WHAT HINT COMMAND...: COMMAND puts something into the volume, given as its last argument.
refused() {
    local what=$1 hint=$2
    shift 2
    command -v "$1" >/dev/null || return 0
    expect_status 0 "$COFFER" mount --block v.coffer mnt --passphrase-file "$secret"
    wipefs -q -a mnt/volume
    expect_status 0 "$@" mnt/volume
    expect_status 0 "$COFFER" unmount mnt
    expect_status 16 "${run_as[@]}" "$COFFER" mount v.coffer mnt --via fuse --passphrase-file "$secret"
    expect_error "$what"
    expect_error "$hint"
    ! is_mounted mnt || fail 'a refused mount is mounted'
}

one_partition() { # FILE: an MBR with one partition, of Linux, from 1 MiB on, 100 MiB long
    printf '\0\0\0\0\x83\0\0\0\0\x08\0\0\0\x20\x03\0' | dd of="$1" bs=1 seek=446 conv=notrunc status=none
    printf '\x55\xaa' | dd of="$1" bs=1 seek=510 conv=notrunc status=none
}

run_as=()
need_program wipefs
refused 'no file system is in it' '--block' true
if [ "$(id -u)" -eq 0 ]; then
    refused 'btrfs' 'without --via fuse' mkfs.btrfs -q -f
fi
refused 'swap' 'swap has no files' mkswap
refused 'dos partition table' 'losetup -P' one_partition
refused 'luks' "another 'coffer mount'" cryptsetup luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file "$secret"

# An ordinary user: by root, or by udisks.
[ "$(id -u)" -eq 0 ] || exit 0
as_nobody "$COFFER" version >/dev/null 2>&1 || exit 0
chmod 0711 "$work"
cp "$secret" theirs
secret=$work/theirs
chown nobody v.coffer theirs mnt
install -d -o nobody -m 0700 run
run_as=(runuser -u nobody -- env "XDG_RUNTIME_DIR=$work/run")
refused 'btrfs' "as root, 'coffer mount' can" mkfs.btrfs -q -f
expect_error 'leave DIR out, and udisks2'
refused 'xfs' "as root, 'coffer mount' can" mkfs.xfs -q -f
