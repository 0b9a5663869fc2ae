# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a client of the daemon does with leases, in one call each; and what its errors must look like."""

import contextlib
import subprocess
import sys

from gi.repository import GLib

import pytest

from main_loop import LIMIT
from private_service import ROOT_PATH, BusError, full_path, options

SPACE = "lockspaces/space"
MIB = 1 << 20

# Ends when its standard input does, and so with the test; {} is what it does first.
WORKER = "import signal, sys\n{}\nprint('ready', flush=True)\nsys.stdin.read()\n"
IGNORE_TERM = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"


@contextlib.contextmanager
def fails_with(name, text=""):
    """The call fails with org.bailiff.Error.NAME, with one line of cause and one of cure, and `text` in them."""
    with pytest.raises(BusError) as caught:
        yield
    check_error(caught.value, name, text)


def check_error(error, name, text=""):
    assert error.name == f"org.bailiff.Error.{name}", error
    check_two_lines(error.message)
    assert text in error.message


def check_two_lines(message):
    cause, cure = message.split("\n")
    assert cause.endswith(".") and cure.endswith("."), message


def format_lockspace(service, path, offset=0, name="space", **given):
    given.setdefault("io_timeout", ("u", 1))
    service.call("Manager", "Manager", "FormatLockspace", "(stsa{sv})", path, offset, name, options(**given))


def format_resource(service, path, offset=MIB, name="thing", lockspace="space", **given):
    service.call("Manager", "Manager", "FormatResource", "(stssa{sv})", path, offset, lockspace, name,
                 options(**given))


def inspect_lockspace(service, path, offset=0):
    return service.call("Manager", "Manager", "InspectLockspace", "(sta{sv})", path, offset, {})


def inspect_resource(service, path, offset=MIB):
    return service.call("Manager", "Manager", "InspectResource", "(sta{sv})", path, offset, {})


def begin_join(service, path, host_id=1, offset=0, name="space", io_timeout=1):
    return service.call("Manager", "Manager", "JoinLockspace", "(sstta{sv})", name, path, offset, host_id,
                        options(io_timeout=("u", io_timeout)))


def wait_held(service, lockspace=SPACE):
    """A join that fails says at once why."""
    state = service.wait_for_property(lockspace, "Lockspace", "State", lambda state: state != "joining")
    assert state == "held", service.property(lockspace, "Lockspace", "Reason")


def join(service, path, host_id=1, offset=0, name="space", io_timeout=1):
    lockspace = begin_join(service, path, host_id, offset, name, io_timeout)
    wait_held(service, lockspace)
    return lockspace


def make_space(service, path, io_timeout=1):
    """Formatted with one resource, and joined. The path."""
    format_lockspace(service, path, io_timeout=("u", io_timeout))
    format_resource(service, path)
    join(service, path, io_timeout=io_timeout)
    return path


def make_space_of_three(service, path, io_timeout=1):
    """The same with three resources: see wanted()."""
    format_lockspace(service, path, io_timeout=("u", io_timeout))
    for number in 1, 2, 3:
        format_resource(service, path, number * MIB, f"r{number}")
    join(service, path, io_timeout=io_timeout)
    return path


def wanted(path, number=1, **given):
    """One of the three, as Acquire() takes it."""
    return lease(path, number * MIB, f"r{number}", **given)


def wait_live(service, host_id):
    """Another host: its object comes with the first look at it."""
    path = full_path(f"{SPACE}/hosts/{host_id}")
    wait_by_asking(service, lambda: path in service.objects(), f"host {host_id}")
    service.wait_for_property(path, "Host", "State", "live")


def leave(service, lockspace=SPACE, **given):
    service.call(lockspace, "Lockspace", "Leave", "(a{sv})", options(**given))


def start_worker(first=""):
    """A process that runs until its standard input ends."""
    process = subprocess.Popen([sys.executable, "-c", WORKER.format(first)], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def end_worker(process):
    process.kill()
    process.communicate(timeout=LIMIT)


def register(service, process, name="worker", **given):
    return service.call("Manager", "Manager", "RegisterPid", "(usa{sv})", process.pid, name, options(**given))


def policy(*steps):
    """An option failure-policy: policy(("signal", 3, "TERM"), ("kill", 0))."""
    return "a(sua{sv})", [(action, grace, {"signal": GLib.Variant("s", signal[0])} if signal else {})
                          for action, grace, *signal in steps]


def lease(path, offset=MIB, name="thing", lockspace="space", **given):
    return lockspace, name, path, offset, options(**given)


def begin_acquire(service, registration, *leases):
    return service.begin(registration, "Registration", "Acquire", "(a(sssta{sv})a{sv})", list(leases), {})


def acquire(service, registration, *leases):
    return begin_acquire(service, registration, *leases).result()


def release(service, registration, *resources):
    service.call(registration, "Registration", "Release", "(aoa{sv})", list(resources), {})


def unregister(service, registration):
    service.call(registration, "Registration", "Unregister", "(a{sv})", {})


def wait_removed(service, path):
    """Until the object is gone; it must be announced."""
    def gone():
        return any(s.member == "InterfacesRemoved" and s.arguments[0] == path for s in service.signals)
    service.wait_until(gone, f"the removal of {path}")
    assert path not in service.objects()


def wait_by_asking(service, condition, what, limit=LIMIT):
    """For what is not announced: asks again and again."""
    timer = GLib.timeout_add(20, lambda: True)
    try:
        return service.wait_until(condition, what, limit)
    finally:
        GLib.source_remove(timer)


def wait_ended(service, process):
    """Until a child has ended; returns its status (negative: the signal)."""
    wait_by_asking(service, lambda: process.poll() is not None, f"the end of process {process.pid}")
    return process.returncode


def values_of(service, path, interface, name, since=0):
    """The values of a property, as PropertiesChanged announced them one after the other."""
    path = path if path.startswith("/") else f"{ROOT_PATH}/{path}"
    return [s.arguments[1][name] for s in service.signals[since:]
            if s.path == path and s.member == "PropertiesChanged" and s.arguments[0].endswith("." + interface)
            and name in s.arguments[1]]


@contextlib.contextmanager
def held_space(service, path, name):
    """Joined as host 1, with r1 held by a registration of that name."""
    format_lockspace(service, path)
    format_resource(service, path, MIB, "r1")
    join(service, path)
    with subprocess.Popen(["sleep", "infinity"]) as worker:
        try:
            registration = register(service, worker, name, failure_policy=policy(("kill", 0)))
            acquire(service, registration, lease(path, MIB, "r1"))
            yield path
        finally:
            worker.kill()
