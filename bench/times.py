#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Times what a user waits for: creating, opening, closing, converting; and what a server at rest takes of the memory.

usage: times.py COFFER [--rounds N]

What the key derivation takes is measured in the same run, by opening the same volume at twice the passes, so
that "besides the key derivation" is a difference of two figures of one machine.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


def timed(*command):
    start = time.monotonic()
    run(*command)
    return time.monotonic() - start


def kib_of(pid, field):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        for line in file:
            if line.startswith(field + ":"):
                return int(line.split()[1])
    return 0


def opening(coffer, directory, secret, passes, rounds):
    """Medians of mount and unmount at a number of passes, and the server's memory at rest in MiB."""
    volume = os.path.join(directory, f"open-{passes}.coffer")
    mount_point = os.path.join(directory, f"mnt-{passes}")
    os.mkdir(mount_point)
    run(coffer, "create", volume, "--size", "64M", "--fs", "none", "--kdf-memory", "64M", "--kdf-passes",
        str(passes), "--passphrase-file", secret)
    mounts, unmounts, memory = [], [], 0
    for _ in range(rounds):
        mounts.append(timed(coffer, "mount", "--block", volume, mount_point, "--passphrase-file", secret))
        listing = json.loads(run(coffer, "list", "--json"))
        pid = next(m["server_pid"] for m in listing["mounts"] if m["mount_point"] == mount_point)
        memory = kib_of(pid, "VmRSS") / 1024
        unmounts.append(timed(coffer, "unmount", mount_point))
    return statistics.median(mounts), statistics.median(unmounts), memory


def creating(coffer, directory, secret, file_system, rounds):
    """Median seconds, and MiB on the disk."""
    volume = os.path.join(directory, "large.coffer")
    times, used = [], 0
    for _ in range(rounds):
        times.append(timed(coffer, "create", volume, "--size", "1T", "--fs", file_system, "--kdf-memory", "8M",
                           "--kdf-passes", "1", "--passphrase-file", secret))
        used = os.stat(volume).st_blocks * 512 / 2**20
        os.unlink(volume)
    return statistics.median(times), used


def converting(coffer, directory, secret, rounds):
    """Median seconds to convert 1 GiB that is not thin, read back and compared, and to copy the same file with cp."""
    volume, copy = os.path.join(directory, "source.coffer"), os.path.join(directory, "copy.coffer")
    cheap = ("--thick", "--kdf-memory", "8M", "--kdf-passes", "1")
    run(coffer, "create", volume, "--size", "1G", "--fs", "none", "--passphrase-file", secret, *cheap)
    convert, plain = [], []
    for _ in range(rounds):
        convert.append(timed(coffer, "convert", volume, copy, "--passphrase-file", secret, "--new-passphrase-file",
                             secret, *cheap))
        os.unlink(copy)
        plain.append(timed("cp", "--reflink=never", volume, copy))
        os.unlink(copy)
    os.unlink(volume)
    return statistics.median(convert), statistics.median(plain)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("coffer")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dir", default=None)
    arguments = parser.parse_args()
    directory = tempfile.mkdtemp(prefix="coffer-bench-", dir=arguments.dir)
    secret = os.path.join(directory, "passphrase")
    with open(secret, "w", encoding="ascii") as file:
        file.write("benchmark\n")
    try:
        three, unmount, memory = opening(arguments.coffer, directory, secret, 3, arguments.rounds)
        six, _, _ = opening(arguments.coffer, directory, secret, 6, arguments.rounds)
        kdf = six - three  # three more passes: as long as the three that the first one has
        print(f"mount, 64 MiB and 3 passes:      {three * 1000:8.0f} ms, of that the key derivation {kdf * 1000:.0f}"
              f" ms, all else {max(three - kdf, 0) * 1000:.0f} ms")
        print(f"unmount:                         {unmount * 1000:8.0f} ms")
        print(f"memory of a server at rest:      {memory:8.1f} MiB")
        for file_system in ("none", "ext4"):
            seconds, used = creating(arguments.coffer, directory, secret, file_system, arguments.rounds)
            print(f"create 1 TiB thin, --fs {file_system:5}    {seconds * 1000:8.0f} ms, {used:.1f} MiB on the disk")
        seconds, plain = converting(arguments.coffer, directory, secret, arguments.rounds)
        print(f"convert 1 GiB thick, compared:   {seconds * 1000:8.0f} ms, {seconds / plain:.2f} of what cp takes")
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
