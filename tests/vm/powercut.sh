# SPDX-License-Identifier: ISC
# shellcheck shell=bash disable=SC2034,SC2154
#
# The power is cut while a machine works on a coffer volume on a disk with a write cache:
#
#     ./dev vm powercut [CUTS [KIND...]]
#
# CUTS of each KIND: writes, keys, growth (harness/powercut_KIND.sh). The machine is killed at a random moment. After
# each cut the disk as it is, and disks that lost different parts of what had not been flushed, must hold everything
# that was safe: when the machine has been told that step N is done, it notes N in the disk's second partition, through
# the same write cache. Named: 50 cuts of each kind; among all cases: 1.
#
# The machine boots once and is saved while it waits for orders; before each cut it is restored over a new disk, none
# of which it has seen.

programs='mount dd truncate cp e2fsck resize2fs'
modules='fuse loop ext4'
memory=384

kinds=(writes keys growth)
secret=(--passphrase-file secret)
cheap=(--kdf-memory 8M --kdf-passes 1 --quiet)
first=2048          # sectors of 512 bytes: where the partition to work in begins,
size=$((48 * 2048)) # and how large it is
notes=$((60 * 2048))

prepare() {
    echo secret >secret
    cp "$vm"/harness/powercut_*.sh .
}

# The step N that has just been done; not flushed.
note() { # N
    printf '%-4095s\n' "$1" | dd of=/dev/vda2 bs=4096 oflag=direct conv=notrunc status=none
}

guest() {
    local kind cut
    cd /case || return
    mkdir /tmp/m /tmp/f
    echo 3 >/proc/sys/vm/drop_caches
    echo @ready
    read -r kind cut </dev/ttyS1
    # shellcheck disable=SC1090
    . "./powercut_$kind.sh"
    work "$cut"
}

# An entry of the table of partitions.
partition() { # FIRST COUNT
    local number shift
    printf '\0\0\0\0\203\0\0\0'
    for number; do
        for shift in 0 8 16 24; do printf '%b' "\\0$(printf %o $((number >> shift & 255)))"; done
    done
}

# A disk of two partitions, with nothing in them.
make_disk() {
    rm -f "$work/disk0"
    truncate -s 65M "$work/disk0"
    {
        partition "$first" "$size"
        partition "$notes" 8
        printf '%32s\125\252' '' | tr ' ' '\0'
    } | dd of="$work/disk0" bs=1 seek=446 conv=notrunc status=none
}

# The first partition, to and from the file 'content'.
fill_disk() { # DISK
    dd if=content of="$1" bs=512 seek="$first" conv=notrunc,sparse status=none
}

look_at_disk() { # DISK
    rm -f content
    dd if="$1" of=content bs=512 skip="$first" count="$size" conv=sparse status=none
    kept=$(dd if="$1" bs=512 skip="$notes" count=8 status=none | tr -d '\0 ')
    kept=${kept:-0}
}

# A file system without a flaw, once its journal is replayed.
check_ext4() { # IMAGE
    e2fsck -p "$1" >fsck 2>&1 || [ $? -eq 1 ] || { cat fsck; return 1; }
    e2fsck -fn "$1" >fsck 2>&1 || { cat fsck; return 1; }
}

finish() {
    ! mountpoint -q "$work/cases/powercut/m" || "$COFFER" unmount "$work/cases/powercut/m"
}

check_disk() { # KIND DISK WHAT
    look_at_disk "$2"
    check "$cut" || { echo "$1, cut $cut, $kept steps were safe: $3"; return 1; }
    states=$((states + 1)) steps=$((steps + kept))
}

cut_power() { # KIND
    local seed
    make "$cut"
    make_disk
    fill_disk "$work/disk0"
    cp --sparse=always "$work/disk0" "$work/before"
    rm -f "$work/log"
    : >"$work/log"
    disk_log=$work/log machine_restore "$1 $cut"
    machine_says @working
    sleep "$((1 + RANDOM % 6)).$((RANDOM % 1000))" # when the power is cut is left to chance
    machine_kill
    machine_end
    check_disk "$1" "$work/disk0" 'the disk itself'
    for seed in "$cut" $((cut + 1000)); do
        "$vm/harness/crash_state.py" "$work/before" "$work/log" "$work/after" "$seed" >"$work/what"
        check_disk "$1" "$work/after" "$(cat "$work/what")"
    done
    echo "$1, cut $cut: $kept steps were safe; $(cat "$work/what")"
}

host() {
    local cuts=${1:-1} cut kind states=0 steps=0
    [ -z "$named" ] || cuts=${1:-50}
    [ $# -lt 2 ] || kinds=("${@:2}")
    for program in e2fsck debugfs mkfs.ext4; do command -v "$program" >/dev/null || skip "$program is not installed"; done
    [ -w /dev/fuse ] || skip 'the disks are checked here, and /dev/fuse is missing or not for us'
    # shellcheck disable=SC2317
    coffer() { "$COFFER" "$@"; }
    mkdir m files
    make_disk
    machine_start
    machine_says @ready
    machine_save
    for kind in "${kinds[@]}"; do
        # shellcheck disable=SC1090
        . "./powercut_$kind.sh"
        states=0 steps=0
        for ((cut = 1; cut <= cuts; cut++)); do cut_power "$kind"; done
        echo "$kind: $cuts cuts, $states disks after them, $steps steps had to be there and were"
    done
}
