#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Runs a program at a terminal until it shows a text, then presses Ctrl-C: progress.py TEXT PROGRAM ARGUMENT...

Exits with 0 when the program showed it and was ended by that, else with 1 and what it said.
"""
import os
import pty
import select
import signal
import sys

pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
said, pressed = b"", False
while select.select([terminal], [], [], 120)[0]:
    try:
        piece = os.read(terminal, 4096)
    except OSError:  # the other side is closed
        break
    said += piece
    if not pressed and sys.argv[1].encode() in said:
        os.write(terminal, b"\x03")
        pressed = True
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
if not pressed or status not in (-signal.SIGINT, 130):
    sys.exit(f"exit status {status}, said: {said!r}")
