#!/bin/bash
# SPDX-License-Identifier: ISC
#
# owner.sh - to whom the files of a volume seem to belong: `mount --owner`, its default for an ordinary user, and what
# programs that care about owners (cp -a, tar, git, chown) make of it.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/cli/lib_mount.sh
. "$SOURCE_DIR/tests/cli/lib_mount.sh"

need_root
as_nobody test -x "$COFFER" || skip 'an ordinary user may not reach the program'
uid=$(id -u nobody) gid=$(id -g nobody)
mkdir m tree
echo text >tree/file
chmod 0600 tree/file
install -d -m 0700 tree/private
echo more >tree/private/file

# A volume whose files belong to root and to a number that nobody has here.
make_volume v.coffer --size 64M --fs ext4
expect_status 0 "$COFFER" mount v.coffer m --via fuse --passphrase-file "$secret"
expect_status 0 cp -a tree m/tree # root gives and keeps owners
expect_status 0 chown 54321:54322 m/tree/file
expect_same 54321:54322 "$(stat -c %u:%g m/tree/file)" 'an owner that root has given'
expect_same 0:0 "$(stat -c %u:%g m/tree/private)" 'an owner that was kept'
unmount m

# An ordinary user: all of it is theirs.
chmod 0711 "$work"
install -d -o nobody -m 0700 theirs theirs/run theirs/m theirs/home
mv v.coffer theirs
cp "$secret" theirs/secret
cp -r tree theirs/tree
chown -R nobody:"$gid" theirs

theirs() { # COMMAND...: as nobody, in their directory
    (cd theirs && runuser -u nobody -- env XDG_RUNTIME_DIR="$work/theirs/run" HOME="$work/theirs/home" "$@")
}

expect_status 0 theirs "$COFFER" mount v.coffer m --passphrase-file secret
expect_same "$uid:$gid" "$(theirs stat -c %u:%g m/tree/private)" 'what root has made'
expect_same text "$(theirs cat m/tree/file)" 'a file of a stranger with mode 0600'
expect_status 0 theirs chown "$uid:$gid" m/tree/file
expect_status 1 theirs chown 0 m/tree/file
expect_error 'not permitted'
expect_status 1 theirs chgrp 0 m/tree/file
expect_status 0 theirs chmod 0640 m/tree/file
expect_status 0 theirs cp -a tree m/copy
expect_silence
expect_status 0 theirs sh -c 'tar cf - -C tree . | (mkdir m/unpacked && tar xpf - -C m/unpacked)'
expect_silence
expect_same '' "$(diff -r tree theirs/m/copy 2>&1 | grep -v 'Permission denied')" 'what root sees of it'
expect_same '' "$(theirs diff -r tree m/unpacked)" 'what tar has unpacked'
if command -v git >/dev/null; then # it refuses to work in what belongs to others
    expect_status 0 theirs git init -q m/repository
    expect_status 0 theirs sh -c 'cd m/repository && echo x >x && git add x && git -c user.name=n -c user.email=e commit -qm x'
    expect_status 0 theirs git -C m/repository fsck --strict
fi
expect_status 0 theirs "$COFFER" unmount m

# The same user, who wants to see what the volume says.
expect_status 0 theirs "$COFFER" mount v.coffer m --owner keep --passphrase-file secret
expect_same 54321:54322 "$(theirs stat -c %u:%g m/tree/file)" 'the owner that the volume names'
expect_status 1 theirs cat m/tree/private/file
expect_same "$uid:$gid" "$(theirs stat -c %u:%g m/copy)" 'what this user has made'
expect_status 0 theirs "$COFFER" unmount m

# Root mounts for somebody.
expect_status 0 "$COFFER" mount theirs/v.coffer m --owner nobody --allow-other --passphrase-file "$secret"
expect_same text "$(as_nobody cat m/tree/file)" 'a file, read by the one it was mounted for'
expect_status 0 as_nobody touch m/copy/by-nobody
expect_status 0 cp -r tree m/by-root
expect_same "$uid:$gid" "$(stat -c %u:%g m/by-root/file)" 'what root has made'
expect_status 1 cp -a tree m/by-root-too # cannot give it to root, and says so; all the rest is done
expect_error 'failed to preserve ownership|preserving times|Operation not permitted'
expect_same text "$(cat m/by-root-too/file)" 'contents after cp -a'
expect_status 0 cp -a --no-preserve=ownership tree m/by-root-again
expect_silence
unmount m
expect_status 0 "$COFFER" mount theirs/v.coffer m --owner "$uid" --read-only --passphrase-file "$secret"
expect_same "$uid:$gid" "$(stat -c %u:%g m/tree/file)" 'the owner by number'
unmount m

# What does not go.
for bad in no-such-user 4294967296 -1 ''; do
    expect_status 2 "$COFFER" mount theirs/v.coffer m --owner="$bad" --passphrase-file no-such-file
    expect_error "there is no user '$bad'"
done
expect_status 2 "$COFFER" mount theirs/v.coffer m --owner nobody --via loop --passphrase-file "$secret"
expect_status 2 "$COFFER" mount theirs/v.coffer m --owner nobody --block --passphrase-file "$secret"
expect_nothing_left
