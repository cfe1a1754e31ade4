#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Encrypts and decrypts the sectors of a volume, on OpenSSL: what tests compare with.

sectors.py write CIPHER KEY SECTOR OFFSET FILE          fills the data area with known bytes, prints their digest
sectors.py read CIPHER KEY SECTOR OFFSET FILE TWEAK SIZE   writes cleartext to stdout

CIPHER is aes-xts-plain64, one of aes, camellia and cast5 with cbc-plain64 or cbc-essiv:sha256, or aes:64-cbc-lmk, loop-AES's,
with 64 or 65 keys; KEY is hexadecimal; IVs count 512-byte units.
"""
import hashlib
import math
import os
import struct
import sys

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


def engine(cipher, key, tweak):
    iv = tweak.to_bytes(16, "little")
    if cipher == "aes-xts-plain64":
        return Cipher(algorithms.AES(key), modes.XTS(iv))
    name, mode = cipher.split("-", 1)
    algorithm = {"aes": algorithms.AES, "camellia": algorithms.Camellia, "cast5": algorithms.CAST5}[name]
    if mode == "cbc-essiv:sha256":
        salt = Cipher(algorithm(hashlib.sha256(key).digest()), modes.ECB()).encryptor()
        iv = salt.update(iv) + salt.finalize()
    elif mode != "cbc-plain64":
        sys.exit(f"unknown cipher {cipher}")
    return Cipher(algorithm(key), modes.CBC(iv[:algorithm.block_size // 8]))


def md5_block(state, block):
    """One block of RFC 1321, which hashlib cannot be given alone."""
    words, (a, b, c, d) = struct.unpack("<16I", block), state
    for i in range(64):
        mix = [(b & c) | (~b & d), (d & b) | (~d & c), b ^ c ^ d, c ^ (b | ~d)][i // 16]
        word = words[[i, 5 * i + 1, 3 * i + 5, 7 * i][i // 16] % 16]
        total = (a + mix + int(2**32 * abs(math.sin(i + 1))) + word) & 0xFFFFFFFF
        bits = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]][i // 16][i % 4]
        a, b, c, d = d, (b + (total << bits | total >> (32 - bits))) & 0xFFFFFFFF, b, c
    return [(old + new) & 0xFFFFFFFF for old, new in zip(state, (a, b, c, d))]


def lmk_iv(seed, number, data):
    state = [0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476]
    message = seed[:16].ljust(64, b"\0") if seed else b""
    message += data[16:] + number.to_bytes(8, "little")[:7] + b"\x80" + (4024).to_bytes(8, "little")
    for at in range(0, len(message), 64):
        state = md5_block(state, message[at:at + 64])
    return struct.pack("<4I", *state)


def lmk_sector(keys, number, data, encrypt):
    """One of 512 bytes. Its IV is made of all of its cleartext but the first block, on which alone it has an effect."""
    count = 65 if len(keys) % 64 else 64
    size = len(keys) // count
    key = [keys[i * size:(i + 1) * size] for i in range(count)]
    seed = key[64] if count == 65 else None
    iv = lmk_iv(seed, number, data) if encrypt else bytes(16)
    cbc = Cipher(algorithms.AES(key[number % 64]), modes.CBC(iv))
    each = cbc.encryptor() if encrypt else cbc.decryptor()
    out = each.update(data) + each.finalize()
    if encrypt:
        return out
    return bytes(a ^ b for a, b in zip(out, lmk_iv(seed, number, out))) + out[16:]


def crypt(cipher, key, sector, tweak, data, encrypt):
    out = []
    for at in range(0, len(data), sector):
        if cipher == "aes:64-cbc-lmk":
            out.append(lmk_sector(key, tweak + at // 512, data[at:at + sector], encrypt))
            continue
        each = engine(cipher, key, tweak + at // 512)
        each = each.encryptor() if encrypt else each.decryptor()
        out.append(each.update(data[at:at + sector]) + each.finalize())
    return b"".join(out)


def main():
    job, cipher, key, sector, offset, path = sys.argv[1:7]
    key, sector, offset = bytes.fromhex(key), int(sector), int(offset)
    with open(path, "r+b") as file:
        if job == "write":
            size = (os.fstat(file.fileno()).st_size - offset) // sector * sector
            data = hashlib.shake_128(b"cleartext").digest(size)
            file.seek(offset)
            file.write(crypt(cipher, key, sector, 0, data, True))
            print(hashlib.sha256(data).hexdigest() + "  -")
        else:
            tweak, size = int(sys.argv[7]), int(sys.argv[8])
            file.seek(offset)
            sys.stdout.buffer.write(crypt(cipher, key, sector, tweak, file.read(size), False))


if __name__ == "__main__":
    main()
