# SPDX-License-Identifier: ISC
# shellcheck shell=bash
#
# Completion of coffer for bash. What there is to complete comes from the program itself, `coffer help --complete`,
# so this file and the program cannot disagree.

_coffer_words() { # WORD CANDIDATE...
    local word=$1
    shift
    mapfile -t COMPREPLY < <(compgen -W "$*" -- "$word")
}

_coffer_files() { # WORD -f|-d
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen "$2" -- "$1")
}

# Adds what is mounted: directories, devices and volumes.
_coffer_mounts() { # PROGRAM WORD
    local name
    while IFS= read -r name; do
        [[ $name != "$2"* ]] || COMPREPLY+=("$name")
    done < <("$1" list --complete 2>/dev/null)
}

_coffer() {
    local program=${1/#\~/$HOME} word=$2 command=${COMP_WORDS[1]:-} what owner name kind argument at
    local operands='' only_operands='' value='' given=' ' number=0
    local -a commands=() options=()
    local -A kinds=() arguments=()
    COMPREPLY=()

    while IFS=: read -r what owner name kind argument _; do
        case $what:$owner in
        command:*) commands+=("$owner"); [ "$owner" != "$command" ] || operands=$name ;;
        "option:$command") kinds[$name]=$kind arguments[$name]=$argument ;;
        esac
    done < <("$program" help --complete 2>/dev/null)
    if [ "$COMP_CWORD" -eq 1 ]; then
        _coffer_words "$word" "${commands[@]}" --help --version
        return
    fi

    # The words before this one, as the program reads them. "--fs=ext4" arrives here as three words.
    for ((at = 2; at < COMP_CWORD; at++)); do
        name=${COMP_WORDS[at]#--}
        if [[ -n $only_operands || ${COMP_WORDS[at]} != -?* ]]; then
            ((number += 1))
        elif [ -z "$name" ]; then
            only_operands=yes
        else
            given+="$name "
            if [ "${kinds[$name]:-flag}" != flag ]; then
                [ "${COMP_WORDS[at + 1]}" != = ] || ((at += 1))
                ((at += 1))
                [ "$at" -lt "$COMP_CWORD" ] || value=$name
            fi
        fi
    done
    [ "$word" != = ] || word=

    if [ -n "$value" ]; then
        case ${kinds[$value]} in
        file | files) _coffer_files "$word" -f ;;
        choice) _coffer_words "$word" "${arguments[$value]//|/ }" ;;
        esac
        return
    fi
    if [[ $word == -* && -z $only_operands ]]; then
        for name in "${!kinds[@]}"; do
            [[ $given == *" $name "* && ${kinds[$name]} != files ]] || options+=("--$name")
        done
        _coffer_words "$word" "${options[@]}"
        return
    fi
    # With "VOLUME DIR" the second operand is a DIR. "..." at its end: there may be more of the same.
    local -a kinds_of_operand
    read -ra kinds_of_operand <<<"$operands"
    [[ $operands != *... || $number -lt ${#kinds_of_operand[@]} ]] || number=$((${#kinds_of_operand[@]} - 1))
    case ${kinds_of_operand[number]:-} in
    '') ;;
    *COMMAND*) _coffer_words "$word" "${commands[@]}" ;;
    [a-z]*'|'*) _coffer_words "$word" "${kinds_of_operand[number]//|/ }" ;;
    DIR | '[DIR]') _coffer_files "$word" -d ;;
    *)
        _coffer_files "$word" -f
        [ "$command" != unmount ] || _coffer_mounts "$program" "$word"
        ;;
    esac
}

complete -F _coffer coffer
