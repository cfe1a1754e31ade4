#!/bin/bash
# SPDX-License-Identifier: ISC
#
# --remember: the next open of a volume of TrueCrypt or VeraCrypt takes one hash. Derivations are counted where libgcrypt begins
# them. Nothing of a hidden volume is ever kept, what is wrong is dropped, and a damaged record does no harm.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/cli/lib_foreign.sh
. "$SOURCE_DIR/tests/cli/lib_foreign.sh"

preload=$BUILD_DIR/tests/count_derivations.so
record=$XDG_STATE_HOME/coffer/remembered
named=(--passphrase-file "$secret")
tcrypt make true.tc --kind truecrypt
tcrypt make vera.hc --kind veracrypt

hashes() { # the digests that were derived with, but for what the self-test always does
    : >count
    COUNT_DERIVATIONS=$work/count LD_PRELOAD=$preload "$@" >hashes.log 2>&1 || { cat hashes.log; fail "$* fails"; }
    sort -u count | paste -sd ' '
}
quiet() { "$COFFER" version >/dev/null; }
: >count
COUNT_DERIVATIONS=$work/count LD_PRELOAD=$preload quiet
expect_same '' "$(cat count)" 'derivations of a program that opens nothing'
[ -e "$XDG_STATE_HOME" ] && fail 'there is a state already'

# ---- nothing is kept by default -------------------------------------------------------------------------------

several=$(hashes "$COFFER" info true.tc --type truecrypt --hash sha512 "${named[@]}")
expect_same SHA512 "$several" 'what --hash leaves'
several=$(hashes "$COFFER" info vera.hc --pim 1 "${named[@]}")
[ "${several/ /}" != "$several" ] || fail "without a hint more than one hash is tried, not '$several'"
[ -e "$XDG_STATE_HOME" ] && fail 'something was kept that nobody asked for'

# ---- kept when asked for, by hash alone -----------------------------------------------------------------------

expect_status 2 "$COFFER" info true.tc --remember
expect_error "'--remember' needs a secret"
expect_status 0 "$COFFER" info vera.hc --pim 1 "${named[@]}" --remember
expect_same "$(od -An -v -tx1 -N16 vera.hc | tr -d ' \n') veracrypt sha256" "$(cat "$record")" 'the record'
expect_same '600 700' "$(stat -c %a "$record" "${record%/*}" | paste -sd ' ')" 'who may read it'
expect_same SHA256 "$(hashes "$COFFER" info vera.hc --pim 1 "${named[@]}")" 'hashes of the next time'
mv vera.hc elsewhere.hc # known wherever it lies
expect_same SHA256 "$(hashes "$COFFER" info elsewhere.hc --pim 1 "${named[@]}")" 'hashes of the next time, elsewhere'
expect_same SHA256 "$(hashes "$COFFER" info elsewhere.hc --type veracrypt --pim 1 "${named[@]}")" 'hashes with --type'
expect_same SHA256 "$(hashes "$COFFER" convert elsewhere.hc new.coffer --pim 1 "${named[@]}" \
    --new-passphrase-file "$wrong" "${small_kdf[@]}")" 'hashes of convert'
# Not even the unmarked formats of our own are tried first: two runs of Argon2id for each of two levels.
expect_status 0 "$COFFER" info true.tc --type truecrypt "${named[@]}" --remember
expect_same 2 "$(wc -l <"$record")" 'records'
expect_same SHA512 "$(hashes "$COFFER" info true.tc "${named[@]}")" 'hashes where no type is named'
before=$(stat -c '%i %y' "$record")
expect_status 0 "$COFFER" info true.tc "${named[@]}"
expect_same "$before" "$(stat -c '%i %y' "$record")" 'the record, after it was used'

# ---- a wrong passphrase; a record that is wrong ---------------------------------------------------------------

expect_status 12 "$COFFER" info true.tc --type truecrypt --passphrase-file "$wrong"
expect_same 2 "$(wc -l <"$record")" 'records after a wrong passphrase'
sed -i '/truecrypt/s/sha512/whirlpool/' "$record"
expect_same 'SHA512 WHIRLPOOL' "$(hashes "$COFFER" info true.tc --type truecrypt --hash sha512 "${named[@]}") $(
    hashes "$COFFER" info true.tc --type truecrypt "${named[@]}" | grep -o WHIRLPOOL)" 'hashes with a wrong record'
grep -q truecrypt "$record" && fail 'a wrong record was not dropped'
grep -q veracrypt "$record" || fail 'the record of another volume was dropped'
expect_status 0 "$COFFER" info true.tc --type truecrypt "${named[@]}" --remember
sed -i '/truecrypt/s/sha512/whirlpool/' "$record"
expect_status 0 "$COFFER" info true.tc --type truecrypt "${named[@]}" --remember
grep -q 'truecrypt sha512' "$record" || fail 'a wrong record was not replaced'

# ---- hidden volumes ---------------------------------------------------------------------------------------------

tcrypt make both.tc --kind truecrypt --hidden-size 131072
expect_status 0 "$COFFER" info both.tc --type truecrypt --passphrase-file "$wrong" --remember
expect_output '^  .*hidden'
expect_error 'nothing is remembered'
expect_same 2 "$(wc -l <"$record")" 'records after a hidden volume was opened'
expect_status 0 "$COFFER" info both.tc --type truecrypt "${named[@]}" --remember
expect_same 3 "$(wc -l <"$record")" 'records after the outer volume was opened'
sed -i 's/^\(.* truecrypt\) sha512$/\1 whirlpool/' "$record" # wrong for the hidden one, as for an outer one with another hash
before=$(stat -c '%i %y' "$record" && cat "$record")
expect_status 0 "$COFFER" info both.tc --type truecrypt --passphrase-file "$wrong"
expect_status 0 "$COFFER" info both.tc --type truecrypt --passphrase-file "$wrong" --remember
expect_same "$before" "$(stat -c '%i %y' "$record" && cat "$record")" 'the record, after the hidden volume was opened'
mkdir m
expect_status 2 "$COFFER" mount --block both.tc m "${named[@]}" --protect-hidden --new-passphrase-file "$wrong" --remember

# ---- what is not a volume of these programs -------------------------------------------------------------------

before=$(cat "$record")
make_volume own.coffer --size 2M
expect_status 0 "$COFFER" info own.coffer "${named[@]}" --remember
expect_error 'nothing is remembered'
expect_same "$before" "$(cat "$record")" 'the record, after a volume of our own'

# ---- a record that is damaged, or not ours --------------------------------------------------------------------

salt=$(od -An -v -tx1 -N16 true.tc | tr -d ' \n')
opens() { # WHAT
    expect_status 0 "$COFFER" info true.tc --type truecrypt "${named[@]}"
    ! grep -qi 'remembered' stderr || { show_run; fail "$1 is talked about"; }
}
for damage in '' 'x' "$salt truecrypt" "$salt truecrypt sha1024" "$salt luks sha512" "$(printf 'a%.0s' {1..70000})"; do
    printf '%s\n' "$damage" >"$record"
    opens "a damaged record, '${damage:0:60}',"
done
head -c 100000 /dev/urandom >"$record"
opens 'noise'
expect_status 0 "$COFFER" info true.tc --type truecrypt "${named[@]}" --remember # is made anew
expect_same "$salt truecrypt sha512" "$(cat "$record")" 'the record, made anew'
printf '%s truecrypt argon2id\n' "$salt" >"$record" # no volume is that
opens 'an impossible record'
[ ! -s "$record" ] || fail 'an impossible record was not dropped'
printf '%s veracrypt sha512\n' "$salt" >"$record" # of the other kind
opens 'a record of the other kind'
rm "$record"
printf '%s truecrypt whirlpool\n' "$salt" >target
ln -s "$work/target" "$record"
opens 'a link'
expect_status 0 "$COFFER" info true.tc --type truecrypt "${named[@]}" --remember # takes the link's place
expect_same "$salt truecrypt whirlpool" "$(cat target)" 'what a link led to'
[ ! -L "$record" ] || fail 'the link is still there'
rm "$record"
mkfifo "$record"
opens 'a pipe'
rm -r "${record%/*}"
printf 'in the way' >"${record%/*}"
expect_status 0 "$COFFER" info true.tc --type truecrypt "${named[@]}" --remember
expect_error 'warning: cannot remember how the volume was opened: '
expect_status 0 env -u XDG_STATE_HOME HOME="$work/home" "$COFFER" info true.tc --type truecrypt "${named[@]}" --remember
expect_error 'warning: cannot remember how the volume was opened: no such file'
mkdir home
expect_status 0 env -u XDG_STATE_HOME HOME="$work/home" "$COFFER" info true.tc --type truecrypt "${named[@]}" --remember
expect_same "$salt truecrypt sha512" "$(cat home/.local/state/coffer/remembered)" 'the record at home'
if [ "$(id -u)" -eq 0 ]; then # a directory of somebody else's
    chown -R nobody home
    expect_status 0 env -u XDG_STATE_HOME HOME="$work/home" "$COFFER" info true.tc --type truecrypt "${named[@]}" --remember
    expect_error 'warning: cannot remember'
fi

# ---- mount ------------------------------------------------------------------------------------------------------

if [ -w /dev/fuse ] && command -v fusermount3 >/dev/null; then
    # shellcheck source=tests/cli/lib_mount.sh
    . "$SOURCE_DIR/tests/cli/lib_mount.sh"
    export XDG_STATE_HOME=$work/other-state
    expect_status 0 "$COFFER" mount --block true.tc m --type truecrypt "${named[@]}" --remember
    unmount m
    expect_same "$salt truecrypt sha512" "$(cat "$XDG_STATE_HOME/coffer/remembered")" 'what mount keeps'
    expect_same SHA512 "$(hashes "$COFFER" mount --block true.tc m "${named[@]}")" 'hashes of the next mount'
    unmount m
fi
