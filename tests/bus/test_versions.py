# SPDX-License-Identifier: LGPL-2.1-or-later
"""A bailiffctl and a bailiffd of different versions: the one says so in one line, and goes on. A stand-in is the other."""

import os
import subprocess

import pytest
from gi.repository import GLib

from ctl import PROGRAM, ctl
from main_loop import LIMIT, poll_until
from private_service import BUS_NAME, ROOT_PATH

MANAGER = f"{BUS_NAME}.Manager"
MOCK = "org.freedesktop.DBus.Mock"


@pytest.fixture
def stand_in(make_service):
    """stand_in(properties): the service with a manager that has these, and one method."""
    service = make_service("none")
    process = subprocess.Popen(["/usr/bin/python3", "-m", "dbusmock", "--system", BUS_NAME, f"{ROOT_PATH}/Manager", MANAGER],
                               env=dict(os.environ, DBUS_SYSTEM_BUS_ADDRESS=service.address),
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def make(**properties):
        service.wait_for_name()
        service.call("Manager", MOCK, "AddProperties", "(sa{sv})", MANAGER, properties)
        service.call("Manager", MOCK, "AddMethod", "(sssss)", MANAGER, "GetMetrics", "a{sv}", "s", 'ret = "numbers\\n"')
        return service

    yield make
    process.kill()
    process.wait(LIMIT)
    poll_until(lambda: process.poll() is not None, "the end of the stand-in")


def of_this_build():
    return subprocess.run([PROGRAM, "--version"], check=True, capture_output=True, text=True).stdout.split()[1]


def test_the_same(daemon):
    assert daemon.property("Manager", "Manager", "ProtocolVersion") == 1
    assert daemon.property("Manager", "Manager", "Version") == of_this_build()
    assert ctl(daemon, "status").stderr == ""


def test_another_version(stand_in):
    service = stand_in(Version=GLib.Variant("s", "9.8"), ProtocolVersion=GLib.Variant("u", 1))
    result = ctl(service, "metrics")
    assert result.stdout == "numbers\n"
    assert result.stderr == (f"bailiffctl: bailiffd is version 9.8, this bailiffctl is {of_this_build()}: after an upgrade "
                             "'bailiffctl reexecute' has bailiffd go on as the new program.\n")


def test_a_newer_protocol(stand_in):
    service = stand_in(Version=GLib.Variant("s", "9.8"), ProtocolVersion=GLib.Variant("u", 2))
    result = ctl(service, "metrics", "--json")
    assert result.stdout == '"numbers\\n"\n'
    assert result.stderr == ("bailiffctl: bailiffd speaks protocol 2, this bailiffctl knows no more than 1: install the "
                             "bailiffctl of version 9.8.\n")


def test_before_there_were_protocols(stand_in):
    service = stand_in(Version=GLib.Variant("s", of_this_build()))
    assert ctl(service, "metrics").stderr == ""


def test_a_version_is_only_text(stand_in):
    service = stand_in(Version=GLib.Variant("s", "1\x1b[2J\n2"), ProtocolVersion=GLib.Variant("u", 4294967295))
    line, = ctl(service, "metrics").stderr.splitlines()
    assert "\x1b" not in line and "protocol 4294967295" in line


def test_something_else_with_the_name(stand_in):
    service = stand_in()
    assert ctl(service, "metrics").stderr == ""
