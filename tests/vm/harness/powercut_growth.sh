# SPDX-License-Identifier: ISC
# shellcheck shell=bash disable=SC2154
#
# powercut_growth.sh - a volume in a file on ext4, thin and thick in turn, grows. Step N: it has grown N times. It must
# open, be as large as it had been made at least, hold the file that was in it from the start, and the growth that was
# cut off can be done again, with the ext4 in it.
#
# That ext4 does not grow before: resize2fs has no journal, and where a power cut leaves one half of a superblock old,
# as it may on any disk, a file system that is too small for a copy of it is lost.

least=$((8 << 20)) step=$((512 << 10)) most=64 # of the container, in bytes; and steps

make() { # CUT
    local kind=(--thin --thick)
    rm -rf content volume
    coffer create volume --size "$least" "${kind[$1 % 2]}" "${cheap[@]}" "${secret[@]}" 2>/dev/null
    coffer mount --block volume m "${secret[@]}"
    seq 100000 >record
    debugfs -w -R 'write record record' m/volume >/dev/null 2>&1
    coffer unmount m
    truncate -s $((size * 512)) content
    mkfs.ext4 -q content
    debugfs -w -R 'write volume volume' content >/dev/null 2>&1
}

work() { # CUT
    local n
    mount /dev/vda1 /tmp/f
    echo @working
    for ((n = 1; n <= most; n++)); do
        coffer resize /tmp/f/volume $((least + n * step)) --container-only "${secret[@]}" --quiet ||
            { echo "growth $n fails"; return 1; }
        note "$n"
    done
    sleep 1000
}

has_record() {
    check_ext4 m/volume && rm -f found && debugfs -R 'dump record found' m/volume >/dev/null 2>&1 && cmp record found
}

check() { # CUT
    local bytes
    check_ext4 content || { echo 'the file system around it'; return 1; }
    rm -f volume
    debugfs -R 'dump volume volume' content >/dev/null 2>&1
    bytes=$(stat -c %s volume)
    [ "$bytes" -ge $((least + kept * step)) ] || { echo "it has only $bytes bytes"; return 1; }
    coffer mount --block volume m "${secret[@]}" || return
    has_record || return
    coffer unmount m || return
    coffer resize volume $((least + (kept + 2) * step)) "${secret[@]}" --quiet || return
    coffer mount --block volume m "${secret[@]}" || return
    has_record || return
    coffer unmount m
}
