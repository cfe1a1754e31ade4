#!/bin/bash
# SPDX-License-Identifier: ISC
#
# `coffer key`: slots are listed, added, changed and removed; each secret opens exactly as long as it should, mounted
# or not, and the last way in goes only on request: KEYUPD-1, KEYUPD-3, KEYUPD-4, KEYUPD-5, KEYUPD-6, RECORD-2.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

key() { "$COFFER" key "$@"; }
with=(--passphrase-file "$secret")
printf 'second secret\n' >second
printf 'third secret\n' >third
opens() { expect_status 0 "$COFFER" info "$1" "${@:2}"; }        # VOLUME SECRET...
stays_shut() { expect_status 12 "$COFFER" info "$1" "${@:2}"; }

make_volume a.coffer --name laptop

# ---- list --------------------------------------------------------------------------------------------------

sum=$(sha256sum <a.coffer)
expect_status 0 key list a.coffer "${with[@]}"
expect_output '^SLOT +KIND +CREATED +OPENED +NAME$'
expect_output '^0 +passphrase +20[0-9-]+T[0-9:]+Z +yes +laptop$'
expect_same 2 "$(wc -l <stdout)" 'lines'
expect_status 0 key list a.coffer "${with[@]}" --json
expect_json 'it["schema"] == "coffer.key/1"' 'it["action"] == "list"' 'it["volume"] == "a.coffer"' 'it["slots"] == 15' \
    '[(k["slot"], k["kind"], k["name"], k["opened_it"]) for k in it["keys"]] == [(0, "passphrase", "laptop", True)]' \
    'it["keys"][0]["created"].endswith("Z")'
expect_status 12 key list a.coffer --passphrase-file "$wrong"
expect_error "^coffer: error: cannot open 'a.coffer': no key slot opens with this secret$"
expect_same "$sum" "$(sha256sum <a.coffer)" 'a volume whose slots were listed'
in_terminal "see:Passphrase for 'a.coffer': " echo:off 'type:correct horse' see:laptop exit:0 -- "$COFFER" key list a.coffer

# ---- add ---------------------------------------------------------------------------------------------------

expect_status 0 key add a.coffer "${with[@]}" --new-passphrase-file second --name 'stick'
expect_output "^'a.coffer': key slot 1 holds the new secret$"
opens a.coffer --passphrase-file second
opens a.coffer "${with[@]}"
head -c 100000 /dev/urandom >factor
head -c 32 /dev/urandom >raw
expect_status 0 key add a.coffer --passphrase-file second --new-key-file factor --json
expect_json 'it == {"schema": "coffer.key/1", "action": "add", "volume": "a.coffer", "slot": 2}'
opens a.coffer --key-file factor
expect_status 0 key add a.coffer --key-file factor --new-raw-key-file raw --quiet
expect_silence
opens a.coffer --raw-key-file raw
expect_status 0 key add a.coffer --raw-key-file raw --new-key-file raw --new-passphrase-file third
opens a.coffer --key-file raw --passphrase-file third
expect_status 0 key list a.coffer --raw-key-file raw --json
expect_json '[k["kind"] for k in it["keys"]] == ["passphrase", "passphrase", "factors", "raw", "factors"]' \
    '[k["slot"] for k in it["keys"] if k["opened_it"]] == [3]'
expect_status 0 key list a.coffer --raw-key-file raw
expect_output '^1 +passphrase .* no +stick$'
expect_output '^2 +key files .* no +$'
expect_output '^3 +raw key .* yes +$'

# Both passphrases from one pipe, a line each.
printf 'correct horse\nfrom a pipe\nleft over\n' >lines
add_from_pipe() { { key add a.coffer --passphrase-file - --new-passphrase-file - && cat; } <lines; }
expect_status 0 add_from_pipe
expect_output '^left over$'
printf 'from a pipe\n' >pipe
opens a.coffer --passphrase-file pipe
add_from_descriptor() { key add a.coffer --passphrase-fd 7 --new-passphrase-fd 7 7< <(printf 'correct horse\nfrom fd\n'); }
expect_status 0 add_from_descriptor

# What opens already is refused, and nothing is lost.
expect_status 2 key add a.coffer "${with[@]}" --new-passphrase-file second
expect_error 'this secret opens the volume already'
expect_status 2 key add a.coffer "${with[@]}" --new-passphrase-file second --name "$(printf '%041d' 0)"
expect_status 12 key add a.coffer --passphrase-file "$wrong" --new-passphrase-file third
expect_status 2 key add a.coffer "${with[@]}"
expect_error 'there is no terminal'
expect_error '^coffer: hint: .*--new-passphrase-file'
in_terminal "see:Passphrase for 'a.coffer': " echo:off 'type:correct horse' "see:New passphrase for 'a.coffer': " echo:off \
    type:typed see:again echo:off type:typed 'see:key slot 7' exit:0 hidden:typed hidden:horse -- "$COFFER" key add a.coffer
in_terminal "see:New passphrase for 'a.coffer': " echo:off type:one see:again echo:off type:two 'see:differ' exit:2 \
    -- "$COFFER" key add a.coffer "${with[@]}"

for number in $(seq 8 14); do
    echo "number $number" >full
    key add a.coffer --raw-key-file raw --new-passphrase-file full --quiet || fail "slot $number"
done
echo 'one too many' >surplus
expect_status 2 key add a.coffer --raw-key-file raw --new-passphrase-file surplus
expect_error 'all 15 key slots are in use'

# ---- change ------------------------------------------------------------------------------------------------

# All slots are full: in place.
expect_status 0 key change a.coffer --passphrase-file second --new-passphrase-file surplus
expect_output "^'a.coffer': key slot 1 holds the new secret$"
expect_error '^coffer: notice: .*old copy'
opens a.coffer --passphrase-file surplus
stays_shut a.coffer --passphrase-file second
# A free one: the slot moves, its name goes with it.
expect_status 0 key remove a.coffer "${with[@]}" --slot 14
stays_shut a.coffer --passphrase-file full
expect_status 0 key change a.coffer --passphrase-file surplus --new-passphrase-file second --json
expect_json 'it["action"] == "change"' 'it["slot"] == 14'
opens a.coffer --passphrase-file second
stays_shut a.coffer --passphrase-file surplus
expect_status 0 key list a.coffer "${with[@]}" --json
expect_json '[k["name"] for k in it["keys"] if k["slot"] == 14] == ["stick"]' '1 not in [k["slot"] for k in it["keys"]]'
expect_status 2 key change a.coffer --passphrase-file second --new-passphrase-file "$secret"
expect_error 'this secret opens the volume already'
opens a.coffer --passphrase-file second
in_terminal "see:Passphrase for 'a.coffer': " echo:off 'type:second secret' "see:New passphrase" echo:off 'type:second one' \
    see:again echo:off 'type:second one' exit:0 -- "$COFFER" key change a.coffer
printf 'second one\n' >second
opens a.coffer --passphrase-file second

# ---- remove ------------------------------------------------------------------------------------------------

expect_status 2 key remove a.coffer "${with[@]}"
expect_error "needs '--slot'"
expect_error "^coffer: hint: 'coffer key list' "
expect_status 2 key remove a.coffer "${with[@]}" --slot 15
expect_status 2 key remove a.coffer "${with[@]}" --slot 14
expect_error 'key slot 14 is empty'
expect_status 0 key remove a.coffer "${with[@]}" --slot 2
expect_output "^'a.coffer': key slot 2 is empty now$"
expect_error '^coffer: notice: .*old copy'
stays_shut a.coffer --key-file factor
# its own one, while others are left
expect_status 0 key remove a.coffer --raw-key-file raw --slot 3 --json
expect_json 'it == {"schema": "coffer.key/1", "action": "remove", "volume": "a.coffer", "slot": 3}'
stays_shut a.coffer --raw-key-file raw

make_volume last.coffer
sum=$(sha256sum <last.coffer)
expect_status 2 key remove last.coffer "${with[@]}" --slot 0
expect_error "'last.coffer' would be lost for ever: without a terminal that takes --confirm 'last.coffer'"
expect_status 2 key remove last.coffer "${with[@]}" --slot 0 --confirm a.coffer
in_terminal "see:Type 'last.coffer'" type:yes 'see:nothing has been written' exit:1 \
    -- "$COFFER" key remove last.coffer "${with[@]}" --slot 0
expect_same "$sum" "$(sha256sum <last.coffer)" 'content after refusals'
cp last.coffer typed.coffer
in_terminal 'see:nothing opens' "see:Type 'typed.coffer'" type:typed.coffer exit:0 \
    -- "$COFFER" key remove typed.coffer "${with[@]}" --slot 0
stays_shut typed.coffer "${with[@]}"
expect_status 0 key remove last.coffer "${with[@]}" --slot 0 --confirm last.coffer
stays_shut last.coffer "${with[@]}"

# ---- options where they do not belong ----------------------------------------------------------------------

expect_status 2 key
expect_error 'needs list\|add\|change\|remove VOLUME'
expect_status 2 key lits a.coffer
expect_error "^coffer: error: 'key' does not know 'lits'$"
expect_error "^coffer: hint: did you mean 'list'\?$"
expect_status 2 key list a.coffer "${with[@]}" --slot 1
expect_error "'--slot' is for 'key remove'"
expect_status 2 key remove a.coffer "${with[@]}" --slot 1 --name x
expect_error "'--name' is for 'key add'"
expect_status 2 key change a.coffer "${with[@]}" --recovery
expect_status 2 key add a.coffer "${with[@]}" --new-passphrase-file second --confirm a.coffer
expect_status 2 key list a.coffer "${with[@]}" --new-key-file factor
expect_error "'--new-key-file' is for 'key add' and 'key change'"
expect_status 2 key add a.coffer "${with[@]}" --new-passphrase-file second --new-passphrase-fd 7
expect_status 2 key list a.coffer
expect_error 'there is no terminal'
expect_status 10 key list missing.coffer "${with[@]}"
expect_error "^coffer: error: cannot open 'missing.coffer': "
chmod 0755 "$work"
install -m 0444 a.coffer readable.coffer
install -m 0644 "$secret" readable
if [ "$(id -u)" -eq 0 ]; then
    expect_status 0 as_nobody "$COFFER" key list "$work/readable.coffer" --passphrase-file "$work/readable"
    expect_status 16 as_nobody "$COFFER" key remove "$work/readable.coffer" --slot 0 --passphrase-file "$work/readable"
fi

# ---- unmarked ----------------------------------------------------------------------------------------------

"$COFFER" create u.img --quiet --unmarked --kdf-level 0 --size 4M --fs none "${with[@]}" 2>/dev/null
expect_status 12 key list u.img --kdf-level 1 "${with[@]}"
expect_status 0 key add u.img --kdf-level 0 "${with[@]}" --new-passphrase-file second
opens u.img --kdf-level 0 --passphrase-file second

# ---- while it is mounted -----------------------------------------------------------------------------------

{ : <>/dev/fuse; } 2>/dev/null || skip '/dev/fuse cannot be opened: not tested on a mounted volume'
make_volume m.coffer
mkdir m
expect_status 0 "$COFFER" mount --block m.coffer m "${with[@]}"
head -c 100000 /dev/urandom >data
cp data m/volume 2>/dev/null || dd if=data of=m/volume conv=notrunc status=none
expect_status 0 key change m.coffer "${with[@]}" --new-passphrase-file third
expect_status 0 key add m.coffer --passphrase-file third --new-passphrase-file second
expect_status 0 key list m.coffer --passphrase-file second --json
expect_json 'len(it["keys"]) == 2'
cmp -n 100000 data m/volume || fail 'data changed'
expect_status 0 "$COFFER" unmount m
expect_status 12 "$COFFER" mount --block m.coffer m "${with[@]}"
expect_status 0 "$COFFER" mount --block m.coffer m --passphrase-file second
cmp -n 100000 data m/volume || fail 'data changed over the unmount'
expect_status 0 "$COFFER" unmount m
