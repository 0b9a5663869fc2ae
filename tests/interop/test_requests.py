# SPDX-License-Identifier: LGPL-2.1-or-later
"""Requests between bailiff and sanlock, both ways."""

import signal

from main_loop import poll_until
from private_service import options


def request(service, pair, resource, **given):
    service.call(pair.bailiff.path, "Lockspace", "RequestResource", "(ssta{sv})", resource.name, resource.space.path,
                 resource.offset, options(**given))


def request_by_sanlock(pair, resource, force_mode):
    pair.sanlock.sanlock.run("client", "request", "-r",
                            f"{resource.sanlock_text}:{resource.leader().lver + 1}", "-f", force_mode)


def ended(process):
    poll_until(lambda: process.poll() is not None, f"the end of process {process.pid}")
    return process.returncode


def test_sanlock_tells_its_holder(service, pair):
    resource = pair.space.resource(1)
    theirs = pair.sanlock.process()
    assert theirs.acquire(resource) == 0
    request(service, pair, resource)
    assert ended(theirs.process) == -signal.SIGTERM
    assert pair.bailiff.process().acquire(resource, wait=("b", True)) == 2


def test_sanlock_kills_its_holder(service, pair):
    resource = pair.space.resource(1)
    theirs = pair.sanlock.process()
    assert theirs.acquire(resource) == 0
    request(service, pair, resource, force=("b", True))
    assert ended(theirs.process) == -signal.SIGKILL
    assert pair.bailiff.process().acquire(resource, wait=("b", True)) == 2


def test_sanlock_asks(service, pair):
    resource = pair.space.resource(1)
    ours = pair.bailiff.process()
    ours.acquire(resource)
    request_by_sanlock(pair, resource, 2)
    asked = service.wait_for_signal("ReleaseRequested", ours.path).arguments
    assert asked == (f"{pair.bailiff.path}/resources/{resource.name}", "graceful")
    assert ended(ours.process) == -signal.SIGTERM
    theirs = pair.sanlock.process()
    poll_until(lambda: theirs.acquire(resource) == 0, "the lease")
    assert theirs.version_of(resource) == 2


def test_sanlock_demands(service, pair):
    resource = pair.space.resource(2)
    ours = pair.bailiff.process()
    ours.acquire(resource)
    request_by_sanlock(pair, resource, 1)
    assert service.wait_for_signal("ReleaseRequested", ours.path).arguments[1] == "force"
    assert ended(ours.process) == -signal.SIGKILL
    theirs = pair.sanlock.process()
    poll_until(lambda: theirs.acquire(resource) == 0, "the lease")
