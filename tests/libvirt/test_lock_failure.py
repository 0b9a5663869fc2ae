# SPDX-License-Identifier: LGPL-2.1-or-later
"""Running domains whose lockspace is lost on storage that hangs: by libvirt's words, and registered without the hook.

The guests' counters are the proof: who is paused or off writes no more, whatever anybody reports.
"""

import pytest

from domain_leases import MIB, SPACE, Harmless, lease_of, lose, register_domain, registration_of, start_all
from event_times import EventTimes
from lease_calls import acquire, lease, policy
from main_loop import LIMIT, poll_until
from real_libvirt import HOOKS, OFF, PAUSED, RUNNING

SECOND = 1_000_000
# The watchdog would fire then, counted from the fail deadline; far above what a healthy libvirt needs.
BUDGET = 40 * SECOND


# What libvirt's words mean, for who registers domains by hand.
POLICIES = {
    "pause": (policy(("pause", 10), ("poweroff", 20), ("kill", 0)), "resume"),
    "poweroff": (policy(("poweroff", 30), ("kill", 0)), "leave"),
    "restart": (policy(("restart", 30), ("kill", 0)), "restart"),
    "ignore": (policy(("ignore", 0)), "leave"),
    "default": (policy(("signal", 30, "TERM"), ("kill", 0)), "leave"),
}


def start_by_the_hook(daemon, make_guest, space):
    """libvirt does not pass `default` on: those have bailiffd's own, a pause."""
    guests = {word: make_guest(f"guest-{word}", leases=[lease_of(space, number)], on_lockfailure=word)
              for number, word in enumerate(POLICIES, 1)}
    start_all(*guests.values())
    return guests


def start_by_hand(daemon, make_guest, space):
    """They run before they are registered."""
    guests = {word: make_guest(f"guest-{word}") for word in POLICIES}
    start_all(*guests.values())
    for number, (word, (steps, recovery)) in enumerate(POLICIES.items(), 1):
        path = register_domain(daemon, guests[word], failure_policy=steps, on_recovery=("s", recovery))
        acquire(daemon, path, lease(space, number * MIB, f"r{number}"))
    return guests


def check_walk(times, path, fail_at, action):
    """One step was enough, not before its time."""
    assert [event.arguments[1] for event in times.of(path, "StepStarted")] == [action]
    assert all(event.at_us >= fail_at for event in times.of(path, "StepStarted"))
    assert times.of(path, "Cleared")[0].at_us <= fail_at + BUDGET


@pytest.mark.parametrize("start", [start_by_the_hook, start_by_hand])
def test_the_five_words(daemon, hanging_storage, space, make_guest, start):
    guests = start(daemon, make_guest, space)
    registered = {word: registration_of(daemon, guest) for word, guest in guests.items()}
    paths = {word: path for word, (path, _) in registered.items()}
    first_steps = {word: properties["FailurePolicy"][0][0] for word, (_, properties) in registered.items()}
    ends_as = {word: PAUSED if action == "pause" else OFF for word, action in first_steps.items()}
    pids = {word: guest.pid for word, guest in guests.items()}
    stopped = [word for word in guests if word != "ignore"]
    harmless = Harmless(daemon, {paths[word]: guests[word] for word in stopped})
    times = EventTimes(daemon)

    fail_at = lose(daemon, hanging_storage)
    for word in stopped:
        daemon.wait_for_signal("Cleared", paths[word])
    for word in stopped:
        guests[word].wait_for_state(ends_as[word])
        check_walk(times, paths[word], fail_at, first_steps[word])
    assert daemon.property(paths["pause"], "Registration", "State") == "paused"
    assert guests["pause"].pid == pids["pause"]
    # It goes on, as it was told to.
    assert guests["ignore"].state == RUNNING
    harmless.check(witness=guests["ignore"])

    # The lockspace is not lost, and so not joined again, before that has an end.
    assert daemon.property(SPACE, "Lockspace", "State") == "failing"
    guests["ignore"].call("Destroy", "(u)", 0)
    daemon.wait_for_property(SPACE, "Lockspace", "State", "lost")
    hanging_storage.resume()
    for word in "pause", "restart":
        daemon.wait_for_property(paths[word], "Registration", "State", "active")
        guests[word].wait_for_state(RUNNING)
        guests[word].wait_for_beats()
        assert len(daemon.property(paths[word], "Registration", "Resources")) == 1
    assert guests["pause"].pid == pids["pause"]
    for word in "poweroff", "default":
        assert guests[word].state == ends_as[word]


# It looks for the file that lets it go on, and not for ever: the hook of a test that failed would hold libvirt up.
SLOW_START = """#!/bin/sh
# Another hook, after ours has got the lease.
[ "$1" = "guest-$2" ] && [ "$3" = begin ] || exit 0
: >{here}/"$1"
tries=900
until [ -e {here}/go ] || [ "$tries" = 0 ]; do sleep 0.1; tries=$((tries - 1)); done
"""


def test_a_lease_that_is_lost_within_the_start(daemon, libvirt, hanging_storage, space, make_guest, tmp_path):
    """There is no process yet that could be made harmless, but soon there will be one."""
    witness = make_guest("witness")
    start_all(witness)
    guests = [make_guest(f"guest-{point}", leases=[lease_of(space, number)], on_lockfailure="poweroff")
              for number, point in enumerate(("prepare", "start"), 1)]
    hook = HOOKS / "slow"
    hook.write_text(SLOW_START.format(here=tmp_path))
    hook.chmod(0o755)
    try:
        starting = [libvirt.begin_virsh("start", guest.name) for guest in guests]
        for guest in guests:
            poll_until((tmp_path / guest.name).exists, f"the other hook of {guest.name}")
        paths = [registration_of(daemon, guest)[0] for guest in guests]
        times = EventTimes(daemon)
        fail_at = lose(daemon, hanging_storage)
        # Nobody may take "there is none" for "there will be none".
        witness.wait_for_beats(40)
        assert daemon.property(SPACE, "Lockspace", "State") == "failing"
        assert not [event for path in paths for event in times.of(path, "Cleared")]
    finally:
        (tmp_path / "go").touch()
        hook.unlink()
    for process in starting:
        process.communicate(timeout=LIMIT)
    for guest, path in zip(guests, paths):
        daemon.wait_for_signal("Cleared", path)
        assert times.one(path, "Cleared") <= fail_at + BUDGET
        guest.wait_for_state(OFF)
    beats = [guest.beats for guest in guests]
    witness.wait_for_beats(20)
    assert [guest.beats for guest in guests] == beats
