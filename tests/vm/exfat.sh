# SPDX-License-Identifier: ISC
# shellcheck shell=bash disable=SC2034,SC2154
#
# exFAT written by our own driver and by the kernel's, by turns, on the same volume: each reads what the other wrote, and
# fsck.exfat finds nothing. Files that grew by turns are in pieces, a long name takes many entries, names are in two
# scripts, one file was moved and one was made longer without being written.

programs='mkfs.exfat fsck.exfat mount umount dmsetup losetup'
modules='fuse loop exfat nls_ascii nls_utf8 dm-crypt xts aesni-intel ecb'
disks='96M'
secret=(--passphrase-file /tmp/secret)

write_some() { # PREFIX: in /tmp/m and, for comparison, in /tmp/model
    local dir i long
    long=$(printf 'long%.0s' {1..60})
    for dir in /tmp/m /tmp/model; do
        mkdir "$dir/$1" "$dir/$1/sub" "$dir/$1/bin"
        find /usr/bin /bin -type f -exec cp {} "$dir/$1/bin" \;
        echo "$1" >"$dir/$1/$long"
        echo "$1" >"$dir/$1/Grüße – 日本.txt"
        for i in {1..60}; do
            printf '%5000s' "$i" >>"$dir/$1/one"
            printf '%7000s' "$i" >>"$dir/$1/two"
        done
        mv "$dir/$1/two" "$dir/$1/sub/moved"
        truncate -s 123456 "$dir/$1/one"
        truncate -s 300000 "$dir/$1/one"
    done
}

compare() {
    diff -r /tmp/model /tmp/m
    test "$(stat -c %Y "/tmp/m/stamp")" = 1782907201
}

guest() {
    local turn ways=(fuse dm fuse dm)
    printf secret >/tmp/secret
    mkdir /tmp/m /tmp/model
    coffer create "$disk0" --confirm "${disk0##*/}" --thick --fs exfat --kdf-memory 8M --kdf-passes 1 --quiet "${secret[@]}"
    for turn in 0 1 2 3; do
        coffer mount "$disk0" /tmp/m --via "${ways[turn]}" "${secret[@]}"
        if [ "$turn" -gt 0 ]; then
            compare
            rm -r "/tmp/m/turn$((turn - 1))/bin" "/tmp/model/turn$((turn - 1))/bin"
        fi
        write_some "turn$turn"
        for dir in /tmp/m /tmp/model; do touch -d @1782907201 "$dir/stamp"; done
        coffer unmount /tmp/m
        coffer mount --block "$disk0" /tmp/m "${secret[@]}"
        fsck.exfat -n /tmp/m/volume
        coffer unmount /tmp/m
    done
}
