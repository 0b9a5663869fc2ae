# SPDX-License-Identifier: LGPL-2.1-or-later
"""A domain and its leases at bad moments: nobody starts one on leases that are being given back, and nobody gives back
those of one that runs or is about to."""

import os
import signal
import subprocess

from ctl import PROGRAM, environment
from driver_domains import domain, libvirt, register_with_lease, resources, service, space
from lease_calls import MIB, SPACE, acquire, fails_with, join, lease, leave, policy, register, wait_by_asking, wait_ended
from libvirt_test_driver import NAME, RUNNING, UUID
from main_loop import LIMIT
from private_service import options

DOMAIN = """<domain type='qemu'><name>{name}</name><uuid>{uuid}</uuid><devices>
<lease><lockspace>space</lockspace><key>thing</key><target path='{path}' offset='{offset}'/></lease>
</devices></domain>
"""


def begin_to_prepare(service, space):
    """What libvirt's hook does before a start."""
    process = subprocess.Popen([PROGRAM, "libvirt-hook", "--", NAME, "prepare", "begin", "-"], env=environment(service),
                               text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdin.write(DOMAIN.format(name=NAME, uuid=UUID, path=space, offset=MIB))
    process.stdin.close()
    process.stdin = None
    return process


def end_of(process):
    output, errors = process.communicate(timeout=LIMIT)
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def prepare(service, space):
    return end_of(begin_to_prepare(service, space))


def listens_for(service, path):
    """Whether anybody has asked the bus for the changes of this object."""
    rules = service.call("org.freedesktop.DBus:/org/freedesktop/DBus", "org.freedesktop.DBus.Debug.Stats",
                         "GetAllMatchRules", "()")
    return any("PropertiesChanged" in rule and f"path='{path}'" in rule for of_one in rules.values() for rule in of_one)


def test_no_start_on_leases_that_are_being_given_back(service, domain, space, hanging_storage):
    path = register_with_lease(service, space, ("kill", 0))
    hanging_storage.hang(limit=90)
    domain.end_qemu()
    service.wait_for_property(path, "Registration", "State", "cleared")
    assert resources(service, path)
    said = prepare(service, space)
    assert said.returncode != 0, "it may start, and its leases are being given back"
    assert said.stderr


def test_a_start_waits_until_the_leases_were_given_back(service, domain, space, hanging_storage):
    leave(service)
    join(service, space, io_timeout=5)
    path = register_with_lease(service, space, ("kill", 0))
    hanging_storage.hang(limit=90)
    domain.end_qemu()
    service.wait_for_property(path, "Registration", "State", "cleared")
    hook = begin_to_prepare(service, space)
    wait_by_asking(service, lambda: hook.poll() is not None or listens_for(service, path), "the hook to wait")
    assert hook.poll() is None
    hanging_storage.resume()
    said = end_of(hook)
    assert said.returncode == 0, said.stderr
    found, = (each for each in service.objects() if "/registrations/" in each)
    assert len(resources(service, found)) == 1 and service.property(found, "Registration", "State") == "active"
    service.call(found, "Registration", "Release", "(aoa{sv})", [], {})


def test_what_runs_keeps_its_leases(service, domain, space):
    path = register_with_lease(service, space, ("kill", 0))
    resource, = resources(service, path)
    with fails_with("Busy"):
        service.call(path, "Registration", "Release", "(aoa{sv})", [resource], {})
    with fails_with("Busy"):
        service.call(resource, "Resource", "Release", "(a{sv})", {})
    with fails_with("Busy"):
        service.call(resource, "Resource", "Release", "(a{sv})", options(rename=("s", "other")))
    with fails_with("Busy"):
        service.call(resource, "Resource", "Convert", "(sa{sv})", "shared", {})
    assert resources(service, path) == [resource]
    assert service.property(resource, "Resource", "Mode") == "exclusive"


def test_what_may_be_starting_keeps_its_leases(service, libvirt, space):
    path = register_with_lease(service, space, ("kill", 0))
    # A pid file is there before its process has become QEMU.
    libvirt.pid_file.write_text(f"{os.getpid()}\n")
    with fails_with("Busy"):
        service.call(path, "Registration", "Release", "(aoa{sv})", [], {})
    libvirt.pid_file.unlink()
    service.call(path, "Registration", "Release", "(aoa{sv})", [], {})
    assert resources(service, path) == []


def test_the_hook_keeps_what_is_held_and_takes_no_shared_lease_for_it(service, libvirt, space):
    path = register_with_lease(service, space, ("kill", 0))
    said = prepare(service, space)
    assert said.returncode == 0, said.stderr
    resource, = resources(service, path)
    service.call(resource, "Resource", "Convert", "(sa{sv})", "shared", {})
    said = prepare(service, space)
    assert said.returncode != 0 and "holds resource thing" in said.stderr
    service.call(path, "Registration", "Release", "(aoa{sv})", [], {})


def lose(service, hanging_storage):
    hanging_storage.fail()
    service.wait_for_property(SPACE, "Lockspace", "State", "failing")


def start_again(service, libvirt, hanging_storage, path):
    """It was killed while libvirt was silent, and is to be started again now that storage is back."""
    os.kill(libvirt.broker.pid, signal.SIGSTOP)
    lose(service, hanging_storage)
    wait_ended(service, libvirt.qemu)
    service.wait_for_property(SPACE, "Lockspace", "State", "lost")
    hanging_storage.fail(False, False)
    service.wait_for_property(path, "Registration", "State", "active")


def test_lost_again_before_it_was_started(service, domain, space, hanging_storage):
    """An older Destroy is still out, so Create was not asked for: nothing of it runs."""
    path = register_with_lease(service, space, ("restart", 1), ("kill", 0), on_recovery=("s", "restart"))
    start_again(service, domain, hanging_storage, path)
    assert resources(service, path)
    with fails_with("Busy"):
        service.call(path, "Registration", "Release", "(aoa{sv})", [], {})
    lose(service, hanging_storage)
    service.wait_for_property(path, "Registration", "State", "cleared")
    service.wait_for_property(SPACE, "Lockspace", "State", "lost")
    os.kill(domain.broker.pid, signal.SIGCONT)
    service.call(path, "Registration", "Unregister", "(a{sv})", options(force=("b", True)))


def test_lost_again_while_it_was_started(service, domain, space, hanging_storage):
    """Create is out: until that is answered it may run."""
    path = register_with_lease(service, space, ("kill", 0), on_recovery=("s", "restart"))
    start_again(service, domain, hanging_storage, path)
    lose(service, hanging_storage)
    assert service.property(path, "Registration", "State") == "failing"
    os.kill(domain.broker.pid, signal.SIGCONT)
    service.wait_for_property(path, "Registration", "State", "cleared")
    service.wait_for_property(SPACE, "Lockspace", "State", "lost")
    service.call(path, "Registration", "Unregister", "(a{sv})", options(force=("b", True)))


def drill(service, path, worker, **given):
    """Paused and resumed by a drill: its lockspace is held all the time."""
    service.call(path, "Registration", "Drill", "(a{sv})", {})
    service.wait_for_signal("Cleared", path, 0, lambda arguments: arguments == ("paused",))
    service.wait_for_property(path, "Registration", "State", "active")
    wait_by_asking(service, lambda: service.property(path, "Registration", "Recovery") == "", "the end of the recovery")


def test_what_is_shared_here_is_no_reason_to_power_off(service, domain, space, worker):
    path = service.call("Manager", "Manager", "RegisterDomain", "(sa{sv})", UUID,
                        options(failure_policy=policy(("pause", 20), ("kill", 0)), on_recovery=("s", "resume")))
    other = register(service, worker, "other")
    for each in path, other:
        acquire(service, each, lease(space, mode=("s", "shared")))
    drill(service, path, worker)
    assert domain.state == RUNNING and domain.qemu.poll() is None
    assert len(resources(service, path)) == 1


def test_an_orphan_is_no_reason_to_power_off(service, domain, space, worker):
    path = service.call("Manager", "Manager", "RegisterDomain", "(sa{sv})", UUID,
                        options(failure_policy=policy(("pause", 20), ("kill", 0)), on_recovery=("s", "resume")))
    acquire(service, path, lease(space, persistent=("b", True)))
    drill(service, path, worker)
    assert domain.state == RUNNING and domain.qemu.poll() is None
    resource, = resources(service, path)
    assert not service.property(resource, "Resource", "Orphan")
