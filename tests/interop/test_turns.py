# SPDX-License-Identifier: LGPL-2.1-or-later
"""One resource goes from host to host: whoever comes second is refused, and gets it after the release."""

import contextlib

import pytest

from lease_hosts import LIVE_OWNER, SHARED_OWNER
from main_loop import poll_until
from private_service import BusError
from sanlock_records import RELEASED, SHARED

ROUNDS = 4


@contextlib.contextmanager
def refused_for(host):
    with pytest.raises(BusError) as caught:
        yield
    assert caught.value.name == "org.bailiff.Error.Held"
    assert host.name in caught.value.message
    assert f"host id {host.host_id}" in caught.value.message


def test_in_turns(joined, resource):
    ours, theirs = joined.bailiff.process(), joined.sanlock.process()
    for version in range(1, 2 * ROUNDS, 2):
        assert theirs.acquire(resource) == 0
        assert theirs.version_of(resource) == version
        with refused_for(joined.sanlock):
            ours.acquire(resource)
        assert resource.leader().lver == version
        theirs.release(resource)

        assert ours.acquire(resource) == version + 1
        assert theirs.acquire(resource) == LIVE_OWNER
        leader = resource.leader()
        assert (leader.lver, leader.owner_id, leader.timestamp != 0) == (version + 1, 1, True)
        ours.release()
        assert resource.leader().timestamp == 0


def test_one_host_several_times_then_the_other(joined, resource):
    """Ballots that only one host takes part in, and then one where the other was behind."""
    ours, theirs = joined.bailiff.process(), joined.sanlock.process()
    version = 0
    for _ in range(2):
        for _ in range(ROUNDS):
            version += 1
            assert ours.acquire(resource) == version
            ours.release()
        for _ in range(ROUNDS):
            version += 1
            assert theirs.acquire(resource) == 0
            assert theirs.version_of(resource) == version
            theirs.release(resource)


def test_demanded_version(joined, resource):
    """The version is a token that both hosts understand alike: the one before the acquisition."""
    ours, theirs = joined.bailiff.process(), joined.sanlock.process()
    assert ours.acquire(resource) == 1
    ours.release()
    assert theirs.acquire(resource, ":1") == 0
    theirs.release(resource)
    with pytest.raises(BusError) as caught:
        ours.acquire(resource, version=("t", 1))
    assert caught.value.name == "org.bailiff.Error.Held"
    assert ours.acquire(resource, version=("t", 2)) == 3


def test_command_says_who_has_it(joined, resource):
    """What a user sees: the name of the host in the way."""
    service, theirs = joined.bailiff.service, joined.sanlock.process()
    assert theirs.acquire(resource) == 0
    run = ["bailiffctl", "run", "space", f"{resource.name}@{resource.space.path}:{resource.offset}", "--",
           "sh", "-c", 'echo "version $BAILIFF_VERSION"']
    refused = service.command(*run)
    assert (refused.returncode, refused.stdout) == (125, "")
    assert "sanlockhost" in refused.stderr
    theirs.release(resource)
    assert service.command(*run, check=True).stdout == "version 2\n"


def test_waiting_ends_with_the_release(joined, resource):
    ours, others, theirs = joined.bailiff.process(), joined.bailiff.process(), joined.sanlock.process()
    assert theirs.acquire(resource) == 0
    waiting = ours.begin_acquire(resource, wait=("b", True))
    # Answered after the first wish has reached the daemon: that one is waiting now.
    with pytest.raises(BusError):
        others.acquire(resource)
    assert not waiting.done
    theirs.release(resource)
    assert ours.version_of(waiting.result()) == 2


def test_sanlock_shares(joined, resource):
    ours, theirs = joined.bailiff.process(), joined.sanlock.process()
    for _ in range(ROUNDS):
        assert theirs.acquire(resource, ":SH") == 0
        with refused_for(joined.sanlock):
            ours.acquire(resource)
        theirs.release(resource)
        ours.acquire(resource, wait=("b", True))
        assert theirs.acquire(resource, ":SH") == LIVE_OWNER
        ours.release()


def test_refusal_for_a_shared_holder_is_over(joined, resource):
    """Whether somebody shares it shows only to its owner, so bailiffd has to become it. When the refusal has arrived
    it is owner no more: the next who tries is refused for the same reason, and no trace of ours is in others' way."""
    ours, theirs = joined.bailiff.process(), joined.sanlock.process()
    assert theirs.acquire(resource, ":SH") == 0
    for _ in range(50 * ROUNDS):
        with refused_for(joined.sanlock):
            ours.acquire(resource)
        assert resource.leader().timestamp == 0
        assert resource.host_sector(1).flags == RELEASED


def test_shared_lease_survives_our_attempts(joined, resource):
    """An attempt to have it exclusively writes a ballot; the shared holder must still be one afterwards."""
    ours, theirs, late = joined.bailiff.process(), joined.sanlock.process(), joined.sanlock.process()
    assert theirs.acquire(resource, ":SH") == 0
    with refused_for(joined.sanlock):
        ours.acquire(resource)
    waiting = ours.begin_acquire(resource, wait=("b", True))
    poll_until(lambda: resource.leader().lver > 5, "further attempts")
    assert resource.host_sector(2).mode == SHARED
    assert late.acquire(resource, ":SH") == 0
    theirs.release(resource)
    assert not waiting.done
    late.release(resource)
    ours.version_of(waiting.result())
    assert resource.host_sector(2).mode == 0
    assert theirs.acquire(resource, ":SH") in (LIVE_OWNER, SHARED_OWNER)
