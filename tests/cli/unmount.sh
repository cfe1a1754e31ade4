#!/bin/bash
# SPDX-License-Identifier: ISC
#
# unmount.sh - `coffer unmount`: by directory and by volume, several and all; who is busy, --wait and --lazy; it
# returns when the server is gone, and a flush that failed is its own failure.

. "$(dirname "${BASH_SOURCE[0]}")/lib_alone.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$SOURCE_DIR/tests/cli/lib_mount.sh"

make_volume a.coffer
make_volume b.coffer
make_volume c.coffer
mkdir a b c

# By directory; the server is gone when it returns, and so is its lock.
mount_block a.coffer a
server=$(server_of a)
unmount a
is_gone "$server" || fail 'the server is still there'
expect_nothing_left

# By volume, under any of its names, and when it has lost its old one.
mount_block a.coffer a
unmount a.coffer
mount_block a.coffer a
ln -s a.coffer link.coffer
unmount link.coffer
rm link.coffer
mount_block a.coffer a
mv a.coffer moved.coffer
unmount moved.coffer
mv moved.coffer a.coffer
mount_block a.coffer a
mv a.coffer moved.coffer
unmount "$work/a.coffer"
mv moved.coffer a.coffer
expect_nothing_left

# When the file is gone altogether.
cp a.coffer doomed.coffer
mount_block doomed.coffer a
rm doomed.coffer
unmount "$work/doomed.coffer"
expect_nothing_left

# Several at once; one that is not mounted fails, the others are unmounted.
mount_block a.coffer a
mount_block b.coffer b
expect_status 10 "$COFFER" unmount a c b
expect_error "error: cannot unmount 'c': it is not mounted"
expect_nothing_left
expect_status 10 "$COFFER" unmount a b
expect_error "warning: cannot unmount 'a': it is not mounted"
expect_error 'error: 2 of 2 could not be unmounted'

# The same one twice is unmounted once.
mount_block a.coffer a
expect_status 10 "$COFFER" unmount a a.coffer
expect_nothing_left

# All.
mount_block a.coffer a
mount_block b.coffer b
expect_status 0 "$COFFER" unmount --all --json
expect_json 'it["schema"] == "coffer.unmount/1"' \
    "sorted(m['mount_point'] for m in it['unmounted']) == ['$work/a', '$work/b']"
expect_nothing_left
expect_status 0 "$COFFER" unmount --all
expect_status 2 "$COFFER" unmount --all a
expect_status 2 "$COFFER" unmount

# Busy: who it is, by what, and nothing changes.
mount_block a.coffer a
exec 7<a/volume
expect_status 11 "$COFFER" unmount a
expect_error "cannot unmount '$work/a': in use by bash \(pid $$: $work/a/volume\)"
expect_error 'hint: .*--wait.*--lazy'
is_mounted a || fail 'unmounted all the same'
exec 7<&-
unmount a
mount_block a.coffer a
(cd a && exec sleep 600) &
holder=$!
at_end kill "$holder"
wait_until sh -c "[ \"\$(readlink /proc/$holder/cwd)\" = '$work/a' ]"
expect_status 11 "$COFFER" unmount a
expect_error "in use by [a-z]+ \(pid $holder: $work/a\)"
kill "$holder"
wait "$holder" || true
unmount a
expect_nothing_left

# Who unmounts is in nobody's way.
mount_block a.coffer a
(cd a && exec "$COFFER" unmount ../a)
expect_nothing_left
mount_block a.coffer a
(cd a && exec "$COFFER" unmount ../b.coffer "$work/./a.coffer" 2>"$work/stderr") || expect_error "'../b.coffer': it is not"
expect_nothing_left

# A file that is only mapped.
mount_block a.coffer a
/usr/bin/python3 -c 'import mmap, os, sys, time
fd = os.open("a/volume", os.O_RDWR)
mapped = mmap.mmap(fd, 4096)
os.close(fd)
open("mapped", "w").close()
time.sleep(600)' &
holder=$!
at_end kill "$holder"
wait_until test -e mapped
expect_status 11 "$COFFER" unmount a
expect_error "\(pid $holder: $work/a/volume\)"
kill "$holder"
wait "$holder" || true
unmount a

# --wait gives the holder time.
mount_block a.coffer a
exec 7<a/volume
"$COFFER" unmount a --wait 60 7<&- &
waiting=$!
# It is at work; only root can see that, for the program lets nobody look into it.
[ "$(id -u)" -ne 0 ] || wait_until sh -c "ls -l /proc/$waiting/fd 2>/dev/null | grep -q 'run/coffer/.*[.]mount'"
is_mounted a || fail 'unmounted while in use'
exec 7<&-
status=0
wait "$waiting" || status=$?
expect_same 0 "$status" 'status of unmount --wait'
expect_nothing_left
mount_block a.coffer a
exec 7<a/volume
expect_status 11 "$COFFER" unmount a --wait 0
exec 7<&-
unmount a

# --lazy: gone from the tree at once, usable for those who have it, and closed with the last of them.
mount_block a.coffer a
server=$(server_of a)
exec 7<>a/volume
expect_status 0 "$COFFER" unmount a --lazy
expect_error 'notice: .*files in it are still open'
! is_mounted a || fail 'still mounted'
is_running "$server" || fail 'the server is gone with files open'
printf 'late but safe' >&7
expect_status 11 "$COFFER" mount --block a.coffer b --passphrase-file "$secret"
expect_status 11 "$COFFER" unmount a.coffer
expect_error "in use by bash \(pid $$: "
exec 7<&-
wait_until is_gone "$server"
expect_nothing_left
mount_block a.coffer a
expect_same 'late but safe' "$(head -c 13 a/volume)" 'what was written after unmount --lazy'
unmount a --lazy
expect_nothing_left

# Others may unmount, too: then the server ends just the same.
mount_block a.coffer a
server=$(server_of a)
if [ "$(id -u)" -eq 0 ]; then umount a; else fusermount3 -u a; fi
wait_until is_gone "$server"
expect_nothing_left

# SIGTERM, SIGINT and SIGHUP unmount.
for signal in TERM INT HUP QUIT; do
    mount_block a.coffer a
    server=$(server_of a)
    kill -"$signal" "$server"
    wait_until is_gone "$server"
    expect_nothing_left
done

# SIGTERM while files are open: out of the tree, and the last words reach the medium.
mount_block a.coffer a
server=$(server_of a)
exec 7<>a/volume
kill -TERM "$server"
wait_until sh -c '! mountpoint -q a'
is_running "$server" || fail 'the server left open files alone'
printf 'second wind!!' >&7
kill -TERM "$server"
is_running "$server" || fail 'a second signal counted'
exec 7<&-
wait_until is_gone "$server"
expect_nothing_left
mount_block a.coffer a
expect_same 'second wind!!' "$(head -c 13 a/volume)" 'what was written after SIGTERM'
unmount a

# What was written before SIGTERM survives the SIGKILL that follows, though files are open and nobody called fsync.
mount_block a.coffer a
server=$(server_of a)
/usr/bin/python3 -c 'import mmap, os, time
mapped = mmap.mmap(os.open("a/volume", os.O_RDWR), 4096)
mapped[0:13] = b"third time it"
open("written", "w").close()
time.sleep(600)' &
holder=$!
at_end kill "$holder"
wait_until test -e written
kill -TERM "$server"
wait_until sh -c '! mountpoint -q a'
kill -KILL "$server"
wait_until is_gone "$server"
kill "$holder"
wait "$holder" || true
expect_status 1 "$COFFER" unmount a.coffer
mount_block a.coffer a
expect_same 'third time it' "$(head -c 13 a/volume)" 'what was written before SIGTERM'
unmount a

# Something mounted over it is not touched.
if [ "$(id -u)" -eq 0 ]; then
    mount_block a.coffer a
    mount -t tmpfs none a
    expect_status 11 "$COFFER" unmount a
    expect_error 'something else is mounted over it'
    umount a
    unmount a
    mount -t tmpfs none a
    expect_status 10 "$COFFER" unmount a
    umount a
fi
expect_nothing_left
