#!/bin/bash
# SPDX-License-Identifier: ISC
#
# user.sh - the same as an ordinary user, without root, session or login: create with a file system, mount, write,
# unmount, clean up after a killed server; root sees and unmounts what users have mounted.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$SOURCE_DIR/tests/cli/lib_mount.sh"

need_root # to become somebody else
as_nobody "$COFFER" version >/dev/null 2>&1 || skip "an ordinary user cannot run $COFFER"
runuser -u nobody -- sh -c ': <>/dev/fuse' 2>/dev/null || skip 'an ordinary user cannot open /dev/fuse'

# A place where they can work, and their own runtime directory.
chmod 0711 "$work"
mkdir theirs
cp "$secret" theirs/secret
chown -R nobody theirs
theirs=$work/theirs
install -d -o nobody -m 0700 theirs/run

as_user() { # COMMAND...
    (cd "$theirs" && runuser -u nobody -- env XDG_RUNTIME_DIR="$theirs/run" HOME="$theirs/home" "$@")
}

expect_status 0 as_user "$COFFER" create a.coffer --size 16M --passphrase-file secret "${small_kdf[@]}"
expect_same 600 "$(stat -c %a theirs/a.coffer)" 'mode of the volume'
expect_same '' "$(as_user ls -A run/coffer)" 'what create leaves behind'
as_user mkdir m
expect_status 0 as_user "$COFFER" mount --block a.coffer m --passphrase-file secret
expect_status 0 as_user "$COFFER" list --json
expect_json "${ours}[0]['mount_point'] == '$theirs/m'" "${ours}[0]['alive']"

# The file system that create made belongs to whoever made it.
as_user cat m/volume >copy
need_program e2fsck debugfs
e2fsck -fn copy >/dev/null 2>&1 || fail 'the file system is not clean'
debugfs -R 'stat <2>' copy 2>/dev/null | grep -q "User: *$(id -u nobody)" || fail 'the root directory is not theirs'

# It is theirs alone.
! head -c 1 theirs/m/volume >stdout 2>&1 || fail 'root reads it without --allow-other'
as_user dd if=/dev/zero of=m/volume bs=4096 count=1 conv=notrunc status=none

# Busy is busy, and they see their own processes.
as_user sh -c 'exec 7<m/volume; echo > ready; exec sleep 600' &
wait_until test -e theirs/ready
expect_status 11 as_user "$COFFER" unmount m
expect_error "in use by sleep \(pid [0-9]+: $theirs/m/volume\)"
holder=$(sed -n 's/.*in use by sleep (pid \([0-9]*\).*/\1/p' stderr)
kill "$holder"
wait || true
expect_status 0 as_user "$COFFER" unmount m
expect_silence

# A killed server.
expect_status 0 as_user "$COFFER" mount --block a.coffer m --passphrase-file secret
expect_status 0 as_user "$COFFER" list --json
server=$(server_of "$theirs/m" as_user)
kill -KILL "$server"
wait_until is_gone "$server"
expect_status 0 as_user "$COFFER" list
expect_error 'died'
! grep -qF " $theirs/m " /proc/self/mountinfo || fail 'not cleaned up'
expect_same '' "$(as_user ls -A run/coffer)" 'runtime directory'

# Without a runtime directory: /tmp/coffer-UID, or /run/user/UID where that is theirs.
as_lost_user() { # COMMAND...
    (cd "$theirs" && runuser -u nobody -- env -u XDG_RUNTIME_DIR "$@")
}
expect_status 0 as_lost_user "$COFFER" mount --block a.coffer m --passphrase-file secret
expect_status 0 "$COFFER" list --json
expect_json "[m['way'] for m in it['mounts'] if m['mount_point'] == '$theirs/m'] == ['block']"
server=$(server_of theirs/m)
expect_status 0 "$COFFER" unmount theirs/m
wait_until is_gone "$server"
! grep -qF " $theirs/m " /proc/self/mountinfo || fail 'root could not unmount it'

# Any name will do, through fusermount3 as well.
odd=$'blank and\nnewline \xff \\134 ,comma=1'
as_user mkdir -p "$odd/m"
as_user cp a.coffer "$odd/"
expect_status 0 as_user "$COFFER" mount --block "$odd/a.coffer" "$odd/m" --passphrase-file secret
expect_status 0 as_user "$COFFER" unmount "$odd/m"
expect_status 0 as_user "$COFFER" mount --block "$odd/a.coffer" "$odd/m" --passphrase-file secret
expect_status 0 as_user "$COFFER" unmount "$odd/a.coffer"
expect_silence

# --allow-other is the administrator's to permit.
if ! grep -qx user_allow_other /etc/fuse.conf 2>/dev/null; then
    expect_status 16 as_user "$COFFER" mount --block a.coffer m --allow-other --passphrase-file secret
    expect_error 'user_allow_other.*fuse.conf'
fi

# In a user namespace of their own nobody needs fusermount3.
cat >theirs/in-namespace <<'END'
mount --bind /dev/null /usr/bin/fusermount3 2>/dev/null
"$COFFER" mount --block a.coffer m --passphrase-file secret && head -c 1 m/volume >read && "$COFFER" unmount m
END
if as_user unshare --user --map-root-user --mount true 2>/dev/null; then
    expect_status 0 as_user unshare --user --map-root-user --mount sh in-namespace
    expect_same 1 "$(stat -c %s theirs/read)" 'bytes read'
fi

# Memory that cannot be locked is said, and no more than that.
expect_status 0 as_user prlimit --memlock=0:0 "$COFFER" mount --block a.coffer m --passphrase-file secret
expect_error 'warning: the system refuses to lock memory'
expect_same 1 "$(wc -l <stderr)" 'lines of warning'
expect_status 0 as_user "$COFFER" unmount m

# One user cannot unmount another's.
expect_status 0 "$COFFER" create b.coffer --size 8M --fs none --quiet --passphrase-file "$secret" "${small_kdf[@]}"
mkdir m
mount_block b.coffer m
expect_status 10 as_user "$COFFER" unmount "$work/m"
is_mounted m || fail 'somebody else unmounted it'
unmount m
expect_nothing_left
