#!/bin/bash
# SPDX-License-Identifier: ISC
#
# fio writes blocks of many sizes at random places, through the cache and past it, several at once, and reads
# each back with its checksum.

# shellcheck source=tests/fuse/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need fio
skip_without_fuse

for options in '' -w -k; do
    serve ${options:+"$options"} "$work/backing" 32M "$work/mnt"
    for direct in 0 1; do
        unaligned=$((1 - direct)) # fio's own rule
        for engine in psync libaio; do
            fio --name=verify --directory="$work" --filename="$work/mnt/volume" --size=8M --numjobs=4 \
                --offset_increment=8M --rw=randwrite --bsrange=512-64k --bs_unaligned="$unaligned" --direct="$direct" \
                --ioengine="$engine" --iodepth=8 --verify=crc32c --verify_fatal=1 --do_verify=1 --end_fsync=1 \
                --minimal >"$work/fio" 2>&1 || fail "fio $options direct=$direct $engine: $(cut -c -500 "$work/fio")"
        done
    done
    stop
done
