# SPDX-License-Identifier: LGPL-2.1-or-later
"""Guests and their leases: what a test of domains asks bailiffd for."""

from lease_calls import MIB, format_lockspace, format_resource, join, wait_by_asking
from private_service import BUS_NAME, options

SPACE = "lockspaces/space"
# Resources r1, r2, ... at as many MiB.
PLACES = range(1, 9)


def lease_of(path, number, lockspace="space"):
    """For a <lease> device: resource r<number> of the storage at `path`."""
    return lockspace, f"r{number}", path, number * MIB


def registrations(service):
    """{path: properties}"""
    return {path: interfaces[f"{BUS_NAME}.Registration"] for path, interfaces in service.objects().items()
            if f"{BUS_NAME}.Registration" in interfaces}


def registration_of(service, guest):
    """(path, properties) of the registration of a guest, None when it has none."""
    return next(((path, properties) for path, properties in registrations(service).items()
                 if properties["Domain"] == guest.uuid), None)


def wait_unregistered(service, guest):
    wait_by_asking(service, lambda: registration_of(service, guest) is None, f"the end of {guest.name}'s registration")


def register_domain(service, guest, **given):
    return service.call("Manager", "Manager", "RegisterDomain", "(sa{sv})", guest.uuid, options(**given))


def join_space(service, path, host_id=1, offset=0):
    """A lockspace at `offset` of a file, with resources r1, r2, ... behind it."""
    format_lockspace(service, path, offset)
    for number in PLACES:
        if offset + number * MIB < 16 * MIB:
            format_resource(service, path, offset + number * MIB, f"r{number}")
    join(service, path, host_id, offset)


def lose(service, hanging_storage):
    """The storage hangs until the lockspace is failing; the time at which it was to."""
    hanging_storage.hang(limit=90)
    service.wait_for_property(SPACE, "Lockspace", "State", "late")
    at = service.property(SPACE, "Lockspace", "FailAtUsec")
    service.wait_for_property(SPACE, "Lockspace", "State", lambda state: state in ("failing", "lost"))
    return at


def start_all(*guests):
    for guest in guests:
        guest.start()
    for guest in guests:
        guest.wait_for_beats()


def forget_domains(service):
    """They are gone, and what waits to be started again is not."""
    for path, properties in registrations(service).items():
        if properties["Kind"] == "domain":
            service.call(path, "Registration", "Unregister", "(a{sv})", options(force=("b", True)))


class Harmless:
    """The beats that guests had when they were said to be harmless: none may follow. `guests`: {path: guest}"""

    def __init__(self, service, guests):
        self.guests = guests
        self.beats = {}
        service.listeners.append(self.on_signal)

    def on_signal(self, news):
        guest = self.guests.get(news.path)
        if news.member == "Cleared" and guest:
            self.beats[guest] = guest.beats

    def check(self, witness):
        """A guest that runs says when enough time has passed."""
        witness.wait_for_beats(20)
        assert len(self.beats) == len(self.guests)
        for guest, beats in self.beats.items():
            assert guest.beats == beats, guest.name
