# SPDX-License-Identifier: LGPL-2.1-or-later
"""The two that are measured: bailiffd on a private bus, and the reference implementation, each with the program that
makes load for it. Both can do the same things under the same names."""

import json
import os
import re
import subprocess

from private_service import PrivateService
from sanlock_daemon import SanlockDaemon
from stores import program

LOAD_LIMIT = 1800


class LoadFailed(Exception):
    """The load program could not do its work."""


class Load:
    """A running load program; its answers are lines of JSON."""

    def __init__(self, command, environment):
        self.command = command
        self.process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)

    def answer(self, failures_allowed=False):
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            raise LoadFailed(f"{' '.join(self.command)}: ended with status {self.process.returncode}")
        result = json.loads(line)
        if result.get("failed") and not failures_allowed:
            raise LoadFailed(f"{' '.join(self.command)}: {result['failed']} failed, first: {result['first_error']}")
        return result

    def finish(self):
        """Tells a program in mode hold that it is over."""
        self.process.stdin.close()

    def end(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(LOAD_LIMIT)

    def kill(self):
        self.process.kill()
        self.process.stdout.close()
        self.process.wait()


class Contender:
    """One daemon. `name` is "bailiff" or "sanlock", and what its lockspaces' names begin with."""

    name = ""

    def begin_load(self, mode, lockspace, path, offset, **options):
        words = [word for key, value in options.items() if value is not False
                 for word in ([f"--{key.replace('_', '-')}"] if value is True
                              else [f"--{key.replace('_', '-')}={value}"])]
        return Load([program(f"{self.name}-load"), mode, f"--lockspace={lockspace}", f"--path={path}",
                     f"--offset={offset}", *words], self.environment())

    def load(self, mode, lockspace, path, offset, **options):
        load = self.begin_load(mode, lockspace, path, offset, **options)
        try:
            return load.answer()
        finally:
            load.end()

    def join(self, path, offset, count=1, host_id=1, io_timeout=10):
        """Lockspaces NAME0, NAME1, ... at once; {"all_us", "each_us"}."""
        return self.load("join", self.name, path, offset, count=count, host_id=host_id, io_timeout=io_timeout)

    def leave(self, path, offset, count=1, host_id=1):
        return self.load("leave", self.name, path, offset, count=count, host_id=host_id)

    # What the process costs

    def cpu_seconds(self):
        return cpu_seconds(self.pid)

    def bytes_read(self):
        """That it made the storage read: direct I/O on a file or device, not on FUSE."""
        with open(f"/proc/{self.pid}/io") as file:
            return int(re.search(r"^read_bytes: (\d+)", file.read(), re.MULTILINE)[1])

    def status(self, field):
        """Of /proc/PID/status: VmRSS in KiB, Threads."""
        with open(f"/proc/{self.pid}/status") as file:
            return int(re.search(rf"^{field}:\s+(\d+)", file.read(), re.MULTILINE)[1])


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Bailiff(Contender):
    name = "bailiff"

    def __init__(self, host_name="bench"):
        self.service = PrivateService(f"--host-name {host_name}")
        self.pid = self.service.daemon.pid
        self.bus_pid = next(pid for pid, command in self.service.processes().items()
                            if command.startswith("dbus-daemon"))

    def environment(self):
        return self.service.environment

    def late_renewals(self, count, io_timeout, since_us):
        """How many renewals since then failed or began more than 1 s later than they should have."""
        bad = 0
        for index in range(count):
            entries = self.service.call(f"lockspaces/{self.name}{index}", "Lockspace", "GetRenewalHistory", "(u)", 0)
            starts = [entry["started-usec"] for entry in entries if entry["started-usec"] >= since_us]
            gaps = [b - a for a, b in zip(starts, starts[1:])]
            bad += sum(gap > (2 * io_timeout + 1) * 1e6 for gap in gaps)
            bad += sum(not entry["worked"] for entry in entries if entry["started-usec"] >= since_us)
        return bad

    def stop(self):
        self.service.stop()


class Sanlock(Contender):
    name = "sanlock"

    @staticmethod
    def available():
        return SanlockDaemon.program() is not None

    def __init__(self, host_name="bench"):
        self.daemon = SanlockDaemon(host_name)
        self.pid = self.daemon.process.pid

    def environment(self):
        return self.daemon.environment

    def stop(self):
        self.daemon.stop()
