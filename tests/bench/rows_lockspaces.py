# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many lockspaces: joining all at once, what they cost while nothing happens, leaving all."""

import contextlib
import os
import time

from results import Row, at_most, ratio_at_most
from stores import PlainStore

COUNTS = (1, 100, 500)
IO_TIMEOUT = 10
# Three renewals of each lockspace.
STEADY_S = 60
STEADY_QUICK_S = 25


def declare(count):
    where = f"lockspaces/{count}"
    most = count == max(COUNTS)
    leave_goals = {1: at_most(0.2), 500: at_most(2)}
    return [
        Row(f"{where}/join-all", "all at once (the smallest io timeout is stored)", "s"),
        Row(f"{where}/join-beyond-one", "by how much that is longer than joining one alone", "s",
            at_most(3) if most else None),
        Row(f"{where}/leave-all", "all at once", "s", leave_goals.get(count)),
        Row(f"{where}/rss", "resident memory", "MiB", ratio_at_most(0.15) if most else None),
        Row(f"{where}/threads", "threads", "threads"),
        Row(f"{where}/cpu", f"of the daemon in a minute, io timeout {IO_TIMEOUT} s", "s",
            ratio_at_most(0.5) if most else None),
        Row(f"{where}/read", "read from storage", "MB/s"),
        Row(f"{where}/late-renewals", "that failed, or began more than 1 s late", "renewals",
            at_most(0) if most else None)]


def measure_steady(bench, daemon, count, add):
    seconds = STEADY_QUICK_S if bench.quick else STEADY_S
    since_us = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
    begin, cpu, read = time.monotonic(), daemon.cpu_seconds_of_threads(), daemon.bytes_read()
    time.sleep(seconds)
    took = time.monotonic() - begin
    add("cpu", (daemon.cpu_seconds_of_threads() - cpu) * 60 / took)
    add("read", (daemon.bytes_read() - read) / 1e6 / took)
    add("rss", daemon.status("VmRSS") / 1024)
    add("threads", daemon.status("Threads"))
    add("late-renewals", daemon.late_renewals(count, IO_TIMEOUT, since_us))


def measure(bench, daemon, store, alone, offset, count):
    def add(metric, value):
        bench.results.add(f"lockspaces/{count}/{metric}", daemon.name, value)

    # Not one of the others: that would have to wait by this host's io timeout when it is joined again.
    one = daemon.join(store.path, alone, io_timeout=IO_TIMEOUT, prefix="alone")["all_us"] / 1e6
    daemon.leave(store.path, alone, prefix="alone")
    together = daemon.join(store.path, offset, count, io_timeout=IO_TIMEOUT)["all_us"] / 1e6
    add("join-all", together)
    add("join-beyond-one", max(together - one, 0))
    measure_steady(bench, daemon, count, add)
    add("leave-all", daemon.leave(store.path, offset, count)["all_us"] / 1e6)


def groups(bench):
    for count in COUNTS:
        if not bench.results.declare(*declare(count)):
            continue

        def run(_stack, count=count):
            path = os.path.join(bench.directory, f"lockspaces-{count}")
            os.mkdir(path)
            store = PlainStore(path)
            for repetition in range(bench.repeat_long):
                for side in bench.sides:
                    bench.say(f"lockspaces/{count}: {side}, repetition {repetition + 1}")
                    alone, offset = store.areas.lockspaces("alone", 1), store.areas.lockspaces(side, count)
                    with contextlib.ExitStack() as of_one:
                        measure(bench, bench.start(side, of_one), store, alone, offset, count)
        yield f"lockspaces/{count}", run
