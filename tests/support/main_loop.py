# SPDX-License-Identifier: LGPL-2.1-or-later
"""Waiting for events in the tests: by GLib's main loop, never by the clock.

The limit is there only to end a test that fails. It is far above what the slowest machine needs, so that a test
which passes says nothing about speed.
"""

from gi.repository import GLib

LIMIT = 120


def wait_until(condition, what, limit=LIMIT, give_up=None):
    """Handles events until `condition()` is true, and returns its value.

    `give_up()` may return a reason why it never will be.
    """
    context = GLib.MainContext.default()
    expired = []
    timer = GLib.timeout_add(int(limit * 1000), lambda: expired.append(True))
    try:
        while True:
            value = condition()
            if value:
                return value
            reason = give_up() if give_up else None
            if reason:
                raise AssertionError(f"{reason} while waiting for {what}")
            if expired:
                raise AssertionError(f"waited {limit} s in vain for {what}")
            context.iteration(True)
    finally:
        if not expired:
            GLib.source_remove(timer)


def poll_until(condition, what, limit=LIMIT, give_up=None):
    """The same for a condition that no event announces: it is asked again and again."""
    timer = GLib.timeout_add(50, lambda: GLib.SOURCE_CONTINUE)
    try:
        return wait_until(condition, what, limit, give_up)
    finally:
        GLib.source_remove(timer)
