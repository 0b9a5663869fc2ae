# SPDX-License-Identifier: LGPL-2.1-or-later
"""The configuration file: which policies count for registrations that have none of their own; and a bad one keeps
bailiffd from starting, with the place and the cure."""

import os
import pathlib
import signal

import pytest

from ctl import ctl
from lease_calls import (acquire, check_two_lines, format_lockspace, format_resource, join, lease, policy, register,
                         wait_ended)
from main_loop import poll_until
from private_service import BusError, PrivateService, options


@pytest.fixture
def start(make_service, tmp_path):
    """start(text, **drop_ins): a bailiffd with this configuration."""
    def make(text, **drop_ins):
        main = tmp_path / "bailiffd.conf"
        main.write_text(text)
        for name, its_text in drop_ins.items():
            directory = tmp_path / "bailiffd.conf.d"
            directory.mkdir(exist_ok=True)
            (directory / f"{name}.conf").write_text(its_text)
        return make_service(f"--config {main}")
    return make


def test_good_files(start):
    service = start("[failure-policy]\nprocess=signal INT 3s, kill\n",
                    late="[lockspace a]\nfailure-policy-domain=kill\n[libvirt]\ndriver=test\n")
    assert not service.daemon.ended


def start_with(host, configuration):
    """Until its end; its exit status."""
    process = host.start_daemon(f"--config {configuration}", wait=False)
    host.daemon.expected_to_end = True
    host.wait_until(lambda: host.daemon.ended, "the end of bailiffd")
    return process.wait()


def test_faults_and_nothing_to_guard(make_service, tmp_path):
    """By its exit status the service manager knows that another start is of no use; but where leases may be held."""
    bad = tmp_path / "bailiffd.conf"
    bad.write_text("[watchdogs]\n")
    host = make_service("none")
    assert start_with(host, bad) == 78
    assert start_with(host, tmp_path / "none") == 78
    lockspaces = pathlib.Path(host.directory, "run/lockspaces")
    lockspaces.parent.mkdir(exist_ok=True)
    lockspaces.write_text("what cannot be listed may be anything")
    host.start_daemon(f"--config {bad}")
    assert "taken over with the built-in configuration" in host.log()


def test_faults_and_leases_without_their_lockspace(start, make_storage, make_worker, tmp_path):
    """That record is lost; those of the leases are there, and of who has them: he is stopped, whatever is configured."""
    bad = tmp_path / "bad.conf"
    bad.write_text("[watchdogs]\n")
    service = start("")
    worker = make_worker()
    hold(service, make_storage, register(service, worker), "space")
    service.kill_daemon()
    pathlib.Path(service.directory, "run/lockspaces/n-space").unlink()
    service.start_daemon(f"--config {bad}")
    assert "taken over with the built-in configuration" in service.log()
    wait_ended(service, worker)
    service.kill_daemon()
    assert start_with(service, bad) == 78


def policy_of(service, registration):
    return [(action, grace, *given.values()) for action, grace, given in
            service.property(registration, "Registration", "FailurePolicy")]


def leave_by_force(service, name):
    """Begins it: failure policies are walked as when the lease is lost."""
    return service.begin(f"lockspaces/{name}", "Lockspace", "Leave", "(a{sv})", options(force=("b", True)))


def hold(service, make_storage, registration, *names):
    for name in names:
        path = make_storage()
        format_lockspace(service, path, name=name)
        format_resource(service, path, lockspace=name)
        join(service, path, name=name)
        acquire(service, registration, lease(path, lockspace=name))


def test_the_policy_of_the_lockspace_that_fails(start, make_storage, make_worker):
    service = start("[failure-policy]\nprocess=signal USR1 30s, kill\n"
                    "[lockspace other]\nfailure-policy-process=kill\n"
                    "[lockspace space]\nfailure-policy-process=signal INT 30s, kill\n")
    worker = make_worker("import signal; signal.signal(signal.SIGINT, signal.SIG_DFL)")
    path = register(service, worker)
    assert policy_of(service, path) == [("signal", 30, "USR1"), ("kill", 0)]
    hold(service, make_storage, path, "other", "space")

    left = leave_by_force(service, "space")
    assert wait_ended(service, worker) == -signal.SIGINT
    left.result()
    service.wait_for_signal("StepStarted", path, matches=lambda arguments: arguments[1] == "signal")
    seen = [each.arguments[1]["FailurePolicy"] for each in service.signals
            if each.path == path and each.member == "PropertiesChanged" and "FailurePolicy" in each.arguments[1]]
    assert seen == [[("signal", 30, {"signal": "INT"}), ("kill", 0, {})]]


def test_a_policy_of_its_own_counts_everywhere(start, make_storage, make_worker):
    service = start("[lockspace space]\nfailure-policy-process=kill\n")
    worker = make_worker("import signal; signal.signal(signal.SIGINT, signal.SIG_DFL)")
    path = register(service, worker, failure_policy=policy(("signal", 30, "INT"), ("kill", 0)))
    hold(service, make_storage, path, "space")
    leave_by_force(service, "space")
    assert wait_ended(service, worker) == -signal.SIGINT

    other = make_worker("import signal; signal.signal(signal.SIGINT, signal.SIG_DFL)")
    path = register(service, other)
    service.call(path, "Registration", "SetFailurePolicy", "(a(sua{sv})a{sv})",
                 *[policy(("signal", 30, "INT"), ("kill", 0))[1]], {})
    hold(service, make_storage, path, "second")
    leave_by_force(service, "second")
    assert wait_ended(service, other) == -signal.SIGINT


def test_what_one_lockspace_ignores_another_does_not(start, make_storage, make_worker):
    service = start("[lockspace a]\nfailure-policy-process=ignore\n"
                    "[lockspace b]\nfailure-policy-process=notify 1, kill\n")
    worker = make_worker()
    path = register(service, worker)
    hold(service, make_storage, path, "a", "b")

    left = leave_by_force(service, "a")
    service.wait_for_signal("StepStarted", path, matches=lambda arguments: arguments[1] == "ignore")
    assert worker.poll() is None
    also_left = leave_by_force(service, "b")
    assert wait_ended(service, worker) == -signal.SIGKILL
    left.result()
    also_left.result()


def reload(service, outcome):
    """SIGHUP, until the log says how it ended."""
    before = service.log().count(outcome)
    os.kill(service.daemon.pid, signal.SIGHUP)
    poll_until(lambda: service.log().count(outcome) > before, f"'{outcome}' in the log")


TAKEN = "counts from now on"
REFUSED = "is refused, and the one before it counts"


def test_reload(start, make_storage, make_worker, tmp_path):
    service = start("[failure-policy]\nprocess=signal USR1 30s, kill\n")
    path = register(service, make_worker())
    worker = make_worker()
    own = register(service, worker, "own", failure_policy=policy(("signal", 5, "HUP"), ("kill", 0)))
    hold(service, make_storage, path, "space")
    main = tmp_path / "bailiffd.conf"

    main.write_text("[failure-policy]\nprocess=kill\n")
    reload(service, TAKEN)
    service.wait_for_property(path, "Registration", "FailurePolicy", [("kill", 0, {})])
    assert policy_of(service, own) == [("signal", 5, "HUP"), ("kill", 0)]
    assert policy_of(service, register(service, make_worker(), "later")) == [("kill", 0)]

    # All of it or nothing: the first line alone would be good.
    main.write_text("[failure-policy]\nprocess=signal INT 30s, kill\nunit=none\n")
    reload(service, REFUSED)
    assert "[failure-policy], unit: " in service.log()
    assert policy_of(service, path) == [("kill", 0)]
    assert policy_of(service, register(service, make_worker(), "last")) == [("kill", 0)]
    main.unlink()
    reload(service, REFUSED)
    assert policy_of(service, path) == [("kill", 0)]

    main.write_text("[failure-policy]\nprocess=signal INT 30s, kill\n[libvirt]\ndriver=test\n")
    reload(service, TAKEN)
    poll_until(lambda: "of [libvirt] driver counts from the next start" in service.log(), "what the log says of it")
    assert policy_of(service, path) == [("signal", 30, "INT"), ("kill", 0)]


def ask_to_reload(service):
    return service.begin("Manager", "Manager", "Reload", "(a{sv})", {})


def test_reload_for_a_caller(start, make_worker, tmp_path):
    service = start("[failure-policy]\nprocess=signal USR1 30s, kill\n")
    path = register(service, make_worker())
    main = tmp_path / "bailiffd.conf"
    main.write_text("[failure-policy]\nprocess=kill\n")
    ask_to_reload(service).result()
    assert policy_of(service, path) == [("kill", 0)]

    main.write_text("[failure-policy]\nprocess=signal INT 30s, kill\nunit=none\n")
    with pytest.raises(BusError) as caught:
        ask_to_reload(service).result()
    assert caught.value.name == "org.bailiff.Error.InvalidArgument"
    assert "the one before it counts" in caught.value.message
    assert "bailiffd.conf, [failure-policy], unit: " in caught.value.message
    check_two_lines(caught.value.message)
    main.write_text("[failure-policy]\nprocess=signal INT 41s, kill\n")
    with pytest.raises(BusError) as caught:
        ask_to_reload(service).result()
    assert caught.value.name == "org.bailiff.Error.PolicyTooLong"
    main.unlink()
    with pytest.raises(BusError) as caught:
        ask_to_reload(service).result()
    assert caught.value.name == "org.bailiff.Error.IoError"
    assert policy_of(service, path) == [("kill", 0)]
    with pytest.raises(BusError, match="InvalidArgument"):
        service.call("Manager", "Manager", "Reload", "(a{sv})", options(whole=("b", True)))


def test_each_caller_gets_what_was_there_when_it_called(start, tmp_path):
    """A file that is being read when the call comes may be an older one: the pipe stands for a slow one."""
    service = start("")
    main = tmp_path / "bailiffd.conf"
    main.unlink()
    os.mkfifo(main)
    first = ask_to_reload(service)
    with open(main, "w") as pipe:  # returns when the daemon reads
        second, third = ask_to_reload(service), ask_to_reload(service)
        service.property("Manager", "Manager", "Version")
        assert not first.done
        main.unlink()
        main.write_text("[failure-policy]\nprocess=none\n")
        pipe.write("[failure-policy]\nprocess=kill\n")
    first.result()
    for call in second, third:
        with pytest.raises(BusError, match="InvalidArgument"):
            call.result()


def test_reload_for_people(start, tmp_path):
    service = start("")
    assert ctl(service, "reload").stdout == ""
    (tmp_path / "bailiffd.conf").write_text("[failure-policy]\nunit=none\n")
    assert "[failure-policy], unit: " in ctl(service, "reload", status=1).stderr
    assert "[failure-policy], unit: " in ctl(service, "reexecute", status=1).stderr
    (tmp_path / "bailiffd.conf").write_text("[failure-policy]\nunit=kill\n")
    assert ctl(service, "reload").stdout == ""
    ctl(service, "reload", "now", status=2)


def test_what_does_not_count_yet_is_named(start, tmp_path):
    service = start("[daemon]\nreal-time=no\n")
    main = tmp_path / "bailiffd.conf"
    main.write_text("[daemon]\nidle-exit=no\nreal-time=no\n[watchdog]\ntimeout=30\n[failure-policy]\nunit=kill\n")
    assert ctl(service, "reload").stdout.splitlines() == [
        "[daemon] idle-exit counts from the next start of bailiffd.",
        "[watchdog] timeout counts from the next start of bailiffd."]
    assert service.property("Manager", "Manager", "PendingSettings") == ["[daemon] idle-exit", "[watchdog] timeout"]
    assert "[watchdog] timeout counts from the next start" in ctl(service, "status").stdout
    poll_until(lambda: "of [daemon] idle-exit, [watchdog] timeout counts from the next start" in service.log(),
               "what the log says of them")

    # A configuration that is refused changes nothing of it; one that says what counts has nothing to tell.
    main.write_text("[daemon]\nidle-exit=no\nreal-time=maybe\n")
    ctl(service, "reload", status=1)
    assert service.property("Manager", "Manager", "PendingSettings") == ["[daemon] idle-exit", "[watchdog] timeout"]
    main.write_text("[daemon]\nreal-time=no\n")
    reload(service, TAKEN)
    assert service.property("Manager", "Manager", "PendingSettings") == []
    assert ctl(service, "reload").stdout == ""


def test_reload_during_the_end(start, make_storage, make_worker, tmp_path):
    service = start("[failure-policy]\nprocess=signal USR1 20s, kill\n")
    worker = make_worker("import signal; signal.signal(signal.SIGUSR1, signal.SIG_IGN)")
    path = register(service, worker)
    hold(service, make_storage, path, "space")
    main = tmp_path / "bailiffd.conf"
    main.unlink()
    os.mkfifo(main)
    waiting = ask_to_reload(service)
    with open(main, "w"):
        service.daemon.expected_to_end = True
        os.kill(service.daemon.pid, signal.SIGTERM)
        with pytest.raises(BusError, match="Busy"):
            waiting.result()
    with pytest.raises(BusError, match="Busy"):
        ask_to_reload(service).result()
    worker.kill()
    service.wait_until(lambda: service.daemon.ended, "the end of bailiffd")


def test_reloaded_policy_is_walked(start, make_storage, make_worker, tmp_path):
    service = start("[failure-policy]\nprocess=ignore\n")
    worker = make_worker("import signal; signal.signal(signal.SIGINT, signal.SIG_DFL)")
    path = register(service, worker)
    hold(service, make_storage, path, "space")
    (tmp_path / "bailiffd.conf").write_text("[failure-policy]\nprocess=signal INT 30s, kill\n")
    reload(service, TAKEN)
    leave_by_force(service, "space").result()
    assert wait_ended(service, worker) == -signal.SIGINT


def test_policy_that_is_being_walked_stays(start, make_storage, make_worker, tmp_path):
    service = start("[failure-policy]\nprocess=signal USR1 3s, kill\n")
    worker = make_worker("import signal; signal.signal(signal.SIGUSR1, signal.SIG_IGN)")
    path = register(service, worker)
    hold(service, make_storage, path, "space")
    left = leave_by_force(service, "space")
    service.wait_for_signal("StepStarted", path)
    (tmp_path / "bailiffd.conf").write_text("[failure-policy]\nprocess=ignore\n")
    reload(service, TAKEN)
    assert policy_of(service, path) == [("signal", 3, "USR1"), ("kill", 0)]
    assert wait_ended(service, worker) == -signal.SIGKILL
    left.result()


BAD = {
    "unknown group": ("[policies]\n", {}, ["bailiffd.conf, [policies]: ", "[lockspace NAME]"]),
    "unknown key": ("[libvirt]\nuri=qemu:///system\n", {}, ["[libvirt], uri: ", "run-directory"]),
    "no policy": ("[failure-policy]\nunit=stop-unit 15s\n", {}, ["[failure-policy], unit: ", "Add kill"]),
    "not for this kind": ("[failure-policy]\nprocess=pause, kill\n", {}, ["[failure-policy], process: ", "pause"]),
    "too long": ("[lockspace a]\nfailure-policy-unit=stop-unit 30, freeze 15, kill\n", {},
                 ["[lockspace a], failure-policy-unit: ", "30 + 15 = 45"]),
    "in a drop-in": ("[failure-policy]\nunit=kill\n", {"one": "[failure-policy]\nunit=\n"},
                     ["bailiffd.conf.d/one.conf, [failure-policy], unit: "]),
    "no key file": ("failure-policy: kill\n", {}, ["bailiffd.conf: "]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files(start, case):
    text, drop_ins, says = BAD[case]
    with pytest.raises(AssertionError) as caught:
        start(text, **drop_ins)
    complaint = str(caught.value)
    assert "ended with status 78 before it was on the bus" in complaint
    for words in says:
        assert words in complaint, complaint


def test_a_named_file_that_is_not_there(tmp_path):
    with pytest.raises(AssertionError, match="none.conf.*No such file"):
        PrivateService(f"--config {os.path.join(tmp_path, 'none.conf')}")
