#!/bin/bash
# SPDX-License-Identifier: ISC
#
# spec/reader.py against the vectors: its functions against the text files, and every opening of volumes.txt, where
# its exit status is the verdict and its output the cleartext; it never writes [OPEN-17]. vector_volumes.sh asks the
# program the same.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

/usr/bin/python3 -c 'import nacl, cryptography' 2>/dev/null || skip 'python3-nacl or python3-cryptography is missing'
reader=(/usr/bin/python3 "$SOURCE_DIR/spec/reader.py")
export PYTHONDONTWRITEBYTECODE=1

expect_status 0 /usr/bin/python3 "$SOURCE_DIR/tests/cli/reader_vectors.py" "$SOURCE_DIR/spec"

/usr/bin/python3 -c 'import argon2' 2>/dev/null || skip 'whole volumes: python3-argon2, which makes them, is missing'
declare -A status_of=([ok]=0 [read-only]=0 [not-a-volume]=10 [wrong-secret]=12 [damaged]=13 [too-new]=14 [memory]=15)
failures=0 count=0

wrong() { # TEXT: all are tried before the test fails
    printf '%s\n' "$1"
    sed 's/^/    /' stderr
    failures=$((failures + 1))
}

digest() {
    b2sum -l 256 <"$1" | cut -d ' ' -f 1
}

read_it() { # IMAGE VERDICT LIMIT CLEARTEXT OPTION...
    local image=$1 verdict=$2 limit=$3 expected=$4 status=0
    shift 4
    (ulimit -v "$limit" && exec "${reader[@]}" "$image" "$@") >stdout 2>stderr || status=$?
    if [ "$status" -ne "${status_of[$verdict]}" ]; then
        wrong "$image: $* exits with $status instead of ${status_of[$verdict]} ($verdict)"
    elif [ "$status" -ne 0 ]; then
        [ ! -s stdout ] || wrong "$image: $* is refused, and cleartext is given out"
        [ "$(wc -l <stderr)" -eq 1 ] && grep -q "^reader.py: '$image': $verdict: " stderr ||
            wrong "$image: $*: no line that names the verdict"
    elif [ "$expected" != - ] && [ "$(digest stdout)" != "$expected" ]; then
        wrong "$image: $*: other cleartext than expected"
    fi
}

mkdir volumes
/usr/bin/python3 "$SOURCE_DIR/spec/vectors/generate.py" --volumes volumes
cd volumes
sha256sum -- * >../before
while IFS=$'\t' read -r image verdict limit _ plain options; do
    [ "$options" != - ] || continue # there is nothing that a reader would do without a secret
    # The cleartext of this one is that after an old tail has been wiped, which takes opening for writing [GROW-6].
    [ "$image" != growth-cut-short ] || plain=-
    # shellcheck disable=SC2086
    read_it "$image" "$verdict" "$limit" "$plain" $options
    count=$((count + 1))
done <openings.tsv
rm stdout stderr
sha256sum --quiet --check ../before >&2 || fail 'the reader has written to a volume'
[ "$failures" -eq 0 ] || fail "$failures of $count openings went wrong"
[ "$count" -ge 130 ] || fail "only $count openings"
