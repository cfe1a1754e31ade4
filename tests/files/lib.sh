# SPDX-License-Identifier: ISC
# shellcheck shell=bash
#
# lib.sh - what the tests of mounted file systems share. Source it first: the test runs in an empty directory of its
# own, and what is mounted there is unmounted however the test ends.

set -euo pipefail
shopt -s inherit_errexit
: "${TOOLS:?the folder of serve_image and synced_files}"
PATH=$PATH:/usr/sbin:/sbin

work=$(mktemp -d "${TMPDIR:-/tmp}/coffer-files.XXXXXX")
trap 'clean_up $?' EXIT
trap 'exit 130' INT TERM HUP
cd "$work"
export LC_ALL=C.UTF-8
umask 022

clean_up() {
    local status=$1 mount_point
    trap - EXIT
    cd /
    while read -r mount_point; do
        fusermount3 -u -q -z "$mount_point" 2>/dev/null || umount -l "$mount_point" 2>/dev/null || true
    done < <(awk -v work="$work/" 'index($5, work) == 1 { print $5 }' /proc/self/mountinfo | tac)
    rm -rf "$work"
    exit "$status"
}

fail() {
    printf '%s:%s: %s\n' "${BASH_SOURCE[-1]##*/}" "${BASH_LINENO[-2]:-?}" "$1"
    exit 1
}

skip() {
    echo "$1"
    exit 77
}

expect() { # WHAT WANTED GOT
    [ "$2" = "$3" ] || fail "$1: '$3', not '$2'"
}

refused() { # COMMAND...: it fails
    if "$@" 2>/dev/null; then
        fail "was not refused: $*"
    fi
}

need() { # PROGRAM...
    local program
    for program in "$@"; do
        command -v "$program" >/dev/null || skip "$program is missing"
    done
}

need mke2fs e2fsck fusermount3
[ -r /dev/fuse ] && [ -w /dev/fuse ] || skip '/dev/fuse is missing'

image() { # FILE SIZE [MKE2FS-OPTION...]
    local file=$1 size=$2
    shift 2
    truncate -s "$size" "$file"
    mke2fs -q -F "$@" "$file"
}

# serve IMAGE DIR [OPTION...]: returns when it is mounted; the server is $server.
serve() {
    local line ready=$work/ready.$RANDOM
    mkdir -p "$2"
    mkfifo "$ready"
    "$TOOLS/serve_image" "$@" >"$ready" 2>&1 &
    server=$!
    exec 7<"$ready"
    rm "$ready"
    read -r line <&7 || fail 'the server said nothing'
    case $line in
    ready*) ;;
    *) fail "the server: $line" ;;
    esac
}

# stop DIR: unmounts and waits for the server, whose exit status must be 0.
stop() {
    umount "$1" 2>/dev/null || fusermount3 -u "$1"
    wait "$server" || fail "the server: $(cat <&7)"
    exec 7<&-
}

# kill_writing DIR LOG: kills the server, of which nothing is left afterwards, while synced_files writes to DIR, at a moment
# that depends on the work done, not on the clock.
kill_writing() {
    local writer lines
    "$TOOLS/synced_files" write "$1" "$2" 2>writer.log &
    writer=$!
    lines=$(($(wc -l <"$2") + 20 + RANDOM % 200))
    while [ "$(wc -l <"$2")" -lt "$lines" ]; do
        kill -0 "$writer" 2>/dev/null || fail "the writer gave up: $(cat writer.log)"
        sleep 0.01
    done
    kill_server "$1"
    wait "$writer" || true
}

kill_server() { # DIR: and its mount is taken away
    kill -9 "$server"
    wait "$server" 2>/dev/null || true
    exec 7<&-
    umount -l "$1" 2>/dev/null || fusermount3 -u -z "$1"
}

ntfs_image() { # FILE SIZE [MKNTFS-OPTION...]
    local file=$1 size=$2
    shift 2
    truncate -s "$size" "$file"
    mkntfs -q -F "$@" "$file" >mkntfs.log 2>&1 || { cat mkntfs.log; fail 'mkntfs'; }
}

clean_ntfs() { # IMAGE [--crashed]: the checker finds nothing
    /usr/bin/python3 "$SOURCE_DIR/tests/files/check_ntfs.py" "$@" >check.log || { cat check.log; fail "damage in $1"; }
}

clean() { # IMAGE: e2fsck finds nothing
    e2fsck -fn "$1" >fsck.log 2>&1 || { cat fsck.log; fail "e2fsck finds something in $1"; }
}
