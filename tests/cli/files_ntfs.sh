#!/bin/bash
# SPDX-License-Identifier: ISC
#
# `coffer mount VOLUME DIR` with NTFS in the volume: an ordinary user copies a tree in, unmounts, mounts again and
# compares; a server that was killed loses nothing that was synced and leaves a sound file system; what Windows has
# not finished with is read only, with the reason.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/cli/lib_mount.sh
. "$SOURCE_DIR/tests/cli/lib_mount.sh"

need_program mkfs.ntfs
make_volume v.coffer --size 64M --fs ntfs
mkdir mnt theirs
if ! "$COFFER" version | grep -q '^library libntfs-3g'; then
    expect_status 16 "$COFFER" mount v.coffer mnt --passphrase-file "$secret" --via fuse
    expect_error 'built without libntfs-3g'
    exit 0
fi

check() { # [--crashed]: what the file system says of itself
    expect_status 0 "$COFFER" mount --block v.coffer mnt --passphrase-file "$secret" --read-only
    expect_status 0 /usr/bin/python3 "$SOURCE_DIR/tests/files/check_ntfs.py" mnt/volume "$@"
    expect_status 0 "$COFFER" unmount mnt
}

listing() { # PATH: names, types, sizes, times and link targets
    (cd "$1" && find . ! -name . -printf '%p %y %T@ %l\n' | sort)
}

# Killed: the next mount recovers, and what was synced is there.
expect_status 0 "$COFFER" mount v.coffer mnt --passphrase-file "$secret" --via fuse
cp -r "$SOURCE_DIR/cli" mnt/
echo precious >mnt/precious
sync mnt/precious
rm -r mnt/cli
server=$(server_of mnt)
kill -KILL "$server"
wait_until is_gone "$server"
check --crashed
expect_status 0 "$COFFER" mount v.coffer mnt --passphrase-file "$secret" --via fuse --read-only
expect_same precious "$(cat mnt/precious)" 'a synced file after kill -9, read only'
expect_status 0 "$COFFER" unmount mnt
expect_status 0 "$COFFER" mount v.coffer mnt --passphrase-file "$secret" --via fuse
expect_same precious "$(cat mnt/precious)" 'a synced file after kill -9'
expect_status 0 "$COFFER" unmount mnt
check

# Marked as not closed properly, and not by us.
expect_status 0 "$COFFER" mount --block v.coffer mnt --passphrase-file "$secret"
expect_status 0 ntfsfix mnt/volume # leaves that mark
expect_status 0 "$COFFER" unmount mnt
expect_status 0 "$COFFER" mount v.coffer mnt --passphrase-file "$secret" --via fuse
expect_error 'can only be read'
expect_error 'ntfsfix -d'
expect_status 1 touch mnt/new
expect_same precious "$(cat mnt/precious)" 'the file, read only'
expect_status 0 "$COFFER" unmount mnt
expect_status 0 "$COFFER" mount --block v.coffer mnt --passphrase-file "$secret"
expect_status 0 ntfsfix -d mnt/volume
expect_status 0 "$COFFER" unmount mnt

# An ordinary user.
[ "$(id -u)" -eq 0 ] || exit 0
as_nobody "$COFFER" version >/dev/null 2>&1 || exit 0
chmod 0711 "$work"
cp "$secret" theirs/secret
cp -r "$SOURCE_DIR/core" theirs/tree
ln -s 'a target/with "things"' theirs/tree/link
ln theirs/tree/volume.c theirs/tree/another-name
mv v.coffer theirs
install -d -o nobody -m 0700 theirs/run theirs/mnt
chown -R nobody theirs

as_user() { # COMMAND...
    (cd theirs && runuser -u nobody -- env XDG_RUNTIME_DIR="$work/theirs/run" "$@")
}

expect_status 0 as_user "$COFFER" mount v.coffer mnt --passphrase-file secret
expect_status 0 as_user cp -a tree mnt/tree
expect_status 0 as_user "$COFFER" unmount mnt
expect_status 0 as_user "$COFFER" mount v.coffer mnt --passphrase-file secret
expect_status 0 as_user diff -r --no-dereference tree mnt/tree
expect_same nobody "$(as_user stat -c %U mnt/tree/link)" 'owner'
expect_same 2 "$(as_user stat -c %h mnt/tree/another-name)" 'links'
expect_same "$(as_user stat -c %.7Y tree/volume.c)" "$(as_user stat -c %.7Y mnt/tree/volume.c)" 'time'
expect_status 0 as_user "$COFFER" unmount mnt
mv theirs/v.coffer .
check
