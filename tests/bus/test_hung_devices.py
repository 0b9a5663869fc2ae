# SPDX-License-Identifier: LGPL-2.1-or-later
"""Thirty-two lockspaces, and the storage of half of them hangs: the other half must not notice, and when it is over
nothing may be left behind.

What is measured is the daemon's own record of its renewals. How fast this machine is, and what else it does, is in
every figure; so the renewals during the hang are compared with those of the same lockspaces before it, and the limit
is what would show that one waited for another: a whole I/O timeout, which is how long a hung I/O holds its caller.
"""

import collections
import contextlib
import os
import pathlib
import signal
import time

import pytest

from lease_calls import (MIB, acquire, begin_acquire, begin_join, format_resource, lease, leave, policy, register,
                         release, wait_by_asking, wait_ended, wait_held)
from lease_storage import NoSuchStorage, hanging_file
from private_service import BUS_NAME, options

EACH = 16
IO_TIMEOUT = 1
SECOND = 1_000_000
# Longer than any call may take that must not wait for storage, on however slow a machine.
PATIENCE = 40

WELL = [f"well{number}" for number in range(EACH)]
HUNG = [f"hung{number}" for number in range(EACH)]


@pytest.fixture
def wide_hanging_storage():
    """With room for the lockspaces and a resource for each."""
    try:
        with hanging_file(mib=2 * EACH) as store:
            yield store
    except NoSuchStorage as reason:
        pytest.skip(str(reason))


def format_all(service, path, names):
    """A lockspace at each MiB, and behind them a resource for each."""
    calls = [service.begin("Manager", "Manager", "FormatLockspace", "(stsa{sv})", path, index * MIB, name,
                           options(io_timeout=("u", IO_TIMEOUT))) for index, name in enumerate(names)]
    calls += [service.begin("Manager", "Manager", "FormatResource", "(stssa{sv})", path, (EACH + index) * MIB, name,
                            "thing", {}) for index, name in enumerate(names)]
    for call in calls:
        call.result()


def join_all(service, path, names):
    paths = [begin_join(service, path, offset=index * MIB, name=name, io_timeout=IO_TIMEOUT)
             for index, name in enumerate(names)]
    for each in paths:
        wait_held(service, each)


def thing(path, names, name):
    return lease(path, (EACH + names.index(name)) * MIB, lockspace=name)


def states(service, names):
    return collections.Counter(service.property(f"lockspaces/{name}", "Lockspace", "State") for name in names)


def wait_all(service, names, *wished):
    for name in names:
        service.wait_for_property(f"lockspaces/{name}", "Lockspace", "State", lambda state: state in wished)


def renewals(service, name):
    return service.call(f"lockspaces/{name}", "Lockspace", "GetRenewalHistory", "(u)", 0)


def lateness(service, since_us=0):
    """By how much the renewals of the healthy lockspaces began after their time, in microseconds: two I/O timeouts
    after the time stamp of the one before, which was taken when its read had ended."""
    late = []
    for name in WELL:
        history = renewals(service, name)
        for before, after in zip(history, history[1:]):
            if before["started-usec"] >= since_us and before["worked"]:
                due = before["started-usec"] + before["read-usec"] + 2 * IO_TIMEOUT * SECOND
                late.append(after["started-usec"] - due)
    return late


def wait_for_renewals(service, count, since_us):
    """Until each healthy lockspace has been renewed `count` times since then."""
    def enough():
        return all(sum(entry["started-usec"] > since_us for entry in renewals(service, name)) >= count
                   for name in WELL)
    wait_by_asking(service, enough, "renewals")


def boottime_us():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def daemon_resources(service):
    """What a leak would show in: threads of our own (GLib keeps its for a while), descriptors by kind, contexts for
    asynchronous I/O."""
    proc = pathlib.Path(f"/proc/{service.daemon.pid}")
    kinds = collections.Counter()
    for entry in (proc / "fd").iterdir():
        try:
            target = os.readlink(entry)
        except FileNotFoundError:
            continue
        kinds[target if target.startswith(("anon_inode:", "/")) else target.partition(":")[0]] += 1
    for comm in proc.glob("task/*/comm"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            name = comm.read_text().strip()
            if name.startswith(("bailiff", "aio")):
                kinds[f"thread {name}"] += 1
    kinds["contexts"] = (proc / "maps").read_text().count("[aio]")
    return kinds


def memory_kib(service):
    status = pathlib.Path(f"/proc/{service.daemon.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def wait_for_resources(service, wanted):
    """Threads that end, and descriptors that are closed by threads, are gone in a moment."""
    def same():
        return daemon_resources(service) == wanted
    try:
        wait_by_asking(service, same, "what the hung lockspaces used to be given back")
    except AssertionError as error:
        raise AssertionError(f"{error}; wanted {wanted}, have {daemon_resources(service)}") from None


def leave_patiently(service, name):
    service.call(f"lockspaces/{name}", "Lockspace", "Leave", "(a{sv})", {}, timeout=PATIENCE)


def show(text):
    print(f"hung devices: {text}")


def test_healthy_lockspaces_are_renewed_on_time(service, wide_hanging_storage, make_storage):
    healthy = make_storage(2 * EACH)
    hanging = wide_hanging_storage.path
    format_all(service, healthy, WELL)
    format_all(service, hanging, HUNG)
    join_all(service, healthy, WELL)
    join_all(service, hanging, HUNG)
    wait_for_renewals(service, 3, boottime_us())
    before = lateness(service)

    wide_hanging_storage.hang()
    hung_at = boottime_us()
    wait_all(service, HUNG, "lost")
    wait_for_renewals(service, 5, hung_at)
    during = lateness(service, hung_at)

    show(f"renewals began at most {max(before) / 1000:.1f} ms late before, {max(during) / 1000:.1f} ms while "
         f"{EACH} of {2 * EACH} lockspaces hung")
    # A renewal that had waited for a hung I/O would have done so for an I/O timeout at least.
    assert max(during) < max(before) + IO_TIMEOUT * SECOND / 2
    assert states(service, WELL) == {"held": EACH}
    assert all(entry["worked"] for name in WELL for entry in renewals(service, name))
    well_paths = tuple(f"/lockspaces/{name}" for name in WELL)
    assert not [s for s in service.signals if s.member in ("RenewalLate", "LeaseLost") and s.path.endswith(well_paths)]

    wide_hanging_storage.resume()
    for name in HUNG + WELL:
        leave(service, f"lockspaces/{name}")


def test_nothing_is_left_of_a_hang(service, wide_hanging_storage, make_storage, make_worker):
    """Threads, descriptors, contexts and buffers, also of acquires that were under way, are what they were before;
    a second round needs no more memory than the first."""
    healthy = make_storage(2 * EACH)
    hanging = wide_hanging_storage.path
    format_all(service, healthy, WELL)
    format_all(service, hanging, HUNG)
    join_all(service, healthy, WELL)
    wait_for_renewals(service, 1, boottime_us())
    before = daemon_resources(service)
    memory = []

    for _ in range(2):
        join_all(service, hanging, HUNG)
        killed = make_worker()
        holder = register(service, killed, failure_policy=policy(("kill", 0)))
        acquire(service, holder, thing(hanging, HUNG, HUNG[0]))
        other = register(service, make_worker())
        wide_hanging_storage.hang()
        # More than FUSE takes: io_submit does not return to some of them, and their threads are stuck.
        calls = [begin_acquire(service, other, thing(hanging, HUNG, name)) for name in HUNG[1:]]
        # One into which a write is on its way is not lost before that has ended.
        wait_all(service, HUNG, "failing", "lost")
        assert wait_ended(service, killed) == -signal.SIGKILL
        # They answer although nothing has come back.
        for call in calls:
            service.wait_until(lambda call=call: call.done, "the end of an acquire", PATIENCE)
            assert call.error
        for name in HUNG[::2]:
            leave_patiently(service, name)
        wide_hanging_storage.resume()
        for name in HUNG[1::2]:
            leave(service, f"lockspaces/{name}")
        service.call(other, "Registration", "Unregister", "(a{sv})", {})
        wait_by_asking(service, lambda: not any("/registrations/" in each for each in service.objects()),
                       "the end of the registrations")
        wait_for_resources(service, before)
        memory.append(memory_kib(service))
    show(f"memory after the first hang {memory[0]} KiB, after the second {memory[1]} KiB")
    # One buffer of each hung read would be 16 MiB.
    assert memory[1] < memory[0] + EACH * 1024 // 2
    assert states(service, WELL) == {"held": EACH}


def test_acquiring_beside_hung_storage(service, wide_hanging_storage, make_storage, make_worker):
    """However many calls wait for the hung storage, one on a healthy lockspace answers before any of them gives up."""
    healthy = make_storage(2 * EACH)
    hanging = wide_hanging_storage.path
    half = EACH // 2
    format_all(service, healthy, WELL)
    format_all(service, hanging, HUNG)
    join_all(service, healthy, WELL[:1])
    join_all(service, hanging, HUNG[:half])
    user, hung_user = register(service, make_worker()), register(service, make_worker())

    def turns():
        times = []
        for _ in range(20):
            started = time.monotonic()
            acquire(service, user, thing(healthy, WELL, WELL[0]))
            release(service, user)
            times.append(time.monotonic() - started)
        return sorted(times)

    alone = turns()
    wide_hanging_storage.hang()
    calls = [begin_acquire(service, hung_user, lease(hanging, (EACH + index) * MIB, lockspace=name))
             for index, name in enumerate(HUNG[:half])]
    joins = [begin_join(service, hanging, offset=(half + index) * MIB, name=name, io_timeout=IO_TIMEOUT)
             for index, name in enumerate(HUNG[half:])]
    beside = turns()
    show(f"acquire and release, p50: {alone[10] * 1000:.1f} ms alone, {beside[10] * 1000:.1f} ms beside {len(calls)} "
         f"acquires and {len(joins)} joins on hung storage")
    assert beside[10] < alone[10] + IO_TIMEOUT / 2
    for call in calls:
        service.wait_until(lambda call=call: call.done, "the end of an acquire", PATIENCE)
        assert call.error
    wide_hanging_storage.resume()


@contextlib.contextmanager
def nothing_can_be_opened(store):
    """While the server of the file system itself is stopped open() does not return."""
    server = int(pathlib.Path(store.directory, "nbdfuse.pid").read_text())
    os.kill(server, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server, signal.SIGCONT)


def test_acquiring_beside_devices_that_cannot_be_opened(service, wide_hanging_storage, make_storage, make_worker):
    """More joins and acquires than the daemon opens devices at a time, all on storage that does not open."""
    healthy = make_storage(2 * EACH)
    hanging = wide_hanging_storage.path
    many = 70
    format_all(service, healthy, WELL[:2])
    join_all(service, healthy, WELL[:2])
    users = [register(service, make_worker()) for _ in range(2)]
    with nothing_can_be_opened(wide_hanging_storage):
        joins = [begin_join(service, hanging, offset=index * MIB, name=f"other{index}") for index in range(many)]
        calls = [begin_acquire(service, users[0], lease(hanging, index * MIB, f"r{index}", WELL[0]))
                 for index in range(many)]
        acquire(service, users[1], thing(healthy, WELL, WELL[1]))
        release(service, users[1])
        show(f"beside {many} joins and {many} acquires whose devices do not open an acquire works")
        assert all(service.property(each, "Lockspace", "State") == "joining" for each in joins)
    for call in calls:
        service.wait_until(lambda call=call: call.done, "the end of an acquire", PATIENCE)
        assert call.error
    # More than are opened at a time, of storage that opens: each has its turn.
    for index in range(8):
        format_resource(service, healthy, (2 + index) * MIB, f"r{index}", WELL[1])
    calls = [begin_acquire(service, users[1], *(lease(healthy, (2 + index) * MIB, f"r{index}", WELL[1])
                                                for index in range(8)))]
    calls += [begin_acquire(service, users[1], lease(healthy, MIB, f"none{index}", WELL[1])) for index in range(many)]
    calls[0].result()
    for call in calls[1:]:
        service.wait_until(lambda call=call: call.done, "the end of an acquire", PATIENCE)
        assert call.error and not call.error.name.endswith("Busy"), call.error


def test_ending_while_many_devices_hang(service, wide_hanging_storage, make_storage):
    """Leaving and ending do not wait for storage: the bus name is free although nothing has come back."""
    healthy = make_storage(2 * EACH)
    hanging = wide_hanging_storage.path
    format_all(service, healthy, WELL)
    format_all(service, hanging, HUNG)
    join_all(service, healthy, WELL)
    join_all(service, hanging, HUNG)
    wide_hanging_storage.hang()
    for name in HUNG[:2]:
        leave_patiently(service, name)
    service.daemon.expected_to_end = True
    os.kill(service.daemon.pid, signal.SIGTERM)

    def on_the_bus():
        return service.call("org.freedesktop.DBus:/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner",
                            "(s)", BUS_NAME)
    wait_by_asking(service, lambda: not on_the_bus(), "the bus name to be free", PATIENCE)
    # The kernel keeps the process until the storage has answered.
    wide_hanging_storage.resume()
    service.wait_until(lambda: service.daemon.ended, "the end of bailiffd")
