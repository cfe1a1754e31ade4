#!/bin/bash
# SPDX-License-Identifier: ISC
#
# The shared library shows what coffer.h marks COFFER_API and nothing else, and what is in the library refers
# to no function that prints, ends the program, or reads its environment, whichever macro hides the call.

# shellcheck source=tests/lint/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

build=${BUILD_DIR:-$tree/build}
library=$build/core/libcoffer.so
[ -e "$library" ] || skip "$library has not been built"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
bare_c "$tree/include/coffer.h" | grep -v '^ *#' | tr '\n' ' ' | grep -oE 'COFFER_API [^;(]*\(' |
    sed -E 's/.*[^a-z0-9_]([a-z0-9_]+) *\($/\1/' | sort -u >"$scratch/promised"
nm -D --defined-only "$library" | awk '{ print $NF }' | sed 's/@.*//' | sort -u >"$scratch/exported"

while read -r name; do finding "$library" "does not export $name"; done \
    < <(comm -23 "$scratch/promised" "$scratch/exported")
while read -r name; do finding "$library" "exports $name, which coffer.h does not promise"; done \
    < <(comm -13 "$scratch/promised" "$scratch/exported")

nm -D --undefined-only "$library" | awk '{ print $NF }' | sed 's/@.*//' |
    grep -xE '(__)?(v?f?printf|puts|fputs|putchar|perror|v?syslog)(_chk)?|std(out|err|in)|_?exit|(secure_)?getenv|environ|signal|sigaction|system|popen|fork' \
        >"$scratch/used" || true
while read -r name; do finding "$library" "uses $name"; done <"$scratch/used"
finish "$(wc -l <"$scratch/promised") functions are exported"
