#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Edits a disk image of QEMU of version 2 or 3 as somebody would who wants to do harm.

edit_qcow.py FILE STATEMENT: Python, with `it`, the image: put(offset, bytes, value) in its header or anywhere, l1(i) and l2(i, k),
where in the file an entry is, get(offset), an entry, and extension(kind), where the data of one is. Numbers are big-endian.
"""
import sys


class Image:
    def __init__(self, data):
        self.data = data
        self.cluster = 1 << self.number(20, 4)

    def number(self, offset, size):
        return int.from_bytes(self.data[offset:offset + size], "big")

    def put(self, offset, size, value):
        self.data[offset:offset + size] = value.to_bytes(size, "big")

    def get(self, offset):
        return self.number(offset, 8)

    def l1(self, i):
        return self.number(40, 8) + 8 * i

    def l2(self, i, k):
        return (self.get(self.l1(i)) & 0x00FFFFFFFFFFFE00) + 8 * k

    def extension(self, kind):
        at = self.number(100, 4) if self.number(4, 4) == 3 else 72
        while self.number(at, 4) != kind:
            at += 8 + (self.number(at + 4, 4) + 7) // 8 * 8
        return at + 8


def main():
    path, statement = sys.argv[1:]
    with open(path, "rb") as file:
        it = Image(bytearray(file.read()))
    exec(statement, {"it": it})  # pylint: disable=exec-used
    with open(path, "wb") as file:
        file.write(it.data)


if __name__ == "__main__":
    main()
