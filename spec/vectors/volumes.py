# SPDX-License-Identifier: ISC
"""Builds the volumes that volumes.txt describes; README.md explains its words."""
import functools
import hashlib
import os

import volume_format as fmt

SIDES = ("front", "tail")
PASSPHRASE = "correct horse battery staple"
DEFAULTS = {"size": "0x100000", "data_off": "0x20000", "cost": "8192 1 1", "marked": "yes", "data": "thin",
            "sector_size": "4096", "verdict": "ok"}
KINDS = {"passphrase": 1, "key_files": 2, "recovery": 3, "raw_key": 4}


def noise(seed, size):
    return hashlib.shake_256(b"coffer volumes: " + seed.encode()).digest(size)


def key_file(name):
    return noise("key file " + name, 64)


def number(word):
    return int(word, 0)


def place(word, size):
    """An offset; a negative one counts from the end."""
    return number(word) + (size if word.startswith("-") else 0)


def read_blocks(path):
    block = {}
    with open(path, encoding="utf-8") as file:
        for line in [*file.read().split("\n"), ""]:
            if line.startswith("#"):
                continue
            if line:
                key, value = line.split(" =", 1)
                if key in block:
                    raise ValueError(f"{path}: '{key}' twice in one block")
                block[key] = value.strip()
            elif block:
                yield block
                block = {}


def describe(path):
    """The volumes by name, with all that they inherit, and the openings in order. A volume is an opening, too."""
    described, openings = {}, []
    for block in read_blocks(path):
        if "open" in block:
            openings.append({**DEFAULTS, **block})
            continue
        name = block["volume"]
        words = {**DEFAULTS, "seed": name}
        if "like" in block:
            base = described[block["like"]]
            words.update((k, v) for k, v in base.items() if k != "verdict" and not k.startswith("expect."))
        described[name] = {**words, **block}
        openings.append({**described[name], "open": name})
    return described, openings


# ---- secrets ----

@functools.lru_cache(maxsize=None)
def soft_key(secret, salt, memory, passes, lanes):
    return fmt.kek_soft(secret, salt, memory, passes, lanes)


def secret_of(words):
    """(passphrase, names of key files, raw key) of a slot or an opening."""
    raw = words.get("raw_key") or words.get("recovery")
    if raw:
        return b"", [], noise("raw key " + raw, 32)
    return words.get("passphrase", "").encode(), words.get("key_files", "").split(), None


def key_for(words, salt, cost):
    passphrase, files, raw = secret_of(words)
    if raw:
        return fmt.kek_hard(raw, salt)
    return soft_key(fmt.material(passphrase, [fmt.factor(key_file(name)) for name in files]), salt, *cost)


def slots_of(words):
    slots = {}
    for key, value in words.items():
        part = key.split(".")
        if part[0] == "slot":
            slots.setdefault(int(part[1]), {})[part[2]] = value
    for slot in slots.values():
        if not KINDS.keys() & slot.keys():
            slot["passphrase"] = PASSPHRASE
    return slots or {0: {"passphrase": PASSPHRASE}}


# ---- header blocks ----

def override(words, side, table_name, table, values):
    """`values` with what the description sets: NAME.FIELD for both copies, SIDE.NAME.FIELD for one."""
    for prefix in (table_name, f"{side}.{table_name}"):
        for key, value in words.items():
            if key.rpartition(".")[0] == prefix:
                field = key.rpartition(".")[2]
                code = table[field][1]
                values[field] = bytes.fromhex(value) if code.endswith("s") else number(value)
    return values


def cells_of(words, seed, side, volume, salt, cost, master):
    cells = [noise(f"{seed} empty {side} {volume} {i}", fmt.CELL) for i in range(fmt.SLOTS)]
    for index, slot in slots_of(words).items():
        if slot.get("cell") == "noise":
            cells[index] = noise(f"{seed} erased {side} {volume} {index}", fmt.CELL)
        else:
            padding = bytes.fromhex(slot.get("padding", "")).ljust(24, b"\0")
            if side + "_passphrase" in slot:
                slot = {"passphrase": slot[side + "_passphrase"]}
            nonce = noise(f"{seed} slot {side} {volume} {index}", 24)
            cells[index] = fmt.slot(key_for(slot, salt, cost), salt, volume, index, master, nonce, padding)
    return b"".join(cells)


def records_of(words):
    records = {}
    for index, slot in slots_of(words).items():
        kind = max((KINDS[word] for word in slot if word in KINDS), default=0)
        records[index] = {"kind": number(slot.get("kind", str(kind))), "flags": 0, "seq_written": 1, "time": 0,
                          "name": slot.get("name", "").encode()}
    return records


def wrong_digests(words, plain):
    for index, slot in slots_of(words).items():
        for copy in (fmt.FRONT, fmt.TAIL):
            if slot.get("digest") == "wrong":
                plain[fmt.DIGESTS_AT + (copy * fmt.SLOTS + index) * fmt.DIGEST] ^= 1


def header(words, outer, volume):
    """The front and the tail block of one volume, its fields and its key."""
    seed, cost = outer["seed"], tuple(number(word) for word in outer["cost"].split())
    salts = [noise(f"{seed} salt {side}", 16) for side in SIDES]
    master, key = noise(f"{seed} master {volume}", 32), noise(f"{seed} key {volume}", 64)
    size = number(outer["size"])
    end = place(outer.get("end", outer["size"]), size) - fmt.END
    hidden_size = number(words.get("size", "0")) if volume else 0
    data_off = end - hidden_size if volume else number(words["data_off"])
    cells = [cells_of(words, seed, side, volume, salts[i], cost, master) for i, side in enumerate(SIDES)]
    blocks = []
    for copy, side in enumerate(SIDES):
        fields = override(words, side, "body", fmt.BODY, {
            "incompat": 4 if outer["data"] == "thin" and not volume else 0,
            "compat": 1 if outer["data"] == "filled" and not volume else 0, "seq": 1, "created": 0, "iv_base": 0,
            "uuid": noise(f"{seed} uuid {volume}", 16), "container_size": end + fmt.END, "data_off": data_off,
            "data_size": end - data_off, "sector_shift": number(outer["sector_size"]).bit_length() - 1, "cipher": 1,
            "key": key, "front_salt": salts[0], "tail_salt": salts[1]})
        plain = fmt.body(records_of(words), *cells, **fields)
        wrong_digests(words, plain)
        if volume:
            cell0 = noise(f"{seed} cell 0 {side} {volume}", fmt.CELL)
        elif outer["marked"] == "no":
            cell0 = noise(f"{seed} cell 0 {side}", fmt.CELL - 16) + salts[copy]
        else:
            cell0 = fmt.preamble(copy, cells[copy], **override(words, side, "preamble", fmt.PREAMBLE, {
                "memory": cost[0], "passes": cost[1], "lanes": cost[2], "uuid": noise(f"{seed} visible uuid", 16),
                "label": words.get("label", "").encode(), "salt": salts[copy]}))
        nonce = noise(f"{seed} body {side} {volume} {fields['seq']}", 24)
        blocks.append(fmt.block(cell0, cells[copy], plain, master, copy, volume, nonce))
    return blocks, fields


# ---- the whole image ----

def write_data(image, words, fields, seed):
    sector = 1 << fields["sector_shift"]
    for piece in filter(None, words.get("write", "").split(";")):
        at, size = (place(word, fields["data_size"]) for word in piece.split())
        plain = noise(f"{seed} write {at}", size)
        start = fields["data_off"] + at
        image[start:start + size] = fmt.encrypt_sectors(fields["key"], sector, fields["iv_base"], at // sector, plain)


def afterwards(image, seed, orders):
    for order in filter(None, (part.split() for part in orders.split(";"))):
        verb, where = order[0], place(order[1], len(image))
        if verb == "cut":
            del image[where:]
        elif verb == "flip":
            image[where] ^= 1
        elif verb == "zero":
            image[where:where + number(order[2])] = bytes(number(order[2]))
        elif verb == "noise":
            image[where:where + number(order[2])] = noise(f"{seed} noise {where}", number(order[2]))
        elif verb == "swap":
            other, size = place(order[2], len(image)), number(order[3])
            image[where:where + size], image[other:other + size] = (image[other:other + size],
                                                                    image[where:where + size])
        elif verb == "fill":
            filling = bytes.fromhex(order[3]) * number(order[2])
            image[where:where + len(filling)] = filling
        else:
            raise ValueError(verb)


def headers_of(words):
    outer = header(words, words, 0)
    inner = {key[7:]: value for key, value in words.items() if key.startswith("hidden.")}
    return outer, (header(inner, words, 1), inner) if inner else None


def build(name, described, settled=False):
    """The image, and the fields of the outer and the hidden volume. Settled: what opening it for writing leaves."""
    words = described[name]
    seed, size = words["seed"], number(words["size"])
    image = bytearray(size)
    if words.get("header") == "no":
        return image, None, None
    (blocks, fields), hidden = headers_of(words)
    end = place(words.get("end", words["size"]), size) - fmt.END
    data_off = number(words["data_off"])
    image[:data_off] = noise(f"{seed} front", data_off)
    image[end:end + fmt.END] = noise(f"{seed} tail", fmt.END)
    if words["data"] != "thin":
        image[data_off:end] = noise(f"{seed} fill", end - data_off)
    if words["verdict"] in ("ok", "read-only"):
        write_data(image, words, fields, seed)
    if hidden:
        write_data(image, hidden[1], hidden[0][1], seed + " hidden")
    for copy, at in ((fmt.FRONT, 0), (fmt.TAIL, end)):
        origin = words.get(SIDES[copy] + "_from")
        (copies, _), inner = headers_of(described[origin]) if origin else ((blocks, fields), hidden)
        image[at:at + fmt.BLOCK] = copies[copy]
        if inner:
            image[at + fmt.BLOCK:at + 2 * fmt.BLOCK] = inner[0][0][copy]
    if "old_tail" in words and not settled:
        old, old_fields, _ = build(words["old_tail"], described)
        at = old_fields["container_size"] - fmt.END
        image[at:at + fmt.END] = old[at:]
    afterwards(image, seed, words.get("after", ""))
    return image, fields, hidden[0][1] if hidden else None


def cleartext(image, fields):
    sector, at = 1 << fields["sector_shift"], fields["data_off"]
    stored = bytes(image[at:at + fields["data_size"]])
    plain = bytearray(fmt.decrypt_sectors(fields["key"], sector, fields["iv_base"], 0, stored))
    if fields["incompat"] & 4:
        for start in range(0, len(stored), sector):
            if not any(stored[start:start + sector]):
                plain[start:start + sector] = bytes(sector)
    return bytes(plain)


def write_sparse(path, image):
    with open(path, "wb") as file:
        for at in range(0, len(image), 4096):
            piece = image[at:at + 4096]
            if any(piece):
                file.seek(at)
                file.write(piece)
        file.truncate(len(image))


def digest(content):
    return fmt.blake2b(bytes(content), size=32).hex()


def cleartext_digests(name, described):
    words = described[name]
    image, fields, hidden = build(name, described, settled=True)
    outer = digest(cleartext(image, fields)) if words["verdict"] in ("ok", "read-only") else "-"
    return outer, digest(cleartext(image, hidden)) if hidden else "-"


def digests(path):
    """A block of digests per volume."""
    described, _ = describe(path)
    for name in described:
        outer, inner = cleartext_digests(name, described)
        block = {"volume": name, "image": digest(build(name, described)[0]), "cleartext": outer,
                 "hidden_cleartext": inner}
        yield {key: value for key, value in block.items() if value != "-"}


# ---- all of them, and how to open them ----

def options_for(words, folder):
    """The options of `coffer` that give an opening's secret; writes the files that they name."""
    if words.get("secret") == "none":
        return []
    if "open" in words and "volume" in words:  # its own secret: that of its first slot
        slots = slots_of(words)
        words = {**slots[min(slots)], **{k: v for k, v in words.items() if k == "level"}}
    passphrase, files, raw = secret_of(words)
    if "recovery" in words:
        passphrase, raw = fmt.recovery_code(raw).encode(), None
    options = []

    def give(option, name, content):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content)
        options.extend([option, name])

    if passphrase:
        give("--passphrase-file", "passphrase-" + hashlib.sha256(passphrase).hexdigest()[:8], passphrase + b"\n")
    for name in files:
        give("--key-file", "key-" + name, key_file(name))
    if raw:
        give("--raw-key-file", "raw-" + words["raw_key"], raw)
    return options + (["--kdf-level", words["level"]] if "level" in words else [])


def build_all(path, folder):
    """Images, secrets, and openings.tsv: image, verdict, limit of address space in KiB, what to expect, BLAKE2b-256 of
    the cleartext, options."""
    described, openings = describe(path)
    clear = {name: cleartext_digests(name, described) for name in described}
    for name in described:
        write_sparse(os.path.join(folder, name), build(name, described)[0])
    with open(os.path.join(folder, "openings.tsv"), "w", encoding="ascii") as file:
        for words in openings:
            expected = [f"{k[7:]}={v}" for k, v in words.items() if k.startswith("expect.")]
            limit = number(words.get("address_space", "0")) // 1024
            opens = words["verdict"] in ("ok", "read-only") and words.get("secret") != "none"
            fields = [words["open"], words["verdict"], str(limit or "unlimited"), ",".join(expected) or "-",
                      clear[words["open"]]["hidden=true" in expected] if opens else "-",
                      " ".join(options_for(words, folder)) or "-"]
            file.write("\t".join(fields) + "\n")
