#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Gives a FileVault 2 volume whose metadata are there once the other copies back: fvault_copies.py FILE

The volume of the collection was cut down to what one reader wants: one label of four, and one copy of the encrypted metadata
without the place of the other. Others read all of them.
"""
import struct
import sys


def main():
    with open(sys.argv[1], "r+b") as file:
        block, label_size, *labels = struct.unpack_from("<II4Q", file.read(512), 96)
        file.seek(labels[0] * block)
        label = bytearray(file.read(label_size).rstrip(b"\0"))
        at = struct.unpack_from("<I", label, 220)[0]
        label += bytes(at + 48 - len(label))
        count, first = struct.unpack_from("<Q16xQ", label, at + 8)
        second = first + count
        struct.pack_into("<Q", label, at + 40, second)
        file.seek(first * block)
        metadata = file.read(count * block).rstrip(b"\0")
        for place in labels:
            file.seek(place * block)
            file.write(label)
        file.seek(second * block)
        file.write(metadata)


if __name__ == "__main__":
    main()
