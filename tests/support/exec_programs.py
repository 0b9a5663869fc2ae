# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs of exec steps: policies that name them, scripts that are them, and the launcher that starts them."""

import pathlib

import pytest

from private_service import options


def steps(*given):
    """An option failure-policy: steps(("exec", 3, "/bin/true", "an argument"), ("kill", 0))."""
    return "a(sua{sv})", [
        (action, grace, options(program=("s", words[0]), arguments=("as", list(words[1:]))) if words else {})
        for action, grace, *words in given]


@pytest.fixture
def scripts(tmp_path):
    """scripts(name, body, mode): the path of a shell script, which may write beside itself ($0.out)."""
    def make(name, body="exit 0", mode=0o755):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(mode)
        return str(path)
    return make


def running(word):
    """Processes with this word in their command lines."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if word.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                pass
    return found


def launchers(service):
    """Children of the daemon, of which the launcher is the only one."""
    return [int(word) for word in
            pathlib.Path(f"/proc/{service.daemon.pid}/task/{service.daemon.pid}/children").read_text().split()]
