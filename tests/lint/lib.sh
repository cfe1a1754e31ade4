# SPDX-License-Identifier: ISC
# shellcheck shell=bash
#
# lib.sh - what the lints share. Each checks the tree given as its argument (default: the project) and prints
# one line per finding, 'FILE: what is wrong'.

set -euo pipefail

tree=$(cd "${1:-${SOURCE_DIR:-$(dirname "${BASH_SOURCE[0]}")/../..}}" && pwd)
findings=0
export LC_ALL=C

finding() { # FILE TEXT
    printf '%s: %s\n' "$1" "$2"
    findings=$((findings + 1))
}

finish() { # TEXT for when there is none
    [ "$findings" -eq 0 ] || { echo "$findings findings"; exit 1; }
    echo "$1"
}

skip() {
    echo "$1"
    exit 77
}

# project_files GLOB...: files of the tree that match by name, relative to it; what git ignores is left out.
project_files() {
    local name args=()
    for name; do args+=(-o -name "$name"); done
    if [ "$(git -C "$tree" rev-parse --show-prefix 2>/dev/null || echo none)" = '' ]; then
        git -C "$tree" ls-files --cached --others --exclude-standard -- "$@" | sort -u |
            while read -r name; do [ ! -f "$tree/$name" ] || echo "$name"; done
    else
        (cd "$tree" && find . -path './build*' -prune -o -type f \( "${args[@]:1}" \) -print) | sed 's,^\./,,' | sort
    fi
}

# Every shell script, whatever its name.
shell_scripts() {
    local file first
    project_files '*' | while read -r file; do
        IFS= read -r first <"$tree/$file" || continue
        case $file:$first in *.sh:* | *:'#!'*/bash | *:'#!'*/sh) echo "$file" ;; esac
    done
}

# C without comments, with empty strings and characters, line for line.
bare_c() {
    awk '
    {
        line = $0; out = ""
        while (line != "") {
            if (in_comment) {
                end = index(line, "*/")
                if (!end) { line = ""; break }
                line = substr(line, end + 2); in_comment = 0
                continue
            }
            if (!match(line, /\/\*|\/\/|"|\047/)) { out = out line; break }
            out = out substr(line, 1, RSTART - 1)
            token = substr(line, RSTART, RLENGTH)
            line = substr(line, RSTART + RLENGTH)
            if (token == "/*") { in_comment = 1; out = out " " }
            else if (token == "//") { line = "" }
            else if (out ~ /^ *# *include *$/) { out = out token line; line = "" }
            else {
                while (line != "" && substr(line, 1, 1) != token)
                    line = substr(line, substr(line, 1, 1) == "\\" ? 3 : 2)
                out = out token token; line = substr(line, 2)
            }
        }
        print out
    }' "$1"
}
