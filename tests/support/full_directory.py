# SPDX-License-Identifier: LGPL-2.1-or-later
"""A runtime directory that is a tmpfs of its own, and can be filled."""

import errno
import os
import pathlib
import subprocess


class NoMount(Exception):
    """This machine mounts nothing for us; the text says why."""


class FullDirectory:
    """Mounts it on `path`. It is full when it has no more room for files: then what is there can still be written to, as
    on a tmpfs whose memory is used up."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.path.mkdir(exist_ok=True)
        result = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,nr_inodes=64,mode=0755", "tmpfs", str(path)],
                                stderr=subprocess.PIPE, text=True)
        if result.returncode != 0:
            raise NoMount(f"no tmpfs can be mounted: {result.stderr.strip()}")
        self.count = 0

    def fill(self, spare=0):
        """Leaves room for `spare` new files or directories."""
        try:
            while True:
                self.path.joinpath(f"filler-{self.count}").touch()
                self.count += 1
        except OSError as error:
            assert error.errno == errno.ENOSPC, error
        for _ in range(spare):
            self.free()

    def free(self):
        self.count -= 1
        self.path.joinpath(f"filler-{self.count}").unlink()

    def empty(self):
        while self.count > 0:
            self.free()

    def unmount(self):
        subprocess.run(["umount", "--lazy", str(self.path)], check=True)
