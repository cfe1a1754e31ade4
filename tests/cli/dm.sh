#!/bin/bash
# SPDX-License-Identifier: ISC
#
# dm.sh - what `coffer mount --via dm` says where it cannot be done: to users, of thin volumes, without device-mapper.
# What it does where it can is in tests/vm/dm-*.sh. DM-4.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/cli/lib_mount.sh
. "$SOURCE_DIR/tests/cli/lib_mount.sh"

need_fuse
with=(--passphrase-file "$secret")
mkdir m
make_volume thick.coffer --thick --fs ext4
make_volume thin.coffer --fs ext4
refuse() { # STATUS VOLUME: --via dm
    expect_status "$1" "$COFFER" mount "$2" m --via dm "${with[@]}"
    expect_nothing_left
}

if [ "$(id -u)" -ne 0 ]; then
    refuse 16 thick.coffer
    expect_error "^coffer: error: cannot map 'thick.coffer': only root can$"
    exit 0
fi
chmod 0711 .
chmod 0777 m
chmod 0644 secret
chmod 0666 thick.coffer
expect_status 16 as_nobody "$COFFER" mount "$work/thick.coffer" "$work/m" --via dm --passphrase-file "$secret"
expect_error "only root can$"
chmod 0755 m

refuse 14 thin.coffer
expect_error "^coffer: error: cannot map 'thin.coffer': it is thin, and its holes would read as noise$"
expect_status 2 "$COFFER" mount thick.coffer m --via dm --protect-hidden "${with[@]}" --new-passphrase-file "$wrong"

# As a block device it has no DIR, and takes the one option that is not a file system's.
expect_status 2 "$COFFER" mount thick.coffer m --via dm --block "${with[@]}"
expect_error "'--via dm --block' takes no DIR"
expect_status 2 "$COFFER" mount thick.coffer --via dm --block --options noexec "${with[@]}"
expect_error "'--options' does not know 'noexec'"
expect_status 2 "$COFFER" mount thick.coffer m --via loop --block "${with[@]}"
expect_error "'--via loop' is about files"
expect_status 14 "$COFFER" mount thin.coffer --via dm --block "${with[@]}"
expect_nothing_left

grep -q device-mapper /proc/misc && skip 'device-mapper is there: the cases of ./dev vm show what it does'
refuse 16 thick.coffer
expect_error "^coffer: error: cannot map 'thick.coffer': device-mapper and dm-crypt are not there$"

expect_status 16 "$COFFER" mount thick.coffer --via dm --block --options discard "${with[@]}"
expect_nothing_left

# Nobody has asked for it: another way, and not a word.
expect_status 0 "$COFFER" mount thick.coffer m "${with[@]}"
expect_silence
expect_status 0 "$COFFER" list --json
expect_json "${ours}[0]['way'] in ('loop', 'fuse')"
unmount m
