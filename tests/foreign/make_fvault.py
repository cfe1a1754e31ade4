#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Makes a FileVault 2 volume as Mac OS X lays it out: make_fvault.py FILE PASSPHRASE [STATEMENTS]

The statements change `it`, what the metadata says, before it is written. Prints the volume key. The cleartext is zeros, but
for what sectors.py writes later; block 0 is at byte 0 of the file, blocks have 4096 bytes.
"""
import base64
import hashlib
import os
import struct
import sys
import types

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

BLOCK, METADATA = 4096, 8192
FAMILY = "33A76CAA-1481-4BC5-8D04-1AC1707C19C0"


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 & -(crc & 1))
    return crc


def sealed(block):
    """With its checksum."""
    return struct.pack("<II", crc32c(block[8:]), 0xFFFFFFFF) + block[8:]


def block(kind, transaction, obj, body):
    head = struct.pack("<8xHHIQQ", 1, kind, 1, transaction, obj).ljust(64, b"\0")
    return sealed((head + body).ljust(METADATA, b"\0"))


def with_list(kind, transaction, obj, place, text, stored=None):
    """A block with a property list at byte 512 of it, named at byte `place` of its body."""
    body = bytearray(METADATA - 64)
    text = text.encode()
    struct.pack_into("<II", body, place, 512, len(text))
    if kind == 0x19:
        struct.pack_into("<II", body, place - 8, stored or len(text), len(text))
    body[512 - 64:512 - 64 + len(text)] = text
    return block(kind, transaction, obj, bytes(body))


def context(it, passphrase, key):
    """Users, each with a key of their own that is wrapped under the passphrase; and the volume's key under that."""
    middle = os.urandom(16)
    text = "<dict><key>CryptoUsers</key><array>"
    for one in [b"somebody else"] * it.others + [passphrase]:
        salt = os.urandom(16)
        derived = hashlib.pbkdf2_hmac("sha256", one, salt, it.iterations, 16)
        user = struct.pack("<II16sII24s", 3, 16, salt, 16, 24, aes_key_wrap(derived, middle)).ljust(168, b"\0")
        user = (user + struct.pack("<I", it.claimed or it.iterations)).ljust(284, b"\0")
        text += f"<dict><key>PassphraseWrappedKEKStruct</key><data ID=\"4\">{base64.b64encode(user).decode()}</data></dict>"
    wrapped = struct.pack("<II24s", 2, 24, aes_key_wrap(middle, key)).ljust(256, b"\0")
    text += "</array><key>KEKWrappedVolumeKeyStruct</key><data ID=\"18\"></data>"
    if it.has_key:
        text += f"<key>KEKWrappedVolumeKeyStruct</key><data>{base64.b64encode(wrapped).decode()}</data>"
    return text + f"<key>ConversionStatus</key><string ID=\"24\">{it.status}</string></dict>"


def volume(it):
    return (f"<dict><key>com.apple.corestorage.lv.familyUUID</key><string ID=\"2\">{FAMILY}</string>"
            f"<key>com.apple.corestorage.lv.contenthint</key><string ID=\"7\">{it.name}</string>"
            "<key>com.apple.corestorage.lv.name</key><reference IDREF=\"7\"/>"
            f"<key>com.apple.corestorage.lv.size</key><integer size=\"64\" ID=\"8\">{it.size:#x}</integer></dict>")


def extents(it):
    body = struct.pack("<II", len(it.map), 0)
    for logical, physical, count, disk in it.map:
        body += struct.pack("<8xQI12xQ", logical, count, physical | disk << 48)
    return body


def main():
    path, passphrase = sys.argv[1], sys.argv[2].encode()
    it = types.SimpleNamespace(
        iterations=2000, claimed=None, others=1, status="Complete", has_key=True, name="Untitled", size=3 << 20, stored=None,
        map=[(256, 1024, 512, 0), (0, 1536, 256, 0)], blocks=8 << 20 >> 12, labels=[512, 768, 0, 0], more=[], copies=[1024 >> 2, 1100 >> 2],
        key_size=16, block_size=BLOCK)
    exec(" ".join(sys.argv[3:]), {"it": it, "block": block, "extents": extents})  # pylint: disable=exec-used
    key, header_key, uuid = os.urandom(16), os.urandom(16), os.urandom(16)
    log = [block(0x305, 6, 8, extents(it)),
           with_list(0x1A, 5, 11, 64, volume(types.SimpleNamespace(size=1 << 30, name="Old"))),
           with_list(0x19, 6, 10, 48, context(it, passphrase, key), it.stored),
           with_list(0x1A, 7, 11, 64, volume(it)),
           with_list(0x1A, 6, 11, 64, volume(types.SimpleNamespace(size=1 << 30, name="Older"))), *it.more]

    header = bytearray(512)
    struct.pack_into("<HHI", header, 8, 1, 0x10, 1)
    struct.pack_into("<Q", header, 64, it.blocks * BLOCK)
    header[88:90] = b"CS"
    struct.pack_into("<I", header, 90, 1)
    struct.pack_into("<II4Q", header, 96, it.block_size, 1 << 20, *it.labels)
    struct.pack_into("<II16s", header, 168, it.key_size, 2, header_key)
    header[304:320] = uuid
    header = sealed(bytes(header))
    label = bytearray(block(0x11, 1, 0, bytes(METADATA - 64)))
    struct.pack_into("<I", label, 220, METADATA)
    descriptor = struct.pack("<6Q", 0, 64, 0, 2, *it.copies)
    with open(path, "wb") as file:
        file.truncate(it.blocks * BLOCK)
        file.write(header)
        file.seek(-512, os.SEEK_END)
        file.write(header)
        for at in it.labels:
            if at:
                file.seek(at * BLOCK)
                file.write(sealed(bytes(label)) + descriptor)
        for at in it.copies:
            for i, one in enumerate(log):
                xts = Cipher(algorithms.AES(header_key + uuid), modes.XTS(i.to_bytes(16, "little"))).encryptor()
                file.seek(at * BLOCK + i * METADATA)
                file.write(xts.update(one) + xts.finalize())
    family = bytes.fromhex(FAMILY.replace("-", ""))
    print((key + hashlib.sha256(key + family).digest()[:16]).hex())


if __name__ == "__main__":
    main()
