# SPDX-License-Identifier: ISC
# shellcheck shell=bash
#
# lib_foreign.sh - volumes of other programs, for tests of ours. Source it after lib.sh; skips without what makes them.

/usr/bin/python3 -c 'import cryptography' 2>/dev/null || skip 'python3-cryptography is not installed'

tcrypt() { # make|read FILE [OPTION...]: see make_tcrypt.py
    /usr/bin/python3 "$SOURCE_DIR/tests/foreign/make_tcrypt.py" "$@"
}

# The images of the corpus, unpacked; says where, or fails where it is not there.
corpus_file() { # NAME TO
    local corpus=${COFFER_CORPUS:-$SOURCE_DIR/../shared/corpus}/files
    if [ -f "$corpus/$1.xz" ]; then
        xz -dc "$corpus/$1.xz" | dd of="$2" bs=1M conv=sparse status=none
    else
        [ -f "$corpus/$1" ] && cp --sparse=always "$corpus/$1" "$2"
    fi
}
