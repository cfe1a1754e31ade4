#!/bin/bash
# SPDX-License-Identifier: ISC
#
# What `create --hidden` says about the end of the outer volume, against what the file systems' own tools say: a hidden
# volume that is called harmless destroys nothing.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/cli/lib_mount.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib_mount.sh"
PATH=$PATH:/usr/sbin:/sbin
need_program mkfs.ext4 dumpe2fs debugfs mkfs.vfat mkfs.exfat

printf 'hidden secret\n' >hidden
mkdir m
make_volume o.coffer --fill --size 70M
size=$(((70 << 20) - 1152 * 1024))

unused() { # IMAGE: what is said about it, as the content of an outer volume
    mount_block o.coffer m
    dd if="$1" of=m/volume bs=1M conv=notrunc status=none
    unmount m
    "$COFFER" create --hidden o.coffer --size 64K --fs none --passphrase-file "$secret" --new-passphrase-file hidden \
        >stdout 2>stderr && fail 'made without being confirmed'
    cp stderr said
    sed -nE 's/^coffer: (notice|warning): .* last .*\(([0-9]+) bytes\).*$/\2/p; s/.* is not known here$/unknown/p' stderr | head -n 1
}

# ---- ext ---------------------------------------------------------------------------------------------------

expect_ext() { # IMAGE: the answer is what dumpe2fs says
    local expected
    dumpe2fs "$1" >dump 2>/dev/null
    expected=$(/usr/bin/python3 - dump $size <<'PYTHON'
import re, sys
text = open(sys.argv[1]).read()
block = int(re.search(r"^Block size: +(\d+)", text, re.M)[1])
count = int(re.search(r"^Block count: +(\d+)", text, re.M)[1])
free = set()
for line in re.findall(r"^  Free blocks: (.*)$", text, re.M):
    for part in filter(None, line.split(", ")):
        first, _, last = part.partition("-")
        free |= set(range(int(first), int(last or first) + 1))
for line in re.findall(r"^  (Backup superblock at .*(?:\n  Reserved GDT blocks at .*)?)$", text, re.M):
    for first, last in re.findall(r"(?:superblock at|descriptors at|blocks at) (\d+)(?:-(\d+))?", line):
        free |= set(range(int(first), int(last or first) + 1))
used = max(set(range(count)) - free)
print((int(sys.argv[2]) - (used + 1) * block) // 4096 * 4096)
PYTHON
    )
    expect_same "$expected" "$(unused "$1")" "$1"
}
head -c 3000000 /dev/urandom >data
make_ext() { # IMAGE OPTION...
    rm -f "$1"
    truncate -s $size "$1"
    mkfs.ext4 -q "${@:2}" "$1"
}
make_ext small.img -b 1024
expect_ext small.img
debugfs -w -R 'write data data' small.img 2>/dev/null
expect_ext small.img
make_ext large.img -b 4096
debugfs -w -R 'write data data' large.img 2>/dev/null
expect_ext large.img
make_ext old.img -b 1024 -O ^64bit,^flex_bg,^metadata_csum,^has_journal
expect_ext old.img
make_ext two.img -b 1024 -O sparse_super2,^resize_inode
expect_ext two.img
make_ext plain.img -b 2048 -O none
expect_ext plain.img
debugfs -w -R 'write data data' plain.img 2>/dev/null
expect_ext plain.img
# a file in the last block
make_ext full.img -b 1024
debugfs -w -R 'setb 70520' full.img 2>/dev/null
expect_ext full.img
grep -q '^coffer: warning: .*would destroy files' said || fail 'no warning about a file at the end'
# what needs its journal replayed is not known
debugfs -w -R 'feature needs_recovery' small.img >/dev/null 2>&1
expect_same unknown "$(unused small.img)" 'a dirty ext4'

# ---- vfat and exfat ----------------------------------------------------------------------------------------

# Marks one cluster as used, and prints how much is unused behind it.
mark() { # vfat|exfat IMAGE CLUSTER
    /usr/bin/python3 - "$@" $size <<'PYTHON'
import struct, sys
kind, path, cluster, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
with open(path, "r+b") as file:
    boot = file.read(512)
    if kind == "vfat":
        sector, per_cluster, reserved, tables, roots = struct.unpack_from("<HBHBH", boot, 11)
        table_size = struct.unpack_from("<H", boot, 22)[0] or struct.unpack_from("<I", boot, 36)[0]
        wide = struct.unpack_from("<H", boot, 22)[0] == 0
        file.seek(reserved * sector + cluster * (4 if wide else 2))
        file.write(b"\xff\xff\xff\x0f" if wide else b"\xff\xff")
        start, step = (reserved + tables * table_size) * sector + roots * 32, per_cluster * sector
    else:
        heap, count, root = struct.unpack_from("<III", boot, 88)
        sector_shift, cluster_shift = boot[108], boot[109]
        start, step = heap << sector_shift, 1 << sector_shift + cluster_shift
        file.seek(start + (root - 2) * step)
        entries = file.read(512)
        bitmap = next(struct.unpack_from("<I", entries, at + 20)[0] for at in range(0, 512, 32) if entries[at] == 0x81)
        at = start + (bitmap - 2) * step + (cluster - 2) // 8
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte | 1 << (cluster - 2) % 8]))
print((size - start - (cluster - 1) * step) // 4096 * 4096)
PYTHON
}
for options in '-F 16' '-F 32 -s 1' '-F 32 -s 1 -S 1024'; do
    rm -f fat.img
    truncate -s $size fat.img
    # shellcheck disable=SC2086 # several words
    mkfs.vfat $options fat.img >/dev/null
    [ "$(unused fat.img)" -gt $((66 << 20)) ] || fail "an empty vfat ($options) is in use"
    expected=$(mark vfat fat.img 4444)
    expect_same "$expected" "$(unused fat.img)" "vfat $options"
done
for cluster in 4K 512 64K; do
    rm -f exfat.img
    truncate -s $size exfat.img
    mkfs.exfat -c $cluster exfat.img >/dev/null
    [ "$(unused exfat.img)" -gt $((60 << 20)) ] || fail "an empty exfat ($cluster) is in use"
    expected=$(mark exfat exfat.img 444)
    expect_same "$expected" "$(unused exfat.img)" "exfat $cluster"
done

# ---- anything else -----------------------------------------------------------------------------------------

head -c 68M /dev/urandom >noise.img
expect_same unknown "$(unused noise.img)" 'noise'
