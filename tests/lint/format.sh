#!/bin/bash
# SPDX-License-Identifier: ISC
#
# C as .clang-format has it: 'clang-format -i FILE' makes it so.

# shellcheck source=tests/lint/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

command -v clang-format >/dev/null || skip 'clang-format is not installed'
mapfile -t files < <(project_files '*.c' '*.h')
cd "$tree"
for file in "${files[@]}"; do
    clang-format --dry-run -Werror --style=file "$file" >/dev/null 2>&1 ||
        finding "$file" "is not formatted: clang-format -i $file"
done
finish "${#files[@]} files are formatted"
