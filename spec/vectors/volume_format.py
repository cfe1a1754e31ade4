# SPDX-License-Identifier: ISC
"""The format of spec/volume.md, as much of it as writing test vectors needs. Every random byte is an argument.

It shares no code with coffer or spec/reader.py, and no library with coffer: BLAKE2b is Python's hashlib, Argon2id is
libargon2, AES-XTS and ChaCha20-Poly1305 are OpenSSL, HChaCha20 is written out below.
"""
import hashlib
import struct

from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

BLOCK, CELL, SLOTS, BODY_AT, BODY_SIZE = 4096, 128, 15, 2048, 1976
END = 0x20000  # kept for headers at each end
FRONT, TAIL = 0, 1
MAGIC = (b"\x89COFR\r\n\x1a", b"\x89RFOC\r\n\x1a")
LADDER = ((8 << 10, 1), (64 << 10, 3), (256 << 10, 3), (1 << 20, 4), (4 << 20, 4))  # KiB, passes

PREAMBLE = {  # name: offset, struct code
    "format": (8, "<H"), "visible_flags": (10, "<H"), "kdf": (12, "<B"), "lanes": (13, "<B"), "zero": (14, "<H"),
    "memory": (16, "<I"), "passes": (20, "<I"), "check": (24, "8s"), "uuid": (32, "16s"), "label": (48, "64s"),
    "salt": (112, "16s"),
}
BODY = {
    "zero": (0, "<I"), "incompat": (4, "<I"), "ro_compat": (8, "<I"), "compat": (12, "<I"), "seq": (16, "<Q"),
    "uuid": (24, "16s"), "created": (40, "<Q"), "container_size": (48, "<Q"), "data_off": (56, "<Q"),
    "data_size": (64, "<Q"), "iv_base": (72, "<Q"), "sector_shift": (80, "<B"), "cipher": (81, "<B"),
    "reserved": (82, "70s"), "key": (152, "64s"), "reserved2": (216, "112s"), "label": (328, "64s"),
    "front_salt": (1352, "16s"), "tail_salt": (1368, "16s"), "reserved3": (1864, "112s"),
}
RECORD = {"kind": (0, "<B"), "flags": (1, "<B"), "seq_written": (8, "<Q"), "time": (16, "<Q"), "name": (24, "40s")}
RECORDS_AT, RECORD_SIZE, DIGESTS_AT, DIGEST = 392, 64, 1384, 16


def blake2b(*parts, size=64, key=b""):
    return hashlib.blake2b(b"".join(parts), digest_size=size, key=key).digest()


def label(name):
    return name.encode().ljust(16, b"\0")


def le64(number):
    return struct.pack("<Q", number)


def put(target, table, name, value):
    offset, code = table[name]
    struct.pack_into(code, target, offset, value)


# ---- secrets ----

def factor(content):
    return blake2b(label("coffer1 keyfile"), content)


def material(passphrase, factors):
    return blake2b(label("coffer1 factors"), le64(len(passphrase)), passphrase, le64(len(factors)),
                   *sorted(factors))


def kek_soft(secret, salt, memory, passes, lanes=1):
    return hash_secret_raw(secret, salt, time_cost=passes, memory_cost=memory, parallelism=lanes, hash_len=32,
                           type=Type.ID, version=0x13)


def kek_hard(raw, salt):
    return blake2b(label("coffer1 rawkey"), salt, size=32, key=raw)


CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def recovery_code(raw):
    """55 symbols in 11 groups of 5; the 272 bits are followed by three zero bits."""
    bits = int.from_bytes(raw + blake2b(label("coffer1 recovery"), raw)[:2], "big") << 3
    symbols = "".join(CROCKFORD[bits >> 5 * i & 31] for i in reversed(range(55)))
    return "-".join(symbols[i:i + 5] for i in range(0, 55, 5))


# ---- seal ----

def hchacha20(key, nonce16):
    state = list(struct.unpack("<16I", b"expand 32-byte k" + key + nonce16))

    def quarter(*at):
        for a, b, c, turn in ((0, 1, 3, 16), (2, 3, 1, 12), (0, 1, 3, 8), (2, 3, 1, 7)):
            state[at[a]] = state[at[a]] + state[at[b]] & 0xFFFFFFFF
            mixed = state[at[c]] ^ state[at[a]]
            state[at[c]] = (mixed << turn | mixed >> 32 - turn) & 0xFFFFFFFF

    for _ in range(10):
        for i in range(4):
            quarter(i, i + 4, i + 8, i + 12)
        for i in range(4):
            quarter(i, (i + 1) % 4 + 4, (i + 2) % 4 + 8, (i + 3) % 4 + 12)
    return struct.pack("<8I", *state[:4], *state[12:])


def seal(key, name, context, plain, nonce):
    derived = blake2b(label(name), nonce, context, key=key)
    box = ChaCha20Poly1305(hchacha20(derived[32:], nonce[:16])).encrypt(bytes(4) + nonce[16:], plain, None)
    return nonce + derived[:32] + box


# ---- header block ----

def slot(kek, salt, volume, index, master, nonce, padding=bytes(24)):
    return seal(kek, "coffer1 slot", salt + bytes([volume, index]), master + padding, nonce)


def preamble(copy, cells, **fields):
    """Cell 0 of a marked block; `cells` are its cells 1 to 15."""
    cell = bytearray(CELL)
    cell[:8] = MAGIC[copy]
    values = {"format": 1, "kdf": 1, "lanes": 1, "check": blake2b(cells)[:8], **fields}
    for name, value in values.items():
        put(cell, PREAMBLE, name, value)
    return bytes(cell)


def body(records, front_cells, tail_cells, **fields):
    """The plaintext of a body; `records` maps slot numbers to fields of RECORD, cells are bytes of 15 cells."""
    plain = bytearray(BODY_SIZE)
    for name, value in fields.items():
        put(plain, BODY, name, value)
    for index, record in records.items():
        view = memoryview(plain)[RECORDS_AT + index * RECORD_SIZE:][:RECORD_SIZE]
        for name, value in record.items():
            put(view, RECORD, name, value)
    for i, cells in enumerate((front_cells, tail_cells)):
        for index in range(SLOTS):
            at = DIGESTS_AT + (i * SLOTS + index) * DIGEST
            plain[at:at + DIGEST] = blake2b(cells[index * CELL:][:CELL], size=DIGEST)
    return plain


def block(cell0, cells, plain, master, copy, volume, nonce):
    return cell0 + cells + seal(master, "coffer1 body", cell0 + bytes([copy, volume]), bytes(plain), nonce)


# ---- data ----

def crypt_sectors(make, key, sector_size, iv_base, first, data):
    """`data` is whole sectors, the first of which is number `first` of the volume."""
    out = []
    for at in range(0, len(data), sector_size):
        tweak = iv_base + first * (sector_size // 512) + at // 512
        context = make(Cipher(algorithms.AES(key), modes.XTS(tweak.to_bytes(16, "little"))))
        out.append(context.update(data[at:at + sector_size]))
    return b"".join(out)


def encrypt_sectors(*arguments):
    return crypt_sectors(Cipher.encryptor, *arguments)


def decrypt_sectors(*arguments):
    return crypt_sectors(Cipher.decryptor, *arguments)
