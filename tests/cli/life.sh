#!/bin/bash
# SPDX-License-Identifier: ISC
#
# life.sh - files over the life of many mounts, for root by the kernel and for an ordinary user in process: a source
# tree there and back, cycles that leak nothing, servers that are killed while somebody writes. COFFER_CYCLES and
# COFFER_KILLS say how many; 50 and 30 for a long run.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/cli/lib_mount.sh
. "$SOURCE_DIR/tests/cli/lib_mount.sh"

need_root
need_program e2fsck losetup
as_nobody test -x "$COFFER" || skip 'an ordinary user may not reach the program'
cycles=${COFFER_CYCLES:-3}
kills=${COFFER_KILLS:-3}
ways=(fuse)
[ ! -w /dev/loop-control ] || ! grep -qw ext4 /proc/filesystems || ways+=(loop)
chmod 0711 "$work"
mkdir m
install -d -o nobody -m 0700 theirs theirs/run theirs/m
mkdir tree
cp -r "$SOURCE_DIR/cli" "$SOURCE_DIR/tests/cli" tree/ 2>/dev/null || cp -r "$SOURCE_DIR/cli" tree/
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

# Killed at some moment while somebody writes: the next mount works, and what was synced is there.
write_files() { # DIR LOG: until it fails
    local j
    for ((j = 0; ; j++)); do
        printf 'round %s file %s\n' "$i" "$j" >"$1/f$j" && sync "$1/f$j" || return 0
        echo "$j" >>"$2"
        rm -f "$1/g" && cp "$SOURCE_DIR/cli/main.c" "$1/g" || return 0 # and what nobody waits for
    done
}

has_lines() { # FILE N
    [ "$(wc -l <"$1")" -ge "$2" ]
}

for ((i = 0; i < kills; i++)); do
    way=${ways[i % ${#ways[@]}]}
    expect_status 0 "$COFFER" mount v.coffer m --via "$way" --passphrase-file "$secret"
    server=$(server_of m)
    rm -rf m/killed
    mkdir m/killed
    : >log
    write_files m/killed log 2>/dev/null &
    writer=$!
    wait_until has_lines log $((RANDOM % 20 + 1))
    kill -KILL "$server"
    wait "$writer" || true
    wait_until is_gone "$server"
    cp log synced
    expect_status 0 "$COFFER" mount v.coffer m --via "$way" --passphrase-file "$secret"
    while read -r j; do
        expect_same "round $i file $j" "$(cat "m/killed/f$j")" "$way: a synced file after kill -9"
    done <synced
    unmount m
    is_sound
done
expect_no_trace
