# SPDX-License-Identifier: ISC
"""reader_vectors.py SPEC_DIR - spec/reader.py against the text vectors: each of its functions, each block of a file.

Says what differs, and fails then. Whole volumes are the business of reader_vectors.sh.
"""

import errno
import os
import sys
import tempfile

spec = sys.argv[1]
sys.dont_write_bytecode = True
sys.path.insert(0, spec)
import reader  # noqa: E402  spec/reader.py

failures = []
checked = {}


def blocks(name):
    """The blocks of a file, as dictionaries."""
    with open(os.path.join(spec, "vectors", name + ".txt"), encoding="utf-8") as file:
        lines = [line.rstrip("\n") for line in file if not line.startswith("#")]
    for block in "\n".join(lines).split("\n\n"):
        values = dict(line.split(" = ", 1) if " = " in line else (line[:-2], "") for line in block.split("\n") if line)
        if values:
            checked[name] = checked.get(name, 0) + 1
            yield values


def expect(block, expected, actual):
    if expected != actual:
        failures.append(f"{block['name']}: {actual!r} instead of {expected!r}")


def raw(block, name):
    return bytes.fromhex(block[name])


def number(block, name):
    return int(block[name])


def factors_of(block):
    """The factors: from contents where these are given."""
    found = []
    for i in range(33):
        if f"key_file_{i}" in block:
            with tempfile.NamedTemporaryFile() as file:
                file.write(raw(block, f"key_file_{i}"))
                file.flush()
                found.append(reader.factor(file.name))
        elif f"factor_{i}" in block:
            found.append(raw(block, f"factor_{i}"))
    given = [raw(block, f"factor_{i}") for i in range(33) if f"factor_{i}" in block]
    expect(block, given, sorted(found))  # [KEY-6]
    return found[::-1]  # in whatever order [KEY-7]


def check_secret(block):  # [KEY-6] to [KEY-9]
    if "raw_key" in block:
        secret, cost = reader.Secret(None, raw(block, "raw_key")), (0, 0)
    else:
        secret = reader.soft_secret(raw(block, "passphrase") or None, factors_of(block))
        cost = number(block, "memory"), number(block, "passes")
        expect(block, raw(block, "material"), secret.material)
    expect(block, raw(block, "kek"), reader.derive(secret, raw(block, "salt"), *cost))


def check_recovery(block):  # [REC-1] to [REC-3]
    expected = raw(block, "raw_key") if block["verdict"] == "ok" else None
    expect(block, expected, reader.recovery_key(block["code"].encode()))


def open_box(key, name, context, box):
    return reader.decrypt(reader.commits(key, name, context, box), box)


def check_seal(block):  # [SEAL-2] to [SEAL-4]
    plain = open_box(raw(block, "key"), block["label"], raw(block, "context"), raw(block, "sealed"))
    expect(block, raw(block, "plain") if block["verdict"] == "ok" else None, plain)


def check_slot(block):  # [SLOT-1], [SLOT-3]
    context = raw(block, "salt") + bytes([number(block, "volume"), number(block, "index")])
    slot = open_box(raw(block, "kek"), "coffer1 slot", context, raw(block, "cell"))
    verdict = "closed" if slot is None else "too-new" if any(slot[32:]) else "ok"
    expect(block, block.get("verdict", "ok"), verdict)
    if verdict == "ok":
        expect(block, raw(block, "master"), slot[:32])
    if "list_entry" in block:
        expect(block, raw(block, "list_entry"), reader.blake2b(16, raw(block, "cell")))  # [BODY-3]


def check_header(block):  # section 3
    copy, volume, data = number(block, "copy"), number(block, "volume"), raw(block, "block")
    expect(block, 4096, len(data))
    if volume == 0:
        expect(block, block["marked"] == "1", reader.judge_preamble(data, copy)[0] == "usable")
    for k in (0, 14):
        context = raw(block, "salt") + bytes([volume, k])
        slot = open_box(raw(block, f"kek_{k}"), "coffer1 slot", context, reader.cell(data, k + 1))
        expect(block, raw(block, "master") + bytes(24), slot)
    body = reader.open_body(data, copy, volume, raw(block, "master"))
    if body is None:
        failures.append(f"{block['name']}: the body does not open")
    else:
        for k in (0, 14):
            expect(block, reader.blake2b(16, reader.cell(data, k + 1)), body.lists[copy][k])  # [BODY-3]
        expect(block, raw(block, "salt"), body.salts[copy])  # [BODY-4]


def check_preamble(block):  # [PRE-1], [PRE-2], [PRE-3]
    verdict, m, t = reader.judge_preamble(raw(block, "cell_0").ljust(4096, b"\0"), number(block, "copy"))
    expect(block, block["verdict"], verdict.replace(" ", "-"))
    if verdict == "usable":
        expect(block, (number(block, "memory"), number(block, "passes")), (m, t))


def check_validation(block):  # section 7
    names = "incompat ro_compat seq container_size data_off data_size iv_base sector_shift cipher".split()
    body = reader.Body(*(number(block, name) for name in names), raw(block, "key"), [], (), [])
    expect(block, block["verdict"], reader.validate(body, number(block, "backing_size")))


def check_sectors(block):  # [DATA-2]
    shift = number(block, "sector_size").bit_length() - 1
    body = reader.Body(0, 0, 1, 0, 0, 0, number(block, "iv_base"), shift, 1, raw(block, "key"), [], (), [])
    plain = b"".join(reader.cleartext(body, number(block, "first"), raw(block, "cipher")))
    expect(block, raw(block, "plain"), plain)


def check_known_answer(block):  # section 15
    if "material" in block:
        check_secret(block)
    elif "code" in block:
        check_secret(block)
        check_recovery({**block, "verdict": "ok"})
    elif "cell" in block:
        check_slot(block)


def check_unreadable():  # [OPEN-18]
    def fail(at, size):
        raise OSError(errno.EIO, f"cannot read {size} bytes at {at}")

    with tempfile.NamedTemporaryFile() as file:
        file.truncate(0x50000)
        store = reader.Store(file.name)
        store.read = fail
        try:
            reader.Opening(store)
            failures.append("no header block can be read, and the opening goes on")
        except reader.Verdict as end:
            failures.append(f"no header block can be read, and that is {end.args[0]}")
        except OSError as error:
            expect({"name": "no header block can be read"}, errno.EIO, error.errno)


checks = {"secrets": check_secret, "recovery": check_recovery, "seal": check_seal, "slots": check_slot,
          "headers": check_header, "preambles": check_preamble, "validation": check_validation,
          "sectors": check_sectors, "known_answers": check_known_answer}
for name, check in checks.items():
    for block in blocks(name):
        check(block)
    if checked.get(name, 0) < 4:
        failures.append(f"{name}.txt has only {checked.get(name, 0)} blocks")
check_unreadable()
sys.exit("\n".join(failures) or 0)
