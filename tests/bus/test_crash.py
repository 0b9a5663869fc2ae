# SPDX-License-Identifier: LGPL-2.1-or-later
"""bailiffd is killed: the next one takes over what it can prove, and makes harmless what it cannot."""

import os
import pathlib
import resource
import select
import signal
import subprocess

import pytest

from ctl import ctl
from lease_calls import (IGNORE_TERM, MIB, SPACE, acquire, begin_acquire, end_worker, fails_with, format_lockspace,
                         format_resource, inspect_resource, join, lease, policy, register, release, wait_by_asking,
                         wait_ended)
from sealed_files import damage


def restart(host):
    host.kill_daemon()
    host.start_daemon()


def runtime_file(host, *parts):
    return pathlib.Path(host.directory, "run", *parts)


def resources_of(host, registration):
    return host.property(registration, "Registration", "Resources")


def wait_taken_over(host, lockspace=SPACE):
    state = host.wait_for_property(lockspace, "Lockspace", "State", lambda state: state != "late")
    assert state == "held", host.property(lockspace, "Lockspace", "Reason")


def wait_on_disk(host, path, state, offset=MIB):
    wait_by_asking(host, lambda: inspect_resource(host, path, offset)["state"] == state, f"a resource that is {state}")


def test_everything_is_kept(host, space, make_worker):
    worker = make_worker()
    registration = register(host, worker, "the-holder")
    idle = register(host, make_worker(), "without")
    held, = acquire(host, registration, lease(space))
    shared, = acquire(host, registration, lease(space, 2 * MIB, "second", mode=("s", "shared")))
    for _ in range(3):
        restart(host)
        wait_taken_over(host)
        assert host.property(SPACE, "Lockspace", "Generation") == 1
        assert sorted(resources_of(host, registration)) == sorted([held, shared])
        assert host.property(registration, "Registration", "Pid") == worker.pid
        assert host.property(registration, "Registration", "State") == "active"
        assert host.property(held, "Resource", "Version") == 1
        assert host.property(shared, "Resource", "Mode") == "shared"
        assert host.property(idle, "Registration", "Name") == "without"
    assert worker.poll() is None
    release(host, registration)
    # Given back on disk: another one gets it, with the next version.
    again, = acquire(host, idle, lease(space))
    assert host.property(again, "Resource", "Version") == 2


def test_released_before_it_is_killed(host, space, make_worker):
    """The file of a lease that is over tells of nothing, whether it is there still or not; nothing has to be read or
    given back for it: its storage may be gone."""
    registration = register(host, make_worker())
    acquire(host, registration, lease(space), lease(space, 2 * MIB, "second"))
    release(host, registration)
    held, = acquire(host, registration, lease(space, 2 * MIB, "second"))
    file = runtime_file(host, "resources", "n-space", "n-thing")
    host.kill_daemon()
    assert not file.exists() or file.read_bytes().startswith(b"# bailiff void")
    # However long ago it was: what a daemon does not get round to remove is left to the next one.
    file.write_bytes(b"# bailiff void           \n".ljust(4096, b"\n"))
    host.start_daemon()
    wait_taken_over(host)
    assert resources_of(host, registration) == [held]
    assert not file.exists()
    acquire(host, registration, lease(space))


def test_holder_that_ended_with_the_daemon_holds_nothing(host, space, make_worker):
    worker, other = make_worker(), make_worker()
    registration = register(host, worker)
    acquire(host, registration, lease(space))
    acquire(host, registration, lease(space, 2 * MIB, "second", mode=("s", "shared")))
    host.kill_daemon()
    end_worker(worker)
    host.start_daemon()
    wait_taken_over(host)
    assert registration not in host.objects()
    wait_on_disk(host, space, "free")
    wait_on_disk(host, space, "free", 2 * MIB)
    acquire(host, register(host, other), lease(space), lease(space, 2 * MIB, "second"))


def test_zombie_holds_nothing(host, space, make_worker):
    worker = make_worker()
    acquire(host, register(host, worker), lease(space))
    worker.kill()
    restart(host)
    wait_taken_over(host)
    wait_on_disk(host, space, "free")


def test_one_of_several_who_share_has_ended(host, space, make_worker):
    gone, stays = make_worker(), make_worker()
    for worker in (gone, stays):
        acquire(host, register(host, worker, f"worker-{worker.pid}"), lease(space, mode=("s", "shared")))
    host.kill_daemon()
    end_worker(gone)
    host.start_daemon()
    wait_taken_over(host)
    resource = next(path for path in host.objects() if "/resources/" in path)
    holder, = host.property(resource, "Resource", "Registrations")
    assert host.property(holder, "Registration", "Pid") == stays.pid
    release(host, holder)
    wait_on_disk(host, space, "free")


def test_persistent_lease_outlives_its_holder(host, space, make_worker):
    """Also one whose holder ended while no daemon was there."""
    worker = make_worker()
    held, = acquire(host, register(host, worker, "the-holder"), lease(space, persistent=("b", True)))
    for _ in range(2):
        host.kill_daemon()
        if worker.poll() is None:
            end_worker(worker)
        host.start_daemon()
        wait_taken_over(host)
        assert host.property(held, "Resource", "Orphan")
        assert host.property(held, "Resource", "Version") == 1
    host.call(held, "Resource", "Release", "(a{sv})", {})
    wait_on_disk(host, space, "free")


def test_released_leases_stay_released(host, space, make_worker):
    released = make_worker()
    path = register(host, released, "released")
    first, second = acquire(host, path, lease(space), lease(space, 2 * MIB, "second"))
    release(host, path, first)
    restart(host)
    wait_taken_over(host)
    assert resources_of(host, path) == [second]
    acquire(host, register(host, make_worker(), "other"), lease(space))


def test_what_nobody_uses_any_more_is_being_given_back(host, space, hanging_storage, make_worker):
    """Its storage does not answer, and who wants it is told why he has to wait."""
    format_resource(host, hanging_storage.path)
    worker, second = make_worker(), register(host, make_worker(), "second")
    held, = acquire(host, register(host, worker, "first"), lease(hanging_storage.path))
    hanging_storage.fail()
    end_worker(worker)
    wait_by_asking(host, lambda: host.property(held, "Resource", "State") == "releasing", "the release")
    with fails_with("Busy", "being released on this host for first"):
        acquire(host, second, lease(hanging_storage.path))
    restart(host)
    wait_taken_over(host)
    with fails_with("Busy", "another bailiffd took over"):
        acquire(host, second, lease(hanging_storage.path))
    hanging_storage.fail(False, False)
    acquire(host, second, lease(hanging_storage.path, wait=("b", True)))


def test_conversion_of_what_is_not_proved_yet(host, space, hanging_storage, make_worker):
    """It is refused, and the lease is what it was: exclusive, of the same version."""
    format_resource(host, hanging_storage.path)
    held, = acquire(host, register(host, make_worker()), lease(hanging_storage.path))
    version = host.property(held, "Resource", "Version")
    hanging_storage.fail()
    restart(host)
    with fails_with("Busy", "has yet to be seen on the storage"):
        host.call(held, "Resource", "Convert", "(sa{sv})", "shared", {})
    hanging_storage.fail(False, False)
    wait_taken_over(host)
    assert (host.property(held, "Resource", "Mode"), host.property(held, "Resource", "Version")) == ("exclusive", version)
    host.call(held, "Resource", "Convert", "(sa{sv})", "shared", {})
    host.call(held, "Resource", "Convert", "(sa{sv})", "exclusive", {})
    assert host.property(held, "Resource", "Version") > version


def test_numbers_of_registrations_are_not_used_again(host, space, make_worker):
    """A client that still has the path of a registration of the dead daemon must not speak to another one."""
    path = register(host, make_worker(), "the-holder")
    acquire(host, path, lease(space))
    restart(host)
    assert register(host, make_worker(), "another") != path


def test_numbers_are_not_used_again_when_nothing_is_left(host, space, make_worker):
    """The registration with the highest number had ended before the daemon did."""
    worker = make_worker()
    path = register(host, worker)
    end_worker(worker)
    wait_by_asking(host, lambda: path not in host.objects(), "the end of the registration")
    assert list(runtime_file(host, "held").iterdir()) == []
    restart(host)
    later = register(host, make_worker(), "another")
    assert later != path
    # Neither is the number that a damaged file had kept.
    host.kill_daemon()
    for file in (*runtime_file(host, "held").iterdir(), runtime_file(host, "numbers")):
        damage(file)
    host.start_daemon()
    assert int(register(host, make_worker(), "third").rsplit("/", 1)[1]) > int(later.rsplit("/", 1)[1]) + 64



def test_policy_and_mode_are_kept(host, space, make_worker):
    path = register(host, make_worker(), failure_policy=policy(("signal", 3, "USR1"), ("kill", 0)))
    held, = acquire(host, path, lease(space))
    host.call(held, "Resource", "Convert", "(sa{sv})", "shared", {})
    restart(host)
    wait_taken_over(host)
    assert [step[:2] for step in host.property(path, "Registration", "FailurePolicy")] == [("signal", 3), ("kill", 0)]
    assert host.property(held, "Resource", "Mode") == "shared"
    host.call(held, "Resource", "Convert", "(sa{sv})", "exclusive", {})
    restart(host)
    wait_taken_over(host)
    assert host.property(held, "Resource", "Mode") == "exclusive"
    release(host, path)
    wait_on_disk(host, space, "free")


def test_registration_that_cannot_be_read_may_be_anybody(host, space, make_worker):
    worker = make_worker()
    held, = acquire(host, register(host, worker), lease(space))
    record, = runtime_file(host, "held").iterdir()
    host.kill_daemon()
    damage(record)
    host.start_daemon()
    wait_taken_over(host)
    # Nobody else gets it, and the process, which is not known, goes on.
    assert host.property(held, "Resource", "Orphan")
    assert inspect_resource(host, space)["state"] == "held"
    assert worker.poll() is None
    with fails_with("Held"):
        acquire(host, register(host, make_worker(), "other"), lease(space))


@pytest.mark.parametrize("what", ["lockspaces/n-space", "resources/n-space/n-thing"])
def test_what_cannot_be_read_is_unsafe(host, space, make_worker, what):
    """The holder is stopped before anybody else may get its lease, this host included."""
    worker = make_worker(IGNORE_TERM)
    registration = register(host, worker)
    acquire(host, registration, lease(space))
    host.kill_daemon()
    damage(runtime_file(host, *what.split("/")))
    host.start_daemon()
    assert inspect_resource(host, space)["state"] == "held"
    assert wait_ended(host, worker) == -signal.SIGKILL
    wait_by_asking(host, lambda: registration not in host.objects(), "the end of the registration")
    if what.startswith("resources"):
        host.wait_for_property(SPACE, "Lockspace", "State", "lost")
        assert "damaged" in host.property(SPACE, "Lockspace", "Reason")
        # NAME STATE HOST-ID GENERATION FAILS-IN: it does not fail any more.
        row, = [line.split() for line in ctl(host, "status").stdout.splitlines() if line.startswith("space ")]
        assert row[1] == "lost" and row[4] == "-"
    join(host, space)
    assert host.property(SPACE, "Lockspace", "Generation") == 2
    acquire(host, register(host, make_worker(), "other"), lease(space))


def test_what_could_not_be_written_is_unsafe(host, space, make_worker):
    """No descriptor was left for it."""
    worker = make_worker(IGNORE_TERM)
    held, = acquire(host, register(host, worker), lease(space))
    used = {int(number) for number in os.listdir(f"/proc/{host.daemon.pid}/fd")}
    free = next(number for number in range(len(used) + 1) if number not in used)
    limits = resource.prlimit(host.daemon.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(host.daemon.pid, resource.RLIMIT_NOFILE, (free, limits[1]))
    host.call(held, "Resource", "Convert", "(sa{sv})", "shared", {})
    host.kill_daemon()
    host.start_daemon()
    assert wait_ended(host, worker) == -signal.SIGKILL


def test_state_of_a_later_version_is_unsafe(host, space, make_worker):
    worker = make_worker()
    acquire(host, register(host, worker), lease(space))
    host.kill_daemon()
    runtime_file(host, "lockspaces", "n-space").write_text("[lockspace]\nFormat=99\n")
    host.start_daemon()
    assert wait_ended(host, worker) < 0


def test_lease_that_somebody_else_took_is_lost(host, space, second_service, make_worker):
    """While no daemon was there: the record on disk is another one."""
    worker = make_worker()
    acquire(host, register(host, worker), lease(space))
    host.kill_daemon()
    with open(space, "r+b") as file:
        record = bytearray(os.pread(file.fileno(), 512, 0))
        record[0x28] += 1  # the generation: somebody has joined with this host id
        os.pwrite(file.fileno(), record, 0)
    host.start_daemon()
    assert wait_ended(host, worker) < 0
    host.wait_for_property(SPACE, "Lockspace", "State", lambda state: state == "lost")


def test_walk_goes_on_at_its_step(host, hanging_storage, make_worker):
    """The third step was reached; the first two, which would be seen, are not done again."""
    format_lockspace(host, hanging_storage.path)
    format_resource(host, hanging_storage.path)
    join(host, hanging_storage.path)
    worker = make_worker(IGNORE_TERM)
    registration = register(host, worker, failure_policy=policy(("signal", 1, "TERM"), ("signal", 15, "TERM"),
                                                                ("kill", 0)))
    acquire(host, registration, lease(hanging_storage.path))
    hanging_storage.fail()
    host.wait_for_property(registration, "Registration", "Step", lambda step: step == 1)
    fail_at = host.property(SPACE, "Lockspace", "FailAtUsec")
    since = len(host.signals)
    restart(host)
    assert host.property(SPACE, "Lockspace", "State") == "failing"
    assert host.property(SPACE, "Lockspace", "FailAtUsec") == fail_at
    assert wait_ended(host, worker) == -signal.SIGKILL
    host.wait_for_property(SPACE, "Lockspace", "State", lambda state: state == "lost")
    host.wait_for_signal("StepStarted", since=since, matches=lambda arguments: arguments[1] == "kill")
    steps = [s.arguments[:2] for s in host.signals[since:] if s.member == "StepStarted"]
    assert (0, "signal") not in steps


def test_deadline_that_passed_meanwhile_counts(host, hanging_storage, make_worker):
    """The storage fails as well: nothing but the deadline tells the next daemon what to do."""
    format_lockspace(host, hanging_storage.path)
    format_resource(host, hanging_storage.path)
    join(host, hanging_storage.path)
    worker = make_worker(IGNORE_TERM)
    acquire(host, register(host, worker), lease(hanging_storage.path))
    host.kill_daemon()
    hanging_storage.fail()
    host.start_daemon()
    assert wait_ended(host, worker) == -signal.SIGKILL
    host.wait_for_property(SPACE, "Lockspace", "State", lambda state: state == "lost")


def test_waiting_acquisition_leaves_nothing_behind(host, space, second_service, make_worker):
    """Killed while a call waits for another host's lease, and again in the midst of others."""
    join(second_service, space, 2)
    theirs = register(second_service, make_worker(), "theirs")
    acquire(second_service, theirs, lease(space))
    registration = register(host, make_worker(), "ours")
    begin_acquire(host, registration, lease(space, wait=("b", True)))
    begin_acquire(host, registration, lease(space, 2 * MIB, "second"))
    restart(host)
    wait_taken_over(host)
    assert not any("/resources/" in path for path in host.objects()) or resources_of(host, registration)
    release(second_service, theirs)
    held, = acquire(second_service, theirs, lease(space))
    assert second_service.property(held, "Resource", "Mode") == "exclusive"


def test_what_a_root_left_behind_is_stopped(host, hanging_storage, make_worker):
    """It ends by its first signal while no daemon runs; what is below it must not outlive the lease."""
    format_lockspace(host, hanging_storage.path)
    format_resource(host, hanging_storage.path)
    join(host, hanging_storage.path)
    root = subprocess.Popen(["sh", "-c", "sh -c 'trap \"\" TERM; while :; do sleep 1; done' & echo $!; wait"],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    below = os.pidfd_open(int(root.stdout.readline()))
    registration = register(host, root, descendants=("b", True),
                            failure_policy=policy(("notify", 2), ("notify", 20), ("kill", 0)))
    acquire(host, registration, lease(hanging_storage.path))
    hanging_storage.fail()
    host.wait_for_property(registration, "Registration", "Step", lambda step: step == 1)
    host.kill_daemon()
    root.kill()
    root.wait()
    root.stdout.close()
    assert not select.select([below], [], [], 0)[0]
    host.start_daemon()
    wait_by_asking(host, lambda: select.select([below], [], [], 0)[0], "the end of what the root left behind")
    os.close(below)
    host.wait_for_property(SPACE, "Lockspace", "State", lambda state: state == "lost")


def test_lockspace_that_is_not_written_down(host, space, make_worker):
    """Of what is held there nothing is known but that it is held."""
    worker = make_worker(IGNORE_TERM)
    acquire(host, register(host, worker), lease(space))
    host.kill_daemon()
    runtime_file(host, "lockspaces", "n-space").unlink()
    host.start_daemon()
    assert wait_ended(host, worker) == -signal.SIGKILL
    join(host, space)


def test_configuration_that_is_broken_by_now(host, space, make_worker, tmp_path):
    """What is held counts more than what was configured."""
    worker = make_worker()
    registration = register(host, worker)
    held, = acquire(host, registration, lease(space))
    host.kill_daemon()
    broken = tmp_path / "broken.conf"
    broken.write_text("[daemon\n")
    host.start_daemon(f"--config {broken}")
    wait_taken_over(host)
    assert resources_of(host, registration) == [held]
    assert worker.poll() is None
