# SPDX-License-Identifier: ISC
# shellcheck shell=bash disable=SC2154
#
# powercut_writes.sh - files with fsync in an ext4 in a volume, thin and thick in turn. Step N: file N is written and
# fsync has returned. Every file up to the last step must be there with its content.

# What file N holds: from 1 to some 90 000 bytes that only it has.
record() { # N
    seq "$(($1 * 100000))" "$(($1 * 100000 + $1 * 7919 % 9000))"
}

make() { # CUT
    local kind=(--thin --thick)
    rm -f content
    coffer create content --size $((size * 512)) "${kind[$1 % 2]}" "${cheap[@]}" "${secret[@]}" 2>/dev/null
}

work() { # CUT
    coffer mount --block /dev/vda1 /tmp/m "${secret[@]}"
    mount -o loop /tmp/m/volume /tmp/f
    echo @working
    local n=0
    while :; do
        n=$((n + 1))
        record "$n" | dd of="/tmp/f/$n" bs=64k conv=fsync status=none
        note "$n"
        [ "$n" -le 20 ] || rm "/tmp/f/$((n - 20))" # not synced: may come back
    done
}

check() { # CUT
    local n
    rm -rf files
    mkdir files
    coffer mount --block content m "${secret[@]}" || return
    check_ext4 m/volume || return
    for ((n = kept > 20 ? kept - 19 : 1; n <= kept; n++)); do echo "dump /$n files/$n"; done >commands
    debugfs -f commands m/volume >/dev/null 2>&1
    for ((n = kept > 20 ? kept - 19 : 1; n <= kept; n++)); do
        record "$n" | cmp - "files/$n" || { echo "file $n of $kept is lost"; return 1; }
    done
    coffer unmount m
}
