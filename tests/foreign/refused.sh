#!/bin/bash
# SPDX-License-Identifier: ISC
#
# Images that look like nothing that can be opened, but can be named, are refused by name, and before a secret is asked for.

# shellcheck source=tests/cli/lib.sh
. "$SOURCE_DIR/tests/cli/lib.sh"

refused() { # FILE PATTERN
    expect_status 14 "$COFFER" info "$1"
    expect_error "$2"
    expect_status 14 "$COFFER" info "$1" --unlock # it would be asked for on a terminal that is not there
    expect_error "$2"
    expect_status 14 "$COFFER" info "$1" --passphrase-file "$secret"
    expect_error "$2"
}

named() { # FILE TYPE PATTERN: by every command that takes a type, before it asks
    local command
    for command in 'info image --unlock' 'info image' 'check image --unlock' 'check image' 'mount image m' \
        "convert image new.coffer --new-passphrase-file $wrong"; do
        # shellcheck disable=SC2086
        expect_status 14 "$COFFER" ${command/image/$1} --type "$2"
        expect_error "$3"
    done
    expect_status 14 "$COFFER" info "$1" --type "$2" --passphrase-file "$secret"
    expect_error "$3"
    [ ! -e new.coffer ] || fail 'convert has made something'
}

head -c 1M /dev/urandom >random
mkdir m
named random freeotfe 'volumes of FreeOTFE are not supported'
{ printf 'encrcdsa'; cat random; } >image
refused image 'disk image of Apple'
{ cat random; printf 'cdsaencr'; } >image
refused image 'disk image of Apple, version 1'

corpus=${COFFER_CORPUS:-$SOURCE_DIR/../shared/corpus}
if [ -e "$corpus/INDEX.tsv" ] && command -v xz >/dev/null; then
    # What looks like noise can only be named.
    while IFS=$'\t' read -r name format; do
        xz -dc "$corpus/files/$name" >image
        case $format in
        FreeOTFE) named image freeotfe 'volumes of FreeOTFE are not supported' ;;
        esac
    done < <(awk -F '\t' '$2 ~ /^FreeOTFE$/ { print $1 "\t" $2 }' "$corpus/INDEX.tsv")
fi
