# SPDX-License-Identifier: LGPL-2.1-or-later
"""Watchdogs for the tests, none of which resets anything: a device (pseudo-watchdog.c), and Debian's wdmd on it."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from main_loop import LIMIT, poll_until
from private_service import BUILD

PROGRAM = BUILD / "tests/pseudo-watchdog"
SECOND = 1_000_000


class NoSuchWatchdog(Exception):
    """This machine cannot do it; the text says why."""


def boottime():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


class PseudoDevice:
    """`settings`: see pseudo-watchdog.c."""

    def __init__(self, directory, *settings):
        if not PROGRAM.exists():
            raise NoSuchWatchdog("pseudo-watchdog was not built: there is no libfuse3-dev")
        if not os.access("/dev/fuse", os.R_OK | os.W_OK):
            raise NoSuchWatchdog("/dev/fuse cannot be opened")
        self.path = str(pathlib.Path(directory, "watchdog"))
        self.log_path = pathlib.Path(directory, "watchdog.log")
        pathlib.Path(self.path).touch()
        self.process = subprocess.Popen([str(PROGRAM), self.path, str(self.log_path), *settings],
                                        stdin=subprocess.DEVNULL)
        poll_until(lambda: self.count("ready"), "the pseudo device")

    def events(self):
        """[(time, name, seconds)]"""
        text = self.log_path.read_text() if self.log_path.exists() else ""
        lines = [line.split() for line in text.split("\n")[:-1]]
        return [(int(when), name, int(seconds[0]) if seconds else 0) for when, name, *seconds in lines]

    def count(self, *names):
        return sum(name in names for _, name, _ in self.events())

    def wait_for(self, name, count=1):
        poll_until(lambda: self.count(name) >= count, f"{name} in the device's log")

    def timeout(self):
        """What it is set to."""
        return next((seconds for _, name, seconds in reversed(self.events()) if name == "settimeout"), 60)

    def fires_at(self):
        """As it is set; 0: it is stopped."""
        fires, timeout, disabled = 0, 60, False
        for when, name, seconds in self.events():
            timeout = seconds or timeout
            disabled = name == "disable" or disabled and name not in ("open", "enable")
            fires = 0 if disabled or name in ("ready", "stop") else when + timeout * SECOND
        return fires

    def stop(self):
        self.process.terminate()
        self.process.wait(LIMIT)


@contextlib.contextmanager
def pseudo_device(*settings):
    directory = tempfile.mkdtemp(prefix="bailiff-watchdog.", dir="/tmp")
    try:
        device = PseudoDevice(directory, *settings)
        try:
            yield device
        finally:
            device.stop()
    finally:
        shutil.rmtree(directory)


# Its socket, its pid file and its memory have fixed places, and it writes to the console: all of that in a mount
# namespace of its own, where the directory for the socket is one that can be seen from outside.
WDMD = """
set -eu
mount -t tmpfs tmpfs /dev/shm
mount --bind /dev/null /dev/console
mount -t tmpfs tmpfs /run
mkdir /run/wdmd
mount --bind "$1" /run/wdmd
exec setpriv --pdeathsig KILL "$2" -D -H 0 -S 0 -w "$3"
"""


class Wdmd:
    """Debian's wdmd, with a pseudo device."""

    def __init__(self, device):
        program = shutil.which("wdmd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
        if program is None:
            raise NoSuchWatchdog("wdmd is not installed")
        if os.geteuid() != 0:
            raise NoSuchWatchdog("wdmd needs root")
        self.directory = tempfile.mkdtemp(prefix="bailiff-wdmd.", dir="/tmp")
        self.socket = os.path.join(self.directory, "wdmd.sock")
        self.log_path = os.path.join(self.directory, "log")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                ["unshare", "--mount", "--propagation", "private", "sh", "-c", WDMD, "sh", self.directory, program,
                 device.path], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            poll_until(lambda: os.path.exists(self.socket) and device.count("keepalive"), "wdmd",
                       give_up=lambda: self.log() if self.process.poll() is not None else None)
        except BaseException:
            self.stop()
            raise

    def log(self):
        return pathlib.Path(self.log_path).read_text(errors="replace")

    def wait_for(self, text):
        poll_until(lambda: text in self.log(), f"{text} in wdmd's log")

    def stop(self):
        """One that has clients goes on."""
        self.process.kill()
        self.process.wait(LIMIT)
        shutil.rmtree(self.directory)


@contextlib.contextmanager
def real_wdmd(device):
    wdmd = Wdmd(device)
    try:
        yield wdmd
    finally:
        wdmd.stop()
