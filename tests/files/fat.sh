#!/bin/bash
# SPDX-License-Identifier: ISC
#
# A mounted FAT file system as programs see it, in all three sizes: names with and without case, attributes, contents,
# a full disk; mtools reads what was written here and is read here; a source tree goes in and comes out for an ordinary
# user; a server that is killed loses nothing that fsync has confirmed. KILL_RUNS is how often that is tried.

# shellcheck source=tests/files/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/files/lib_fat.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib_fat.sh"

need mkfs.fat fsck.fat
export MTOOLS_SKIP_CHECK=1 # it trusts no small FAT32 otherwise

make_image() { # FILE SIZE [MKFS-OPTION...]
    local file=$1 size=$2
    shift 2
    rm -f "$file"
    truncate -s "$size" "$file"
    # Its whole name: mkfs.fat asks the mount table, where a test beside this one may have the short one.
    mkfs.fat "$@" "$PWD/$file" >mkfs.log 2>&1 || { cat mkfs.log; fail 'mkfs.fat'; }
}

must_be_clean() { # FILE
    fsck.fat -n "$1" >fsck.log 2>&1 || { cat fsck.log; fail "fsck.fat finds something in $1"; }
}

after_kill=(checked)
repair() { # FILE
    fsck.fat -a "$1" >fsck.log 2>&1 || true
    must_be_clean "$1"
}

with_mtools() { # IMAGE
    command -v mcopy >/dev/null || return 0
    echo 'from mtools' >theirs
    mmd -i "$1" '::Their Directory'
    mcopy -i "$1" theirs '::Their Directory/A Long Näme.text'
    mcopy -i "$1" data ::SHORT.BIN
    serve "$1" m through
    expect "mtools' file" 'from mtools' "$(cat 'm/their directory/a long näme.text')"
    cmp data m/short.bin
    echo 'from here' >'m/Their Directory/Ours is long, too.txt'
    cp data m/OURS.BIN
    stop m
    must_be_clean "$1"
    expect 'our file' 'from here' "$(mtype -i "$1" '::Their Directory/Ours is long, too.txt')"
    mcopy -i "$1" ::OURS.BIN - | cmp - data
    mdir -/ -b -i "$1" :: | grep -q 'Ours is long, too.txt' || fail 'mdir'
    mdel -i "$1" ::OURS.BIN
}

largest() { # a file ends at 4 GiB
    make_image fs.img 5G -F 32
    serve fs.img m through
    refused truncate -s 4G m/large
    expect 'size' 0 "$(stat -c %s m/large)"
    head -c 1M /dev/zero >m/large
    refused dd if=/dev/zero of=m/large bs=1M seek=4096 count=1 conv=notrunc status=none
    expect 'size' 1048576 "$(stat -c %s m/large)"
    stop m
    must_be_clean fs.img
}

rm -rf m && mkdir m
for options in '60M -F 12 -s 64' '60M -F 16 -S 4096 -s 1 -r 4096' '80M -F 32 -s 1'; do
    # shellcheck disable=SC2086
    whole $options
    with_mtools fs.img
done
largest
killed -F 32 -s 1
source_tree -F 32
