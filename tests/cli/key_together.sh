#!/bin/bash
# SPDX-License-Identifier: ISC
#
# Processes that change one header at the same time: each works on what the one before it has written, none undoes
# another, and readers see one state or the other: UPD-6, OPEN-1.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

run_all() { # COMMAND of {}, for 1 to 6 at once; the exit statuses are in status.*
    local i started=()
    rm -f status.* said.*
    for i in 1 2 3 4 5 6; do
        (
            status=0
            "${@//\{\}/$i}" >"said.$i" 2>&1 || status=$?
            echo "$status" >"status.$i"
        ) &
        started+=($!)
    done
    wait "${started[@]}"
}
expect_all() { # STATUS
    [ "$(cat status.* | sort -u)" = "$1" ] || fail "instead of $1: $(head said.* status.*)"
}
slots() { # as a list of numbers
    "$COFFER" key list a.coffer --passphrase-file "$1" --json >list.json
    /usr/bin/python3 -c 'import json; print([k["slot"] for k in json.load(open("list.json"))["keys"]])'
}

make_volume a.coffer
for i in 1 2 3 4 5 6; do
    echo "secret number $i" >"secret$i"
    echo "secret number $i, new" >"new$i"
done

# Six additions: six slots, and every secret opens.
run_all "$COFFER" key add a.coffer --passphrase-file "$secret" --new-passphrase-file 'secret{}'
expect_all 0
expect_same '[0, 1, 2, 3, 4, 5, 6]' "$(slots "$secret")" 'slots after six additions'
run_all "$COFFER" info a.coffer --passphrase-file 'secret{}'
expect_all 0

# Changes, while others read and check it.
: >reading
for i in 1 2 3; do
    (while [ -e reading ]; do "$COFFER" check a.coffer --passphrase-file "$secret" || echo "status $?"; done >"read.$i" 2>&1) &
done
run_all "$COFFER" key change a.coffer --passphrase-file 'secret{}' --new-passphrase-file 'new{}'
rm reading
expect_all 0
wait
! grep -E 'damage|status' read.* || fail 'a reader saw what was half written'
run_all "$COFFER" info a.coffer --passphrase-file 'secret{}'
expect_all 12
run_all "$COFFER" info a.coffer --passphrase-file 'new{}'
expect_all 0

# The same secret twice at once: it gets one slot.
echo 'one of two' >two
run_all "$COFFER" key add a.coffer --passphrase-file 'new{}' --new-passphrase-file two
expect_same '1 5' "$(grep -lx 0 status.* | wc -l) $(grep -lx 2 status.* | wc -l)" 'additions of one secret'

# Each removes another one's slot: whoever is removed first removes nobody, and somebody is always left.
"$COFFER" key remove a.coffer --passphrase-file two --slot 0 --quiet 2>/dev/null
remove() { # NUMBER: the slot of the next one
    "$COFFER" key remove a.coffer --passphrase-file "new$1" --slot "$(cat "slot$(($1 % 6 + 1))")"
}
for i in 1 2 3 4 5 6; do
    "$COFFER" info a.coffer --passphrase-file "new$i" --json >info.json
    /usr/bin/python3 -c 'import json; print(json.load(open("info.json"))["slot"])' >"slot$i"
done
run_all remove '{}'
removed=$(grep -lx 0 status.* | wc -l)
[ "$removed" -ge 1 ] || fail "nobody removed anything: $(head said.*)"
left=0
for i in 1 2 3 4 5 6; do
    status=0
    "$COFFER" info a.coffer --passphrase-file "new$i" >said 2>&1 || status=$?
    case $status in
    0) left=$((left + 1)) ;;
    12) ;;
    *) fail "status $status: $(cat said)" ;;
    esac
done
expect_same $((6 - removed)) "$left" 'secrets that are left'
expect_status 0 "$COFFER" check a.coffer --passphrase-file two
expect_same "$((left + 1))" "$(slots two | tr -cd , | wc -c | awk '{ print $1 + 1 }')" 'slots that are left'
