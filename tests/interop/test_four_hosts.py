# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two bailiffd and two sanlock daemons in one lockspace fight for one resource, until one of each kind dies by SIGKILL
with leases. The other two go on, and take over what the dead held: not before they are dead for certain.

One test, since it takes more than a minute. They share one machine, so the kernel can tell whether two were ever in at
once; and one clock.
"""

import concurrent.futures
import contextlib
import os
import pathlib
import re
import signal
import subprocess
import threading
import time

import pytest

from lease_hosts import DEAD_AFTER, BailiffHost, SanlockHost, Space
from lease_storage import MIB
from main_loop import LIMIT, poll_until
from sanlock_daemon import SanlockDaemon

VISIT = str(pathlib.Path(__file__).parents[1] / "support" / "critical-section.sh")
# Enough that each host has been in; more only takes longer.
VISITS = 3


def kill_all(pids):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def processes_of(sanlock):
    """Whatever runs with the environment of this daemon."""
    mark = f"SANLOCK_RUN_DIR={sanlock.environment['SANLOCK_RUN_DIR']}".encode()
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (entry / "environ").read_bytes():
                yield int(entry.name)


class Fighter:
    """Visits the critical section again and again, in a thread of its own."""

    def __init__(self, name, visit):
        self.name, self.visit = name, visit
        self.over = threading.Event()

    def fight(self):
        while not self.over.is_set():
            self.visit(self)


def bailiff_visit(service, resource, directory):
    place = f"{resource.name}@{resource.space.path}:{resource.offset}"

    def visit(fighter):
        attempt = service.command("bailiffctl", "run", "--wait", "space", place, "--", VISIT, directory, fighter.name)
        assert fighter.over.is_set() or attempt.returncode == 0, attempt
    return visit


def sanlock_visit(sanlock, resource, directory):
    def visit(fighter):
        attempt = subprocess.run([sanlock.program(), "client", "command", "-r", resource.sanlock_text, "-c", VISIT,
                                  str(directory), fighter.name], env=sanlock.environment, text=True,
                                 stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT)
        lost = re.search(r"^acquire done -\d+$", attempt.stdout, re.MULTILINE)
        assert fighter.over.is_set() or attempt.returncode == 0 or lost, attempt
    return visit


@pytest.fixture
def second_sanlock(sanlock):
    daemon = SanlockDaemon("sanlockhost2")
    yield daemon
    daemon.stop()


def visits(directory):
    path = directory / "visits"
    return [line.split(" ")[0] for line in path.read_text().splitlines()] if path.exists() else []


def begin_all(fighters, pool):
    return [pool.submit(fighter.fight) for fighter in fighters]


def wait_for_visits(fighters, rounds, directory, since=0):
    def enough():
        seen = visits(directory)[since:]
        return all(seen.count(fighter.name) >= VISITS for fighter in fighters)

    def failed():
        return next((str(each.exception()) for each in rounds if each.done() and each.exception()), None)
    poll_until(enough, "visits of every host", give_up=failed)


def take_with_sanlock(process, resource):
    """sanlock refuses at once as long as it takes the owner for alive, and tells nobody when it does not any more."""
    end = time.monotonic() + DEAD_AFTER + LIMIT
    while process.acquire(resource) != 0:
        assert time.monotonic() < end, f"{resource} was never to be had"
        time.sleep(0.5)
    return time.monotonic()


def test_two_of_four_die(service, second_service, sanlock, second_sanlock, make_storage, tmp_path):
    space = Space(make_storage(8))
    space.format_by_sanlock(sanlock, resources=5)
    fought_for, *held = [space.resource(index) for index in range(1, 6)]
    hosts = [BailiffHost(service, space, 1), BailiffHost(second_service, space, 2), SanlockHost(sanlock, space, 3),
             SanlockHost(second_sanlock, space, 4)]
    for host in hosts:
        host.begin_join()
    for host in hosts:
        host.finish_join()
    for host in hosts:
        for other in range(1, 5):
            host.wait_until_sees(other, "live")
    dying_bailiff, bailiff, dying_sanlock, sanlock_host = hosts

    fighters = [Fighter("bailiff-1", bailiff_visit(service, fought_for, tmp_path)),
                Fighter("bailiff-2", bailiff_visit(second_service, fought_for, tmp_path)),
                Fighter("sanlock-1", sanlock_visit(sanlock, fought_for, tmp_path)),
                Fighter("sanlock-2", sanlock_visit(second_sanlock, fought_for, tmp_path))]
    victims = {1: (held[0], held[1]), 3: (held[2], held[3])}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        rounds = begin_all(fighters, pool)
        try:
            wait_for_visits(fighters, rounds, tmp_path)
            holder, theirs = dying_bailiff.process(), dying_sanlock.process()
            for resource in victims[1]:
                holder.acquire(resource)
            for resource in victims[3]:
                assert theirs.acquire(resource) == 0

            fighters[0].over.set()
            fighters[2].over.set()
            # The daemons first: one that lives would give back what its processes leave.
            service.kill_daemon()
            sanlock.kill()
            kill_all(processes_of(sanlock))
            kill_all(pid for pid, command in service.processes().items()
                     if "bailiffctl" in command or "critical-section" in command)
            holder.process.kill()
            died_at = len(visits(tmp_path))
            # Whole seconds, rounded down.
            last = {host_id: space.host_lease(host_id).timestamp for host_id in victims}

            ours = bailiff.process()
            waiting = {host_id: ours.begin_acquire(pair[0], wait=("b", True)) for host_id, pair in victims.items()}
            taking = {host_id: pool.submit(take_with_sanlock, sanlock_host.process(), pair[1])
                      for host_id, pair in victims.items()}
            for host_id, call in waiting.items():
                ours.version_of(call.result())
                assert time.monotonic() >= last[host_id] + DEAD_AFTER
                leader = victims[host_id][0].leader()
                assert (leader.owner_id, leader.lver) == (2, 2)
                assert leader.timestamp >= last[host_id] + DEAD_AFTER
            poll_until(lambda: all(each.done() for each in taking.values()), "sanlock to take over")
            for host_id, taken in taking.items():
                assert taken.result() >= last[host_id] + DEAD_AFTER
            # Who fought with the dead got on, too.
            wait_for_visits([fighters[1], fighters[3]], rounds, tmp_path, died_at)
        finally:
            for fighter in fighters:
                fighter.over.set()
        poll_until(lambda: all(each.done() for each in rounds), "the end of the fight")
    overlaps = tmp_path / "overlaps"
    assert not overlaps.exists(), overlaps.read_text()
    for each in rounds:
        each.result()
    assert fought_for.leader().lver >= len(visits(tmp_path))
    for host in hosts:
        if host not in (dying_bailiff, dying_sanlock):
            host.end()
