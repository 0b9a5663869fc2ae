# SPDX-License-Identifier: LGPL-2.1-or-later
"""The story of a guest that is paused when its leases are lost, and goes on when they are back."""

import re

from ctl import ctl
from lease_calls import acquire, format_lockspace, format_resource, join, lease, policy
from private_service import options
from real_libvirt import PAUSED, RUNNING


def test_paused_and_resumed(daemon, make_guest, hanging_storage):
    path = hanging_storage.path
    format_lockspace(daemon, path)
    format_resource(daemon, path)
    join(daemon, path)
    guest = make_guest("guest")
    guest.start()
    guest.wait_for_beats()
    registration = daemon.call("Manager", "Manager", "RegisterDomain", "(sa{sv})", guest.uuid, options(
        failure_policy=policy(("pause", 10), ("poweroff", 10), ("kill", 0)), on_recovery=("s", "resume")))
    acquire(daemon, registration, lease(path))

    since = len(daemon.signals)
    hanging_storage.hang()
    incident = daemon.wait_for_signal(
        "InterfacesAdded", since=since, matches=lambda arguments: "/incidents/" in arguments[0]).arguments[0]
    daemon.wait_for_property(incident, "Incident", "ClearedCount", 1)
    assert guest.state == PAUSED
    hanging_storage.resume()
    daemon.wait_for_property(incident, "Incident", "Outcome", "cleared")
    daemon.wait_for_property("lockspaces/space", "Lockspace", "State", "lost")
    join(daemon, path)
    daemon.wait_for_signal("StepAdded", incident, matches=lambda arguments: arguments[0]["event"] == "resumed")
    assert guest.state == RUNNING

    steps = daemon.property(incident, "Incident", "Steps")
    # What it waits for and tries to come back is said in words; when, depends.
    story = [(step["event"], step.get("action") or (step.get("detail") if step["event"] == "cleared" else None))
             for step in steps if step["event"] != "recovery"]
    assert story == [("renewal-late", None), ("failed", None), ("step-started", "pause"), ("step-finished", "pause"),
                     ("cleared", "paused"), ("lost", None), ("joined", None), ("resumed", None)], steps
    assert any(step["event"] == "recovery" for step in steps)
    assert {step["kind"] for step in steps if "kind" in step} == {"domain"}
    assert daemon.property(incident, "Incident", "Outcome") == "cleared"
    told = ctl(daemon, "incident", "last").stdout
    for line in r"pause for \d", "cleared: paused", "joined again", "resumed":
        assert re.search(line, told), told
