#!/bin/bash
# SPDX-License-Identifier: ISC
#
# The manners of every command: where messages go, what they look like, what the exit status is, and that a result
# that does not arrive is a failure.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# ---- usage -------------------------------------------------------------------------------------------------

expect_status 2 "$COFFER"
expect_error '^coffer: error: there is no command$'
expect_error "^coffer: hint: 'coffer help' lists the commands$"
[ ! -s stdout ] || fail 'an error wrote to stdout'

expect_status 2 "$COFFER" inof
expect_error "^coffer: error: unknown command 'inof'$"
expect_error "^coffer: hint: did you mean 'info'\?$"
expect_status 2 "$COFFER" frobnicate
expect_error "^coffer: hint: 'coffer help' lists the commands$"

expect_status 2 "$COFFER" info --jsno x
expect_error "^coffer: error: unknown option '--jsno'$"
expect_error "^coffer: hint: did you mean '--json'\?$"
expect_status 2 "$COFFER" info
expect_error "^coffer: error: 'info' needs VOLUME$"
expect_status 2 "$COFFER" info a b
expect_error "^coffer: error: 'info' does not know what to do with 'b'$"
expect_status 2 "$COFFER" info --quiet --quiet x
expect_error "^coffer: error: option '--quiet' is given twice$"

# ---- help and version --------------------------------------------------------------------------------------

for arguments in help --help 'help info' 'info --help' version --version 'version --quiet'; do
    # shellcheck disable=SC2086 # several words
    expect_status 0 "$COFFER" $arguments
    [ -s stdout ] || fail "'$arguments' says nothing"
    [ ! -s stderr ] || fail "'$arguments' complains"
done
expect_status 0 "$COFFER" help info
mv stdout first
expect_status 0 "$COFFER" info --help ignored operands
cmp -s first stdout || fail "'help info' and 'info --help' differ"
expect_status 2 "$COFFER" help inof
expect_error "did you mean 'info'"
expect_status 0 "$COFFER" version --json
expect_json 'it["schema"] == "coffer.version/1"' \
    '{"libfuse", "libblkid", "json-c", "libsodium", "libgcrypt"} <= {name.split()[0] for name in it["libraries"]}' \
    'any(name.startswith("coffer ") for name in it["formats"])'
expect_status 0 "$COFFER" help --json
expect_json 'it["schema"] == "coffer.help/1"' \
    '[c["name"] for c in it["commands"]] == sorted({c["name"] for c in it["commands"]}, key=[c["name"] for c in it["commands"]].index)'

# ---- failures as JSON --------------------------------------------------------------------------------------

expect_json_error() { # CODE TEXT: one line on stderr, nothing on stdout
    /usr/bin/python3 - "$work/stderr" "$1" "$2" <<'PYTHON' || { show_run; fail 'not that line of JSON'; }
import json, sys
lines = open(sys.argv[1]).read().splitlines()
line = json.loads(lines[0])
assert len(lines) == 1, "one line"
assert line["message_type"] == "exit_error" and line["code"] == int(sys.argv[2]), line
assert sys.argv[3] in line["message"], line
PYTHON
    [ ! -s stdout ] || fail 'a failure wrote to stdout'
}

expect_status 10 "$COFFER" info --json missing.coffer
expect_json_error 10 missing.coffer
expect_status 2 "$COFFER" info --json
expect_json_error 2 VOLUME
expect_status 2 "$COFFER" info --frobnicate --json x
expect_json_error 2 frobnicate
expect_status 2 "$COFFER" frobnicate --json
expect_json_error 2 frobnicate
expect_status 10 "$COFFER" info --json "$(printf 'a\nb\x1b\xff')"
expect_json_error 10 '\x1b\xff'
expect_status 10 "$COFFER" info -- --json
expect_error '^coffer: error: '

# ---- hostile names -----------------------------------------------------------------------------------------

expect_status 10 "$COFFER" info "$(printf 'a\nb\x1b]0;gotcha\x07\xff\xe2\x80\xae')"
expect_error '^coffer: error: cannot read '\''a\\nb\\x1b\]0;gotcha\\x07\\xff\\u202e'\'
expect_same 1 "$(wc -l <stderr)" 'lines of the message'
! LC_ALL=C grep -q "$(printf '\x1b')" stderr || fail 'an escape sequence reached the terminal'

# ---- a result that does not arrive -------------------------------------------------------------------------

without_stdout() { "$COFFER" "$@" >&-; }
without_any() { "$COFFER" "$@" <&- >&- 2>&-; }
on_full_disk() { "$COFFER" "$@" >/dev/full; }
for command in help version 'help --json' 'help --complete'; do
    # shellcheck disable=SC2086
    expect_status 1 without_stdout $command
    expect_error 'cannot write to standard output: bad file descriptor'
    # shellcheck disable=SC2086
    expect_status 1 on_full_disk $command
    expect_error 'cannot write to standard output: no space left on device'
done
/usr/bin/python3 - "$COFFER" <<'PYTHON' || fail 'a broken pipe is not a failure'
import os, subprocess, sys
reader, writer = os.pipe()
os.close(reader)
run = subprocess.run([sys.argv[1], "version"], stdout=writer, stderr=subprocess.PIPE)
assert run.returncode == 1, run
assert b"cannot write to standard output: broken pipe" in run.stderr, run
PYTHON

# A failure of its own wins over the one of stdout, and closed descriptors are not reused for files.
expect_status 10 without_any info missing
expect_silence
