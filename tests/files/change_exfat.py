#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""change_exfat.py IMAGE CHANGE - changes an exFAT image as no program here would.

large: the file 'file' of the root gets 5 GiB, of which 4 GiB and 1000 bytes were written; then comes something else.
revision, texfat, strange-root, upcase: see exfat.sh. vendor: the file 'file' of the root gets two entries of a vendor,
one of them with a cluster of its own. has-vendor and no-vendor only look: whether a file has them, and whether
neither a file has them nor the cluster is in use. critical: the only file in the directory 'dir' gets an entry that
nobody may ignore who does not know it. no-brand: no file says any more that its name is new."""

import struct
import sys

SLOT = 32
VENDOR = bytes.fromhex("00112233445566778899aabbccddeeff")


class Volume:
    def __init__(self, data):
        self.data = data
        self.behind = (len(data), b"")  # what lies far from all else
        self.shift = data[108]
        self.cluster = 1 << (data[108] + data[109])
        self.heap, self.count, self.root = struct.unpack_from("<III", data, 88)
        self.heap <<= self.shift
        self.table = struct.unpack_from("<I", data, 80)[0] << self.shift

    def at(self, cluster):
        return self.heap + (cluster - 2) * self.cluster

    def sign_boot(self):
        size = 1 << self.shift
        for region in (0, 12 * size):
            total = 0
            for i in range(11 * size):
                if i not in (106, 107, 112):
                    total = ((total << 31 | total >> 1) + self.data[region + i]) & 0xFFFFFFFF
            self.data[region + 11 * size : region + 12 * size] = struct.pack("<I", total) * (size // 4)

    def slots(self, cluster):
        for offset in range(self.at(cluster), self.at(cluster) + self.cluster, SLOT):
            yield offset

    def find(self, kind):
        return next(offset for offset in self.slots(self.root) if self.data[offset] == kind)

    def end(self):
        return next(offset for offset in self.slots(self.root) if self.data[offset] == 0)

    def sign_set(self, offset):
        count = self.data[offset + 1] + 1
        total = 0
        for i in range(count * SLOT):
            if i not in (2, 3):
                total = ((total << 15 | total >> 1) + self.data[offset + i]) & 0xFFFF
        struct.pack_into("<H", self.data, offset + 2, total)

    def bitmap_byte(self, cluster):
        return self.at(struct.unpack_from("<I", self.data, self.find(0x81) + 20)[0]) + (cluster - 2) // 8

    def set_used(self, cluster):
        self.data[self.bitmap_byte(cluster)] |= 1 << (cluster - 2) % 8

    def is_used(self, cluster):
        return self.data[self.bitmap_byte(cluster)] >> (cluster - 2) % 8 & 1


def file_named(volume, name):
    wanted = name.encode("utf-16-le")
    for offset in volume.slots(volume.root):
        if volume.data[offset] == 0x85 and volume.data[offset + 2 * SLOT + 2 :][: len(wanted)] == wanted:
            return offset
    raise SystemExit("no such file")


def add_vendor(volume):
    offset = file_named(volume, "file")
    old = bytes(volume.data[offset : offset + 3 * SLOT])
    for i in range(3):
        volume.data[offset + i * SLOT] &= 0x7F
    cluster = volume.count + 1  # the last one
    volume.set_used(cluster)
    extra = b"\xe0\x00" + VENDOR + bytes(14)
    owner = b"\xe1\x03" + VENDOR + bytes(2) + struct.pack("<IQ", cluster, 100)
    new = volume.end()
    volume.data[new : new + 5 * SLOT] = old + extra + owner
    volume.data[new + 1] = 4
    volume.sign_set(new)


def add_critical(volume):
    cluster = struct.unpack_from("<I", volume.data, file_named(volume, "dir") + SLOT + 20)[0]
    offset = volume.at(cluster)
    volume.data[offset + 3 * SLOT : offset + 4 * SLOT] = b"\xc5" + bytes(SLOT - 1)
    volume.data[offset + 1] = 3
    volume.sign_set(offset)


def enlarge(volume):
    offset = file_named(volume, "file")
    first, written, size = 1000, (4 << 30) + 1000, 5 << 30
    for cluster in range(first, first + size // volume.cluster):
        volume.set_used(cluster)
    volume.data[offset + SLOT + 1] = 3
    struct.pack_into("<Q", volume.data, offset + SLOT + 8, written)
    struct.pack_into("<IQ", volume.data, offset + SLOT + 20, first, size)
    volume.sign_set(offset)
    volume.behind = (volume.at(first) + written, b"x" * 500000)


def has_vendor(volume):
    kinds = set()
    at = volume.data.find(VENDOR)
    while at >= 0:
        kinds.add(volume.data[at - 2])
        at = volume.data.find(VENDOR, at + 1)
    return {0xE0, 0xE1} <= kinds and bool(volume.is_used(volume.count + 1))


def has_nothing(volume):
    return not has_vendor(volume) and not volume.is_used(volume.count + 1)


def has_no_brand(volume):
    at = volume.data.find(b"rename")
    while at >= 0:
        if at % SLOT == 25 and volume.data[at - 25] == 0x85:
            return False
        at = volume.data.find(b"rename", at + 1)
    return True


LOOKS = {"has-vendor": has_vendor, "no-vendor": has_nothing, "no-brand": has_no_brand}


def change(volume, what):
    if what == "revision":
        volume.data[105] = volume.data[(12 << volume.shift) + 105] = 2
    elif what == "texfat":
        volume.data[110] = volume.data[(12 << volume.shift) + 110] = 2
    elif what == "strange-root":
        volume.data[volume.end()] = 0x8A
    elif what == "upcase":
        volume.data[volume.at(struct.unpack_from("<I", volume.data, volume.find(0x82) + 20)[0]) + 9] ^= 1
    elif what == "vendor":
        add_vendor(volume)
    elif what == "critical":
        add_critical(volume)
    elif what == "large":
        enlarge(volume)
    volume.sign_boot()


def main():
    with open(sys.argv[1], "r+b") as file:
        volume = Volume(bytearray(file.read(48 << 20)))
        if sys.argv[2] in LOOKS:
            return not LOOKS[sys.argv[2]](volume)
        change(volume, sys.argv[2])
        file.seek(0)
        file.write(volume.data)
        file.seek(volume.behind[0])
        file.write(volume.behind[1])
    return False


sys.exit(main())
