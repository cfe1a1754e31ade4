#!/bin/bash
# SPDX-License-Identifier: ISC
#
# `coffer mount VOLUME DIR` of a FAT or exFAT volume, for root and for an ordinary user: what was copied in is there
# after the next mount and the checker finds nothing; after kill -9, and after other systems' unclean ends, it is put in order first.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/cli/lib_mount.sh
. "$SOURCE_DIR/tests/cli/lib_mount.sh"

need_program mkfs.vfat mkfs.exfat
need_program fsck.fat fsck.exfat
mkdir mnt tree
mkdir -p tree/a/b
echo text >'tree/a/b/A File'
printf '#!/bin/sh\nexit 7\n' >tree/run
chmod 755 tree/run
head -c 3000000 /dev/urandom >tree/large

mount_it() { # OPTION...
    expect_status 0 "$COFFER" mount v.coffer mnt --passphrase-file "$secret" "$@"
}

with_block() { # COMMAND...
    mount_it --block
    "$@"
    expect_status 0 "$COFFER" unmount mnt
}

in_and_out() { # KIND CHECKER
    rm -f v.coffer
    make_volume v.coffer --size 200M --fs "$1"
    mount_it
    expect_status 0 "$COFFER" list --json
    expect_json 'any(m["way"] == "fuse" and m["alive"] for m in it["mounts"])'
    cp -a tree mnt/tree
    expect_status 7 mnt/tree/run
    expect_same text "$(cat 'mnt/TREE/a/B/a file')" 'a name in another case'
    expect_status 0 "$COFFER" unmount mnt
    mount_it --read-only
    expect_status 0 diff -r tree mnt/tree
    expect_status 1 touch mnt/tree/new
    expect_status 0 "$COFFER" unmount mnt
    with_block expect_status 0 "$2" -n mnt/volume
}

killed() { # CHECKER [FOR-CRASHES]: whether it has to look at what a crash leaves
    mount_it
    echo precious >mnt/precious
    sync mnt/precious
    server=$(server_of mnt)
    kill -KILL "$server"
    wait_until is_gone "$server"
    mount_it --verbose
    if [ -n "${2:-}" ]; then
        expect_error 'has been checked'
    else
        expect_no_error 'has been checked'
    fi
    expect_same precious "$(cat mnt/precious)" 'a synced file after kill -9'
    echo more >>mnt/precious
    expect_status 0 "$COFFER" unmount mnt
    with_block expect_status 0 "$1" -n mnt/volume
}

# The mark of others, and more than our own driver mends: it is believed, and gone after the next clean end.
marked() { # COMMAND that marks the block file
    with_block "$1"
    mount_it --verbose
    expect_error 'has been checked'
    touch mnt/new
    expect_status 0 "$COFFER" unmount mnt
    mount_it --verbose
    expect_no_error 'has been checked'
    expect_status 0 "$COFFER" unmount mnt
}

mark_fat() { # the one that only Windows and macOS look at: of FAT16, the highest bit of entry 1
    local table
    table=$(($(od -An -tu2 -j14 -N2 mnt/volume) * $(od -An -tu2 -j11 -N2 mnt/volume)))
    printf '\x7f' | dd of=mnt/volume bs=1 seek=$((table + 3)) conv=notrunc status=none
}

mark_exfat() { # and the first cluster, of the bitmap itself, is free
    local heap
    heap=$(($(od -An -tu4 -j88 -N4 mnt/volume) << $(od -An -tu1 -j108 -N1 mnt/volume)))
    printf '\x02' | dd of=mnt/volume bs=1 seek=106 conv=notrunc status=none
    printf '\xfe' | dd of=mnt/volume bs=1 seek=$heap conv=notrunc status=none
}

as_user() { # COMMAND...
    (cd theirs && runuser -u nobody -- env XDG_RUNTIME_DIR="$work/theirs/run" "$@")
}

# What root has made.
for_a_user() {
    chmod 0711 "$work"
    rm -rf theirs
    mkdir theirs
    cp "$secret" theirs/secret
    mv v.coffer theirs
    install -d -o nobody -m 0700 theirs/run theirs/mnt
    chown -R nobody theirs
    expect_status 0 as_user "$COFFER" mount v.coffer mnt --passphrase-file secret
    expect_same nobody "$(as_user stat -c %U mnt/tree/run)" 'owner'
    expect_status 0 as_user sh -c 'echo mine >mnt/tree/mine && rm mnt/tree/large'
    expect_status 0 as_user "$COFFER" unmount mnt
}

# Whoever makes an exFAT volume can mount it.
made_by_a_user() {
    expect_status 0 as_user "$COFFER" create new.coffer --size 20M --fs exfat --passphrase-file secret "${small_kdf[@]}"
    expect_no_error 'will be able to mount'
}

whole() { # KIND CHECKER MARK [FOR-CRASHES]
    in_and_out "$1" "$2"
    killed "$2" "${4:-}"
    marked "$3"
    if [ "$(id -u)" -eq 0 ] && as_nobody "$COFFER" version >/dev/null 2>&1; then
        for_a_user
        made_by_a_user
    fi
}

whole vfat fsck.fat mark_fat for-crashes
whole exfat fsck.exfat mark_exfat
