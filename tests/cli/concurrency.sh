#!/bin/bash
# SPDX-License-Identifier: ISC
#
# concurrency.sh - commands at the same time: one mount of one volume, one mount at one place, one end, and every
# command says what is true.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$SOURCE_DIR/tests/cli/lib_mount.sh"

count_status() { # N: how many of the files status.* say so
    grep -lx "$1" status.* | wc -l
}

run_together() { # N COMMAND...: starts it N times; {} is the number
    local count=$1 i
    shift
    rm -f status.* said.*
    for ((i = 1; i <= count; i++)); do
        (
            status=0
            "${@//\{\}/$i}" >"said.$i" 2>&1 || status=$?
            echo "$status" >"status.$i"
        ) &
    done
    wait
}

for i in 1 2 3 4; do
    make_volume "$i.coffer"
    mkdir "m$i"
done

for round in 1 2 3 4 5; do
    # One volume, four places: one gets it, the others are told that it is in use.
    run_together 4 "$COFFER" mount --block 1.coffer 'm{}' --passphrase-file "$secret"
    expect_same '1 3' "$(count_status 0) $(count_status 11)" "mounts of one volume, round $round"

    # It ends once; whoever asks while it ends gets the same good news, whoever comes later that it is not mounted.
    run_together 4 "$COFFER" unmount 1.coffer
    [ "$(count_status 0)" -ge 1 ] || fail "nobody unmounted it: $(cat said.*)"
    expect_same 4 "$(($(count_status 0) + $(count_status 10)))" "unmounts of one volume, round $round: $(cat said.*)"
    expect_nothing_left

    # Four volumes, one place.
    run_together 4 "$COFFER" mount --block '{}.coffer' m1 --passphrase-file "$secret"
    expect_same '1 3' "$(count_status 0) $(count_status 11)" "mounts at one place, round $round"
    expect_same 1 "$(grep -cF " $work/m1 " /proc/self/mountinfo)" 'mounts at one place'
    unmount m1
    expect_nothing_left

    # Mount and unmount against each other, until the mount is through.
    "$COFFER" mount --block 1.coffer m1 --passphrase-file "$secret" &
    mounting=$!
    status=10
    while [ "$status" -eq 10 ]; do
        status=0
        "$COFFER" unmount m1 >said 2>&1 || status=$?
        sleep 0.01 # the mount needs the processor, too
    done
    expect_same 0 "$status" "unmount while it is mounted: $(cat said)"
    status=0
    wait "$mounting" || status=$?
    case $status in 0 | 130) ;; *) fail "a mount that was unmounted at once: $status" ;; esac
    expect_nothing_left
done

# Mounts and unmounts in a row leave nothing: no process, no file, no mount.
for ((i = 0; i < 50; i++)); do
    mount_block "$work/1.coffer" "$work/m1"
    unmount m1
    has_no_process || fail "a server is left after $i rounds"
done
expect_nothing_left
