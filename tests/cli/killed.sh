#!/bin/bash
# SPDX-License-Identifier: ISC
#
# killed.sh - servers that are killed at some moment while files are written, synced, renamed and removed: the next
# mount works, and what fsync confirmed is there. For root by the kernel and in process, for an ordinary user by every
# driver, and for a volume that lies in another one: the outer server, the inner one, or both. COFFER_KILLS is how
# many times.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/cli/lib_mount.sh
. "$SOURCE_DIR/tests/cli/lib_mount.sh"

need_root
need_program e2fsck fsck.fat mkfs.vfat
as_nobody test -x "$COFFER" || skip 'an ordinary user may not reach the program'
[ -x "$BUILD_DIR/tests/files/synced_files" ] || skip 'synced_files was not built'
cases=(nobody:ext4 root:fuse nobody:vfat nested:outer nested:inner nested:both)
! grep -qw ext4 /proc/filesystems || [ ! -w /dev/loop-control ] || cases+=(root:loop)
! command -v mkfs.ntfs >/dev/null || ! "$COFFER" version | grep -q '^library libntfs-3g' || cases+=(nobody:ntfs)
kills=${COFFER_KILLS:-${#cases[@]}}

chmod 0711 "$work"
cp "$BUILD_DIR/tests/files/synced_files" .
install -d -o nobody -m 0700 theirs theirs/run theirs/m
mkdir ours ours/m ours/n
for fs in ext4 vfat ntfs; do
    [[ $fs = ntfs && " ${cases[*]} " != *:ntfs* ]] || make_volume "theirs/$fs.coffer" --size 64M --fs "$fs"
done
cp theirs/ext4.coffer ours/fuse.coffer
cp theirs/ext4.coffer ours/loop.coffer
make_volume ours/outer.coffer --size 128M --fs ext4
make_volume inner.coffer --size 64M --fs ext4
cp "$secret" theirs/secret
cp "$secret" ours/secret
chown -R nobody theirs

as() { # WHO COMMAND...: there
    if [ "$1" = nobody ]; then
        (cd theirs && exec runuser -u nobody -- env XDG_RUNTIME_DIR="$work/theirs/run" "${@:2}")
    else
        (cd ours && exec "${@:2}")
    fi
}

mount_here() { # WHO VOLUME DIR [OPTION...]: $server serves it
    local place=ours
    [ "$1" != nobody ] || place=theirs
    expect_status 0 as "$1" "$COFFER" mount "$2" "$3" --passphrase-file secret "${@:4}"
    expect_status 0 as "$1" "$COFFER" list --json
    server=$(PLACE=$work/$place/$3 /usr/bin/python3 -c 'import json, os
print(next(m["server_pid"] for m in json.load(open("stdout"))["mounts"] if m["mount_point"] == os.environ["PLACE"]))')
}

has_lines() { # FILE N
    [ "$(wc -l <"$1")" -ge "$2" ]
}

kill_while_writing() { # WHO DIR LOG PID...: at a moment that depends on the work done, not on the clock
    local writer lines
    [ -e "$3" ] || as "$1" touch "$3"
    lines=$(($(wc -l <"$3") + 10 + RANDOM % 60))
    as "$1" "$work/synced_files" write "$2" "$3" 2>/dev/null &
    writer=$!
    wait_until has_lines "$3" "$lines"
    kill -KILL "${@:4}"
    wait "$writer" || true # it got errors
}

check() { # WHO DIR LOG
    expect_status 0 as "$1" "$work/synced_files" check "$2" "$3"
}

kill_one() { # WHO VOLUME LOG [OPTION...]
    mount_here "$1" "$2" m "${@:4}"
    kill_while_writing "$1" m "$3" "$server"
    wait_until is_gone "$server"
    mount_here "$1" "$2" m "${@:4}"
    check "$1" m "$3"
    expect_status 0 as "$1" "$COFFER" unmount m
}

mount_nested() {
    mount_here root outer.coffer m --via fuse
    outer=$server
    [ -e ours/m/inner.coffer ] || cp --sparse=always inner.coffer ours/m/
    mount_here root m/inner.coffer n --via fuse
    inner=$server
}

kill_nested() { # outer|inner|both
    local victims=()
    mount_nested
    [ "$1" = inner ] || victims+=("$outer")
    [ "$1" = outer ] || victims+=("$inner")
    kill_while_writing root n "$work/nested.log" "${victims[@]}"
    for server in "${victims[@]}"; do wait_until is_gone "$server"; done
    as root timeout 60 "$COFFER" unmount n m >stdout 2>&1 || true # what it says of the dead is not the matter here
    wait_until is_gone "$inner"
    wait_until is_gone "$outer"
    mount_nested
    check root n "$work/nested.log"
    expect_status 0 as root "$COFFER" unmount n
    expect_status 0 as root "$COFFER" unmount m
}

for ((i = 0; i < kills; i++)); do
    case=${cases[i % ${#cases[@]}]}
    case $case in
    nested:*) kill_nested "${case#*:}" ;;
    root:*) kill_one root "${case#*:}.coffer" "$work/$case.log" --via "${case#*:}" ;;
    nobody:*) kill_one nobody "${case#*:}.coffer" "$work/theirs/$case.log" ;;
    esac
done

# And each of the file systems is sound.
for volume in ours/fuse.coffer ours/loop.coffer theirs/ext4.coffer theirs/vfat.coffer; do
    mkdir -p look
    mount_block "$volume" look
    if [[ $volume = *vfat* ]]; then
        expect_status 0 fsck.fat -n look/volume
    else
        expect_status 0 e2fsck -fn look/volume
    fi
    unmount look
done
wait_until has_no_process
expect_nothing_left
expect_same '' "$(ls -A theirs/run/coffer)" "the user's runtime directory"
