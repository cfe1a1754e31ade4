#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Makes the metadata of a BitLocker volume as Windows lays it out: make_bitlk.py FILE METHOD [STATEMENTS]

METHOD is the number of the cipher, 0x8004. The statements change `it` before it is written. What is not metadata are random
bytes. Prints the key of the sectors.
"""
import hashlib
import os
import struct
import sys
import types
import zlib

from cryptography.hazmat.primitives.ciphers.aead import AESCCM

SIGNATURE = b"-FVE-FS-"
GUID = bytes.fromhex("3bd66749292ed84a8399f6a339e3d001")
GUID_ON_WRITE = bytes.fromhex("3b4da89280dd0e4d9e4eb1e3284eaed8")
AREA = 65536
KEY_SIZES = {0x8000: 64, 0x8001: 64, 0x8002: 16, 0x8003: 32, 0x8004: 32, 0x8005: 64}
CLEAR, TPM, STARTUP, RECOVERY, PASSPHRASE = 0, 0x100, 0x200, 0x800, 0x2000


def entry(kind, value, data):
    return struct.pack("<HHHH", 8 + len(data), kind, value, 1) + data


def sealed(key, kind, plain, method):
    nonce = os.urandom(12)
    plain = struct.pack("<IIHH", 12 + len(plain), 1, method, 0) + plain
    sealed_plain = AESCCM(key, tag_length=16).encrypt(nonce, plain, None)
    return entry(kind, 5, nonce + sealed_plain[-16:] + sealed_plain[:-16])


def stretched(secret, salt):
    """A million rounds, as they cannot be made fewer."""
    first, last = hashlib.sha256(secret).digest(), bytes(32)
    for i in range(0x100000):
        last = hashlib.sha256(last + first + salt + i.to_bytes(8, "little")).digest()
    return last


def master(protection, inner, guid=None):
    return entry(2, 8, (guid or os.urandom(16)) + bytes(8) + struct.pack("<HH", 0, protection) + inner)


def by_clear_key(key):
    clear = os.urandom(32)
    return master(CLEAR, entry(0, 1, struct.pack("<I", 0x2003) + clear) + sealed(clear, 0, key, 0x2003))


def by_passphrase(key, text):
    salt = os.urandom(16)
    derived = stretched(hashlib.sha256(text.encode("utf-16-le")).digest(), salt)
    inner = sealed(derived, 0, key, 0x2003)
    return master(PASSPHRASE, entry(0, 3, struct.pack("<I", 0x1000) + salt + inner) + inner)


def by_startup_key(key, path):
    """Which goes into a file of its own."""
    guid, startup = os.urandom(16), os.urandom(32)
    external = entry(6, 9, guid + bytes(8) + entry(0, 1, struct.pack("<I", 0x2002) + startup))
    size = 48 + len(external)
    with open(path, "wb") as file:
        file.write(struct.pack("<IIII", size, 1, 48, size) + os.urandom(16) + bytes(16) + external)
    return master(STARTUP, sealed(startup, 0, key, 0x2003), guid)


def metadata(it, master_key, key):
    entries = b"".join(it.extra) + entry(7, 2, it.label.encode("utf-16-le") + b"\0\0")
    if it.passphrase:
        entries += by_passphrase(master_key, it.passphrase)
    if it.startup:
        entries += by_startup_key(master_key, it.startup)
    if it.clear:
        entries += by_clear_key(master_key)
    entries += sealed(master_key, 3, key, it.method) + entry(0xF, 0xF, struct.pack("<QQ", it.boot, it.boot_size))
    head = SIGNATURE + struct.pack("<HHHHQIIQQQQ", 0, it.version, it.state, it.state, it.encrypted_size, 0,
                                   it.boot_size // it.sector, *it.areas, it.boot)
    entries_size = 48 + len(entries)
    head += struct.pack("<IIII", entries_size, 1, 48, entries_size) + os.urandom(16) + struct.pack("<IHHQ", 9, it.method, 0, 0)
    data = head + entries
    data += bytes(-len(data) % 16)
    data = data[:8] + struct.pack("<H", len(data) // 16) + data[10:]
    return data + struct.pack("<HHI", 8, 1, zlib.crc32(data))


def main():
    path, method = sys.argv[1], int(sys.argv[2], 0)
    it = types.SimpleNamespace(
        method=method, version=2, state=4, sector=512, label="a label", passphrase=None, startup=None, clear=True, extra=[], guid=GUID,
        size=2 << 20, areas=[0x40000, 0x80000, 0x100000], boot=0x50000, boot_size=8192, encrypted_size=2 << 20,
        boot_signature=SIGNATURE)
    names = {"it": it, "master": master, "entry": entry, "TPM": TPM, "GUID_ON_WRITE": GUID_ON_WRITE}
    exec(" ".join(sys.argv[3:]), names)  # pylint: disable=exec-used
    key = os.urandom(KEY_SIZES.get(method, 32))
    data = metadata(it, os.urandom(32), key)
    boot = bytearray(512)
    boot[0:3] = b"\xeb\x58\x90"
    boot[3:11] = it.boot_signature
    struct.pack_into("<HB", boot, 11, it.sector, 8)
    boot[160:176] = it.guid
    struct.pack_into("<QQQ", boot, 176, *it.areas)
    boot[510:512] = b"\x55\xaa"
    volume = bytearray(os.urandom(it.size))
    volume[0:512] = boot
    for at in it.areas:
        volume[at:at + len(data)] = data
    with open(path, "wb") as file:
        file.write(volume[:it.size])
    print(key.hex())


if __name__ == "__main__":
    main()
