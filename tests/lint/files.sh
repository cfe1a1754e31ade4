#!/bin/bash
# SPDX-License-Identifier: ISC
#
# What HACKING.md asks of every file: size, header comment, licence line, and constructs that are not used here.

# shellcheck source=tests/lint/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

words='TO''DO|FIX''ME|XX''X' # written so that this line is not one of them

check_any() {
    local file=$1 lines
    lines=$(wc -l <"$tree/$file")
    [ "$lines" -le 600 ] || finding "$file" "has $lines lines; 600 are the limit"
    head -n 3 "$tree/$file" | grep -q 'SPDX-License-Identifier: ISC' || finding "$file" 'has no SPDX line at its top'
    banned "$file" "$tree/$file" "(^|[^A-Za-z0-9_])($words)([^A-Za-z0-9_]|\$)" 'puts work off'
    banned "$file" "$tree/$file" '[[:blank:]]$' 'has blanks at its end'
    banned "$file" "$tree/$file" $'\t' 'has a tab'
}

# The comment between the licence line and the first code: what the file is for.
check_header_comment() {
    local file=$1 lines
    lines=$(awk 'NR == 1 && /SPDX/ { next }
                 !seen && /^\/\*/ { seen = 1 }
                 seen { count++; if (/\*\//) { print count; exit } }
                 !seen && NF { print 0; exit }' "$tree/$file")
    [ "${lines:-0}" -ge 1 ] || finding "$file" 'does not open with a comment that says what it is for'
}

check_c() {
    local file=$1
    bare_c "$tree/$file" >"$bare"
    banned "$file" "$bare" '(^|[^A-Za-z0-9_])goto[[:space:]]' 'uses goto'
    banned "$file" "$bare" '__packed__|\(\(packed|__packed\b' 'has a packed struct; bytes.h reads fields'
    banned "$file" "$bare" '(^|[^A-Za-z0-9_])(strcpy|strcat|sprintf|vsprintf|gets|alloca|mktemp|tmpnam)[[:space:]]*\(' \
        'uses a function that has a safer one'
    banned "$file" "$bare" '^[[:space:]]*typedef[^(]*;|^[[:space:]]*typedef (struct|enum|union)[^(]*$' 'has a typedef that is not a callback'
}

banned() { # NAME FILE PATTERN TEXT: every line of FILE that matches is a finding
    local line
    while IFS=: read -r line _; do
        finding "$1:$line" "$4"
    done < <(grep -nE -- "$3" "$2" || true)
}

bare=$(mktemp)
trap 'rm -f "$bare"' EXIT
mapfile -t files < <(project_files '*.c' '*.h' '*.py'; shell_scripts)
for file in "${files[@]}"; do
    check_any "$file"
    case $file in
    *.c) check_header_comment "$file" && check_c "$file" ;;
    *.h) check_c "$file" ;;
    esac
done
finish "${#files[@]} files keep the rules"
