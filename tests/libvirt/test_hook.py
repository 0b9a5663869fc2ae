# SPDX-License-Identifier: LGPL-2.1-or-later
"""libvirt's hook: what starts has its leases, what ends lets go of them, what may not start is told why."""

import os
import re
import signal
import subprocess

import pytest

from ctl import PROGRAM, environment
from domain_leases import (MIB, join_space, lease_of, register_domain, registration_of, registrations,
                           wait_unregistered)
from lease_calls import acquire, inspect_resource, join, lease, leave, policy, register, release
from real_libvirt import HOOK, OFF, RUNNING


@pytest.fixture(scope="module")
def space(module_libvirt, module_storage):
    """A lockspace that this host has joined, with some resources."""
    path = module_storage()
    join_space(module_libvirt.service, path)
    return path


def state_on_disk(daemon, space, number):
    return inspect_resource(daemon, space, number * MIB)["state"]


def hook(service, guest, operation, sub, name=None, xml=None):
    """The verb that the hook runs, with the description of a guest."""
    return subprocess.run([PROGRAM, "libvirt-hook", "--", name or guest.name, operation, sub, "-"],
                          env=environment(service), text=True, input=xml or guest.xml, capture_output=True,
                          timeout=60)


def test_a_domain_holds_its_leases_while_it_runs(daemon, space, make_guest):
    guest = make_guest("guest", leases=[lease_of(space, 1), lease_of(space, 2)], on_lockfailure="poweroff")
    guest.start()
    path, properties = registration_of(daemon, guest)
    assert (properties["Kind"], properties["Name"], properties["State"]) == ("domain", "guest", "active")
    assert [(action, grace) for action, grace, _ in properties["FailurePolicy"]] == [("poweroff", 30), ("kill", 0)]
    assert len(properties["Resources"]) == 2
    daemon.wait_for_property(path, "Registration", "Pid", guest.pid)
    assert [state_on_disk(daemon, space, number) for number in (1, 2, 3)] == ["held", "held", "free"]
    guest.wait_for_beats()
    guest.call("Destroy", "(u)", 0)
    wait_unregistered(daemon, guest)
    assert [state_on_disk(daemon, space, number) for number in (1, 2)] == ["free", "free"]


def test_the_end_of_qemu_itself_ends_it(daemon, space, make_guest, libvirt):
    guest = make_guest("guest", leases=[lease_of(space, 1)])
    guest.start()
    path, _ = registration_of(daemon, guest)
    daemon.wait_for_property(path, "Registration", "Pid", guest.pid)
    os.kill(guest.pid, signal.SIGKILL)
    wait_unregistered(daemon, guest)
    assert state_on_disk(daemon, space, 1) == "free"
    # libvirt hears of it by itself; then the domain can start again.
    guest.wait_for_state(OFF)
    guest.start()
    guest.wait_for_beats()


def test_what_the_words_become(daemon, space, make_guest):
    """As the bus has them. libvirt does not pass its own default on, so that is bailiffd's."""
    wanted = {
        "pause": [("pause", 10), ("poweroff", 20), ("kill", 0)],
        "poweroff": [("poweroff", 30), ("kill", 0)],
        "restart": [("restart", 30), ("kill", 0)],
        "ignore": [("ignore", 0)],
        "default": [("pause", 10), ("poweroff", 20), ("kill", 0)],
        None: [("pause", 10), ("poweroff", 20), ("kill", 0)],
    }
    recovery = {"pause": "resume", "restart": "restart"}
    guest_of = {}
    for number, word in enumerate(wanted, 1):
        guest_of[word] = make_guest(f"guest-{word}", leases=[lease_of(space, number)], on_lockfailure=word)
        guest_of[word].start()
    for word, steps in wanted.items():
        _, properties = registration_of(daemon, guest_of[word])
        assert [(action, grace) for action, grace, _ in properties["FailurePolicy"]] == steps
        assert properties["OnRecovery"] == recovery.get(word, "leave")


def test_a_domain_without_leases_needs_nothing(daemon, space, make_guest):
    guest = make_guest("guest")
    guest.start()
    guest.wait_for_beats()
    assert registration_of(daemon, guest) is None
    guest.call("Destroy", "(u)", 0)


def test_a_lease_that_is_held_on_this_host_refuses_the_start(daemon, space, make_guest, worker):
    holder = register(daemon, worker, "holder")
    acquire(daemon, holder, lease(space, 2 * MIB, "r2"))
    guest = make_guest("guest", leases=[lease_of(space, 1), lease_of(space, 2)])
    said = guest.refused_start()
    assert "Hook script execution failed" in said and "bailiffctl: " in said
    assert "r2" in said and "holder" in said
    assert guest.state == OFF
    # None of the two, and nothing is left registered.
    assert registration_of(daemon, guest) is None
    assert state_on_disk(daemon, space, 1) == "free"
    release(daemon, holder)
    guest.start()
    guest.wait_for_beats()


def test_another_host_is_named(daemon, space, make_guest, make_service, make_worker):
    """The same domain is defined on two hosts; whichever starts first keeps the other from it."""
    other = make_service("--host-name hostB")
    join(other, space, host_id=2)
    guest = make_guest("guest", leases=[lease_of(space, 1)])
    # On the other host, as its libvirt does it.
    assert hook(other, guest, "prepare", "begin").returncode == 0
    assert len(registrations(other)) == 1
    said = guest.refused_start()
    assert "r1" in said and "hostB" in said
    assert registration_of(daemon, guest) is None
    # There it did not start after all.
    assert hook(other, guest, "release", "end").returncode == 0
    assert not registrations(other)
    guest.start()
    guest.wait_for_beats()
    refused = hook(other, guest, "prepare", "begin")
    assert refused.returncode == 3 and daemon.property("Manager", "Manager", "HostName") in refused.stderr
    assert refused.stdout == ""
    # What libvirt calls after a refused start takes nothing away.
    assert hook(other, guest, "release", "end").returncode == 0
    assert not registrations(other)
    guest.wait_for_beats()
    leave(other)


def test_what_runs_is_not_given_its_lease_twice(daemon, space, make_guest):
    """libvirt takes a domain for off when it has killed it, which may be long before its process has ended."""
    guest = make_guest("guest", leases=[lease_of(space, 1)])
    guest.start()
    path, _ = registration_of(daemon, guest)
    daemon.wait_for_property(path, "Registration", "Pid", guest.pid)
    refused = hook(daemon, guest, "prepare", "begin")
    assert refused.returncode == 3 and f"Process {guest.pid} " in refused.stderr
    # What libvirt calls then does not take the lease away from it.
    assert hook(daemon, guest, "release", "end").returncode == 0
    assert len(daemon.property(path, "Registration", "Resources")) == 1
    assert state_on_disk(daemon, space, 1) == "held"


def test_a_lockspace_that_is_not_joined(daemon, space, make_guest):
    guest = make_guest("guest", leases=[("nowhere", "r1", space, MIB)])
    said = guest.refused_start()
    assert "nowhere" in said
    assert registration_of(daemon, guest) is None


def test_a_start_that_fails_later_lets_go(daemon, space, make_guest, libvirt):
    guest = make_guest("guest", leases=[lease_of(space, 1)])
    os.rename(guest.disk, guest.disk + ".away")
    assert "Hook script" not in guest.refused_start()
    wait_unregistered(daemon, guest)
    assert state_on_disk(daemon, space, 1) == "free"
    # QEMU itself is started here, and ends.
    os.mkdir(guest.disk)
    assert "Hook script" not in guest.refused_start()
    wait_unregistered(daemon, guest)
    assert state_on_disk(daemon, space, 1) == "free"
    os.rmdir(guest.disk)
    os.rename(guest.disk + ".away", guest.disk)
    guest.start()
    guest.wait_for_beats()


def test_saved_and_restored(daemon, space, make_guest, libvirt, guest_directory):
    guest = make_guest("guest", leases=[lease_of(space, 1)])
    image = os.path.join(guest_directory, "saved")
    guest.start()
    guest.wait_for_beats()
    libvirt.virsh("save", guest.name, image)
    wait_unregistered(daemon, guest)
    assert state_on_disk(daemon, space, 1) == "free"
    libvirt.virsh("restore", image)
    assert state_on_disk(daemon, space, 1) == "held"
    guest.wait_for_beats()


def test_libvirtd_may_come_and_go(daemon, space, make_guest, libvirt):
    guest = make_guest("guest", leases=[lease_of(space, 1)])
    guest.start()
    path, _ = registration_of(daemon, guest)
    libvirt.restart_libvirtd()
    assert guest.state == RUNNING
    guest.wait_for_beats()
    assert registration_of(daemon, guest)[0] == path
    guest.call("Destroy", "(u)", 0)
    wait_unregistered(daemon, guest)


def test_a_domain_registered_by_hand_keeps_its_policy(daemon, space, make_guest):
    """Its leases are acquired for the registration that is there."""
    guest = make_guest("guest", leases=[lease_of(space, 1)], on_lockfailure="poweroff")
    path = register_domain(daemon, guest, failure_policy=policy(("signal", 3, "TERM"), ("kill", 0)))
    guest.start()
    found, properties = registration_of(daemon, guest)
    assert (found, properties["FailurePolicy"][0][:2]) == (path, ("signal", 3))
    assert len(properties["Resources"]) == 1


def test_calls_that_mean_nothing(daemon, space, make_guest):
    guest = make_guest("guest", leases=[lease_of(space, 1)])
    for operation, sub in (("start", "begin"), ("started", "begin"), ("stopped", "end"), ("reconnect", "begin"),
                           ("migrate", "begin"), ("restore", "begin"), ("prepare", "end"), ("release", "begin")):
        done = hook(daemon, guest, operation, sub)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), operation
    # Nothing was ever registered.
    done = hook(daemon, guest, "release", "end")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert registration_of(daemon, guest) is None


def test_bad_input_changes_nothing(daemon, space, make_guest):
    guest = make_guest("guest", leases=[lease_of(space, 1)])
    for xml, status in (("", 1), ("<domain>", 1), ("<network/>", 1), ("\0", 1), (guest.xml + guest.xml, 1),
                        (guest.xml.replace("r1", "r 1"), 2), (guest.xml.replace("'1048576'", "'12'"), 2),
                        (guest.xml.replace(guest.name, "other"), 2), (" " * (5 << 20), 2)):
        refused = subprocess.run([PROGRAM, "libvirt-hook", "guest", "prepare", "begin", "-"], text=True, input=xml,
                                 env=environment(daemon), capture_output=True, timeout=60)
        assert refused.returncode == status, (xml[:300], refused)
        assert refused.stdout == "" and re.match(r"bailiffctl: .*\.\n  .*\.\n$", refused.stderr), refused
        assert registration_of(daemon, guest) is None
    for words in ([], ["guest", "prepare", "begin"], ["guest", "prepare", "begin", "-", "more"]):
        assert subprocess.run([PROGRAM, "libvirt-hook", *words], input="", text=True, env=environment(daemon),
                              capture_output=True).returncode == 2


def test_a_name_like_an_option(daemon, space, make_guest):
    guest = make_guest("--json", leases=[lease_of(space, 1)])
    guest.libvirt.virsh("start", "--domain", guest.uuid)
    guest.wait_for_beats()
    assert registration_of(daemon, guest)[1]["Resources"]


def test_without_bailiffctl_only_domains_with_leases_are_refused(make_guest, space, tmp_path):
    guest = make_guest("guest", leases=[lease_of(space, 1)])
    for name in "sh", "grep":
        os.symlink(f"/bin/{name}", tmp_path / name)
    for xml, status in (guest.xml, 1), (guest.xml.replace("<lease>", "<released>"), 0):
        done = subprocess.run([HOOK, "guest", "prepare", "begin", "-"], env={"PATH": str(tmp_path)}, input=xml, text=True,
                              capture_output=True)
        assert done.returncode == status and done.stdout == ""
        assert bool(status) == ("guest needs leases" in done.stderr)
    assert subprocess.run([HOOK, "guest", "release", "end", "-"], env={"PATH": str(tmp_path)}, input=guest.xml,
                          text=True).returncode == 0


def test_without_bailiffd_domains_with_leases_do_not_start(daemon, space, make_guest):
    """The last test of the file: it ends the daemon."""
    plain, guest = make_guest("plain"), make_guest("guest", leases=[lease_of(space, 1)])
    daemon.kill_daemon()
    said = guest.refused_start()
    assert "bailiffd is not running" in said and "systemctl start bailiffd" in said
    assert guest.state == OFF
    plain.start()
    plain.wait_for_beats()
