#!/bin/bash
# SPDX-License-Identifier: ISC
#
# A mounted NTFS as programs see it, and what other drivers make of it: ntfs-3g finds the same files afterwards, and what
# only it can make - compressed files, junctions, links of Windows - is read.

# shellcheck source=tests/files/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ -n "${WITH_NTFS:-}" ] || skip 'built without libntfs-3g'
need mkntfs

names() {
    mkdir m/a m/b
    echo one >m/a/f
    ln m/a/f m/b/g
    expect 'links' 2 "$(stat -c %h m/a/f)"
    ln -s ../a/f m/b/s
    expect 'symbolic link' one "$(cat m/b/s)"
    expect 'its target' ../a/f "$(readlink m/b/s)"
    mv m/a/f m/b/f
    refused stat m/a/f
    expect 'moved' one "$(cat m/b/f)"
    refused rmdir m/b
    refused mkdir m/b
    refused mv m/b m/b/f
    mkdir m/c && mv -T m/b m/c
    refused stat m/b
    refused mkfifo m/fifo
    echo other >m/other
    mv m/other m/c/f
    expect 'replaced' other "$(cat m/c/f)"
    refused setfattr -n user.a -v b m/c/f
}

attributes() {
    touch -d '2040-02-03 04:05:06.123456700 UTC' m/late
    expect 'time' '2040-02-03 04:05:06.123456700 +0000' "$(TZ=UTC stat -c %y m/late)"
    touch -d '1930-01-01 UTC' m/early
    expect 'time before 1970' '1930-01-01 00:00:00.000000000 +0000' "$(TZ=UTC stat -c %y m/early)"
    chmod 444 m/late
    expect 'mode' 555 "$(stat -c %a m/late)"
    chmod 644 m/late
    expect 'mode' 755 "$(stat -c %a m/late)"
}

contents() {
    head -c 3000000 /dev/urandom >data
    cp data m/data
    cmp data m/data
    dd if=data of=m/data bs=1 seek=70001 count=3 conv=notrunc status=none
    dd if=data of=data bs=1 seek=70001 count=3 conv=notrunc status=none
    cmp data m/data
    truncate -s 1234567 data m/data
    truncate -s 2345678 data m/data
    cmp data m/data
    truncate -s 6G m/sparse
    echo end | dd of=m/sparse bs=1 seek=5000000000 conv=notrunc status=none
    expect 'sparse file' end "$(dd if=m/sparse bs=1 skip=5000000000 count=3 status=none)"
    [ "$(stat -c %b m/sparse)" -lt 300 ] || fail 'a hole takes space'
    cp --sparse=auto m/sparse m/sparse2
    [ "$(stat -c %b m/sparse2)" -lt 300 ] || fail 'holes are not seen'
    exec 5<>m/unnamed
    rm m/unnamed
    echo still here >&5
    expect 'a file without a name' 'still here' "$(cat /proc/self/fd/5)"
    exec 5>&-
}

# What ntfs-3g finds, and what it alone can make.
others() {
    local driver
    mkdir k
    driver=$(command -v ntfs-3g) || return 0
    "$driver" fs.img k -o compression 2>/dev/null || return 0
    (cd k && sha256sum --quiet -c ../sums) || fail 'ntfs-3g reads something else'
    [ "$(cd k && find . | sort | sha256sum)" = "$(cat list)" ] || fail 'ntfs-3g sees other names'
    mkdir k/compressed k/target
    setfattr -h -v 0x00080000 -n system.ntfs_attrib k/compressed || true # FILE_ATTRIBUTE_COMPRESSED
    head -c 500000 < <(yes 'the same again') >text
    cp text k/compressed/text
    echo inside >k/target/file
    junction k/junction '\??\C:\target'
    for i in 1 2 3 4 5; do
        echo "$i" >"k/a long name $i"
        mkdir "k/a long directory $i"
        short_name "k/a long name $i" "ALONGN~$i"
        short_name "k/a long directory $i" "ALONGD~$i"
    done
    umount k
    serve fs.img m through
    short_names
    cmp text m/compressed/text || fail 'a compressed file'
    if [ "$(stat -c %b m/compressed/text)" -lt 900 ]; then # it is compressed
        refused sh -c 'echo more >>m/compressed/text'
        cmp text m/compressed/text
        rm m/compressed/text
    fi
    if [ -L m/junction ]; then
        expect 'a junction' inside "$(cat m/junction/file)"
        rm m/junction
    fi
    expect 'what it leads to' inside "$(cat m/target/file)"
    stop m
    clean_ntfs fs.img
}

short_name() { # PATH NAME: a second name for old programs, as Windows gives to most files
    setfattr -h -v "$2" -n system.ntfs_dos_name "$1"
}

short_names() {
    expect 'names shown' 5 "$(find m -name 'a long name*' | wc -l)"
    expect 'short names shown' 0 "$(find m -name 'ALONG*' | wc -l)"
    expect 'links' 1 "$(stat -c %h 'm/a long name 1')"
    refused cat m/ALONGN~1
    refused sh -c 'echo new >m/ALONGN~1'
    echo other >m/other
    refused mv m/other m/ALONGN~1
    rm m/other
    mv 'm/a long name 1' 'm/moved' # takes the short name along, or away
    expect 'moved' 1 "$(cat m/moved)"
    rm 'm/a long name 2' && rmdir 'm/a long directory 2'
    mv 'm/a long name 3' 'm/a long directory 3/inside'
    mv 'm/a long directory 3' 'm/a long directory 4/'
    expect 'moved' 3 "$(cat 'm/a long directory 4/a long directory 3/inside')"
    mv -T m/moved 'm/a long name 4' # replaces one that has two names
    expect 'replaced' 1 "$(cat 'm/a long name 4')"
    echo more >>'m/a long name 5'
    exec 5<'m/a long name 5'
    rm 'm/a long name 5'
    expect 'without a name' '5 more' "$(tr '\n' ' ' </proc/self/fd/5 | sed 's/ $//')"
    exec 5<&-
}

junction() { # PATH TARGET: as Windows makes it
    mkdir "$1"
    /usr/bin/python3 - "$1" "$2" <<'PYTHON' || true
import os, struct, sys
name = sys.argv[2].encode("utf-16-le")
data = struct.pack("<HHHH", 0, len(name), len(name) + 2, 0) + name + b"\0\0" + b"\0\0"
os.setxattr(sys.argv[1], "system.ntfs_reparse_data", struct.pack("<IHH", 0xA0000003, len(data), 0) + data)
PYTHON
}

# The checker itself: it finds what is planted.
planted() {
    local plant
    for plant in 'flags' 'links' 'bitmap' 'name'; do
        cp --sparse=always fs.img broken.img
        /usr/bin/python3 - broken.img "$plant" <<'PYTHON'
import sys
path, plant = sys.argv[1:]
image = bytearray(open(path, "rb").read())
name = "a-name-to-be-found".encode("utf-16-le")
at = image.index(name)
record = image.rindex(b"FILE", 0, at)
if plant == "flags":
    image[record + 22] &= 0xFE
if plant == "links":
    image[record + 18] += 1
if plant == "name":
    image[at] += 1
if plant == "bitmap":
    cluster = image[13] * 512
    ones = image.index(b"\xff\xff\xff\xff" + bytes(8), 64 * cluster)
    image[ones + 8] = 0x10
open(path, "wb").write(image)
PYTHON
        refused /usr/bin/python3 "$SOURCE_DIR/tests/files/check_ntfs.py" broken.img >check.log
    done
}

ntfs_image fs.img 300M
serve fs.img m through
names
attributes
contents
echo x >m/a-name-to-be-found
(cd m && find . -type f ! -name 'sparse*' -print0 | sort -z | xargs -0 sha256sum) >sums
(cd m && find . | sort | sha256sum) >list
stop m
clean_ntfs fs.img
serve fs.img m read-only
refused touch m/new
(cd m && sha256sum --quiet -c ../sums)
stop m
planted
others
