#!/bin/bash
# SPDX-License-Identifier: ISC
#
# mount.sh - `coffer mount --block` and what it promises: the block file, the options, one server in the background
# that keeps nothing of its caller, and errors that leave nothing behind.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$SOURCE_DIR/tests/cli/lib_mount.sh"

make_volume a.coffer
mkdir m
"$COFFER" info a.coffer --passphrase-file "$secret" --json >info.json

# Silence, and DIR/volume of the cleartext size, for its owner alone.
mount_block a.coffer m
expect_silence
is_mounted m || fail 'not mounted'
expect_same volume "$(ls -A m)" 'files in the mount'
bytes=$(/usr/bin/python3 -c 'import json; print(json.load(open("info.json"))["data_size"])')
expect_same "$bytes 600 $(id -u)" "$(stat -c '%s %a %u' m/volume)" 'block file'

# What is written is there after the next mount, and nowhere in the clear.
printf 'MARKER-%s-MARKER' 0123456789 | dd of=m/volume bs=1 seek=123457 conv=notrunc status=none
unmount m
! grep -q MARKER-0123456789-MARKER a.coffer || fail 'cleartext in the volume'
mount_block a.coffer m --read-only
expect_same MARKER-0123456789-MARKER "$(dd if=m/volume bs=1 skip=123457 count=24 status=none)" 'what was written'

# --read-only means it.
! dd if=/dev/zero of=m/volume bs=4096 count=1 conv=notrunc status=none 2>/dev/null || fail 'written to read-only'
grep -q "$work/m ro" /proc/self/mountinfo || fail 'not mounted read-only'
unmount m
before=$(sha256sum <a.coffer)
mount_block a.coffer m
unmount m
expect_same "$before" "$(sha256sum <a.coffer)" 'volume after mount and unmount'

# The server: no terminal, no directory, no descriptors of its caller, no core dump, no name of a file in its way.
mkfifo pipe
exec 8<>pipe
mount_block a.coffer m
server=$(server_of m)
[ "$server" -gt 0 ] || fail 'no server'
if [ "$(id -u)" -eq 0 ]; then # nobody else may look into it
    expect_same / "$(readlink "/proc/$server/cwd")" 'working directory of the server'
    for descriptor in 0 1 2; do
        expect_same /dev/null "$(readlink "/proc/$server/fd/$descriptor")" "descriptor $descriptor of the server"
    done
    ! readlink "/proc/$server"/fd/* | grep -q "$work/pipe" || fail 'the server keeps a pipe of its caller'
fi
expect_same 0 "$(awk '/^Max core file size/ { print $5 }' "/proc/$server/limits")" 'limit of core dumps'
expect_same "$server" "$(awk '{ print $6 }' "/proc/$server/stat")" 'session of the server'
expect_same 0 "$(awk '{ print $7 }' "/proc/$server/stat")" 'terminal of the server'
exec 8>&-

if [ "$(awk '/^Max locked memory/ { print $5 }' "/proc/$server/limits")" != 0 ]; then
    [ "$(awk '/^VmLck/ { print $2 }' "/proc/$server/status")" -gt 0 ] || fail 'the server has locked no memory'
fi
unmount m

# Who waits for the end of what it writes is not kept waiting by the server.
said=$(timeout 60 "$COFFER" mount --block a.coffer m --passphrase-file "$secret" 2>&1)
expect_same '' "$said" 'output of mount'

# One volume, one read-write mount; who has it is said.
mkdir n
expect_status 11 "$COFFER" mount --block a.coffer n --passphrase-file "$secret"
expect_error "cannot open 'a.coffer': it is mounted at '$work/m'"
expect_status 11 "$COFFER" mount --block a.coffer n --read-only --passphrase-file "$secret"
# ... before anybody has to type anything
expect_status 11 "$COFFER" mount --block a.coffer n --passphrase-file no-such-file
expect_status 10 "$COFFER" mount --block no-such n --passphrase-file no-such-file
unmount m

# Read-only mounts share it.
mount_block a.coffer m --read-only
mount_block a.coffer n --read-only
cmp m/volume n/volume
unmount m n
expect_nothing_left

# --json says the same.
expect_status 0 "$COFFER" mount --block a.coffer m --json --passphrase-file "$secret"
expect_json 'it["schema"] == "coffer.mount/1"' "it['volume'] == '$work/a.coffer'" "it['mount_point'] == '$work/m'" \
    'it["way"] == "block"' 'it["format"] == "coffer"' 'it["server_pid"] > 1' 'it["read_only"] is False'
unmount m

# Nobody reads the result: then there is none.
status=0
"$COFFER" mount --block a.coffer m --json --passphrase-file "$secret" >/dev/full 2>stderr || status=$?
expect_same 1 "$status" 'status where stdout is full'
expect_nothing_left

# Names: links, relative paths, blanks, newlines, bytes that are not UTF-8.
odd=$'blank and\nnewline \xff \\134 ,comma'
mkdir -p "$odd/m"
cp a.coffer "$odd/"
ln -s "$odd/m" link
mount_block "$odd/a.coffer" link
is_mounted "$odd/m" || fail 'not mounted through a link'
expect_same volume "$(ls "$odd/m")" 'files in the mount'
expect_status 0 "$COFFER" list --json
expect_json 'len(it["mounts"]) >= 1' \
    "__import__('base64').b64decode([m for m in it['mounts'] if m['mount_point'].startswith('$work/')][0]['mount_point_bytes']).endswith(b'\\xff \\\\134 ,comma/m')"
unmount "$odd/m"
mount_block "$odd/a.coffer" "$odd/m"
(cd "$odd" && unmount a.coffer)
expect_nothing_left

# No room for the state file: no mount.
if [ "$(id -u)" -eq 0 ]; then
    mkdir -m 0700 tiny
    mount -t tmpfs -o size=4k,mode=0700 none tiny
    XDG_RUNTIME_DIR=$work/tiny expect_status 1 "$COFFER" mount --block a.coffer m --passphrase-file "$secret"
    expect_error "cannot record the mount in '$work/tiny/coffer': no space left on device"
    expect_same '' "$(ls -A tiny/coffer)" 'what is left in a full directory'
    umount tiny
    expect_nothing_left
fi

# --foreground stays until it is unmounted.
"$COFFER" mount --block a.coffer m --foreground --passphrase-file "$secret" &
foreground=$!
wait_until is_mounted m
expect_same "$foreground" "$(server_of m)" 'server in the foreground'
unmount m
status=0
wait "$foreground" || status=$?
expect_same 0 "$status" 'status of a mount in the foreground'

# What cannot be mounted says why, and leaves nothing.
expect_status 12 "$COFFER" mount --block a.coffer m --passphrase-file "$wrong"
expect_status 10 "$COFFER" mount --block no-such m --passphrase-file "$secret"
expect_error "cannot open 'no-such'"
expect_status 16 "$COFFER" mount a.coffer m --passphrase-file "$secret"
expect_error 'no file system is in it'
expect_error 'hint: .*--block'
expect_status 2 "$COFFER" mount --block a.coffer m
expect_error 'no terminal'
expect_status 2 "$COFFER" mount --block a.coffer m --type nonsense --passphrase-file "$secret"
expect_status 2 "$COFFER" mount --block a.coffer
expect_nothing_left

# A file that may only be read, and one of zeros.
dd if=/dev/zero of=zeros bs=1M count=8 status=none
expect_status 12 "$COFFER" mount --block zeros m --kdf-level 0 --passphrase-file "$secret"
expect_status 10 "$COFFER" mount --block secret m --passphrase-file "$secret"
expect_nothing_left
