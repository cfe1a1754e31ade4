#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Encrypts and decrypts the sectors of a volume, on OpenSSL: what tests compare with.

sectors.py write CIPHER KEY SECTOR OFFSET FILE          fills the data area with known bytes, prints their digest
sectors.py read CIPHER KEY SECTOR OFFSET FILE TWEAK SIZE   writes cleartext to stdout

CIPHER is aes-xts-plain64, or one of aes, camellia and cast5 with cbc-plain64 or cbc-essiv:sha256; KEY is hexadecimal; IVs count 512-byte units.
"""
import hashlib
import os
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


def crypt(cipher, key, sector, tweak, data, encrypt):
    out = []
    for at in range(0, len(data), sector):
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
