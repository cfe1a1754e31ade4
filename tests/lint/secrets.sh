#!/bin/bash
# SPDX-License-Identifier: ISC
#
# What compares keys, or what is derived from one, takes the same time wherever they differ: [CONV-8]. Files that hold
# keys call none of the functions that stop at the first difference.

# shellcheck source=tests/lint/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

files=(core/{credential,derivation,freeotfe_cdb,freeotfe_cipher,freeotfe_search,keys,luks_key,luks_split,recovery,secret,slot,tcrypt_cipher,tcrypt_kdf}.c
    crypto/{argon2,ccm,kdf,keywrap,pbkdf2,seal,sector}.c)
for file in "${files[@]}"; do
    [ -f "$tree/$file" ] || { finding "$file" 'is not there: this list is out of date'; continue; }
    while read -r call; do
        finding "$file" "calls $call with what may be a key: crypto_equal and crypto_compare take constant time"
    done < <(bare_c "$tree/$file" | grep -oE '\b(mem|b)cmp\b' | sort -u)
done
finish "${#files[@]} files compare keys in constant time"
