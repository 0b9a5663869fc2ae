# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two processes on each host fight for one resource. They share one machine, so the kernel can tell whether two were
ever in at once."""

import collections
import concurrent.futures
import pathlib
import re
import subprocess
import time

from main_loop import LIMIT, poll_until

DURATION = 15
VISIT = str(pathlib.Path(__file__).parents[1] / "support" / "critical-section.sh")
EXIT_RUN_FAILED = 125
# All are "somebody else has it, or had it just now"; anything else is a fault.
LOST = {-11, -16, -17, -243, -244, -245, -247}


class Fight:
    """Runs a command again and again, in a thread of its own, until the time is over."""

    def __init__(self, directory):
        self.directory = directory
        self.until = time.monotonic() + DURATION
        self.attempts = collections.Counter()

    def fight(self, name, once):
        while time.monotonic() < self.until:
            once(name)
            self.attempts[name] += 1

    def lines(self, name):
        path = self.directory / name
        return path.read_text().splitlines() if path.exists() else []


def run(command, environment):
    return subprocess.run(command, env=environment, text=True, stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=LIMIT)


def test_never_two_at_once(pair, service, sanlock, tmp_path):
    resource = pair.space.resource(1)
    place = f"{resource.name}@{resource.space.path}:{resource.offset}"
    fight = Fight(tmp_path)

    def bailiff(name, *options):
        attempt = service.command("bailiffctl", "run", *options, "space", place, "--", VISIT, tmp_path, name)
        # Whoever is in the way, here or there: the cure is to wait.
        assert attempt.returncode == 0 or (
            attempt.returncode == EXIT_RUN_FAILED and "with the option --wait" in attempt.stderr), attempt

    def sanlock_client(name):
        attempt = run([sanlock.program(), "client", "command", "-r", resource.sanlock_text,
                       "-c", VISIT, str(tmp_path), name], sanlock.environment)
        result = re.search(r"^acquire done (-\d+)$", attempt.stdout, re.MULTILINE)
        assert attempt.returncode == 0 or result and int(result[1]) in LOST, attempt

    fighters = {"bailiff": bailiff, "bailiff-waiting": lambda name: bailiff(name, "--wait"),
                "sanlock-1": sanlock_client, "sanlock-2": sanlock_client}
    with concurrent.futures.ThreadPoolExecutor(len(fighters)) as pool:
        rounds = [pool.submit(fight.fight, name, once) for name, once in fighters.items()]
        poll_until(lambda: all(each.done() for each in rounds), "the end of the fight")
    assert fight.lines("overlaps") == []
    for each in rounds:
        each.result()

    visits = [line.split(" ") for line in fight.lines("visits")]
    counts = collections.Counter(name for name, _ in visits)
    print(f"visits {dict(counts)}, attempts {dict(fight.attempts)}, last version {resource.leader().lver}")
    assert not (tmp_path / "token").exists()
    assert counts["bailiff"] + counts["bailiff-waiting"] > 0
    assert counts["sanlock-1"] + counts["sanlock-2"] > 0
    # In the order of the visits the versions grow, and none comes twice.
    versions = [int(version) for _, version in visits if version]
    assert versions == sorted(set(versions))
    assert resource.leader().lver >= len(visits)
