#!/bin/bash
# SPDX-License-Identifier: ISC
#
# TrueCrypt volumes that tcplay makes here, every cascade of it, with key files, hidden and protected: coffer finds what tcplay
# says about them, keeps what is written apart, and leaves headers that tcplay still reads. tcplay wants a block device
# and a terminal.

# shellcheck source=tests/cli/lib.sh
. "$SOURCE_DIR/tests/cli/lib.sh"
need_program tcplay losetup
[ "$(id -u)" -eq 0 ] || skip 'tcplay makes volumes on loop devices, which takes root'

printf 'outer secret' >outer
printf 'hidden secret' >hidden
head -c 3000 /dev/urandom >keyfile
truncate -s 3M probe
device=$(losetup -f --show probe 2>/dev/null) || skip 'there are no loop devices here'
losetup -d "$device"

tcplay_at() { # FILE ANSWERS ARGUMENT...: at a terminal, on a loop device
    local loop status=0
    printf '%b' "$2" >answers
    loop=$(losetup -f --show "$1")
    /usr/bin/python3 "$SOURCE_DIR/tests/foreign/answer.py" answers tcplay -d "$loop" "${@:3}" >said 2>&1 || status=$?
    losetup -d "$loop"
    return "$status"
}

make_volume() { # FILE ANSWERS ARGUMENT...
    rm -f "$1"
    truncate -s 3M "$1"
    tcplay_at "$1" "$2" -c -z -w "${@:3}" || { cat said; fail "tcplay cannot make $1"; }
}

info() { # FILE OPTION...
    expect_status 0 "$COFFER" info "$1" --type truecrypt --json "${@:2}"
}

# ---- every cipher, with one of the hashes in turn -------------------------------------------------------------

check_cipher() { # CHAIN HASH EXPECTED
    make_volume volume 'outer secret\nouter secret\ny\n' -b "$1" -a "$2"
    info volume --passphrase-file outer
    expect_json "it['cipher'] == '$3'" "it['kdf']['name'] == 'pbkdf2-${2,,}'" 'it["data_offset"] == 131072' \
        'it["data_size"] == (3 << 20) - 262144' 'not it["hidden"]'
}
check_cipher AES-256-XTS SHA512 aes-xts
check_cipher TWOFISH-256-XTS whirlpool twofish-xts
check_cipher SERPENT-256-XTS RIPEMD160 serpent-xts
check_cipher AES-256-XTS,TWOFISH-256-XTS,SERPENT-256-XTS SHA512 aes-twofish-serpent-xts
check_cipher SERPENT-256-XTS,TWOFISH-256-XTS,AES-256-XTS whirlpool serpent-twofish-aes-xts
check_cipher TWOFISH-256-XTS,AES-256-XTS RIPEMD160 twofish-aes-xts
check_cipher AES-256-XTS,SERPENT-256-XTS SHA512 aes-serpent-xts
check_cipher SERPENT-256-XTS,TWOFISH-256-XTS whirlpool serpent-twofish-xts

# ---- a key file; a damaged header --------------------------------------------------------------------------------

make_volume volume 'outer secret\nouter secret\ny\n' -a SHA512 -k "$work/keyfile"
info volume --passphrase-file outer --key-file keyfile
expect_status 12 "$COFFER" info volume --type truecrypt --passphrase-file outer
dd if=/dev/urandom of=volume bs=512 count=1 conv=notrunc status=none
expect_status 12 "$COFFER" info volume --type truecrypt --passphrase-file outer --key-file keyfile
info volume --passphrase-file outer --key-file keyfile --backup-header

# ---- a hidden volume: both are written, and tcplay finds both afterwards -------------------------------------------

make_volume volume 'outer secret\nouter secret\nhidden secret\nhidden secret\n1M\ny\n' -b TWOFISH-256-XTS -a RIPEMD160 -g \
    -x whirlpool -y SERPENT-256-XTS
info volume --passphrase-file outer
expect_json 'it["cipher"] == "twofish-xts"' 'not it["hidden"]'
info volume --passphrase-file hidden
expect_json 'it["cipher"] == "serpent-xts"' 'it["hidden"]' 'it["data_size"] == 1 << 20' 'it["data_offset"] == 3840 * 512'

headers() {
    { head -c 131072 volume; tail -c 131072 volume; } | sha256sum
}
before=$(headers)
head -c 1048576 /dev/urandom >inside
head -c 1000000 /dev/urandom >outside
cat_volume() { # PASSPHRASE-FILE OPTION...
    "$OPENED" volume --type truecrypt --passphrase-file "$@" 2>said || { cat said; fail 'it does not open'; }
}
cat_volume hidden --write --fill --no-cleartext <inside
cat_volume outer --write --fill --no-cleartext <outside
cat_volume hidden | cmp - inside || fail 'the hidden volume reads something else'
cat_volume outer >cleartext
head -c 1000000 cleartext | cmp - outside || fail 'the outer volume reads something else'
expect_same "$before" "$(headers)" 'headers'
tcplay_at volume 'outer secret\n' -i || { cat said; fail 'tcplay does not open the outer volume'; }
grep -q 'TWOFISH-256-XTS' said || { cat said; fail 'tcplay finds something else'; }
tcplay_at volume 'hidden secret\n' -i || { cat said; fail 'tcplay does not open the hidden volume'; }
grep -q 'SERPENT-256-XTS' said || { cat said; fail 'tcplay finds something else'; }
