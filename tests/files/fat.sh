#!/bin/bash
# SPDX-License-Identifier: ISC
#
# A mounted FAT file system as programs see it, in all three sizes: names with and without case, attributes, contents,
# a full disk; mtools reads what was written here and is read here; a source tree goes in and comes out for an ordinary
# user; a server that is killed loses nothing that fsync has confirmed. KILL_RUNS is how often that is tried.

# shellcheck source=tests/files/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need mkfs.fat fsck.fat
export MTOOLS_SKIP_CHECK=1 # it trusts no small FAT32 otherwise

fat_image() { # FILE SIZE [MKFS-OPTION...]
    local file=$1 size=$2
    shift 2
    rm -f "$file"
    truncate -s "$size" "$file"
    # Its whole name: mkfs.fat asks the mount table, where a test beside this one may have the short one.
    mkfs.fat "$@" "$PWD/$file" >mkfs.log 2>&1 || { cat mkfs.log; fail 'mkfs.fat'; }
}

fat_clean() { # FILE
    fsck.fat -n "$1" >fsck.log 2>&1 || { cat fsck.log; fail "fsck.fat finds something in $1"; }
}

expect() { # WHAT WANTED GOT
    [ "$2" = "$3" ] || fail "$1: '$3', not '$2'"
}

refused() { # COMMAND...: it fails
    if "$@" 2>/dev/null; then
        fail "was not refused: $*"
    fi
}

names() {
    local long
    mkdir m/a m/b
    echo one >m/a/ReadMe
    expect 'another case' one "$(cat m/a/README)"
    expect 'case is kept' ReadMe "$(ls m/a)"
    rm m/a/readme
    echo two >m/a/ReadMe # the kernel must not think of the old one
    expect 'after removing it by another name' two "$(cat m/a/rEADmE)"
    mkdir m/a/sub
    refused mkdir m/a/SUB
    mv m/a/ReadMe m/b/other
    refused stat m/a/ReadMe
    expect 'moved' two "$(cat m/b/other)"
    echo three >m/b/third
    mv m/b/third m/b/OTHER
    expect 'replaced' three "$(cat m/b/other)"
    expect 'one name' 1 "$(find m/b -type f | wc -l)"
    mv m/a/sub m/b/sub
    touch m/b/sub/file
    refused rmdir m/b/sub
    refused mv m/b m/b/sub
    refused ln m/b/other m/b/link
    refused ln -s other m/b/symlink
    refused mkfifo m/b/fifo
    long=$(printf 'x%.0s' {1..255})
    touch "m/$long"
    refused touch "m/${long}y"
    touch 'm/Grüße aus Köln – 日本 😀.txt' 'm/two  blanks' m/.hidden m/a.b.c.d 'm/+,;=[]'
    [ -e 'm/GRÜSSE aus köln – 日本 😀.txt' ] && fail 'one letter is not two'
    [ -e 'm/GRÜßE AUS KÖLN – 日本 😀.TXT' ] || fail 'case beyond ASCII'
    refused touch 'm/a:b'
    refused touch 'm/dot.'
    refused touch 'm/blank '
    refused touch $'m/\xff'
    refused stat $'m/\xff'
    rm -r m/a m/b
}

attributes() {
    touch -d '2040-02-03 04:05:06' m/late
    expect 'time' '2040-02-03 04:05:06' "$(date -d "@$(stat -c %Y m/late)" '+%F %T')"
    touch -d '1930-01-01' m/early
    expect 'time before 1980' '1980-01-01 00:00:00' "$(date -d "@$(stat -c %Y m/early)" '+%F %T')"
    chmod 444 m/late
    expect 'read-only' 555 "$(stat -c %a m/late)"
    chmod 600 m/late
    expect 'not read-only' 755 "$(stat -c %a m/late)"
    chown "$(id -u)" m/late
    expect 'owner' "$(id -u)" "$(stat -c %u m/late)"
    mkdir from && echo text >from/file && chmod 640 from/file
    cp -a from m/to || fail 'cp -a'
    cmp from/file m/to/file
    rm -r from
}

contents() {
    head -c 3000000 /dev/urandom >data
    cp data m/data
    cmp data m/data
    dd if=data of=m/data bs=1 seek=70001 count=3 conv=notrunc status=none
    dd if=data of=data bs=1 seek=70001 count=3 conv=notrunc status=none
    truncate -s 1234567 data m/data
    truncate -s 2345678 data m/data
    cmp data m/data
    exec 5<>m/unnamed
    rm m/unnamed
    echo still here >&5
    expect 'a file without a name' 'still here' "$(cat /proc/self/fd/5)"
    exec 5>&-
    refused fallocate -p -o 4096 -l 8192 m/data
    refused truncate -s 5G m/data
    cmp data m/data
}

space() {
    local before
    before=$(stat -f -c %f m)
    refused dd if=/dev/zero of=m/much bs=1M count=200 status=none
    [ "$(stat -c %s m/much)" -gt 20000000 ] || fail 'full too early'
    rm m/much
    dd if=/dev/zero of=m/again bs=1M count=20 status=none || fail 'space that was freed cannot be used'
    rm m/again
    for _ in {1..100}; do # the kernel forgets it a moment later
        [ "$(stat -f -c %f m)" -lt "$before" ] || break
        sleep 0.05
    done
    [ "$(stat -f -c %f m)" -ge "$before" ] || fail 'space is lost'
}

directories() {
    mkdir m/many
    seq -f 'm/many/a-name-that-is-long-enough-%g' 2000 | xargs touch
    expect 'names' 2000 "$(find m/many -type f | wc -l)"
    find m/many -name '*7' -delete # reads the directory while it changes
    expect 'names left' 1800 "$(find m/many -type f | wc -l)"
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
    fat_clean "$1"
    expect 'our file' 'from here' "$(mtype -i "$1" '::Their Directory/Ours is long, too.txt')"
    mcopy -i "$1" ::OURS.BIN - | cmp - data
    mdir -/ -b -i "$1" :: | grep -q 'Ours is long, too.txt' || fail 'mdir'
    mdel -i "$1" ::OURS.BIN
}

whole() { # SIZE MKFS-OPTION...
    fat_image fs.img "$@"
    serve fs.img m through
    names
    attributes
    contents
    space
    directories
    (cd m && find . -type f -print0 | sort -z | xargs -0 sha256sum) >sums
    (cd m && find . -type f -printf '%p %s %T@ %i\n' | sort) >list
    stop m
    fat_clean fs.img
    serve fs.img m read-only
    refused touch m/new
    (cd m && sha256sum --quiet -c ../sums)
    (cd m && find . -type f -printf '%p %s %T@ %i\n' | sort) | cmp - list || fail 'not the same the next time'
    stop m
    with_mtools fs.img
}

largest() { # a file ends at 4 GiB
    fat_image fs.img 5G -F 32
    serve fs.img m through
    refused truncate -s 4G m/large
    expect 'size' 0 "$(stat -c %s m/large)"
    head -c 1M /dev/zero >m/large
    refused dd if=/dev/zero of=m/large bs=1M seek=4096 count=1 conv=notrunc status=none
    expect 'size' 1048576 "$(stat -c %s m/large)"
    stop m
    fat_clean fs.img
}

source_tree() { # as an ordinary user
    [ "$(id -u)" -eq 0 ] || return 0
    runuser -u nobody -- test -x "$TOOLS/serve_image" || return 0
    chmod 0711 "$work"
    fat_image fs.img 100M -F 32
    chown nobody fs.img
    install -d -o nobody user ready.d
    cp -r "$SOURCE_DIR"/{cli,core,files,fuse,man,spec} user
    chown -R nobody user
    user_serve
    runuser -u nobody -- cp -a user/. m/ || fail 'cp -a'
    user_stop
    fat_clean fs.img
    user_serve
    runuser -u nobody -- diff -r user m || fail 'the tree has changed'
    expect 'owner' nobody "$(runuser -u nobody -- stat -c %U m/cli)"
    user_stop
}

user_serve() {
    rm -rf m ready
    install -d -o nobody m
    mkfifo ready
    chown nobody ready
    runuser -u nobody -- "$TOOLS/serve_image" fs.img m through >ready 2>&1 &
    server=$!
    read -r line <ready
    [[ $line = ready* ]] || fail "the server: $line"
}

user_stop() {
    runuser -u nobody -- fusermount3 -u m
    wait "$server" || fail 'the server failed'
}

killed() {
    local i lines writer
    fat_image fs.img 100M -F 32 -s 1
    : >log
    for ((i = 0; i < ${KILL_RUNS:-4}; i++)); do
        serve fs.img m through checked
        "$TOOLS/synced_files" write m log 2>writer.log &
        writer=$!
        lines=$(($(wc -l <log) + 20 + RANDOM % 200))
        while [ "$(wc -l <log)" -lt "$lines" ]; do # a moment that depends on the work done, not on the clock
            kill -0 "$writer" 2>/dev/null || fail "the writer gave up: $(cat writer.log)"
            sleep 0.01
        done
        kill -9 "$server"
        wait "$server" 2>/dev/null || true
        exec 7<&-
        umount -l m 2>/dev/null || fusermount3 -u -z m
        wait "$writer" || true
        fsck.fat -a fs.img >fsck.log 2>&1 || true
        fat_clean fs.img
        serve fs.img m checked
        "$TOOLS/synced_files" check m log || fail "after kill $i"
        stop m
    done
}

rm -rf m && mkdir m
whole 60M -F 12 -s 64
whole 60M -F 16 -S 4096 -s 1 -r 4096
whole 80M -F 32 -s 1
largest
killed
source_tree
