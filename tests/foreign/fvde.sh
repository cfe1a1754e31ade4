#!/bin/bash
# SPDX-License-Identifier: ISC
#
# FileVault 2 by libfvde, which shares no code with coffer: it reads what coffer reads in the volume of the collection, and
# then what coffer has written into it.

# shellcheck source=tests/cli/lib.sh
. "$SOURCE_DIR/tests/cli/lib.sh"
# shellcheck source=tests/cli/lib_foreign.sh
. "$SOURCE_DIR/tests/cli/lib_foreign.sh"

need_program fvdemount
need_program fusermount
need_fuse
corpus_file cryptsetup/fvault2-images/small volume || skip 'the collection of volumes is not there'
/usr/bin/python3 "$SOURCE_DIR/tests/foreign/fvault_copies.py" volume
printf heslo123 >pass
mkdir other

compare() { # with what is in `cleartext`
    fvdemount -p heslo123 volume other >log 2>&1 || { cat log; fail 'fvdemount'; }
    at_end fusermount -u -z "$work/other"
    cmp cleartext other/fvde1 || fail 'libfvde reads something else'
    fusermount -u other
}

"$OPENED" volume --passphrase-file pass >cleartext 2>log || { cat log; fail 'it does not open'; }
compare
# Behind the start of the file system: by that libfvde knows that a key is the right one.
head -c 3000001 /dev/urandom >front
head -c 200003 /dev/urandom >back
"$OPENED" volume --write --fill-at 4099 --no-cleartext --passphrase-file pass <front 2>log || { cat log; fail 'writing in front'; }
"$OPENED" volume --write --fill-at 150000001 --passphrase-file pass <back >cleartext 2>log || { cat log; fail 'writing behind'; }
cmp <(tail -c +4100 cleartext | head -c 3000001) front || fail 'it reads something else itself in front'
cmp <(tail -c +150000002 cleartext | head -c 200003) back || fail 'it reads something else itself behind'
compare
