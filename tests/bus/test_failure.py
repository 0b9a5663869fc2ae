# SPDX-License-Identifier: LGPL-2.1-or-later
"""Storage that hangs or fails: deadlines, failure policies, and a daemon that goes on answering.

Nothing may happen before its deadline, which is exact; how long after it depends on the machine, so those limits
are generous. What must be in time for the sake of safety is 40 s after the fail deadline.
"""

import os
import signal

import pytest

import disk_records as disk
from event_times import EventTimes
from lease_calls import (IGNORE_TERM, MIB, SPACE, acquire, begin_acquire, begin_join, check_two_lines, fails_with,
                         format_lockspace, format_resource, inspect_resource, join, lease, leave, make_space_of_three,
                         policy, register, release, unregister, values_of, wait_by_asking, wait_ended, wanted)
from private_service import BUS_NAME, BusError, options

SECOND = 1_000_000
BUDGET = 40 * SECOND
# Longer than any call may take that must not wait for storage, on however slow a machine.
PATIENCE = 40


# Between late and failing there are two seconds with the shortest io timeout: too few for a test that has to do
# something in between, on however slow a machine.
in_no_hurry = pytest.mark.parametrize("space", [3], indirect=True)


@pytest.fixture
def space(service, hanging_storage, request):
    """Joined on storage that can hang, with three resources; the test begins right after a renewal."""
    yield make_space_of_three(service, hanging_storage.path, io_timeout=getattr(request, "param", 1))
    hanging_storage.resume()


def state(service, lockspace=SPACE):
    return service.property(lockspace, "Lockspace", "State")


def wait_state(service, wished, lockspace=SPACE):
    service.wait_for_property(lockspace, "Lockspace", "State", wished)


def owner_timestamp(hanging_storage, host_id=1):
    return disk.field(hanging_storage.backing, (host_id - 1) * 512, disk.TIMESTAMP)


def test_the_whole_walk_of_several_registrations(service, hanging_storage, space, storage, make_worker):
    """One that ignores SIGTERM, one that obeys it, one that releases by itself, one without a lease, and one whose
    lease lies on storage that is well."""
    format_lockspace(service, storage, name="well")
    format_resource(service, storage, lockspace="well")
    join(service, storage, name="well")
    stubborn, obedient, wise, idle, elsewhere = (make_worker(first) for first in (IGNORE_TERM, "", "", "", ""))
    # In the first step the wise one lets go.
    steps = policy(("notify", 6), ("signal", 2, "TERM"), ("kill", 0))
    paths = [register(service, process, failure_policy=steps) for process in
             (stubborn, obedient, wise, idle, elsewhere)]
    for number, path in enumerate(paths[:3], 1):
        acquire(service, path, wanted(space, number))
    acquire(service, paths[4], lease(storage, lockspace="well"))
    times = EventTimes(service)

    hanging_storage.hang()
    wait_state(service, "late")
    at = service.properties(SPACE, "Lockspace")
    check_two_lines(at["Reason"])
    wait_state(service, "failing")
    release(service, paths[2])
    assert wise.poll() is None
    wait_state(service, "lost")
    assert wait_ended(service, stubborn) == -signal.SIGKILL
    assert wait_ended(service, obedient) == -signal.SIGTERM
    assert (wise.poll(), idle.poll(), elsewhere.poll()) == (None, None, None)

    # The lockspace: nothing before its time, everything in order.
    assert [e.arguments[0] for e in times.of(SPACE, "State")] == ["late", "failing", "lost"]
    order = [e.member for e in times.of(SPACE, "State", "RenewalLate", "LeaseLost")]
    assert sorted(order[:2]) == ["RenewalLate", "State"] and sorted(order[2:4]) == ["LeaseLost", "State"]
    late = times.of(SPACE, "RenewalLate")[0]
    assert 0 <= late.arguments[0] <= 2
    check_two_lines(late.arguments[1])
    check_two_lines(times.of(SPACE, "LeaseLost")[0].arguments[0])
    assert late.at_us >= at["LateAtUsec"]
    assert times.one(SPACE, "LeaseLost") >= at["FailAtUsec"]

    # The one that has to be killed: every step at its time.
    steps_of = times.of(paths[0], "StepStarted", "StepFinished", "Cleared")
    assert [(e.member, *e.arguments[:3]) for e in steps_of] == [
        ("StepStarted", 0, "notify"), ("StepFinished", 0, "notify", True),
        ("StepStarted", 1, "signal"), ("StepFinished", 1, "signal", True),
        ("StepStarted", 2, "kill"), ("StepFinished", 2, "kill", True), ("Cleared", "exited")]
    for index, grace in (0, 0), (1, 6), (2, 8):
        due = at["FailAtUsec"] + grace * SECOND
        assert due <= times.one(paths[0], "StepStarted", index) < at["FailAtUsec"] + BUDGET
    assert times.of(SPACE, "State")[-1].at_us >= times.one(paths[0], "Cleared")
    assert values_of(service, paths[0], "Registration", "State")[-2:] == ["failing", "cleared"]
    assert values_of(service, paths[0], "Registration", "Step")[:3] == [0, 1, 2]

    # The others.
    assert times.one(paths[1], "Cleared", "exited") >= times.one(paths[1], "StepStarted", 1, "signal")
    assert not [e for e in times.of(paths[1], "StepStarted") if e.arguments[1] == "kill"]
    times.one(paths[2], "Cleared", "released")
    assert service.property(paths[2], "Registration", "Resources") == []
    for untouched in paths[3], paths[4]:
        assert not times.of(untouched)
        assert service.property(untouched, "Registration", "State") == "active"
    assert state(service, "lockspaces/well") == "held"
    assert inspect_resource(service, storage)["state"] == "held"

    # Nobody was told on disk: other hosts have to wait.
    assert owner_timestamp(hanging_storage) > 0
    hanging_storage.resume()
    release(service, paths[4])
    unregister(service, paths[2])


@in_no_hurry
def test_storage_that_comes_back_in_time(service, hanging_storage, space, worker):
    path = register(service, worker)
    acquire(service, path, wanted(space, 1))
    times = EventTimes(service)
    hanging_storage.hang()
    wait_state(service, "late")
    with fails_with("Busy", "late"):
        acquire(service, path, wanted(space, 2))
    hanging_storage.resume()
    wait_state(service, "held")
    assert service.property(SPACE, "Lockspace", "Reason") == ""
    assert [e.arguments[0] for e in times.of(SPACE, "State")] == ["late", "held"]
    assert not times.of(path)
    assert worker.poll() is None
    # Not every renewal was good, and the history says so.
    history = service.call(SPACE, "Lockspace", "GetRenewalHistory", "(u)", 0)
    bad = [entry for entry in history if not entry["worked"]]
    assert all(entry["detail"] for entry in bad) and bad
    acquire(service, path, wanted(space, 2))
    release(service, path)


def test_storage_that_comes_back_too_late(service, hanging_storage, space, make_worker):
    """Failing is for good. But when all are harmless the host lease is given back, and others need not wait."""
    worker = make_worker()
    path = register(service, worker, failure_policy=policy(("notify", 4), ("kill", 0)))
    acquire(service, path, wanted(space, 1))
    hanging_storage.hang()
    wait_state(service, "failing")
    hanging_storage.resume()
    with fails_with("Lost"):
        acquire(service, path, wanted(space, 2))
    wait_state(service, "lost")
    assert wait_ended(service, worker) == -signal.SIGKILL
    assert values_of(service, SPACE, "Lockspace", "State")[-3:] == ["late", "failing", "lost"]
    wait_by_asking(service, lambda: owner_timestamp(hanging_storage) == 0, "the host lease to be given back")
    # The resource is still marked as ours, of a generation that is over.
    join(service, space)
    assert service.property(SPACE, "Lockspace", "Generation") == 2
    other = make_worker()
    path = register(service, other)
    acquire(service, path, wanted(space, 1))
    release(service, path)


def test_writes_that_fail(service, hanging_storage, space, make_worker):
    worker = make_worker()
    path = register(service, worker, failure_policy=policy(("kill", 0)))
    acquire(service, path, wanted(space, 1))
    times = EventTimes(service)
    hanging_storage.fail(reads=False, writes=True)
    wait_state(service, "late")
    at = service.properties(SPACE, "Lockspace")
    assert "error" in at["Reason"]
    wait_state(service, "lost")
    assert times.one(path, "StepStarted", 0, "kill") >= at["FailAtUsec"]
    assert wait_ended(service, worker) == -signal.SIGKILL
    hanging_storage.fail(False, False)
    join(service, space)


@in_no_hurry
def test_reads_that_fail(service, hanging_storage, space):
    hanging_storage.fail(reads=True, writes=False)
    wait_state(service, "late")
    hanging_storage.fail(False, False)
    wait_state(service, "held")


def test_releasing_waits_for_storage_that_fails(service, hanging_storage, space, worker):
    path = register(service, worker)
    acquire(service, path, wanted(space, 1))
    hanging_storage.fail(reads=False, writes=True)
    with fails_with("IoError"):
        release(service, path)
    # It is not free for anybody before that is on disk, and that it becomes by itself.
    assert inspect_resource(service, space)["state"] == "held"
    hanging_storage.fail(False, False)
    wait_by_asking(service, lambda: service.property(path, "Registration", "Resources") == [], "the release")
    assert inspect_resource(service, space)["state"] == "free"
    assert state(service) in ("held", "late")


def test_release_that_lasts_is_announced(service, hanging_storage, space, worker):
    """One that does not is over before anybody could look at it."""
    path = register(service, worker)
    resource, = acquire(service, path, wanted(space, 1))
    hanging_storage.hang()
    begin = len(service.signals)
    released = service.begin(path, "Registration", "Release", "(aoa{sv})", [], {})
    service.wait_for_signal("PropertiesChanged", resource, begin,
                            lambda arguments: arguments[1].get("State") == "releasing")
    # Who asks is told at once.
    assert service.property(resource, "Resource", "State") == "releasing"
    hanging_storage.resume()
    try:
        released.result()
    except BusError as error:  # it took too long, and goes on
        assert error.name.endswith("IoTimeout"), error
    wait_by_asking(service, lambda: service.property(path, "Registration", "Resources") == [], "the release")


def test_acquiring_on_hanging_storage_gives_up(service, hanging_storage, space, worker):
    path = register(service, worker)
    hanging_storage.hang()
    call = begin_acquire(service, path, wanted(space, 1), wanted(space, 2))
    assert service.property("Manager", "Manager", "Version")
    with pytest.raises(BusError) as caught:
        call.result(PATIENCE)
    assert caught.value.name.startswith("org.bailiff.Error."), caught.value
    check_two_lines(caught.value.message)
    hanging_storage.resume()
    wait_by_asking(service, lambda: state(service) in ("held", "lost"), "the end of the trouble")
    for offset in MIB, 2 * MIB:
        wait_by_asking(service, lambda: inspect_resource(service, space, offset)["state"] == "free",
                       "what was begun to be undone")


def test_leaving_does_not_wait_for_storage(service, hanging_storage, space, make_worker):
    worker = make_worker()
    path = register(service, worker, failure_policy=policy(("kill", 0)))
    acquire(service, path, wanted(space, 1))
    hanging_storage.hang()
    service.call(SPACE, "Lockspace", "Leave", "(a{sv})", options(force=("b", True)), timeout=PATIENCE)
    assert wait_ended(service, worker) == -signal.SIGKILL
    assert not any("/lockspaces/" in each for each in service.objects())
    # What could not be given back was not given back.
    assert owner_timestamp(hanging_storage) > 0


def test_joining_again_while_an_old_request_is_out(service, hanging_storage, space):
    hanging_storage.hang()
    wait_state(service, "lost")
    path = begin_join(service, space)
    assert state(service, path) == "joining"
    service.wait_for_property(path, "Lockspace", "State", "lost")
    check_two_lines(service.property(path, "Lockspace", "Reason"))
    path = begin_join(service, space)
    hanging_storage.resume()
    service.wait_for_property(path, "Lockspace", "State", lambda value: value != "joining")
    if state(service, path) == "lost":  # its own time limit came first
        path = join(service, space)
    assert service.property(path, "Lockspace", "Generation") >= 2
    assert disk.field(hanging_storage.backing, 0, disk.OWNER_GENERATION) == service.property(
        path, "Lockspace", "Generation")
    leave(service)
    assert owner_timestamp(hanging_storage) == 0


def test_formatting_and_inspecting_hanging_storage_holds_nobody_up(service, hanging_storage, storage):
    format_lockspace(service, hanging_storage.path)
    hanging_storage.hang()
    pending = [service.begin("Manager", "Manager", "InspectLockspace", "(sta{sv})", hanging_storage.path, 0, {}),
               service.begin("Manager", "Manager", "FormatResource", "(stssa{sv})", hanging_storage.path, MIB, "space",
                             "thing", {})]
    format_lockspace(service, storage)
    join(service, storage)
    assert not any(call.done for call in pending)
    hanging_storage.resume()
    assert pending[0].result()["name"] == "space"
    assert pending[1].result() is None
    leave(service)


def test_stopping_the_daemon_does_not_wait_for_storage(service, hanging_storage, space, make_worker):
    worker = make_worker(IGNORE_TERM)
    path = register(service, worker, failure_policy=policy(("signal", 1, "TERM"), ("kill", 0)))
    acquire(service, path, wanted(space, 1))
    hanging_storage.hang()
    service.daemon.expected_to_end = True
    os.kill(service.daemon.pid, signal.SIGTERM)

    def on_the_bus():
        return service.call("org.freedesktop.DBus:/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner",
                            "(s)", BUS_NAME)
    wait_by_asking(service, lambda: not on_the_bus(), "the bus name to be free", PATIENCE)
    # Not before the one who used the lease was ended.
    assert wait_ended(service, worker) == -signal.SIGKILL
    # The kernel keeps the process until the storage has answered.
    hanging_storage.resume()
    service.wait_until(lambda: service.daemon.ended, "the end of bailiffd")


def test_descendants_are_killed_with_the_registered_process(service, hanging_storage, space, make_worker):
    worker = make_worker(IGNORE_TERM + "\nimport subprocess\n"
                         "child = subprocess.Popen(['sh', '-c', 'setsid sleep 1000 & setsid sleep 1000'])\n")
    path = register(service, worker, failure_policy=policy(("kill", 0)), descendants=("b", True))
    acquire(service, path, wanted(space, 1))
    wait_by_asking(service, lambda: len(descendants_of(worker.pid)) == 3, "the family")
    tree = descendants_of(worker.pid)
    hanging_storage.hang()
    wait_state(service, "lost")
    assert worker.poll() == -signal.SIGKILL
    assert not [pid for pid in tree if is_running(pid)]


def descendants_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as children:
        found = [int(each) for each in children.read().split()]
    return found + [deeper for each in found for deeper in descendants_of(each)]


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False
