#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Makes a VeraCrypt or TrueCrypt volume (AES-XTS, passphrase 'correct horse', VeraCrypt with SHA-256 and PIM 1), or
prints its cleartext. Python's cryptography and, for a PIM under Argon2id, argon2: no code is shared with coffer.

    make_tcrypt.py make FILE [--kind veracrypt|truecrypt] [--size BYTES] [--content FILE] [--version N]
                             [--hidden-size BYTES] [--other-backup] [--data-size BYTES] [--flags N] [--argon2id PIM]
    make_tcrypt.py make_bare FILE [--kind ...] [--argon2id PIM]
    make_tcrypt.py read FILE [--kind ...] [--backup]
"""
import argparse
import hashlib
import os
import struct
import sys
import zlib

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

# magic, header version, hash, rounds
KINDS = {"truecrypt": (b"TRUE", 4, "sha512", 1000), "veracrypt": (b"VERA", 5, "sha256", 16000)}
END = 131072  # bytes at each end that are not data
HIDDEN = 65536  # where the header of a hidden volume is


def xts(key, number):
    return Cipher(algorithms.AES(key), modes.XTS(struct.pack("<QQ", number, 0)))


def argon2id(pim, salt, passphrase):
    import argon2.low_level

    memory, passes = (64 + (pim - 1) * 32, 3 + (pim - 1) // 3) if pim <= 31 else (1024, 13 + pim - 31)
    return argon2.low_level.hash_secret_raw(
        passphrase, salt, passes, memory * 1024, 1, 192, argon2.low_level.Type.ID
    )[:64]


def derive(kind, pim, salt, passphrase=b"correct horse"):
    if pim:
        return argon2id(pim, salt, passphrase)
    return hashlib.pbkdf2_hmac(KINDS[kind][2], passphrase, salt, KINDS[kind][3], 64)


def header(options, keys, start, size, hidden_size=0, passphrase=b"correct horse"):
    kind = KINDS[options.kind]
    body = bytearray(448)
    body[0:8] = kind[0] + struct.pack(">HH", options.version or kind[1], 0x0B07)
    body[28:36] = struct.pack(">Q", hidden_size)
    body[36:68] = struct.pack(">QQQII", size, start, size, options.flags, 512)
    body[192:256] = keys
    body[8:12] = struct.pack(">I", zlib.crc32(body[192:448]))
    body[188:192] = struct.pack(">I", zlib.crc32(body[0:188]))
    salt = os.urandom(64)
    return salt + xts(derive(options.kind, options.argon2id, salt, passphrase), 0).encryptor().update(bytes(body))


def put(volume, keys, start, content):
    content += bytes(-len(content) % 512)
    for at in range(0, len(content), 512):
        sector = xts(keys, (start + at) // 512).encryptor().update(content[at : at + 512])
        volume[start + at : start + at + 512] = sector


def make(options):
    size = options.data_size or options.size - 2 * END
    keys = os.urandom(64)
    volume = bytearray(os.urandom(options.size))
    volume[0:512] = header(options, keys, END, size)
    backup = os.urandom(64) if options.other_backup else keys
    volume[options.size - END : options.size - END + 512] = header(options, backup, END, size)
    content = open(options.content, "rb").read() if options.content else b""
    put(volume, keys, END, content.ljust(size, b"\0") if options.content else b"")
    if options.hidden_size:
        hidden, start = os.urandom(64), options.size - END - options.hidden_size
        place = options.size - HIDDEN
        for at in (HIDDEN, place):
            volume[at : at + 512] = header(
                options, hidden, start, options.hidden_size, options.hidden_size, b"battery staple"
            )
        put(volume, hidden, start, b"the hidden volume".ljust(options.hidden_size, b"\0"))
    open(options.file, "wb").write(volume)


def make_bare(options):
    """So small that a header can be nowhere else: looking for it costs one derivation."""
    with open(options.file, "wb") as volume:
        volume.write(header(options, os.urandom(64), 512, 16384) + os.urandom(16384))


def read(options):
    volume = open(options.file, "rb").read()
    place = len(volume) - END if options.backup else 0
    key = derive(options.kind, options.argon2id, volume[place : place + 64])
    plain = xts(key, 0).decryptor().update(volume[place + 64 : place + 512])
    if plain[:4] != KINDS[options.kind][0] or zlib.crc32(plain[:188]) != struct.unpack_from(">I", plain, 188)[0]:
        sys.exit("no header opens")
    start, size = struct.unpack_from(">QQ", plain, 44)
    for at in range(start, start + size, 512):
        sys.stdout.buffer.write(xts(plain[192:256], at // 512).decryptor().update(volume[at : at + 512]))


parser = argparse.ArgumentParser()
parser.add_argument("action", choices=["make", "make_bare", "read"])
parser.add_argument("file")
parser.add_argument("--kind", choices=KINDS, default="veracrypt")
parser.add_argument("--size", type=int, default=1 << 20)
parser.add_argument("--data-size", type=int, default=0)
parser.add_argument("--content")
parser.add_argument("--version", type=int, default=0)
parser.add_argument("--flags", type=int, default=0)
parser.add_argument("--argon2id", type=int, default=0, metavar="PIM")
parser.add_argument("--hidden-size", type=int, default=0)
parser.add_argument("--other-backup", action="store_true")
parser.add_argument("--backup", action="store_true")
arguments = parser.parse_args()
{"make": make, "make_bare": make_bare, "read": read}[arguments.action](arguments)
