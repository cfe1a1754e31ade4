#!/bin/bash
# SPDX-License-Identifier: ISC
#
# generate.py writes the vectors as they are in the source, and the known answers at the end of spec/volume.md are
# among them.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

/usr/bin/python3 -c 'import argon2, cryptography' 2>/dev/null || skip 'python3-argon2 or python3-cryptography is missing'
vectors=$SOURCE_DIR/spec/vectors

mkdir made
PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 "$vectors/generate.py" made
for file in made/*; do
    cmp -s "$file" "$vectors/${file##*/}" || fail "spec/vectors/${file##*/} is not what generate.py writes"
done

# Every block of hexadecimal digits or of a recovery code in "Known answers".
answers=0
while read -r answer; do
    answers=$((answers + 1))
    grep -qF -- "$answer" "$vectors/known_answers.txt" || fail "no vector has the known answer ${answer:0:32}..."
done < <(awk '
    /^## 15\. / { inside = 1 }
    inside && /^```/ { fence = !fence; next }
    inside && fence && / \.\.\. / { print $1; print $3; next }
    inside && fence && length($0) == 112 { joined = joined $0; next }
    inside && fence { print joined $0; joined = "" }' "$SOURCE_DIR/spec/volume.md")
[ "$answers" -ge 10 ] || fail "spec/volume.md has only $answers known answers"
