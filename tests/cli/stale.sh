#!/bin/bash
# SPDX-License-Identifier: ISC
#
# stale.sh - a server that was killed: the next command that meets what it left takes it away and says so.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$SOURCE_DIR/tests/cli/lib_mount.sh"

make_volume a.coffer
make_volume b.coffer
mkdir m n

mount_and_kill() { # leaves a dead mount at m
    mount_block a.coffer m
    server=$(server_of m)
    kill -KILL "$server"
    wait_until is_gone "$server"
    grep -qF " $work/m " /proc/self/mountinfo || fail 'the mount went with its server'
    ! head -c 1 m/volume >stdout 2>&1 || fail 'the mount works without a server'
}

# list shows it once, as dead, and cleans up.
mount_and_kill
expect_status 0 "$COFFER" list --json
expect_json "[m['alive'] for m in it['mounts'] if m['mount_point'] == '$work/m'] == [False]"
expect_error "the server of '$work/a.coffer' died: '$work/m' is unmounted now"
expect_nothing_left
expect_status 0 "$COFFER" list --json
expect_json "[m for m in it['mounts'] if m['mount_point'] == '$work/m'] == []"
expect_no_error died

# So does a mount in the same place, of the same volume.
mount_and_kill
expect_status 0 "$COFFER" mount --block a.coffer m --passphrase-file "$secret"
expect_error "warning: the server of '$work/a.coffer' died"
head -c 1 m/volume >stdout
unmount m

# And one somewhere else.
mount_and_kill
expect_status 0 "$COFFER" mount --block b.coffer n --passphrase-file "$secret"
! grep -qF " $work/m " /proc/self/mountinfo || fail 'not cleaned up'
unmount n
expect_nothing_left

# unmount cleans up, and does not pretend that all is well.
for name in m a.coffer; do
    mount_and_kill
    expect_status 1 "$COFFER" unmount "$name"
    expect_error "error: the server of '$work/a.coffer' died before it had written everything"
    expect_nothing_left
done

# Who has files open in it is named, and gets errors.
mount_block a.coffer m
exec 7<m/volume
server=$(server_of m)
kill -KILL "$server"
wait_until is_gone "$server"
expect_status 0 "$COFFER" list
expect_error "notice: '$work/m' is still used by bash \(pid $$: $work/m/volume\)"
! head -c 1 <&7 >stdout 2>&1 || fail 'reading works without a server'
exec 7<&-
expect_nothing_left

# Its state file is gone as well: shown as dead, in the way of others, and taken away when it is named.
mount_block a.coffer m
server=$(server_of m)
rm "$XDG_RUNTIME_DIR"/coffer/*.mount
kill -KILL "$server"
wait_until is_gone "$server"
expect_status 0 "$COFFER" list --json
expect_json "[m['alive'] for m in it['mounts'] if m['mount_point'] == '$work/m'] == [False]"
expect_status 11 "$COFFER" mount --block a.coffer m --passphrase-file "$secret"
expect_error "cannot mount at 'm': a file system without a server is still mounted there"
expect_status 0 "$COFFER" unmount m
expect_error 'its state file is gone'
expect_nothing_left

# Killed while it closes: what it did not say is not taken for success.
mount_block a.coffer m
exec 7<>m/volume
server=$(server_of m)
expect_status 0 "$COFFER" unmount m --lazy
kill -KILL "$server"
wait_until is_gone "$server"
exec 7<&-
expect_status 1 "$COFFER" unmount a.coffer
expect_error 'died before it had written everything'
expect_nothing_left

# Many killed at once, many commands at once: each is cleaned up once.
for i in 1 2 3 4 5; do
    make_volume "many$i.coffer"
    mkdir "many$i"
    mount_block "many$i.coffer" "many$i"
done
for i in 1 2 3 4 5; do
    server=$(server_of "many$i")
    kill -KILL "$server"
    wait_until is_gone "$server"
    # the one of before is cleaned up by server_of: that is the point
done
for i in 1 2 3 4; do
    "$COFFER" list >"list$i" 2>"warnings$i" &
done
wait
expect_same 1 "$(cat warnings? | grep -c 'died')" 'warnings about the last one'
expect_nothing_left
