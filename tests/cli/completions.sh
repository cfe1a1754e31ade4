#!/bin/bash
# SPDX-License-Identifier: ISC
#
# The completions of bash, zsh and fish offer what the program has, and nothing else. Each shell that is installed is
# asked for real.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

completions=$SOURCE_DIR/completions
export PATH=${COFFER%/*}:$PATH
[ "${COFFER##*/}" = coffer ] || skip 'the program is not called coffer'
coffer help --complete >table
mapfile -t commands < <(sed -n 's/^command:\([^:]*\):.*/\1/p' table)
options_of() { sed -n "s/^option:$1:\([^:]*\):.*/--\1/p" table | sort; }
mkdir directory
: >file.coffer
tested=0

expect_words() { # WHAT EXPECTED ACTUAL: the same words, in any order
    local difference
    difference=$(diff <(sort <<<"$2") <(sort -u <<<"$3")) || fail "$1: $difference"
}

# ---- bash --------------------------------------------------------------------------------------------------

bash_offers() { # WORD...: completes the last one
    bash --norc -c '. "$1"; shift
        COMP_WORDS=(coffer "$@") COMP_CWORD=$#
        _coffer coffer "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        [ "${#COMPREPLY[@]}" -eq 0 ] || printf "%s\n" "${COMPREPLY[@]}"' bash "$completions/coffer.bash" "$@"
}
expect_words 'bash, commands' "$(printf '%s\n' "${commands[@]}" --help --version)" "$(bash_offers '')"
for command in "${commands[@]}"; do
    expect_words "bash, $command" "$(options_of "$command")" "$(bash_offers "$command" --)"
done
expect_same '--size' "$(bash_offers create --si)" 'bash, a beginning'
expect_same 'ext4' "$(bash_offers create --fs ex | grep ext)" 'bash, a value'
expect_same 'ext4' "$(bash_offers create --fs = ex | grep ext)" 'bash, a value behind ='
expect_words 'bash, all values' "$(printf '%s\n' auto ext4 exfat vfat btrfs xfs ntfs none)" "$(bash_offers create --fs = =)"
expect_same '' "$(bash_offers create --size '')" 'bash, a size'
expect_same 'file.coffer' "$(bash_offers info --key-file fil)" 'bash, a file'
expect_same 'file.coffer' "$(bash_offers info --passphrase-file x fil)" 'bash, an operand'
expect_same '' "$(bash_offers info file.coffer fil)" 'bash, one operand too many'
expect_same 'directory' "$(bash_offers mount --block file.coffer dir)" 'bash, a directory'
expect_same 'directory' "$(bash_offers mount --type auto -- file.coffer dir)" 'bash, behind --'
expect_same 'file.coffer' "$(bash_offers unmount directory directory fil)" 'bash, many operands'
expect_same '--size' "$(bash_offers create --json --si)" 'bash, another option'
expect_same '' "$(bash_offers create --size 1G --siz)" 'bash, an option that is given'
expect_same '--key-file' "$(bash_offers create --key-file k --key-f)" 'bash, a list'
expect_words 'bash, help' "$(printf '%s\n' "${commands[@]}")" "$(bash_offers help '')"
expect_words 'bash, actions' "$(printf '%s\n' list add change remove)" "$(bash_offers key '')"
expect_same 'file.coffer' "$(bash_offers key list fil)" 'bash, an operand behind an action'
expect_same '' "$(bash_offers frobnicate --)" 'bash, an unknown command'
tested=$((tested + 1))

# ---- fish --------------------------------------------------------------------------------------------------

if command -v fish >/dev/null; then
    export HOME=$work
    fish_offers() { # LINE
        fish --no-config -c "source '$completions/coffer.fish'; complete -C '$1'" | cut -f 1
    }
    fish_options() { fish_offers "$1" | grep '^--' | sed 's/=$//'; }
    expect_words 'fish, commands' "$(printf '%s\n' "${commands[@]}" --help --version)" \
        "$(fish_offers 'coffer '; fish_offers 'coffer --')"
    for command in "${commands[@]}"; do
        expect_words "fish, $command" "$(options_of "$command")" "$(fish_options "coffer $command --")"
    done
    expect_words 'fish, a value' "$(printf '%s\n' auto ext4 exfat vfat btrfs xfs ntfs none)" \
        "$(fish_offers 'coffer create --fs ')"
    expect_same '' "$(fish_offers 'coffer create --size ')" 'fish, a size'
    expect_same 'file.coffer' "$(fish_offers 'coffer info --key-file fil')" 'fish, a file'
    expect_same 'file.coffer' "$(fish_offers 'coffer info fil')" 'fish, an operand'
    expect_same '' "$(fish_offers 'coffer list fil')" 'fish, a command without operands'
    expect_words 'fish, actions' "$(printf '%s\n' list add change remove)" "$(fish_offers 'coffer key ')"
    expect_same 'file.coffer' "$(fish_offers 'coffer key list fil')" 'fish, an operand behind an action'
    expect_words 'fish, help' "$(printf '%s\n' "${commands[@]}")" "$(fish_offers 'coffer help ')"
    tested=$((tested + 1))
fi

# ---- zsh ---------------------------------------------------------------------------------------------------

if command -v zsh >/dev/null; then
    cat >.zshrc <<ZSH
fpath=('$completions' \$fpath)
autoload -U compinit && compinit -u -D
LISTMAX=10000 PROMPT='ready> '
zstyle ':completion:*' list-prompt ''
setopt no_beep no_always_last_prompt
ZSH
    zsh_shows() { # TEXT LINE: TEXT, when Tab is pressed at the end of LINE
        ZDOTDIR=$work in_terminal 'see:ready> ' "keys:$2"$'\t' "see:$1" 'type:\x15exit' exit:0 -- zsh -i
    }
    for command in "${commands[@]}"; do
        zsh_shows --help "coffer $command --"
        expect_words "zsh, $command" "$(options_of "$command")" "$(grep -oE -- '--[a-z][a-z-]*' stdout | sort -u)"
    done
    zsh_shows version 'coffer '
    for command in "${commands[@]}"; do
        grep -qE "^$command +-- " stdout || fail "zsh does not offer $command"
    done
    zsh_shows exfat 'coffer create --fs=ex'
    zsh_shows --size 'coffer create --siz'
    zsh_shows directory 'coffer mount --block file.coffer dir'
    zsh_shows file.coffer 'coffer info fil'
    zsh_shows file.coffer 'coffer info --key-file fil'
    zsh_shows unmount 'coffer help un'
    zsh_shows change 'coffer key ch'
    zsh_shows file.coffer 'coffer key list fil'
    tested=$((tested + 1))
fi
# ---- What is mounted -----------------------------------------------------------------------------------------

if [ -r /dev/fuse ] && [ -w /dev/fuse ] && command -v fusermount3 >/dev/null; then
    make_volume 'the volume.coffer' --size 4M --fs none
    mkdir 'a mount'
    expect_status 0 "$COFFER" mount --block 'the volume.coffer' 'a mount' --passphrase-file "$secret"
    expect_words 'list --complete' "$work/a mount
$work/the volume.coffer" "$("$COFFER" list --complete | grep -F "$work/")"
    # Whole paths: files are offered without their directory.
    for name in 'a mount' 'the volume.coffer'; do
        bash_offers unmount '' | grep -xF "$work/$name" >/dev/null || fail "bash does not offer '$name'"
        if command -v fish >/dev/null; then
            fish_offers 'coffer unmount ' | grep -xF "$work/$name" >/dev/null || fail "fish does not offer '$name'"
        fi
        if command -v zsh >/dev/null; then
            zsh_shows "$work/${name// /\\ }" 'coffer unmount '
        fi
    done
    expect_status 0 "$COFFER" unmount 'a mount'
fi
echo "$tested shells"
