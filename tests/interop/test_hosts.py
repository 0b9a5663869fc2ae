# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each host sees what the other one is: live, and free after it left."""

import json

from gi.repository import GLib


def host_in_list(service, host_id):
    listed = json.loads(service.command("bailiffctl", "--json", "hosts", "space", check=True).stdout)
    return next(host for host in listed["space"] if host["HostId"] == host_id)


def test_sanlock_comes_and_goes(service, pair):
    there = host_in_list(service, 2)
    assert (there["State"], there["HostName"], there["Generation"], there["IoTimeout"]) == (
        "live", "sanlockhost", 1, 1)
    service.wait_for_signal("HostStateChanged", pair.bailiff.path, matches=lambda a: a == (2, "unknown", "live"))

    seen = len(service.signals)
    pair.sanlock.leave()
    service.wait_for_signal("HostStateChanged", pair.bailiff.path, seen, lambda a: a == (2, "live", "free"))
    assert host_in_list(service, 2)["State"] == "free"

    seen = len(service.signals)
    pair.sanlock.join()
    service.wait_for_signal("HostStateChanged", pair.bailiff.path, seen, lambda a: a == (2, "free", "live"))
    there = host_in_list(service, 2)
    assert (there["State"], there["Generation"]) == ("live", 2)


def test_bailiff_comes_and_goes(pair):
    assert pair.space.host_lease(1).owner_generation == 1
    pair.bailiff.leave()
    pair.sanlock.wait_until_sees(1, "free")
    pair.bailiff.join()
    pair.sanlock.wait_until_sees(1, "live")
    assert pair.space.host_lease(1).owner_generation == 2


def test_leaving_gives_all_back(service, pair):
    """sanlock gives back no resource when it leaves: only its free host lease says that nobody has them."""
    resource = pair.space.resource(1)
    ours, theirs = pair.bailiff.process(), pair.sanlock.process()
    assert theirs.acquire(resource) == 0
    pair.sanlock.leave()
    assert resource.leader().timestamp != 0
    assert ours.acquire(resource) == 2

    service.call(pair.bailiff.path, "Lockspace", "Leave", "(a{sv})", {"force": GLib.Variant("b", True)})
    pair.sanlock.join()
    theirs = pair.sanlock.process()
    assert theirs.acquire(resource) == 0
    assert theirs.version_of(resource) == 3


def test_end_of_a_process_gives_its_leases_back(service, pair):
    resource = pair.space.resource(1)
    ours, theirs = pair.bailiff.process(), pair.sanlock.process()
    ours.acquire(resource)
    ours.end()
    service.wait_until(lambda: not any("/resources/" in path for path in service.objects()), "the release")
    assert theirs.acquire(resource) == 0

    theirs.end()
    assert pair.bailiff.process().acquire(resource, wait=("b", True)) == 3
