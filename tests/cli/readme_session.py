#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Runs the console session of a document at a pseudo-terminal.

usage: readme_session.py FILE. Lines of the first ```console block that begin with '$ ' are run by bash one after
the other; whatever ends in ': ' is a question and is answered with the passphrase 'correct horse'. Lines without
a $ are what the user sees; those that a command prints by itself (not questions) must appear in its output.
A command that says 'in use' (exit status 11) is repeated: a helper may still be closing its files.
"""

import os
import pty
import re
import select
import sys
import time

PASSPHRASE = b"correct horse\n"
PATIENCE = 120  # seconds of silence


def run(command):
    """Output and exit status of a command at a terminal of its own."""
    child, terminal = pty.fork()
    if child == 0:
        os.execv("/bin/bash", ["bash", "-euo", "pipefail", "-c", command])
    output = answered = b""
    while True:
        if not select.select([terminal], [], [], PATIENCE)[0]:
            sys.exit(f"'{command}' is silent after: {output.decode(errors='replace')}")
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # EIO: the last one at the terminal has gone
            piece = b""
        if not piece:
            break
        output += piece
        if output.endswith(b": ") and output != answered:
            answered = output
            os.write(terminal, PASSPHRASE)
    os.close(terminal)
    return output.decode(errors="replace").replace("\r", ""), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main():
    with open(sys.argv[1], encoding="utf-8") as document:
        session = re.search(r"^```console\n(.*?)^```", document.read(), re.M | re.S)
    if not session:
        sys.exit("no session found")
    commands = []
    for line in session.group(1).splitlines():
        if line.startswith("$ "):
            commands.append((line[2:], []))
        else:
            commands[-1][1].append(line)
    for command, expected in commands:
        print(f"$ {command}", flush=True)
        for _ in range(600):
            output, status = run(command)
            if status != 11:
                break
            time.sleep(0.1)
        print(output, end="", flush=True)
        if status != 0:
            sys.exit(f"'{command}' ended with {status}")
        for line in expected:
            if line.strip() not in output:
                sys.exit(f"'{command}' does not say: {line}")


if __name__ == "__main__":
    main()
