#!/bin/bash
# SPDX-License-Identifier: ISC
#
# udisks_device.sh - a block device that its user may not open, a stick: every command opens it through udisks2, in full,
# or says what would help. One that is mounted is still refused.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/cli/lib_mount.sh
. "$SOURCE_DIR/tests/cli/lib_mount.sh"
[ -w /dev/loop-control ] || skip 'there are no loop devices here'
[ -x "$BUILD_DIR/tests/udisks/fake_udisks" ] || skip 'built without udisks2'
need_program dbus-send losetup mkfs.ext4
as_nobody test -x "$COFFER" || skip 'an ordinary user cannot run the program'
# shellcheck source=tests/cli/lib_udisks.sh
. "$SOURCE_DIR/tests/cli/lib_udisks.sh"

truncate -s 24M disk
device=$(losetup --find --show disk) || skip 'there is no loop device here'
at_end losetup -d "$device"
! as_nobody test -r "$device" || skip "everybody may read $device"
name=${device##*/}
install -d -o nobody -m 0700 mine mine/run mine/m
cp "$secret" mine/secret
chown nobody mine/secret
cd mine

user() { # COMMAND [ARGUMENT...]: with the device
    as_nobody XDG_RUNTIME_DIR="$work/mine/run" DBUS_SYSTEM_BUS_ADDRESS="$DBUS_SYSTEM_BUS_ADDRESS" "$COFFER" "$@"
}
create=(user create "$device" --quiet --thick "${small_kdf[@]}" --passphrase-file secret --confirm "$name")

# Nobody there to open it: the ways are named.
expect_status 16 "${create[@]}"
expect_error "^coffer: error: cannot create '$device': permission denied"
expect_error "hint: root may open it, and members of the group 'disk'; in a desktop session udisks2"
expect_status 16 user info "$device"
expect_error "hint: root may open it"
fake_start

# All of its life.
expect_status 0 "${create[@]}"
expect_status 0 user info "$device" --json
expect_json "it['format'] == 'coffer'"
expect_status 0 user mount "$device" m --passphrase-file secret
as_nobody sh -c 'echo text >m/file'
expect_status 11 user mount "$device" m --passphrase-file secret
expect_status 11 "${create[@]}" --force
expect_status 0 user key list "$device" --passphrase-file secret
expect_status 0 user unmount m
expect_silence
expect_status 0 user mount "$device" m --passphrase-file secret --read-only
expect_same text "$(as_nobody cat m/file)" 'what was written'
expect_status 0 user unmount "$device"
echo another horse >another
chown nobody another
expect_status 0 user key add "$device" --passphrase-file secret --new-passphrase-file another
expect_status 0 user check "$device" --passphrase-file another
expect_status 0 user check "$device" --passphrase-file secret --repair
expect_status 0 user header backup "$device" backup
expect_status 0 user header restore "$device" backup --passphrase-file secret --confirm "$name"
expect_status 0 user resize "$device" --passphrase-file secret
expect_no_error 'udisks2'

# Refused, once; lied to.
for mode in refuse-open type-open lie-open; do
    fake_is "$mode"
    expect_status 16 user mount "$device" m --passphrase-file secret
    expect_error "error: cannot open '$device'"
    expect_error "hint: root may open it"
    expect_same 1 "$(grep -c "notice: .*$device' may not be opened, and udisks2 was asked for it in vain" "$work/stderr")" \
        "$mode: how often it is said"
    expect_status 16 "${create[@]}" --force
done

# What is mounted stays what it is.
fake_is good
mkfs.ext4 -q -F "$device"
mkdir "$work/photos"
mount "$device" "$work/photos"
expect_status 11 "${create[@]}" --force
expect_error "the device is mounted on '$work/photos'"
umount "$work/photos"
expect_status 1 "${create[@]}"
expect_error 'it is there: .*ext4'
expect_nothing_left
[ -z "$(ls -A run/coffer 2>/dev/null)" ] || fail 'something is left in the runtime directory'
