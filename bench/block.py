#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Compares block files: coffer, the same server without encryption, and QEMU's LUKS over FUSE.

usage: block.py COFFER COFFER_CLEARTEXT [--size MIB] [--rounds N] [--dir DIR]

All three serve one file of the same size from the same directory, by default in memory, so that the medium is
not what is measured. Every load runs once per round on each of them in turn, and what counts is the median of
the rounds: the machine may be slow or noisy, the ratios of one run still hold.
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

PASSPHRASE = "benchmark"

# name, fio options, unit of what is read off. Direct: what the server can do; cached: through the kernel's page
# cache, whose own work (the same for all) is then the larger part.
LOADS = [
    ("1 MiB write, direct, 1 job", "--rw=write --bs=1M --direct=1 --numjobs=1", "GiB/s"),
    ("1 MiB write, direct, 4 jobs", "--rw=write --bs=1M --direct=1 --numjobs=4", "GiB/s"),
    ("1 MiB read, direct, 1 job", "--rw=read --bs=1M --direct=1 --numjobs=1", "GiB/s"),
    ("1 MiB read, direct, 4 jobs", "--rw=read --bs=1M --direct=1 --numjobs=4", "GiB/s"),
    ("1 MiB write, cached, 1 job", "--rw=write --bs=1M --numjobs=1", "GiB/s"),
    ("1 MiB write, cached, 4 jobs", "--rw=write --bs=1M --numjobs=4", "GiB/s"),
    ("1 MiB read, cached, 1 job", "--rw=read --bs=1M --numjobs=1", "GiB/s"),
    ("1 MiB read, cached, 4 jobs", "--rw=read --bs=1M --numjobs=4", "GiB/s"),
    ("4 KiB random write, 1 job", "--rw=randwrite --bs=4k --direct=1 --numjobs=1", "IOPS"),
    ("4 KiB random write, 4 jobs", "--rw=randwrite --bs=4k --direct=1 --numjobs=4", "IOPS"),
    ("4 KiB random read, 1 job", "--rw=randread --bs=4k --direct=1 --numjobs=1", "IOPS"),
    ("4 KiB random read, 4 jobs", "--rw=randread --bs=4k --direct=1 --numjobs=4", "IOPS"),
]


def run(*command, **options):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, **options)


class Coffer:
    """A thick volume behind a coffer program, shown as DIR/volume."""

    def __init__(self, name, program, directory, mounts, size):
        self.name = name
        self.program = program
        self.volume = os.path.join(directory, name.replace(" ", "-") + ".coffer")
        self.mount_point = os.path.join(mounts, name.replace(" ", "-"))
        self.file = os.path.join(self.mount_point, "volume")
        os.mkdir(self.mount_point)
        secret = os.path.join(directory, "passphrase")
        with open(secret, "w", encoding="ascii") as file:
            file.write(PASSPHRASE + "\n")
        run(program, "create", self.volume, "--size", f"{size + 2}M", "--thick", "--fs", "none",
            "--kdf-memory", "8M", "--kdf-passes", "1", "--passphrase-file", secret,
            stderr=subprocess.DEVNULL)
        run(program, "mount", "--block", self.volume, self.mount_point, "--passphrase-file", secret)

    def close(self):
        run(self.program, "unmount", self.mount_point)
        os.rmdir(self.mount_point)
        os.unlink(self.volume)


class Qemu:
    """QEMU's LUKS driver behind its FUSE export."""

    name = "qemu luks"

    def __init__(self, directory, size):
        self.volume = os.path.join(directory, "qemu.luks")
        self.file = os.path.join(directory, "qemu-export")
        secret = os.path.join(directory, "passphrase")
        key = f"secret,id=key,file={secret},format=raw"
        with open(secret, "w", encoding="ascii") as file:
            file.write(PASSPHRASE + "\n")
        for attempt in range(10):  # it gives up when it cannot time its own key derivation on a busy machine
            made = subprocess.run(
                ["qemu-img", "create", "-q", "--object", key, "-f", "luks", "-o",
                 "key-secret=key,cipher-alg=aes-256,cipher-mode=xts,iter-time=500", self.volume, f"{size}M"],
                check=attempt == 9, stderr=subprocess.DEVNULL)
            if made.returncode == 0:
                break
        open(self.file, "w", encoding="ascii").close()
        self.daemon = subprocess.Popen(
            ["qemu-storage-daemon", "--object", key,
             "--blockdev", f"driver=file,filename={self.volume},node-name=file",
             "--blockdev", "driver=luks,file=file,key-secret=key,node-name=luks",
             "--export", f"type=fuse,id=export,node-name=luks,mountpoint={self.file},writable=on"])
        for _ in range(200):
            if os.stat(self.file).st_size > 0:
                return
            time.sleep(0.05)
        raise RuntimeError("qemu-storage-daemon does not show its file")

    def close(self):
        self.daemon.send_signal(signal.SIGTERM)
        self.daemon.wait()
        os.unlink(self.volume)


def measure(file, load, size):
    """One run of fio; GiB/s or IOPS. Caches are dropped first, and writes are flushed inside the time."""
    jobs = int(load[1].rsplit("=", 1)[1])
    each = size // jobs
    command = ["fio", "--name=load", f"--filename={file}", f"--size={each}M", f"--offset_increment={each}M",
               "--ioengine=psync", "--invalidate=1", "--end_fsync=1", "--group_reporting",
               "--output-format=json", "--fallocate=none", "--randrepeat=1"] + load[1].split()
    if load[2] == "IOPS":
        command += ["--time_based", "--runtime=2"]
    result = json.loads(run(*command).stdout)
    job = result["jobs"][0]
    part = job["write" if "write" in load[1] else "read"]
    if load[2] == "IOPS":
        return part["iops"]
    # fio's own rate of buffered writes leaves out the flush at the end.
    milliseconds = max(part["runtime"], job["job_runtime"] / jobs)
    return part["io_bytes"] / 2**30 / (milliseconds / 1000)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("coffer")
    parser.add_argument("cleartext")
    parser.add_argument("--size", type=int, default=1024, help="MiB (default: 1024)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dir", default="/dev/shm")
    arguments = parser.parse_args()
    directory = tempfile.mkdtemp(prefix="coffer-bench-", dir=arguments.dir)
    mounts = tempfile.mkdtemp(prefix="coffer-bench-")  # /dev is no place for mount points
    servers = []
    try:
        servers.append(Coffer("coffer", arguments.coffer, directory, mounts, arguments.size))
        servers.append(Coffer("no encryption", arguments.cleartext, directory, mounts, arguments.size))
        if shutil.which("qemu-storage-daemon"):
            servers.append(Qemu(directory, arguments.size))
        for server in servers:  # everything is written once, so that nobody reads holes
            run("fio", "--name=fill", f"--filename={server.file}", "--rw=write", "--bs=1M",
                f"--size={arguments.size}M", "--ioengine=psync", "--end_fsync=1", "--output=/dev/null")
        table(servers, arguments)
    finally:
        for server in servers:
            server.close()
        shutil.rmtree(directory, ignore_errors=True)
        os.rmdir(mounts)


def table(servers, arguments):
    names = [server.name for server in servers]
    print(f"{'load':32}" + "".join(f"{name:>16}" for name in names)
          + "".join(f"{'coffer/' + name:>22}" for name in names[1:]))
    for load in LOADS:
        figures = {name: [] for name in names}
        for _ in range(arguments.rounds):
            for server in servers:
                figures[server.name].append(measure(server.file, load, arguments.size))
        median = {name: statistics.median(values) for name, values in figures.items()}
        digits = 0 if load[2] == "IOPS" else 2
        line = f"{load[0]:32}" + "".join(f"{median[name]:>10.{digits}f} {load[2]:5}" for name in names)
        for name in names[1:]:
            ratios = [a / b for a, b in zip(figures["coffer"], figures[name])]
            line += f"{statistics.median(ratios):>12.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
        print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
