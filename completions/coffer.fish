# SPDX-License-Identifier: ISC
#
# Completion of coffer for fish. What there is to complete comes from the program itself, `coffer help --complete`, so
# this file and the program cannot disagree.

function __coffer_mounts
    coffer list --complete 2>/dev/null
end

# Whether this is the command: an operand may be the same word.
function __coffer_is -a name
    set -l words (commandline -opc)
    test "$words[2]" = $name
end

# One line of the description becomes one rule.
function __coffer_rule -a what owner name kind argument summary
    set -l when "__coffer_is $owner"
    switch $what:$kind
        case 'command:*'
            complete -c coffer -n __fish_use_subcommand -f -a $owner -d (string join : -- $kind $argument $summary)
            # without files of its own a command takes none
            test -n "$name"; or complete -c coffer -n $when -f
            string match -q '*COMMAND*' -- $name
            and complete -c coffer -n $when -f -a '(coffer help --complete | string replace -rf "^command:([^:]*):.*" "\\$1")'
            # words that the first operand is one of
            set -l words (string split '|' -- (string split ' ' -- $name)[1])
            string match -qr '^[a-z]+[|]' -- $name
            and complete -c coffer -n "$when; and not __fish_seen_subcommand_from $words" -f -a "$words"
        case option:flag
            complete -c coffer -n $when -l $name -d $summary
        case option:file option:files
            complete -c coffer -n $when -l $name -r -F -d $summary
        case option:choice
            complete -c coffer -n $when -l $name -x -a (string replace -a '|' ' ' -- $argument) -d $summary
        case 'option:*'
            complete -c coffer -n $when -l $name -x -d $summary
    end
end

complete -c coffer -n __fish_use_subcommand -f
complete -c coffer -n __fish_use_subcommand -f -a '--help --version'
coffer help --complete 2>/dev/null | while read -l line
    __coffer_rule (string split -m 5 : -- $line)
end
complete -c coffer -n '__coffer_is unmount' -a '(__coffer_mounts)' -d mounted
