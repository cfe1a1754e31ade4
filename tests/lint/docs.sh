#!/bin/bash
# SPDX-License-Identifier: ISC
#
# What the documents name exists: folders, files, jobs of ./dev, commands of the program, requirements of the
# format. Requirements that no test names are listed, not counted as findings.

# shellcheck source=tests/lint/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$tree"
documents=(README.md HACKING.md NEWS.md SECURITY.md spec/threats.md)
quote='`'

# Every folder has its place in HACKING.md.
while read -r folder; do
    grep -qF "\`$folder/" HACKING.md || finding HACKING.md "does not say what $folder/ is"
done < <(project_files '*' | sed -n 's,^\([^./][^/]*\)/.*,\1,p' | sort -u)

# Links and the names of files in backquotes.
for document in "${documents[@]}"; do
    while read -r name; do
        [ -e "$name" ] || finding "$document" "names $name, which does not exist"
    done < <({
        grep -oE '\]\([^)#:]*\)' "$document" | sed -E 's/\]\((.*)\)/\1/'
        grep -oE "${quote}[a-z]+/[a-zA-Z0-9_/.-]+\.(md|py|sh|c|h)${quote}" "$document" | tr -d "$quote"
    } | sort -u)
done

# Every promise says which test shows it, and a function that is named is in the file named before it.
if [ -f spec/threats.md ]; then
    while read -r promise; do
        grep -q "^| $promise |" spec/threats.md || finding spec/threats.md "does not say what shows $promise"
    done < <(grep -oE '\*\*P[0-9]+\*\*' spec/threats.md | tr -d '*')
    file=''
    while read -r name; do
        case $name in
        */*) file=$name ;;
        *) [ ! -f "$file" ] || grep -qwF -- "$name" "$file" spec/vectors/volumes.txt ||
            finding spec/threats.md "names $name, which is not in $file" ;;
        esac
    done < <(grep '^| P[0-9]' spec/threats.md | grep -oE "${quote}[a-zA-Z0-9_/.-]+${quote}" | tr -d "$quote")
fi

# Jobs.
jobs=$(./dev help | awk '/^  / { print $1 }')
while read -r document job; do
    grep -qxF "$job" <<<"$jobs" || finding "$document" "names ./dev $job, which does not exist"
done < <(grep -oE '\./dev [a-z]+' "${documents[@]}" .ci/run | sed 's/:\.\/dev / /' | sort -u)

# Commands of the program, where it has been built.
program=${COFFER:-$tree/build/cli/coffer}
if [ -x "$program" ]; then
    while read -r command; do
        "$program" "$command" --help >/dev/null 2>&1 || finding README.md "names coffer $command, which does not exist"
    done < <(grep -oE "(\\$ |$quote)coffer [a-z]+" README.md | sed 's/.*coffer //' | sort -u)
fi

# Requirements: '- [KEY-9] ...' in the format is named KEY-9 in tests.
if [ -f spec/volume.md ]; then
    requirements=$(grep -oE '^ *- \[[A-Z]+-[0-9]+\]' spec/volume.md | tr -d ' []' | sed 's/^-//' | sort)
    [ -n "$requirements" ] || finding spec/volume.md 'has no numbered requirement'
    while read -r number; do
        finding spec/volume.md "has [$number] twice"
    done < <(uniq -d <<<"$requirements")
    areas=$(cut -d - -f 1 <<<"$requirements" | sort -u | paste -s -d '|')
    # "KEY-2 to KEY-5" names four
    named=$(grep -rhowE "($areas)-[0-9]+( to ($areas)-[0-9]+)?" tests spec/vectors |
        sed -E 's/^([A-Z]+)-([0-9]+)( to [A-Z]+-([0-9]+))?$/\1 \2 \4/' |
        awk '{ for (i = $2; i <= ($3 == "" ? $2 : $3); i++) print $1 "-" i }' | sort -u)
    while read -r number; do
        finding tests "name $number, which spec/volume.md does not have"
    done < <(comm -13 <(uniq <<<"$requirements") <(grep . <<<"$named"))
    # No test can hold what speaks of versions to come, and what arithmetic says.
    untestable=$(printf '%s\n' KEY-10 THIN-5)
    while read -r number; do
        finding spec/volume.md "[$number] is named by no test"
    done < <(comm -23 <(uniq <<<"$requirements") <(sort <<<"$named"$'\n'"$untestable"))
    # [THIN-6], [HIDDEN-7]
    for word in '\*\*thin\*\* volume' '--protect-hidden'; do
        grep -qe "$word" SECURITY.md || finding SECURITY.md "does not say what '$word' is about"
    done
fi
finish 'documents and source agree'
