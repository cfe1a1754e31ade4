#!/bin/bash
# SPDX-License-Identifier: ISC
#
# loop-AES: what aespipe, which is by its author, writes is read here, and the other way round, in all versions and sizes of
# keys; the volumes of the collection; and key files as people have them. No volume tells a wrong key, so what can be known
# to be wrong is refused, and the rest is warned of.

# shellcheck source=tests/cli/lib.sh
. "$SOURCE_DIR/tests/cli/lib.sh"
# shellcheck source=tests/foreign/lib_opened.sh
. "$SOURCE_DIR/tests/foreign/lib_opened.sh"
need_program aespipe

lines() { # NUMBER: that many keys, as loop-AES's own instructions make them
    head -c $((45 * $1)) /dev/urandom | base64 -w 60
}

lines 1 >key1
lines 64 >key2
lines 65 >key3
head -c 300032 /dev/urandom >random # the last run of sectors is not a whole one

# ---- both ways -----------------------------------------------------------------------------------------------

type_of() { # BITS
    case $1 in 128) echo loop-aes ;; *) echo "loop-aes-$1" ;; esac
}

for version in 1 2 3; do
    for bits in 128 192 256; do
        type=$(type_of $bits)
        aespipe -e "AES$bits" -P "key$version" <random >theirs
        opened ./theirs --type "$type" --key-file "./key$version" 2>said | cmp - random ||
            fail "version $version, $bits bits: what aespipe wrote reads as something else"
        grep -q "^format=$type version=$version data_offset=0 " said || { cat said; fail 'it is another version'; }
        truncate -s 300032 ours
        chmod 0666 ours
        opened ./ours --write --fill --no-cleartext --type "$type" --key-file "./key$version" <random 2>said ||
            { cat said; fail "version $version, $bits bits: it cannot be written"; }
        cmp ours theirs || fail "version $version, $bits bits: what was written is not what aespipe writes"
        aespipe -d -e "AES$bits" -P "key$version" <ours | cmp - random || fail 'aespipe reads something else'
    done
done

# Part of a sector, which is all encrypted anew.
cp theirs ours
chmod 0666 ours
printf 'in the middle' | opened ./ours --write --fill-at 70000 --no-cleartext --type loop-aes-256 --key-file ./key3 2>said
cp random changed
printf 'in the middle' | dd of=changed bs=1 seek=70000 conv=notrunc status=none
aespipe -d -e AES256 -P key3 <ours | cmp - changed || fail 'a part of a sector went wrong'

# Beyond what 32 bits count, where aespipe does not go. The other implementation of version 2 and 3 is in Python.
if truncate -s 3T large && /usr/bin/python3 -c 'import cryptography' 2>/dev/null; then
    chmod 0666 large
    far=$(((1 << 32) + 70)) # sectors
    head -c 51200 random >some
    for version in 1 2 3; do
        cipher=aes:64-cbc-lmk
        [ "$version" -ne 1 ] || cipher=aes-cbc-plain64
        opened ./large --write --fill-at $((far * 512)) --no-cleartext --type loop-aes --key-file "./key$version" <some 2>said ||
            { cat said; fail 'it cannot be written so far behind'; }
        /usr/bin/python3 "$SOURCE_DIR/tests/foreign/sectors.py" read $cipher "$(sed -n 's/.* vk=//p' said)" 512 \
            $((far * 512)) large $far 51200 | cmp - some || fail "version $version: another implementation reads something else"
    done
fi
rm -f large

# ---- the collection ------------------------------------------------------------------------------------------

corpus=${COFFER_CORPUS:-$SOURCE_DIR/../shared/corpus}
if [ -e "$corpus/INDEX.tsv" ] && command -v xz >/dev/null; then
    mkdir corpus
    (cd corpus && /usr/bin/python3 "$SOURCE_DIR/tests/foreign/corpus.py" "$corpus" "$OPENED" LOOPAES)
fi

# ---- hashes, and stores that do not end with a sector ---------------------------------------------------------

# shellcheck source=tests/cli/lib_mount.sh
. "$SOURCE_DIR/tests/cli/lib_mount.sh"
mkdir directory
# A hash that was chosen.
aespipe -e AES128 -H sha512 -P key1 <random >theirs
expect_status 2 "$COFFER" info theirs --type loop-aes --key-file key1 --hash whirlpool
expect_error 'sha256 or sha512, not whirlpool$'
check_block() { # VOLUME OPTION...: holds `random`
    expect_status 0 "$COFFER" mount --block "$1" directory "${@:2}"
    cmp random directory/volume || fail "${*:2}: it reads something else"
    unmount directory
}
check_block theirs --type loop-aes --key-file key1 --hash sha512
aespipe -e AES256 -H sha256 -P key3 <random >theirs
check_block theirs --type loop-aes-256 --key-file key3 --hash sha256

# What is behind the last whole sector is left alone.
aespipe -P key2 <random >theirs
printf more >>theirs
check_block theirs --type loop-aes --key-file key2
expect_same more "$(tail -c 4 theirs)" 'what is behind the last sector'

# ---- key files as people have them ---------------------------------------------------------------------------

# From gpg, and by an ordinary user, with the program's own words.
truncate -s 4M image
mkfs.ext4 -q -L loopaes image
aespipe -e AES256 -P key3 <image >volume
mkdir user
cp volume key3 user
printf 'a passphrase for the key\n' >user/passphrase
[ "$(id -u)" -ne 0 ] || chown -R nobody user
user() { # COMMAND...
    if [ "$(id -u)" -eq 0 ]; then
        as_nobody env -C "$work/user" GNUPGHOME="$work/user/gnupg" PATH="${COFFER%/*}:$PATH" "$@"
    else
        env -C "$work/user" GNUPGHOME="$work/user/gnupg" PATH="${COFFER%/*}:$PATH" "$@"
    fi
}
if command -v gpg >/dev/null; then
    at_end user gpgconf --kill gpg-agent
    user mkdir -m 0700 gnupg files
    user gpg --batch --quiet --pinentry-mode loopback --passphrase-file passphrase -o key.gpg -c key3 2>said ||
        { cat said; fail 'gpg does not encrypt'; }
    expect_status 2 user coffer mount volume files --type loop-aes-256 --key-file key.gpg
    expect_error "the key file is still encrypted: it takes what 'gpg --decrypt' makes of it"
    cat >user/mount.sh <<'END'
gpg --batch --quiet --pinentry-mode loopback --passphrase-file passphrase --decrypt key.gpg |
    coffer mount volume files --type loop-aes-256 --key-file - --via fuse
END
    expect_status 0 user bash mount.sh
    user sh -c 'echo text >files/file'
    expect_status 0 user coffer unmount files
    aespipe -d -e AES256 -P key3 <user/volume >plain
    expect_same text "$(debugfs -R 'cat file' plain 2>/dev/null)" 'the file that aespipe finds'
    e2fsck -fn plain >said 2>&1 || { cat said; fail 'its file system is damaged'; }
fi

# A passphrase of version 1 is the line of a key file.
printf 'not a word, but twenty letters\n' >passphrase
aespipe -P passphrase <random >theirs
check_block theirs --type loop-aes --passphrase-file passphrase
check_block theirs --type loop-aes --key-file passphrase
in_terminal see:"Passphrase for 'theirs'" type:'not a word, but twenty letters' see:'not verified' exit:0 -- \
    "$COFFER" info theirs --unlock --type loop-aes
expect_status 2 "$COFFER" info theirs --type loop-aes --passphrase-file "$secret"
expect_error 'loop-AES has no keys of less than 20 bytes'

# Beside a key file none is asked for: the terminal is gpg's.
in_terminal see:'not verified' exit:0 -- "$COFFER" info theirs --type loop-aes --key-file passphrase

info() { # OPTION...
    "$COFFER" info volume --type loop-aes-256 "$@"
}
expect_status 2 info --key-file key3 --passphrase-file passphrase
expect_error 'takes one key file, or a passphrase'
expect_status 2 info --key-file key3 --key-file key2
expect_status 2 info --key-file - --key-file - <key3
expect_error 'a key file on standard input takes all of it'
expect_status 2 info --key-file - --passphrase-file - <key3
expect_status 2 info --key-file -
expect_error "'-': the key file is empty"
head -n 63 key3 >short
expect_status 2 info --key-file short
expect_error 'loop-AES has 1, 64 or 65 keys; the key file has 63 lines'
head -c -50 key3 >short # cut off in the middle of a line, as a copy may be
expect_status 2 info --key-file short
expect_error 'less than 20 bytes; line 65 is one'
expect_status 2 info --key-file random
sed 's/$/\r/' key3 >crlf
expect_status 0 info --key-file crlf
expect_error 'there is a CR in the key, and it counts as part of it'
expect_status 2 "$COFFER" mount volume directory --type loop-aes-256 --key-file key3 --protect-hidden \
    --new-passphrase-file "$secret"
expect_error 'a loop-aes-256 volume has no hidden one that could be protected'

# ---- what is said about what cannot be known -----------------------------------------------------------------

expect_status 0 info --key-file key3
expect_output "^'volume': loop-aes-256 volume, version 3, unmarked$"
expect_output '^  cipher  *aes:64-cbc-lmk, sectors of 512 bytes$'
expect_output '^  key  *not verified: a wrong one, or one of another size, would show noise$'
expect_status 0 info --key-file key3 --json --dm
expect_json 'it["format"] == "loop-aes-256" and it["version"] == 3 and not it["secret_verified"]' \
    'it["mapping"]["layers"][0]["cipher"] == "aes:64-cbc-lmk"' 'it["mapping"]["layers"][0]["key_size"] == 65 * 32' \
    '"cryptsetup" not in it["mapping"]["layers"][0]'
before=$(sha256sum volume)
for wrong_way in "loop-aes-256 key2" "loop-aes key3"; do
    read -r type key <<<"$wrong_way"
    expect_status 16 "$COFFER" mount volume directory --type "$type" --key-file "$key" --via fuse
    expect_error 'no file system is in it'
    expect_error 'hint: a wrong key, or a wrong size of keys \(--type\), looks like this, too: do not write to it'
done
expect_status 0 "$COFFER" mount --block volume directory --type loop-aes --key-file key3 --read-only
expect_error 'loop-aes.* volume cannot tell a wrong secret'
"$COFFER" unmount directory
expect_status 0 "$COFFER" check volume --type loop-aes-256
expect_output 'it has no header: there is nothing to check'
expect_status 0 "$COFFER" check volume --type loop-aes-256 --key-file key3
expect_output 'nothing tells whether a key is the right one'
expect_status 2 "$COFFER" check volume --type loop-aes-256 --key-file short
expect_same "$before" "$(sha256sum volume)" 'the volume'

# What is known to be something else is not overwritten, and what is not named is not known.
expect_status 10 "$COFFER" info volume
make_volume a.coffer
for command in mount info check convert; do
    case $command in
    mount) more=(directory --block) ;;
    convert) more=(copy.coffer --new-passphrase-file "$secret" "${small_kdf[@]}") ;;
    *) more=() ;;
    esac
    expect_status 2 "$COFFER" "$command" a.coffer "${more[@]}" --type loop-aes --key-file key3
    expect_error 'it is a coffer volume, not one of loop-AES'
done
[ ! -e copy.coffer ] || fail 'convert has made something'

# ---- on to a format that can tell ----------------------------------------------------------------------------

expect_status 0 "$COFFER" convert volume copy.coffer --type loop-aes-256 --key-file key3 \
    --new-passphrase-file "$secret" "${small_kdf[@]}"
expect_error 'loop-aes.* volume cannot tell a wrong secret'
mount_block copy.coffer directory
cmp image directory/volume || fail 'the copy is another'
unmount directory
expect_nothing_left
