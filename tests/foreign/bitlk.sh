#!/bin/bash
# SPDX-License-Identifier: ISC
#
# What coffer writes into BitLocker volumes that Windows made, with every cipher of theirs, two other programs read:
# dislocker and, where it is installed, libbde. Their metadata stays as it was.

# shellcheck source=tests/cli/lib.sh
. "$SOURCE_DIR/tests/cli/lib.sh"

corpus=${COFFER_CORPUS:-$SOURCE_DIR/../shared/corpus}
images=$corpus/files/cryptsetup/bitlk-images
[ -d "$images" ] || skip "the collection of volumes is not at $corpus (COFFER_CORPUS names another place)"
need_program xz
need_program dislocker-file

printf anaconda >pass
chmod 0644 pass
chmod 0755 .
head -c 9000001 /dev/urandom >random
install -m 0755 "$OPENED" opened

opened() { # as an ordinary user where that can be had
    if [ "$(id -u)" -eq 0 ]; then
        as_nobody "$work/opened" "$@"
    else
        ./opened "$@"
    fi
}

# The three copies of the metadata, and the boot sector that names them.
metadata() { # FILE OFFSET...
    {
        head -c 512 "$1"
        for offset in "${@:2}"; do
            dd if="$1" bs=512 skip=$((offset / 512)) count=128 status=none
        done
    } | sha256sum
}

check_volume() { # NAME METADATA-OFFSET...
    local before
    xz -dc "$images/bitlk-$1.img.xz" >volume
    chmod 0666 volume
    before=$(metadata volume "${@:2}")
    # The start, which is stored elsewhere, and all up to behind it; the holes of the metadata lie farther back.
    opened "$work/volume" --write --fill --passphrase-file "$work/pass" <random >cleartext 2>said ||
        { cat said; fail "$1 cannot be written"; }
    expect_same "$(sha256sum <random)" "$(head -c 9000001 cleartext | sha256sum)" "what was written into $1"
    dislocker-file -r -V volume -uanaconda -- other >dislocker.log 2>&1 || { cat dislocker.log; fail "dislocker: $1"; }
    cmp cleartext other || fail "$1: dislocker reads something else"
    expect_same "$before" "$(metadata volume "${@:2}")" "metadata of $1"
    # libbde takes longer, and reads some of these.
    if [[ $1 = *4k || $1 = *elephant-128 ]] && [ -w /dev/fuse ] && command -v bdemount fusermount >/dev/null && mkdir -p bde &&
        bdemount -p anaconda volume bde >bde.log 2>&1; then
        cmp cleartext bde/bde1 || { fusermount -u bde; fail "$1: libbde reads something else"; }
        fusermount -u bde
    fi
    rm -f volume other cleartext
}

# ---- the derivation can be stopped ---------------------------------------------------------------------------

xz -dc "$images/bitlk-aes-xts-128.img.xz" >volume
chmod 0644 volume
expect_status 130 opened "$work/volume" --passphrase-file "$work/pass" --no-cleartext --stop
expect_error 'stopped protector [0-9] at [1-9]'
expect_error 'interrupted while the key was derived'

# ---- every cipher -----------------------------------------------------------------------------------------------

check_volume aes-xts-128 35213312 46256128 57909248
check_volume aes-cbc-256 35213312 46256128 57909248
check_volume aes-xts-128-4k 35213312 46256128 57909248
check_volume togo-aes-xts-128 34603008 46254080 57905152
check_volume aes-cbc-elephant-128 34603008 67809280 101015552
check_volume aes-cbc-elephant-256 34603008 67809280 101015552
