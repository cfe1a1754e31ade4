#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""memory.py PID VOLUME PASSPHRASE-FILE - looks through the memory of a server for everything secret that opens VOLUME, a
copy of what it serves. The secrets are derived by the second reader of the format, not by the program that is looked at.

Keys may be in memory that is locked and not dumped, and nowhere else; what they were derived from, nowhere at all."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "spec"))
import reader  # noqa: E402  pylint: disable=wrong-import-position

pid, volume, passphrase_file = sys.argv[1:]
passphrase = Path(passphrase_file).read_bytes().split(b"\n")[0]
opening = reader.Opening(reader.Store(volume))
secret = reader.soft_secret(passphrase, [])
nowhere = {"the passphrase": passphrase, "what Argon2id stretches": secret.material}
locked = {}
for copy, block in enumerate(opening.h0):
    salt = block[112:128]
    kek = reader.derive(secret, salt, *reader.judge_preamble(block, copy)[1:])
    box = reader.cell(block, 1)
    slot = reader.decrypt(reader.commits(kek, "coffer1 slot", salt + bytes([0, 0]), box), box)
    body = reader.open_body(block, copy, 0, slot[:32])
    locked[f"the key-encryption key of copy {copy}"] = kek
    locked["the master key"] = slot[:32]
    locked["the first half of the volume's key"] = body.key[:32]
    locked["the second half of the volume's key"] = body.key[32:]


def mappings():
    """(start, end, flags) of what can be read."""
    place = None
    for line in Path(f"/proc/{pid}/smaps").read_text(encoding="ascii", errors="replace").splitlines():
        if match := re.match(r"(\w+)-(\w+) (....) .*?(\[v\w+\])?$", line):
            start, end, access, special = match.groups()
            place = (int(start, 16), int(end, 16)) if access[0] == "r" and not special else None
        elif line.startswith("VmFlags:") and place:
            yield *place, line.split()[1:]


try:
    memory = open(f"/proc/{pid}/mem", "rb", buffering=0)
except PermissionError:
    sys.exit(77)
found, wrong, seen = set(), set(), 0
for first, last, flags in mappings():
    if last - first > 256 << 20:  # what sanitizers set aside
        continue
    memory.seek(first)
    try:
        piece = memory.read(last - first)
    except OSError:
        continue
    seen += len(piece)
    wrong |= {name for name, value in nowhere.items() if value in piece}
    for name, value in locked.items():
        if value in piece:
            found.add(name)
            if not {"lo", "dd"} <= set(flags):
                wrong.add(name + ", which is neither locked nor kept out of dumps")
print(f"{seen} bytes; in locked memory: {', '.join(sorted(found)) or 'nothing'}")
for name in sorted(wrong):
    print(f"found: {name}")
# Without the volume's key nothing could be served: this search would be blind.
sys.exit(1 if wrong or not any("volume" in name for name in found) else 0)
