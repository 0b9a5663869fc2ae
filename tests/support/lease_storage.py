# SPDX-License-Identifier: LGPL-2.1-or-later
"""Storage for the tests: files that take direct I/O, and a file whose store hangs and fails on demand."""

import contextlib
import mmap
import os
import pathlib
import shutil
import subprocess
import tempfile

from main_loop import LIMIT

HANGING_STORE = pathlib.Path(__file__).with_name("hanging-store.sh")
MIB = 1 << 20


class NoSuchStorage(Exception):
    """This machine cannot do it; the text says why."""


def takes_direct_io(directory):
    try:
        with tempfile.NamedTemporaryFile(dir=directory) as file, mmap.mmap(-1, 4096) as buffer:
            fd = os.open(file.name, os.O_RDWR | os.O_DIRECT | os.O_CLOEXEC)
            try:
                return os.pwritev(fd, [buffer], 0) == 4096 and os.preadv(fd, [buffer], 0) == 4096
            finally:
                os.close(fd)
    except OSError:
        return False


def direct_io_directory():
    """Some file systems, tmpfs of older kernels among them, know no O_DIRECT."""
    tried = [os.environ.get("BAILIFF_TEST_STORAGE"), tempfile.gettempdir(), "/var/tmp",
             os.environ.get("BAILIFF_BUILD_DIR")]
    for directory in filter(None, tried):
        if takes_direct_io(directory):
            return directory
    raise NoSuchStorage("no directory for direct I/O; set BAILIFF_TEST_STORAGE to one. Tried: "
                        + ", ".join(filter(None, tried)))


@contextlib.contextmanager
def storage_directory():
    directory = tempfile.mkdtemp(prefix="bailiff-storage.", dir=direct_io_directory())
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


@contextlib.contextmanager
def storage_files():
    """make(mib): a file of zeroes that takes direct I/O; all are gone at the end."""
    with storage_directory() as directory:
        made = []

        def make(mib=16):
            path = os.path.join(directory, f"disk{len(made)}")
            with open(path, "wb") as file:
                file.truncate(mib * MIB)
            made.append(path)
            return path

        yield make


class HangingStorage:
    """A file served by nbdkit and nbdfuse (tests/support/hanging-store.sh): `path` is what hosts use,
    `backing` its true content behind the store's back."""

    def __init__(self, directory, mib=16, read_delay="0"):
        reason = self.run("check", check=False)
        if reason.returncode:
            raise NoSuchStorage(reason.stdout.strip())
        self.directory = directory
        self.backing = os.path.join(directory, "disk")
        self.path = self.run("start", directory, str(mib * MIB),
                             environment={"HANGING_STORE_READ_DELAY": read_delay}).stdout.strip()

    @staticmethod
    def run(*arguments, check=True, environment=None):
        return subprocess.run([str(HANGING_STORE), *arguments], check=check, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, timeout=LIMIT, env=dict(os.environ, **(environment or {})))

    def hang(self, limit=LIMIT):
        """Returns when nothing is answered any more. It ends by itself after `limit` seconds: what waits for
        the store cannot be killed, not even when the test is gone."""
        self.run("hang", self.directory, environment={"HANGING_STORE_LIMIT": str(limit)})

    def resume(self):
        """What hung is answered now, and all that follows."""
        self.run("resume", self.directory)

    def fail(self, reads=True, writes=True):
        """From now on these are answered by EIO; fail(False, False) ends it."""
        self.run("fail-reads", self.directory, "on" if reads else "off")
        self.run("fail-writes", self.directory, "on" if writes else "off")

    def stop(self):
        self.run("stop", self.directory)


@contextlib.contextmanager
def hanging_file(**given):
    with storage_directory() as directory:
        store = HangingStorage(directory, **given)
        try:
            yield store
        finally:
            store.stop()
