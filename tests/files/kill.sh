#!/bin/bash
# SPDX-License-Identifier: ISC
#
# The server is killed in the middle of writing, again and again: the file system is mounted again, ext after e2fsck -p,
# and everything that fsync has confirmed is there. KILL_RUNS is the number of times.

# shellcheck source=tests/files/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

busy() { # changes that nobody syncs, all the while
    local i
    for ((i = 0; ; i++)); do
        [ -e m/mounted ] || return 0 # what is there now is not mounted
        mkdir -p "m/busy$((i % 5))" || return 0
        head -c $((RANDOM * 20)) /dev/zero >"m/busy$((i % 5))/f$((i % 50))" || return 0
        [ $((i % 7)) -ne 0 ] || rm -rf "m/busy$((RANDOM % 5))" || return 0
    done 2>/dev/null
}

kill_once() {
    local cache=(through) # what coffer uses; and with the kernel's cache of writes
    [ $((RANDOM % 3)) -ne 0 ] || cache=()
    serve fs.img m "${cache[@]}"
    busy &
    local other=$!
    kill_writing m log
    wait "$other" || true
}

# Now and then by the kernel, which reads the journal as well.
recover() {
    local status=0
    if [ $((RANDOM % 3)) -eq 0 ] && [ "$1" = -p ] && [ "$(id -u)" -eq 0 ] && mount -o loop fs.img k 2>/dev/null; then
        umount k
        clean fs.img
        return
    fi
    e2fsck "$1" fs.img >fsck.log 2>&1 || status=$?
    [ "$status" -le 1 ] || { cat fsck.log; fail "e2fsck $1: exit status $status"; }
    clean fs.img
}

mkdir k

run() { # E2FSCK-OPTION MKE2FS-OPTION...
    local option=$1 i
    shift
    rm -f fs.img log
    : >log
    image fs.img 200M "$@"
    serve fs.img m
    touch m/mounted
    stop m
    for ((i = 0; i < ${KILL_RUNS:-5}; i++)); do
        kill_once
        recover "$option"
        serve fs.img m
        "$TOOLS/synced_files" check m log || fail "after kill $i ($*)"
        stop m
    done
}

run_ntfs() { # MKNTFS-OPTION...
    local i
    rm -f fs.img log
    : >log
    ntfs_image fs.img 200M "$@"
    serve fs.img m
    touch m/mounted
    stop m
    for ((i = 0; i < ${KILL_RUNS:-5}; i++)); do
        kill_once
        serve fs.img m read-only # as the crash left it, all of it
        "$TOOLS/synced_files" check m log || fail "read only, after kill $i (ntfs $*)"
        stop m
        serve fs.img m
        "$TOOLS/synced_files" check m log || fail "after kill $i (ntfs $*)"
        stop m
        clean_ntfs fs.img
    done
}

if command -v mkntfs >/dev/null && [ -n "${WITH_NTFS:-}" ]; then
    run_ntfs
    run_ntfs -c 512
fi
run -p -t ext4
run -p -t ext4 -b 1024
run -y -t ext2
