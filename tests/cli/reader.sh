#!/bin/bash
# SPDX-License-Identifier: ISC
#
# spec/reader.py, which was written from spec/volume.md alone, and the program against each other: volumes of every
# kind, made by one, written through the block file, and read by both; damaged ones; and what the reader owes to those
# who run it: holes, statuses, one line of error, and no write.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

/usr/bin/python3 -c 'import nacl, cryptography' 2>/dev/null || skip 'python3-nacl or python3-cryptography is missing'
reader=(/usr/bin/python3 "$SOURCE_DIR/spec/reader.py")
cleartext=$BUILD_DIR/tests/cleartext # libcoffer without a mount
without_fuse=$( (need_fuse)) && without_fuse=

head -c 32 /dev/urandom >raw
head -c 100000 /dev/urandom >key-a
printf x >key-b
cat key-a >key-a-again
mkdir m

# ---- each kind: what the mount shows is what the reader prints ---------------------------------------------

write_data() { # FILE: aligned and not, at the start, inside, at the end; and zeros that are written
    /usr/bin/python3 - "$1" <<'PYTHON'
import os, sys
file = os.open(sys.argv[1], os.O_RDWR)
size = os.lseek(file, 0, os.SEEK_END)
for at, data in ((0, os.urandom(131072)), (300001, os.urandom(1000)), (1 << 20, bytes(65536)),
                 (size - 700, os.urandom(700)), (4096 * 50, bytes(512)), (4096 * 50 + 512, os.urandom(512))):
    assert os.pwrite(file, data, at) == len(data)
os.close(file)
PYTHON
}

unmount_block() {
    expect_status 0 "$COFFER" unmount m
}

compare() { # VOLUME OPTION...: written and read where something can be mounted, else as it was made
    local volume=$1
    shift
    if [ -n "$without_fuse" ]; then
        expect_status 0 "$cleartext" "$volume" "$@"
        "${reader[@]}" "$volume" "$@" >plain || fail "$volume: the reader refuses it"
        cmp plain stdout || fail "$volume: the reader prints something else than libcoffer"
        return
    fi
    expect_status 0 "$COFFER" mount --block "$volume" m "$@"
    write_data m/volume
    case $volume in thin*) fallocate --punch-hole --offset 8192 --length 20580 m/volume ;; esac
    expect_status 11 "${reader[@]}" "$volume" "$@" # [OPEN-1]
    expect_error "^reader.py: '$volume': in-use: "
    unmount_block
    expect_status 0 "$COFFER" mount --block --read-only "$volume" m "$@"
    "${reader[@]}" "$volume" "$@" >plain || fail "$volume: the reader refuses it" # two readers share it
    cmp plain m/volume || fail "$volume: the reader prints something else than the mount shows"
    unmount_block
}

kind() { # NAME 'OPTION OF CREATE...' 'SECRET...' 'THE SAME SECRET IN ANOTHER WAY...'
    local create secret_made secret_given
    read -ra create <<<"$2"
    read -ra secret_made <<<"$3"
    read -ra secret_given <<<"$4"
    expect_status 0 "$COFFER" create "$1" --quiet --size 4M --fs none "${create[@]}" "${secret_made[@]}"
    compare "$1" "${secret_given[@]}"
}

small=${small_kdf[*]}
by_passphrase="--passphrase-file $secret"
level0="--kdf-level 0 $by_passphrase" level1="--kdf-level 1 $by_passphrase"
kind thin "$small" "$by_passphrase" "$by_passphrase"
kind thin-512 "--sector-size 512 $small" "$by_passphrase" "$by_passphrase"
kind thick "--thick $small" "$by_passphrase" "$by_passphrase"
kind thick-512 "--thick --sector-size 512 $small" "$by_passphrase" "$by_passphrase"
kind filled "--fill $small" "$by_passphrase" "$by_passphrase"
kind unmarked-0 --unmarked "$level0" "$level0"
kind unmarked-1 "--unmarked --sector-size 512" "$level1" "$level1"
kind key-files "$small" '--key-file key-a --key-file key-b' '--key-file key-b --key-file key-a-again'
kind both "$small" "--key-file key-b $by_passphrase --key-file key-a" \
    "$by_passphrase --key-file key-a --key-file key-b"
kind raw-key "$small" '--raw-key-file raw' '--raw-key-file raw'
kind unmarked-raw-key --unmarked '--kdf-level 0 --raw-key-file raw' '--raw-key-file raw' # [LADDER-3]

# ---- the same verdict --------------------------------------------------------------------------------------

agree() { # STATUS VERDICT VOLUME OPTION...
    local status=$1 verdict=$2
    shift 2
    expect_status "$status" "$COFFER" info "$@"
    expect_status "$status" "${reader[@]}" "$@"
    [ "$status" -ne 0 ] || return 0
    expect_error "^reader.py: '$1': $verdict: "
    [ ! -s "$work/stdout" ] || fail "$1: cleartext of what is refused"
    expect_same 1 "$(wc -l <"$work/stderr")" "$1: lines of error"
}

same_as_before() { # VOLUME: it opens for both, with the cleartext of thin
    agree 0 ok "$1" --passphrase-file "$secret"
    cmp "$work/stdout" thin.plain || fail "$1: the reader prints something else"
    expect_status 0 "$cleartext" "$1" --passphrase-file "$secret"
    cmp "$work/stdout" thin.plain || fail "$1: libcoffer reads something else"
}

"${reader[@]}" thin --passphrase-file "$secret" >thin.plain
sha256sum thin >before
for kind in thin thick filled both raw-key; do
    agree 12 wrong-secret "$kind" --passphrase-file "$wrong"
done
agree 12 wrong-secret unmarked-0 --passphrase-file "$wrong" --kdf-level 0
agree 12 wrong-secret unmarked-0 --passphrase-file "$secret" --kdf-level 1
agree 12 wrong-secret both --passphrase-file "$secret" --key-file key-a
agree 12 wrong-secret thin --raw-key-file raw
head -c 300 key-a >tiny # old TrueCrypt volumes can be small, but not that small
agree 10 not-a-volume tiny --passphrase-file "$secret"
agree 10 not-a-volume . --passphrase-file "$secret"

tail_at=$(($(stat -c %s thin) - 131072))

damage() { # [OFFSET BYTES SOURCE]...: makes `damaged`, which is thin but for that
    cp --sparse=always thin damaged
    while [ $# -gt 0 ]; do
        head -c "$2" "$3" | dd of=damaged bs=4096 seek="$1" oflag=seek_bytes conv=notrunc status=none
        shift 3
    done
}

damage 0 65536 /dev/zero # the front is lost
same_as_before damaged
damage "$tail_at" 131072 /dev/urandom # the tail
same_as_before damaged
damage 128 1920 /dev/urandom # no slot of the front opens
same_as_before damaged
damage 2100 100 /dev/urandom # the front's body
same_as_before damaged
damage $((tail_at + 2100)) 100 /dev/urandom # the tail's
same_as_before damaged
damage
truncate -s +1M damaged # [LAYOUT-6]
same_as_before damaged
truncate -s +1000 damaged
same_as_before damaged
damage 200 16 /dev/urandom # in slot 0; and the tail's cells cannot be found
truncate -s +1M damaged
agree 13 damaged damaged --passphrase-file "$secret"
damage 2100 100 /dev/urandom $((tail_at + 2100)) 100 /dev/urandom
agree 13 damaged damaged --passphrase-file "$secret"
damage 0 65536 /dev/zero "$tail_at" 65536 /dev/zero # nothing shows that it was marked
agree 12 wrong-secret damaged --passphrase-file "$secret" --kdf-level 0
damage
truncate -s -4096 damaged
agree 13 damaged damaged --passphrase-file "$secret"
truncate -s 4095 damaged
agree 10 not-a-volume damaged --passphrase-file "$secret" --kdf-level 0
printf '\002' >two
damage 8 1 two $((tail_at + 8)) 1 two
agree 14 too-new damaged --passphrase-file "$secret"

# ---- a reader that one can rely on -------------------------------------------------------------------------

expect_status 0 "$COFFER" create large --quiet --size 4G --fs none "${small_kdf[@]}" --passphrase-file "$secret"
"${reader[@]}" large --passphrase-file "$secret" >plain
expect_same $((4 * 1024 * 1024 * 1024 - 1024 * 1024 - 131072)) "$(stat -c %s plain)" 'size of the cleartext'
[ "$(stat -c %b plain)" -lt 2048 ] || fail 'the cleartext of an empty thin volume takes up space'
rm large plain

# In a file with a content of its own, behind one, and in a pipe there are no holes.
head -c 8M /dev/urandom >plain
"${reader[@]}" thin --passphrase-file "$secret" 1<>plain
head -c "$(stat -c %s thin.plain)" plain | cmp - thin.plain || fail 'what was there shows through'
expect_same 8388608 "$(stat -c %s plain)" 'size of a file that was longer'
printf head >plain
"${reader[@]}" thin --passphrase-file "$secret" >>plain
tail -c +5 plain | cmp - thin.plain || fail 'appended, it is something else'
"${reader[@]}" thin --passphrase-file "$secret" | cmp - thin.plain || fail 'through a pipe, it is something else'
"${reader[@]}" thin --passphrase-file - <"$secret" | cmp - thin.plain || fail 'the passphrase on standard input'

status=0
"${reader[@]}" thin --passphrase-file "$secret" >/dev/full 2>stderr || status=$?
expect_same 1 "$status" 'status where standard output is full'
expect_status 1 "${reader[@]}" thin --passphrase-file missing
expect_status 2 "${reader[@]}" thin
expect_status 2 "${reader[@]}" thin --raw-key-file raw --passphrase-file "$secret"
expect_status 2 "${reader[@]}" thin --raw-key-file key-b
expect_status 2 "${reader[@]}" thin --key-file key-a --key-file key-a-again # [KEY-3]
: >empty
expect_status 2 "${reader[@]}" thin --key-file empty                            # [KEY-2]
expect_status 2 "${reader[@]}" thin --key-file key-a --passphrase-file empty    # [KEY-4]
expect_status 2 "$COFFER" info thin --key-file key-a --passphrase-file empty
status=0
"${reader[@]}" thin --passphrase-file "$secret" 1<>thin 2>stderr || status=$?
expect_same 2 "$status" 'status where standard output is the volume'
expect_status 16 /usr/bin/python3 -S "$SOURCE_DIR/spec/reader.py" thin --passphrase-file "$secret"
expect_error 'python3-nacl python3-cryptography'
sha256sum --quiet --check before || fail 'the reader has written to the volume'

[ -z "$without_fuse" ] || skip "data written through a mount: $without_fuse"
