#!/bin/bash
# SPDX-License-Identifier: ISC
#
# Real volumes of cryptsetup, QEMU and Windows, as an ordinary user: each opens with the key and the content that
# its index names, or is refused with the reason. corpus.py has the details.

# shellcheck source=tests/cli/lib.sh
. "$SOURCE_DIR/tests/cli/lib.sh"

corpus=${COFFER_CORPUS:-$SOURCE_DIR/../shared/corpus}
[ -e "$corpus/INDEX.tsv" ] || skip "the collection of volumes is not at $corpus (COFFER_CORPUS names another place)"
need_program xz
/usr/bin/python3 "$SOURCE_DIR/tests/foreign/corpus.py" "$corpus" "$OPENED" LUKS1 LUKS2 BITLK
