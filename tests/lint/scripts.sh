#!/bin/bash
# SPDX-License-Identifier: ISC
#
# Every shell script passes shellcheck, and Python at least compiles.

# shellcheck source=tests/lint/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

command -v shellcheck >/dev/null || skip 'shellcheck is not installed'
cd "$tree"
mapfile -t scripts < <(shell_scripts)
for script in "${scripts[@]}"; do
    shellcheck -P "$tree" "$script" || finding "$script" 'see above'
done
mapfile -t pythons < <(project_files '*.py')
for script in "${pythons[@]}"; do
    /usr/bin/python3 -c 'import sys; compile(open(sys.argv[1]).read(), sys.argv[1], "exec")' "$script" ||
        finding "$script" 'does not compile'
done
finish "${#scripts[@]} shell and ${#pythons[@]} Python scripts are clean"
