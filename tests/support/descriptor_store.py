# SPDX-License-Identifier: LGPL-2.1-or-later
"""A stand-in for systemd as far as its store of file descriptors goes: takes what a service has it keep, and gives it
to the next process of the service.

As a program: descriptor_store.py FD,FD... NAME:NAME... COMMAND... executes a command as systemd does, with these
descriptors from 3 on.
"""

import array
import os
import pathlib
import socket
import sys

if __name__ != "__main__":
    from gi.repository import GLib

FIRST = 3


class ServiceManager:
    def __init__(self, directory):
        self.path = str(pathlib.Path(directory, "notify"))
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.setblocking(False)
        self.messages = []
        self.stored = []
        self.source = 0
        self.go_on()

    def pause(self):
        """Does not read any more."""
        GLib.source_remove(self.source)
        self.source = 0

    def go_on(self):
        self.source = GLib.unix_fd_add_full(GLib.PRIORITY_DEFAULT, self.socket.fileno(), GLib.IOCondition.IN,
                                            self.on_readable)

    def on_readable(self, _fd, _condition):
        self.read_all()
        return GLib.SOURCE_CONTINUE

    def read_all(self):
        while True:
            try:
                text, control, _, _ = self.socket.recvmsg(65536, 1024, socket.MSG_CMSG_CLOEXEC)
            except BlockingIOError:
                return
            fds = array.array("i")
            for _, _, data in control:
                fds.frombytes(data)
            lines = text.decode().splitlines()
            self.take(dict(line.split("=", 1) for line in lines), list(fds))

    def take(self, words, fds):
        self.messages.append(words)
        name = words.get("FDNAME", "stored")
        if words.get("FDSTORE") == "1":
            self.stored += [(name, fd) for fd in fds]
        elif words.get("FDSTOREREMOVE") == "1":
            self.drop(name)

    def drop(self, name):
        for _, fd in (each for each in self.stored if each[0] == name):
            os.close(fd)
        self.stored = [each for each in self.stored if each[0] != name]

    def put(self, name, fd):
        """What no service has given; in place of what there is of this name."""
        self.drop(name)
        self.stored.append((name, os.dup(fd)))

    def names(self):
        self.read_all()
        return sorted(name for name, _ in self.stored)

    def fd(self, name):
        return dict(self.stored)[name]

    def said_of(self, name, since=0):
        """What was said of this name: FDSTORE, FDSTOREREMOVE."""
        self.read_all()
        return [word for words in self.messages[since:] if words.get("FDNAME") == name
                for word in words if word in ("FDSTORE", "FDSTOREREMOVE")]

    def start(self, service, **options):
        """The next process of the service, as after RestartSec=."""
        self.read_all()
        service.environment["NOTIFY_SOCKET"] = self.path
        prefix = [sys.executable, __file__, ",".join(str(fd) for _, fd in self.stored),
                  ":".join(name for name, _ in self.stored)] if self.stored else []
        return service.start_daemon(prefix=prefix, pass_fds=[fd for _, fd in self.stored], **options)

    def close_all(self):
        """The service is stopped for good."""
        self.read_all()
        for _, fd in self.stored:
            os.close(fd)
        self.stored = []

    def end(self):
        if self.source:
            self.pause()
        self.close_all()
        self.socket.close()


def execute(numbers, names, *command):
    given = [int(number) for number in numbers.split(",")]
    # Out of the way of each other.
    high = [os.dup2(fd, 1000 + at) for at, fd in enumerate(given)]
    for fd in given:
        os.close(fd)
    for at, fd in enumerate(high):
        os.dup2(fd, FIRST + at)
        os.close(fd)
    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(given)), LISTEN_FDNAMES=names)
    os.execv(command[0], command)


if __name__ == "__main__":
    execute(*sys.argv[1:])
