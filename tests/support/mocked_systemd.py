# SPDX-License-Identifier: LGPL-2.1-or-later
"""systemd and logind on the bus of a PrivateService, by python-dbusmock's templates, with what those lack: one unit
with a real control group, methods that really end or freeze what is in it, and any of it failing, hanging or late."""

import os
import signal
import subprocess

from main_loop import LIMIT, poll_until
from gi.repository import GLib

MOCK = "org.freedesktop.DBus.Mock"
SYSTEMD = "org.freedesktop.systemd1"
SYSTEMD_MANAGER = f"{SYSTEMD}.Manager"
SYSTEMD_PATH = "/org/freedesktop/systemd1"
LOGIN = "org.freedesktop.login1"

# What a mocked method runs has no closures: what its functions need they get as defaults.
END_JOB = f"""
from gi.repository import GLib
path = "/org/freedesktop/systemd1/Job/%d" % self.next_job_id
self.next_job_id += 1
def end_job(mock=self, unit=args[0], path=path):
    mock.EmitSignal("{SYSTEMD_MANAGER}", "JobRemoved", "uoss", [1, path, unit, "done"])
    return False
GLib.idle_add(end_job)
ret = dbus.ObjectPath(path)
"""
SET_STATE = """
objects[self.units[str(args[0])]].UpdateProperties("org.freedesktop.systemd1.Unit", {{"ActiveState": "{}"}})
"""


def raising(name):
    return f'raise dbus.exceptions.DBusException("as the test wants it", name="{name}")'


class MockedService:
    """One template of dbusmock: a process of its own, so that it can be stopped, continued and killed."""

    def __init__(self, service, template, name, path):
        self.service = service
        self.name = name
        self.main = f"{name}:{path}"
        self.template = template
        self.process = None
        self.start()

    def start(self):
        environment = dict(os.environ, DBUS_SYSTEM_BUS_ADDRESS=self.service.address)
        self.process = subprocess.Popen(["/usr/bin/python3", "-m", "dbusmock", "--system", "--template", self.template],
                                        env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        poll_until(lambda: self.is_there(), f"{self.name} on the bus")

    def is_there(self):
        assert self.process.poll() is None, f"dbusmock ended with status {self.process.returncode}"
        return self.service.call("org.freedesktop.DBus:/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner",
                                 "(s)", self.name)

    def add_method(self, interface, name, types_in, types_out, code):
        self.service.call(self.main, MOCK, "AddMethod", "(sssss)", interface, name, types_in, types_out, code)

    def calls(self, method):
        """The arguments of each call of this method so far."""
        return [arguments for _time, arguments in
                self.service.call(self.main, MOCK, "GetMethodCalls", "(s)", method)]

    def hang(self):
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def vanish(self):
        self.process.kill()
        self.process.wait(LIMIT)


class MockedSystemd(MockedService):
    """Its one unit is a.service, whose control group is `group`."""

    def __init__(self, service, group):
        self.group = group
        super().__init__(service, "systemd", SYSTEMD, SYSTEMD_PATH)

    def start(self):
        super().start()
        for method in "Subscribe", "Unsubscribe":
            self.add_method(SYSTEMD_MANAGER, method, "", "", "")
        self.add_method(SYSTEMD_MANAGER, "LoadUnit", "s", "o",
                        "ret = dbus.ObjectPath(self.units[str(args[0])]) if str(args[0]) in self.units else None\n"
                        "if ret is None: " + raising(f"{SYSTEMD}.NoSuchUnit"))
        self.add_method(SYSTEMD_MANAGER, "StopUnit", "ss", "o",
                        f'open("{self.group.directory}/cgroup.kill", "w").write("1")\n'
                        + SET_STATE.format("inactive") + END_JOB)
        self.add_method(SYSTEMD_MANAGER, "StartUnit", "ss", "o", SET_STATE.format("active") + END_JOB)
        self.add_method(SYSTEMD_MANAGER, "FreezeUnit", "s", "",
                        f'open("{self.group.directory}/cgroup.freeze", "w").write("1")')
        self.add_unit("a.service", self.group.path)

    def add_unit(self, name, group_path, state="active", load_state="loaded", main_pid=0):
        self.service.call(self.main, MOCK, "AddMockUnit", "(s)", name)
        path = f"{SYSTEMD}:{self.service.call(self.main, SYSTEMD_MANAGER, 'GetUnit', '(s)', name)}"
        self.service.call(path, MOCK, "AddProperties", "(sa{sv})", f"{SYSTEMD}.Service",
                          {"ControlGroup": GLib.Variant("s", group_path), "MainPID": GLib.Variant("u", main_pid)})
        self.service.call(path, MOCK, "AddProperty", "(ssv)", f"{SYSTEMD}.Unit", "Job", GLib.Variant("(uo)", (0, "/")))
        self.set_unit(path, state, load_state)
        return path

    def set_unit(self, path, state, load_state="loaded"):
        self.service.call(path, MOCK, "UpdateProperties", "(sa{sv})", f"{SYSTEMD}.Unit",
                          {"ActiveState": GLib.Variant("s", state), "LoadState": GLib.Variant("s", load_state)})

    def set_state(self, state):
        path = self.service.call(self.main, SYSTEMD_MANAGER, "GetUnit", "(s)", "a.service")
        self.set_unit(f"{SYSTEMD}:{path}", state)

    def fail(self, name="org.freedesktop.DBus.Error.AccessDenied"):
        for method, types_in, types_out in (("StopUnit", "ss", "o"), ("FreezeUnit", "s", "")):
            self.add_method(SYSTEMD_MANAGER, method, types_in, types_out, raising(name))

    def refuse_start(self):
        self.add_method(SYSTEMD_MANAGER, "StartUnit", "ss", "o", raising("org.freedesktop.DBus.Error.AccessDenied"))


class MockedLogind(MockedService):
    def __init__(self, service):
        super().__init__(service, "logind", LOGIN, "/org/freedesktop/login1")

    def start(self):
        super().start()
        for method in "PowerOffWithFlags", "RebootWithFlags":
            self.add_method(f"{LOGIN}.Manager", method, "t", "", "")

    def fail(self, name="org.freedesktop.DBus.Error.AccessDenied"):
        for method in "PowerOffWithFlags", "RebootWithFlags":
            self.add_method(f"{LOGIN}.Manager", method, "t", "", raising(name))
