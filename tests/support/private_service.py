# SPDX-License-Identifier: LGPL-2.1-or-later
"""A bailiffd on a private bus (`./run shell`), and a connection to that bus.

Paths and interfaces may be written without their common beginning: "Manager" is the object
/org/bailiff/Bailiff1/Manager or the interface org.bailiff.Bailiff1.Manager.
"""

import collections
import os
import pathlib
import re
import shlex
import signal
import subprocess

from gi.repository import Gio, GLib

from main_loop import LIMIT, poll_until, wait_until

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BAILIFF_BUILD_DIR", SOURCE / "build"))

BUS_NAME = "org.bailiff.Bailiff1"
ROOT_PATH = "/org/bailiff/Bailiff1"
PROPERTIES = "org.freedesktop.DBus.Properties"
OBJECT_MANAGER = "org.freedesktop.DBus.ObjectManager"

# Tells where everything is, then lives for as long as its standard input is open: if the test
# dies, the shell ends too.
HOLDER = """printf '%s\\n' "$DBUS_SYSTEM_BUS_ADDRESS" "$BAILIFF_SHELL_DIR" "${BAILIFFD_PID-}"; exec cat"""

Signal = collections.namedtuple("Signal", "path interface member arguments")


class BusError(Exception):
    """An error reply: `name` as on the bus, `message` for people."""

    def __init__(self, error):
        self.name = Gio.DBusError.get_remote_error(error) or f"{error.domain}:{error.code}"
        self.message = re.sub(r"^GDBus\.Error:[^:]*: ", "", error.message)
        super().__init__(f"{self.name}: {self.message}")


def options(**given):
    """An a{sv}: options(io_timeout=("u", 1)) is {"io-timeout": <uint32 1>}."""
    return {name.replace("_", "-"): GLib.Variant(*value) for name, value in given.items()}


def full_path(path):
    return path if path.startswith("/") else f"{ROOT_PATH}/{path}".rstrip("/")


def full_interface(interface):
    return interface if "." in interface else f"{BUS_NAME}.{interface}"


def unpack_reply(reply):
    values = reply.unpack()
    return None if not values else values[0] if len(values) == 1 else values


class PendingCall:
    """A call whose reply may come late; others can be made meanwhile."""

    def __init__(self, what):
        self.what = what
        self.done = False
        self.reply = None
        self.error = None
        self.cancellable = Gio.Cancellable()

    def on_reply(self, connection, result):
        try:
            self.reply = connection.call_with_unix_fd_list_finish(result)[0]
        except GLib.Error as error:
            self.error = BusError(error)
        self.done = True

    def result(self, limit=LIMIT):
        wait_until(lambda: self.done, f"the reply to {self.what}", limit)
        if self.error:
            raise self.error
        return unpack_reply(self.reply)


class PrivateService:
    """`arguments` are bailiffd's, as one string; "none" starts only the bus."""

    def __init__(self, arguments="", environment=None):
        self.arguments = arguments
        self.environment = dict(os.environ, BAILIFF_BUILD_DIR=str(BUILD), BAILIFFD_ARGS=arguments,
                                **(environment or {}))
        self.signals = []
        self.listeners = []
        self.connection = None
        self.later_daemons = []
        self.last_log = ""
        self.shell = subprocess.Popen([str(SOURCE / "run"), "shell", "--", "sh", "-c", HOLDER],
                                      env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True)
        self.address, self.directory, pid = [self.shell.stdout.readline().rstrip("\n") for _ in range(3)]
        if not self.directory:
            _, complaint = self.shell.communicate()
            raise AssertionError(f"./run shell ended with status {self.shell.returncode}:\n{complaint}")
        self.environment.update(DBUS_SYSTEM_BUS_ADDRESS=self.address, BAILIFF_SHELL_DIR=self.directory)
        try:
            self.connect()
            self.daemon = DaemonProcess(int(pid)) if pid else None
        except BaseException:
            self.end_shell()
            raise

    def connect(self):
        self.connection = Gio.DBusConnection.new_for_address_sync(
            self.address,
            Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION,
            None, None)
        self.connection.signal_subscribe(None, None, None, None, None, Gio.DBusSignalFlags.NONE, self.on_signal)
        # A round trip: from here on no signal is missed.
        self.call("org.freedesktop.DBus:/org/freedesktop/DBus", "org.freedesktop.DBus", "GetId")

    def on_signal(self, _connection, _sender, path, interface, member, parameters):
        if path == ROOT_PATH or path.startswith(ROOT_PATH + "/"):
            signal_seen = Signal(path, interface, member, parameters.unpack())
            self.signals.append(signal_seen)
            for listener in self.listeners:
                listener(signal_seen)

    # Calls and properties

    def begin(self, path, interface, method, signature="()", *arguments, timeout=LIMIT, fds=()):
        """Starts a call. PATH may be NAME:/PATH for an object of another service of this bus."""
        name, _, path = path.rpartition(":")
        pending = PendingCall(f"{interface}.{method}")
        self.connection.call_with_unix_fd_list(
            name or BUS_NAME, full_path(path), full_interface(interface), method,
            GLib.Variant(signature, arguments), None, Gio.DBusCallFlags.NO_AUTO_START, int(timeout * 1000),
            Gio.UnixFDList.new_from_array([os.dup(fd) for fd in fds]) if fds else None,
            pending.cancellable, pending.on_reply)
        return pending

    def call(self, *arguments, timeout=LIMIT, fds=()):
        """Calls and waits: nothing, the one value, or a tuple of values; raises BusError."""
        return self.begin(*arguments, timeout=timeout, fds=fds).result(timeout + 10)

    def property(self, path, interface, name):
        return self.call(path, PROPERTIES, "Get", "(ss)", full_interface(interface), name)

    def properties(self, path, interface):
        return self.call(path, PROPERTIES, "GetAll", "(s)", full_interface(interface))

    def objects(self):
        """{path: {interface: {property: value}}} of every object that the service has now."""
        return self.call("", OBJECT_MANAGER, "GetManagedObjects")

    # Waiting

    def wait_until(self, condition, what, limit=LIMIT):
        return wait_until(condition, what, limit, self.why_silent)

    def why_silent(self):
        if self.daemon and self.daemon.ended and not self.daemon.expected_to_end:
            return "bailiffd ended"
        return None

    def wait_for_property(self, path, interface, name, wanted, limit=LIMIT):
        """Waits until a property has a value (or `wanted(value)`), and returns the value.

        What the property is now is asked once; each later value must be announced by PropertiesChanged, so that
        this does not pass for a property whose changes are not announced.
        """
        path, interface = full_path(path), full_interface(interface)
        fits = wanted if callable(wanted) else lambda value: value == wanted
        seen = len(self.signals)
        value = self.property(path, interface, name)
        if fits(value):
            # The daemon announces a change at the end of its main loop's round, so perhaps behind this reply; a
            # second one comes from a later round. Who goes on to look at the signals finds the announcement.
            self.property(path, interface, name)

        def reached():
            nonlocal seen, value
            while not fits(value) and seen < len(self.signals):
                news = self.signals[seen]
                seen += 1
                if news.path == path and news.member == "PropertiesChanged" and news.arguments[0] == interface:
                    _, changed, invalidated = news.arguments
                    if name in changed:
                        value = changed[name]
                    elif name in invalidated:
                        value = self.property(path, interface, name)
            return fits(value)

        try:
            self.wait_until(reached, f"{name} of {path}", limit)
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {value!r}") from None
        return value

    def wait_for_signal(self, member, path=None, since=0, matches=lambda arguments: True, limit=LIMIT):
        """The first signal of this name, of all that came since the service started or since
        `since = len(service.signals)`."""
        wanted_path = full_path(path) if path else None

        def found():
            return next((s for s in self.signals[since:]
                         if s.member == member and wanted_path in (None, s.path) and matches(s.arguments)), None)
        return self.wait_until(found, f"signal {member} of {path or 'any object'}", limit)

    def wait_for_name(self, name=BUS_NAME, limit=LIMIT):
        owners = []
        watch = Gio.bus_watch_name_on_connection(self.connection, name, Gio.BusNameWatcherFlags.NONE,
                                                 lambda _connection, _name, owner: owners.append(owner), None)
        try:
            return self.wait_until(lambda: owners and owners[-1], f"the bus name {name}", limit)
        finally:
            Gio.bus_unwatch_name(watch)

    def owner(self):
        """Who has the bus name: no two connections to a bus have one unique name. None: nobody."""
        try:
            return self.connection.call_sync(
                "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetNameOwner",
                GLib.Variant("(s)", (BUS_NAME,)), None, Gio.DBusCallFlags.NONE, -1, None).unpack()[0]
        except GLib.Error:
            return None

    def wait_for_another_owner(self, old, limit=LIMIT):
        """Until the next bailiffd is on the bus. What it has done before that was announced by nobody."""
        poll_until(lambda: self.owner() not in (None, old), "another owner of the bus name", limit, self.why_silent)

    # The daemon

    def reexecute(self):
        """Returns when the next program is on the bus."""
        old = self.owner()
        self.call("Manager", "Manager", "Reexecute", "(a{sv})", {})
        self.wait_for_another_owner(old)

    def log(self):
        path = pathlib.Path(self.directory, "bailiffd.log")
        return path.read_text(errors="replace") if path.exists() else self.last_log

    def kill_daemon(self, number=signal.SIGKILL, limit=LIMIT):
        """Ends the daemon and waits for its end."""
        self.daemon.expected_to_end = True
        os.kill(self.daemon.pid, number)
        wait_until(lambda: self.daemon.ended, "the end of bailiffd", limit)

    def start_daemon(self, arguments=None, wait=True, prefix=(), program=BUILD / "src/daemon/bailiffd", pass_fds=()):
        """A further bailiffd on the same bus and runtime directory: after a crash, or beside a stuck one. `prefix` is a
        command that executes it."""
        arguments = self.arguments if arguments is None else arguments
        log = open(os.path.join(self.directory, "bailiffd.log"), "ab")
        with log:
            process = subprocess.Popen(
                [*prefix, str(program), "--config", "/dev/null",
                 *shlex.split(arguments if arguments != "none" else ""), "--runtime-dir", os.path.join(self.directory, "run"),
                 "--state-dir", self.environment.get("BAILIFF_STATE_DIR") or os.path.join(self.directory, "state"),
                 "--records-dir", self.environment.get("BAILIFF_RECORDS_DIR") or os.path.join(self.directory, "records")],
                env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=pass_fds)
        self.later_daemons.append(process)
        self.daemon = DaemonProcess(process.pid)
        if wait:
            self.wait_for_name()
        return process

    def command(self, *arguments, check=False):
        """Runs a command of this build (or any other) on this bus."""
        path = f"{BUILD}/src/daemon:{BUILD}/src/ctl:{os.environ['PATH']}"
        return subprocess.run([str(a) for a in arguments], env=dict(self.environment, PATH=path), text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, check=check, timeout=LIMIT)

    # The end

    def processes(self):
        """{pid: command} of what runs with the environment of this service."""
        mark = f"BAILIFF_SHELL_DIR={self.directory}".encode()
        found = {}
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                pass
        return found

    def end_shell(self):
        try:
            _, complaint = self.shell.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            self.shell.terminate()
            _, complaint = self.shell.communicate(timeout=LIMIT)
            complaint += f"the shell did not end within {LIMIT} s\n"
        return complaint

    def stop(self):
        """Takes all down, and complains of what does not go, or goes only by force."""
        if not self.directory:
            return
        complaints = ""
        for process in self.later_daemons:
            process.terminate()
            try:
                process.wait(LIMIT)
            except subprocess.TimeoutExpired:
                process.kill()
                complaints += f"bailiffd {process.pid} did not end within {LIMIT} s of SIGTERM\n"
        self.last_log = self.log()
        complaints += self.end_shell()
        if self.daemon:
            self.daemon.forget()
        # The bus has closed it.
        wait_until(self.connection.is_closed, "the end of the connection")
        try:
            # What ends with the daemon ends a moment later.
            poll_until(lambda: not self.processes(), "the end of all processes")
        except AssertionError:
            complaints += f"processes left behind: {self.processes()}\n"
        if os.path.exists(self.directory):
            complaints += f"{self.directory} left behind\n"
        self.directory = ""
        if self.shell.returncode:
            complaints += f"the shell ended with status {self.shell.returncode}\n"
        assert not complaints, complaints


class DaemonProcess:
    """A process watched by its pidfd: `ended` turns true in the main loop."""

    def __init__(self, pid):
        self.pid = pid
        self.ended = False
        self.expected_to_end = False
        self.pidfd = os.pidfd_open(pid)
        self.source = GLib.unix_fd_add_full(GLib.PRIORITY_DEFAULT, self.pidfd, GLib.IOCondition.IN, self.on_end)

    def on_end(self, _fd, _condition):
        self.ended = True
        self.source = 0
        return GLib.SOURCE_REMOVE

    def forget(self):
        if self.source:
            GLib.source_remove(self.source)
            self.source = 0
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1
