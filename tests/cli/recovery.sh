#!/bin/bash
# SPDX-License-Identifier: ISC
#
# Recovery codes: shown once and typed again before anything is written, or the result where nobody can type; what was
# given out opens the volume in every spelling that the format allows: REC-2, REC-3, REC-4.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

with=(--passphrase-file "$secret")
is_code='^([0-9A-HJKMNP-TV-Z]{5}-){10}[0-9A-HJKMNP-TV-Z]{5}$'
add=("$COFFER" key add --recovery "${with[@]}")
opens() { expect_status 0 "$COFFER" info "$1" --passphrase-file "$2"; }
slots_of() { "$COFFER" key list "$1" "${with[@]}" --json | /usr/bin/python3 -c 'import json, sys
print(*(k["kind"] for k in json.load(sys.stdin)["keys"]))'; }

make_volume a.coffer

# ---- as a result -------------------------------------------------------------------------------------------

expect_status 0 "${add[@]}" a.coffer --quiet --name paper
grep -qE "$is_code" stdout || fail 'that is no code'
expect_same 1 "$(wc -l <stdout)" 'lines'
cp stdout code
opens a.coffer code
expect_output 'opened by slot 1'
expect_same 'passphrase recovery' "$(slots_of a.coffer)" 'slots'
expect_status 0 "$COFFER" key list a.coffer --passphrase-file code
expect_output '^1 +recovery code .* yes +paper$'

# REC-3: small letters, blanks or nothing for hyphens, o for 0, i and l for 1.
tr '[:upper:]' '[:lower:]' <code >small
tr -- - ' ' <code >blanks
tr -d -- - <code >together
tr 01 OI <code >letters
tr 01 ol <code >others
for spelling in small blanks together letters others; do
    opens a.coffer "$spelling"
done
# A typing error is no code, and no passphrase either.
/usr/bin/python3 -c 'import sys
text = open("code").read()
print(text[:8] + ("A" if text[8] != "A" else "B") + text[9:], end="")' >mistyped
expect_status 12 "$COFFER" info a.coffer --passphrase-file mistyped

expect_status 0 "${add[@]}" a.coffer --json
expect_json 'it["action"] == "add"' 'it["slot"] == 2' \
    "__import__('re').match(r'$is_code', it['recovery_code'])"
/usr/bin/python3 -c 'import json; print(json.load(open("stdout"))["recovery_code"])' >json
opens a.coffer json
expect_status 0 "${add[@]}" a.coffer
expect_output "$is_code"
expect_output "^'a.coffer': key slot 3 holds the new secret$"

# A code that nobody got is a failure.
on_full_disk() { "$@" >/dev/full; }
expect_status 1 on_full_disk "${add[@]}" a.coffer
expect_error 'cannot write to standard output'

# ---- from the start ----------------------------------------------------------------------------------------

create=("$COFFER" create --recovery-key --size 8M --fs none "${small_kdf[@]}" "${with[@]}")
expect_status 0 "${create[@]}" c.coffer --quiet
grep -qE "$is_code" stdout || fail 'that is no code'
cp stdout code
opens c.coffer code
# A volume with a code that nobody got is not made.
for how in --quiet --json; do
    expect_status 1 on_full_disk "${create[@]}" d.coffer "$how"
    expect_error 'cannot write to standard output'
    [ ! -e d.coffer ] || fail 'a create that could not say the code left a volume'
done
expect_same 'passphrase recovery' "$(slots_of c.coffer)" 'slots'
expect_status 0 "${create[@]}" d.coffer --json
expect_json 'it["schema"] == "coffer.create/1"' "__import__('re').match(r'$is_code', it['recovery_code'])"
expect_status 0 "$COFFER" create --recovery-key u.img --unmarked --kdf-level 0 --size 4M --fs none "${with[@]}" --quiet
cp stdout code
opens u.img code # a code needs no level
expect_status 10 "${create[@]}" nowhere/d.coffer
expect_same '' "$(cat stdout)" 'result of a failed create'

# ---- on a terminal -----------------------------------------------------------------------------------------

make_volume b.coffer
in_terminal 'see:recovery code' 'see:Type it again' echo:on code:right 'see:key slot 1' exit:0 -- "${add[@]}" b.coffer
grep -oE -m 1 "${is_code:1:-1}" stdout >typed
opens b.coffer typed
expect_same 'passphrase recovery' "$(slots_of b.coffer)" 'slots'
in_terminal 'see:Type it again' code:wrong 'see:not the code' 'see:Type it again' code:wrong 'see:Type it again' code:right \
    'see:key slot 2' exit:0 -- "${add[@]}" b.coffer
sum=$(sha256sum <b.coffer)
in_terminal 'see:Type it again' code:wrong 'see:Type it again' code:wrong 'see:Type it again' code:wrong \
    'see:nothing has been written' exit:2 -- "${add[@]}" b.coffer
in_terminal 'see:Type it again' key:intr killed:INT -- "${add[@]}" b.coffer
in_terminal 'see:Type it again' key:eof exit:2 -- "${add[@]}" b.coffer
expect_same "$sum" "$(sha256sum <b.coffer)" 'content after codes that were not confirmed'

in_terminal 'see:recovery code' 'see:Type it again' code:wrong 'see:not the code' key:intr killed:INT -- "${create[@]}" e.coffer
[ ! -e e.coffer ] || fail 'an interrupted create left a file'
in_terminal 'see:Type it again' code:right "see:'e.coffer': " exit:0 -- "${create[@]}" e.coffer
grep -oE -m 1 "${is_code:1:-1}" stdout >typed
opens e.coffer typed
