#!/bin/bash
# SPDX-License-Identifier: ISC
#
# Questions on the terminal: asked twice when a secret is set, never echoed, echo restored whatever signal comes, and
# a usage error at once where there is no terminal.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

create=("$COFFER" create --size 8M --fs none "${small_kdf[@]}")

# ---- setting one -------------------------------------------------------------------------------------------

in_terminal "see:New passphrase for 'a.coffer': " echo:off 'type:correct horse' \
    'see:The same again: ' echo:off 'type:correct horse' "see:'a.coffer': " exit:0 echo:on 'hidden:horse' \
    -- "${create[@]}" a.coffer
expect_status 0 "$COFFER" info a.coffer --passphrase-file "$secret"

in_terminal 'see:New passphrase' echo:off type:one 'see:The same again' type:two 'see:the two passphrases differ' \
    exit:2 echo:on -- "${create[@]}" b.coffer
in_terminal 'see:New passphrase' echo:off type: 'see:The same again' type: 'see:an empty passphrase' exit:2 \
    -- "${create[@]}" b.coffer
in_terminal 'see:New passphrase' echo:off key:eof 'see:no answer' exit:2 echo:on -- "${create[@]}" b.coffer
in_terminal 'see:New passphrase' echo:off 'type:a\x00b' 'see:contains a NUL byte' exit:2 echo:on -- "${create[@]}" b.coffer
long=$(printf '%01024d' 0)
in_terminal 'see:New passphrase' echo:off "type:x$long" 'see:longer than 1024 bytes' exit:2 echo:on \
    -- "${create[@]}" b.coffer
in_terminal 'see:New passphrase' echo:off "type:$long" see:again echo:off "type:$long" exit:0 -- "${create[@]}" long.coffer
[ ! -e b.coffer ] || fail 'a refused passphrase left a file'

# With a key file the passphrase may be empty, and a prompt says so.
head -c 64 /dev/urandom >key
in_terminal 'see:(empty for none): ' echo:off type: 'see:The same again: ' echo:off type: exit:0 \
    -- "${create[@]}" --key-file key keyed.coffer
expect_status 0 "$COFFER" info keyed.coffer --key-file key

# ---- giving one --------------------------------------------------------------------------------------------

info=("$COFFER" info --unlock a.coffer)
in_terminal "see:Passphrase for 'a.coffer': " echo:off 'type:correct horse' 'see:key slots' exit:0 echo:on 'hidden:horse' \
    -- "${info[@]}"
in_terminal see:Passphrase echo:off 'type:battery staple' 'see:no key slot opens with this secret' exit:12 -- "${info[@]}"
# what was typed too early is not taken, spaces are not trimmed
in_terminal see:Passphrase echo:off 'type: correct horse' see:error exit:12 -- "${info[@]}"

# The answer comes from the terminal even when standard input is something else, and the name is harmless there.
cp a.coffer "$(printf 'x\x1b[2J')"
in_terminal "see:Passphrase for 'x\\x1b[2J': " echo:off 'type:correct horse' exit:0 \
    -- bash -c "\"\$0\" info --unlock \$'x\\x1b[2J' </dev/null" "$COFFER"

# ---- signals -----------------------------------------------------------------------------------------------

in_terminal see:Passphrase echo:off key:intr killed:INT echo:on -- "${info[@]}"
in_terminal see:Passphrase echo:off key:quit killed:QUIT echo:on -- "${info[@]}"
for signal in INT TERM HUP ALRM; do
    in_terminal see:Passphrase echo:off "send:$signal" "killed:$signal" echo:on -- "${info[@]}"
done
# Stopped: the shell gets its echo back; continued: asked anew, and what was typed before the stop is gone.
in_terminal see:Passphrase echo:off key:susp stopped: echo:on continue: see:Passphrase echo:off 'type:correct horse' \
    'see:key slots' exit:0 echo:on -- "${info[@]}"
in_terminal see:Passphrase echo:off send:TSTP stopped: echo:on continue: see:Passphrase echo:off key:susp stopped: \
    echo:on continue: see:Passphrase echo:off key:intr killed:INT echo:on -- "${info[@]}"
# kill -STOP cannot be caught; afterwards all is as it was
in_terminal see:Passphrase echo:off send:STOP stopped: continue: 'type:correct horse' 'see:key slots' exit:0 echo:on \
    -- "${info[@]}"
# A signal that is ignored, as under nohup, stays ignored.
in_terminal see:Passphrase echo:off send:HUP 'type:correct horse' 'see:key slots' exit:0 echo:on \
    -- bash -c "trap '' HUP; exec \"\$0\" \"\$@\"" "${info[@]}"

# ---- no terminal -------------------------------------------------------------------------------------------

expect_status 2 "${info[@]}"
expect_error '^coffer: error: there is no terminal to ask for the passphrase on$'
expect_error '^coffer: hint: .*--passphrase-file'
expect_status 2 "${create[@]}" c.coffer
expect_error 'there is no terminal'
[ ! -e c.coffer ] || fail 'a refused create left a file'
# a pipe is not a terminal
type_into() { printf 'correct horse\ncorrect horse\n' | "$@"; }
expect_status 2 type_into "${create[@]}" c.coffer
