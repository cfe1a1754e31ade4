#!/bin/bash
# SPDX-License-Identifier: ISC
#
# runtime_dir.sh - the state of mounts lies in a directory of one's own, closed to everybody else, and in no other:
# promises P14 and P16 of spec/threats.md.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need_fuse

make_volume a.coffer
mkdir mnt elsewhere
state=$XDG_RUNTIME_DIR/coffer
mount=("$COFFER" mount --block a.coffer mnt --passphrase-file "$secret")

refused() { # WHAT: the mount is refused, nothing is mounted and nothing is put into that directory
    expect_status 16 "${mount[@]}"
    expect_error "cannot use '$state' for the state of mounts: it is not private to you"
    ! grep -qF " $work/mnt " /proc/self/mountinfo || fail "mounted although the state directory is $1"
    [ -z "$(find elsewhere -mindepth 1)" ] || fail "something was written through $1"
    rm -rf "$state"
}

ln -s "$work/elsewhere" "$state"
refused 'a symbolic link'
echo text >"$state"
refused 'a file'
mkdir -m 0755 "$state"
refused 'open to others'
mkdir -m 0770 "$state"
refused 'open to a group'
if [ "$(id -u)" -eq 0 ]; then
    install -d -m 0700 -o nobody "$state"
    refused "somebody else's"
fi

# Made by coffer it is private, whatever the umask, and so is what lies in it.
umask 000
expect_status 0 "${mount[@]}"
expect_same 700 "$(stat -c %a "$state")" 'mode of the state directory'
[ -n "$(find "$state" -type f)" ] || fail 'there is no state file'
[ -z "$(find "$state" -mindepth 1 -perm /077)" ] || fail 'a state file is open to others'
expect_status 0 "$COFFER" unmount mnt
