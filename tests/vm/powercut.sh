# SPDX-License-Identifier: ISC
# shellcheck shell=bash disable=SC2034,SC2154
#
# The power is cut while a machine with a disk that has a write cache works on a volume:
#
#     ./dev vm powercut [CUTS]
#
# In turn it writes files with fsync to ext4 in the volume (files), adds and removes keys (keys), and makes the volume
# larger, which lies as a file in an ext4 (growth). It is killed at a random moment. After each cut the disk as it is,
# and disks that lost different parts of what had not been flushed, must hold what was safe: what the machine noted
# in the disk's second partition, through the same write cache, after a step had returned. A file whose fsync had
# returned is there, a key that was added opens, one that was removed does not, a volume is as large as it was made,
# and everything opens and is sound. Named: 51 cuts; among all cases: 3.

programs='mount dd'
modules='fuse loop ext4'

secret=(--passphrase-file secret)
first=2048          # sectors of 512 bytes: where the volume's partition begins,
size=$((48 * 2048)) # and how large it is
notes=$((60 * 2048))
kinds=(files keys growth)

prepare() {
    local i
    echo secret >secret
    for i in {1..60}; do echo "key number $i" >"key$i"; done
}

note() { # TEXT: it is safe
    printf '%-4095s\n' "$*" | dd of=/dev/vda2 bs=4096 oflag=direct conv=notrunc status=none
}

# A disk with a partition of which `volume` is the content, one for notes, and the kind of work after them.
make_disk() { # CUT KIND
    rm -f "$work/disk0" volume
    "make_$2" "$1" 2>/dev/null # the warning that a key derivation costs little
    truncate -s 65M "$work/disk0"
    {
        partition "$first" "$size"
        partition "$notes" 16
        printf '%32s\125\252' '' | tr ' ' '\0'
    } | dd of="$work/disk0" bs=1 seek=446 conv=notrunc status=none
    dd if=volume of="$work/disk0" bs=512 seek="$first" conv=notrunc,sparse status=none
    printf '%s' "$2" | dd of="$work/disk0" bs=512 seek=$((notes + 8)) conv=notrunc status=none
}

guest() {
    cd /case || return
    mkdir /tmp/m /tmp/f
    "work_on_$(dd if=/dev/vda2 bs=4096 skip=1 count=1 status=none | tr -d '\0')"
}

# Everything that must hold for a disk after a cut; `kept` is what was noted last.
check_disk() { # DISK KIND
    kept=$(dd if="$1" bs=512 skip="$notes" count=8 status=none | tr -d '\0' | sed 's/ *$//')
    rm -rf volume
    dd if="$1" of=volume bs=512 skip="$first" count="$size" conv=sparse status=none
    mkdir -p m
    # shellcheck disable=SC2086 # numbers
    "check_$2" $kept
}

# ---- files -------------------------------------------------------------------------------------------------

# What file N holds: from 1 to some 90 000 bytes that only it has.
content() { # N
    seq "$(($1 * 100000))" "$(($1 * 100000 + $1 * 7919 % 9000))"
}

make_files() { # CUT: thin and thick in turn
    local kind=(--thin --thick)
    coffer create volume --size $((size * 512)) "${kind[$1 / 3 % 2]}" --kdf-memory 8M --kdf-passes 1 --quiet "${secret[@]}"
}

work_on_files() {
    coffer mount --block /dev/vda1 /tmp/m "${secret[@]}"
    mount -o loop /tmp/m/volume /tmp/f
    echo @working
    local n=0
    while :; do
        n=$((n + 1))
        content "$n" | dd of="/tmp/f/$n" bs=64k conv=fsync status=none
        note "$n"
        [ "$n" -le 20 ] || rm "/tmp/f/$((n - 20))" # not synced: may come back
    done
}

check_files() { # N: of the last file that was safe
    local last=${1:-0} n
    rm -rf files
    mkdir files
    coffer mount --block volume m "${secret[@]}" || return
    e2fsck -p m/volume >fsck 2>&1 || [ $? -eq 1 ] || { cat fsck; return 1; }
    e2fsck -fn m/volume >fsck 2>&1 || { cat fsck; return 1; }
    for ((n = last > 20 ? last - 19 : 1; n <= last; n++)); do echo "dump /$n files/$n"; done >commands
    debugfs -f commands m/volume >/dev/null 2>&1
    for ((n = last > 20 ? last - 19 : 1; n <= last; n++)); do
        content "$n" | cmp - "files/$n" || { echo "file $n of $last is lost"; return 1; }
    done
    coffer unmount m
}

# ---- keys --------------------------------------------------------------------------------------------------

make_keys() {
    coffer create volume --size $((size * 512)) --fs none --kdf-memory 8M --kdf-passes 1 --quiet "${secret[@]}"
}

# Key N is added, then key N - 2 removed. Slots come again: three are in use beside the first.
work_on_keys() {
    local n=0
    echo @working
    while [ "$n" -lt 60 ]; do
        n=$((n + 1))
        coffer key add /dev/vda1 --quiet "${secret[@]}" --new-passphrase-file "key$n" 2>/dev/null
        note "$n" "$((n > 3 ? n - 3 : 0))"
        [ "$n" -gt 2 ] || continue
        coffer key remove /dev/vda1 --quiet "${secret[@]}" --slot $((1 + (n - 3) % 3)) 2>/dev/null
        note "$n" "$((n - 2))"
    done
    sleep 1000
}

opens() { # KEY-FILE
    coffer info volume --passphrase-file "$1" >/dev/null 2>said
}

check_keys() { # ADDED REMOVED: the last of each that was safe
    local added=${1:-0} removed=${2:-0} n
    # Healing is what opening for writing does; what opens must be the same before and after.
    for step in cut healed; do
        opens secret || { echo "$step: the first secret: $(cat said)"; return 1; }
        for ((n = 1; n <= removed; n++)); do
            ! opens "key$n" || { echo "$step: key $n was removed and opens"; return 1; }
        done
        # The one before may be on its way out: the note that says so was not flushed.
        [ "$added" -eq 0 ] || opens "key$added" || { echo "$step: key $added was added: $(cat said)"; return 1; }
        # 3: the cell of a key that was being added is in one copy, and only that key brings it back in the other
        coffer check --repair volume "${secret[@]}" >said 2>&1 || [ $? -eq 3 ] || { cat said; return 1; }
    done
}

# ---- growth ------------------------------------------------------------------------------------------------

# A pattern at the end of what the volume is at first; thin and thick in turn.
make_growth() { # CUT
    local kind=(--thin --thick)
    rm -rf tree
    mkdir -p tree m
    coffer create tree/v --size 4M --fs none "${kind[$1 / 3 % 2]}" --kdf-memory 8M --kdf-passes 1 --quiet "${secret[@]}"
    coffer mount --block tree/v m "${secret[@]}"
    seq 100000 109361 >pattern # 65534 bytes
    dd if=pattern of=m/volume bs=64k oflag=seek_bytes seek=$(($(stat -c %s m/volume) - 65536)) conv=notrunc,fsync status=none
    coffer unmount m
    truncate -s $((size * 512)) volume
    mkfs.ext4 -q -d tree volume
}

work_on_growth() {
    local n=0
    mount -t ext4 /dev/vda1 /tmp/f
    echo @working
    while :; do
        n=$((n + 1))
        coffer resize /tmp/f/v +256K --quiet "${secret[@]}" 2>/dev/null
        note "$n"
    done
}

check_growth() { # N: how often it grew
    local first_size=$((4 * 1024 * 1024 - 1152 * 1024)) now
    e2fsck -p volume >fsck 2>&1 || [ $? -eq 1 ] || { cat fsck; return 1; }
    rm -f v
    debugfs -R 'dump /v v' volume >/dev/null 2>&1
    coffer mount --block v m "${secret[@]}" || return # finishes a growth that was cut
    now=$(stat -c %s m/volume)
    dd if=m/volume bs=64k iflag=skip_bytes skip=$((first_size - 65536)) count=1 status=none | head -c 65534 | cmp - pattern ||
        { echo "what was at the end is lost"; return 1; }
    coffer unmount m
    [ "$now" -ge $((first_size + ${1:-0} * 256 * 1024)) ] || { echo "$now bytes after $1 growths"; return 1; }
    coffer check v "${secret[@]}" >said || { cat said; return 1; }
}

# ---- on the host -------------------------------------------------------------------------------------------

# An entry of the table of partitions.
partition() { # FIRST COUNT
    local number shift
    printf '\0\0\0\0\203\0\0\0'
    for number; do
        for shift in 0 8 16 24; do printf '%b' "\\0$(printf %o $((number >> shift & 255)))"; done
    done
}

finish() {
    ! mountpoint -q "$work/case/m" || "$COFFER" unmount "$work/case/m"
}

host() {
    local cuts=${1:-3} cut kind seed states=0
    [ -z "$named" ] || cuts=${1:-51}
    for program in e2fsck debugfs mkfs.ext4; do command -v "$program" >/dev/null || skip "$program is not installed"; done
    [ -w /dev/fuse ] || skip 'the disks are checked here, and /dev/fuse is missing or not for us'
    coffer() { "$COFFER" "$@"; }
    cd "$work/case" || return
    for ((cut = 0; cut < cuts; cut++)); do
        kind=${kinds[cut % ${#kinds[@]}]}
        make_disk "$cut" "$kind"
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
            check_disk "$work/after" "$kind" || { echo "cut $cut, $kind: $(cat "$work/what")"; return 1; }
            states=$((states + 1))
        done
        check_disk "$work/disk0" "$kind" || { echo "cut $cut, $kind: the disk itself"; return 1; }
        states=$((states + 1))
        echo "cut $cut, $kind: safe was '$kept'; last: $(cat "$work/what")"
    done
    echo "$cuts cuts, $states disks after them: everything that had to be there was"
}
