# SPDX-License-Identifier: ISC
# shellcheck shell=bash disable=SC2034,SC2154
#
# The power is cut while a machine writes files with fsync to ext4 in a coffer volume on a disk with a write cache:
#
#     ./dev vm powercut [CUTS]
#
# The machine is killed at a random moment. After each cut the disk as it is, and disks that lost different parts
# of what had not been flushed, must open and be sound after the journal is replayed, and must hold every file
# whose fsync had returned: the machine notes its number after that in the disk's second partition, through the
# same write cache. Named: 50 cuts; among all cases: 2.

programs='mount dd'
modules='fuse loop ext4'

secret=(--passphrase-file secret)
first=2048          # sectors of 512 bytes: where the volume's partition begins,
size=$((48 * 2048)) # and how large it is
notes=$((60 * 2048))

# What file N holds: from 1 to some 90 000 bytes that only it has.
content() { # N
    seq "$(($1 * 100000))" "$(($1 * 100000 + $1 * 7919 % 9000))"
}

prepare() {
    echo secret >secret
}

guest() {
    cd /case || return
    mkdir /tmp/m /tmp/f
    coffer mount --block /dev/vda1 /tmp/m "${secret[@]}"
    mount -o loop /tmp/m/volume /tmp/f
    echo @working
    local n=0
    while :; do
        n=$((n + 1))
        content "$n" | dd of="/tmp/f/$n" bs=64k conv=fsync status=none
        printf '%-4095s\n' "$n" | dd of=/dev/vda2 bs=4096 oflag=direct conv=notrunc status=none
        [ "$n" -le 20 ] || rm "/tmp/f/$((n - 20))" # not synced: may come back
    done
}

# An entry of the table of partitions.
partition() { # FIRST COUNT
    local number shift
    printf '\0\0\0\0\203\0\0\0'
    for number; do
        for shift in 0 8 16 24; do printf '%b' "\\0$(printf %o $((number >> shift & 255)))"; done
    done
}

# A disk of two partitions, the first with a volume: thin and thick in turn.
make_disk() { # CUT
    local kind=(--thin --thick)
    rm -f "$work/disk0" volume
    coffer create volume --size $((size * 512)) "${kind[$1 % 2]}" --kdf-memory 8M --kdf-passes 1 --quiet "${secret[@]}" \
        2>/dev/null # the warning that this costs little
    truncate -s 65M "$work/disk0"
    {
        partition "$first" "$size"
        partition "$notes" 8
        printf '%32s\125\252' '' | tr ' ' '\0'
    } | dd of="$work/disk0" bs=1 seek=446 conv=notrunc status=none
    dd if=volume of="$work/disk0" bs=512 seek="$first" conv=notrunc,sparse status=none
}

# Everything that must hold for a disk after a cut; sets kept to the number of the last file that was safe.
check_disk() { # DISK
    local n
    kept=$(dd if="$1" bs=512 skip="$notes" count=8 status=none | tr -d '\0 ')
    kept=${kept:-0}
    rm -rf volume files
    dd if="$1" of=volume bs=512 skip="$first" count="$size" conv=sparse status=none
    mkdir -p m files
    coffer mount --block volume m "${secret[@]}" || return
    e2fsck -p m/volume >fsck 2>&1 || [ $? -eq 1 ] || { cat fsck; return 1; }
    e2fsck -fn m/volume >fsck 2>&1 || { cat fsck; return 1; }
    for ((n = kept > 20 ? kept - 19 : 1; n <= kept; n++)); do echo "dump /$n files/$n"; done >commands
    debugfs -f commands m/volume >/dev/null 2>&1
    for ((n = kept > 20 ? kept - 19 : 1; n <= kept; n++)); do
        content "$n" | cmp - "files/$n" || { echo "file $n of $kept is lost"; return 1; }
    done
    coffer unmount m
}

finish() {
    ! mountpoint -q "$work/case/m" || "$COFFER" unmount "$work/case/m"
}

host() {
    local cuts=${1:-2} cut seed states=0 files=0
    [ -z "$named" ] || cuts=${1:-50}
    for program in e2fsck debugfs; do command -v "$program" >/dev/null || skip "$program is not installed"; done
    [ -w /dev/fuse ] || skip 'the disks are checked here, and /dev/fuse is missing or not for us'
    coffer() { "$COFFER" "$@"; }
    cd "$work/case" || return
    for ((cut = 1; cut <= cuts; cut++)); do
        make_disk "$cut"
        cp --sparse=always "$work/disk0" "$work/before"
        rm -f "$work/log"
        : >"$work/log"
        disk_log=$work/log machine_start
        machine_says @working
        sleep "$((RANDOM % 10)).$((RANDOM % 1000))" # when the power is cut is left to chance
        machine_kill
        machine_end
        for seed in 0 "$cut" $((cut + 1000)) $((cut + 2000)); do
            "$vm/harness/crash_state.py" "$work/before" "$work/log" "$work/after" "$seed" >"$work/what"
            check_disk "$work/after" || { echo "cut $cut: $(cat "$work/what")"; return 1; }
            states=$((states + 1)) files=$((files + kept))
        done
        check_disk "$work/disk0" || { echo "cut $cut: the disk itself"; return 1; }
        states=$((states + 1))
        echo "cut $cut: $kept files were safe; last: $(cat "$work/what")"
    done
    echo "$cuts cuts, $states disks after them, $files files had to be there and were"
}
