#!/bin/bash
# SPDX-License-Identifier: ISC
#
# `coffer convert --adopt`: an AES volume of VeraCrypt becomes one of ours by its headers alone: the data area keeps its
# bytes and reads the same, restoring the backup undoes it to the byte, VeraCrypt's own way of using such a backup works,
# and what cannot be taken over is refused by name before anything is written. Power cuts: sim/cut_adopt.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/cli/lib_foreign.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib_foreign.sh"

cleartext() { "$BUILD_DIR/tests/cleartext" "$@"; }
printf 'new secret\n' >new
from=(--passphrase-file "$secret" --pim 1)
adopt() { # VOLUME OPTION...: with $with as the old secret
    "$COFFER" convert --adopt "$1" --passphrase-file "${with:-$secret}" --pim 1 "${small_kdf[@]}" --confirm "${1##*/}" "${@:2}"
}
end=131072
reads() { # FILE VOLUME [OPTION...]: its cleartext begins with FILE
    cleartext "${@:2}" >got
    cmp -n "$(stat -c %s "$1")" "$1" got || fail "$2 has other cleartext"
}
theirs() { # FILE VOLUME: the same, read as VeraCrypt's by make_tcrypt.py
    tcrypt read "$2" >got
    cmp -n "$(stat -c %s "$1")" "$1" got || fail "$2 is not VeraCrypt's"
}
data_of() { tail -c +$((end + 1)) "$1" | head -c -$end | sha256sum; }

# ---- there and back ----------------------------------------------------------------------------------------

head -c 700000 /dev/urandom >wanted
tcrypt make good.hc --size $((2 << 20)) --content wanted --hidden-size $((128 << 10))
cp good.hc a.hc
data=$(data_of a.hc)
expect_status 0 adopt a.hc --header-backup backup --new-passphrase-file new --label Fotos
expect_output "^'a.hc': a volume of coffer now, .* in 'backup'$"
expect_error 'VeraCrypt will not open it any more'
expect_same "$data" "$(data_of a.hc)" 'the data area'
reads wanted a.hc --passphrase-file new
expect_status 0 "$COFFER" check a.hc --passphrase-file new
expect_status 0 "$COFFER" info a.hc --passphrase-file new --json
expect_json 'it["format"] == "coffer"' 'it["marked"]' 'it["label"] == "Fotos"' 'it["iv_base"] == 256' \
    'it["data_offset"] == 131072' 'it["sector_size"] == 512' 'it["data_size"] == (2 << 20) - 262144' 'not it["thin"]'
expect_status 12 "$COFFER" info a.hc --passphrase-file "$secret"
expect_same 600 "$(stat -c %a backup)" 'mode of the backup'
expect_same $((2 * end)) "$(stat -c %s backup)" 'size of the backup'
cmp <(head -c $end backup) <(head -c $end good.hc) || fail 'the backup is not the front'
cmp <(tail -c $end backup) <(tail -c $end good.hc) || fail 'the backup is not the tail'
# A slot more, so that the header is written; the data is ours now, and the other implementation agrees.
expect_status 0 "$COFFER" key add a.hc --passphrase-file new --new-passphrase-file "$secret"
expect_status 0 "$COFFER" key change a.hc --passphrase-file new --new-passphrase-file "$wrong"
printf 'written after that' >later
head -n 1 "$wrong" | tr -d '\n' >without-newline
"$BUILD_DIR/tests/foreign/opened" a.hc --write --fill --no-cleartext --passphrase-file without-newline <later 2>/dev/null
reads later a.hc --passphrase-file "$wrong"
if /usr/bin/python3 -c 'import argon2, nacl' 2>/dev/null; then
    /usr/bin/python3 "$SOURCE_DIR/spec/reader.py" a.hc --passphrase-file "$wrong" >by-reader || fail 'the other reader refuses it'
    cmp got by-reader || fail 'the other reader prints something else'
fi
# What VeraCrypt calls an external backup is the first half: put where its header was, it opens the data.
cp a.hc by-hand
head -c $end backup | dd of=by-hand conv=notrunc status=none
theirs later by-hand
# The hidden volume inside was not touched, and has its header where it was.
printf 'the hidden volume' >hidden
expect_status 0 "$COFFER" convert by-hand copy --type veracrypt --pim 1 --hash sha256 --passphrase-file "$wrong" \
    --new-passphrase-file new "${small_kdf[@]}"
reads hidden copy --passphrase-file new
expect_status 2 "$COFFER" header restore a.hc backup "${from[@]}"
expect_status 12 "$COFFER" header restore a.hc backup --passphrase-file new --pim 1 --hash sha256 --confirm a.hc
expect_status 0 "$COFFER" header restore a.hc backup "${from[@]}" --confirm a.hc
cmp <(head -c $end a.hc) <(head -c $end good.hc) || fail 'the front is not what it was'
cmp <(tail -c $end a.hc) <(tail -c $end good.hc) || fail 'the tail is not what it was'
theirs later a.hc
expect_status 10 "$COFFER" info a.hc

# The same secret, in JSON, for TrueCrypt.
tcrypt make t.tc --kind truecrypt --content wanted
expect_status 0 "$COFFER" convert --adopt t.tc --passphrase-file "$secret" "${small_kdf[@]}" --confirm t.tc --json \
    --header-backup t.backup
expect_json 'it["schema"] == "coffer.convert/1"' 'it["adopted"]' 'it["backup"] == "t.backup"' 'it["volume"] == "t.tc"'
reads wanted t.tc --passphrase-file "$secret"

# ---- refused, with nothing written -------------------------------------------------------------------------

sum=$(sha256sum <good.hc)
refused() { # STATUS PATTERN VOLUME OPTION...
    local before
    before=$(sha256sum <"$3")
    rm -f backup
    expect_status "$1" adopt "$3" --header-backup backup "${@:4}"
    expect_error "$2"
    expect_same "$before" "$(sha256sum <"$3")" "$3, which was refused"
    [ ! -e backup ] || fail 'there is a backup of what was refused'
}
expect_status 2 adopt good.hc
expect_error "needs '--header-backup'$"
expect_status 2 "$COFFER" convert --adopt good.hc "${from[@]}" --header-backup backup
expect_status 2 "$COFFER" convert --adopt good.hc b "${from[@]}" --header-backup backup
expect_status 2 "$COFFER" convert good.hc "${from[@]}"
refused 2 'are for copies$' good.hc --thick
with=new refused 12 'opens with this secret' good.hc --hash sha256
with=$wrong refused 14 'it is a hidden volume' good.hc
refused 2 'it is a coffer volume already$' t.tc
tcrypt make system.hc --flags 1
refused 14 'it is an encrypted system' system.hc
tcrypt make odd.hc --size $(((1 << 20) + 512))
refused 14 'multiple of 4096 bytes' odd.hc
tcrypt make part.hc --data-size $((512 << 10))
refused 14 'multiple of 4096 bytes' part.hc
tcrypt make cut.hc
truncate -s $((800 << 10)) cut.hc
refused 13 'data lies outside' cut.hc
expect_same "$sum" "$(sha256sum <good.hc)" 'a volume that was refused'
make_volume ours.coffer
refused 2 'it is a coffer volume already$' ours.coffer
printf 'testtest' >testtest
if corpus_file tcplay/test/volumes/test_whirlpool.vc twofish; then
    before=$(sha256sum <twofish)
    expect_status 14 "$COFFER" convert --adopt twofish --passphrase-file testtest --hash whirlpool --type veracrypt \
        "${small_kdf[@]}" --confirm twofish --header-backup backup
    expect_error 'its cipher is twofish-xts, and only aes-xts is ours'
    expect_same "$before" "$(sha256sum <twofish)" 'a volume that was refused'
    rm twofish
fi
if command -v cryptsetup >/dev/null || [ -x /usr/sbin/cryptsetup ]; then
    truncate -s 20M luks
    printf 'correct horse' | PATH=$PATH:/usr/sbin cryptsetup luksFormat --batch-mode --pbkdf pbkdf2 \
        --pbkdf-force-iterations 1000 --key-file - luks
    refused 14 'it is a luks volume, and only those of VeraCrypt' luks
fi

# Something else has the name of the backup; the backup of another volume.
echo text >backup
expect_status 2 adopt good.hc --header-backup backup
expect_error 'exists and is not one of this volume$'
expect_same text "$(cat backup)" 'the file that was there'
rm backup
cp good.hc a.hc
tcrypt make b.hc --size $((2 << 20))
expect_status 0 adopt a.hc --header-backup backup
expect_status 0 adopt b.hc --header-backup other
expect_status 2 "$COFFER" header restore a.hc other "${from[@]}" --confirm a.hc
expect_error 'it is the backup of another volume$'
expect_status 0 "$COFFER" header restore a.hc backup "${from[@]}" --confirm a.hc
cmp a.hc good.hc || fail 'not what it was'
# One that was cut short: the tail is ours, the front is theirs, and the backup is there.
dd if=b.hc of=a.hc bs=4096 skip=$((((2 << 20) - end) / 4096)) seek=$((((2 << 20) - end) / 4096)) count=1 conv=notrunc status=none
expect_status 0 adopt a.hc --header-backup backup
expect_status 0 "$COFFER" info a.hc --passphrase-file "$secret"

# ---- volumes of the corpus ---------------------------------------------------------------------------------

printf 'testtesttest' >testtesttest
if corpus_file tcplay/test/volumes/test_sha512.vc vera; then
    cleartext vera --type veracrypt --passphrase-file testtesttest >expected
    expect_status 0 "$COFFER" convert --adopt vera --type veracrypt --hash sha512 --passphrase-file testtesttest \
        "${small_kdf[@]}" --confirm vera --header-backup vera.backup
    reads expected vera --passphrase-file testtesttest
    corpus_file tcplay/test/volumes/test_sha512.vc original
    expect_status 0 "$COFFER" header restore vera vera.backup --passphrase-file testtesttest --hash sha512 --confirm vera
    cmp vera original || fail 'not what it was'
fi
