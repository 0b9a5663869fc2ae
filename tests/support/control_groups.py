# SPDX-License-Identifier: LGPL-2.1-or-later
"""Real control groups for tests, below the root of the unified hierarchy. They need root."""

import os
import pathlib
import subprocess
import sys
import time

from main_loop import LIMIT, poll_until

# Joins the group, then tells that it is in.
MEMBER = """import os, sys
open(sys.argv[1] + "/cgroup.procs", "w").write(str(os.getpid()))
print("ready", flush=True)
sys.stdin.read()
"""


class NoControlGroups(Exception):
    """None can be made here; the text says why."""


def mount_point():
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split(" ")
        if fields[fields.index("-") + 1] == "cgroup2" and fields[3] == "/":
            return pathlib.Path(fields[4])
    raise NoControlGroups("no unified control group hierarchy is mounted")


class ControlGroup:
    """`path` is as systemd tells it."""

    def __init__(self, name):
        # Numbers of processes come again, and a test that was killed leaves its group behind.
        self.path = f"/bailiff-test-{os.getpid()}-{time.monotonic_ns()}-{name}"
        self.directory = mount_point() / self.path[1:]
        self.members = []
        try:
            self.directory.mkdir()
        except PermissionError:
            raise NoControlGroups("no control group can be made (that needs root)") from None
        if not (self.directory / "cgroup.kill").exists():
            self.directory.rmdir()
            raise NoControlGroups("the kernel has no cgroup.kill")

    def run(self):
        """Starts a process in it; ends when its standard input does."""
        process = subprocess.Popen([sys.executable, "-c", MEMBER, str(self.directory)], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True)
        self.members.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    def kill(self):
        (self.directory / "cgroup.kill").write_text("1")

    def remove(self):
        if self.directory.exists():
            self.kill()
            for process in self.members:
                process.communicate(timeout=LIMIT)
            poll_until(lambda: "populated 0" in (self.directory / "cgroup.events").read_text(),
                       f"the end of all in {self.path}")
            self.directory.rmdir()
