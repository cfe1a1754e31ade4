#!/bin/bash
# SPDX-License-Identifier: ISC
#
# Long work can be stopped at any time and leaves nothing; it shows how far it is where somebody looks, and says it
# when asked.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

create=("$COFFER" create big.coffer --fs none --fill "${small_kdf[@]}" --passphrase-file "$secret")
space=$(df --output=avail -B 1M . | tail -n 1)
[ "$space" -ge 10000 ] || skip 'less than 10 GB are free here'
[ "$(stat -f -c %T .)" != tmpfs ] || skip 'here they would be memory'
large=8G

# ---- stopped -----------------------------------------------------------------------------------------------

start() { # COMMAND...: in the background, where a shell would have SIGINT ignored: hence env. It must not be done
    # before it is stopped, so the one who stops it goes first.
    nice -n 19 "$@" >stdout 2>stderr &
    running=$!
    at_end kill "$running"
}
is_working() { # it has begun to write
    [ -e "/proc/$running/io" ] && [ "$(awk '/^wchar/ { print $2 }' "/proc/$running/io")" -gt 4000000 ]
}
stopped_by() { # SIGNAL
    local status=0
    start env --default-signal=INT "${create[@]}" --size "$large" "${@:2}"
    wait_until is_working
    kill "-$1" "$running"
    wait "$running" || status=$?
    expect_same 130 "$status" "exit status after SIG$1"
    [ ! -e big.coffer ] || fail 'a stopped create left a file'
    [ -z "$(find . -name '.big*')" ] || fail 'a stopped create left a scratch file'
}
for signal in INT TERM HUP; do
    stopped_by "$signal"
    expect_error "^coffer: error: cannot create 'big.coffer': stopped$"
    expect_same 1 "$(grep -c '^coffer: hint: ' stderr)" 'hints'
done
stopped_by INT --json
expect_error '^\{"message_type":"exit_error","code":130,'

# Also during the key derivation, which cannot be cut short: that is a matter of seconds.
is_deriving() { [ "$(awk '/^VmRSS/ { print $2 }' "/proc/$running/status")" -gt 200000 ]; }
start env --default-signal=INT "$COFFER" create big.coffer --fs none --size 8M --kdf-memory 256M --kdf-passes 6 \
    --passphrase-file "$secret"
wait_until is_deriving
kill -INT "$running"
status=0
wait "$running" || status=$?
expect_same 130 "$status" 'exit status after SIGINT during the key derivation'
[ ! -e big.coffer ] || fail 'a stopped create left a file'

# Killed without a chance: nothing is left either.
start "${create[@]}" --size "$large"
wait_until is_working
kill -KILL "$running"
wait "$running" 2>/dev/null || true
[ ! -e big.coffer ] || fail 'a killed create left a file'

# ---- shown -------------------------------------------------------------------------------------------------

start env --default-signal=INT "${create[@]}" --size "$large" --quiet
wait_until is_working
has_line() { grep -qE '^coffer: progress: [a-z ]+\[#*-*\] +[0-9]+%' stderr; }
kill -USR1 "$running"
wait_until has_line
kill -INT "$running"
wait "$running" || true
expect_same 1 "$(grep -c 'progress' stderr)" 'lines of progress that were asked for'

start env --default-signal=INT "${create[@]}" --size "$large" --json
has_json_line() { grep -qE '^\{"message_type":"progress",' stderr; }
wait_until has_json_line
kill -INT "$running"
wait "$running" || true
grep '"progress"' stderr | head -n 1 | /usr/bin/python3 -c 'import json, sys
line = json.loads(sys.stdin.readline())
assert line["total"] > line["done"] > 0 and line["what"] and line["bytes_per_second"] > 0, line'

# On a terminal a bar, and Ctrl-C ends it cleanly.
in_terminal 'see:% ' see:left key:intr see:stopped exit:130 -- "${create[@]}" --size "$large"
[ ! -e big.coffer ] || fail 'a stopped create left a file'
