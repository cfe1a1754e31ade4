#!/bin/bash
# SPDX-License-Identifier: ISC
#
# life.sh - files over the life of many mounts, for root by the kernel and for an ordinary user in process: a source
# tree there and back, and cycles that leak no process, loop device, mount, file or descriptor. COFFER_CYCLES says how
# many.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/cli/lib_mount.sh
. "$SOURCE_DIR/tests/cli/lib_mount.sh"

need_root
need_program e2fsck losetup
as_nobody test -x "$COFFER" || skip 'an ordinary user may not reach the program'
cycles=${COFFER_CYCLES:-3}
ways=(fuse)
[ ! -w /dev/loop-control ] || ! grep -qw ext4 /proc/filesystems || ways+=(loop)
chmod 0711 "$work"
mkdir m
install -d -o nobody -m 0700 theirs theirs/run theirs/m
mkdir tree
cp -r "$SOURCE_DIR/cli" tree/
cp -r "$SOURCE_DIR/tests/cli" tree/tests
ln -s cli/main.c tree/link
make_volume v.coffer --size 64M --fs ext4
cp v.coffer "$secret" theirs/
cp -r tree theirs/tree
chown -R nobody theirs

theirs() { # COMMAND...: as nobody, in their directory
    (cd theirs && runuser -u nobody -- env XDG_RUNTIME_DIR="$work/theirs/run" "$@")
}

is_sound() { # e2fsck finds nothing in v.coffer
    mount_block v.coffer m
    expect_status 0 e2fsck -fn m/volume
    unmount m
}

expect_no_trace() { # of this test on the machine
    wait_until has_no_process
    ! losetup -l 2>/dev/null | grep -F "$work" || fail 'a loop device is left'
    expect_nothing_left
    expect_same '' "$(ls -A theirs/run/coffer 2>/dev/null)" "the user's runtime directory"
    expect_same '' "$(ls -A m; ls -A theirs/m)" 'the mount points'
}

# A source tree, there and back.
for way in "${ways[@]}"; do
    expect_status 0 "$COFFER" mount v.coffer m --via "$way" --passphrase-file "$secret"
    rm -rf m/tree
    cp -a tree m/
    unmount m
    expect_status 0 "$COFFER" mount v.coffer m --via "$way" --passphrase-file "$secret"
    diff -r --no-dereference tree m/tree || fail "$way: the tree has changed"
    unmount m
    is_sound
done
expect_status 0 theirs "$COFFER" mount v.coffer m --passphrase-file secret
expect_status 0 theirs cp -a tree m/
expect_status 0 theirs "$COFFER" unmount m
expect_status 0 theirs "$COFFER" mount v.coffer m --passphrase-file secret
expect_status 0 theirs diff -r --no-dereference tree m/tree
expect_status 0 theirs "$COFFER" unmount m
expect_status 0 theirs "$COFFER" mount --block v.coffer m --passphrase-file secret
expect_status 0 theirs /sbin/e2fsck -fn m/volume
expect_status 0 theirs "$COFFER" unmount m
expect_no_trace

# Again and again.
for ((i = 0; i < cycles; i++)); do
    way=${ways[i % ${#ways[@]}]}
    expect_status 0 "$COFFER" mount v.coffer m --via "$way" --passphrase-file "$secret"
    echo "$i" >m/number
    unmount m
    expect_status 0 theirs "$COFFER" mount v.coffer m --passphrase-file secret
    expect_status 0 theirs sh -c "echo $i >m/number"
    expect_status 0 theirs "$COFFER" unmount m
done
expect_no_trace

# One mount, used again and again, keeps nothing open.
open_files() {
    find "/proc/$server/fd" -mindepth 1 | wc -l
}
for way in "${ways[@]}"; do
    expect_status 0 "$COFFER" mount v.coffer m --via "$way" --passphrase-file "$secret"
    server=$(server_of m)
    before=$(open_files)
    for ((i = 0; i < cycles; i++)); do
        rm -rf m/again
        cp -r tree m/again
        (cd m/again && find . -type f -exec cat {} + >/dev/null)
    done
    expect_same "$before" "$(open_files)" "$way: open files of the server"
    unmount m
done
expect_no_trace
