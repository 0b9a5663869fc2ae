# SPDX-License-Identifier: LGPL-2.1-or-later
"""Stop() by force, called by a user who is not root: it needs both of its actions, and with them it ends the daemon."""

from lease_calls import acquire, format_lockspace, format_resource, join, lease, register
from main_loop import LIMIT

BY_FORCE = ("Manager", "Manager", "Stop", "({'force': <true>},)")


def test_by_force(polkit, daemon, make_user, storage, worker):
    format_lockspace(daemon, storage)
    format_resource(daemon, storage)
    join(daemon, storage)
    acquire(daemon, register(daemon, worker), lease(storage))
    polkit.allow("org.bailiff.use-leases")
    nobody = make_user("nobody")
    for allowed, missing in (("manage-daemon", "give-up-safety"), ("give-up-safety", "manage-daemon")):
        polkit.allow(f"org.bailiff.{allowed}")
        outcome = nobody.call(*BY_FORCE)
        assert outcome.error == "org.bailiff.Error.NotAuthorized" and missing in outcome.message, outcome
    assert worker.poll() is None
    daemon.daemon.expected_to_end = True
    polkit.allow("org.bailiff.manage-daemon", "org.bailiff.give-up-safety")
    assert nobody.call(*BY_FORCE).error is None
    assert worker.wait(LIMIT) != 0
    daemon.wait_until(lambda: daemon.daemon.ended, "the end of bailiffd")
