# SPDX-License-Identifier: LGPL-2.1-or-later
"""Storage that hangs: from the fail deadline to the signal, and what it does to a lockspace on other storage."""

import contextlib
import os
import select
import time

from results import Row, at_most
from rows_leases import percentile
from stores import HangStore, PlainStore, program

REGISTRATIONS = {1: 20, 256: 50, 1000: 150}  # and the goal, ms
TREES = {1: None, 1000: 1500}  # the same, of processes that are killed with two others below each
PROGRAMS = {1: None, 1000: 1500}  # the same, when each has a program that is run
# Until the last signal of the slower one.
AFTER_DEADLINE_S = 6
# With an io timeout of 1 s nothing may wait in a queue for long.
AT_ONCE = 32
# On the storage that hangs.
ACQUIRES_OUT, JOINS_OUT = 64, 8
# Less than the io timeout: they stay out for so long.
HUNG_S = 6
HUNG_IO_TIMEOUT = 10
# An acquire that takes longer than the rest of this has waited for the storage that hung.
HANG_LIMIT_S = 30


def boottime():
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def new_store(kind, bench, name, stack):
    path = os.path.join(bench.directory, name)
    os.makedirs(path)
    return kind(path)


def served(store, stack):
    stack.callback(store.stop)
    store.serve()


# From the deadline to the signal

def declare_reaction(count):
    goal = at_most(REGISTRATIONS[count])
    return [Row(f"reaction/{count}/last", "from the fail deadline until the last process has its SIGTERM", "ms", goal),
            Row(f"reaction/{count}/p50", "until half of them have", "ms"),
            Row(f"reaction/{count}/first", "until the first has", "ms")]


def declare_exec(count):
    goal = PROGRAMS[count] and at_most(PROGRAMS[count])
    return [Row(f"exec/{count}/last", "from the fail deadline until the last process has the SIGTERM of its own program",
                "ms", goal),
            Row(f"exec/{count}/p50", "until half of them have", "ms"),
            Row(f"exec/{count}/first", "until the first has", "ms")]


def react(bench, side, count, repetition, **given):
    name = f"reaction-{count}-{side}-{repetition}-{len(given)}"
    with contextlib.ExitStack() as stack:
        store = new_store(HangStore, bench, name, stack)
        space = store.areas.lockspaces(side, 1)
        resources = store.areas.resources(f"{side}0", count, sparse=True)
        served(store, stack)
        daemon = bench.start(side, stack)
        stack.callback(store.resume)
        daemon.join(store.path, space, io_timeout=1)
        load = daemon.begin_load("hold", f"{side}0", store.path, resources, holders=count, at_once=AT_ONCE,
                                 **given)
        stack.callback(load.end)
        load.answer()
        store.hang(60)
        deadline_us = daemon.fail_deadline_us()
        time.sleep(max(deadline_us / 1e6 - boottime(), 0) + AFTER_DEADLINE_S)
        load.finish()
        return [stamp and (stamp - deadline_us) / 1000 for stamp in load.answer()["signalled_us"]]


def reaction(bench, row, count, **given):
    for repetition in range(bench.repeat):
        for side in bench.sides:
            bench.say(f"{row}: {side}, repetition {repetition + 1}")
            took = sorted(react(bench, side, count, repetition, **given))
            if not all(took):
                bench.results.note(f"{row}/last",
                                   f"{side}: {sum(not t for t in took)} processes had no SIGTERM (SIGKILL leaves no trace)")
                took = [t for t in took if t] or [0]
            for metric, value in (("last", took[-1]), ("p50", took[len(took) // 2]), ("first", took[0])):
                bench.results.add(f"{row}/{metric}", side, value)


# From the deadline to the end of process trees

def declare_trees(count):
    goal = TREES[count] and at_most(TREES[count])
    return [Row(f"trees/{count}/last", "from the fail deadline until the last tree has ended", "ms", goal),
            Row(f"trees/{count}/p50", "until half of them have", "ms"),
            Row(f"trees/{count}/first", "until the first has", "ms")]


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as children:
        return [int(each) for each in children.read().split()]


def stamp_ends(pids, limit_s):
    """When each process ended (ms of CLOCK_BOOTTIME), as far as they did before the limit."""
    stamps, poll = [], select.poll()
    pidfds = [os.pidfd_open(pid) for pid in pids]
    try:
        for pidfd in pidfds:
            poll.register(pidfd, select.POLLIN)
        while len(stamps) < len(pidfds) and boottime() < limit_s:
            for pidfd, _ in poll.poll(100):
                stamps.append(boottime() * 1000)
                poll.unregister(pidfd)
    finally:
        for pidfd in pidfds:
            os.close(pidfd)
    return stamps


def end_trees(bench, count, repetition):
    with contextlib.ExitStack() as stack:
        store = new_store(HangStore, bench, f"trees-{count}-{repetition}", stack)
        space = store.areas.lockspaces("bailiff", 1)
        resources = store.areas.resources("bailiff0", count, sparse=True)
        served(store, stack)
        daemon = bench.start("bailiff", stack)
        stack.callback(store.resume)
        daemon.join(store.path, space, io_timeout=1)
        load = daemon.begin_load("hold", "bailiff0", store.path, resources, holders=count, at_once=AT_ONCE, trees=True)
        stack.callback(load.end)
        load.answer()
        roots = children_of(load.process.pid)
        store.hang(60)
        deadline_ms = daemon.fail_deadline_us() / 1000
        return [stamp - deadline_ms for stamp in stamp_ends(roots, deadline_ms / 1000 + 40)]


def trees(bench, count):
    row = f"trees/{count}"
    for repetition in range(bench.repeat):
        bench.say(f"{row}: bailiff, repetition {repetition + 1}")
        took = sorted(end_trees(bench, count, repetition))
        if len(took) < count:
            bench.results.note(f"{row}/last", f"bailiff: {count - len(took)} trees did not end")
        for metric, value in (("last", took[-1]), ("p50", took[len(took) // 2]), ("first", took[0])):
            bench.results.add(f"{row}/{metric}", "bailiff", value)


# Beside a lockspace whose storage hangs

OTHER_HUNG = [
    Row("other-hung/usual", "one acquire, before the other storage hangs", "ms"),
    Row("other-hung/during", f"while {ACQUIRES_OUT} acquires and {JOINS_OUT} joins are out on the other storage", "ms"),
    Row("other-hung/slow-down", "the second divided by the first", "×", at_most(1.2)),
    Row("other-hung/longest", "the longest acquire meanwhile", "ms")]


def beside_hung(bench, side, repetition):
    with contextlib.ExitStack() as stack:
        healthy = new_store(PlainStore, bench, f"healthy-{side}-{repetition}", stack)
        hung = new_store(HangStore, bench, f"hung-{side}-{repetition}", stack)
        space, other_space = healthy.areas.lockspaces(side, 1), hung.areas.lockspaces("hung", 1)
        joins = hung.areas.lockspaces("joining", JOINS_OUT)
        resources = healthy.areas.resources(f"{side}0", 1)
        other_resources = hung.areas.resources("hung0", ACQUIRES_OUT)
        served(hung, stack)
        daemon = bench.start(side, stack)
        stack.callback(hung.resume)
        daemon.join(healthy.path, space)
        daemon.join(hung.path, other_space, prefix="hung", io_timeout=HUNG_IO_TIMEOUT)

        def acquire(**options):
            return daemon.load("cycle", f"{side}0", healthy.path, resources, **options)
        usual = percentile(acquire(warm_up=0.5, seconds=bench.seconds)["acquire_us"], 50)
        hung.hang(HANG_LIMIT_S)
        for load in (daemon.begin_load("hold", "hung0", hung.path, other_resources, holders=ACQUIRES_OUT),
                     daemon.begin_load("join", "joining", hung.path, joins, count=JOINS_OUT,
                                       io_timeout=HUNG_IO_TIMEOUT)):
            stack.callback(load.kill)
        # Until all of them are out: it takes milliseconds, and of calls that are not answered nobody tells.
        time.sleep(1)
        result = acquire(seconds=HUNG_S)
        if result["longest_wait_us"] > (HANG_LIMIT_S - 10) * 1e6:
            bench.results.note("other-hung/longest", f"{side}: waited until the other storage answered again")
        during = percentile(result["cold_acquire_us"] + result["acquire_us"], 50)
        return {"usual": usual, "during": during, "slow-down": during / usual,
                "longest": result["longest_wait_us"] / 1000}


def other_hung(bench):
    for repetition in range(bench.repeat):
        for side in bench.sides:
            bench.say(f"other-hung: {side}, repetition {repetition + 1}")
            for metric, value in beside_hung(bench, side, repetition).items():
                bench.results.add(f"other-hung/{metric}", side, value)


def groups(bench):
    for count in REGISTRATIONS:
        if bench.results.declare(*declare_reaction(count)):
            yield f"reaction/{count}", lambda _stack, count=count: reaction(bench, f"reaction/{count}", count)
    for count in PROGRAMS:
        if bench.results.declare(*declare_exec(count)):
            yield f"exec/{count}", lambda _stack, count=count: reaction(bench, f"exec/{count}", count,
                                                                        program=program("exec-mark"))
    for count in TREES:
        if bench.results.declare(*declare_trees(count)):
            yield f"trees/{count}", lambda _stack, count=count: trees(bench, count)
    if bench.results.declare(*OTHER_HUNG):
        yield "other-hung", lambda _stack: other_hung(bench)
