# SPDX-License-Identifier: LGPL-2.1-or-later
"""Failure policies on the bus: programs, recoveries, and what is refused with nothing changed. (The steps that every
policy has had from the beginning: test_bad_input.py.)"""

import pytest

from gi.repository import GLib

from lease_calls import fails_with, register, unregister
from private_service import BusError, options


def steps(*given):
    """steps(("exec", 3, {"program": ("s", "/bin/true")}), ("kill", 0))"""
    return [(action, grace, options(**words[0]) if words else {}) for action, grace, *words in given]


def program(path, *arguments):
    return {"program": ("s", path), "arguments": ("as", list(arguments))}


def set_policy(daemon, registration, value, **given):
    daemon.call(registration, "Registration", "SetFailurePolicy", "(a(sua{sv})a{sv})", value, options(**given))


def policy_of(daemon, registration):
    return (daemon.property(registration, "Registration", "FailurePolicy"),
            daemon.property(registration, "Registration", "OnRecovery"))


@pytest.fixture
def registration(daemon, worker):
    path = register(daemon, worker)
    yield path
    unregister(daemon, path)


def test_programs_are_kept(daemon, worker):
    value = steps(("exec", 3, program("/bin/echo", "two words", "", "5s", "größe", '"')),
                  ("exec", 4, program("/bin/true")), ("host-poweroff", 5), ("kill", 0))
    path = register(daemon, worker, failure_policy=("a(sua{sv})", value))
    assert policy_of(daemon, path) == ([
        ("exec", 3, {"program": "/bin/echo", "arguments": ["two words", "", "5s", "größe", '"']}),
        ("exec", 4, {"program": "/bin/true", "arguments": []}), ("host-poweroff", 5, {}), ("kill", 0, {})], "leave")
    set_policy(daemon, path, steps(("exec", 3, {"program": ("s", "/bin/false")}), ("kill", 0)),
               on_recovery=("s", "leave"))
    assert policy_of(daemon, path) == ([
        ("exec", 3, {"program": "/bin/false", "arguments": []}), ("kill", 0, {})], "leave")
    unregister(daemon, path)


LONG = "/" + "x" * 1023
BAD_PROGRAMS = {
    "no program": ({}, "which program"),
    "arguments alone": ({"arguments": ("as", ["/bin/true"])}, "which program"),
    "not absolute": (program("bin/true"), "absolute path"),
    "empty": (program(""), "absolute path"),
    "control character": (program("/bin/true\n"), "control character"),
    "control character in an argument": (program("/bin/true", "a\x1b[2Jb"), "control character"),
    "too long": (program(LONG), "1024 bytes"),
    "too many arguments": (program("/bin/true", *"0123456789abcdef"), "16 arguments"),
    "ten thousand arguments": (program("/bin/true", *["x"] * 10000), "10000 arguments"),
    "program of another type": ({"program": ("as", ["/bin/true"])}, "type as"),
    "arguments of another type": ({"program": ("s", "/bin/true"), "arguments": ("s", "x")}, "type s"),
    "unknown option": ({"program": ("s", "/bin/true"), "user": ("s", "root")}, "user"),
}


def refused_everywhere(daemon, worker, registration, value, name, text, **given):
    before = policy_of(daemon, registration)
    with fails_with(name, text):
        register(daemon, worker, failure_policy=("a(sua{sv})", value), **given)
    with fails_with(name, text):
        set_policy(daemon, registration, value, **given)
    assert policy_of(daemon, registration) == before


@pytest.mark.parametrize("case", BAD_PROGRAMS)
def test_bad_programs(daemon, worker, registration, case):
    given, text = BAD_PROGRAMS[case]
    refused_everywhere(daemon, worker, registration, steps(("exec", 3, given), ("kill", 0)), "InvalidArgument", text)


@pytest.mark.parametrize("action", ["host-poweroff", "host-reboot", "exec"])
def test_what_takes_time_needs_a_grace(daemon, worker, registration, action):
    value = steps((action, 0, program("/bin/true")) if action == "exec" else (action, 0), ("kill", 0))
    refused_everywhere(daemon, worker, registration, value, "InvalidArgument", "no grace")


@pytest.mark.parametrize("action", ["pause", "poweroff", "restart", "freeze", "stop-unit"])
def test_what_is_not_for_processes(daemon, worker, registration, action):
    refused_everywhere(daemon, worker, registration, steps((action, 3), ("kill", 0)), "Unsupported",
                       f"Step 1 of the failure policy, {action}, is not possible for a process")


def test_recoveries_that_are_refused(daemon, worker, registration):
    kill = steps(("kill", 0))
    for word, name, text in (("pray", "InvalidArgument", "pray"), ("", "InvalidArgument", '""'),
                             ("resume", "InvalidArgument", "resume"),
                             ("restart", "Unsupported", "not possible for a process")):
        refused_everywhere(daemon, worker, registration, kill, name, text, on_recovery=("s", word))
    with fails_with("InvalidArgument", "on-recovery"):
        register(daemon, worker, on_recovery=("s", "leave"))


# What is for which kind is said before systemd or libvirt is asked for anything.

KINDS = {"RegisterUnit": ("unit", "some.service", ["pause", "poweroff"]),
         "RegisterDomain": ("domain", "11111111-2222-3333-4444-555555555555", ["freeze", "stop-unit"])}


@pytest.mark.parametrize("method", KINDS)
def test_what_is_not_for_units_or_domains(daemon, method):
    kind, name, unfit = KINDS[method]
    for action in unfit:
        with fails_with("Unsupported", f"Step 2 of the failure policy, {action}, is not possible for a {kind}"):
            daemon.call("Manager", "Manager", method, "(sa{sv})", name, options(
                failure_policy=("a(sua{sv})", steps(("notify", 0), (action, 3), ("kill", 0)))))
    if kind == "unit":
        with fails_with("InvalidArgument", "resume"):
            daemon.call("Manager", "Manager", method, "(sa{sv})", name, options(
                failure_policy=("a(sua{sv})", steps(("kill", 0))), on_recovery=("s", "resume")))
    for value, given, text in (
            (steps(("restart", 3), ("kill", 0)), {"on_recovery": ("s", "leave")}, "started again on recovery"),
            (steps(("restart", 0), ("kill", 0)), {}, "no grace"),
            (steps(("restart", 3)), {}, "is not kill")):
        with fails_with("InvalidArgument", text):
            daemon.call("Manager", "Manager", method, "(sa{sv})", name,
                        options(failure_policy=("a(sua{sv})", value), **given))


def test_five_hundred_steps(daemon, worker, registration):
    value = steps(*[("exec", 1, program("/bin/true"))] * 499, ("kill", 0))
    refused_everywhere(daemon, worker, registration, value, "InvalidArgument", "500 steps")


def test_graces_are_never_cut(daemon, worker, registration):
    value = steps(("exec", 30, program("/bin/true")), ("host-reboot", 11), ("kill", 0))
    refused_everywhere(daemon, worker, registration, value, "PolicyTooLong", "30 + 11 = 41")
    value = steps(("exec", 30, program("/bin/true")), ("host-reboot", 10), ("kill", 0))
    set_policy(daemon, registration, value)
    assert [step[1] for step in policy_of(daemon, registration)[0]] == [30, 10, 0]


def test_negative_graces_are_of_another_type(daemon, worker, registration):
    with pytest.raises(GLib.Error, match="InvalidArgs"):
        daemon.connection.call_sync(
            "org.bailiff.Bailiff1", registration, "org.bailiff.Bailiff1.Registration", "SetFailurePolicy",
            GLib.Variant("(a(sia{sv})a{sv})", ([("notify", -1, {}), ("kill", 0, {})], {})), None, 0, -1, None)


def test_a_policy_for_a_registration_that_has_ended(daemon, make_worker):
    worker = make_worker()
    path = register(daemon, worker)
    unregister(daemon, path)
    with pytest.raises(BusError) as caught:
        set_policy(daemon, path, steps(("kill", 0)))
    assert caught.value.name.startswith("org.freedesktop.DBus.Error.Unknown")
