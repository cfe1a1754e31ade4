# SPDX-License-Identifier: ISC
# shellcheck shell=bash
#
# lib.sh - what the tests of the program share. Source it first: the test then runs in an empty directory of its
# own, without a terminal and with nothing on standard input, and leaves nothing behind: what is mounted below that
# directory is unmounted and the directory removed, however the test ends.
#
#     . "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
#     make_volume a.coffer --size 8M
#     expect_status 12 "$COFFER" info a.coffer --passphrase-file "$wrong"
#     expect_error 'no key slot opens'

set -euo pipefail
shopt -s inherit_errexit

: "${COFFER:?the program to test}" "${SOURCE_DIR:?the root of the source}" "${BUILD_DIR:?the build directory}"

# A test that somebody starts by hand in a terminal must not ask there.
if { : </dev/tty; } 2>/dev/null; then
    exec setsid --wait bash "$0" "$@"
fi
exec </dev/null

work=$(mktemp -d "${TMPDIR:-/tmp}/coffer-test.XXXXXX")
trap 'clean_up $?' EXIT
trap 'exit 130' INT TERM HUP
cd "$work"
export XDG_RUNTIME_DIR=$work/run
mkdir -m 0700 "$XDG_RUNTIME_DIR"
export XDG_STATE_HOME=$work/state
export LC_ALL=C.UTF-8
umask 022

# The costs that make a test fast.
# shellcheck disable=SC2034
small_kdf=(--kdf-memory 8M --kdf-passes 1)

# A secret that opens what make_volume makes, and one that does not.
secret=$work/secret
wrong=$work/wrong
printf 'correct horse\n' >"$secret"
printf 'battery staple\n' >"$wrong"

at_end=()

at_end() { # COMMAND...: to be run when the test ends, the last one first
    at_end=("$(printf '%q ' "$@")" "${at_end[@]}")
}

# What was built below /root is for root alone; some tests need the program as an ordinary user.
if [ "$(id -u)" -eq 0 ] && ! runuser -u nobody -- test -x "$COFFER" 2>/dev/null; then
    public=$(mktemp -d "${TMPDIR:-/tmp}/coffer-program.XXXXXX")
    at_end rm -rf "$public"
    chmod 0711 "$public"
    cp "$COFFER" "$public/coffer"
    COFFER=$public/coffer
fi

clean_up() {
    local status=$1 mount_point command
    trap - EXIT
    set +e
    cd /
    for command in "${at_end[@]}"; do
        eval "$command" >/dev/null 2>&1
    done
    # the youngest mount first
    while read -r mount_point; do
        mount_point=$(printf "%b" "$mount_point") # blanks are octal there
        fusermount3 -u -q -z "$mount_point" 2>/dev/null || umount -l "$mount_point" 2>/dev/null
    done < <(awk -v work="$work/" 'index($5, work) == 1 { print $5 }' /proc/self/mountinfo | tac)
    rm -rf "$work"
    exit "$status"
}

fail() { # TEXT: the test has failed
    printf '%s:%s: %s\n' "${BASH_SOURCE[-1]##*/}" "${BASH_LINENO[-2]:-?}" "$1"
    exit 1
}

skip() { # TEXT: the test cannot run here
    echo "$1"
    exit 77
}

need_program() { # NAME...: skips without them
    local name
    for name; do
        command -v "$name" >/dev/null || PATH=$PATH:/usr/sbin:/sbin command -v "$name" >/dev/null ||
            skip "$name is not installed"
    done
}

need_fuse() { # skips where nothing can be mounted
    { : <>/dev/fuse; } 2>/dev/null || skip '/dev/fuse cannot be opened'
    need_program fusermount3
}

need_root() {
    [ "$(id -u)" -eq 0 ] || skip 'only root can do this'
}

show_run() { # what the last command wrote
    printf 'stdout:\n'
    cat "$work/stdout"
    printf 'stderr:\n'
    cat "$work/stderr"
}

expect_status() { # N COMMAND...: runs it; its output is then in $work/stdout and $work/stderr
    local expected=$1 status=0
    shift
    "$@" >"$work/stdout" 2>"$work/stderr" || status=$?
    [ "$status" -eq "$expected" ] && return
    show_run
    fail "exit status $status instead of $expected: $*"
}

expect_output() { # PATTERN: an extended regular expression that a line of stdout matches
    grep -qE -- "$1" "$work/stdout" && return
    show_run
    fail "no line on stdout matches '$1'"
}

expect_error() { # PATTERN: a line of stderr matches
    grep -qE -- "$1" "$work/stderr" && return
    show_run
    fail "no line on stderr matches '$1'"
}

expect_no_error() { # PATTERN: no line of stderr matches
    grep -qE -- "$1" "$work/stderr" || return 0
    show_run
    fail "a line on stderr matches '$1'"
}

expect_silence() { # nothing was written at all
    [ ! -s "$work/stdout" ] && [ ! -s "$work/stderr" ] && return
    show_run
    fail 'there is output'
}

expect_json() { # EXPRESSION...: Python, true for `it`, the document on stdout
    local expression
    for expression; do
        /usr/bin/python3 -c 'import json, sys
it = json.load(open(sys.argv[1]))
sys.exit(0 if eval(sys.argv[2]) else "is: " + json.dumps(it))' "$work/stdout" "$expression" && continue
        show_run
        fail "does not hold: $expression"
    done
}

expect_same() { # EXPECTED ACTUAL WHAT
    [ "$1" = "$2" ] || fail "$3: '$2' instead of '$1'"
}

make_volume() { # PATH [OPTION...]: quickly, with $secret, without a file system unless --fs says otherwise
    local path=$1 no_fs=(--fs none) default_size=(--size 8M) option
    shift
    for option; do
        case $option in --fs | --fs=*) no_fs=() ;; --size | --size=*) default_size=() ;; esac
    done
    "$COFFER" create "$path" --quiet --passphrase-file "$secret" "${small_kdf[@]}" "${default_size[@]}" "${no_fs[@]}" "$@" \
        2>"$work/stderr" || { cat "$work/stderr"; fail "cannot make $path"; }
}

wait_until() { # COMMAND...: until it succeeds; fails after a minute
    local deadline=$((SECONDS + 60))
    until "$@"; do
        [ "$SECONDS" -lt "$deadline" ] || fail "does not come true: $*"
        sleep 0.05
    done
}

as_nobody() { # COMMAND...: as an ordinary user; give it only what it can read
    runuser -u nobody -- env XDG_RUNTIME_DIR= "$@"
}

in_terminal() { # STEP... -- COMMAND...: in a pseudo-terminal, see terminal.py; the transcript is in $work/stdout
    expect_status 0 /usr/bin/python3 "$SOURCE_DIR/tests/cli/terminal.py" "$@"
}
