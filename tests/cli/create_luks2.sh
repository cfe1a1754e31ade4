#!/bin/bash
# SPDX-License-Identifier: ISC
#
# LUKS2 volumes that coffer makes, as an ordinary user and without device-mapper: cryptsetup, which shares no code with it,
# reads the header, opens it with the passphrase or key file and adds keys that coffer then opens; the file system inside is
# there; `convert --format luks2` keeps everybody out, cryptsetup too, until the copy is complete, and goes on.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need_program cryptsetup
PATH=$PATH:/usr/sbin:/sbin

cleartext() { "$BUILD_DIR/tests/cleartext" "$@"; }
with=(--passphrase-file "$secret")
cheap=(--kdf-memory 8M --kdf-passes 4)
printf 'correct horse' >pass
opens() { cryptsetup open --test-passphrase --type luks2 --key-file "$2" "$1" >log 2>&1; }

# ---- what cryptsetup says ----------------------------------------------------------------------------------

expect_status 0 "$COFFER" create a.luks --format luks2 --size 24M --fs none --label Urlaub "${with[@]}" "${cheap[@]}"
expect_output "^'a.luks': 8 MiB, LUKS2, thick, without a file system$"
cryptsetup luksDump a.luks >dump 2>&1 || fail "luksDump: $(cat dump)"
for line in '^Version:[[:space:]]+2$' '^Label:[[:space:]]+Urlaub$' '0: crypt' 'offset: 16777216 \[bytes\]' \
    'length: \(whole device\)' 'cipher: aes-xts-plain64' 'sector: 4096 \[bytes\]' 'PBKDF: +argon2id' 'Time cost: +4$' \
    'Memory: +8192$' 'Threads: +1$' 'Key: +512 bits' 'AF stripes: +4000'; do
    grep -qE "$line" dump || fail "luksDump has no '$line': $(cat dump)"
done
opens a.luks pass || fail "cryptsetup does not open it: $(cat log)"
opens a.luks "$wrong" && fail 'cryptsetup opens it with another passphrase'
cryptsetup luksDump --dump-volume-key --batch-mode --key-file pass --volume-key-file key a.luks >log 2>&1 ||
    fail "no volume key: $(cat log)"
expect_same 64 "$(stat -c %s key)" 'size of the volume key'
cryptsetup repair --batch-mode a.luks >log 2>&1 || fail "repair: $(cat log)"
expect_status 0 "$COFFER" check a.luks "${with[@]}"
expect_status 0 "$COFFER" info a.luks --json
expect_json 'it["format"] == "luks"' 'it["version"] == 2' 'it["label"] == "Urlaub"' 'it["cipher"] == "aes-xts-plain64"' \
    'it["sector_size"] == 4096' 'it["kdf"]["memory"] == 8 << 20' 'it["slots_in_use"] == [0]'
expect_same 600 "$(stat -c %a a.luks)" 'mode'

# Another key, by cryptsetup; the data is the same for both.
cryptsetup luksAddKey --batch-mode --key-file pass --pbkdf pbkdf2 --pbkdf-force-iterations 1000 a.luks "$wrong" >log 2>&1 ||
    fail "luksAddKey: $(cat log)"
expect_status 0 "$COFFER" info a.luks --key-file "$wrong"
sum=$(cleartext a.luks "${with[@]}" | sha256sum)
expect_same "$sum" "$(cleartext a.luks --key-file "$wrong" | sha256sum)" 'the data by the other key'
if /usr/bin/python3 -c 'import cryptography' 2>/dev/null; then
    expect_same "$sum" "$(/usr/bin/python3 "$SOURCE_DIR/tests/foreign/sectors.py" read aes-xts-plain64 \
        "$(od -An -v -tx1 key | tr -d ' \n')" 4096 16777216 a.luks 0 8388608 | sha256sum)" 'what another implementation reads'
fi

# A key file, small sectors, noise.
head -c 100 /dev/urandom >keyfile
expect_status 0 "$COFFER" create b.luks --format luks2 --size 18M --fs none --fill --sector-size 512 --key-file keyfile \
    "${cheap[@]}" --json
expect_json 'it["format"] == "luks"' 'it["sector_size"] == 512'
opens b.luks keyfile || fail "cryptsetup does not open it with the key file: $(cat log)"
expect_same 0 "$(tail -c 1M b.luks | tr -d '\1-\377' | wc -c | awk '{ print ($1 > 8192) }')" 'noise'

# A file system, as an ordinary user.
if { : <>/dev/fuse; } 2>/dev/null && command -v mkfs.ext4 >/dev/null; then
    expect_status 0 "$COFFER" create fs.luks --format luks2 --size 40M --fs ext4 "${with[@]}" "${cheap[@]}"
    expect_output 'LUKS2, thick, ext4$'
    cleartext fs.luks "${with[@]}" >image
    e2fsck -fn image >log 2>&1 || fail "e2fsck: $(cat log)"
    rm image
    if [ "$(id -u)" -eq 0 ]; then
        chmod 0755 .
        mkdir -m 0777 users
        install -m 0644 "$secret" readable
        expect_status 0 as_nobody "$COFFER" create "$work/users/c.luks" --format luks2 --size 40M --passphrase-file \
            "$work/readable" "${cheap[@]}"
        opens users/c.luks pass || fail 'what an ordinary user has made does not open'
    fi
fi

# ---- refused -----------------------------------------------------------------------------------------------

for option in --thin --unmarked --recovery-key '--name x' '--header-backup x' --hidden; do
    # shellcheck disable=SC2086
    expect_status 2 "$COFFER" create no.luks --format luks2 --size 24M --fs none "${with[@]}" $option
done
expect_status 2 "$COFFER" create no.luks --format luks2 --size 16M --fs none "${with[@]}" "${cheap[@]}"
expect_error 'a LUKS2 volume has at least'
expect_status 2 "$COFFER" create no.luks --format luks2 --size 24M --fs none "${with[@]}" --kdf-memory 8M --kdf-passes 1
expect_error 'at least 4 passes'
expect_status 2 "$COFFER" create no.luks --format luks2 --size 24M --fs none "${with[@]}" --key-file keyfile "${cheap[@]}"
[ ! -e no.luks ] || fail 'a volume that was refused is there'
expect_status 14 "$COFFER" key add a.luks "${with[@]}" --new-passphrase-file "$wrong"
expect_error '^coffer: hint: .*luksAddKey'
expect_status 14 "$COFFER" header backup a.luks no
expect_error '^coffer: hint: .*luksHeaderBackup'

# ---- convert -----------------------------------------------------------------------------------------------

make_volume source.coffer --size 66M --sector-size 512
head -c 3000000 /dev/urandom >content
"$BUILD_DIR/tests/foreign/opened" source.coffer --write --fill --no-cleartext --passphrase-file pass <content 2>/dev/null
cleartext source.coffer "${with[@]}" >wanted
printf 'new secret\n' >new
printf 'new secret' >new-pass
convert=(convert source.coffer copy.luks --format luks2 "${with[@]}" --new-passphrase-file new "${cheap[@]}")
for ((try = 0; try < 20; try++)); do
    rm -f copy.luks
    "$COFFER" "${convert[@]}" >stdout 2>stderr &
    process=$!
    until [ -e copy.luks ] || ! kill -0 "$process" 2>/dev/null; do :; done
    kill -TERM "$process" 2>/dev/null || true
    ended=0
    wait "$process" || ended=$?
    [ "$ended" -eq 0 ] || break
done
expect_same 130 "$ended" 'exit status after a signal'
# (whether a passphrase is right cryptsetup tells all the same)
cryptsetup luksDump copy.luks | grep -q '^Requirements:.*coffer-unfinished' || fail 'no requirement'
cryptsetup luksAddKey --batch-mode --key-file new-pass copy.luks pass >log 2>&1 && fail 'cryptsetup works with half a copy'
grep -qi 'unmet LUKS2 requirements' log || fail "cryptsetup says: $(cat log)"
expect_status 14 "$COFFER" info copy.luks --passphrase-file new
expect_error 'is not all there yet$'
# Nothing seals this header: one that asks for less encryption, with right checksums, is not gone on with.
cp copy.luks forged.luks
forged() { # STATEMENTS: the copy is refused, and nothing is written
    cp copy.luks forged.luks
    /usr/bin/python3 "$SOURCE_DIR/tests/foreign/edit_luks2.py" forged.luks "$1"
    local before
    before=$(sha256sum <forged.luks)
    expect_status 13 "$COFFER" "${convert[@]/copy.luks/forged.luks}"
    expect_error 'is not as a copy is begun with$'
    expect_same "$before" "$(sha256sum <forged.luks)" 'a copy with a forged header'
}
forged 'it["segments"]["0"]["size"] = "4096";
    it["segments"]["1"] = {"type": "linear", "offset": "16781312", "size": "dynamic"}'
forged 'it["segments"]["0"]["encryption"] = "aes-cbc-null"'
forged 'it["segments"]["0"]["iv_tweak"] = "8"'
rm forged.luks
expect_status 0 "$COFFER" "${convert[@]}" --json
expect_json 'it["resumed"]' 'it["format"] == "luks"' 'it["sector_size"] == 512'
opens copy.luks new-pass || fail "cryptsetup does not open the copy: $(cat log)"
cleartext copy.luks --passphrase-file new >got
cmp -n "$(stat -c %s wanted)" wanted got || fail 'other cleartext'
expect_status 0 "$COFFER" check copy.luks --passphrase-file new
expect_status 1 "$COFFER" "${convert[@]}"
expect_error 'it is a volume that is complete$'
