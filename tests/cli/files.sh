#!/bin/bash
# SPDX-License-Identifier: ISC
#
# `coffer mount --via fuse`: the files of an ext volume, for root and for an ordinary user; what was copied in is
# there, mode and all, after the next mount; e2fsck finds nothing; a server that was killed loses nothing that was
# synced; other file systems are refused with the ways that there are.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/cli/lib_mount.sh
. "$SOURCE_DIR/tests/cli/lib_mount.sh"

need_program e2fsck
mkdir mnt tree
mkdir -p tree/a/b
echo text >tree/a/b/file
printf '#!/bin/sh\nexit 7\n' >tree/run
chmod 755 tree tree/a tree/run
chmod 2711 tree/a/b
ln -s a/b/file tree/link
head -c 3000000 /dev/urandom >tree/large
truncate -s 5M tree/sparse

listing() { # PATH: names, modes, sizes, times and link targets
    (cd "$1" && find . -name lost+found -prune -o -printf '%p %M %s %T@ %l\n' | sort)
}

make_volume v.coffer --size 64M --fs ext4
expect_status 0 "$COFFER" mount v.coffer mnt --via fuse --passphrase-file "$secret"
expect_status 0 "$COFFER" list --json
expect_json 'any(m["way"] == "fuse" and m["alive"] for m in it["mounts"])'
cp -a tree mnt/tree
expect_same "$(listing tree)" "$(listing mnt/tree)" 'what was copied in'
expect_status 7 mnt/tree/run
expect_status 0 "$COFFER" unmount mnt
expect_status 0 "$COFFER" mount v.coffer mnt --via fuse --passphrase-file "$secret" --read-only
expect_same "$(listing tree)" "$(listing mnt/tree)" 'what is there the next time'
cmp tree/large mnt/tree/large || fail 'contents differ'
expect_status 1 touch mnt/tree/new
expect_status 0 "$COFFER" unmount mnt
expect_status 0 "$COFFER" mount --block v.coffer mnt --passphrase-file "$secret"
expect_status 0 e2fsck -fn mnt/volume
expect_status 0 "$COFFER" unmount mnt

# Killed: the next mount recovers, and what was synced is there.
expect_status 0 "$COFFER" mount v.coffer mnt --via fuse --passphrase-file "$secret"
echo precious >mnt/precious
sync mnt/precious
server=$(server_of mnt)
kill -KILL "$server"
wait_until is_gone "$server"
expect_status 0 "$COFFER" mount v.coffer mnt --via fuse --passphrase-file "$secret"
expect_same precious "$(cat mnt/precious)" 'a synced file after kill -9'
expect_status 0 "$COFFER" unmount mnt
expect_status 0 "$COFFER" mount --block v.coffer mnt --passphrase-file "$secret"
expect_status 0 e2fsck -fn mnt/volume
expect_status 0 "$COFFER" unmount mnt

# Another file system, and none at all.
make_volume none.coffer --size 8M --fs none
expect_status 16 "$COFFER" mount none.coffer mnt --passphrase-file "$secret"
expect_error 'no file system is in it'
if command -v mkfs.btrfs >/dev/null; then
    make_volume btrfs.coffer --size 128M --fs btrfs
    expect_status 16 "$COFFER" mount btrfs.coffer mnt --via fuse --passphrase-file "$secret"
    expect_error 'btrfs'
    expect_error '--block'
fi
! is_mounted mnt || fail 'a refused mount is mounted'

# An ordinary user: everything is theirs, whoever wrote it.
[ "$(id -u)" -eq 0 ] || exit 0
as_nobody "$COFFER" version >/dev/null 2>&1 || exit 0
chmod 0711 "$work"
mkdir theirs
cp "$secret" theirs/secret
mv v.coffer theirs
install -d -o nobody -m 0700 theirs/run theirs/mnt
chown -R nobody theirs

as_user() { # COMMAND...
    (cd theirs && runuser -u nobody -- env XDG_RUNTIME_DIR="$work/theirs/run" "$@")
}

expect_status 0 as_user "$COFFER" mount v.coffer mnt --passphrase-file secret
expect_same nobody "$(as_user stat -c %U mnt/tree/run)" 'owner of a file that root wrote'
expect_status 0 as_user sh -c 'echo mine >mnt/tree/mine && rm mnt/tree/large'
expect_status 2 ls theirs/mnt # not even root looks into it
expect_status 0 as_user "$COFFER" unmount mnt
