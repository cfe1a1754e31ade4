#!/bin/bash
# SPDX-License-Identifier: ISC
#
# `coffer convert`: volumes of other programs and our own become new ones with the same cleartext, thin where they read
# zeros; nothing opens a copy before it is complete; whatever ends it on the way (a signal, kill -9 at random moments, a full
# disk), the same command goes on and comes to the exact bytes; the source is never written.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/cli/lib_foreign.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib_foreign.sh"

cleartext() { "$BUILD_DIR/tests/cleartext" "$@"; }
printf 'new secret\n' >new
from=(--passphrase-file "$secret")
to=(--new-passphrase-file new)
cheap=("${to[@]}" "${small_kdf[@]}")
convert() { "$COFFER" convert "$@"; }
expect_copy() { # FILE-WITH-CLEARTEXT VOLUME [OPTION...]: which may end with more zeros
    cleartext "$2" --passphrase-file new "${@:3}" >got
    cmp -n "$(stat -c %s "$1")" "$1" got || fail "$2 is no copy"
    [ -z "$(tail -c +$(($(stat -c %s "$1") + 1)) got | tr -d '\0' | head -c 1)" ] || fail "$2 has more than zeros at its end"
    rm got
}
content() { # FILE SIZE-IN-MIB: noise with much nothing in it
    truncate -s "$2M" "$1"
    for ((at = 0; at < $2; at += 5)); do
        dd if=/dev/urandom of="$1" bs=1M seek="$at" count=1 conv=notrunc status=none
    done
    printf x | dd of="$1" bs=1 seek="$(($2 * 1048576 - 1))" conv=notrunc status=none
}

# ---- formats -----------------------------------------------------------------------------------------------

content wanted 30
tcrypt make vera.hc --size $(((30 << 20) + 262144)) --content wanted
sum=$(sha256sum <vera.hc)
expect_status 0 convert vera.hc a.coffer "${from[@]}" --pim 1 "${cheap[@]}" --label Fotos
expect_output "^'a.coffer': 30.*, thin, a copy of the veracrypt volume 'vera.hc', read back and compared$"
expect_copy wanted a.coffer
expect_same "$sum" "$(sha256sum <vera.hc)" 'the source'
[ "$(du -k a.coffer | cut -f 1)" -lt $((9 << 10)) ] || fail "zeros take space: $(du -k a.coffer)"
expect_same 600 "$(stat -c %a a.coffer)" 'mode'
expect_status 0 "$COFFER" info a.coffer --passphrase-file new --json
expect_json 'it["sector_size"] == 512' 'it["thin"]' 'it["label"] == "Fotos"' 'it["data_size"] == 30 << 20'
expect_status 0 "$COFFER" check a.coffer --passphrase-file new
expect_status 12 "$COFFER" info a.coffer "${from[@]}"
# without a progress to show, in JSON, into larger sectors, and from there on
expect_status 0 convert a.coffer b.coffer --passphrase-file new "${cheap[@]}" --sector-size 4096 --thick --json
expect_json 'it["schema"] == "coffer.convert/1"' 'it["source_format"] == "coffer"' 'it["verified"]' \
    'not it["thin"] and not it["resumed"]' 'it["sector_size"] == 4096' 'it["data_size"] == 30 << 20'
expect_copy wanted b.coffer
rm -f b.coffer

# The hidden volume by its own secret; half a page at the end.
tcrypt make two.hc --size $((2 << 20)) --hidden-size $((100 * 1024 + 512))
expect_status 0 convert two.hc hidden.coffer --type veracrypt --pim 1 --passphrase-file "$wrong" "${cheap[@]}"
expect_output 'a copy of the hidden veracrypt volume'
printf 'the hidden volume' >hidden
truncate -s $((100 * 1024 + 512)) hidden
expect_copy hidden hidden.coffer
expect_status 0 "$COFFER" info hidden.coffer --passphrase-file new --json
expect_json 'it["data_size"] == 104 << 10' 'it["hidden"] is False'

if command -v cryptsetup >/dev/null || [ -x /usr/sbin/cryptsetup ]; then
    PATH=$PATH:/usr/sbin
    truncate -s 20M luks
    printf 'correct horse' | cryptsetup luksFormat --batch-mode --type luks2 --sector-size 4096 --pbkdf pbkdf2 \
        --pbkdf-force-iterations 1000 --key-file - luks
    cleartext luks "${from[@]}" >noise # 4 MiB that nobody wrote: noise, and all of it is copied
    expect_status 0 convert luks from-luks.coffer "${from[@]}" "${cheap[@]}"
    expect_copy noise from-luks.coffer
    rm -f noise luks from-luks.coffer
fi
if corpus_file cryptsetup/bitlk-images/bitlk-aes-xts-128.img bitlocker; then
    printf 'anaconda\n' >anaconda
    cleartext bitlocker --passphrase-file anaconda >zeros-and-more
    expect_status 0 convert bitlocker from-bitlocker.coffer --passphrase-file anaconda "${cheap[@]}"
    expect_copy zeros-and-more from-bitlocker.coffer
    rm -f bitlocker zeros-and-more from-bitlocker.coffer
fi
expect_status 0 convert a.coffer u.img --passphrase-file new "${to[@]}" --unmarked --new-kdf-level 0
expect_copy wanted u.img --kdf-level 0
expect_status 10 "$COFFER" info u.img
rm -f u.img

# ---- what is refused ---------------------------------------------------------------------------------------

expect_status 2 convert vera.hc ./vera.hc "${from[@]}" "${cheap[@]}"
expect_error 'are the same$'
expect_status 2 convert vera.hc c.coffer "${from[@]}"
expect_error '^coffer: hint: .*--new-passphrase-file'
expect_status 12 convert vera.hc c.coffer --passphrase-file "$wrong" --pim 1 "${cheap[@]}"
expect_status 10 convert missing c.coffer "${from[@]}" "${cheap[@]}"
[ ! -e c.coffer ] || fail 'a conversion that could not begin left something'
sum=$(sha256sum <a.coffer)
expect_status 1 convert vera.hc a.coffer "${from[@]}" --pim 1 "${cheap[@]}"
expect_error "cannot convert into 'a.coffer': it is a volume that is complete$"
expect_error '^coffer: hint: .*--force'
echo text >file
expect_status 1 convert vera.hc file "${from[@]}" --pim 1 "${cheap[@]}"
expect_error '^coffer: hint: --force'
expect_status 2 convert vera.hc a.coffer "${from[@]}" --pim 1 "${cheap[@]}" --force
expect_same "$sum" "$(sha256sum <a.coffer)" 'a volume that was not to be overwritten'
expect_status 0 convert vera.hc file "${from[@]}" --pim 1 "${cheap[@]}" --force --confirm file
expect_copy wanted file
rm -f file

# ---- ended on the way --------------------------------------------------------------------------------------

content wanted 80
tcrypt make big.hc --kind truecrypt --size $(((80 << 20) + 262144)) --content wanted
big=(convert big.hc copy.coffer "${from[@]}" --type truecrypt "${cheap[@]}" --thick)
start_and_kill() { # SIGNAL: once the copy has its name; the exit status is in $ended
    "$COFFER" "${big[@]}" >stdout 2>stderr &
    local process=$!
    until [ -e copy.coffer ] || ! kill -0 "$process" 2>/dev/null; do :; done
    [ "${2:-0}" = 0 ] || sleep "$2"
    kill "-$1" "$process" 2>/dev/null || true
    ended=0
    wait "$process" || ended=$?
}
for ((try = 0; try < 20; try++)); do
    rm -f copy.coffer
    start_and_kill TERM # a shell makes those in the background deaf to INT
    [ "$ended" -eq 0 ] || break
done
expect_same 130 "$ended" 'exit status after an interrupt'
expect_error '^coffer: hint: the same command goes on'
expect_status 14 "$COFFER" info copy.coffer --passphrase-file new
expect_error 'is not all there yet$'
expect_error "^coffer: hint: 'coffer convert' with the same source goes on"
expect_status 14 "$COFFER" key list copy.coffer --passphrase-file new
expect_status 12 convert big.hc copy.coffer "${from[@]}" --type truecrypt --new-passphrase-file "$wrong"
expect_status 0 "$COFFER" "${big[@]}" --json
expect_json 'it["resumed"]'
expect_error '"message":"'\''copy.coffer'\'' was not finished'
expect_copy wanted copy.coffer
expect_status 1 "$COFFER" "${big[@]}" # it is complete now
expect_error 'that is complete$'

is_unfinished() { # whether there is a copy, and nobody may open it yet; one that opens has to be right
    local status=0
    [ -e copy.coffer ] || return 1
    "$COFFER" info copy.coffer --passphrase-file new >said 2>&1 || status=$?
    [ "$status" -ne 14 ] || return 0
    expect_same 0 "$status" 'exit status of info'
    expect_copy wanted copy.coffer
    return 1
}
kills=0
for ((round = 0; round < ${COFFER_CONVERT_KILLS:-6}; round++)); do
    [ $((round % 3)) -ne 0 ] || rm -f copy.coffer
    start_and_kill KILL "0.$((RANDOM % 2))$((RANDOM % 10))"
    kills=$((kills + (ended != 0)))
    is_unfinished || rm -f copy.coffer
done
if [ -e copy.coffer ]; then
    expect_status 0 "$COFFER" "${big[@]}"
    expect_copy wanted copy.coffer
fi
echo "killed $kills times"

# What is in the copy is no promise: other bytes there, and a source that has changed since, come right.
# In a thin copy, where zeros would have to be made of them, too.
big=(convert big.hc copy.coffer "${from[@]}" --type truecrypt "${cheap[@]}")
for ((try = 0; try < 20; try++)); do
    rm -f copy.coffer
    start_and_kill KILL
    is_unfinished && break
done
is_unfinished || fail 'a copy cannot be caught on its way'
dd if=/dev/urandom of=copy.coffer bs=4096 seek=300 count=500 conv=notrunc status=none
content wanted 80
tcrypt make big.hc --kind truecrypt --size $(((80 << 20) + 262144)) --content wanted
expect_status 0 "$COFFER" "${big[@]}"
expect_copy wanted copy.coffer

# ---- no room -----------------------------------------------------------------------------------------------

if [ "$(id -u)" -eq 0 ]; then
    mkdir small
    mount -t tmpfs -o size=12M none small
    expect_status 1 convert big.hc small/copy.coffer "${from[@]}" --type truecrypt "${cheap[@]}"
    expect_error '^coffer: error: .*no space left'
    expect_error '^coffer: hint: free some space; the same command then goes on'
    expect_status 14 "$COFFER" info small/copy.coffer --passphrase-file new
    mount -o remount,size=200M small
    expect_status 0 convert big.hc small/copy.coffer "${from[@]}" --type truecrypt "${cheap[@]}"
    expect_copy wanted small/copy.coffer
    umount small
fi

# ---- in use, and on a device -------------------------------------------------------------------------------

if { : <>/dev/fuse; } 2>/dev/null && command -v fusermount3 >/dev/null; then
    mkdir m
    expect_status 0 "$COFFER" mount --block a.coffer m --passphrase-file new
    expect_status 11 convert a.coffer in-use.coffer --passphrase-file new "${cheap[@]}"
    [ ! -e in-use.coffer ] || fail 'a copy was begun'
    expect_status 0 "$COFFER" unmount m
fi
if [ "$(id -u)" -eq 0 ] && PATH=$PATH:/usr/sbin command -v losetup >/dev/null; then
    truncate -s 3M disk
    if device=$(PATH=$PATH:/usr/sbin losetup --find --show disk 2>/dev/null); then
        at_end /usr/sbin/losetup -d "$device"
        tcrypt make small.tc --kind truecrypt --content hidden
        on_device=(convert small.tc "$device" "${from[@]}" --type truecrypt "${cheap[@]}")
        expect_status 2 "$COFFER" "${on_device[@]}"
        expect_status 0 "$COFFER" "${on_device[@]}" --confirm "${device##*/}"
        expect_output ', thick, a copy'
        cleartext "$device" --passphrase-file new >got
        cmp -n "$(stat -c %s hidden)" hidden got || fail 'other cleartext on the device'
        expect_status 1 "$COFFER" "${on_device[@]}"
        expect_error 'it is a volume that is complete$'
        expect_status 1 convert vera.hc "$device" "${from[@]}" --pim 1 "${cheap[@]}" --force --confirm "${device##*/}"
        expect_error 'the device has only'
    fi
fi
