#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""What a disk may hold after the power was cut, from QEMU's log of the requests that reached it.

usage: crash_state.py BASE LOG OUT SEED

BASE is the disk before, LOG the log that the blklogwrites driver wrote (the format of the kernel's
dm-log-writes), OUT becomes the disk after: everything up to the last flush before some moment is there; of what came
after it, each 512-byte piece is there or not. SEED chooses the moment and the pieces; it says what it did.
Seed 0: everything that was written is there, as when only the machine's memory is lost.
"""

import random
import shutil
import struct
import sys

MAGIC = 0x6A736677736872
FLUSH, FUA, DISCARD = 1, 2, 4
PIECE = 512


def requests(log):
    """The requests in order: (flags, offset, size, where the data is in the log)."""
    magic, _, _, sector = struct.unpack("<QQQI", log.read(28).ljust(28, b"\0"))
    if magic == 0:  # QEMU writes its first sector with the first flush
        sector = PIECE
    elif magic != MAGIC:
        sys.exit("not a log of writes")
    at = sector
    while True:
        log.seek(at)
        entry = log.read(32)
        if len(entry) < 32:
            return
        first, count, flags, _ = struct.unpack("<QQQQ", entry)
        if count == 0 and flags == 0:
            return
        at += sector
        yield flags, first * sector, count * sector, at
        if not flags & DISCARD:
            at += count * sector


def apply(disk, log, request, dice=None):
    """Carries out one request, with dice only in pieces. Returns how many pieces were left out."""
    flags, offset, size, data = request
    left_out = 0
    if flags & DISCARD:
        content = bytes(size)
    else:
        log.seek(data)
        content = log.read(size)
        if len(content) < size:  # the log ends here: the request was under way
            content = b""
    whole = dice is None or dice.random() < 0.3
    none = not whole and dice.random() < 0.3
    for start in range(0, len(content), PIECE):
        if whole or (not none and dice.random() < 0.5):
            disk.seek(offset + start)
            disk.write(content[start:start + PIECE])
        else:
            left_out += 1
    return left_out


def main():
    base, log_path, out, seed = sys.argv[1:]
    shutil.copyfile(base, out)
    dice = random.Random(int(seed))
    with open(log_path, "rb") as log, open(out, "r+b") as disk:
        everything = list(requests(log))
        moment = len(everything)
        if int(seed) != 0 and everything:
            moment = dice.randrange(len(everything)) + 1
        flushes = [i for i in range(moment) if everything[i][0] & FLUSH]
        safe = moment if int(seed) == 0 else (flushes[-1] if flushes else 0)
        left_out = 0
        for number, request in enumerate(everything[:moment]):
            sure = number < safe or request[0] & FUA
            left_out += apply(disk, log, request, None if sure else dice)
    print(f"seed {seed}: {moment} of {len(everything)} requests, {moment - safe} after the last flush, "
          f"{left_out} pieces lost")


if __name__ == "__main__":
    main()
