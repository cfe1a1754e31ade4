#!/bin/bash
# SPDX-License-Identifier: ISC
#
# A mounted exFAT file system as programs see it, with sectors of 512 and 4096 bytes: what FAT has, too (lib_fat.sh), and
# times, large files, room that was never written, entries that others have made; what is not exFAT 1.00 is refused.

# shellcheck source=tests/files/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/files/lib_fat.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib_fat.sh"

need mkfs.exfat fsck.exfat

make_image() { # FILE SIZE [MKFS-OPTION...]
    local file=$1 size=$2
    shift 2
    rm -f "$file"
    truncate -s "$size" "$file"
    mkfs.exfat "$@" "$file" >mkfs.log 2>&1 || { cat mkfs.log; fail 'mkfs.exfat'; }
}

must_be_clean() { # FILE
    fsck.exfat -n "$1" >fsck.log 2>&1 || { cat fsck.log; fail "fsck.exfat finds something in $1"; }
    /usr/bin/python3 "$SOURCE_DIR/tests/files/change_exfat.py" "$1" no-brand || fail 'a name is still new'
}

repair() { # FILE: the driver does it
    :
}

times() {
    make_image fs.img 40M
    serve fs.img m through
    touch -d '2026-07-01 12:00:01.37 UTC' m/file
    expect 'hundredths' 1782907201.370000000 "$(stat -c %.9Y m/file)"
    expect 'another zone' '2026-07-01 02:00:01' "$(TZ=Pacific/Honolulu date -d "@$(stat -c %Y m/file)" '+%F %T')"
    stop m
    TZ=Asia/Tokyo serve fs.img m read-only # whose zone is nobody's business
    expect 'the same next time' 1782907201.370000000 "$(stat -c %.9Y m/file)"
    stop m
}

change() { # CHANGE: of fs.img in other.img
    cp --sparse=always fs.img other.img
    /usr/bin/python3 "$SOURCE_DIR/tests/files/change_exfat.py" other.img "$1"
}

large() { # a file of more than 4 GiB, of which the end was never written, as Windows makes them
    local written=$(((4 << 30) + 1000))
    make_image fs.img 8G -c 32K
    serve fs.img m through
    echo text >m/file
    stop m
    change large
    serve other.img m through
    expect 'size' $((5 << 30)) "$(stat -c %s m/file)"
    expect 'never written' 0 "$(tail -c +$((written + 1)) m/file | head -c 100000 | tr -d '\0' | wc -c)"
    echo there | dd of=m/file bs=1 seek=$((written + 5000)) conv=notrunc status=none
    expect 'the end' 0 "$(tail -c 100000 m/file | tr -d '\0' | wc -c)"
    stop m
    must_be_clean other.img
    serve other.img m through
    expect 'behind a gap' there "$(tail -c +$((written + 5001)) m/file | head -c 5)"
    expect 'the gap' 0 "$(tail -c +$((written + 1)) m/file | head -c 5000 | tr -d '\0' | wc -c)"
    truncate -s $((written + 3000)) m/file
    truncate -s $((written + 200000)) m/file
    expect 'longer again' 0 "$(tail -c 199000 m/file | tr -d '\0' | wc -c)"
    echo more >>m/file
    refused truncate -s 9G m/file
    stop m
    must_be_clean other.img
    serve other.img m through
    expect 'appended' more "$(tail -c 5 m/file)"
    rm m/file
    stop m
    must_be_clean other.img
}

scattered() { # files that grow by turns cannot be in one piece
    local i name
    make_image fs.img 64M -c 1K
    serve fs.img m through
    for i in {1..200}; do
        for name in one two; do
            printf '%1500s' "$name $i" >>m/$name
            printf '%1500s' "$name $i" >>$name
        done
    done
    truncate -s 100001 m/one one
    printf end >>m/one
    printf end >>one
    stop m
    must_be_clean fs.img
    serve fs.img m
    cmp one m/one
    cmp two m/two
    rm m/one
    echo new >m/three
    cmp two m/two
    stop m
    must_be_clean fs.img
}

refused_whole() { # WHAT IMAGE
    local line
    line=$("$TOOLS/serve_image" "$2" m) && fail "was served: $1"
    [[ $line = *"$3"* ]] || fail "$1: $line"
}

patch() { # FILE OFFSET TEXT
    printf '%s' "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

others() { # what is not as it should be
    make_image fs.img 40M
    serve fs.img m
    echo text >m/file
    stop m
    cp fs.img other.img
    patch other.img $((12 * 512 + 300)) x # of the second boot region
    serve other.img m
    touch m/new
    stop m
    cp fs.img other.img
    patch other.img 300 x
    serve other.img m
    expect 'from the second boot region' text "$(cat m/file)"
    refused touch m/new
    stop m
    patch other.img $((12 * 512 + 300)) x
    refused_whole 'two damaged boot regions' other.img 'contradicts itself'
    change revision
    refused_whole 'another revision' other.img 'revision of exFAT'
    change texfat
    refused_whole 'TexFAT' other.img TexFAT
    change strange-root
    refused_whole 'a critical entry in the root' other.img 'not known here'
    change upcase
    refused_whole 'a damaged table of upper case' other.img 'contradicts itself'
}

extras() { # entries that others have added stay with their file
    make_image fs.img 40M -c 4K
    serve fs.img m
    mkdir m/dir
    echo text >m/file
    stop m
    change vendor
    serve other.img m
    expect 'a file with more' text "$(cat m/file)"
    echo more >>m/file
    mv m/file m/dir/moved
    echo other >m/victim
    refused mv m/victim m/dir/moved
    stop m
    /usr/bin/python3 "$SOURCE_DIR/tests/files/change_exfat.py" other.img has-vendor || fail 'the extra entry is gone'
    serve other.img m
    expect 'moved with more' "text
more" "$(cat m/dir/moved)"
    rm m/dir/moved
    rmdir m/dir
    stop m
    /usr/bin/python3 "$SOURCE_DIR/tests/files/change_exfat.py" other.img no-vendor || fail 'something is left of it'
}

unknown() { # what is not understood is not shown, and its directory is not empty
    make_image fs.img 40M
    serve fs.img m
    mkdir m/dir
    echo text >m/dir/file
    stop m
    change critical
    serve other.img m
    expect 'shown' '' "$(ls m/dir)"
    refused rmdir m/dir
    echo more >m/dir/other
    stop m
    serve other.img m
    rm m/dir/other
    refused rmdir m/dir
    stop m
}

large_sectors() { # which mkfs.exfat makes on a device that has them
    local device
    [ "$(id -u)" -eq 0 ] || return 0
    rm -f fs.img
    truncate -s 60M fs.img
    device=$(losetup -f --show -b 4096 fs.img 2>/dev/null) || return 0
    mkfs.exfat "$device" >mkfs.log 2>&1 || { losetup -d "$device"; fail "mkfs.exfat: $(cat mkfs.log)"; }
    losetup -d "$device"
    [ "$(od -An -tu1 -j108 -N1 fs.img)" -eq 12 ] || fail 'the sectors are not of 4096 bytes'
    use_whole
}

lost() { # the clusters of a file that was removed and still in use are not
    local before
    make_image fs.img 40M
    serve fs.img m through
    before=$(stat -f -c %f m)
    exec 5<>m/unnamed
    head -c 5000000 /dev/zero >&5
    sync m/unnamed
    rm m/unnamed
    echo text >m/other
    sync m/other
    kill_server m
    exec 5>&-
    serve fs.img m through
    expect 'what was synced' text "$(cat m/other)"
    rm m/other
    expect 'free clusters' "$before" "$(stat -f -c %f m)"
    stop m
    must_be_clean fs.img
}

rm -rf m && mkdir m
whole 60M
whole 60M -c 1K
large_sectors
times
large
scattered
others
extras
unknown
lost
killed -c 1K
source_tree -c 4K
