# SPDX-License-Identifier: ISC
# shellcheck shell=bash
#
# lib.sh - what the scripts here share: a directory of their own, and a fake volume served by a process of its
# own. Whatever is still mounted below that directory at the end is unmounted.
#
#     . "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
#     serve -w "$work/backing" 64M "$work/mnt"
#     ... "$work/mnt/volume" ...
#     stop

set -euo pipefail
shopt -s inherit_errexit

: "${SERVE_FAKE:?the program that serves a fake volume}"
exec </dev/null
work=$(mktemp -d "${TMPDIR:-/tmp}/coffer-test-fuse.XXXXXX")
trap 'clean_up $?' EXIT
trap 'exit 130' INT TERM HUP
export LC_ALL=C.UTF-8
server=
as=() # a command prefix: who serves

clean_up() {
    local status=$1 mount_point
    trap - EXIT
    cd /
    while read -r mount_point; do
        mount_point=$(printf '%b.' "$mount_point") # blanks are octal there; the dot keeps a newline at the end
        umount -l "${mount_point%.}" 2>/dev/null || fusermount3 -u -q -z "${mount_point%.}" || true
    done < <(awk -v work="$work/" 'index($5, work) == 1 { print $5 }' /proc/self/mountinfo | tac)
    rm -rf --one-file-system "$work"
    exit "$status"
}

fail() { # TEXT
    printf '%s:%s: %s\n' "${BASH_SOURCE[-1]##*/}" "${BASH_LINENO[-2]:-?}" "$1"
    [ ! -s "$work/said" ] || sed 's/^/server: /' "$work/said"
    exit 1
}

skip() { # REASON
    echo "$1"
    exit 77
}

need() { # PROGRAM...
    local program
    for program; do command -v "$program" >/dev/null || skip "$program is not installed"; done
}

need_root() { [ "$(id -u)" -eq 0 ] || skip "$1"; }

# serve [OPTION...] BACKING SIZE DIR: as serve_fake takes them, but SIZE may have a suffix. Returns its status
# when it cannot mount; what it says is in $work/said.
serve() {
    local arguments=("$@") line=
    arguments[$# - 2]=$(numfmt --from=iec "${arguments[$# - 2]}")
    [ -e "${arguments[$# - 1]}" ] || mkdir "${arguments[$# - 1]}"
    exec {output}< <(exec ${as[0]+"${as[@]}"} "$SERVE_FAKE" "${arguments[@]}" 2>"$work/said")
    server=$!
    read -r line <&"$output" || true
    exec {output}<&-
    [ "$line" = ready ] || { wait "$server"; return; }
}

stop() { # unmounts and returns the server's status; asks again, as a loop device lets go of its file late
    while kill -TERM "$server" 2>/dev/null; do
        sleep 0.05
    done
    wait "$server"
}

skip_without_fuse() {
    local status=0
    serve "$work/probe" 1M "$work/probe.mnt" || status=$?
    [ "$status" -eq 0 ] || skip "no FUSE mounts here: $(cat "$work/said")"
    stop
}

# What /proc/mounts says about a mount point: field 1 is the device, 4 the options.
mount_field() { awk -v point="$1" -v field="$2" '$2 == point { print $field }' /proc/mounts; }
