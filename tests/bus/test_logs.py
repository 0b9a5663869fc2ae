# SPDX-License-Identifier: LGPL-2.1-or-later
"""What bailiffd logs: fields and ids of each line, as a journal gets them; a journal that hangs; and what is logged,
changed over the bus."""

import os
import pathlib
import signal
import time

import pytest
from gi.repository import GLib

from journal import Journal, NoJournal, ids
from lease_calls import (acquire, begin_join, check_two_lines, format_lockspace, format_resource, join, lease, leave,
                         policy, register, release, wait_by_asking, wait_ended)
from main_loop import poll_until
from other_user import OtherUser
from private_service import PROPERTIES, BusError

BUSCTL = ["busctl", "--system"]
CONTROL = ["org.bailiff.Bailiff1", "/org/freedesktop/LogControl1", "org.freedesktop.LogControl1"]


@pytest.fixture
def logged(make_service, tmp_path):
    """A service whose bailiffd logs to `service.journal`."""
    try:
        journal = Journal(tmp_path)
    except NoJournal as reason:
        pytest.skip(str(reason))
    service = make_service("none")
    service.journal = journal
    service.start_daemon("", prefix=journal.prefix)
    return service


def control(service, *words, status=0):
    """busctl on the properties of LogControl1."""
    verb, *rest = words
    result = service.command(*BUSCTL, verb, *CONTROL, *rest)
    assert result.returncode == status, f"{words}: {result.stdout}{result.stderr}"
    return (result.stdout + result.stderr).strip()


def set_level(service, level):
    service.call("/org/freedesktop/LogControl1", PROPERTIES, "Set", "(ssv)", CONTROL[2], "LogLevel", GLib.Variant("s", level))


def names_of(lines):
    known = {number: name for name, number in ids().items()}
    return [known[line["MESSAGE_ID"]] for line in lines if "MESSAGE_ID" in line]


def check_lines(lines):
    for line in lines:
        assert "STREAM" not in line and "SYSLOG_IDENTIFIER" in line, line
        assert line["SYSLOG_IDENTIFIER"] == "bailiffd" and line["GLIB_DOMAIN"], line
        assert line["PRIORITY"] in list("01234567") and line["CODE_FILE"], line
        assert line["MESSAGE"] and "\n" not in line["MESSAGE"], line
        assert line.get("MESSAGE_ID") in [None, *ids().values()], line


def test_a_loss(hanging_storage, logged, make_worker):
    """From the join to the end: each line by its id, all of them by their fields. (What is mounted later than the journal
    bailiffd may not see.)"""
    journal = logged.journal
    worker = make_worker("import signal; signal.signal(signal.SIGUSR2, signal.SIG_IGN)")
    format_lockspace(logged, hanging_storage.path)
    format_resource(logged, hanging_storage.path)
    join(logged, hanging_storage.path, host_id=7)
    registration = register(logged, worker, "web", failure_policy=policy(("signal", 30, "USR2"), ("kill", 0)))
    acquire(logged, registration, lease(hanging_storage.path))
    number = registration.rpartition("/")[2]

    hanging_storage.hang()
    # Lines are written when the main loop comes round: a process that is gone by then is not told of.
    journal.wait_for("step-started")
    worker.terminate()
    wait_ended(logged, worker)
    hanging_storage.resume()
    lost = journal.wait_for("lockspace-lost")
    ended = journal.wait_for("incident-ended")

    assert journal.wait_for("daemon-ready")["PRIORITY"] == "5"
    joined = journal.wait_for("lockspace-joined")
    assert (joined["LOCKSPACE"], joined["HOST_ID"]) == ("space", "7")
    incident = journal.wait_for("incident-begun")["INCIDENT"]
    of_incident = journal.lines(INCIDENT=incident)
    assert names_of(of_incident) == ["incident-begun", "lockspace-late", "lockspace-failing", "registration-failing",
                                     "step-started", "step-finished", "registration-cleared", "lockspace-lost",
                                     "incident-ended"]
    assert {line["LOCKSPACE"] for line in of_incident} == {"space"}
    assert journal.wait_for("lockspace-late")["PRIORITY"] == "4"
    assert journal.wait_for("lockspace-failing")["PRIORITY"] == "2"
    assert lost["PRIORITY"] == "3" and ended["PRIORITY"] == "5"
    of_registration = journal.lines(REGISTRATION=number)
    assert names_of(of_registration) == ["registration-failing", "step-started", "step-finished",
                                         "registration-cleared"]
    assert {line["REGISTRATION_NAME"] for line in of_registration} == {"web"}
    # Of the process while it lives: its number may be another one's later.
    assert [line.get("OBJECT_PID") for line in of_registration] == [str(worker.pid)] * 2 + [None] * 2
    assert [line["STEP"] for line in of_registration[1:3]] == ["signal", "signal"]
    # For debugging only.
    assert not journal.lines("resource-acquired")
    check_lines(journal.lines())


def test_what_a_program_writes(logged, worker):
    registration = register(logged, worker, "told", failure_policy=("a(sua{sv})", [
        ("exec", 20, {"program": GLib.Variant("s", "/bin/echo"), "arguments": GLib.Variant("as", ["it is told"])}),
        ("kill", 0, {})]))
    logged.call(registration, "Registration", "Drill", "(a{sv})", {})
    wait_ended(logged, worker)
    line = logged.journal.wait_for("program-output")
    assert line["MESSAGE"].endswith(": it is told") and line["REGISTRATION"] == registration.rpartition("/")[2]


# Always has a read out to storage, which it cannot end without.
READS = """import mmap, os, threading
def read():
    fd, buffer = os.open({!r}, os.O_RDONLY | os.O_DIRECT), mmap.mmap(-1, 4096)
    while True:
        os.preadv(fd, [buffer], 0)
threading.Thread(target=read, daemon=True).start()
"""


def test_who_cannot_be_killed(hanging_storage, logged, make_worker):
    """A minute passes: what a person has to see is said when a watchdog could fire, and how it went in the end."""
    journal = logged.journal
    format_lockspace(logged, hanging_storage.path)
    format_resource(logged, hanging_storage.path)
    join(logged, hanging_storage.path)
    worker = make_worker(READS.format(hanging_storage.path))
    registration = register(logged, worker, "stuck", failure_policy=policy(("kill", 0)))
    acquire(logged, registration, lease(hanging_storage.path))
    hanging_storage.hang()
    fail_at = logged.property("lockspaces/space", "Lockspace", "FailAtUsec")

    line = journal.wait_for("registration-left-to-watchdog")
    assert time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000 >= fail_at + 50_000_000
    assert (line["PRIORITY"], line["REGISTRATION_NAME"], line["LOCKSPACE"]) == ("1", "stuck", "space")
    killed = journal.lines("last-kill")
    assert len(killed) == 1 and "(1 of them)" in killed[0]["MESSAGE"]
    hanging_storage.resume()
    wait_ended(logged, worker)
    unsafe = journal.wait_for("incident-unsafe")
    assert unsafe["PRIORITY"] == "1" and "overdue" in unsafe["MESSAGE"]
    assert unsafe["INCIDENT"] == line["INCIDENT"] == killed[0]["INCIDENT"]
    assert not journal.lines("incident-ended")


def test_join_that_fails(logged, storage):
    lockspace = begin_join(logged, storage, 3, name="empty")
    logged.wait_for_property(lockspace, "Lockspace", "State", "lost")
    line = logged.journal.wait_for("lockspace-join-failed")
    assert (line["LOCKSPACE"], line["HOST_ID"], line["PRIORITY"]) == ("empty", "3", "3")
    assert not logged.journal.lines("lockspace-lost")


def test_what_an_earlier_one_left(logged, storage, worker):
    """What is taken over is said, and what of it is not known."""
    format_lockspace(logged, storage)
    format_resource(logged, storage)
    join(logged, storage)
    registration = register(logged, worker, "left")
    acquire(logged, registration, lease(storage))
    logged.kill_daemon()
    logged.start_daemon("", prefix=logged.journal.prefix)
    line = logged.journal.wait_for("lockspace-taken-over")
    assert (line["LOCKSPACE"], line["HOST_ID"]) == ("space", "1")
    logged.journal.wait_for("taken-over")
    assert not logged.journal.lines("remains-found")

    logged.kill_daemon()
    record = pathlib.Path(logged.directory, "run", "held", registration.rpartition("/")[2])
    record.write_text("no record")
    logged.start_daemon("", prefix=logged.journal.prefix)
    line = logged.journal.wait_for("remains-found")
    assert line["REGISTRATION"] == record.name and line["PRIORITY"] == "4"


def test_what_repeats_is_held_back(logged):
    """Whoever may call may not fill the log: without polkit each refusal would be a line."""
    try:
        user = OtherUser(logged, "nobody")
    except AssertionError:
        pytest.skip("there is no other user on this bus")
    try:
        for _ in range(25):
            outcome = user.call("Manager", "Manager", "InspectLockspace", "('/nowhere', uint64 0, @a{sv} {})")
            assert outcome.error == "org.bailiff.Error.NotAuthorized", outcome
    finally:
        user.end()
    leave_daemon(logged)
    # The daemon's last word, and what is left to say then, in which order it likes.
    poll_until(lambda: len(logged.journal.lines("polkit-absent")) > 10, "what was held back")
    lines = logged.journal.lines("polkit-absent")
    assert len(lines) == 11
    assert lines[-1]["MESSAGE"].startswith("15 more lines like this were held back"), lines[-1]
    assert not any("held back" in line["MESSAGE"] for line in lines[:-1])


def leave_daemon(service):
    service.kill_daemon(signal.SIGTERM)
    service.journal.wait_for("daemon-stopped")


def test_a_journal_that_hangs(logged, storage, worker):
    """It holds up no call and no renewal, and gets all lines in the end."""
    rounds = 300
    format_lockspace(logged, storage)
    format_resource(logged, storage)
    join(logged, storage)
    registration = register(logged, worker)
    control(logged, "set-property", "LogLevel", "s", "debug")
    with logged.journal.hanging():
        # More than the socket takes: without its thread the daemon would not answer any more.
        for _ in range(rounds):
            release(logged, registration, *acquire(logged, registration, lease(storage)))
        before = logged.property("lockspaces/space", "Lockspace", "LastRenewalUsec")
        wait_by_asking(logged, lambda: logged.property("lockspaces/space", "Lockspace", "LastRenewalUsec") > before,
                       "a renewal")
        assert len(logged.journal.lines("resource-released")) < rounds
    # At its end the daemon would wait for the journal only for a moment.
    for message in "resource-acquired", "resource-released":
        poll_until(lambda message=message: len(logged.journal.lines(message, RESOURCE="thing")) >= rounds, "all lines")
    leave(logged)
    leave_daemon(logged)
    for message in "resource-acquired", "resource-released":
        assert len(logged.journal.lines(message, RESOURCE="thing")) == rounds


def test_the_end_with_a_journal_that_hangs(logged):
    """It waits a moment for the journal, and not for ever."""
    set_level(logged, "debug")
    with logged.journal.hanging():
        for number in range(400):
            begin_join(logged, f"/nowhere/{number}", name=f"n{number}")
        os.kill(logged.daemon.pid, signal.SIGTERM)
        logged.daemon.expected_to_end = True
        logged.wait_until(lambda: logged.daemon.ended, "the end of bailiffd")


def test_level(logged, storage, worker):
    assert control(logged, "get-property", "LogLevel") == 's "notice"'
    assert control(logged, "get-property", "SyslogIdentifier") == 's "bailiffd"'
    format_lockspace(logged, storage)
    format_resource(logged, storage)
    join(logged, storage)
    registration = register(logged, worker)
    release(logged, registration, *acquire(logged, registration, lease(storage)))
    control(logged, "set-property", "LogLevel", "s", "debug")
    assert control(logged, "get-property", "LogLevel") == 's "debug"'
    acquire(logged, registration, lease(storage))
    line = logged.journal.wait_for("resource-acquired")
    assert (line["LOCKSPACE"], line["RESOURCE"], line["PRIORITY"]) == ("space", "thing", "7")
    assert len(logged.journal.lines("resource-acquired")) == 1

    # Who silences it is told of.
    control(logged, "set-property", "LogLevel", "s", "err")
    before = len(logged.journal.lines())
    leave(logged, force=("b", True))
    control(logged, "set-property", "LogLevel", "s", "notice")
    logged.journal.wait_for(MESSAGE="User 0 sets the log: level err, target journal")
    logged.journal.wait_for(MESSAGE="User 0 sets the log: level notice, target journal")
    assert all(line["PRIORITY"] in "0123" or "sets the log" in line["MESSAGE"] for line in logged.journal.lines()[before:])
    assert not logged.journal.lines("lockspace-left")


def test_target(logged):
    assert control(logged, "get-property", "LogTarget") == 's "journal"'
    control(logged, "set-property", "LogTarget", "s", "console")
    assert control(logged, "get-property", "LogTarget") == 's "console"'
    begin_join(logged, "/nowhere", name="first")
    logged.wait_for_property("lockspaces/first", "Lockspace", "State", "lost")
    control(logged, "set-property", "LogTarget", "s", "auto")
    assert control(logged, "get-property", "LogTarget") == 's "journal"'
    begin_join(logged, "/nowhere", name="second")
    line = logged.journal.wait_for("lockspace-join-failed")
    assert line["LOCKSPACE"] == "second"
    logged.journal.wait_for(MESSAGE="User 0 sets the log: level notice, target console")
    streamed = [line["STREAM"] for line in logged.journal.lines() if "STREAM" in line]
    assert any("Lockspace first is not joined" in line for line in streamed), streamed


@pytest.mark.parametrize("name, value", [("LogLevel", "loud"), ("LogLevel", ""), ("LogLevel", "7"),
                                         ("LogTarget", "kmsg"), ("LogTarget", "null"), ("LogTarget", "\x1b[2J")])
def test_what_there_is_not(daemon, name, value):
    before = control(daemon, "get-property", name)
    with pytest.raises(BusError) as caught:
        daemon.call("/org/freedesktop/LogControl1", PROPERTIES, "Set", "(ssv)", CONTROL[2], name, GLib.Variant("s", value))
    assert caught.value.name == "org.bailiff.Error.InvalidArgument"
    check_two_lines(caught.value.message)
    assert "\x1b" not in caught.value.message
    assert control(daemon, "get-property", name) == before


def test_what_cannot_be_written(daemon):
    for name, value in ("SyslogIdentifier", "me"), ("LogLevel", 7), ("Level", "debug"):
        signature = "i" if isinstance(value, int) else "s"
        complaint = control(daemon, "set-property", name, signature, value, status=1)
        assert "PropertyReadOnly" in complaint or complaint, complaint
    assert control(daemon, "get-property", "SyslogIdentifier") == 's "bailiffd"'
    # What is elsewhere is as closed as before.
    assert daemon.command(*BUSCTL, "set-property", CONTROL[0], "/org/bailiff/Bailiff1/Manager",
                          "org.bailiff.Bailiff1.Manager", "HostName", "s", "me").returncode == 1


def test_systemctl_finds_it(daemon):
    """What it looks at is what `busctl introspect` shows."""
    shown = daemon.command(*BUSCTL, "introspect", *CONTROL).stdout
    for name, access in ("LogLevel", "writable"), ("LogTarget", "writable"), ("SyslogIdentifier", "-"):
        line = next(line for line in shown.splitlines() if line.startswith(f".{name} "))
        assert line.split()[1:3] == ["property", "s"] and line.split()[-1] == access, line
