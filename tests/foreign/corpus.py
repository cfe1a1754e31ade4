#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Opens the volumes of a collection (INDEX.tsv) and compares keys and content with what its index says.

corpus.py CORPUS OPENED FORMAT...   in an empty directory; OPENED is tests/foreign/opened.c

A row without an entry in REFUSED has to open; one with an entry has to be refused with that status and that reason. The
volumes are opened by an ordinary user where this runs as root. No row of the index is left out: one of another format
has to be another test's (ELSEWHERE), or the test fails.
"""
import csv
import hashlib
import os
import re
import shutil
import subprocess
import sys

# Name of the file: exit status, and a pattern of the reason.
REFUSED = {
    "bitlk-partially-encrypted-aes-cbc-128.img.xz": (14, "encrypt-on-write"),
    "bitlk-aes-xts-128-eow.img.xz": (14, "encrypt-on-write"),
    "bitlocker-win7.img.xz": (13, "BitLocker metadata is damaged"),  # only the first sectors are there
    "cs_fvault2.img.xz": (13, "FileVault metadata is damaged"),  # as above
    "luks1.img.xz": (13, "beyond the end"),  # as above
    "luks2.img.xz": (13, "both copies of its LUKS header are damaged"),  # as above
    "luks-aes256-ecb.img.xz": (14, "aes-ecb.*is not supported"),
    "luks2_valid_hdr.img.xz": (14, "its key derivation, argon2, is not supported"),  # of a version before LUKS2 was finished
    "blkid-luks2-pv.img.xz": (13, "only the second header of a LUKS2 volume is left"),
    "evil_hdr-keyslot_overlap.xz": (13, "two key slots overlap"),
    "evil_hdr-luks_hdr_damage.xz": (13, "its LUKS header is damaged"),
    "evil_hdr-payload_overwrite.xz": (13, "a key slot reaches into the data"),
    "evil_hdr-stripes_payload_dmg.xz": (13, "its LUKS header is damaged"),
}

# Format: which test opens its rows, or sees them refused.
ELSEWHERE = {
    "TCRYPT": "unit/test_tcrypt_corpus",
    "LUKS1": "foreign/corpus_luks",
    "LUKS2": "foreign/corpus_luks",
    "BITLK": "foreign/corpus_luks",
    "FVAULT2": "foreign/fvault",
    "FreeOTFE": "foreign/freeotfe",
    "LOOPAES": "foreign/loopaes",
    "QCOW2-LUKS": "foreign/qcow",
    "QCOW2-AES": "foreign/qcow",
    "QCOW1-AES": "foreign/qcow",
}

user = ["runuser", "-u", "nobody", "--"] if os.geteuid() == 0 else []


def unpack(source, target, data_offset):
    """Sparse, and where only the header was kept, with some room for data behind it."""
    packed = subprocess.Popen(["xz", "-dc", source] if source.endswith(".xz") else ["cat", source],
                              stdout=subprocess.PIPE)
    with open(target, "wb") as file:
        while piece := packed.stdout.read(1 << 20):
            if piece.count(0) == len(piece):
                file.seek(len(piece), os.SEEK_CUR)
            else:
                file.write(piece)
        file.truncate(file.tell())
        if data_offset and file.tell() <= data_offset:
            file.truncate(data_offset + (1 << 20))
    if packed.wait() != 0:
        sys.exit(f"cannot unpack {source}")


def open_volume(opened, volume, credential):
    """Status, errors, and the digests of the first 2048 bytes and of all."""
    process = subprocess.Popen(user + [opened, volume, *credential], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    digest, first = hashlib.sha256(), b""
    while piece := process.stdout.read(1 << 20):
        digest.update(piece)
        first = (first + piece)[:2048]
    errors = process.stderr.read().decode()
    return process.wait(), errors, hashlib.sha256(first).hexdigest(), digest.hexdigest()


def credentials(row, corpus):
    """What opens it: one list of options for each passphrase, recovery password and key file."""
    found = []
    for i, text in enumerate(row["password"].split(" | ") if row["password"] else []):
        if text.startswith("("):
            found.append([])  # nothing is needed
            continue
        text, note, _ = text.partition(" (CP1252")
        with open(f"secret-{i}", "w", encoding="cp1252" if note else "utf-8") as file:
            file.write(text.removeprefix("recovery:"))
        found.append(["--passphrase-file", os.path.abspath(file.name)])
    for name in row["keyfiles"].split():
        found.append(["--key-file", os.path.join(corpus, "files", name)])
    if not found:
        with open("secret", "w", encoding="utf-8") as file:
            file.write("anything")
        found.append(["--passphrase-file", os.path.abspath(file.name)])
    return found


def type_of(row):
    """What has to be named to be opened."""
    bits = re.match(r"aes-(\d+)", row["cipher"])
    if row["format"] != "LOOPAES":
        return ["--type", "freeotfe"] if row["format"] == "FreeOTFE" else []
    return ["--type", "loop-aes" if bits.group(1) == "128" else f"loop-aes-{bits.group(1)}"]


def compare(row, result):
    """What is wrong; nothing when all is as it should be."""
    status, errors, first, whole = result
    name = os.path.basename(row["path"])
    if name in REFUSED:
        expected, reason = REFUSED[name]
        if status != expected or not re.search(reason, errors):
            return f"exit status {status} instead of {expected} with '{reason}': {errors.strip()}"
        return None
    if status != 0:
        return f"exit status {status}: {errors.strip()}"
    wanted = dict(field.split("=", 1) for field in row["expected"].split(";") if "=" in field)
    checks = dict(re.findall("(vk|volume_iv)=([0-9a-f]*)", errors))
    checks |= {"sha256_first2048": first, "sha256_all": whole, "sha256_lv": whole, "sha256_guest": whole}
    compared = 0
    for field, actual in checks.items():
        if field in wanted:
            compared += 1
            if wanted[field].split()[0] != actual:
                return f"{field} is {actual} instead of {wanted[field]}"
    if "volume_iv" in wanted and "volume_iv" not in checks:
        return "it has no volume IV"
    return None if compared else "nothing to compare with"


def main():
    corpus, opened, formats = os.path.abspath(sys.argv[1]), sys.argv[2], sys.argv[3:]
    os.chmod(".", 0o755)
    opened = shutil.copy(opened, "opened")
    opened = os.path.abspath(opened)
    with open(os.path.join(corpus, "INDEX.tsv"), encoding="utf-8", newline="") as file:
        index = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    rows = [row for row in index if row["format"] in formats]
    left = [row for row in index if row["format"] not in formats]
    failed = tried = 0
    for row in left:
        if row["format"] not in ELSEWHERE:
            failed += 1
            print(f"{row['path']}: no test opens volumes of the format {row['format']}, or sees them refused")
    for row in rows:
        offset = re.search(r"data_off=(\d+)", row["expected"])
        unpack(os.path.join(corpus, "files", row["path"]), "volume", int(offset.group(1)) if offset else 0)
        for credential in credentials(row, corpus):
            tried += 1
            fault = compare(row, open_volume(opened, os.path.abspath("volume"), credential + type_of(row)))
            if fault:
                failed += 1
                print(f"{row['path']}: {' '.join(credential)}: {fault}")
        os.unlink("volume")
    refused = sum(os.path.basename(row["path"]) in REFUSED for row in rows)
    print(f"{len(index)} volumes: {len(rows) - refused} opened, {refused} refused by name, {len(left)} left to "
          f"{', '.join(sorted({ELSEWHERE.get(row['format'], 'nobody') for row in left}))}; {tried} attempts, "
          f"{failed} failed")
    sys.exit(1 if failed or not tried else 0)


if __name__ == "__main__":
    main()
