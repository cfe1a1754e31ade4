#!/bin/bash
# SPDX-License-Identifier: ISC
#
# DIR/volume of a mounted volume is a medium: whoever writes learns at once that it, or the disk below it, is
# full; it keeps its size; and what fitted is there the next time.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_fuse
mkdir mnt

# Filling it ends at its end, as with a device. A cache that takes everything would let this run for ever.
make_volume full.coffer --size 8M
expect_status 0 "$COFFER" mount --block full.coffer mnt --passphrase-file "$secret"
size=$(stat -c %s mnt/volume)
expect_status 1 dd if=/dev/zero of=mnt/volume bs=1M conv=notrunc
expect_error 'No space left on device'
expect_same "$size" "$(stat -c %s mnt/volume)" 'size after writing past the end'
expect_status 1 dd if=/dev/zero of=mnt/volume bs=1M count=1
expect_error 'Operation not permitted' # O_TRUNC would destroy it all
expect_same "$size" "$(stat -c %s mnt/volume)" 'size after O_TRUNC'
expect_status 0 "$COFFER" unmount mnt

# A thin volume on a disk that is too small for it.
[ "$(id -u)" -eq 0 ] || exit 0
mkdir small
mount -t tmpfs -o size=6M none small 2>/dev/null || exit 0
make_volume small/thin.coffer --size 64M
expect_status 0 "$COFFER" mount --block small/thin.coffer mnt --passphrase-file "$secret"
printf 'kept' | dd of=mnt/volume conv=notrunc,fsync status=none
expect_status 1 dd if=/dev/urandom of=mnt/volume bs=64k seek=16 conv=notrunc
expect_error 'No space left on device'
expect_same kept "$(head -c 4 mnt/volume)" 'what was written before'
"$COFFER" unmount mnt 2>"$work/stderr" || true # it may say once more that something could not be written
expect_status 0 "$COFFER" mount --block small/thin.coffer mnt --passphrase-file "$secret"
expect_same kept "$(head -c 4 mnt/volume)" 'what was written, after mounting again'
expect_status 0 "$COFFER" unmount mnt
