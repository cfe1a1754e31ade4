# SPDX-License-Identifier: ISC
# shellcheck shell=bash disable=SC2154
#
# powercut_growth.sh - a volume in a file on ext4, thin and thick in turn, grows. Step N: it has grown N times. It must
# open, be as large as it had been made at least, hold the file that was in it from the start, and the growth that was
# cut off can be done again.
#
# Every other cut the ext4 in it grows as well. That is resize2fs, which writes without a journal: e2fsck has to repair
# what it left, also a superblock of which one half is old, and it must find everything.

least=$((8 << 20)) step=$((512 << 10)) most=64 # of the container, in bytes; and steps

make() { # CUT
    local kind=(--thin --thick)
    rm -rf content volume
    coffer create volume --size "$least" "${kind[$1 / 2 % 2]}" "${cheap[@]}" "${secret[@]}" 2>/dev/null
    coffer mount --block volume m "${secret[@]}"
    seq 100000 >record
    debugfs -w -R 'write record record' m/volume >/dev/null 2>&1
    coffer unmount m
    truncate -s $((size * 512)) content
    mkfs.ext4 -q content
    debugfs -w -R 'write volume volume' content >/dev/null 2>&1
}

grow() { # CUT VOLUME SIZE
    local how=(--container-only)
    [ $(($1 % 2)) -eq 1 ] || how=()
    coffer resize "$2" "$3" "${how[@]}" "${secret[@]}" --quiet
}

work() { # CUT
    local n
    mount /dev/vda1 /tmp/f
    echo @working
    for ((n = 1; n <= most; n++)); do
        grow "$1" /tmp/f/volume $((least + n * step)) || { echo "growth $n fails"; return 1; }
        note "$n"
    done
    sleep 1000
}

has_record() { # CUT
    if [ $(($1 % 2)) -eq 0 ]; then e2fsck -fy m/volume >fsck 2>&1 || [ $? -eq 1 ] || { cat fsck; return 1; }; fi
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
    has_record "$1" || return
    coffer unmount m || return
    grow "$1" volume $((least + (kept + 2) * step)) || return
    coffer mount --block volume m "${secret[@]}" || return
    has_record "$1" || return
    coffer unmount m
}
