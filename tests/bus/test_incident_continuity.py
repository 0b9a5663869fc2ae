# SPDX-License-Identifier: LGPL-2.1-or-later
"""A failure policy is being walked when bailiffd is executed anew, replaced or killed: the incident goes on as the same
one, and tells the whole story."""

import os
import pathlib
import signal

import pytest

from ctl import ctl
from lease_calls import IGNORE_TERM, MIB, SPACE, acquire, lease, policy, register, wait_by_asking, wait_ended
from successors import INCIDENT, SECOND, WAYS, events, failing_space, incidents, story, wait_step


@pytest.mark.parametrize("way", WAYS)
def test_the_same_incident_goes_on(host, hanging_storage, failing_space, make_worker, way):
    worker = make_worker(IGNORE_TERM)
    registration = register(host, worker, "stubborn",
                            failure_policy=policy(("notify", 1), ("signal", 8, "TERM"), ("kill", 0)))
    acquire(host, registration, lease(failing_space))
    hanging_storage.fail()
    wait_step(host, registration, 1)
    before = host.properties(INCIDENT, "Incident")
    at = host.properties(SPACE, "Lockspace")
    WAYS[way](host)

    assert incidents(host) == [INCIDENT]
    after = host.properties(INCIDENT, "Incident")
    for name in ("Number", "Lockspace", "Cause", "BootId", "StartedUsec", "StartedRealtimeUsec", "LastRenewalUsec",
                 "FailAtUsec", "Outcome", "EndedUsec", "RegistrationCount", "ClearedCount"):
        assert after[name] == before[name], name
    assert after["Steps"][:len(before["Steps"])] == before["Steps"]
    assert wait_ended(host, worker) == -signal.SIGKILL
    host.wait_for_property(INCIDENT, "Incident", "Outcome", "cleared")
    ended = host.properties(INCIDENT, "Incident")
    assert (ended["RegistrationCount"], ended["ClearedCount"]) == (1, 1)
    told = events(ended["Steps"])
    assert told == ["renewal-late", "failed", "step-started 0 notify", "step-finished 0 notify", "step-started 1 signal",
                    *(["handed-over"] if way != "kill" else []), "taken-over", "step-continued 1 signal",
                    "step-finished 1 signal", "step-started 2 kill", "step-finished 2 kill", "cleared", "lost"]
    # As if there had been one daemon all the time: the deadline of the step, and how long it took.
    steps = dict(zip(told, ended["Steps"]))
    kill_at = steps["step-started 2 kill"]["time-usec"]
    assert at["FailAtUsec"] + 9 * SECOND <= kill_at
    assert steps["step-finished 1 signal"]["took-usec"] >= 8 * SECOND - 100_000
    assert ("without handing over" in steps["taken-over"]["detail"]) == (way == "kill")
    # The log tells the same.
    wait_by_asking(host, lambda: ": step 3, kill." in host.log(), "the last step in the log")
    assert host.log().count(": step 2, signal, goes on.") == 1
    assert [step["time-usec"] for step in ended["Steps"]] == sorted(step["time-usec"] for step in ended["Steps"])
    shown = ctl(host, "incident", "1").stdout
    assert shown.count("taken over") == 1 and "signal" in shown and "kill" in shown
    # Nobody needs it any more for going on.
    wait_by_asking(host, lambda: not os.listdir(os.path.join(host.directory, "run/incidents"))
                   or host.property(SPACE, "Lockspace", "State") == "lost", "the end")
    assert incidents(host) == [INCIDENT]


def test_incident_that_cannot_be_read(host, hanging_storage, failing_space, make_worker):
    """Another one begins, which names it; it ends as interrupted, with what the state directory has of it."""
    worker = make_worker(IGNORE_TERM)
    registration = register(host, worker, failure_policy=policy(("signal", 10, "TERM"), ("kill", 0)))
    acquire(host, registration, lease(failing_space))
    hanging_storage.fail()
    wait_step(host, registration, 0)
    kept = pathlib.Path(host.directory, "state/incidents/1")
    wait_by_asking(host, lambda: kept.exists() and "step-started" in kept.read_text(), "the incident's file")
    host.kill_daemon()
    written = pathlib.Path(host.directory, "run/incidents/1")
    written.write_text(written.read_text()[:-20])
    host.start_daemon()
    wait_by_asking(host, lambda: len(incidents(host)) == 2, "two incidents")
    assert host.property(INCIDENT, "Incident", "Outcome") == "interrupted"
    other, = set(incidents(host)) - {INCIDENT}
    assert wait_ended(host, worker) == -signal.SIGKILL
    host.wait_for_property(other, "Incident", "Outcome", "cleared")
    told = story(host, other)
    assert "incident 1," in told[0]["detail"] and events(told)[-1] == "lost"


def test_process_that_ends_while_no_daemon_runs(host, hanging_storage, failing_space, make_worker):
    worker, other = make_worker(IGNORE_TERM), make_worker(IGNORE_TERM)
    steps = policy(("signal", 8, "TERM"), ("kill", 0))
    registration = register(host, worker, "gone", failure_policy=steps)
    stays = register(host, other, "stays", failure_policy=steps)
    acquire(host, registration, lease(failing_space))
    acquire(host, stays, lease(failing_space, 2 * MIB, "second"))
    hanging_storage.fail()
    wait_step(host, registration, 0)
    host.kill_daemon()
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    host.start_daemon()
    assert wait_ended(host, other) == -signal.SIGKILL
    host.wait_for_property(INCIDENT, "Incident", "Outcome", "cleared")
    seen = host.properties(INCIDENT, "Incident")
    assert (seen["RegistrationCount"], seen["ClearedCount"]) == (2, 2)
    assert [step["detail"] for step in seen["Steps"] if step["event"] == "cleared" and step["name"] == "gone"] == ["exited"]
    assert incidents(host) == [INCIDENT]
