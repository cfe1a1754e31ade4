#!/bin/bash
# SPDX-License-Identifier: ISC
#
# Opens every volume of spec/vectors/volumes.txt: the exit status is the expected verdict, what `info` says is what
# was expected, and looking writes nothing [OPEN-17]. Then opens for writing, which heals: the cleartext is the
# expected one, and once healed nothing is written any more [HEAL-6]. A `read-only` volume is not touched [FLAG-2].

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

/usr/bin/python3 -c 'import argon2, cryptography' 2>/dev/null || skip 'python3-argon2 or python3-cryptography is missing'
cleartext=$BUILD_DIR/tests/cleartext # tests/tools

declare -A status_of=([ok]=0 [read-only]=0 [not-a-volume]=10 [wrong-secret]=12 [damaged]=13 [too-new]=14 [memory]=15)
failures=0

wrong() { # TEXT: all are tried before the test fails
    printf '%s\n' "$1"
    sed 's/^/    /' stderr
    failures=$((failures + 1))
}

digest() {
    b2sum -l 256 <"$1" | cut -d ' ' -f 1
}

# A sanitizer maps more address space than there is.
can_limit_memory() {
    (ulimit -v 4194304 && "$COFFER" version) >/dev/null 2>&1
}

compare_info() { # IMAGE EXPECTED
    /usr/bin/python3 - "$2" <<'PYTHON' || wrong "$1: info says something else"
import json, sys
info = json.load(open("stdout", encoding="utf-8"))
for name, value in (item.split("=", 1) for item in sys.argv[1].split(",")):
    if info[name] != (json.loads(value) if value[0] in "0123456789tf" else value):
        sys.exit(f"{name} is {info[name]!r} instead of {value}")
PYTHON
}

look() { # IMAGE VERDICT LIMIT EXPECTED [OPTION...]
    local image=$1 verdict=$2 limit=$3 expected=$4 status=0
    shift 4
    (ulimit -v "$limit" && exec "$COFFER" info "$image" --json "$@") >stdout 2>stderr || status=$?
    if [ "$status" -ne "${status_of[$verdict]}" ]; then
        wrong "$image: info $* exits with $status instead of ${status_of[$verdict]} ($verdict)"
    elif [ "$expected" != - ]; then
        compare_info "$image" "$expected"
    fi
    [ "$(digest "$image")" = "$before" ] || wrong "$image: info $* wrote to it"
}

heal() { # IMAGE VERDICT CLEARTEXT [OPTION...]
    local image=$1 verdict=$2 expected=$3 status=0 healed
    shift 3
    cp --sparse=always "$image" healed
    "$cleartext" healed --write "$@" >stdout 2>stderr || status=$?
    if [ "$status" -ne "${status_of[$verdict]}" ]; then
        wrong "$image: opening for writing exits with $status instead of ${status_of[$verdict]} ($verdict)"
    elif [ "$expected" != - ] && [ "$(digest stdout)" != "$expected" ]; then
        wrong "$image: other cleartext than expected"
    fi
    healed=$(digest healed)
    if [ "$status" -ne 0 ] || [ "$verdict" = read-only ]; then
        [ "$healed" = "$before" ] || wrong "$image: refused, and written to"
        return 0
    fi
    "$cleartext" healed --write "$@" >stdout 2>stderr || wrong "$image: does not open again once healed"
    [ "$(digest stdout)" = "$expected" ] || wrong "$image: other cleartext once healed"
    [ "$(digest healed)" = "$healed" ] || wrong "$image: written to although nothing was to be healed"
}

mkdir volumes
PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 "$SOURCE_DIR/spec/vectors/generate.py" --volumes volumes
cd volumes

count=0
while IFS=$'\t' read -r image verdict limit expected plain options; do
    [ "$limit" = unlimited ] || can_limit_memory || continue
    [ "$options" != - ] || options=''
    before=$(digest "$image")
    # shellcheck disable=SC2086
    look "$image" "$verdict" "$limit" "$expected" $options
    if [ -n "$options" ] && [ "$limit" = unlimited ]; then
        # shellcheck disable=SC2086
        heal "$image" "$verdict" "$plain" $options
    fi
    count=$((count + 1))
done <openings.tsv
[ "$failures" -eq 0 ] || fail "$failures of $count openings went wrong"
[ "$count" -ge 140 ] || fail "only $count openings"
