# SPDX-License-Identifier: LGPL-2.1-or-later
"""A bailiffd that logs to a journal of its own (tests/support/private-journal), and the lines that it writes there."""

import contextlib
import functools
import json
import os
import pathlib
import re
import signal
import subprocess
import sys

from main_loop import poll_until

SUPPORT = pathlib.Path(__file__).parent
SOURCE = SUPPORT.parents[1]
IN_A_NAMESPACE = ["unshare", "--mount", "--propagation", "slave"]


class NoJournal(Exception):
    """This machine cannot do it; the text says why."""


@functools.cache
def ids():
    """{name: id} of the notable messages."""
    return {name: number for name, number in
            re.findall(r'\{\s*"([a-z-]+)",\s*"([0-9a-f]{32})"', (SOURCE / "src/common/log-message.c").read_text())}


class Journal:
    """`prefix` is a command for PrivateService.start_daemon()."""

    def __init__(self, directory):
        trial = subprocess.run([*IN_A_NAMESPACE, "true"], capture_output=True, text=True)
        if trial.returncode:
            raise NoJournal(f"no namespace of mounts can be made: {trial.stderr.strip()}")
        self.path = pathlib.Path(directory, "journal")
        self.prefix = [*IN_A_NAMESPACE, sys.executable, "-B", str(SUPPORT / "private-journal"), str(self.path)]

    def lines(self, message=None, **fields):
        """Those with this message (by its name) and these fields, in their order."""
        found = [json.loads(line) for line in self.path.read_text().splitlines()] if self.path.exists() else []
        if message:
            fields["MESSAGE_ID"] = ids()[message]
        return [line for line in found if all(line.get(key) == value for key, value in fields.items())]

    def wait_for(self, message=None, **fields):
        """The first such line."""
        return poll_until(lambda: self.lines(message, **fields), f"{message or ''} {fields} in the journal")[0]

    @contextlib.contextmanager
    def hanging(self):
        reader = int(self.path.with_name("journal.pid").read_text())
        os.kill(reader, signal.SIGSTOP)
        poll_until(lambda: re.search(r"^State:\s+T", pathlib.Path(f"/proc/{reader}/status").read_text(), re.MULTILINE),
                   "a journal that hangs")
        try:
            yield
        finally:
            os.kill(reader, signal.SIGCONT)
