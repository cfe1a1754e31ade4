#!/bin/bash
# SPDX-License-Identifier: ISC
#
# pressure.sh - writing through a mount of the kernel's while memory is at its limit for whoever writes: it is only won
# back by writing to the very mount that needs it. It may take its time; it must not hang.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/cli/lib_mount.sh
. "$SOURCE_DIR/tests/cli/lib_mount.sh"

need_root
[ -w /dev/loop-control ] && grep -qw ext4 /proc/filesystems || skip 'there are no loop devices or no ext4 here'
group=/sys/fs/cgroup/memory/coffer-test.$$
mkdir "$group" 2>/dev/null || skip 'no control group for memory can be had here'
leave() {
    rmdir "$group"
}
at_end leave
echo 48M >"$group/memory.limit_in_bytes" 2>/dev/null || skip 'memory cannot be limited here'
mkdir m
make_volume v.coffer --size 256M --fs ext4

in_group() { # COMMAND...
    # shellcheck disable=SC2016 # for the inner shell
    sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$group" "$@"
}

for way in loop fuse; do
    expect_status 0 "$COFFER" mount v.coffer m --via "$way" --passphrase-file "$secret"
    server=$(server_of m)
    expect_status 0 timeout -k 5 240 "$BASH" -c "$(declare -f in_group); group=$group
        in_group dd if=/dev/zero of=m/large bs=1M count=150 conv=fsync status=none"
    is_running "$server" || fail "$way: the server is gone"
    [ "$(cat "$group/memory.failcnt")" -gt 0 ] || fail "$way: memory was not short"
    cmp -n $((150 << 20)) m/large /dev/zero || fail "$way: what was written is not there"
    rm m/large
    unmount m
    echo 0 >"$group/memory.failcnt"
done
expect_nothing_left
