# SPDX-License-Identifier: LGPL-2.1-or-later
"""Acquiring and releasing: how long one takes, how many there are in a second, what each costs in I/O and CPU.

Both daemons are up all the time, each with a lockspace of its own on the same storage, and take turns: what the
machine does meanwhile hits both.
"""

import os

from contenders import cpu_seconds
from results import Row, ratio_at_least, ratio_at_most
from stores import DelayStore, PlainStore, probe

# Of the store, microseconds; None: the file system itself.
STORES = {"plain": None, "1ms": 1000, "10ms": 10000}

LATENCY_GOALS = {"plain": 0.4, "1ms": 0.75, "10ms": 0.85}
EIGHT_GOALS = {"plain": 0.1, "1ms": 0.15, "10ms": 0.15}
RATE_GOALS = {"plain": 5, "1ms": 6, "10ms": 25}

HOLDERS = (1, 16, 256)
IN_ONE_CALL = 8
# New resources for each repetition of the first acquire.
FIRST_TIMES = 16
WARM_UP_S = 0.5


def declare(store):
    rows = []
    for holders in HOLDERS:
        goal = ratio_at_most(LATENCY_GOALS[store]) if holders == 1 else None
        where = f"acquire/{store}/{holders}"
        rows += [Row(f"{where}/p50", "one resource, until the reply", "ms", goal),
                 Row(f"{where}/p99", "the same", "ms"),
                 Row(f"{where}/release-p50", "until it is free on disk", "ms"),
                 Row(f"{where}/pairs", f"acquire and release, {holders} at the same time", "pairs/s",
                     ratio_at_least(RATE_GOALS[store]) if holders == 256 else None),
                 Row(f"{where}/cpu", "of the daemon, for each pair", "ms"),
                 Row(f"{where}/bus-cpu", "of dbus-daemon, for each pair", "ms")]
    eight = f"acquire/{store}/{IN_ONE_CALL}-in-one-call"
    rows += [Row(f"{eight}/p50", "eight resources in one call", "ms", ratio_at_most(EIGHT_GOALS[store])),
             Row(f"{eight}/p99", "the same", "ms"),
             Row(f"acquire/{store}/first/p50", "a resource that this daemon has not seen before", "ms")]
    if STORES[store]:
        rows += [Row(f"acquire/{store}/ios/{what}", text, unit) for what, text, unit in (
            ("serial-acquire", "p50 of the acquire, divided by the time of one I/O", "I/Os"),
            ("serial-release", "the same of the release", "I/Os"),
            ("reads", "at the store, for each pair", "reads"),
            ("writes", "at the store, for each pair", "writes"),
            ("read-kib", "at the store, for each pair", "KiB"),
            ("first-read-kib", "the same, where the daemon sees the resource for the first time", "KiB"))]
    return rows


def percentile(values, percent):
    """Of durations in µs, in ms."""
    values = sorted(values)
    return values[min(len(values) * percent // 100, len(values) - 1)] / 1000 if values else None


class LeaseBench:
    """One store, both daemons on it."""

    def __init__(self, bench, store_name, stack):
        self.bench, self.store_name = bench, store_name
        path = os.path.join(bench.directory, f"acquire-{store_name}")
        os.mkdir(path)
        delay_us = STORES[store_name]
        self.delay_us = delay_us
        self.store = PlainStore(path) if delay_us is None else DelayStore(path, delay_us, count_from_area=2)
        self.new_resources = {}
        areas = self.store.areas
        self.spaces = {side: areas.lockspaces(side, 1) for side in bench.sides}
        self.resources = {side: areas.resources(f"{side}0", max(HOLDERS) + FIRST_TIMES * bench.repeat)
                          for side in bench.sides}
        stack.callback(self.store.stop)
        self.store.serve()
        self.daemons = [bench.start(side, stack) for side in bench.sides]
        for daemon in self.daemons:
            daemon.join(self.store.path, self.spaces[daemon.name])

    def record(self, metric, side, value):
        if value is not None:
            self.bench.results.add(f"acquire/{self.store_name}/{metric}", side, value)

    def wants(self, metric):
        return any(name.startswith(f"acquire/{self.store_name}/{metric}/") for name in self.bench.results.rows)

    def load(self, daemon, **options):
        load = daemon.begin_load("cycle", f"{daemon.name}0", self.store.path, self.resources[daemon.name], **options)
        try:
            return load.answer(failures_allowed=True)
        finally:
            load.end()

    def note_failures(self, metric, daemon, result):
        if result["failed"]:
            self.bench.results.note(f"acquire/{self.store_name}/{metric}",
                                    f"{daemon.name}: {result['failed']} calls failed, the first: {result['first_error']}")

    def cycle(self, daemon, holders):
        cpu = daemon.cpu_seconds()
        bus_cpu = cpu_seconds(daemon.bus_pid) if hasattr(daemon, "bus_pid") else None
        before = self.store.counters()
        # With many holders on slow storage one pair takes seconds.
        seconds = self.bench.seconds * (2 if holders == max(HOLDERS) else 1)
        result = self.load(daemon, holders=holders, warm_up=WARM_UP_S, seconds=seconds)
        # All that were done, those of the warm-up too: as the counters count.
        pairs = max(result["all_pairs"], 1)
        after = self.store.counters()
        side = daemon.name
        acquire = percentile(result["acquire_us"], 50)
        release = percentile(result["release_us"], 50)
        self.record(f"{holders}/p50", side, acquire)
        self.record(f"{holders}/p99", side, percentile(result["acquire_us"], 99))
        self.record(f"{holders}/release-p50", side, release)
        self.record(f"{holders}/pairs", side, result["pairs"] / result["seconds"])
        self.record(f"{holders}/cpu", side, (daemon.cpu_seconds() - cpu) * 1000 / pairs)
        if bus_cpu is not None:
            self.record(f"{holders}/bus-cpu", side, (cpu_seconds(daemon.bus_pid) - bus_cpu) * 1000 / pairs)
        self.note_failures(f"{holders}/pairs", daemon, result)
        if before and holders == 1 and acquire is not None:
            self.record("ios/serial-acquire", side, acquire * 1000 / self.delay_us)
            self.record("ios/serial-release", side, release * 1000 / self.delay_us)
            reads, read_bytes, writes, _ = (b - a for a, b in zip(before, after))
            self.record("ios/reads", side, reads / pairs)
            self.record("ios/writes", side, writes / pairs)
            self.record("ios/read-kib", side, read_bytes / pairs / 1024)

    def eight(self, daemon):
        metric = f"{IN_ONE_CALL}-in-one-call"
        result = self.load(daemon, per_call=IN_ONE_CALL, warm_up=WARM_UP_S, seconds=self.bench.seconds)
        self.record(f"{metric}/p50", daemon.name, percentile(result["acquire_us"], 50))
        self.record(f"{metric}/p99", daemon.name, percentile(result["acquire_us"], 99))
        self.note_failures(f"{metric}/p50", daemon, result)

    def first(self, daemon, repetition):
        before = self.store.counters()
        result = self.load(daemon, first=max(HOLDERS) + repetition * FIRST_TIMES, sets=FIRST_TIMES, rounds=1,
                           seconds=600)
        self.record("first/p50", daemon.name, percentile(result["cold_acquire_us"], 50))
        if before:
            read = self.store.counters()[1] - before[1]
            self.record("ios/first-read-kib", daemon.name, read / FIRST_TIMES / 1024)
        self.note_failures("first/p50", daemon, result)

    def run(self):
        for repetition in range(self.bench.repeat):
            for holders in HOLDERS:
                if self.wants(str(holders)) or (holders == 1 and self.wants("ios")):
                    for daemon in self.daemons:
                        self.bench.say(f"acquire/{self.store_name}/{holders}: {daemon.name}, "
                                       f"repetition {repetition + 1}")
                        self.cycle(daemon, holders)
            if self.wants(f"{IN_ONE_CALL}-in-one-call"):
                for daemon in self.daemons:
                    self.bench.say(f"acquire/{self.store_name}/8-in-one-call: {daemon.name}")
                    self.eight(daemon)
            if self.wants("first") or self.wants("ios"):
                for daemon in self.daemons:
                    self.first(daemon, repetition)


def check_parallelism(bench, store, delay_us):
    """A store that answers one after the other would make every daemon look alike."""
    alone = probe(store, 1, 4096, 0.5)
    together = probe(store, 64, 4096, 0.5)
    bench.about.setdefault("stores", {})[f"{delay_us} us"] = {"one read at a time": alone, "64 reads at a time": together}
    bench.say(f"store with {delay_us} us: {alone['per_second']:.0f} reads/s one by one (p50 {alone['p50_us']:.0f} us), "
              f"{together['per_second']:.0f}/s of 64 at a time")
    if delay_us and together["per_second"] < 8 * alone["per_second"]:
        bench.warn(f"the store with {delay_us} us does not answer in parallel: its rows say nothing")


def groups(bench):
    for store_name in STORES:
        if not bench.results.declare(*declare(store_name)):
            continue

        def run(stack, store_name=store_name):
            lease_bench = LeaseBench(bench, store_name, stack)
            check_parallelism(bench, lease_bench.store, STORES[store_name] or 0)
            lease_bench.run()
        yield f"acquire/{store_name}", run
