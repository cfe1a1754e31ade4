# SPDX-License-Identifier: ISC
# shellcheck shell=bash disable=SC2034
#
# An ordinary user without a session: no XDG_RUNTIME_DIR, no bus, nothing but fusermount3.

programs='mkfs.ext4 debugfs setpriv'
modules='fuse'

as_user() {
    (cd /home/user && setpriv --reuid=1000 --regid=1000 --clear-groups env -i PATH="$PATH" HOME=/home/user "$@")
}

guest() {
    echo secret >/home/user/secret
    as_user mkdir m
    as_user coffer create a.coffer --size 32M --kdf-memory 8M --kdf-passes 1 --passphrase-file secret
    as_user coffer mount --block a.coffer m --passphrase-file secret
    as_user debugfs -w -R 'write secret copy' m/volume
    ! ls /home/user/m 2>/dev/null || { echo 'root sees the mount of a user'; return 1; }
    as_user coffer list
    as_user coffer unmount m
    as_user coffer mount --block a.coffer m --passphrase-file secret
    test "$(as_user debugfs -R 'cat copy' m/volume 2>/dev/null)" = secret
    as_user coffer unmount m
}
