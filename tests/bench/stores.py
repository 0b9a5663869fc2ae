# SPDX-License-Identifier: LGPL-2.1-or-later
"""Storage to measure on: a plain file, a file whose every I/O takes a given time, a file whose store can hang."""

import contextlib
import json
import mmap
import os
import struct
import subprocess
import tempfile

from lease_storage import HANGING_STORE, LIMIT, MIB, direct_io_directory
from main_loop import poll_until
from private_service import BUILD

PROGRAMS = BUILD / "tests" / "bench"


def program(name):
    return str(PROGRAMS / f"bench-{name}")


def file_system_of(path):
    """(type, device) by the longest mount point above it."""
    path, best = os.path.realpath(path), ("", "", "")
    with open("/proc/self/mounts") as mounts:
        for line in mounts:
            device, where, kind = line.split()[:3]
            if (path == where or path.startswith(where.rstrip("/") + "/")) and len(where) >= len(best[0]):
                best = where, kind, device
    return best[1], best[2]


@contextlib.contextmanager
def directory():
    """On a file system that takes direct I/O; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="bailiff-bench.", dir=direct_io_directory()) as path:
        yield path


class Areas:
    """What lies where in one file: areas of 1 MiB that are handed out from its beginning."""

    def __init__(self, backing):
        self.backing = backing
        self.used = 0

    def lockspaces(self, prefix, count, stored_io_timeout=1):
        """Formats lockspaces PREFIX0, PREFIX1, ...; returns the offset. A join takes at least twice the io timeout
        that is stored: the smallest one keeps joins short, whatever the hosts use afterwards."""
        return self.format(count, "lockspaces", prefix, count, stored_io_timeout)

    def resources(self, lockspace, count, sparse=False):
        return self.format(count, "resources", lockspace, count, sparse=sparse)

    def format(self, count, kind, name, *numbers, sparse=False):
        offset = self.used * MIB
        self.used += count
        subprocess.run([program("format-areas"), self.backing, kind, name, str(numbers[0]), str(offset),
                        *(str(n) for n in numbers[1:]), *(["sparse"] if sparse else [])], check=True)
        return offset


class PlainStore:
    """A file on the file system itself."""

    def __init__(self, path):
        self.path = os.path.join(path, "disk")
        self.areas = Areas(self.path)

    def serve(self):
        """All areas are formatted."""

    def counters(self):
        return None

    def stop(self):
        pass


class DelayStore:
    """A file of which each read and each write takes `delay_us`, any number of them at the same time."""

    def __init__(self, path, delay_us, count_from_area=0):
        self.directory, self.delay_us, self.count_from = path, delay_us, count_from_area * MIB
        self.path = os.path.join(path, "mount")
        self.areas = Areas(os.path.join(path, "disk"))
        self.counters_path = os.path.join(path, "counters")
        self.process = None

    def serve(self):
        open(self.path, "wb").close()
        device = os.stat(self.path).st_dev
        self.process = subprocess.Popen(
            # It unmounts and ends with this process, however that ends.
            ["setpriv", "--pdeathsig", "TERM", program("delay-store"), self.path, self.areas.backing,
             str(self.delay_us), self.counters_path, str(self.count_from)], stdin=subprocess.DEVNULL)

        def mounted():
            assert self.process.poll() is None, "bench-delay-store ended"
            return os.stat(self.path).st_dev != device
        poll_until(mounted, "the delaying store")

    def counters(self):
        """(reads, bytes read, writes, bytes written), of resources only."""
        with open(self.counters_path, "rb") as file, mmap.mmap(file.fileno(), 32, prot=mmap.PROT_READ) as memory:
            return struct.unpack("=4Q", memory[:])

    def stop(self):
        if self.process is None:
            return
        subprocess.run(["fusermount3", "-u", "-z", self.path], check=False)
        try:
            self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None


class HangStore:
    """A file whose store can be made to hang (tests/support/hanging-store.sh)."""

    def __init__(self, path):
        self.directory = path
        self.path = os.path.join(path, "mnt", "disk")
        self.areas = Areas(os.path.join(path, "disk"))

    def run(self, verb, *arguments, **environment):
        return subprocess.run([str(HANGING_STORE), verb, self.directory, *arguments], check=True, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              env=dict(os.environ, **environment))

    def serve(self):
        self.run("start", "0", str(os.getpid()))

    def hang(self, limit_s):
        """It ends by itself after so long: what waits for the store cannot be killed."""
        self.run("hang", HANGING_STORE_LIMIT=str(limit_s))

    def resume(self):
        self.run("resume")

    def counters(self):
        return None

    def stop(self):
        self.run("stop")


def probe(store, in_flight, length, seconds):
    """What the storage gives by itself: {"per_second", "p50_us"} of direct reads."""
    result = subprocess.run([program("io-probe"), store.path, str(in_flight), str(length), str(seconds)],
                            check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(result.stdout)
