# SPDX-License-Identifier: LGPL-2.1-or-later
"""When events came: for tests that nothing happens before its time."""

import collections
import time

from private_service import PROPERTIES, ROOT_PATH

Event = collections.namedtuple("Event", "at_us path member arguments")


def boottime_us():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


class EventTimes:
    """All signals of a service from now on, with the time of their arrival on CLOCK_BOOTTIME. A state that was
    announced is an event ("State", (value,)) too, in its place among the signals.

    It listens to the service's one subscription: what a wait on the service has seen is an event here already. (A
    subscription of its own would be served a moment later.)
    """

    def __init__(self, service):
        self.events = []
        service.listeners.append(self.on_signal)
        self.started_us = boottime_us()

    def on_signal(self, news):
        if news.interface != PROPERTIES:
            self.events.append(Event(boottime_us(), news.path, news.member, news.arguments))
        elif "State" in news.arguments[1]:
            self.events.append(Event(boottime_us(), news.path, "State", (news.arguments[1]["State"],)))

    def of(self, path, *members):
        path = path if path.startswith("/") else f"{ROOT_PATH}/{path}"
        return [event for event in self.events if event.path == path and (not members or event.member in members)]

    def one(self, path, member, *arguments):
        """The time of the only event that begins with these arguments."""
        found = [e.at_us for e in self.of(path, member) if e.arguments[:len(arguments)] == arguments]
        assert len(found) == 1, (member, arguments, self.of(path))
        return found[0]
