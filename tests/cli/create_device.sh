#!/bin/bash
# SPDX-License-Identifier: ISC
#
# `coffer create` on a block device (a loop device, so for root): what is on it is shown and has to be confirmed, and a
# device in use is refused.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_root
PATH=$PATH:/usr/sbin:/sbin
need_program losetup mkfs.ext4
truncate -s 16M disk
device=$(losetup --find --show disk) || skip 'there is no loop device here'
at_end losetup -d "$device"
at_end umount "$work/mounted"
name=${device##*/}
create=("$COFFER" create "$device" --fs none "${small_kdf[@]}" --passphrase-file "$secret")

# ---- in use ------------------------------------------------------------------------------------------------

mkfs.ext4 -q -L photos "$device"
mkdir mounted
if mount "$device" mounted 2>/dev/null; then
    expect_status 11 "${create[@]}" --force --confirm "$name"
    expect_error "^coffer: error: cannot create '$device': the device is mounted on '$work/mounted'$"
    umount mounted
fi
/usr/bin/python3 -c 'import os, sys, time
os.open(sys.argv[1], os.O_RDONLY | os.O_EXCL)
open("held", "w").close()
time.sleep(600)' "$device" &
holder=$!
at_end kill "$holder"
wait_until [ -e held ]
expect_status 11 "${create[@]}" --force --confirm "$name"
expect_error 'held by another program'
kill "$holder"
wait "$holder" 2>/dev/null || true

# ---- something is on it ------------------------------------------------------------------------------------

sum=$(sha256sum <disk)
expect_status 1 "${create[@]}"
expect_error "it is there: a disk of 16 MiB, ext4 'photos'"
expect_error '^coffer: hint: --force'
expect_status 2 "${create[@]}" --force
expect_error "takes --confirm '$name'"
expect_status 2 "${create[@]}" --force --confirm "$device"
expect_status 2 "${create[@]}" --force --confirm "$name" --size 17M
expect_error 'the device has only 16 MiB'
in_terminal "see:ext4 'photos'" "see:Type '$name' to overwrite all of it" type:no exit:1 -- "${create[@]}" --force
expect_same "$sum" "$(sha256sum <disk)" 'content of the refused device'

expect_status 0 "${create[@]}" --force --confirm "$name" --json
expect_json 'it["container_size"] == 16 << 20' 'not it["thin"]'
expect_status 0 "$COFFER" info "$device" --json --passphrase-file "$secret"
expect_json 'it["is_device"]' 'it["backing_size"] == 16 << 20'

# ---- a volume, a partition table, nothing ------------------------------------------------------------------

expect_status 1 "${create[@]}"
expect_error 'a disk of 16 MiB, coffer volume'
wipefs -q -a "$device"
dd if=/dev/zero of="$device" bs=1M count=16 status=none
/usr/bin/python3 - "$device" <<'PYTHON'
import struct, sys
partition = struct.pack("<B3sB3sII", 0, b"\0\x20\x21", 0x83, b"\x20\x20\0", 2048, 4096)
with open(sys.argv[1], "r+b") as disk:
    disk.write(bytes(446) + partition + bytes(48) + b"\x55\xaa")
PYTHON
expect_status 1 "${create[@]}"
expect_error 'a disk of 16 MiB, dos partition table'
dd if=/dev/zero of="$device" bs=1M count=16 status=none
# Nothing is known of it, but it may be all random: the name is wanted all the same.
expect_status 2 "${create[@]}"
expect_error "'$device' is a disk of 16 MiB, without a known content"
expect_status 0 "${create[@]}" --confirm "$name" --thin --size 8M
expect_status 0 "$COFFER" info "$device" --passphrase-file "$secret"
expect_output '^  kind  *thin'

# By a link, as in /dev/disk/by-id: the name is that of the link.
ln -s "$device" stick
expect_status 0 "$COFFER" create stick --force --confirm stick --fs none "${small_kdf[@]}" --passphrase-file "$secret"
[ -L stick ] || fail 'the link was replaced'
expect_status 0 "$COFFER" info "$device"

# An ordinary user may not write there.
chmod 0755 "$work"
chmod 0644 "$secret"
expect_status 16 as_nobody "$COFFER" create "$device" --force --confirm "$name" --fs none --passphrase-file "$secret"
expect_error "^coffer: error: cannot create '$device': permission denied$"
