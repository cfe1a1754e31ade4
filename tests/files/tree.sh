#!/bin/bash
# SPDX-License-Identifier: ISC
#
# A mounted file system as programs see it: what POSIX promises of names, attributes and contents; and the kernel's
# own driver, where this machine may use it, finds the same files afterwards.

# shellcheck source=tests/files/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

image fs.img 300M -t ext4
serve fs.img m through

names() {
    mkdir m/a m/b
    echo one >m/a/f
    ln m/a/f m/b/g
    expect 'links' 2 "$(stat -c %h m/a/f)"
    ln -s ../a/f m/b/s
    expect 'symbolic link' one "$(cat m/b/s)"
    mv m/a/f m/b/f
    refused stat m/a/f
    expect 'moved' one "$(cat m/b/f)"
    refused rmdir m/b
    refused mkdir m/b
    refused mv m/b m/b/f
    refused ls "m/$(printf 'x%.0s' {1..256})"
    touch "m/$(printf 'x%.0s' {1..255})" $'m/with\nnewline \xff'
    mkdir m/c && mv -T m/b m/c
    refused stat m/b
    expect 'links of the root' 5 "$(stat -c %h m)" # a, c, lost+found
    mkfifo m/fifo
    expect 'fifo' fifo "$(stat -c %F m/fifo)"
    echo other >m/other
    mv m/other m/c/f
    expect 'replaced' other "$(cat m/c/f)"
}

attributes() {
    touch -d '2040-02-03 04:05:06.123456789 UTC' m/late
    expect 'time' '2040-02-03 04:05:06.123456789 +0000' "$(TZ=UTC stat -c %y m/late)"
    touch -d '1930-01-01 UTC' m/early
    expect 'time before 1970' '1930-01-01 00:00:00.000000000 +0000' "$(TZ=UTC stat -c %y m/early)"
    chmod 2711 m/late
    expect 'mode' 2711 "$(stat -c %a m/late)"
    before=$(stat -c %Y%Z%X m/late)
    cat m/late
    expect 'times after reading' "$before" "$(stat -c %Y%Z%X m/late)"
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
    [ "$(stat -c %b m/sparse)" -lt 100 ] || fail 'a hole takes space'
    cp --sparse=auto m/sparse m/sparse2
    [ "$(stat -c %b m/sparse2)" -lt 100 ] || fail 'holes are not seen'
    fallocate -p -o 4096 -l 8192 m/data
    fallocate -l 20M m/reserved
    [ "$(stat -c %b m/reserved)" -ge 40960 ] || fail 'fallocate reserves nothing'
    exec 5<>m/unnamed
    rm m/unnamed
    echo still here >&5
    expect 'a file without a name' 'still here' "$(cat /proc/self/fd/5)"
    exec 5>&-
}

space() {
    local before after
    before=$(stat -f -c %f m)
    head -c 50M /dev/zero >m/fifty
    rm m/fifty
    sync -f m
    for _ in {1..100}; do # the kernel forgets it a moment later
        after=$(stat -f -c %f m)
        [ "$after" -lt $((before - 100)) ] || break
        sleep 0.05
    done
    [ "$after" -ge $((before - 100)) ] || fail "space is lost: $before blocks before, $after after"
    refused dd if=/dev/zero of=m/much bs=1M count=400 status=none
    [ "$(stat -c %s m/much)" -gt 100000000 ] || fail 'full too early'
    rm m/much
}

directories() {
    local i
    mkdir m/many
    for ((i = 0; i < 3000; i++)); do
        echo "m/many/a-name-that-is-long-enough-to-need-several-blocks-$i"
    done | xargs touch
    expect 'names' 3000 "$(find m/many -type f | wc -l)"
    find m/many -name '*7' -delete # reads the directory while it changes
    expect 'names left' 2700 "$(find m/many -type f | wc -l)"
}

privileges() {
    [ "$(id -u)" -eq 0 ] || return 0
    cp /bin/true m/tool && chmod 6755 m/tool && chmod 777 m
    runuser -u nobody -- true 2>/dev/null || return 0
    chmod 6777 m/tool
    chown nobody m/tool
    expect 'set-uid of a file given away' 777 "$(stat -c %a m/tool)"
    chmod 6777 m/tool
    echo >>m/tool
    expect 'set-uid after root wrote' 6777 "$(stat -c %a m/tool)"
}

attributes_of_users() {
    command -v setfattr >/dev/null || return 0
    setfattr -n user.colour -v green m/data
    expect 'attribute' green "$(getfattr --only-values -n user.colour m/data)"
    setfattr -x user.colour m/data
    refused getfattr -n user.colour m/data
}

names
attributes
contents
space
directories
privileges
attributes_of_users
(cd m && find . -type f ! -name 'sparse*' -print0 | sort -z | xargs -0 sha256sum) >sums
(cd m && find . -printf '%p %y %m %n %l %T@ %U\n' | sort) >list
stop m
clean fs.img
serve fs.img m read-only
refused touch m/new
(cd m && sha256sum --quiet -c ../sums)
stop m
mkdir k
if [ "$(id -u)" -eq 0 ] && mount -o loop,ro fs.img k 2>/dev/null; then
    (cd k && sha256sum --quiet -c ../sums) || fail 'the kernel reads something else'
    (cd k && find . -printf '%p %y %m %n %l %T@ %U\n' | sort) >klist
    umount k
    cmp list klist || { diff list klist | head; fail 'the kernel sees something else'; }
    mount -o loop fs.img k # and the other way round
    echo fixed >k/immutable
    chattr +i k/immutable
    cp data k/from-kernel
    mkdir k/many-more
    (cd k/many-more && seq -f 'a-name-that-is-long-enough-to-need-an-index-%g' 2000 | xargs touch)
    umount k
    serve fs.img m through
    cmp data m/from-kernel || fail 'what the kernel wrote'
    (cd m/many-more && seq -f 'a-name-that-is-long-enough-to-need-an-index-%g' 2001 4000 | xargs touch)
    [ "$(find m/many-more -type f | wc -l)" -eq 4000 ] || fail "names in the kernel's directory"
    rm -r m/from-kernel
    refused sh -c 'echo changed >m/immutable'
    refused rm -f m/immutable
    refused chmod 777 m/immutable
    stop m
    clean fs.img
fi
