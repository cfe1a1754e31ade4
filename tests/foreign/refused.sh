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

head -c 1M /dev/urandom >random
{ printf 'encrcdsa'; cat random; } >image
refused image 'disk image of Apple'
{ cat random; printf 'cdsaencr'; } >image
refused image 'disk image of Apple, version 1'
