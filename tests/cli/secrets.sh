#!/bin/bash
# SPDX-License-Identifier: ISC
#
# Secrets from files, descriptors and key files: taken byte for byte or refused, never cut, and never mistaken for a
# missing volume: KEY-1.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

info=("$COFFER" info)
create=("$COFFER" create --size 8M --fs none "${small_kdf[@]}")
make_volume a.coffer

# ---- where a passphrase comes from -------------------------------------------------------------------------

from_stdin() { "$@" <"$secret"; }
from_pipe() { printf 'correct horse\nand more\n' | "$@"; }
from_descriptor() { "$@" 7<"$secret"; }
without_newline() { printf 'correct horse' | "$@"; }
expect_status 0 "${info[@]}" a.coffer --passphrase-file "$secret"
expect_output 'key slots'
expect_status 0 from_stdin "${info[@]}" a.coffer --passphrase-file -
expect_status 0 from_pipe "${info[@]}" a.coffer --passphrase-file -
expect_status 0 without_newline "${info[@]}" a.coffer --passphrase-file -
expect_status 0 from_descriptor "${info[@]}" a.coffer --passphrase-fd 7
expect_status 0 "${info[@]}" a.coffer --passphrase-file <(printf 'correct horse\n')

# What follows the first line is left for whoever reads on.
read_on() { { "${info[@]}" a.coffer --passphrase-file - >/dev/null && cat; } < <(printf 'correct horse\nnext line\n'); }
expect_status 0 read_on
expect_output '^next line$'

expect_status 12 "${info[@]}" a.coffer --passphrase-file "$wrong"
expect_error "^coffer: error: cannot open 'a.coffer': no key slot opens with this secret$"
expect_same 1 "$(grep -c '^coffer: hint: ' stderr)" 'hints'

# ---- refused, not cut --------------------------------------------------------------------------------------

expect_refused() { # PATTERN CONTENT
    printf '%b' "$2" >bad
    expect_status 2 "${info[@]}" a.coffer --passphrase-file bad
    expect_error "$1"
}
expect_refused 'is empty' ''
expect_refused 'is empty' '\nsecond line\n'
expect_refused 'contains a NUL byte' 'correct horse\0\n'
expect_refused 'contains a NUL byte' '\0'
expect_refused 'is longer than 1024 bytes' "$(printf '%01025d' 0)\n"
expect_refused 'is longer than 1024 bytes' "$(printf '%01025d' 0)"
printf '%01024d\n' 0 >long
expect_status 0 "${create[@]}" long.coffer --passphrase-file long
expect_status 0 "${info[@]}" long.coffer --passphrase-file long
printf '%01023d\n' 0 >shorter
expect_status 12 "${info[@]}" long.coffer --passphrase-file shorter
timeout 60 "$COFFER" info a.coffer --passphrase-file /dev/zero >stdout 2>stderr && fail '/dev/zero is a passphrase'
expect_error 'NUL byte'

# CR LF: a hint, and the CR counts.
printf 'correct horse\r\n' >crlf
expect_status 12 "${info[@]}" a.coffer --passphrase-file crlf
expect_error "^coffer: hint: the first line of 'crlf' ends in CR LF"
expect_same 1 "$(grep -c '^coffer: hint: ' stderr)" 'hints'
expect_status 0 "${create[@]}" crlf.coffer --passphrase-file crlf
expect_error 'hint: .*CR LF'
expect_status 0 "${info[@]}" crlf.coffer --passphrase-file crlf
expect_status 12 "${info[@]}" crlf.coffer --passphrase-file "$secret"

# Blanks and bytes that are not UTF-8 are part of it.
printf ' \xff\xfe  \n' >odd
expect_status 0 "${create[@]}" odd.coffer --passphrase-file odd
expect_status 0 "${info[@]}" odd.coffer --passphrase-file odd
printf '\xff\xfe\n' >even
expect_status 12 "${info[@]}" odd.coffer --passphrase-file even

# ---- sources that are not there ----------------------------------------------------------------------------

expect_status 1 "${info[@]}" a.coffer --passphrase-file missing
expect_error "^coffer: error: cannot read the passphrase from 'missing': no such file or directory$"
expect_status 1 "${info[@]}" a.coffer --passphrase-file .
expect_status 1 "${info[@]}" a.coffer --passphrase-fd 9
expect_error 'descriptor 9: bad file descriptor'
without_stdin() { "$@" <&-; }
expect_status 1 without_stdin "${info[@]}" a.coffer --passphrase-file -
expect_error 'standard input: bad file descriptor'
for fd in 0 1 2; do
    expect_status 2 "${info[@]}" a.coffer --passphrase-fd $fd
done
expect_status 1 "${info[@]}" a.coffer --key-file missing
expect_error "^coffer: error: cannot use the key file 'missing': "
chmod 0755 "$work"
install -m 0600 "$secret" private
install -m 0644 a.coffer public.coffer
install -m 0644 a.coffer shared.coffer
install -m 0644 "$secret" shown
if [ "$(id -u)" -eq 0 ]; then
    expect_status 16 as_nobody "${info[@]}" "$work/public.coffer" --passphrase-file "$work/private"
    expect_error 'permission denied'
    expect_status 16 as_nobody "${info[@]}" "$work/public.coffer" --key-file "$work/private"
fi

# ---- key files ---------------------------------------------------------------------------------------------

head -c 100000 /dev/urandom >one
head -c 1 /dev/urandom >two
keys=(--key-file one --key-file two)
expect_status 0 "${create[@]}" keys.coffer "${keys[@]}"
expect_status 0 "${info[@]}" keys.coffer --key-file two --key-file one
expect_status 12 "${info[@]}" keys.coffer --key-file one
expect_status 0 "${info[@]}" keys.coffer --key-file one --key-file - <two
cp two ./-
expect_status 0 "${info[@]}" keys.coffer --key-file one --key-file ./-
expect_status 2 "${info[@]}" keys.coffer --key-file - --passphrase-file - <two
expect_error "takes all of it"
expect_status 12 "${info[@]}" keys.coffer "${keys[@]}" --passphrase-file "$secret"
expect_status 0 "${create[@]}" both.coffer "${keys[@]}" --passphrase-file "$secret"
expect_status 0 "${info[@]}" both.coffer --passphrase-file "$secret" "${keys[@]}"
expect_status 12 "${info[@]}" both.coffer "${keys[@]}"
expect_status 12 "${info[@]}" both.coffer --passphrase-file "$secret"
: >empty
expect_status 2 "${info[@]}" keys.coffer --key-file empty
cp one copy
expect_status 2 "${info[@]}" keys.coffer --key-file one --key-file copy
expect_error "'copy'"

# ---- raw keys ----------------------------------------------------------------------------------------------

head -c 32 /dev/urandom >raw
expect_status 0 "$COFFER" create raw.coffer --size 8M --fs none --raw-key-file raw
expect_status 0 "${info[@]}" raw.coffer --raw-key-file raw
head -c 31 raw >short
expect_status 2 "${info[@]}" raw.coffer --raw-key-file short
expect_error "the raw key in 'short' has less than 32 bytes"
cat raw two >surplus
expect_status 2 "${info[@]}" raw.coffer --raw-key-file surplus
expect_error "the raw key in 'surplus' has more than 32 bytes"
expect_status 2 "${info[@]}" raw.coffer --raw-key-file raw --passphrase-file "$secret"
expect_status 2 "${info[@]}" raw.coffer --raw-key-file raw --key-file one
expect_status 2 "${info[@]}" a.coffer --passphrase-file "$secret" --passphrase-fd 7
expect_error 'a file or a descriptor, not both'

# ---- advice ------------------------------------------------------------------------------------------------

easy='^coffer: warning: the passphrase looks easy to guess; '
printf 'cleft cam synod lacy yr wok\n' >good
expect_status 0 "${create[@]}" easy.coffer --passphrase-file "$secret" --quiet
expect_error "$easy"
expect_status 0 "${create[@]}" good.coffer --passphrase-file good
expect_no_error "$easy"
expect_status 0 "${create[@]}" keyed.coffer --passphrase-file "$secret" --key-file one
expect_no_error "$easy"
expect_status 0 "${info[@]}" easy.coffer --passphrase-file "$secret"
expect_no_error .
expect_status 0 "$COFFER" key add good.coffer --passphrase-file good --new-passphrase-file "$secret"
expect_error "$easy"
expect_status 0 "$COFFER" key change easy.coffer --passphrase-file "$secret" --new-passphrase-file good
expect_no_error "$easy"

# ---- where a secret must not be ----------------------------------------------------------------------------

# Where the system refuses to lock memory, that is said, and the work goes on.
if [ "$(id -u)" -eq 0 ]; then
    expect_status 0 as_nobody prlimit --memlock=0:0 "$COFFER" info "$work/shared.coffer" --passphrase-file "$work/shown"
    expect_error '^coffer: warning: the system refuses to lock memory'
    expect_output 'key slots'
fi

# A key file of any size is read piece by piece, and may be a pipe.
truncate -s 1G large
printf x >>large
in_little_memory() { (ulimit -v 500000 && "$@"); }
make_volume l.coffer
expect_status 0 in_little_memory "$COFFER" key add l.coffer --passphrase-file "$secret" --new-key-file large
expect_status 0 "$COFFER" info l.coffer --key-file <(cat large)
truncate -s -1 large
expect_status 12 "$COFFER" info l.coffer --key-file large
rm large

# Not in a core file, and not for other processes of the same user: the kernel then gives /proc/PID to root.
ordinary=()
if [ "$(id -u)" -eq 0 ]; then
    ordinary=(setpriv --reuid nobody --regid nogroup --clear-groups)
fi
mkfifo -m 0666 pipe
"${ordinary[@]}" "$COFFER" info "$work/public.coffer" --passphrase-file "$work/pipe" >/dev/null 2>&1 &
running=$!
at_end kill "$running"
is_protected() {
    [ "$(stat -c %u "/proc/$running/environ")" -eq 0 ] &&
        grep -q '^Max core file size *0 *0 ' "/proc/$running/limits" && grep -q '^Umask:.0077$' "/proc/$running/status"
}
wait_until is_protected
