#!/bin/bash
# SPDX-License-Identifier: ISC
#
# bad_mount_points.sh - where nothing is mounted: missing, not a directory, not empty, not one's own, in use, and
# everywhere that programs or settings come from. Nothing is asked or opened before that is clear.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$SOURCE_DIR/tests/cli/lib_mount.sh"

make_volume a.coffer
mkdir m

refuse() { # STATUS PATTERN DIR
    expect_status "$1" "$COFFER" mount --block a.coffer "$3" --passphrase-file "$secret"
    expect_error "$2"
}

refuse 10 "cannot mount at 'missing': no such directory" missing
expect_error 'hint: .*mkdir'
refuse 10 'no such directory' missing/below
refuse 10 'no such directory' ''
touch file
refuse 2 'not a directory' file
refuse 2 'not a directory' file/below
ln -s missing dangling
refuse 10 'no such directory' dangling
mkdir full
touch full/.hidden
refuse 2 "refused to mount at '$work/full': it is not empty" full
expect_error 'hint: what is in it would be hidden'

# Of the system: the directories, what is in them, and links and detours to them.
for directory in / /usr /etc /bin /sbin /lib /boot /dev /proc /sys /home /root /run /tmp /var /usr/share /etc/ssl \
    /proc/self /dev/shm; do
    [ -d "$directory" ] && [ -r "$directory" ] || continue
    refuse 2 "refused to mount at '.*': it belongs to the system" "$directory"
done
ln -s /etc link
refuse 2 "refused to mount at '/etc': it belongs to the system" link
refuse 2 "refused to mount at '/etc': it belongs to the system" /usr/share/../../etc/.
refuse 2 "refused to mount at '/': it belongs to the system" ////

# Where programs are run from, or would be.
mkdir -p tools/bin
PATH=$PATH:$work/tools/bin refuse 2 "refused to mount at '$work/tools/bin': programs are run from there" tools/bin
ln -s tools/bin tools-link
PATH=$PATH:$work/tools-link refuse 2 'programs are run from there' tools/bin
rmdir tools/bin
PATH=$PATH:$work/tools/bin refuse 2 'programs are run from there' tools
PATH=$PATH::.:tools refuse 10 'no such directory' missing

# The home directory.
mkdir -p house/me
HOME=$work/house/me refuse 2 'it would hide your home directory' house/me
rmdir house/me
HOME=$work/house/me refuse 2 'it would hide your home directory' house

# Where something is mounted already: ours, others', and what a dead server left.
mount_block a.coffer m
make_volume b.coffer
expect_status 11 "$COFFER" mount --block b.coffer m --passphrase-file "$secret"
expect_error "cannot mount at '$work/m': '$work/a.coffer' is mounted there"
unmount m
if [ "$(id -u)" -eq 0 ]; then
    mount -t tmpfs none m
    refuse 11 'a file system \(tmpfs\) is mounted there' m
    umount m

    # A directory of somebody else, as an ordinary user.
    chmod 0711 "$work"
    chmod 0755 m
    expect_status 16 as_nobody "$COFFER" mount --block "$work/a.coffer" "$work/m" --passphrase-file /dev/null
    expect_error 'it is not yours to write to'
    mkdir -m 1777 sticky
    expect_status 16 as_nobody "$COFFER" mount --block "$work/a.coffer" "$work/sticky" --passphrase-file /dev/null
    expect_error 'it is not yours to write to'
fi
expect_nothing_left
