#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Compares mounted files: coffer, the same without encryption, fuse2fs over coffer's block file, and gocryptfs.

usage: files.py COFFER COFFER_CLEARTEXT [--size MIB] [--files N] [--rounds N] [--dir DIR]

All store in the same directory, by default in memory, so that the medium is not what is measured. Every round makes
each of them anew and runs all loads on it in turn; what counts is the median of the rounds. Writing is flushed inside
the time (unpacking by syncfs), and before anything is read it is mounted again, so that no cache of the mount helps.
"""

import argparse
import ctypes
import os
import random
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time

SECRET = "benchmark\n"
libc = ctypes.CDLL(None, use_errno=True)


def run(*command, **options):
    return subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **options)


def sync(directory):
    """Brings a mounted file system to its medium. (syncfs on FUSE asks the server only where it is privileged.)"""
    fd = os.open(directory, os.O_RDONLY)
    try:
        if libc.syncfs(fd) != 0:
            raise OSError(ctypes.get_errno(), "syncfs")
        os.fsync(fd)
    finally:
        os.close(fd)


class Coffer:
    """The files of a thin volume with ext4, behind a coffer program."""

    def __init__(self, name, program, directory, mounts, secret, size):
        self.name, self.program, self.secret = name, program, secret
        self.volume = os.path.join(directory, "files.coffer")
        self.root = os.path.join(mounts, "root")
        os.mkdir(self.root)
        run(program, "create", self.volume, "--size", f"{size}M", "--kdf-memory", "8M", "--kdf-passes", "1",
            "--passphrase-file", secret)
        self.mount()

    def mount(self):
        run(self.program, "mount", "--via", "fuse", self.volume, self.root, "--passphrase-file", self.secret)

    def unmount(self):
        run(self.program, "unmount", self.root)


class Fuse2fs(Coffer):
    """The same volume as one file, and fuse2fs on it."""

    def __init__(self, name, program, directory, mounts, secret, size):
        self.block = os.path.join(mounts, "block")
        os.mkdir(self.block)
        super().__init__(name, program, directory, mounts, secret, size)

    def mount(self):
        run(self.program, "mount", "--block", self.volume, self.block, "--passphrase-file", self.secret)
        run("fuse2fs", "-o", "fakeroot", os.path.join(self.block, "volume"), self.root)

    def unmount(self):
        run("fusermount3", "-u", self.root)
        deadline = time.monotonic() + 60  # fuse2fs flushes after its mount has gone
        while subprocess.run([self.program, "unmount", self.block], check=False,
                             stderr=subprocess.DEVNULL).returncode != 0:
            if time.monotonic() > deadline:
                raise RuntimeError("fuse2fs does not end")
            time.sleep(0.02)


class Gocryptfs:
    def __init__(self, name, _, directory, mounts, secret, __):
        self.name, self.secret = name, secret
        self.store = os.path.join(directory, "store")
        self.root = os.path.join(mounts, "root")
        os.mkdir(self.store)
        os.mkdir(self.root)
        run("gocryptfs", "-q", "-init", "-scryptn", "10", "-passfile", secret, self.store)
        self.mount()

    def mount(self):
        run("gocryptfs", "-q", "-passfile", self.secret, self.store, self.root)

    def unmount(self):
        run("fusermount3", "-u", self.root)


def make_archive(path, files):
    """Like a source tree: `files` files, a third of them below 4 KiB, few above 100 KiB."""
    noise = random.Random(1)
    body = noise.randbytes(1 << 20)
    source = os.path.join(os.path.dirname(path), "piece")
    with tarfile.open(path, "w") as archive:
        for i in range(files):
            size = min(int(noise.lognormvariate(9.0, 1.4)), 1 << 20)
            with open(source, "wb") as file:
                file.write(body[:size])
            archive.add(source, f"tree/{i % 40}/{i % 7}/file-{i}.c")
    os.unlink(source)


def write_file(subject, arguments, _):
    piece = os.urandom(1 << 20)
    fd = os.open(os.path.join(subject.root, "large"), os.O_WRONLY | os.O_CREAT, 0o600)
    for _ in range(arguments.size):
        os.write(fd, piece)
    os.fsync(fd)
    os.close(fd)


def read_file(subject, _, __):
    fd = os.open(os.path.join(subject.root, "large"), os.O_RDONLY)
    while os.read(fd, 1 << 20):
        pass
    os.close(fd)


def unpack(subject, _, archive):
    run("tar", "-xf", archive, "-C", subject.root)
    sync(subject.root)


def read_tree(subject, _, __):
    run("sh", "-c", "tar -cf - tree | cat", cwd=subject.root)


def remove_tree(subject, _, __):
    shutil.rmtree(os.path.join(subject.root, "tree"))
    sync(subject.root)


# name, what is done, whether it is mounted again first, whether the figure is a rate of --size
LOADS = [
    ("write one large file", write_file, False, True),
    ("read it", read_file, True, True),
    ("unpack small files", unpack, False, False),
    ("read them", read_tree, True, False),
    ("list them (find -ls)", lambda subject, _, __: run("find", subject.root, "-ls"), True, False),
    ("remove them", remove_tree, False, False),
]


def measure(kind, name, program, arguments, archive, secret, figures):
    directory = tempfile.mkdtemp(prefix="coffer-bench-", dir=arguments.dir)
    mounts = tempfile.mkdtemp(prefix="coffer-bench-")  # /dev is no place for mount points
    subject = kind(name, program, directory, mounts, secret, arguments.size + 1024)
    try:
        for load, function, again, is_rate in LOADS:
            if again:
                subject.unmount()
                subject.mount()
            start = time.monotonic()
            function(subject, arguments, archive)
            seconds = time.monotonic() - start
            figures.setdefault((load, name), []).append(arguments.size / 1024 / seconds if is_rate else seconds)
    finally:
        subject.unmount()
        shutil.rmtree(directory)
        shutil.rmtree(mounts)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("coffer")
    parser.add_argument("cleartext")
    parser.add_argument("--size", type=int, default=1024, help="MiB of the large file (default: 1024)")
    parser.add_argument("--files", type=int, default=7500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dir", default="/dev/shm")
    arguments = parser.parse_args()
    subjects = [(Coffer, "coffer", arguments.coffer), (Coffer, "no encryption", arguments.cleartext)]
    if shutil.which("fuse2fs"):
        subjects.append((Fuse2fs, "fuse2fs on --block", arguments.coffer))
    if shutil.which("gocryptfs"):
        subjects.append((Gocryptfs, "gocryptfs", None))
    figures = {}
    with tempfile.TemporaryDirectory(prefix="coffer-bench-") as work:
        archive, secret = os.path.join(work, "tree.tar"), os.path.join(work, "passphrase")
        make_archive(archive, arguments.files)
        with open(secret, "w", encoding="ascii") as file:
            file.write(SECRET)
        for _ in range(arguments.rounds):
            for kind, name, program in subjects:
                measure(kind, name, program, arguments, archive, secret, figures)
    table([name for _, name, _ in subjects], figures)


def table(names, figures):
    """Ratios are how many times as fast coffer is."""
    print(f"{'load':22}" + "".join(f"{name:>20}" for name in names)
          + "".join(f"{'coffer/' + name:>27}" for name in names[1:]))
    for load, _, _, is_rate in LOADS:
        line = f"{load:22}"
        for name in names:
            line += f"{statistics.median(figures[load, name]):>14.2f} {'GiB/s' if is_rate else 's':5}"
        for name in names[1:]:
            ratios = [a / b if is_rate else b / a for a, b in zip(figures[load, "coffer"], figures[load, name])]
            line += f"{statistics.median(ratios):>15.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
        print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
