#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Runs a command in a pseudo-terminal, as a shell would, and plays the person in front of it.

usage: terminal.py STEP... -- COMMAND...

    see:TEXT        wait until TEXT has been shown (since the last see)
    type:TEXT       type TEXT and Return; \\xNN stands for a byte
    keys:TEXT       type TEXT without Return
    code:right      type the recovery code that was shown last; code:wrong: with a typing error
    key:NAME        press intr, quit, susp or eof
    send:NAME       send a signal, as kill does: INT, TERM, HUP, CONT, USR1 ...
    echo:on|off     wait until the terminal shows, or does not show, what is typed
    stopped:        wait until the command is stopped; the "shell" takes the terminal back
    continue:       give the terminal to the command and let it go on, as fg does
    hidden:TEXT     TEXT has not been shown so far
    exit:N          wait for the end with this exit status
    killed:NAME     wait for the end by this signal

Prints what the terminal has shown. The last step should be exit: or killed:. Each wait ends after a minute, in
failure, so a command that hangs cannot hang a test.
"""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

PATIENCE = 60  # seconds
KEYS = {"intr": termios.VINTR, "quit": termios.VQUIT, "susp": termios.VSUSP, "eof": termios.VEOF}


class Terminal:
    def __init__(self, command):
        self.shown = b""
        self.seen = 0
        self.status = None
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("4H", 100, 120, 0, 0))
        os.setsid()
        os.close(os.open(os.ttyname(self.slave), os.O_RDWR))  # becomes the controlling terminal
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # not Python's
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        go, ready = os.pipe()
        self.child = os.fork()
        if self.child == 0:
            os.close(ready)
            self.become(command, go)
        for ignored in (signal.SIGTTOU, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP):
            signal.signal(ignored, signal.SIG_IGN)
        os.setpgid(self.child, self.child)
        os.tcsetpgrp(self.slave, self.child)
        os.close(ready)

    def become(self, command, go):
        os.read(go, 1)  # until the terminal is ours
        for fd in (0, 1, 2):
            os.dup2(self.slave, fd)
        os.closerange(3, 100)
        os.execvp(command[0], command)

    def drain(self):
        while select.select([self.master], [], [], 0.02)[0]:
            self.shown += os.read(self.master, 65536)

    def until(self, what, condition):
        deadline = time.monotonic() + PATIENCE
        while True:
            self.drain()
            if condition():
                return
            if time.monotonic() > deadline:
                raise AssertionError(f"did not happen: {what}")

    def wait(self, flags=0):
        if self.status is None:
            pid, status = os.waitpid(self.child, os.WNOHANG | flags)
            if pid and (os.WIFEXITED(status) or os.WIFSIGNALED(status)):
                self.status = status
            return pid != 0 and os.WIFSTOPPED(status)
        return False

    def has_echo(self):
        return bool(termios.tcgetattr(self.slave)[3] & termios.ECHO)

    def ended(self):
        self.wait()
        return self.status is not None

    # steps

    def see(self, text):
        wanted = text.encode()
        self.until(f"see {text!r}", lambda: self.shown.find(wanted, self.seen) >= 0)
        self.seen = self.shown.find(wanted, self.seen) + len(wanted)

    def type(self, text):
        raw = text.encode("latin-1", "backslashreplace").decode("unicode_escape").encode("latin-1")
        os.write(self.master, raw + b"\n")

    def keys(self, text):
        os.write(self.master, text.encode())

    def code(self, how):
        code = re.findall(rb"(?:[0-9A-Z]{5}-){10}[0-9A-Z]{5}", self.shown)[-1]
        if how == "wrong":
            code = code[:-1] + (b"0" if code[-1:] != b"0" else b"8")
        os.write(self.master, code.replace(b"-", b" ").lower() + b"\n")

    def key(self, name):
        os.write(self.master, termios.tcgetattr(self.slave)[6][KEYS[name]])

    def send(self, name):
        os.kill(self.child, getattr(signal, "SIG" + name))

    def echo(self, state):
        self.until(f"echo {state}", lambda: self.has_echo() == (state == "on"))

    def stopped(self, _):
        self.until("stopped", lambda: self.wait(os.WUNTRACED))
        os.tcsetpgrp(self.slave, os.getpgrp())

    def proceed(self, _):
        os.tcsetpgrp(self.slave, self.child)
        os.killpg(self.child, signal.SIGCONT)

    def hidden(self, text):
        self.drain()
        if text.encode() in self.shown:
            raise AssertionError(f"was shown: {text!r}")

    def exit(self, status):
        self.until(f"exit {status}", self.ended)
        if not os.WIFEXITED(self.status) or os.WEXITSTATUS(self.status) != int(status):
            raise AssertionError(f"ended with status {self.status:#x} instead of exit {status}")

    def killed(self, name):
        self.until(f"killed {name}", self.ended)
        if not os.WIFSIGNALED(self.status) or os.WTERMSIG(self.status) != getattr(signal, "SIG" + name):
            raise AssertionError(f"ended with status {self.status:#x} instead of SIG{name}")


def main(arguments):
    split = arguments.index("--")
    terminal = Terminal(arguments[split + 1:])
    try:
        for step in arguments[:split]:
            name, _, text = step.partition(":")
            getattr(terminal, {"continue": "proceed"}.get(name, name))(text)
        return 0
    except AssertionError as problem:
        print(f"{step}: {problem}")
        return 1
    finally:
        terminal.drain()
        if terminal.status is None:
            os.kill(terminal.child, signal.SIGKILL)
        sys.stdout.write(terminal.shown.decode("utf-8", "replace").replace("\r\n", "\n"))


if __name__ == "__main__":
    if os.getpgrp() == os.getpid():  # a leader cannot start a session
        child = os.fork()
        if child:
            sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    sys.exit(main(sys.argv[1:]))
