# SPDX-License-Identifier: LGPL-2.1-or-later
"""One bailiffd follows another in order: it executes itself anew, or another one takes its place."""

import contextlib
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import sys

import pytest

from lease_calls import (MIB, SPACE, acquire, fails_with, inspect_resource, join, lease, make_space, policy, register,
                         release, wait_by_asking, wait_ended)
from main_loop import LIMIT, poll_until
from private_service import DaemonProcess
from sealed_files import reseal


def wait_held_again(host):
    state = host.wait_for_property(SPACE, "Lockspace", "State", lambda state: state != "late")
    assert state == "held", host.property(SPACE, "Lockspace", "Reason")


@pytest.mark.parametrize("how", ["signal", "method"])
def test_reexecution_keeps_everything(host, space, make_worker, how):
    worker = make_worker()
    registration = register(host, worker)
    held, = acquire(host, registration, lease(space))
    shared, = acquire(host, registration, lease(space, 2 * MIB, "second", mode=("s", "shared")))
    pid = host.daemon.pid
    for _ in range(3):
        old = host.owner()
        if how == "signal":
            os.kill(pid, signal.SIGUSR1)
        else:
            host.call("Manager", "Manager", "Reexecute", "(a{sv})", {})
        host.wait_for_another_owner(old)
        wait_held_again(host)
        assert not host.daemon.ended
        assert host.property(SPACE, "Lockspace", "Generation") == 1
        assert sorted(host.property(registration, "Registration", "Resources")) == sorted([held, shared])
        assert host.property(held, "Resource", "Version") == 1
    assert worker.poll() is None
    release(host, registration)
    assert inspect_resource(host, space)["state"] == "free"


def test_upgraded_program_is_the_one_that_goes_on(host, space, make_worker, tmp_path):
    """The file that was executed is replaced, as a package does it."""
    program = tmp_path / "bailiffd"
    build = pathlib.Path(os.environ["BAILIFF_BUILD_DIR"], "src/daemon/bailiffd")
    program.write_bytes(build.read_bytes())
    program.chmod(0o755)
    host.kill_daemon(signal.SIGKILL)
    host.start_daemon(program=program)
    wait_held_again(host)
    registration = register(host, make_worker())
    held, = acquire(host, registration, lease(space))
    new = tmp_path / "new"
    new.write_bytes(build.read_bytes() + b"the new one")
    new.chmod(0o755)
    new.rename(program)
    old = host.owner()
    host.call("Manager", "Manager", "Reexecute", "(a{sv})", {})
    host.wait_for_another_owner(old)
    wait_held_again(host)
    assert pathlib.Path(f"/proc/{host.daemon.pid}/exe").read_bytes().endswith(b"the new one")
    assert host.property(registration, "Registration", "Resources") == [held]


def test_program_that_is_gone_changes_nothing(host, space, make_worker, tmp_path):
    program = tmp_path / "bailiffd"
    program.write_bytes(pathlib.Path(os.environ["BAILIFF_BUILD_DIR"], "src/daemon/bailiffd").read_bytes())
    program.chmod(0o755)
    host.kill_daemon()
    host.start_daemon(program=program)
    wait_held_again(host)
    program.unlink()
    with fails_with("IoError", "cannot be executed"):
        host.call("Manager", "Manager", "Reexecute", "(a{sv})", {})
    assert acquire(host, register(host, make_worker()), lease(space))


@pytest.mark.parametrize("how", ["signal", "call"])
def test_configuration_that_is_refused_changes_nothing(make_service, make_storage, make_worker, tmp_path, how):
    """The new program would not start with it, and nobody would watch over the leases."""
    configuration = tmp_path / "bailiffd.conf"
    configuration.write_text("")
    host = make_service("none")
    host.start_daemon(f"--config {configuration}")
    storage = make_storage()
    make_space(host, storage)
    held, = acquire(host, register(host, make_worker()), lease(storage))
    before = host.owner()
    configuration.write_text("[watchdogs]\n")
    if how == "signal":
        os.kill(host.daemon.pid, signal.SIGUSR1)
        wait_by_asking(host, lambda: "The program is not executed anew" in host.log(), "the refusal")
    else:
        with fails_with("InvalidArgument", "[watchdogs]"):
            host.call("Manager", "Manager", "Reexecute", "(a{sv})", {})
    assert host.owner() == before and host.property(held, "Resource", "State") == "held"
    # Mended, it is what the new one goes on with.
    configuration.write_text("[failure-policy]\nprocess=kill\n")
    host.call("Manager", "Manager", "Reexecute", "(a{sv})", {})
    host.wait_for_another_owner(before)
    wait_held_again(host)
    assert host.property(held, "Resource", "State") == "held"


def test_no_reexecution_while_storage_hangs(host, hanging_storage, make_worker):
    """It could not end the old program: nobody would be left to enforce the deadline."""
    make_space(host, hanging_storage.path)
    worker = make_worker()
    acquire(host, register(host, worker, failure_policy=policy(("kill", 0))), lease(hanging_storage.path))
    hanging_storage.hang()
    host.wait_for_property(SPACE, "Lockspace", "State", lambda state: state == "late")
    with fails_with("Busy", "read again and counts. Storage that bailiffd has asked for something does not answer"):
        host.call("Manager", "Manager", "Reexecute", "(a{sv})", {})
    wait_by_asking(host, lambda: "The program is not executed anew. The configuration has been read again" in host.log(),
                   "the refusal in the log")
    assert wait_ended(host, worker) == -signal.SIGKILL
    hanging_storage.resume()


def test_told_to_end_while_it_waits_for_storage(host, hanging_storage, make_worker):
    """It goes on after all, as the program that it is: so that is for this one, and not for whichever comes later."""
    make_space(host, hanging_storage.path)
    worker = make_worker()
    acquire(host, register(host, worker, failure_policy=policy(("kill", 0))), lease(hanging_storage.path))
    hanging_storage.hang()
    host.wait_for_property(SPACE, "Lockspace", "State", lambda state: state == "late")
    before = host.log().count("The configuration was read again")
    call = host.begin("Manager", "Manager", "Reexecute", "(a{sv})", {})
    poll_until(lambda: host.log().count("The configuration was read again") > before, "the wait for storage")
    host.daemon.expected_to_end = True
    os.kill(host.daemon.pid, signal.SIGTERM)
    host.wait_until(lambda: "Shutting down: leases are given back" in host.log(), "the beginning of its end")
    call.cancellable.cancel()
    hanging_storage.resume()
    host.wait_until(lambda: host.daemon.ended, "its end")
    assert wait_ended(host, worker) == -signal.SIGKILL


def test_walk_goes_on_after_reexecution(host, hanging_storage, make_worker):
    make_space(host, hanging_storage.path)
    worker = make_worker()
    registration = register(host, worker, failure_policy=policy(("notify", 1), ("notify", 10), ("kill", 0)))
    acquire(host, registration, lease(hanging_storage.path))
    hanging_storage.fail()
    host.wait_for_property(registration, "Registration", "Step", lambda step: step == 1)
    old, since = host.owner(), len(host.signals)
    host.call("Manager", "Manager", "Reexecute", "(a{sv})", {})
    host.wait_for_another_owner(old)
    assert wait_ended(host, worker) == -signal.SIGKILL
    host.wait_for_signal("StepStarted", since=since, matches=lambda arguments: arguments[1] == "kill")
    steps = [s.arguments[:2] for s in host.signals[since:] if s.member == "StepStarted"]
    assert (0, "notify") not in steps


def start_another(host, *arguments, descriptors=None):
    """Beside the one that runs; a Popen. `descriptors`: how many it may have."""
    return subprocess.Popen(
        [str(pathlib.Path(os.environ["BAILIFF_BUILD_DIR"], "src/daemon/bailiffd")), "--config", "/dev/null",
         "--runtime-dir", os.path.join(host.directory, "run"), "--state-dir", os.path.join(host.directory, "state"),
         *arguments], env=host.environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        preexec_fn=descriptors and (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))))


def test_second_daemon_says_who_is_first(host, space, make_worker):
    registration = register(host, make_worker())
    acquire(host, registration, lease(space))
    second = start_another(host)
    _out, message = second.communicate(timeout=30)
    assert second.returncode == 1
    assert f"process {host.daemon.pid}" in message
    assert "--replace" in message
    assert host.property(SPACE, "Lockspace", "State") == "held"


def test_another_takes_its_place(host, space, make_worker):
    worker = make_worker()
    registration = register(host, worker)
    held, = acquire(host, registration, lease(space))
    old = host.owner()
    host.daemon.expected_to_end = True
    another = start_another(host, "--replace")
    host.later_daemons.append(another)
    host.wait_for_another_owner(old)
    host.wait_until(lambda: host.daemon.ended, "the end of the old one")
    host.daemon = DaemonProcess(another.pid)
    wait_held_again(host)
    assert host.property(SPACE, "Lockspace", "Generation") == 1
    assert host.property(registration, "Registration", "Resources") == [held]
    assert worker.poll() is None


def test_copy_of_the_runtime_directory(host, space, make_worker):
    """Put in its place under the first one: a second one does not take that for the end of the first, and the first one
    begins nothing new there."""
    registration = register(host, make_worker())
    held, = acquire(host, registration, lease(space))
    run, aside = (os.path.join(host.directory, name) for name in ("run", "aside"))
    os.rename(run, aside)
    shutil.copytree(aside, run, ignore=shutil.ignore_patterns("*.sock"))
    before = host.owner()
    for arguments in [], ["--replace"]:
        second = start_another(host, *arguments)
        _out, message = second.communicate(timeout=30)
        assert second.returncode == 1 and ("runs already" in message or "was replaced" in message), message
    assert host.owner() == before
    with fails_with("IoError", "was replaced"):
        acquire(host, registration, lease(space, 2 * MIB, "second"))
    with fails_with("IoError", "was replaced"):
        register(host, make_worker(), "another")
    assert host.property(held, "Resource", "State") == "held"
    wait_by_asking(host, lambda: "was replaced while" in host.log(), "a line of the log")
    shutil.rmtree(run)
    os.rename(aside, run)
    acquire(host, registration, lease(space, 2 * MIB, "second"))


@pytest.mark.parametrize("how", ["signal", "method"])
def test_no_reexecution_with_a_copy_of_the_runtime_directory(host, space, make_worker, how):
    """An older copy: the new program would go on with what is written there, and know nothing of who holds what now."""
    worker = make_worker()
    registration = register(host, worker)
    run, aside, copy = (os.path.join(host.directory, name) for name in ("run", "aside", "copy"))
    shutil.copytree(run, copy, ignore=shutil.ignore_patterns("*.sock"))
    held, = acquire(host, registration, lease(space))
    os.rename(run, aside)
    os.rename(copy, run)
    before = host.owner()
    if how == "method":
        with fails_with("IoError", "was replaced"):
            host.call("Manager", "Manager", "Reexecute", "(a{sv})", {})
    else:
        os.kill(host.daemon.pid, signal.SIGUSR1)
        wait_by_asking(host, lambda: "was replaced while" in host.log(), "a line of the log")
    assert host.owner() == before
    assert host.property(registration, "Registration", "Resources") == [held]
    shutil.rmtree(run)
    os.rename(aside, run)
    host.call("Manager", "Manager", "Reexecute", "(a{sv})", {})
    host.wait_for_another_owner(before)
    wait_held_again(host)
    assert host.property(registration, "Registration", "Resources") == [held]
    assert worker.poll() is None


def assert_goes_on(host, before, held):
    """The first one has not noticed."""
    assert host.owner() == before
    assert host.property(SPACE, "Lockspace", "State") == "held"
    assert host.property(held, "Resource", "State") == "held"
    assert "Another bailiffd takes over" not in host.log()


@pytest.mark.parametrize("arguments, reason", [
    (["--host-name", "another"], "would be host another"),
    (["--host-name", "no/name"], "names cannot have"),
    (["--config", "/nonexistent"], "/nonexistent"),
    (["--config", "{broken}"], "watchdogs"),
])
def test_one_that_could_not_go_on_takes_nothing_over(host, space, make_worker, tmp_path, arguments, reason):
    """It is refused before the first one has handed over."""
    held, = acquire(host, register(host, make_worker()), lease(space))
    before = host.owner()
    broken = tmp_path / "broken.conf"
    broken.write_text("[watchdogs]\n")
    another = start_another(host, "--replace", *[word.format(broken=broken) for word in arguments])
    _out, message = another.communicate(timeout=30)
    assert another.returncode == 1 and reason in message
    assert "taken over" not in message
    assert_goes_on(host, before, held)


def test_one_that_cannot_read_what_is_held_takes_nothing_over(host, space, make_worker):
    """It is older, say."""
    registration = register(host, make_worker())
    held, = acquire(host, registration, lease(space))
    record = pathlib.Path(host.directory, "run", "held", registration.rsplit("/", 1)[1])
    good = record.read_bytes()
    record.write_bytes(reseal(re.sub(rb"\nFormat=\d+\n", b"\nFormat=99\n", good)))
    before = host.owner()
    another = start_another(host, "--replace")
    _out, message = another.communicate(timeout=30)
    assert another.returncode == 1 and "another version" in message
    record.write_bytes(good)
    assert_goes_on(host, before, held)


def test_one_with_another_watchdog_takes_nothing_over(device, make_service, storage, make_worker, tmp_path):
    """Nobody would feed the first one's."""
    config = tmp_path / "bailiffd.conf"
    config.write_text(f"[watchdog]\ntype=device\ndevice={device.path}\n")
    host = make_service(f"--config {config}")
    make_space(host, storage)
    held, = acquire(host, register(host, make_worker()), lease(storage))
    before = host.owner()
    another = start_another(host, "--replace")
    _out, message = another.communicate(timeout=LIMIT)
    assert another.returncode == 1 and device.path in message and "[watchdog]" in message
    assert_goes_on(host, before, held)
    host.kill_daemon(signal.SIGTERM)


@pytest.mark.parametrize("descriptors", [4, 8, 12, 16, 20, 24, 28, 32, 40, 64, 96])
def test_one_without_descriptors(host, space, make_worker, descriptors):
    """Wherever it fails for that: one of the two goes on."""
    worker = make_worker()
    held, = acquire(host, register(host, worker), lease(space))
    old = host.owner()
    first = host.daemon
    another = start_another(host, "--replace", descriptors=descriptors)
    host.later_daemons.append(another)
    wait_by_asking(host, lambda: another.poll() is not None or first.ended, "one of the two")
    if another.poll() is not None:
        assert_goes_on(host, old, held)
        return
    first.expected_to_end = True
    host.daemon = DaemonProcess(another.pid)
    host.wait_for_another_owner(old)
    wait_held_again(host)
    assert host.property(held, "Resource", "State") == "held"
    assert worker.poll() is None


def test_replace_without_a_first_one_is_an_ordinary_start(make_service):
    service = make_service("none")
    service.start_daemon("--replace")
    assert service.property("Manager", "Manager", "HostName")


def kill_with_io_out(host, storage, make_worker):
    """The next one has the bus name. Who holds a lease, and the daemon that cannot end."""
    make_space(host, storage.path)
    worker = make_worker()
    registration = register(host, worker, failure_policy=policy(("kill", 0)))
    acquire(host, registration, lease(storage.path))
    storage.hang()
    host.wait_for_property(SPACE, "Lockspace", "State", lambda state: state == "late")
    stuck = host.daemon
    stuck.expected_to_end = True
    old = host.owner()
    os.kill(stuck.pid, signal.SIGKILL)
    host.start_daemon(wait=False)
    host.wait_for_another_owner(old)
    return worker, stuck


def test_killed_daemon_that_cannot_end(host, hanging_storage, make_worker):
    """It has I/O out to storage that hangs: the next one takes the bus name, enforces the deadline without touching that
    storage, and renews only when the old one is gone."""
    worker, stuck = kill_with_io_out(host, hanging_storage, make_worker)
    assert not stuck.ended
    assert wait_ended(host, worker) == -signal.SIGKILL
    host.wait_for_property(SPACE, "Lockspace", "State", lambda state: state == "lost")
    with fails_with("Busy", "Another bailiffd"):
        join(host, hanging_storage.path)
    hanging_storage.resume()
    host.wait_until(lambda: stuck.ended, "the end of the stuck one")
    join(host, hanging_storage.path)
    assert host.property(SPACE, "Lockspace", "Generation") == 2


def test_second_one_beside_one_that_cannot_end(host, hanging_storage, make_worker):
    """Both would walk the failure policies, and take each other's name: only one waits for the stuck one's end."""
    worker, stuck = kill_with_io_out(host, hanging_storage, make_worker)
    first = host.owner()
    for more in (), ("--replace",):
        second = start_another(host, *more)
        host.later_daemons.append(second)
        wait_by_asking(host, lambda: second.poll() is not None, "the end of the second one")
        assert second.returncode == 1
        assert f"process {stuck.pid} cannot end" in second.stderr.read()
        second.stderr.close()
    assert not stuck.ended
    assert host.owner() == first
    assert wait_ended(host, worker) == -signal.SIGKILL
    hanging_storage.resume()
    host.wait_until(lambda: stuck.ended, "the end of the stuck one")
    # Now that one runs, and is what the next one is told of.
    wait_by_asking(host, lambda: lock_is_of(host, host.daemon.pid), "the lock")
    second = start_another(host)
    _out, message = second.communicate(timeout=LIMIT)
    assert second.returncode == 1 and f"process {host.daemon.pid}" in message and "--replace" in message


def lock_is_of(host, pid):
    """Behind the process the file tells more, by which a copy of it is known."""
    return pathlib.Path(host.directory, "run", "lock").read_text().split("\n")[0] == str(pid)


def test_reexecution_beside_one_that_cannot_end(host, hanging_storage, make_worker):
    """It has not got the lock yet, and is the next one all the same: it goes on, and stays the only one."""
    make_space(host, hanging_storage.path)
    worker = make_worker()
    registration = register(host, worker, failure_policy=policy(("notify", 20), ("kill", 0)))
    acquire(host, registration, lease(hanging_storage.path))
    hanging_storage.hang()
    host.wait_for_property(SPACE, "Lockspace", "State", lambda state: state == "late")
    stuck, old = host.daemon, host.owner()
    stuck.expected_to_end = True
    os.kill(stuck.pid, signal.SIGKILL)
    host.start_daemon(wait=False)
    host.wait_for_another_owner(old)
    for _ in range(2):
        host.reexecute()
        second = start_another(host)
        _out, message = second.communicate(timeout=LIMIT)
        assert second.returncode == 1 and f"process {stuck.pid} cannot end" in message
        assert not host.daemon.ended and not stuck.ended
    assert not lock_is_of(host, host.daemon.pid)
    assert wait_ended(host, worker) == -signal.SIGKILL
    hanging_storage.resume()
    host.wait_until(lambda: stuck.ended, "the end of the stuck one")
    wait_by_asking(host, lambda: lock_is_of(host, host.daemon.pid), "the lock")
    assert start_another(host).wait(LIMIT) == 1
    join(host, hanging_storage.path)


# Has the lock, off the bus as one that ends; from its end on somebody else keeps it open, until standard input ends.
LOCK_HOLDER = """
import fcntl, os, sys
lock = os.open(sys.argv[1], os.O_RDWR)
fcntl.flock(lock, fcntl.LOCK_EX)
os.ftruncate(lock, 0)
os.pwrite(lock, b"%d\\n" % os.getpid(), 0)
if os.fork() == 0:
    sys.stdin.read()
    os._exit(0)
print("locked", flush=True)
os.waitpid(-1, 0)
"""


def has_open(process, path):
    with contextlib.suppress(OSError):
        return any(os.readlink(entry) == path for entry in pathlib.Path(f"/proc/{process.pid}/fd").iterdir())
    return False


def test_two_wait_for_one_that_ends_and_then_cannot(host):
    """Both have seen it run; only one of them goes on when it is stuck."""
    host.kill_daemon(signal.SIGTERM)
    lock = os.path.join(host.directory, "run", "lock")
    with subprocess.Popen([sys.executable, "-c", LOCK_HOLDER, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline()
        two = [start_another(host) for _ in range(2)]
        host.later_daemons += two
        for one in two:
            wait_by_asking(host, lambda one=one: has_open(one, lock), "one that looks at the lock")
        holder.kill()  # and not waited for
        wait_by_asking(host, lambda: any(one.poll() is not None for one in two), "the end of one of the two")
        goes_on, = [one for one in two if one.poll() is None]
        ended, = [one for one in two if one.poll() is not None]
        assert ended.returncode == 1 and f"process {holder.pid}" in ended.stderr.read()
        ended.stderr.close()
        host.daemon = DaemonProcess(goes_on.pid)
        host.wait_for_name()
        holder.stdin.close()


@contextlib.contextmanager
def bus_again(host):
    """Another bus in the place of the one that was ended. It is another one by its id, too."""
    bus = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", "dbus-daemon", f"--config-file={host.directory}/bus.conf",
                            "--nofork", "--nopidfile", "--nosyslog", "--print-address=1"],
                           env=host.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        assert bus.stdout.readline(), "dbus-daemon did not start"
        yield
    finally:
        bus.terminate()
        bus.wait(LIMIT)
        bus.stdout.close()


def end_bus(host):
    host.address = host.environment["DBUS_SYSTEM_BUS_ADDRESS"] = host.address.partition(",guid=")[0]
    pid, = [pid for pid, command in host.processes().items() if command.startswith("dbus-daemon ")]
    os.kill(pid, signal.SIGTERM)
    host.wait_until(host.connection.is_closed, "the end of the bus")


def renewed_at(path):
    """The time stamp of host 1, on disk."""
    with open(path, "rb") as file:
        return os.pread(file.fileno(), 512, 0)


def test_bus_is_gone_when_the_next_one_starts(host, space, make_worker):
    """What is held is renewed all the same, and is there when the bus is."""
    worker = make_worker()
    registration = register(host, worker)
    held, = acquire(host, registration, lease(space))
    host.kill_daemon()
    end_bus(host)
    host.start_daemon(wait=False)
    before = renewed_at(space)
    wait_by_asking(host, lambda: renewed_at(space) != before, "a renewal without a bus")
    with bus_again(host):
        host.connect()
        host.wait_for_name()
        wait_held_again(host)
        assert host.property(SPACE, "Lockspace", "Generation") == 1
        assert host.property(registration, "Registration", "Resources") == [held]
        assert worker.poll() is None
        release(host, registration)


def test_bus_is_gone_and_nothing_is_held(host):
    """Then there is somebody who reads why it does not start."""
    host.kill_daemon()
    end_bus(host)
    another = start_another(host)
    _out, message = another.communicate(timeout=LIMIT)
    assert another.returncode == 1 and "The bus cannot be reached" in message
