# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who waits for leases: in which order they get them on one host, and that two hosts do not wait for each other."""

import itertools

import pytest

from lease_calls import (acquire, begin_acquire, end_worker, fails_with, inspect_resource, join, leave,
                         make_space_of_three, register, release, wait_by_asking, wait_live, wanted)
from private_service import BusError

PATIENCE = 120


def waited_for(path, number=1):
    return wanted(path, number, wait=("b", True))


@pytest.fixture
def space(service, storage):
    return make_space_of_three(service, storage)


@pytest.fixture
def make_registration(make_worker):
    def make(service, name="worker"):
        return register(service, make_worker(), name)
    return make


def version(service, resource):
    return service.property(resource, "Resource", "Version")


def settle(service):
    """Until everything that was asked for before has been looked at: calls are handled in their order."""
    service.property("Manager", "Manager", "Version")


def test_first_come_first_served(service, space, make_registration):
    holder = make_registration(service, "holder")
    resource = acquire(service, holder, wanted(space))[0]
    paths = [make_registration(service, f"waiter{number}") for number in range(6)]
    calls = []
    for path in paths:
        calls.append(begin_acquire(service, path, waited_for(space)))
        settle(service)
    before = version(service, resource)
    assert not any(call.done for call in calls)
    for number, (path, call) in enumerate(zip(paths, calls)):
        release(service, holder)
        assert call.result(PATIENCE) == [resource]
        assert service.property(resource, "Resource", "Registration") == path
        assert version(service, resource) == before + number + 1
        assert not any(later.done for later in calls[number + 1:])
        holder = path


@pytest.mark.parametrize("order", itertools.permutations((1, 2, 3)))
def test_several_are_waited_for_in_whatever_order_they_are_named(service, space, make_registration, order):
    """Each of them is held by somebody else, who lets go when it is waited for."""
    holders = {number: make_registration(service, f"holder{number}") for number in order}
    for number, holder in holders.items():
        acquire(service, holder, wanted(space, number))
    waiter = make_registration(service, "waiter")
    call = begin_acquire(service, waiter, *[waited_for(space, number) for number in order])
    for number in sorted(order):
        settle(service)
        assert not call.done
        release(service, holders[number])
    assert [path[-2:] for path in call.result(PATIENCE)] == [f"r{number}" for number in order]


def test_who_does_not_wait_does_not_overtake(service, second_service, space, make_registration):
    """Neither while it is held nor while it is handed over; nor when the next in turn gives other hosts a chance, so
    that it is held by nobody."""
    join(second_service, space, 2)
    wait_live(service, 2)
    holder, first, hasty = (make_registration(service, name) for name in ("holder", "first", "hasty"))
    acquire(service, holder, wanted(space))
    for _ in range(9):
        call = begin_acquire(service, first, waited_for(space))
        settle(service)
        with fails_with("Held", "is held on this host by"):
            acquire(service, hasty, wanted(space))
        release(service, holder)
        while not call.done:
            with pytest.raises(BusError):
                acquire(service, hasty, wanted(space))
        assert service.property(call.result()[0], "Resource", "Registration") == first
        holder, first = first, holder


def test_those_who_wait_to_share_share_it(service, space, make_registration):
    """With the first of them, all that stand behind him; and one who wants it for himself is not passed by them."""
    shared = {"mode": ("s", "shared"), "wait": ("b", True)}
    holder, alone, late = (make_registration(service, name) for name in ("holder", "alone", "late"))
    resource = acquire(service, holder, wanted(space))[0]
    sharers = [make_registration(service, f"sharer{number}") for number in range(3)]
    calls = []
    for path in sharers:
        calls.append(begin_acquire(service, path, wanted(space, **shared)))
        settle(service)
    last = begin_acquire(service, alone, waited_for(space))
    settle(service)
    behind = begin_acquire(service, late, wanted(space, **shared))
    settle(service)
    release(service, holder)
    assert [call.result(PATIENCE) for call in calls] == [[resource]] * 3
    assert not last.done and not behind.done
    for path in sharers:
        release(service, path)
    assert last.result(PATIENCE) == [resource] and not behind.done
    release(service, alone)
    assert behind.result(PATIENCE) == [resource]


def test_who_gives_up_leaves_the_queue(service, space, make_registration, make_worker):
    holder = make_registration(service, "holder")
    resource = acquire(service, holder, wanted(space))[0]
    worker = make_worker()
    gone = begin_acquire(service, register(service, worker, "gone"), waited_for(space))
    settle(service)
    second = make_registration(service, "second")
    call = begin_acquire(service, second, waited_for(space))
    settle(service)
    end_worker(worker)
    with fails_with("NotFound", "ended"):
        gone.result()
    assert not call.done
    release(service, holder)
    assert call.result(PATIENCE) == [resource]
    assert service.property(resource, "Resource", "Registration") == second


def test_leaving_ends_the_waiting(service, space, make_registration):
    holder = make_registration(service, "holder")
    acquire(service, holder, wanted(space))
    calls = [begin_acquire(service, make_registration(service), waited_for(space)) for _ in range(3)]
    settle(service)
    leave(service, force=("b", True))
    for call in calls:
        with fails_with("NotJoined", "left"):
            call.result()


def test_those_behind_see_the_lease_of_another_host_end(service, second_service, space, make_registration):
    join(second_service, space, 2)
    holder = make_registration(second_service, "far")
    acquire(second_service, holder, wanted(space))
    paths = [make_registration(service, f"near{number}") for number in range(3)]
    calls = []
    for path in paths:
        calls.append(begin_acquire(service, path, waited_for(space)))
        settle(service)
    release(second_service, holder)
    for path, call in zip(paths, calls):
        resource = call.result(PATIENCE)[0]
        assert service.property(resource, "Resource", "Registration") == path
        release(service, path)


def test_another_host_gets_its_chance(service, second_service, space, make_registration):
    """Three take turns here without a break; the one who waits on the other host gets it nevertheless."""
    join(second_service, space, 2)
    paths = [make_registration(service, f"near{number}") for number in range(3)]
    calls = [begin_acquire(service, path, waited_for(space)) for path in paths]
    calls[0].result(PATIENCE)
    far = begin_acquire(second_service, make_registration(second_service, "far"), waited_for(space))
    hand_overs = 0
    for number in itertools.cycle(range(3)):
        wait_by_asking(service, lambda: calls[number].done or far.done, "somebody's turn", PATIENCE)
        if far.done:
            break
        release(service, paths[number])
        calls[number] = begin_acquire(service, paths[number], waited_for(space))
        hand_overs += 1
    assert far.result() and inspect_resource(service, space)["owner-host-id"] == 2
    print(f"after {hand_overs} hand-overs")


def test_crossing_wishes_of_two_hosts(service, second_service, space, make_registration):
    """Each waits for the same leases, named in another order; whoever is first gets all, then the other."""
    join(second_service, space, 2)
    hosts = [(service, make_registration(service), (1, 2, 3)),
             (second_service, make_registration(second_service), (3, 1, 2))]
    for _ in range(5):
        calls = [(host, path, begin_acquire(host, path, *(waited_for(space, number) for number in order)), order)
                 for host, path, order in hosts]
        while calls:
            wait_by_asking(service, lambda: any(call.done for _, _, call, _ in calls), "one of them to have all",
                           PATIENCE)
            host, path, call, order = next(each for each in calls if each[2].done)
            assert [resource.rpartition("/")[2] for resource in call.result()] == [f"r{number}" for number in order]
            release(host, path)
            calls.remove((host, path, call, order))


SHARED = {"mode": ("s", "shared")}
WAIT = {"wait": ("b", True)}


def test_who_waits_to_share_is_told_of_a_conversion(service, space, make_registration):
    holder, waiter = make_registration(service), make_registration(service)
    held = acquire(service, holder, wanted(space))[0]
    call = begin_acquire(service, waiter, wanted(space, **SHARED, **WAIT))
    settle(service)
    service.call(held, "Resource", "Convert", "(sa{sv})", "shared", {})
    assert call.result() == [held]


def test_a_shared_lease_that_went_is_not_waited_for_with_later_ones_in_hand(service, space, make_registration):
    here, first, second = [make_registration(service) for _ in range(3)]
    shared, exclusive = acquire(service, here, wanted(space, 1, **SHARED), wanted(space, 2))
    one = begin_acquire(service, first, wanted(space, 1, **SHARED, **WAIT), waited_for(space, 2))
    settle(service)
    release(service, here, shared)
    two = begin_acquire(service, second, waited_for(space, 1), waited_for(space, 2))
    settle(service)
    release(service, here, exclusive)
    wait_by_asking(service, lambda: one.done or two.done, "one of them to have both", PATIENCE)
    for call, registration in sorted([(one, first), (two, second)], key=lambda pair: not pair[0].done):
        assert len(call.result()) == 2
        release(service, registration)


def test_who_does_not_wait_is_answered(service, space, make_registration):
    """Also when another call has got in each other's order what it wants to share."""
    waiting, other = make_registration(service), make_registration(service)
    one = begin_acquire(service, waiting, wanted(space, 1, **SHARED, **WAIT), wanted(space, 2, **SHARED, **WAIT))
    two = begin_acquire(service, other, wanted(space, 1, **SHARED), wanted(space, 2, **SHARED))
    assert len(one.result()) == 2
    try:
        two.result()
    except BusError as error:
        assert error.name.rpartition(".")[2] in ("Busy", "Held")
