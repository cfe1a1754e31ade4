#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Runs a program at a terminal and answers its questions, one line each: answer.py ANSWERS PROGRAM ARGUMENT...

A question is output that ends with a colon or "(y/n)", and spaces. Where it is for a passphrase, the answer waits until the
terminal does not show it, for what is typed before that is thrown away. Prints what the program said, exits as it does.
"""
import os
import pty
import select
import sys
import termios
import time

with open(sys.argv[1], "rb") as file:
    answers = file.read().splitlines()


def shows_what_is_typed(terminal):
    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)


pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
said = since = b""
while select.select([terminal], [], [], 120)[0]:
    try:
        piece = os.read(terminal, 4096)
    except OSError:  # the other side is closed
        break
    said += piece
    since += piece
    if since.endswith(b" ") and since.rstrip(b" ").endswith((b":", b"(y/n)")) and answers:
        while b"assphrase" in since.splitlines()[-1] and shows_what_is_typed(terminal):
            time.sleep(0.001)
        os.write(terminal, answers.pop(0) + b"\n")
        since = b""
sys.stdout.write(said.decode(errors="replace"))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
