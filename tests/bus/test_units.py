# SPDX-License-Identifier: LGPL-2.1-or-later
"""Units of systemd that hold leases: real control groups and processes, a mocked systemd and logind that obey, are
absent, hang, answer late, or refuse. Whatever they do, the ladder of a failure policy goes on in time."""

import signal

import pytest

import disk_records as disk
from event_times import EventTimes
from lease_calls import (MIB, SPACE, acquire, fails_with, inspect_resource, lease, make_space, policy, register,
                         unregister, values_of, wait_by_asking, wait_ended, wait_removed)
from mocked_systemd import MockedLogind, MockedSystemd
from private_service import BUILD, options

SECOND = 1_000_000
BUDGET = 40 * SECOND


def register_unit(service, unit="a.service", **given):
    return service.call("Manager", "Manager", "RegisterUnit", "(sa{sv})", unit, options(**given))


@pytest.fixture
def systemd(service, group):
    made = MockedSystemd(service, group)
    yield made
    made.vanish()


@pytest.fixture
def logind(service):
    made = MockedLogind(service)
    yield made
    made.vanish()


@pytest.fixture
def space(service, hanging_storage):
    yield make_space(service, hanging_storage.path)
    hanging_storage.resume()


def state(service, registration):
    return service.property(registration, "Registration", "State")


def test_bad_units(service, group, systemd):
    """Named errors, and nothing is registered."""
    systemd.add_unit("dead.service", "", state="inactive")
    systemd.add_unit("missing.service", "", state="inactive", load_state="not-found")
    systemd.add_unit("none.service", "")
    systemd.add_unit("root.service", "/")
    systemd.add_unit("hostile.service", "/../../../tmp")
    systemd.add_unit("elsewhere.service", "/no-such-group")
    for unit in "", "a", "a.socket", "../a.service", "a b.service", "b@.service", "x" * 300 + ".service":
        with fails_with("InvalidArgument"):
            register_unit(service, unit)
    with fails_with("InvalidArgument", "'a b.service?' is not the name of a unit"):
        register_unit(service, "a b.service\x1b")
    for unit in "dead.service", "missing.service", "unheard-of.service":
        with fails_with("NotFound"):
            register_unit(service, unit)
    for unit in "none.service", "root.service", "hostile.service", "elsewhere.service":
        with fails_with("Unsupported"):
            register_unit(service, unit)
    with fails_with("Unsupported", "pause"):
        register_unit(service, failure_policy=policy(("pause", 3), ("kill", 0)))
    systemd.vanish()
    with fails_with("IoError", "systemd is not there"):
        register_unit(service)
    assert not [path for path in service.objects() if "/registrations/" in path]


def test_systemd_does_not_answer(service, group, systemd):
    """Registering ends by itself, and nobody else waits meanwhile."""
    systemd.hang()
    pending = service.begin("Manager", "Manager", "RegisterUnit", "(sa{sv})", "a.service", {})
    service.property("Manager", "Manager", "Version")
    assert not pending.done
    with fails_with("IoTimeout", "systemd did not answer"):
        pending.result()
    systemd.go_on()


def test_unit_ends(service, storage, group, systemd):
    """Its processes end, then systemd says so: only then are its leases released."""
    make_space(service, storage)
    process = group.run()
    unit = register_unit(service)
    assert service.property(unit, "Registration", "Kind") == "unit"
    assert service.property(unit, "Registration", "Unit") == "a.service"
    with fails_with("AlreadyExists"):
        register_unit(service)
    acquire(service, unit, lease(storage))
    process.kill()
    assert wait_ended(service, process) == -signal.SIGKILL
    # Between two of its programs, or about to be restarted.
    systemd.set_state("activating")
    unregister(service, register(service, group.run()))
    assert state(service, unit) == "active"
    assert inspect_resource(service, storage)["state"] == "held"
    group.kill()
    systemd.set_state("failed")
    wait_removed(service, unit)
    assert inspect_resource(service, storage)["state"] == "free"


LADDER = policy(("stop-unit", 1), ("freeze", 1), ("host-reboot", 1), ("host-poweroff", 1), ("kill", 0))


def ladder_of(times, unit):
    return [(e.arguments[1], e.arguments[2]) for e in times.of(unit, "StepFinished")]


def check_ladder_in_time(service, times, unit, fail_at_us):
    """Each step begins when the graces before it have ended, or sooner when those before it could not work."""
    started = times.of(unit, "StepStarted")
    assert [e.arguments[:2] for e in started] == [
        (0, "stop-unit"), (1, "freeze"), (2, "host-reboot"), (3, "host-poweroff"), (4, "kill")]
    for event in started:
        assert fail_at_us <= event.at_us < fail_at_us + BUDGET


@pytest.mark.parametrize("how", ["absent", "hangs", "refuses"])
def test_ladder_goes_on(service, hanging_storage, space, group, systemd, logind, how):
    """The unit's process is killed in time; cleared it is when systemd says that nothing will be started."""
    process = group.run()
    unit = register_unit(service, failure_policy=LADDER)
    acquire(service, unit, lease(space))
    times = EventTimes(service)
    fail_at = service.property(SPACE, "Lockspace", "FailAtUsec")
    for double in systemd, logind:
        {"absent": double.vanish, "hangs": double.hang, "refuses": double.fail}[how]()
    hanging_storage.hang()
    assert wait_ended(service, process) == -signal.SIGKILL
    service.wait_until(lambda: [e for e in times.of(unit, "StepStarted") if e.arguments[1] == "kill"], "the kill")
    fail_at = max(fail_at, service.property(SPACE, "Lockspace", "FailAtUsec"))
    check_ladder_in_time(service, times, unit, fail_at)
    assert [worked for _action, worked in ladder_of(times, unit)[:4]] == [False] * 4
    assert state(service, unit) == "failing"

    # Back, and asked to stop it by the next kill (which was refused or lost before): then it has ended.
    if how == "absent":
        systemd.start()
        logind.start()
    elif how == "refuses":
        systemd.vanish()
        systemd.start()
    else:
        systemd.go_on()
        logind.go_on()
    service.wait_until(lambda: times.of(unit, "Cleared"), "the end of the unit")
    times.one(unit, "Cleared", "exited")


def test_late_answer(service, hanging_storage, space, group, systemd):
    """A stop that systemd carries out when its step is over: a stop all the same."""
    process = group.run()
    unit = register_unit(service, failure_policy=policy(("stop-unit", 1), ("notify", 20), ("kill", 0)))
    acquire(service, unit, lease(space))
    times = EventTimes(service)
    systemd.hang()
    hanging_storage.hang()
    service.wait_until(lambda: [e for e in times.of(unit, "StepStarted") if e.arguments[0] == 1], "the second step")
    assert process.poll() is None
    assert ladder_of(times, unit) == [("stop-unit", False)]
    systemd.go_on()
    service.wait_until(lambda: times.of(unit, "Cleared"), "the end of the unit")
    assert wait_ended(service, process) == -signal.SIGKILL
    assert systemd.calls("StopUnit") == [["a.service", "replace"]]


def test_steps_work(service, hanging_storage, space, group, systemd, logind):
    """Calls and arguments: the host first, which clears nobody; then freeze, which does not either; then stop."""
    process = group.run()
    unit = register_unit(service, failure_policy=policy(
        ("host-poweroff", 1), ("host-reboot", 1), ("freeze", 1), ("stop-unit", 10), ("kill", 0)))
    acquire(service, unit, lease(space))
    times = EventTimes(service)
    hanging_storage.hang()
    service.wait_until(lambda: times.of(unit, "Cleared"), "the end of the unit")
    times.one(unit, "Cleared", "exited")
    assert wait_ended(service, process) == -signal.SIGKILL
    assert ladder_of(times, unit) == [("host-poweroff", True), ("host-reboot", True), ("freeze", True),
                                      ("stop-unit", True)]
    details = [e.arguments[3] for e in times.of(unit, "StepFinished")]
    assert "frozen" in details[2]
    assert logind.calls("PowerOffWithFlags") == [[0]]
    assert logind.calls("RebootWithFlags") == [[0]]
    assert systemd.calls("FreezeUnit") == [["a.service"]]
    assert systemd.calls("StopUnit") == [["a.service", "replace"]]
    assert systemd.calls("StartUnit") == []


def test_restart(service, hanging_storage, space, group, systemd):
    """Stopped when the storage hangs, started again when its leases were granted anew."""
    process = group.run()
    unit = register_unit(service, failure_policy=policy(("restart", 10), ("kill", 0)))
    acquire(service, unit, lease(space))
    times = EventTimes(service)
    hanging_storage.hang()
    assert wait_ended(service, process) == -signal.SIGKILL
    service.wait_until(lambda: times.of(unit, "Cleared"), "the end of the unit")
    assert systemd.calls("StopUnit") == [["a.service", "replace"]]
    assert systemd.calls("StartUnit") == []
    hanging_storage.resume()
    wait_by_asking(service, lambda: systemd.calls("StartUnit"), "the start of the unit")
    assert systemd.calls("StartUnit") == [["a.service", "replace"]]
    wait_by_asking(service, lambda: service.property(unit, "Registration", "Recovery") == "", "the recovery's end")
    assert state(service, unit) == "active"
    assert len(service.property(unit, "Registration", "Resources")) == 1
    # It counts as the same unit: when it ends, what it holds is released.
    group.kill()
    systemd.set_state("inactive")
    wait_removed(service, unit)
    assert inspect_resource(service, space)["state"] == "free"


def hold_to_restart(service, storage, group):
    make_space(service, storage)
    group.run()
    unit = register_unit(service, failure_policy=policy(("restart", 10), ("kill", 0)))
    acquire(service, unit, lease(storage))
    return unit


def test_drill_comes_back_with_its_first_attempt(service, storage, group, systemd):
    """The lockspace is held all the time: what the unit gives up is waited for before it is acquired again."""
    unit = hold_to_restart(service, storage, group)
    service.call(unit, "Registration", "Drill", "(a{sv})", {})
    wait_by_asking(service, lambda: systemd.calls("StartUnit"), "the start of the unit")
    service.wait_for_property(unit, "Registration", "Recovery", "")
    told = values_of(service, unit, "Registration", "Recovery")
    assert told[-2:] == ["is being started", ""] and not [text for text in told if "failed" in text]
    systemd.set_state("inactive")
    wait_removed(service, unit)


def test_stopped_when_its_start_has_failed(service, storage, group, systemd):
    """Its leases are in hand meanwhile: it is stopped as its file says."""
    unit = hold_to_restart(service, storage, group)
    systemd.refuse_start()
    times = EventTimes(service)
    service.call(unit, "Registration", "Drill", "(a{sv})", {})
    service.wait_until(lambda: len(times.of(unit, "Cleared")) == 2, "the end of what was not started")
    assert ladder_of(times, unit) == [("restart", True), ("stop-unit", True)]


def test_killed_when_somebody_has_started_it(service, hanging_storage, space, group, systemd):
    """It has no leases then, so what it would write while it is stopped is nothing it may write."""
    group.run()
    unit = register_unit(service, failure_policy=policy(("restart", 10), ("kill", 0)))
    acquire(service, unit, lease(space))
    times = EventTimes(service)
    hanging_storage.hang()
    service.wait_until(lambda: times.of(unit, "Cleared"), "the end of the unit")
    process = group.run()
    systemd.set_state("active")
    assert wait_ended(service, process) == -signal.SIGKILL
    service.wait_until(lambda: len(times.of(unit, "Cleared")) == 2, "its end anew")
    assert ladder_of(times, unit) == [("restart", True), ("kill", True)]


def test_killed_when_it_has_just_been_started(service, storage, group, systemd):
    """The call is out, and its answer is the next bailiffd's to see: what is about to run keeps its leases."""
    make_space(service, storage)
    process = group.run()
    unit = register_unit(service, failure_policy=policy(("restart", 10), ("kill", 0)))
    acquire(service, unit, lease(storage))
    service.kill_daemon()
    service.start_daemon(prefix=("env", f"LD_PRELOAD={BUILD}/tests/crash-at-call.so", "CRASH_AT_CALL=StartUnit"))
    service.wait_for_property(SPACE, "Lockspace", "State", "held")
    service.daemon.expected_to_end = True
    service.begin(unit, "Registration", "Drill", "(a{sv})", {})
    service.wait_until(lambda: service.daemon.ended, "the end of bailiffd")
    assert wait_ended(service, process) == -signal.SIGKILL
    wait_by_asking(service, lambda: systemd.calls("StartUnit"), "the start of the unit")
    leader = disk.read(storage, MIB, 512)
    service.start_daemon()
    service.wait_for_property(SPACE, "Lockspace", "State", "held")
    assert state(service, unit) == "active"
    assert len(service.property(unit, "Registration", "Resources")) == 1
    assert disk.read(storage, MIB, 512) == leader, "given back, or acquired anew"
    group.kill()
    systemd.set_state("inactive")
    wait_removed(service, unit)
