# SPDX-License-Identifier: LGPL-2.1-or-later
"""The two that are measured: bailiffd on a private bus, and the reference implementation, each with the program that
makes load for it. Both can do the same things under the same names."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import time

from gi.repository import Gio, GLib

from private_service import BUS_NAME, PROPERTIES, PrivateService, full_interface, full_path
from sanlock_daemon import SanlockDaemon
from stores import program

LOAD_LIMIT = 1800
MEMORY = "/dev/shm"


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

    def join(self, path, offset, count=1, host_id=1, io_timeout=10, prefix=None):
        """Lockspaces NAME0, NAME1, ... at once; {"all_us", "each_us"}."""
        return self.load("join", prefix or self.name, path, offset, count=count, host_id=host_id,
                         io_timeout=io_timeout)

    def leave(self, path, offset, count=1, host_id=1, prefix=None):
        return self.load("leave", prefix or self.name, path, offset, count=count, host_id=host_id)

    def renewal_starts(self, index, since_us):
        """Of one lockspace: when renewals began (µs of CLOCK_BOOTTIME), those that worked, and how many did not."""
        raise NotImplementedError

    def late_renewals(self, count, io_timeout, since_us):
        """How many renewals since then failed, or began more than 1 s later than they should have."""
        bad = 0
        for index in range(count):
            starts, failed = self.renewal_starts(index, since_us)
            bad += failed + sum(b - a > (2 * io_timeout + 1) * 1e6 for a, b in zip(starts, starts[1:]))
        return bad

    # What the process costs

    def cpu_seconds(self):
        return cpu_seconds(self.pid)

    def cpu_seconds_of_threads(self):
        """The same in nanoseconds rather than hundredths; but only of threads that are still there."""
        total = 0
        for thread in os.listdir(f"/proc/{self.pid}/task"):
            with contextlib.suppress(FileNotFoundError), open(f"/proc/{self.pid}/task/{thread}/schedstat") as file:
                total += int(file.read().split()[0])
        return total / 1e9

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
        # In memory, as /run is where it matters: a file is made and removed there for each pair.
        self.runtime = tempfile.mkdtemp(prefix="bailiff-bench.", dir=MEMORY if os.path.isdir(MEMORY) else None)
        try:
            self.service = PrivateService(f"--host-name {host_name}", {"BAILIFF_RUNTIME_DIR": self.runtime})
        except BaseException:
            shutil.rmtree(self.runtime)
            raise
        # It listens to every signal, which costs the bus and this process what is not to be measured.
        self.service.connection.close_sync()
        self.pid = self.service.daemon.pid
        self.bus_pid = next(pid for pid, command in self.service.processes().items()
                            if command.startswith("dbus-daemon"))

    def environment(self):
        return self.service.environment

    def call(self, path, interface, method, arguments):
        """On a connection of its own, which hears no signals."""
        connection = Gio.DBusConnection.new_for_address_sync(
            self.service.address, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT |
            Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)
        try:
            return connection.call_sync(BUS_NAME, full_path(path), interface, method, arguments, None,
                                        Gio.DBusCallFlags.NO_AUTO_START, -1, None).unpack()[0]
        finally:
            connection.close_sync()

    def renewal_starts(self, index, since_us):
        entries = self.call(f"lockspaces/{self.name}{index}", full_interface("Lockspace"), "GetRenewalHistory",
                            GLib.Variant("(u)", (0,)))
        entries = [entry for entry in entries if entry["started-usec"] >= since_us]
        return ([entry["started-usec"] for entry in entries if entry["worked"]],
                sum(not entry["worked"] for entry in entries))

    def fail_deadline_us(self):
        """Of its first lockspace, on CLOCK_BOOTTIME."""
        return self.call(f"lockspaces/{self.name}0", PROPERTIES, "Get",
                         GLib.Variant("(ss)", (full_interface("Lockspace"), "FailAtUsec")))

    def stop(self):
        try:
            self.service.stop()
        finally:
            shutil.rmtree(self.runtime)


class Sanlock(Contender):
    name = "sanlock"

    @staticmethod
    def available():
        return SanlockDaemon.program() is not None

    def __init__(self, host_name="bench"):
        self.daemon = SanlockDaemon(host_name)
        self.pid = self.daemon.process.pid

    def renewal_starts(self, index, since_us):
        """It keeps whole seconds."""
        text = self.daemon.run("client", "renewal", "-s", f"{self.name}{index}").stdout
        found = [(int(stamp) * 1000000, int(timeouts) + int(errors)) for stamp, timeouts, errors in re.findall(
            r"timestamp=(\d+) .*next_timeouts=(\d+) next_errors=(\d+)", text)]
        found = [entry for entry in found if entry[0] >= since_us]
        return [stamp for stamp, _ in found], sum(failed for _, failed in found)

    def fail_deadline_us(self):
        """Of its first lockspace: it counts 8 io timeouts in whole seconds of CLOCK_MONOTONIC."""
        text = self.daemon.run("client", "status", "-D").stdout
        space = text[text.index(f"\ns {self.name}0:"):]
        last = int(re.search(r"^    renewal_last_success=(\d+)", space, re.MULTILINE)[1])
        io_timeout = int(re.search(r"^    io_timeout=(\d+)", space, re.MULTILINE)[1])
        ahead = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        return (last + 8 * io_timeout) * 1000000 + ahead // 1000

    def environment(self):
        return self.daemon.environment

    def stop(self):
        self.daemon.stop()
