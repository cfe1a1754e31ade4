# SPDX-License-Identifier: ISC
# shellcheck shell=bash
#
# lib_fat.sh - what is tried with every FAT and with exFAT. Whoever sources it, after lib.sh, has
# make_image FILE SIZE [MKFS-OPTION...], must_be_clean FILE and repair FILE.

: "${work:?the folder of the test}"
after_kill=() # options of the server

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

whole() { # SIZE MKFS-OPTION...
    make_image fs.img "$@"
    use_whole
}

use_whole() {
    serve fs.img m through
    names
    attributes
    contents
    space
    directories
    (cd m && find . -type f -print0 | sort -z | xargs -0 sha256sum) >sums
    (cd m && find . -type f -printf '%p %s %T@ %i\n' | sort) >list
    stop m
    must_be_clean fs.img
    serve fs.img m read-only
    refused touch m/new
    (cd m && sha256sum --quiet -c ../sums)
    (cd m && find . -type f -printf '%p %s %T@ %i\n' | sort) | cmp - list || fail 'not the same the next time'
    stop m
}

source_tree() { # MKFS-OPTION...: as an ordinary user
    [ "$(id -u)" -eq 0 ] || return 0
    runuser -u nobody -- test -x "$TOOLS/serve_image" || return 0
    chmod 0711 "$work"
    make_image fs.img 100M "$@"
    chown nobody fs.img
    install -d -o nobody user ready.d
    cp -r "$SOURCE_DIR"/{cli,core,files,fuse,man,spec} user
    chown -R nobody user
    user_serve
    runuser -u nobody -- cp -a user/. m/ || fail 'cp -a'
    user_stop
    must_be_clean fs.img
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

killed() { # MKFS-OPTION...
    local i
    make_image fs.img 100M "$@"
    : >log
    for ((i = 0; i < ${KILL_RUNS:-4}; i++)); do
        serve fs.img m through "${after_kill[@]}"
        kill_writing m log
        repair fs.img
        serve fs.img m "${after_kill[@]}"
        "$TOOLS/synced_files" check m log || fail "after kill $i"
        stop m
        must_be_clean fs.img
    done
}
