#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""reader.py - prints the cleartext of a coffer volume; written from volume.md alone, in its order and its words.

    python3 spec/reader.py VOLUME --passphrase-file FILE [--key-file FILE]... > plain

It is the format once more, for people to read, and the way to the data where coffer is not at hand. It never writes to
the volume. The exit status is that of the verdict, see STATUS; 16: a Python package is missing.
"""

import argparse
import errno
import fcntl
import hashlib
import os
import stat
import struct
import sys
from collections import namedtuple
from hmac import compare_digest  # [CONV-8]

try:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from nacl import bindings as sodium
    from nacl.exceptions import CryptoError
except ImportError as missing:
    print(f"reader.py: {missing}; on Debian: apt install python3-nacl python3-cryptography, and use /usr/bin/python3",
          file=sys.stderr)
    sys.exit(16)

# ---- 1. Conventions -------------------------------------------------------------------------------------------------
# struct's "<" is [CONV-1]: little-endian, nothing between the fields. Python's integers do not overflow ([CONV-7]).

STATUS = {"ok": 0, "read-only": 0, "input/output error": 1, "usage": 2, "not-a-volume": 10, "in-use": 11,
          "wrong-secret": 12, "damaged": 13, "too-new": 14, "memory": 15}

class Verdict(Exception):
    """The end of an attempt to open: Verdict(verdict, what the user is told)."""

def label(text):  # [CONV-2]
    return text.encode("ascii").ljust(16, b"\0")

def blake2b(size, *parts, key=b""):  # [CONV-3]; size in bytes
    return hashlib.blake2b(b"".join(parts), digest_size=size, key=key).digest()

# ---- 2. Layout ------------------------------------------------------------------------------------------------------

FRONT, TAIL = 0, 1

class Store:
    """The backing store."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        if not (stat.S_ISREG(os.fstat(self.fd).st_mode) or stat.S_ISBLK(os.fstat(self.fd).st_mode)):
            raise Verdict("not-a-volume", "it is neither a file nor a block device")
        self.size = os.lseek(self.fd, 0, os.SEEK_END)
        self.tail_at = self.size // 4096 * 4096 - 0x20000  # TB of [LAYOUT-5]
        if self.tail_at < 0:
            self.tail_at = self.size  # there is no tail: its blocks are absent

    def read(self, at, size):
        data = os.pread(self.fd, size, at)
        if len(data) < size:
            raise OSError(errno.EIO, "the backing store ends too early")
        return data

    def block(self, at):
        """A header block; None where it is absent or cannot be read ([LAYOUT-9])."""
        try:
            return self.read(at, 4096)
        except OSError:
            return None

    def next_data(self, at):
        """The first offset, not before `at`, that is not known to lie in a hole."""
        try:
            return os.lseek(self.fd, at, os.SEEK_DATA)
        except OSError as error:
            return self.size if error.errno == errno.ENXIO else at  # nothing but holes; or the store cannot tell

# ---- 3. Header block ------------------------------------------------------------------------------------------------

MAGIC = b"\x89COFR\r\n\x1a", b"\x89RFOC\r\n\x1a"  # front, tail
SLOTS = range(15)
HOLES = 1 << 2  # the only incompat bit that is known ([FLAG-1]); of ro_compat, none is ([FLAG-2])

def cell(block, i):
    return block[128 * i : 128 * (i + 1)]

def judge_preamble(block, copy):  # [PRE-1], [PRE-2], [PRE-3]
    """(what cell 0 of a marked H0 or H0' is, m, t)"""
    magic, version, kdf, lanes, m, t = struct.unpack_from("<8sHxxBBxxII", block)
    if magic != MAGIC[copy]:
        return "no magic", 0, 0
    if (version, kdf, lanes) != (1, 1, 1):
        return "too-new", 0, 0
    fits = 8192 <= m <= 4194304 and 1 <= t <= 64 and m * t <= 67108864  # [COST-1]
    return ("usable", m, t) if fits else ("damaged", 0, 0)

Body = namedtuple("Body", "incompat ro_compat seq container_size data_off data_size iv_base sector_shift cipher "
                          "key kinds salts lists")

def open_body(block, copy, volume, mk):  # [BODY-1]
    ek = commits(mk, "coffer1 body", cell(block, 0) + bytes([copy, volume]), block[2048:])
    plain = decrypt(ek, block[2048:])
    if plain is None:
        return None
    # 3.4; the fields that are left out mean nothing to a reader
    numbers = struct.unpack_from("<4xIIxxxxQ24xQQQQBB", plain)
    kinds = [plain[392 + 64 * k] for k in SLOTS]  # 3.6
    lists = [[plain[at + 16 * k : at + 16 * (k + 1)] for k in SLOTS] for at in (1384, 1624)]  # front list, tail list
    return Body(*numbers, plain[152:216], kinds, (plain[1352:1368], plain[1368:1384]), lists)

# ---- 4. From secrets to the key-encryption key ----------------------------------------------------------------------

LADDER = {0: (8192, 1), 1: (65536, 3), 2: (262144, 3), 3: (1048576, 4), 4: (4194304, 4)}  # level: m, t

Secret = namedtuple("Secret", "material r32")  # a soft one has only the material, a hard one only the r32

def soft_secret(passphrase, factors):  # [KEY-7]
    if passphrase is not None and (not 1 <= len(passphrase) <= 1024 or b"\0" in passphrase):
        raise ValueError("a passphrase has 1 to 1024 bytes, and no NUL byte")  # [KEY-1]
    if len(factors) > 32 or len(set(factors)) < len(factors):
        raise ValueError("two key files are equal, or there are more than 32")  # [KEY-3]
    if passphrase is None and not factors:
        raise ValueError("neither passphrase, key file nor raw key is given")  # [KEY-4]
    pw = passphrase or b""
    return Secret(blake2b(64, label("coffer1 factors"), struct.pack("<Q", len(pw)), pw,
                          struct.pack("<Q", len(factors)), *sorted(factors)), None)

def factor(path):  # [KEY-2], [KEY-6]
    digest = hashlib.blake2b(label("coffer1 keyfile"), digest_size=64)
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
        if file.tell() == 0:
            raise ValueError(f"the key file {path!r} is empty")
    return digest.digest()

def recovery_key(text):  # [REC-1], [REC-2], [REC-3]
    """The R32 of a recovery code, None for anything else."""
    alphabet = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    symbols = text.upper().translate(bytes.maketrans(b"OIL", b"011"), b"- ")
    if len(symbols) != 55 or set(symbols) - set(alphabet):
        return None
    bits = sum(alphabet.index(symbol) << 5 * (54 - i) for i, symbol in enumerate(symbols))
    code = (bits >> 3).to_bytes(34, "big")
    check16 = blake2b(64, label("coffer1 recovery"), code[:32])[:2]
    return code[:32] if bits & 7 == 0 and compare_digest(check16, code[32:]) else None

def derive(secret, salt, m, t):
    if secret.r32:
        return blake2b(32, label("coffer1 rawkey"), salt, key=secret.r32)  # [KEY-9]
    with open("/proc/meminfo", encoding="ascii") as file:
        available = next(int(line.split()[1]) for line in file if line.startswith("MemAvailable:"))  # KiB
    if m > available * 3 // 4:
        raise MemoryError  # [COST-2], but for the limits of cgroups
    try:
        return sodium.crypto_pwhash_alg(32, secret.material, salt, t, m * 1024, sodium.crypto_pwhash_ALG_ARGON2ID13)
    except RuntimeError as error:  # [KEY-8]; where [COST-1] holds, it can only fail for want of memory
        raise MemoryError from error

# ---- 5. SEAL --------------------------------------------------------------------------------------------------------

def commits(key, name, ad, box):  # [SEAL-2]
    """ek, or None if com is another one."""
    okm = blake2b(64, label(name), box[:24], ad, key=key)
    return okm[32:] if compare_digest(okm[:32], box[24:56]) else None

def decrypt(ek, box):  # [SEAL-3], [SEAL-4]
    """The plaintext, or None if the box does not open."""
    try:
        return ek and sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(box[56:], None, box[:24], ek)
    except CryptoError:
        return None

# ---- 6. Opening -----------------------------------------------------------------------------------------------------

def lock(fd, start, size):  # [OPEN-1]: shared, of the open file description
    try:
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, struct.pack("hhqqi0q", fcntl.F_RDLCK, os.SEEK_SET, start, size, 0))
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            raise Verdict("in-use", "another process has it open for writing") from error
        print(f"reader.py: cannot lock, going on: {error.strerror}", file=sys.stderr)

class Opening:
    """One attempt to open: the header blocks as read, and the verdicts recorded on the way."""

    def __init__(self, store):
        self.store, self.recorded = store, []
        self.h0 = store.block(0), store.block(store.tail_at)  # [OPEN-2]; of the front, of the tail
        self.h1 = store.block(4096), store.block(store.tail_at + 4096)  # [LAYOUT-7]
        judged = [judge_preamble(block, copy)[0] if block else "absent" for copy, block in enumerate(self.h0)]
        self.marked = any(what not in ("absent", "no magic") for what in judged)
        self.copies = [copy for copy in (FRONT, TAIL) if self.usable(self.h0[copy], copy)]
        if not self.marked and store.size < 0x50000:  # [OPEN-3]
            raise Verdict("not-a-volume", "there is no magic, and it is too small to be an unmarked volume")
        if not self.copies and not self.marked:  # [OPEN-18]
            raise OSError(errno.EIO, "neither copy of the header can be read")
        if not self.copies:
            raise Verdict("too-new" if "too-new" in judged else "damaged", "no copy of the header is usable")

    def usable(self, block, copy):  # [OPEN-3]
        return block is not None and (not self.marked or judge_preamble(block, copy)[0] == "usable")

    def open(self, secrets, level=None):
        """The body that wins where the first slot counts, validated: (verdict, body)."""
        for secret in secrets:
            costs = [None]  # those of the preambles
            if not self.marked and secret.material:
                costs = [LADDER[i] for i in ((2, 1, 3) if level is None else (level,))]  # [LADDER-1], [LADDER-3]
            for cost in costs:
                for copy in self.copies:  # [OPEN-4]
                    body = self.scan(secret, copy, *(cost or judge_preamble(self.h0[copy], copy)[1:]))
                    if body:
                        return validate(body, self.store.size), body  # [OPEN-14]
        if self.recorded:  # [OPEN-13], [LADDER-2]
            raise self.recorded[0]
        usable = [self.h0[copy] for copy in self.copies]
        if self.marked and all(h0[24:32] != blake2b(64, h0[128:2048])[:8] for h0 in usable):  # [PRE-5]
            raise Verdict("damaged", "the key slots of both copies are damaged")
        raise Verdict("wrong-secret", f"no {'key slot' if self.marked else 'format'} opens with this secret")

    def scan(self, secret, copy, m, t):  # [OPEN-6]
        salt = self.h0[copy][112:128]  # for the cells of H1, too ([PRE-9])
        try:
            kek = derive(secret, salt, m, t)
        except MemoryError:
            self.recorded.append(Verdict("memory", f"the key derivation needs {m // 1024} MiB of memory"))
            return None
        cells = [(volume, k, cell(block, k + 1))
                 for volume, block in enumerate((self.h0[copy], self.h1[copy])) if block for k in SLOTS]
        eks = [commits(kek, "coffer1 slot", salt + bytes([volume, k]), box) for volume, k, box in cells]  # [SLOT-1]
        for (volume, k, box), ek in zip(cells, eks):
            slot = decrypt(ek, box)
            body = self.follow(copy, volume, k, slot, blake2b(16, box)) if slot else None
            if body:
                return body
        return None

    def follow(self, copy, volume, k, slot, digest):
        """The winner's body, if slot k counts."""
        if any(slot[32:]):  # [SLOT-3], [OPEN-7]
            return self.recorded.append(Verdict("too-new", f"key slot {k} holds more than this version knows"))
        bodies = self.bodies(volume, slot[:32])
        if not bodies:  # [OPEN-10]
            return self.recorded.append(Verdict("damaged", "a key slot opens, but neither copy of the header does"))
        winner = max(bodies, key=lambda body: body.seq)  # of equals, the first: the front
        listed = compare_digest(winner.lists[copy][k], digest) and winner.salts[copy] == self.h0[copy][112:128]
        return winner if winner.kinds[k] and listed else None  # [OPEN-11]

    def bodies(self, volume, mk):  # [OPEN-8]
        """The bodies of that volume that open with mk, the front's first."""
        def opened(copy, block):  # [OPEN-9]
            return open_body(block, copy, volume, mk) if block and (volume or self.usable(block, copy)) else None

        front, tail = map(opened, (FRONT, TAIL), self.h1 if volume else self.h0)
        if front and not tail and volume == 0:  # [LAYOUT-6]
            end = front.container_size
            if 0x20000 <= end <= self.store.size and end % 4096 == 0 and end - 0x20000 != self.store.tail_at:
                tail = opened(TAIL, self.store.block(end - 0x20000))
        return [body for body in (front, tail) if body]

# ---- 7. Validation --------------------------------------------------------------------------------------------------

def validate(body, backing_size):
    if body.incompat & ~HOLES or body.cipher != 1:  # [VALID-1]
        return "too-new"
    holds = (
        1 <= body.seq < 1 << 63 and body.sector_shift in (9, 12)  # [VALID-2]
        and not compare_digest(body.key[:32], body.key[32:])
        and body.container_size % 4096 == 0 and 0x50000 <= body.container_size <= backing_size  # [VALID-3]
        and body.data_off >= 0x20000 and body.data_off % 4096 == 0  # [VALID-4]
        and 0x10000 <= body.data_size <= 1 << 48 and body.data_size % (1 << body.sector_shift) == 0  # [VALID-5]
        and body.data_off + body.data_size <= body.container_size - 0x20000  # [VALID-6]
        and body.iv_base % (1 << body.sector_shift - 9) == 0  # [VALID-7]
        and body.iv_base + body.data_size // 512 < 1 << 63)
    return "damaged" if not holds else "read-only" if body.ro_compat else "ok"  # [VALID-8]

# ---- 8. Healing, 9. Updating: nothing, for a reader ([OPEN-17]) ----
# ---- 10. Data -------------------------------------------------------------------------------------------------------

def cleartext(body, first, stored):
    """What is stored from sector number `first` on, sector by sector."""
    size = 1 << body.sector_shift
    for i in range(len(stored) // size):
        sector = stored[size * i : size * (i + 1)]
        tweak = body.iv_base + (first + i) * (size // 512)  # [DATA-2]
        if body.incompat & HOLES and sector == bytes(size):  # [THIN-1], [THICK-2]
            yield sector
        else:
            aes = Cipher(algorithms.AES(body.key), modes.XTS(tweak.to_bytes(16, "little"))).decryptor()
            yield aes.update(sector) + aes.finalize()

class Output:
    """Standard output. Zeros become holes where it is a file, and nothing lies there that would show through."""

    def __init__(self):
        info = os.fstat(1)
        self.sparse = stat.S_ISREG(info.st_mode) and os.lseek(1, 0, os.SEEK_CUR) >= info.st_size

    def zeros(self, size):
        if self.sparse:
            os.ftruncate(1, os.lseek(1, size, os.SEEK_CUR))
        for at in range(0, 0 if self.sparse else size, 1 << 16):
            self.write(bytes(min(1 << 16, size - at)))

    def write(self, data):
        if self.sparse and data == bytes(len(data)):
            return self.zeros(len(data))
        while data:
            data = data[os.write(1, data) :]

def print_data(store, body):
    output, size, at = Output(), 1 << body.sector_shift, 0
    while at < body.data_size:
        if body.incompat & HOLES:
            hole = min(store.next_data(body.data_off + at) - body.data_off, body.data_size) // size * size - at
            output.zeros(hole)
            at += hole
        stored = store.read(body.data_off + at, min(1 << 16, body.data_size - at))  # [DATA-1]
        output.write(b"".join(cleartext(body, at // size, stored)))
        at += len(stored)

# ---- The program ----------------------------------------------------------------------------------------------------

def secrets_of(args):
    """The secrets to be tried, in their order."""
    def content(path):
        with open(0 if path == "-" else path, "rb") as file:
            return file.read()

    if args.raw_key_file:
        r32 = content(args.raw_key_file)
        if args.passphrase_file or args.key_file or len(r32) != 32:
            raise ValueError("a raw key has exactly 32 bytes, and nothing is combined with it")  # [KEY-5]
        return [Secret(None, r32)]
    passphrase = content(args.passphrase_file).split(b"\n")[0] if args.passphrase_file else None
    soft = soft_secret(passphrase, [factor(path) for path in args.key_file])
    r32 = recovery_key(passphrase) if passphrase and not args.key_file else None
    return [Secret(None, r32), soft] if r32 else [soft]  # [REC-4]

def run(args):
    secrets = secrets_of(args)
    store = Store(args.volume)
    if os.isatty(1) or os.path.samestat(os.fstat(1), os.fstat(store.fd)):
        raise ValueError("standard output is a terminal, or the volume itself")
    lock(store.fd, 0, 1 << 62)  # the data lock
    lock(store.fd, 1 << 62, 1)  # the header lock; both as long as this process lives
    verdict, body = Opening(store).open(secrets, args.kdf_level)
    if STATUS[verdict]:
        raise Verdict(verdict, "it opens, but what its header says cannot be used")
    print_data(store, body)
    os.close(1)

def main():
    parser = argparse.ArgumentParser(description="Prints the cleartext of a coffer volume on standard output.")
    parser.add_argument("volume", metavar="VOLUME")
    parser.add_argument("--passphrase-file", metavar="FILE", help="its first line; '-' is standard input")
    parser.add_argument("--key-file", metavar="FILE", action="append", default=[], help="may be repeated")
    parser.add_argument("--raw-key-file", metavar="FILE", help="32 bytes, instead of the other two")
    parser.add_argument("--kdf-level", type=int, choices=LADDER, help="for a volume without magic: this level only")
    args = parser.parse_args()
    try:
        return run(args)
    except Verdict as end:
        verdict, text = end.args
    except ValueError as error:
        verdict, text = "usage", error
    except OSError as error:  # [CONV-10]
        verdict, text = "input/output error", error
    print(f"reader.py: {args.volume!r}: {verdict}: {text}", file=sys.stderr)
    return STATUS[verdict]

if __name__ == "__main__":
    sys.exit(main())
