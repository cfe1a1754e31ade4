#!/bin/bash
# SPDX-License-Identifier: ISC
#
# list.sh - `coffer list`: what is mounted, for people and as JSON; hostile names are harmless; mounts without a state
# file are shown and can be unmounted; a state file that is none does no harm.

. "$(dirname "${BASH_SOURCE[0]}")/lib_alone.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$SOURCE_DIR/tests/cli/lib_mount.sh"

state=$XDG_RUNTIME_DIR/coffer

make_volume a.coffer
mkdir m n

# Other people's mounts may be there, ours are not.
expect_status 0 "$COFFER" list --json
expect_json 'it["schema"] == "coffer.list/1"' 'isinstance(it["mounts"], list)' "$ours == []"

mount_block a.coffer m --read-only
server=$(server_of m)
expect_status 0 "$COFFER" list --json
expect_json "$ours == [{'volume': '$work/a.coffer', 'mount_point': '$work/m', 'way': 'block', 'format': 'coffer',
    'server_pid': $server, 'read_only': True, 'protects_hidden': False, 'refused_writes': False, 'alive': True}]"
expect_status 0 "$COFFER" list
expect_output '^VOLUME +MOUNT POINT +WAY +MODE +SERVER$'
expect_output "^$work/a.coffer +$work/m +block +ro +$server\$"
unmount m

# A name with control characters stays one line.
odd=$'line\nbreak\e[31m'
mkdir "$odd"
mount_block a.coffer "$odd"
expect_status 0 "$COFFER" list
expect_output "^$work/a.coffer +$work/line\\\\nbreak\\\\x1b\[31m +block +rw "
expect_status 0 "$COFFER" list --json
expect_json "${ours}[0]['mount_point'] == '$work/line\\nbreak\\x1b[31m'"
unmount "$odd"

# The state file is gone, as after a logout: the mount is still shown, and unmounted when it is named.
mount_block a.coffer m
server=$(server_of m)
rm "$state"/*.mount
expect_status 0 "$COFFER" list --json
expect_json "$ours == [{'volume': '$work/a.coffer', 'mount_point': '$work/m', 'way': None, 'format': None,
    'server_pid': None, 'read_only': False, 'protects_hidden': False, 'refused_writes': False, 'alive': True}]"
expect_status 0 "$COFFER" list
expect_output "^$work/a.coffer +$work/m +\? +rw +\?\$"
expect_status 0 "$COFFER" unmount --all
is_mounted m || fail '--all touched a mount that it knows nothing about'
expect_status 0 "$COFFER" unmount m
expect_error 'warning: .*its state file is gone'
wait_until is_gone "$server"
! is_mounted m || fail 'still mounted'
# A server that hangs does not make the list hang.
mount_block a.coffer m
server=$(server_of m)
rm "$state"/*.mount
at_end kill -KILL "$server"
kill -STOP "$server"
# shellcheck disable=SC2016 # $0 is for the inner shell
expect_status 0 timeout 60 sh -c '"$0" list --json | cat' "$COFFER"
expect_json "${ours}[0]['alive']"
kill -CONT "$server"
expect_status 0 "$COFFER" unmount m
wait_until is_gone "$server"
mount_block a.coffer m
server=$(server_of m)
rm "$state"/*.mount
expect_status 0 "$COFFER" unmount a.coffer
wait_until is_gone "$server"
expect_nothing_left

# What somebody else put there is not ours and stays.
mkdir "$state/directory.mount"
mkfifo "$state/fifo.mount"
ln -s /etc/passwd "$state/link.mount"
: >"$state/empty.mount"
printf 'not a record\n' >"$state/text.mount"
printf '{"schema":"coffer.mount_state/2","volume":"/x","mount_point":"/y"}\n' >"$state/newer.mount"
printf '{"schema":"coffer.mount_state/1","volume":"/x"}\n' >"$state/short.mount"
head -c 100000 /dev/urandom >"$state/noise.mount"
printf '[' >"$state/deep.mount"
for ((i = 0; i < 1000; i++)); do printf '[['; done >>"$state/deep.mount"
printf '\n' >>"$state/deep.mount"
expect_status 0 "$COFFER" list --json
expect_json "$ours == []"
mount_block a.coffer m
unmount --all
expect_same 9 "$(find "$state" -mindepth 1 | wc -l)" 'what was there before'
rm -r "${state:?}"/*

# A record that names a mount which is not the server's leads to nothing.
if [ "$(id -u)" -eq 0 ]; then
    mount -t tmpfs none n
    device=$(stat -c %d n)
    printf '{"schema":"coffer.mount_state/1","volume":"/x","mount_point":"%s","way":"block","format":"coffer","server_pid":1,"read_only":false,"is_private":false,"volume_device":0,"volume_inode":0,"started":1}\n{"phase":"serving","device":%s}\n' \
        "$work/n" "$device" >"$state/evil.mount"
    cp "$state/evil.mount" .
    expect_status 0 "$COFFER" list
    is_mounted n || fail 'a made-up state file unmounted a file system'

    # Neither when somebody holds it as a server would.
    cp evil.mount "$state/"
    /usr/bin/python3 - "$state/evil.mount" 3>held <<'END' &
import fcntl, os, struct, sys, time

fd = os.open(sys.argv[1], os.O_RDWR)
fcntl.fcntl(fd, 37, struct.pack("hhqqixxxx", fcntl.F_WRLCK, 0, 0, 1, 0))  # F_OFD_SETLK
os.write(3, b"locked")
time.sleep(600)
END
    holder=$!
    at_end kill "$holder"
    wait_until test -s held
    expect_status 11 "$COFFER" unmount n
    is_mounted n || fail 'a made-up state file with a lock unmounted a file system'
    kill "$holder"
    wait "$holder" || true
    expect_status 0 "$COFFER" list
    umount n
    expect_nothing_left
fi

# A directory for the state that others could write to, or that is a link, is refused.
chmod 0777 "$state"
expect_status 16 "$COFFER" mount --block a.coffer m --passphrase-file "$secret"
expect_error "cannot use '$state' for the state of mounts: it is not private"
rmdir "$state"
mkdir elsewhere
ln -s "$work/elsewhere" "$state"
expect_status 16 "$COFFER" mount --block a.coffer m --passphrase-file "$secret"
rm "$state"
! is_mounted m || fail 'mounted'
