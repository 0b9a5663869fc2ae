# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many hosts that want one resource; many objects on the bus."""

import os
import time

from results import BAILIFF, Row, at_least, at_most
from stores import PlainStore

HOSTS = 8
FIGHT_S = 10
OBJECTS = (1000, 10000)
PER_CALL = 64
# With an io timeout of 1 s nothing may wait in a queue for long.
CALLS_AT_ONCE = 2
TIMES = 20

HOST_ROWS = [
    Row(f"hosts/{HOSTS}/holds", f"{HOSTS} hosts by turns on one resource, all of them together", "holds/s", at_least(50)),
    Row(f"hosts/{HOSTS}/longest-wait", "of any of them", "s", at_most(2)),
    Row(f"hosts/{HOSTS}/fewest", "holds of the host that had the fewest", "holds/s")]


def fight(bench, side, store, space, resource, stack):
    """Each host has one client, which wants the resource again as soon as it has given it back."""
    daemons = [bench.start(side, stack, host_name=f"bench{number}") for number in range(1, HOSTS + 1)]
    joins = [daemon.begin_load("join", side, store.path, space, host_id=number)
             for number, daemon in enumerate(daemons, 1)]
    for join in joins:
        join.answer()
        join.end()
    for _ in range(bench.repeat):
        bench.say(f"hosts/{HOSTS}: {side}")
        loads = [daemon.begin_load("cycle", f"{side}0", store.path, resource, wait=True, seconds=FIGHT_S)
                 for daemon in daemons]
        results = [load.answer(failures_allowed=True) for load in loads]
        for load in loads:
            load.end()
        for result in results:
            if result["failed"]:
                bench.results.note(f"hosts/{HOSTS}/holds", f"{side}: {result['failed']} calls failed, the first: {result['first_error']}")
        rates = [result["pairs"] / result["seconds"] for result in results]
        for metric, value in (("holds", sum(rates)), ("fewest", min(rates)),
                              ("longest-wait", max(result["longest_wait_us"] for result in results) / 1e6)):
            bench.results.add(f"hosts/{HOSTS}/{metric}", side, value)


def hosts(bench, stack):
    path = os.path.join(bench.directory, "hosts")
    os.mkdir(path)
    store = PlainStore(path)
    places = {side: (store.areas.lockspaces(side, 1), store.areas.resources(f"{side}0", 1)) for side in bench.sides}
    for side in bench.sides:
        fight(bench, side, store, *places[side], stack)


def declare_objects(count):
    return [Row(f"objects/{count}/p50", f"GetManagedObjects with {count} leases", "ms",
                at_most(500) if count == max(OBJECTS) else None),
            Row(f"objects/{count}/renewal-delay", "by how much it delays a renewal at most", "ms",
                at_most(1000) if count == max(OBJECTS) else None),
            Row(f"objects/{count}/rss", "resident memory with so many leases", "MiB")]


def objects(bench, count, stack):
    path = os.path.join(bench.directory, f"objects-{count}")
    os.mkdir(path)
    store = PlainStore(path)
    holders = -(-count // PER_CALL)
    space = store.areas.lockspaces(BAILIFF, 1)
    resources = store.areas.resources(f"{BAILIFF}0", holders * PER_CALL, sparse=True)
    daemon = bench.start(BAILIFF, stack)
    io_timeout = 1
    daemon.join(store.path, space, io_timeout=io_timeout)
    bench.say(f"objects/{count}: acquiring")
    load = daemon.begin_load("hold", f"{BAILIFF}0", store.path, resources, holders=holders, per_call=PER_CALL,
                             at_once=CALLS_AT_ONCE)
    stack.callback(load.end)
    load.answer()
    for _ in range(bench.repeat):
        bench.say(f"objects/{count}")
        since_us = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
        took = sorted(daemon.load("objects", "", "", 0, rounds=TIMES)["each_us"])
        # Until a renewal that it may have delayed has begun.
        time.sleep(2 * io_timeout + 1)
        starts, failed = daemon.renewal_starts(0, since_us)
        if failed:
            bench.results.note(f"objects/{count}/renewal-delay", f"{failed} renewals failed")
        gaps = [(b - a) / 1000 - 2000 * io_timeout for a, b in zip(starts, starts[1:])]
        bench.results.add(f"objects/{count}/p50", BAILIFF, took[len(took) // 2] / 1000)
        bench.results.add(f"objects/{count}/renewal-delay", BAILIFF, max(gaps + [0]))
        bench.results.add(f"objects/{count}/rss", BAILIFF, daemon.status("VmRSS") / 1024)


def groups(bench):
    if bench.results.declare(*HOST_ROWS):
        yield f"hosts/{HOSTS}", lambda stack: hosts(bench, stack)
    for count in OBJECTS:
        if bench.results.declare(*declare_objects(count)):
            yield f"objects/{count}", lambda stack, count=count: objects(bench, count, stack)
