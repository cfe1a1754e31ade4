#!/bin/bash
# SPDX-License-Identifier: ISC
#
# unmarked.sh - an unmarked volume is noise to everybody without its secret: promises P6 and P26 of spec/threats.md,
# [UNMARKED-1], [UNMARKED-2]; and so it is with a hidden volume in it ([LAYOUT-4]). Nobody keeps in mind that it opened
# ([UNMARKED-3]).

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need_program file blkid

# Every region of the format alone, so that a small one with a pattern does not drown in a large one. 255 degrees of
# freedom: noise stays below 500 but once in 10^15 times.
expect_noise() { # IMAGE
    /usr/bin/python3 - "$1" <<'PYTHON' || fail "$1 is not noise"
import sys
image = open(sys.argv[1], "rb").read()
end = len(image) // 4096 * 4096 - 0x20000
bounds = [0, 0x80, 0x800, 0x1000, 0x1800, 0x2000, 0x10000, 0x100000, end, end + 0x800, end + 0x1000, end + 0x1800,
          end + 0x2000, len(image)]
for first, last in zip(bounds, bounds[1:]):
    region = image[first:last]
    if len(region) >= 2048:
        expected = len(region) / 256
        chi_square = sum((region.count(byte) - expected) ** 2 / expected for byte in range(256))
        if chi_square > 500:
            sys.exit(f"{first:#x} to {last:#x}: chi-square {chi_square:.0f}")
        for bit in range(8): # ones are half of them, within seven standard deviations
            ones = sum(byte >> bit & 1 for byte in region)
            if abs(2 * ones - len(region)) > 7 * len(region) ** 0.5:
                sys.exit(f"{first:#x} to {last:#x}: bit {bit} is set in {ones} of {len(region)} bytes")
    elif len(set(region)) < 64:
        sys.exit(f"{first:#x} to {last:#x}: {len(set(region))} different bytes")
pieces = [image[at:at + 16] for at in range(0, len(image) - 15, 16)]
if len(set(pieces)) != len(pieces):
    sys.exit("16 bytes are there twice")
PYTHON
}

is_unknown() { # IMAGE
    [ "$(file -b "$1")" = data ] && ! /usr/sbin/blkid -p "$1" >/dev/null
}

expect_unknown() { # IMAGE: to the programs that name files
    expect_same "$1: data" "$(file "$1")" 'file(1)'
    expect_status 2 /usr/sbin/blkid -p "$1"
    [ ! -s stdout ] || fail "blkid(8) knows $1"
}

create=("$COFFER" create --quiet --unmarked --kdf-level 0 --fs none --passphrase-file "$secret")
"${create[@]}" a.img --size 4M 2>/dev/null
# A few programs' magic is a byte or two: they take one random file in twenty for their own, and so must it be with
# volumes.
for ((i = 0; i < 10; i++)); do
    ! is_unknown a.img || break
    rm a.img
    "${create[@]}" a.img --size 4M 2>/dev/null
done
expect_noise a.img
expect_unknown a.img
expect_same 4194304 "$(stat -c %s a.img)" 'size of the file'
[ "$(($(stat -c %b a.img) * 512))" -ge 4194304 ] || fail 'an unmarked volume has holes'

# A hidden volume, and updates of either header: still noise, and outside of what the hidden volume was given not
# a byte more has changed than without one.
printf 'hidden secret\n' >hidden
cp a.img c.img
expect_status 0 "$COFFER" create --hidden c.img --size 1M --fs none --kdf-level 0 --confirm c.img \
    --passphrase-file "$secret" --new-passphrase-file hidden
expect_noise c.img
expect_unknown c.img
/usr/bin/python3 - a.img c.img <<'PYTHON' || fail 'a hidden volume shows outside of its place'
import sys
before, after = (open(path, "rb").read() for path in sys.argv[1:])
changed = {at // 4096 for at in range(0, len(before), 4096) if before[at:at + 4096] != after[at:at + 4096]}
end = len(before) // 4096
# the second block of each header, which is noise without a hidden volume, and nothing of the data
sys.exit(changed != {1, end - 32 + 1})
PYTHON
expect_status 0 "$COFFER" key add c.img --kdf-level 0 --passphrase-file hidden --new-passphrase-file "$wrong"
expect_status 0 "$COFFER" key add c.img --kdf-level 0 --passphrase-file "$secret" --new-key-file a.img
expect_status 0 "$COFFER" key remove c.img --kdf-level 0 --passphrase-file hidden --slot 1
expect_noise c.img
expect_same "$(stat -c '%s %b' a.img)" "$(stat -c '%s %b' c.img)" 'size and blocks with a hidden volume'

# A second one with the same secret has nothing in common with it.
"${create[@]}" b.img --size 4M 2>/dev/null
/usr/bin/python3 - a.img b.img <<'PYTHON' || fail 'two volumes share bytes'
import sys
images = [open(path, "rb").read() for path in sys.argv[1:]]
seen = [{image[at:at + 16] for at in range(0, len(image), 16)} for image in images]
sys.exit(1 if seen[0] & seen[1] else 0)
PYTHON

# One answer for a wrong secret, whatever the file is; none at all without a secret.
head -c 4194304 /dev/urandom >noise.img
head -c 4194304 /dev/zero >zeros.img
answer() { # to the last command, with the same name for every file
    sed "s/$1/IMAGE/g" stderr
}
for image in a.img noise.img zeros.img; do
    expect_status 12 "$COFFER" info "$image" --kdf-level 0 --passphrase-file "$wrong"
    answer "$image" >"secret-$image"
    expect_status 10 "$COFFER" info "$image"
    answer "$image" >"public-$image"
done
for image in noise.img zeros.img; do
    cmp -s secret-a.img "secret-$image" || fail "with a wrong secret, $image gets another answer than a volume"
    cmp -s public-a.img "public-$image" || fail "without a secret, $image gets another answer than a volume"
done
expect_status 0 "$COFFER" info a.img --kdf-level 0 --passphrase-file "$secret"

# Whoever opened it is not remembered: in no place that programs keep things in.
mkdir -m 0700 home temporary
keep=(env -u XDG_STATE_HOME -u XDG_CACHE_HOME -u XDG_CONFIG_HOME -u XDG_DATA_HOME
    HOME="$work/home" XDG_RUNTIME_DIR="$work/temporary" TMPDIR="$work/temporary")
expect_status 0 "${keep[@]}" "$COFFER" info a.img --kdf-level 0 --passphrase-file "$secret"
expect_status 0 "${keep[@]}" "$COFFER" check a.img --kdf-level 0 --passphrase-file "$secret"
if { : <>/dev/fuse; } 2>/dev/null; then
    mkdir m
    expect_status 0 "${keep[@]}" "$COFFER" mount --block a.img m --kdf-level 0 --passphrase-file "$secret"
    expect_status 0 "${keep[@]}" "$COFFER" unmount m
fi
expect_same '' "$(find home temporary -mindepth 1 ! -type d; find home -mindepth 1)" 'what is kept of an unmarked volume'
