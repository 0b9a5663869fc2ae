# SPDX-License-Identifier: LGPL-2.1-or-later
"""bailiffctl where its call starts bailiffd: it says what it waits for, and does not wait for what will not come."""

import os
import pathlib
import select
import subprocess

import pytest
from gi.repository import GLib

from ctl import Running, ctl
from main_loop import LIMIT
from mocked_systemd import MOCK, SYSTEMD, SYSTEMD_PATH, MockedService
from private_service import BUILD, BUS_NAME

ACTIVATION = "<busconfig><servicedir>{}</servicedir></busconfig>"
UNIT = f"{SYSTEMD_PATH}/unit/bailiffd_2eservice"
# bailiffd when a line can be read from the FIFO.
SERVICE = """[D-BUS Service]
Name={name}
User=root
Exec=/bin/sh -c "read go <{directory}/fifo; exec {program} --config /dev/null --runtime-dir {directory}/run --state-dir {directory}/state"
"""


@pytest.fixture
def bus(make_service):
    """A bus that starts a bailiffd, which takes its time."""
    service = make_service("none")
    directory = pathlib.Path(service.directory)
    for name in "services", "run", "state":
        (directory / name).mkdir(exist_ok=True)
    os.mkfifo(directory / "fifo")
    (directory / "services" / f"{BUS_NAME}.service").write_text(
        SERVICE.format(name=BUS_NAME, directory=directory, program=BUILD / "src/daemon/bailiffd"))
    (directory / "policy.d/activation.conf").write_text(ACTIVATION.format(directory / "services"))
    service.call("org.freedesktop.DBus:/org/freedesktop/DBus", "org.freedesktop.DBus", "ReloadConfig")
    yield service
    let_start(service, "")


def let_start(service, line="go\n"):
    try:
        fifo = os.open(pathlib.Path(service.directory, "fifo"), os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return
    os.write(fifo, line.encode())
    os.close(fifo)


def end_daemon(service):
    pid = service.call("org.freedesktop.DBus:/org/freedesktop/DBus", "org.freedesktop.DBus", "GetConnectionUnixProcessID",
                       "(s)", BUS_NAME)
    subprocess.run(["kill", str(pid)], check=True)


class Systemd(MockedService):
    """What it says of bailiffd.service."""

    def __init__(self, service, state, result):
        self.state, self.result = state, result
        super().__init__(service, "systemd", SYSTEMD, SYSTEMD_PATH)

    def start(self):
        super().start()
        self.service.call(self.main, MOCK, "AddObject", "(ssa{sv}a(ssss))", UNIT, f"{SYSTEMD}.Unit",
                          {"ActiveState": GLib.Variant("s", self.state)}, [])
        self.service.call(f"{SYSTEMD}:{UNIT}", MOCK, "AddProperties", "(sa{sv})", f"{SYSTEMD}.Service",
                          {"Result": GLib.Variant("s", self.result)})


@pytest.fixture
def systemd(bus):
    made = []

    def make(state, result="success"):
        made.append(Systemd(bus, state, result))
        return made[-1]
    yield make
    for each in made:
        each.vanish()


def said_by(running):
    assert select.select([running.process.stderr], [], [], LIMIT)[0]
    return running.process.stderr.readline().decode()


@pytest.mark.parametrize("state", [None, "activating", "ac\x1b[2Jt"])
def test_it_says_what_it_waits_for(bus, systemd, state):
    if state:
        systemd(state)
    status = Running(bus, "status")
    said = said_by(status)
    assert "waiting for bailiffd, which the bus starts" in said and "\x1b" not in said
    assert ("systemctl status bailiffd" in said) == bool(state)
    let_start(bus)
    assert status.process.wait(LIMIT) == 0
    assert not status.process.stderr.read()
    # One that is there is not waited for.
    assert ctl(bus, "status").stderr == ""
    end_daemon(bus)


def test_systemd_has_given_up(bus, systemd):
    """The bus would say nothing for 25 seconds, and then no reason."""
    systemd("failed", "start-limit-hit")
    said = ctl(bus, "status", status=4).stderr
    for words in "given up", "start-limit-hit", "systemctl reset-failed bailiffd", "journalctl -u bailiffd":
        assert words in said, said
    assert "waiting" not in said


def test_systemd_hangs(bus, systemd):
    """It has nothing to say, and that does not hold up anything."""
    systemd("failed").hang()
    status = Running(bus, "status")
    assert "waiting for bailiffd" in said_by(status)
    let_start(bus)
    assert status.process.wait(LIMIT) == 0
    end_daemon(bus)


def test_bus_cannot_start_it(make_service):
    """Nor is there anything to wait for."""
    said = ctl(make_service("none"), "status", status=4).stderr
    assert "bailiffd is not running" in said and "waiting" not in said
