#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Makes a FreeOTFE volume, or prints the cleartext of one, on OpenSSL and hashlib: no code is shared with coffer.

    make_freeotfe.py make FILE [OPTION...]    filled with noise; its digest is printed
    make_freeotfe.py read FILE [OPTION...]    its cleartext on standard output

What a volume is, is said again for reading. Only the ciphers and hashes that OpenSSL has.
"""
import argparse
import hashlib
import hmac
import os
import struct
import sys
import warnings

warnings.simplefilter("ignore")  # old ciphers are about to leave the library

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes  # noqa: E402

BLOCK = 512
ALGORITHMS = {"aes": algorithms.AES, "blowfish": algorithms.Blowfish, "cast5": algorithms.CAST5,
              "3des": algorithms.TripleDES, "des": algorithms.TripleDES}  # one key three times is DES


class Engine:
    """aes-256-xts: sectors of a volume, or the critical data block as sector 0."""

    def __init__(self, name, key):
        cipher, bits, self.mode = name.split("-")
        self.size = int(bits) // 8
        self.algorithm, self.key = ALGORITHMS[cipher], key

    def ecb(self, key):
        return Cipher(self.algorithm(key), modes.ECB())

    def xor(self, data, mask):
        return (int.from_bytes(data, "big") ^ int.from_bytes(mask, "big")).to_bytes(len(data), "big")

    def lrw_masks(self, sector, blocks):
        power, powers = int.from_bytes(self.key[self.size:], "big"), []
        for _ in range(128):  # times x: the first bit is 1, the last x^127
            powers.append(power)
            power = power >> 1 ^ (0xE1 << 120 if power & 1 else 0)
        for index in range(sector * 32 + 1, sector * 32 + 1 + blocks):
            mask = 0
            for bit in range(index.bit_length()):
                mask ^= powers[127 - bit] if index >> bit & 1 else 0
            yield mask.to_bytes(16, "big")

    def xts_masks(self, sector, blocks):
        first = self.ecb(self.key[self.size:]).encryptor().update(sector.to_bytes(16, "little"))
        mask = int.from_bytes(first, "little")
        for _ in range(blocks):
            yield mask.to_bytes(16, "little")
            mask = mask << 1 & (1 << 128) - 1 ^ (0x87 if mask >> 127 else 0)

    def crypt(self, sector, iv, data, encrypt):
        masks = b""
        if self.mode == "cbc":
            each = Cipher(self.algorithm(self.key), modes.CBC(iv))
        else:  # OpenSSL has no XTS with keys of 192 bits
            make = self.lrw_masks if self.mode == "lrw" else self.xts_masks
            masks = b"".join(make(sector, len(data) // 16))
            data, each = self.xor(data, masks), self.ecb(self.key[:self.size])
        each = each.encryptor() if encrypt else each.decryptor()
        data = each.update(data) + each.finalize()
        return self.xor(data, masks) if masks else data


def key_size(cipher):
    bits, mode = cipher.split("-")[1:]
    return int(bits) // 8 * (2 if mode == "xts" else 1) + (16 if mode == "lrw" else 0)


def block_size(cipher):
    return 16 if cipher.startswith("aes") else 8


def sector_iv(it, key, number):
    block = block_size(it.cipher)
    ways = {0: b"", 1: struct.pack("<I", number & 0xFFFFFFFF), 2: struct.pack("<Q", number),
            3: hashlib.new(it.hash, struct.pack("<I", number & 0xFFFFFFFF)).digest(),
            4: hashlib.new(it.hash, struct.pack("<Q", number)).digest()}
    if it.iv == 5:
        salt = hashlib.new(it.hash, key).digest().ljust(len(key), b"\0")[:len(key)]
        engine = Engine(it.cipher, salt).ecb(salt).encryptor()
        iv = engine.update(struct.pack("<Q", number).ljust(block, b"\0"))
    else:
        iv = ways[it.iv].ljust(block, b"\0")[:block]
    return bytes(a ^ b for a, b in zip(iv, bytes.fromhex(it.volume_iv) or bytes(block)))


def sectors(it, key, start, data, encrypt):
    engine, out = Engine(it.cipher, key), []
    for at in range(0, len(data), BLOCK):
        number = at // BLOCK + (start // BLOCK if it.from_start else 0)
        iv = sector_iv(it, key, number) if engine.mode == "cbc" else b""
        out.append(engine.crypt(number, iv, data[at:at + BLOCK], encrypt))
    return b"".join(out)


def derive(it, salt):
    if it.format == 1:
        return hashlib.new(it.hash, it.passphrase + salt).digest().ljust(64, b"\0")[:key_size(it.cipher)]
    return hashlib.pbkdf2_hmac(it.hash, it.passphrase, salt, it.iterations, key_size(it.cipher))


def check_value(it, key, details):
    if it.format == 1:
        return hashlib.new(it.hash, details).digest()
    return hmac.new(key, details, it.hash).digest()


def encrypted_size(it):
    left = BLOCK - it.salt_bits // 8
    return left - left % block_size(it.cipher)


def flags(it):
    if it.format == 1:
        return 8  # they were read from the size instead: this would be no kind of IV
    if it.format < 3:
        return it.from_start << 1 | {0: 0, 2: 1, 4: 9}.get(it.iv, 8)
    return it.from_start << 1


def critical_data_block(it, master, size):
    bits = len(master) * 8 if it.key_bits < 0 else it.key_bits
    details = struct.pack(">BIQI", it.as_format or it.format, flags(it), size, bits) + master + b"Z"
    if it.format > 1:
        volume_iv = bytes.fromhex(it.volume_iv)
        details += struct.pack(">I", len(volume_iv) * 8) + volume_iv
    if it.format > 2:
        details += bytes([it.iv])
    salt = os.urandom(it.salt_bits // 8)
    key = derive(it, salt)
    field = hashlib.new(it.hash).digest_size if it.format == 1 else 64
    details += os.urandom(encrypted_size(it) - field - len(details))
    check = check_value(it, key, details)
    plain = check + os.urandom(field - len(check)) + details
    block = salt + Engine(it.cipher, key).crypt(0, bytes(block_size(it.cipher)), plain, True)
    return block + os.urandom(BLOCK - len(block))


def master_key(it, block):
    salt = block[:it.salt_bits // 8]
    key = derive(it, salt)
    plain = Engine(it.cipher, key).crypt(0, bytes(block_size(it.cipher)), block[len(salt):len(salt) + encrypted_size(it)],
                                         False)
    field = hashlib.new(it.hash).digest_size if it.format == 1 else 64
    details = plain[field:]
    check = check_value(it, key, details)
    if plain[:len(check)] != check:
        sys.exit("the check value does not match")
    size, bits = struct.unpack_from(">QI", details, 5)
    return details[17:17 + bits // 8], size


def place(it):
    """Where the block is, and where the data."""
    return it.offset, it.offset + (0 if it.header and not it.has_own else BLOCK)


def make(it):
    master, (block_at, data_at) = os.urandom(key_size(it.cipher)), place(it)
    data = os.urandom(it.filled or it.size)
    with open(it.file, "r+b" if it.inside else "wb") as file:
        if not it.inside:
            file.truncate(data_at + it.size + it.padding)
        block = critical_data_block(it, master, it.size)
        if it.header:
            with open(it.header, "wb") as header:
                header.write(block)
            block = os.urandom(BLOCK) if it.has_own else b""
        file.seek(block_at)
        file.write(block)
        file.seek(data_at)
        file.write(sectors(it, master, data_at, data, True))
    print(hashlib.sha256(data).hexdigest())


def read(it):
    block_at, data_at = place(it)
    with open(it.header or it.file, "rb") as file:
        file.seek(0 if it.header else block_at)
        master, size = master_key(it, file.read(BLOCK))
    with open(it.file, "rb") as file:
        file.seek(data_at)
        sys.stdout.buffer.write(sectors(it, master, data_at, file.read(it.filled or size), False))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("action", choices=["make", "read"])
    parser.add_argument("file")
    parser.add_argument("--passphrase", default="heslo123", type=os.fsencode)
    parser.add_argument("--format", type=int, default=4)
    parser.add_argument("--as-format", type=int, default=0, help="what the block says instead")
    parser.add_argument("--hash", default="sha512")
    parser.add_argument("--cipher", default="aes-256-xts")
    parser.add_argument("--iv", type=int, default=2)
    parser.add_argument("--volume-iv", default="", help="hexadecimal")
    parser.add_argument("--from-start", action="store_true", help="sectors are counted from the start of the file")
    parser.add_argument("--salt-bits", type=int, default=256)
    parser.add_argument("--iterations", type=int, default=2048)
    parser.add_argument("--key-bits", type=int, default=-1, help="what the block says instead")
    parser.add_argument("--size", type=int, default=65536)
    parser.add_argument("--filled", type=int, default=0, help="bytes of it that are filled or read")
    parser.add_argument("--padding", type=int, default=0, help="bytes behind it")
    parser.add_argument("--header", help="the file for the block")
    parser.add_argument("--has-own", action="store_true", help="with --header: the volume has another block")
    parser.add_argument("--offset", type=int, default=0)
    parser.add_argument("--inside", action="store_true", help="into a file that is there")
    it = parser.parse_args()
    (make if it.action == "make" else read)(it)


if __name__ == "__main__":
    main()
