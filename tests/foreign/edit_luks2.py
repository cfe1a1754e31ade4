#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Changes the JSON of a LUKS2 header, in both copies, with right checksums: edit_luks2.py FILE STATEMENTS, `it` being
the document."""
import hashlib
import json
import sys

BINARY, CHECKSUM, CHECKSUM_SIZE = 4096, 448, 64

with open(sys.argv[1], "r+b") as file:
    size = int.from_bytes(file.read(16)[8:16], "big")
    for offset in (0, size):
        file.seek(offset)
        header = bytearray(file.read(size))
        it = json.loads(header[BINARY:].split(b"\0", 1)[0])
        exec(" ".join(sys.argv[2].split()), {"it": it})  # pylint: disable=exec-used
        text = json.dumps(it, separators=(",", ":")).encode()
        header[BINARY:] = text.ljust(size - BINARY, b"\0")
        header[CHECKSUM:CHECKSUM + CHECKSUM_SIZE] = bytes(CHECKSUM_SIZE)
        digest = hashlib.sha256(header).digest()
        header[CHECKSUM:CHECKSUM + len(digest)] = digest
        file.seek(offset)
        file.write(header)
