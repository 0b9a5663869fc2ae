# SPDX-License-Identifier: LGPL-2.1-or-later
"""A process of another user on the bus of a PrivateService: it makes the calls that it is told, and tells how they end."""

import collections
import json
import os
import subprocess

from gi.repository import GLib

from main_loop import LIMIT
from private_service import BUS_NAME, full_interface, full_path

# Arguments come in GVariant's text form. The source of this file may be out of the other user's reach.
CODE = r"""
import json, os
from gi.repository import Gio, GLib
bus = Gio.DBusConnection.new_for_address_sync(
    os.environ["DBUS_SYSTEM_BUS_ADDRESS"],
    Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)

def tell(number, **more):
    print(json.dumps(dict(number=number, **more)), flush=True)

def ended(connection, result, number):
    try:
        reply = connection.call_with_unix_fd_list_finish(result)[0]
        tell(number, reply=reply.unpack() if reply.n_children() else None)
    except GLib.Error as error:
        name = Gio.DBusError.get_remote_error(error) or f"{error.domain}:{error.code}"
        Gio.DBusError.strip_remote_error(error)
        tell(number, error=name, message=error.message)

rest = b""

def hear(source, _condition):
    global rest
    heard = os.read(0, 1 << 20)
    if not heard:
        loop.quit()
        return False
    *lines, rest = (rest + heard).split(b"\n")
    for line in lines:
        begin(json.loads(line))
    return True

def begin(call):
    fds = None
    if call["pidfd"] is not None:
        fds = Gio.UnixFDList.new_from_array([os.pidfd_open(call["pidfd"] or os.getpid())])
    flags = Gio.DBusCallFlags.NO_AUTO_START
    if call["interactive"]:
        flags |= Gio.DBusCallFlags.ALLOW_INTERACTIVE_AUTHORIZATION
    bus.call_with_unix_fd_list(call["name"], call["path"], call["interface"], call["method"],
                               GLib.Variant.parse(None, call["arguments"], None, None) if call["arguments"] else None,
                               None, flags, 100000, fds, None, ended, call["number"])

GLib.io_add_watch(0, GLib.PRIORITY_DEFAULT, GLib.IOCondition.IN | GLib.IOCondition.HUP, hear)
loop = GLib.MainLoop()
print(bus.get_unique_name(), flush=True)
loop.run()
"""

Outcome = collections.namedtuple("Outcome", "error message reply")


class OtherUser:
    """`user`: a name or number that setpriv takes; `groups`: those of the user database, or none."""

    def __init__(self, service, user, groups=False):
        command = ["setpriv", "--reuid", str(user), "--regid", "nogroup",
                   "--init-groups" if groups else "--clear-groups", "/usr/bin/python3", "-c", CODE]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/",
                                        env=dict(os.environ, DBUS_SYSTEM_BUS_ADDRESS=service.address))
        self.service = service
        self.pid = self.process.pid
        self.number = 0
        self.ended = {}
        self.unique_name = self.process.stdout.readline().strip()
        assert self.unique_name, "the other user is not on the bus"

    def begin(self, path, interface, method, arguments="", pidfd=None, interactive=False):
        """Starts a call, and gives its number; `pidfd` is the process whose descriptor is sent (0: its own)."""
        self.number += 1
        self.process.stdin.write(json.dumps({
            "number": self.number, "name": BUS_NAME, "path": full_path(path), "interface": full_interface(interface),
            "method": method, "arguments": arguments, "pidfd": pidfd, "interactive": interactive}) + "\n")
        self.process.stdin.flush()
        return self.number

    def result(self, number):
        while number not in self.ended:
            line = self.process.stdout.readline()
            assert line, "the other user has ended"
            told = json.loads(line)
            self.ended[told["number"]] = Outcome(told.get("error"), told.get("message", ""), told.get("reply"))
        return self.ended.pop(number)

    def call(self, *arguments, **more):
        return self.result(self.begin(*arguments, **more))

    def get(self, *arguments, **more):
        """The one value of a call that must work."""
        outcome = self.call(*arguments, **more)
        assert outcome.error is None, outcome
        return outcome.reply[0] if outcome.reply else None

    def end(self):
        self.process.stdin.close()
        try:
            self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.process.stdout.close()
