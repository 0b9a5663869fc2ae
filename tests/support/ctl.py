# SPDX-License-Identifier: LGPL-2.1-or-later
"""bailiffctl, run on the bus of a service: to its end, or while the test goes on."""

import json
import os
import select
import subprocess

import pytest

from main_loop import LIMIT
from private_service import BUILD

PROGRAM = str(BUILD / "src/ctl/bailiffctl")


def ctl(service, *arguments, status=0, **more):
    """Runs to the end; the exit status must be this one. Returns what it printed on both."""
    result = subprocess.run([PROGRAM, *(str(a) for a in arguments)], env=environment(service, **more), text=True,
                            stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT)
    assert result.returncode == status, f"{arguments}: {result.returncode}\n{result.stdout}{result.stderr}"
    if status:
        check_complaint(result.stderr, arguments)
    return result


def environment(service, **more):
    return {**service.environment, "LC_ALL": "C.UTF-8", **more}


def check_complaint(text, arguments=()):
    """A line of cause, then lines of cure, indented."""
    lines = text.rstrip("\n").split("\n")
    assert lines[0].startswith("bailiffctl: ") and len(lines) >= 2, (arguments, text)
    assert all(line.startswith("  ") for line in lines[1:]), (arguments, text)


def ctl_json(service, *arguments):
    """Valid JSON for a parser that allows no more than the standard does."""
    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")
    return json.loads(ctl(service, *arguments, "--json").stdout, parse_constant=refuse)


def spelled(value):
    """What D-Bus has, with names as JSON has them."""
    if isinstance(value, list):
        return [spelled(each) for each in value]
    if isinstance(value, dict):
        return {"".join(part[:1].upper() + part[1:] for part in key.replace("_", "-").split("-")): spelled(each)
                for key, each in value.items()}
    return value


class Running:
    """bailiffctl in the background."""

    def __init__(self, service, *arguments, **more):
        self.read = b""
        self.process = subprocess.Popen([PROGRAM, *(str(a) for a in arguments)], env=environment(service, **more),
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def line(self):
        """The next line of its output; empty at the end."""
        descriptor = self.process.stdout.fileno()
        while b"\n" not in self.read:
            assert select.select([descriptor], [], [], LIMIT)[0], f"nothing was printed after {self.read}"
            piece = os.read(descriptor, 65536)
            if not piece:
                return ""
            self.read += piece
        line, self.read = self.read.split(b"\n", 1)
        return line.decode() + "\n"

    def end(self, limit=LIMIT):
        """(status, what it printed since the last line(), complaints)"""
        out, err = self.process.communicate(timeout=limit)
        return self.process.returncode, (self.read + out).decode(), err.decode()

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate(timeout=LIMIT)


def on_terminal(service, *arguments, **more):
    """What it prints on a terminal."""
    try:
        main, terminal = os.openpty()
    except OSError as error:
        pytest.skip(f"there are no pseudo terminals here: {error.strerror}")
    try:
        process = subprocess.Popen([PROGRAM, *(str(a) for a in arguments)],
                                   env=environment(service, **{"TERM": "xterm", **more}), stdin=terminal,
                                   stdout=terminal, stderr=terminal)
        os.close(terminal)
        text = b""
        while True:
            try:
                piece = os.read(main, 65536)
            except OSError:  # EIO: nobody has it open any more
                break
            text += piece
        process.wait(LIMIT)
        return text.decode()
    finally:
        os.close(main)
