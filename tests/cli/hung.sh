#!/bin/bash
# SPDX-License-Identifier: ISC
#
# hung.sh - servers that do not answer: stopped, or frozen as before a suspend. Commands return and say why, for every
# way; and when the servers go on, nothing was lost and what was asked for is done.

# shellcheck source=tests/cli/lib_alone.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib_alone.sh"
# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/cli/lib_mount.sh
. "$SOURCE_DIR/tests/cli/lib_mount.sh"

ways=(block fuse)
[ ! -w /dev/loop-control ] || ! grep -qw ext4 /proc/filesystems || ways+=(loop)
make_volume block.coffer
make_volume fuse.coffer --size 32M --fs ext4
cp fuse.coffer loop.coffer
make_volume other.coffer
mkdir "${ways[@]}" other
head -c 2000000 /dev/urandom >data
servers=()

let_go() { # so that no clean-up meets a server that hangs
    kill -CONT "${servers[@]}"
    kill -KILL "${servers[@]}"
}
at_end let_go

mount_all() {
    local way
    servers=()
    for way in "${ways[@]}"; do
        if [ "$way" = block ]; then
            mount_block block.coffer block
        else
            expect_status 0 "$COFFER" mount "$way.coffer" "$way" --via "$way" --passphrase-file "$secret"
        fi
        servers+=("$(server_of "$way")")
    done
}

write_all() { # without waiting for the medium
    local way
    for way in "${ways[@]}"; do
        if [ "$way" = block ]; then dd if=data of=block/volume conv=notrunc status=none; else cp data "$way/data"; fi
    done
}

check_all() { # what was written
    local way
    for way in "${ways[@]}"; do
        if [ "$way" = block ]; then cmp -n 2000000 data block/volume; else cmp data "$way/data"; fi ||
            fail "$way: what was written is not there"
    done
}

in_tree() { # DIR: by the kernel's table, which asks no server
    grep -qF " $work/$1 " /proc/self/mountinfo
}

promptly() { # COMMAND...: returns, which is all that is asked; a minute is no time on a busy machine
    timeout -k 5 60 "$@"
}

all_are() { # STATE: a letter of /proc/PID/stat
    local server
    for server in "${servers[@]}"; do
        [[ $(sed 's/.*) //' "/proc/$server/stat") = "$1"* ]] || return 1
    done
}

all_are_gone() {
    local server
    for server in "${servers[@]}"; do
        is_gone "$server" || return 1
    done
}

nothing_is_mounted() {
    ! grep -qF " $work/" /proc/self/mountinfo
}

stop_all() {
    kill -STOP "${servers[@]}"
    wait_until all_are T
}

# Stopped with everything unwritten: the others are listed and mounted, and who cannot be unmounted is named.
mount_all
write_all
stop_all
expect_status 0 promptly "$COFFER" list --json
expect_json "sorted(m['server_pid'] for m in $ours) == sorted([$(IFS=,; echo "${servers[*]}")])" \
    "all(m['alive'] for m in $ours)"
expect_status 0 promptly "$COFFER" mount --block other.coffer other --passphrase-file "$secret"
expect_status 0 promptly "$COFFER" unmount other
for i in "${!ways[@]}"; do
    expect_status 11 promptly "$COFFER" unmount "${ways[i]}"
    expect_error "cannot unmount '$work/${ways[i]}': its server, process ${servers[i]}, is stopped"
    expect_error "hint: 'kill -CONT'"
    in_tree "${ways[i]}" || fail "${ways[i]}: gone from the tree"
done
expect_status 11 promptly "$COFFER" unmount --all
expect_error "error: ${#ways[@]} of ${#ways[@]} could not be unmounted"
expect_status 11 promptly "$COFFER" unmount --all --wait 1
kill -CONT "${servers[@]}"
check_all
expect_status 0 "$COFFER" unmount --all
all_are_gone || fail 'a server is left'
expect_nothing_left

# unmount --wait waits for one that goes on.
mount_all
stop_all
promptly "$COFFER" unmount fuse --wait 60 2>stderr &
waiting=$!
wait_until sh -c "pgrep -P $waiting >/dev/null"
kill -CONT "${servers[@]}"
status=0
wait "$waiting" || status=$?
expect_same 0 "$status" 'status of unmount --wait'
expect_status 0 "$COFFER" unmount --all

# Lazily they go from the tree at once, and their servers finish when they go on.
mount_all
write_all
stop_all
expect_status 0 promptly "$COFFER" unmount --all --lazy
for i in "${!ways[@]}"; do
    expect_error "notice: '$work/${ways[i]}' is unmounted; its server, process ${servers[i]}, is stopped"
    ! in_tree "${ways[i]}" || fail "${ways[i]}: still in the tree"
done
kill -CONT "${servers[@]}"
wait_until all_are_gone
wait_until nothing_is_mounted
mount_all
check_all
expect_status 0 "$COFFER" unmount --all

# One of several is stopped: the others end all the same.
mount_all
kill -STOP "${servers[0]}"
expect_status 11 promptly "$COFFER" unmount --all
expect_error "its server, process ${servers[0]}, is stopped"
for ((i = 1; i < ${#servers[@]}; i++)); do
    is_gone "${servers[i]}" || fail "${ways[i]}: one that could be unmounted is not"
done
kill -CONT "${servers[0]}"
expect_status 0 "$COFFER" unmount --all
expect_nothing_left

# Stopped and going on, again and again, while somebody writes: as after a suspend nothing is to be seen of it.
mount_all
pids=()
for i in "${!ways[@]}"; do
    write_all &
    pids+=($!)
done
for i in 1 2 3 4 5 6 7 8 9 10; do
    stop_all
    kill -CONT "${servers[@]}"
done
for i in "${pids[@]}"; do
    wait "$i" || fail 'a writer got an error'
done
check_all
expect_status 0 "$COFFER" unmount --all
expect_nothing_left

# The same with the freezer of the kernel's control groups, which is what a suspend does to processes.
freezer=/sys/fs/cgroup/freezer/coffer-test.$$
mkdir "$freezer" 2>/dev/null || skip 'no freezer can be had here: what follows is not tried'
thaw() {
    echo THAWED >"$freezer/freezer.state"
    for pid in "${servers[@]}"; do echo "$pid" >"$freezer/../cgroup.procs"; done
    rmdir "$freezer"
}
at_end thaw
mount_all
write_all
for pid in "${servers[@]}"; do echo "$pid" >"$freezer/cgroup.procs"; done
echo FROZEN >"$freezer/freezer.state"
wait_until grep -qx FROZEN "$freezer/freezer.state"
expect_status 0 promptly "$COFFER" list
expect_status 11 promptly "$COFFER" unmount --all --wait 0
expect_status 0 promptly "$COFFER" list
echo THAWED >"$freezer/freezer.state"
wait_until all_are_gone # what unmount began ends by itself
wait_until nothing_is_mounted
mount_all
check_all
expect_status 0 "$COFFER" unmount --all
expect_nothing_left
