#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Writes the text vectors of this folder, or builds the volumes of volumes.txt.

    generate.py [DIR]             *.txt into DIR (default: here)
    generate.py --volumes DIR     an image per volume of volumes.txt into DIR, the secrets, and openings.tsv

README.md says what the files hold. Every run writes the same bytes.
"""
import hashlib
import os
import sys

import volume_format as fmt
import volumes

HERE = os.path.dirname(os.path.abspath(__file__))
SIDE = ("front", "tail")


def noise(seed, size):
    """Bytes without a pattern, the same at every run."""
    return hashlib.shake_256(b"coffer vectors: " + seed.encode()).digest(size)


def text(value):
    return value.hex() if isinstance(value, (bytes, bytearray)) else str(value)


def write(folder, name, comment, blocks):
    lines = ["# SPDX-License-Identifier: ISC"] + ["# " + line for line in comment]
    for block in blocks:
        lines.append("")
        lines += [f"{key} = {text(value)}".rstrip() for key, value in block.items()]
    with open(os.path.join(folder, name), "w", encoding="ascii") as file:
        file.write("\n".join(lines) + "\n")


# ---- from secrets to keys ----

def soft(name, passphrase, contents, memory=8192, passes=1):
    factors = sorted(fmt.factor(content) for content in contents)
    salt = noise("salt " + name, 16)
    secret = fmt.material(passphrase, factors)
    block = {"name": name, "passphrase": passphrase}
    for i, content in enumerate(contents):
        block[f"key_file_{i}"] = content
    for i, value in enumerate(factors):
        block[f"factor_{i}"] = value
    return {**block, "material": secret, "salt": salt, "memory": memory, "passes": passes,
            "kek": fmt.kek_soft(secret, salt, memory, passes)}


def secrets():
    small, large = noise("key file", 64), noise("large key file", 4097)
    yield soft("passphrase", b"correct horse battery staple", [])
    yield soft("one byte", b"x", [])
    yield soft("the longest passphrase", noise("longest", 1024).replace(b"\0", b"\1"), [])
    yield soft("bytes that are not UTF-8, blanks at both ends", b" \xff\xfe caf\xe9\t", [])
    yield soft("a key file alone", b"", [small])
    yield soft("passphrase and a key file of one byte", b"correct horse battery staple", [b"\0"])
    yield soft("two key files", b"two of them", [small, large])
    yield soft("the same two the other way round", b"two of them", [large, small])
    yield soft("three key files and no passphrase", b"", [b"a", b"b", b"c"])
    yield soft("a higher cost", b"correct horse battery staple", [], 9000, 3)
    for name in ("raw key", "another raw key"):
        raw, salt = noise(name, 32), noise("salt " + name, 16)
        yield {"name": name, "raw_key": raw, "salt": salt, "kek": fmt.kek_hard(raw, salt)}


def recovery():
    raw = noise("recovery", 32)
    code = fmt.recovery_code(raw)
    for name, key in (("plain", raw), ("zeros", bytes(32)), ("ones", b"\xff" * 32)):
        yield {"name": name, "raw_key": key, "code": fmt.recovery_code(key), "verdict": "ok"}
    yield {"name": "lower case", "raw_key": raw, "code": code.lower(), "verdict": "ok"}
    yield {"name": "no separators", "raw_key": raw, "code": code.replace("-", ""), "verdict": "ok"}
    yield {"name": "blanks as separators", "raw_key": raw, "code": code.replace("-", " "), "verdict": "ok"}
    zeros = fmt.recovery_code(bytes(32))
    yield {"name": "o for 0", "raw_key": bytes(32), "code": "oOooo" + zeros[5:], "verdict": "ok"}
    ones = bytes.fromhex("0842108421") + bytes(27)  # eight symbols 1
    yield {"name": "i and l for 1", "raw_key": ones, "code": "iIlL1" + fmt.recovery_code(ones)[5:], "verdict": "ok"}
    wrong = code[:7] + ("2" if code[7] != "2" else "3") + code[8:]
    yield {"name": "one symbol wrong", "code": wrong, "verdict": "not-a-code"}
    swapped = code[1] + code[0] + code[2:]
    yield {"name": "two symbols exchanged", "code": swapped, "verdict": "not-a-code"}
    yield {"name": "one symbol missing", "code": code[:-1], "verdict": "not-a-code"}
    yield {"name": "one symbol too many", "code": code + "0", "verdict": "not-a-code"}
    yield {"name": "a letter that is no symbol", "code": "U" + code[1:], "verdict": "not-a-code"}
    last = fmt.CROCKFORD[fmt.CROCKFORD.index(code[-1]) | 1]
    yield {"name": "a bit behind the end", "code": code[:-1] + last, "verdict": "not-a-code"}


# ---- seals ----

def seal_blocks():
    key, other = noise("seal key", 32), noise("other seal key", 32)
    for label, context_size, size in (("coffer1 slot", 18, 56), ("coffer1 body", 130, 1976), ("x", 0, 0)):
        context, plain = noise("context " + label, context_size), noise("plain " + label, size)
        nonce = noise("nonce " + label, 24)
        sealed = fmt.seal(key, label, context, plain, nonce)
        block = {"name": label, "key": key, "label": label, "context": context, "nonce": nonce, "plain": plain,
                 "sealed": sealed, "verdict": "ok"}
        yield block
        if size != 56:
            continue

        def refused(name, **changes):
            return {**{k: v for k, v in block.items() if k not in ("nonce", "plain")}, **changes,
                    "name": name, "verdict": "closed"}

        yield refused("another key", key=other)
        yield refused("another label", label="coffer1 body")
        yield refused("another context", context=context[:-1] + bytes([context[-1] ^ 1]))
        yield refused("a shorter context", context=context[:-1])
        for part, at in (("nonce", 0), ("commitment", 24), ("last byte of the commitment", 55), ("box", 56),
                         ("tag", len(sealed) - 1)):
            changed = bytearray(sealed)
            changed[at] ^= 0x80
            yield refused("a bit of the " + part, sealed=changed)
        swapped = sealed[:24] + fmt.seal(other, label, context, plain, nonce)[24:56] + sealed[56:]
        yield refused("the commitment of another key", sealed=swapped)
        yield refused("shortened", sealed=sealed[:-1])


def slot_blocks():
    kek, salt, master = noise("kek", 32), noise("salt", 16), noise("master", 32)
    common = {"kek": kek, "salt": salt, "master": master}

    def one(name, volume, index, verdict="ok", padding=bytes(24), /, **opened_as):
        nonce = noise("slot " + name, 24)
        cell = fmt.slot(kek, salt, volume, index, master, nonce, padding)
        return {"name": name, **common, "nonce": nonce, "volume": volume, "index": index, "cell": cell,
                "verdict": verdict, **opened_as}

    yield one("first slot", 0, 0)
    yield one("last slot", 0, 14)
    yield one("hidden volume", 1, 3)
    yield one("moved to another slot", 0, 2, "closed", index=3)
    yield one("moved to the other volume", 0, 4, "closed", volume=1)
    yield one("the other copy's salt", 0, 5, "closed", salt=noise("tail salt", 16))
    yield one("another secret", 0, 6, "closed", kek=noise("another kek", 32))
    yield one("something in the first spare byte", 0, 7, "too-new", b"\1" + bytes(23))
    yield one("something in the last spare byte", 0, 8, "too-new", bytes(23) + b"\x80")
    yield {"name": "empty", **common, "volume": 0, "index": 9, "cell": noise("empty cell", 128), "verdict": "closed"}


# ---- header blocks ----

def body_fields(**changes):
    return {"incompat": 4, "ro_compat": 0, "compat": 0, "seq": 7, "uuid": noise("uuid", 16), "created": 1767225600,
            "container_size": 4 << 20, "data_off": 1 << 20, "data_size": (3 << 20) - fmt.END, "iv_base": 0,
            "sector_shift": 12, "cipher": 1, "key": noise("volume key", 64), "label": b"private",
            "front_salt": noise("front salt", 16), "tail_salt": noise("tail salt", 16), **changes}


RECORDS = {0: {"kind": 1, "flags": 0, "seq_written": 1, "time": 1767225600, "name": b"the first"},
           14: {"kind": 4, "flags": 0, "seq_written": 7, "time": 0, "name": b"n" * 40}}


def cells_with_slots(side, volume, keks, master):
    cells = [noise(f"empty {side} {volume} {i}", fmt.CELL) for i in range(fmt.SLOTS)]
    for index, kek in keks.items():
        nonce = noise(f"nonce {side} {volume} {index}", 24)
        cells[index] = fmt.slot(kek, noise(side + " salt", 16), volume, index, master, nonce)
    return b"".join(cells)


def header_blocks():
    keks = {0: noise("kek 0", 32), 14: noise("kek 14", 32)}
    for volume, marked in ((0, True), (1, True), (0, False)):
        master = noise(f"master {volume}", 32)
        fields = body_fields(incompat=4 if marked and volume == 0 else 0, compat=0 if marked else 1)
        cells = [cells_with_slots(side, volume, keks, master) for side in SIDE]
        plain = fmt.body(RECORDS, *cells, **fields)
        for copy, side in enumerate(SIDE):
            salt = noise(side + " salt", 16)
            if marked and volume == 0:
                cell0 = fmt.preamble(copy, cells[copy], memory=65536, passes=3, uuid=noise("visible uuid", 16),
                                     label="Fotos für alle".encode(), salt=salt)
            else:
                cell0 = noise(f"cell 0 {side} {volume}", 112) + (noise("cell 0", 16) if volume else salt)
            nonce = noise(f"body nonce {side} {volume} {marked}", 24)
            kind = "hidden" if volume else "marked" if marked else "unmarked"
            yield {"name": f"{side}, {kind}", "copy": copy, "volume": volume, "marked": int(marked), "salt": salt,
                   "master": master, "kek_0": keks[0], "kek_14": keks[14], "cell_0": cell0, "cells": cells[copy],
                   "body": plain, "nonce": nonce,
                   "block": fmt.block(cell0, cells[copy], plain, master, copy, volume, nonce)}


def body_blocks():
    marks = {"name": "everything set", **body_fields(incompat=0xA1A2A3A4, ro_compat=0xB1B2B3B4, compat=0xC1C2C3C4,
                                                     seq=0x0102030405060708, iv_base=0x1112131415161718)}
    cells = [noise(side + " cells", fmt.SLOTS * fmt.CELL) for side in SIDE]
    plain = fmt.body(RECORDS, *cells, **{k: v for k, v in marks.items() if k != "name"})
    for index, record in RECORDS.items():
        for field, value in record.items():
            marks[f"slot_{index}_{field}"] = value
    marks["label"] = marks["label"].ljust(64, b"\0")
    marks["slot_0_name"] = marks["slot_0_name"].ljust(40, b"\0")
    yield {**marks, "front_cells": cells[0], "tail_cells": cells[1], "body": plain}


def preambles():
    cells, salt = noise("preamble cells", fmt.SLOTS * fmt.CELL), noise("preamble salt", 16)

    def one(name, verdict, copy=fmt.FRONT, read_as=None, **changes):
        fields = {"memory": 65536, "passes": 3, "uuid": noise("visible uuid", 16), "label": b"label", "salt": salt,
                  **changes}
        return {"name": name, "copy": copy if read_as is None else read_as, "memory": fields["memory"],
                "passes": fields["passes"], "salt": salt, "cell_0": fmt.preamble(copy, cells, **fields),
                "verdict": verdict}

    yield one("front", "usable")
    yield one("tail", "usable", fmt.TAIL)
    yield one("the tail's magic in front", "no-magic", fmt.TAIL, fmt.FRONT)
    yield one("the front's magic in the tail", "no-magic", fmt.FRONT, fmt.TAIL)
    yield one("visible flags are ignored", "usable", visible_flags=0xFFFF)
    yield one("format 0", "too-new", format=0)
    yield one("format 2", "too-new", format=2)
    yield one("format 257", "too-new", format=257)
    yield one("kdf 0", "too-new", kdf=0)
    yield one("kdf 2", "too-new", kdf=2)
    yield one("no lane", "too-new", lanes=0)
    yield one("two lanes", "too-new", lanes=2)
    yield one("too new before out of bounds", "too-new", format=2, memory=0)
    for memory, passes, verdict in (
            (8192, 1, "usable"), (8191, 1, "damaged"), (0, 1, "damaged"), (4194304, 16, "usable"),
            (4194305, 1, "damaged"), (4294967295, 1, "damaged"), (8192, 0, "damaged"), (8192, 64, "usable"),
            (8192, 65, "damaged"), (8192, 4294967295, "damaged"), (4194304, 17, "damaged"), (1048576, 64, "usable"),
            (1048577, 64, "damaged")):
        yield one(f"{memory} KiB, {passes} passes", verdict, memory=memory, passes=passes)


# ---- what a body may say ----

def validation():
    size = 4 << 20

    def one(name, verdict="damaged", backing=size, **changes):
        fields = body_fields(**changes)
        shown = ("incompat", "ro_compat", "compat", "seq", "container_size", "data_off", "data_size", "iv_base",
                 "sector_shift", "cipher", "key")
        return {"name": name, "backing_size": backing, **{field: fields[field] for field in shown},
                "verdict": verdict}

    end = size - fmt.END
    small = {"sector_shift": 9}
    yield one("good", "ok")
    yield one("good, small sectors", "ok", **small)
    yield one("the backing store is larger", "ok", 1 << 40)
    yield one("the smallest", "ok", container_size=0x50000, data_off=0x20000, data_size=0x10000)
    yield one("unknown compat bits", "ok", compat=0xFFFFFFFF)
    yield one("unknown ro_compat bits", "read-only", ro_compat=0x80000000)
    for bit in (0, 1, 3, 4, 5, 31):
        yield one(f"incompat bit {bit}", "too-new", incompat=4 | 1 << bit)
    for cipher in (0, 2, 255):
        yield one(f"cipher {cipher}", "too-new", cipher=cipher)
    for shift in (0, 8, 10, 11, 13, 63, 64, 255):
        yield one(f"sector shift {shift}", sector_shift=shift)
    yield one("both halves of the key the same", key=bytes(range(32)) * 2)
    yield one("halves that differ in one bit", "ok", key=bytes(32) + bytes(31) + b"\1")
    for seq, verdict in ((0, "damaged"), (1, "ok"), (2**63 - 1, "ok"), (2**63, "damaged"), (2**64 - 1, "damaged")):
        yield one(f"seq {seq}", verdict, seq=seq)
    for value in (0, 1, 4095, 4096, fmt.END - 4096, size + 4096, size + 1, size - 1, size - 4096, 2**32 - 1, 2**32,
                  2**32 + 1, 2**48 - 1, 2**48, 2**63, 2**64 - 4096, 2**64 - 1):
        yield one(f"container size {value}", container_size=value)
    yield one("a container one page larger than the store", backing=size - 4096)
    yield one("a container one byte larger than the store", backing=size - 1)
    for value in (0, 1, 4095, 4096, 0x1F000, 0x20001, 0x20200, 2**32 - 1, 2**32, 2**48, 2**63, 2**64 - 4096,
                  2**64 - 1):
        yield one(f"data offset {value}", data_off=value)
    yield one("data right behind the front", "ok", data_off=0x20000, data_size=end - 0x20000)
    yield one("data into the tail", data_off=0x20000, data_size=end - 0x20000 + 4096)
    yield one("data into the tail by a small sector", data_off=0x20000, data_size=end - 0x20000 + 512, **small)
    for value in (0, 1, 511, 512, 4095, 4096, 0xF000, 0x10001, 0x10200, 2**32 - 1, 2**32, 2**32 + 1, 2**48 - 4096,
                  2**48, 2**48 + 4096, 2**63, 2**64 - 0x100000, 2**64 - 4096, 2**64 - 1):
        yield one(f"data size {value}", data_size=value)
    yield one("small sectors, odd number of them", "ok", data_size=0x10200, **small)
    yield one("small sectors, too small by one", data_size=0xFE00, **small)
    huge = {"container_size": 2**48 + 0x40000, "data_off": 0x20000}
    yield one("the largest data area", "ok", 2**49, data_size=2**48, **huge)
    yield one("larger than the largest", "damaged", 2**49, **{**huge, "data_size": 2**48 + 4096,
                                                             "container_size": 2**48 + 0x41000})
    units = ((3 << 20) - fmt.END) // 512
    for value, verdict in ((8, "ok"), (256, "ok"), (1, "damaged"), (4, "damaged"), (7, "damaged"), (9, "damaged"),
                           (2**63 - units - 8, "ok"), (2**63 - units, "damaged"), (2**63, "damaged"),
                           (2**64 - 8, "damaged"), (2**64 - units, "damaged")):
        yield one(f"iv_base {value}", verdict, iv_base=value)
    for value, verdict in ((1, "ok"), (2**63 - units - 1, "ok"), (2**63 - units, "damaged")):
        yield one(f"small sectors, iv_base {value}", verdict, iv_base=value, **small)
    yield one("too new before impossible", "too-new", incompat=5, container_size=1)


def known_answers():
    """Section 15 of spec/volume.md, in its order."""
    raw, salt, nonce, master = (bytes(range(start, start + size)) for start, size in
                                ((0, 32), (0x40, 16), (0x60, 24), (0x80, 32)))
    yield {"name": "R32", "raw_key": raw, "salt": salt, "code": fmt.recovery_code(raw),
           "kek": fmt.kek_hard(raw, salt)}
    contents = (b"one", b"two")
    for chosen in ((), contents):
        factors = [fmt.factor(content) for content in chosen]
        secret = fmt.material(b"correct horse", factors)
        yield {"name": f"'correct horse' and {len(chosen)} key files", "passphrase": b"correct horse",
               **{f"factor_{i}": value for i, value in enumerate(factors)}, "material": secret, "memory": 8192,
               "passes": 1, "salt": salt, "kek": fmt.kek_soft(secret, salt, 8192, 1)}
    cell = fmt.slot(raw, salt, 0, 3, master, nonce)
    yield {"name": "slot 3 of volume 0", "kek": raw, "salt": salt, "volume": 0, "index": 3, "nonce": nonce,
           "master": master, "cell": cell, "list_entry": fmt.blake2b(cell, size=16)}
    for size in (512, 4096):
        key = bytes(range(64))
        stored = fmt.encrypt_sectors(key, size, 256, 0, bytes(size))
        yield {"name": f"a sector of {size} zeros", "key": key, "iv_base": 256, "first": stored[:16],
               "last": stored[-16:]}


# ---- data ----

def sectors():
    key = noise("volume key", 64)
    for size in (512, 4096):
        for first, iv_base in ((0, 0), (1, 256), (2**35 // size, 0), (2**48 // size - 2, 2**62)):
            plain = noise(f"sectors {size} {first} {iv_base}", 2 * size)
            yield {"name": f"sectors {first} and {first + 1} of {size} bytes, iv_base {iv_base}", "key": key,
                   "sector_size": size, "iv_base": iv_base, "first": first, "plain": plain,
                   "cipher": fmt.encrypt_sectors(key, size, iv_base, first, plain)}


FILES = (
    ("known_answers.txt", known_answers, ["The known answers at the end of spec/volume.md."]),
    ("secrets.txt", secrets, ["From passphrases, key files and raw keys to the key-encryption key."]),
    ("recovery.txt", recovery, ["Recovery codes, and texts that are not one."]),
    ("seal.txt", seal_blocks, ["SEAL with a known nonce; closed = OPEN refuses."]),
    ("slots.txt", slot_blocks, ["Key slots. Salt, volume, index and kek are those that the cell is opened with."]),
    ("bodies.txt", body_blocks, ["The plaintext of a body, field by field."]),
    ("headers.txt", header_blocks, ["Whole header blocks."]),
    ("preambles.txt", preambles, ["Cell 0 of marked blocks, judged without a secret."]),
    ("validation.txt", validation, ["What an authenticated body says, judged before use."]),
    ("sectors.txt", sectors, ["Two sectors of the data area each."]),
)


DESCRIPTION = os.path.join(HERE, "volumes.txt")


def main(arguments):
    if arguments[:1] == ["--volumes"] and len(arguments) == 2:
        volumes.build_all(DESCRIPTION, arguments[1])
        return
    if len(arguments) > 1 or arguments[:1] == ["--volumes"]:
        sys.exit("usage: generate.py [DIR] | generate.py --volumes DIR")
    folder = arguments[0] if arguments else HERE
    for name, blocks, comment in FILES:
        write(folder, name, comment + ["Written by generate.py."], blocks())
    write(folder, "digests.txt", ["BLAKE2b-256 of what volumes.txt describes.", "Written by generate.py."],
          volumes.digests(DESCRIPTION))


if __name__ == "__main__":
    main(sys.argv[1:])
