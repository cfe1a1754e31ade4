# SPDX-License-Identifier: ISC
# shellcheck shell=bash
#
# lib_mount.sh - what the tests of mounting share, on top of lib.sh. Every volume is opened with $secret.

need_fuse
: "${secret:?}" "${work:?}"

mount_block() { # VOLUME DIR [OPTION...]: has to succeed, and without a word
    expect_status 0 "$COFFER" mount --block "$1" "$2" --passphrase-file "$secret" "${@:3}"
    expect_no_error 'error|notice'
}

unmount() { # NAME [OPTION...]: has to succeed, and without a word
    expect_status 0 "$COFFER" unmount "$@"
    expect_silence
}

is_mounted() { # DIR
    mountpoint -q "$1"
}

# For expect_json after 'list': other tests mount things at the same time, as the same users.
# shellcheck disable=SC2034
ours="[m for m in it['mounts'] if m['mount_point'].startswith('$work/')]"

server_of() { # DIR [AS-WHOM...]: prints the process that serves it
    local document
    document=$("${@:2}" "$COFFER" list --json 2>/dev/null)
    DIR=$(realpath "$(dirname "$1")")/$(basename "$1") /usr/bin/python3 -c 'import json, os, sys
found = [m["server_pid"] for m in json.load(sys.stdin)["mounts"] if m["mount_point"] == os.environ["DIR"]]
print(found[0] if found else 0)' <<<"$document"
}

is_running() { # PID; the first thread may be dead before the others have closed their files
    local tasks
    tasks=$(find "/proc/$1/task" -mindepth 1 -maxdepth 1 2>/dev/null | wc -l) || return 1
    [ "$tasks" -gt 1 ] || { [ "$tasks" -eq 1 ] && ! grep -q '^State:.*Z' "/proc/$1/status" 2>/dev/null; }
}

is_gone() { # PID
    ! is_running "$1"
}

has_no_process() { # of this test
    ! pgrep -f "^$COFFER mount .*$work/" >/dev/null
}

expect_nothing_left() { # of this test: no mount, no state, no private directory
    ! grep -qF " $work/" /proc/self/mountinfo || fail "something is mounted: $(grep -F " $work/" /proc/self/mountinfo)"
    [ ! -d "$XDG_RUNTIME_DIR/coffer" ] || expect_same '' "$(ls -A "$XDG_RUNTIME_DIR/coffer")" 'runtime directory'
}
