# SPDX-License-Identifier: LGPL-2.1-or-later
"""A host that is really reset: somebody who uses a lost lease cannot even be killed. The tests go on from each other.

The watchdog is wdmd's, which tests every ten seconds and in whole seconds when the leases are not renewed any more.
test_takeover.py has one that is bailiffd's own.
"""

from guest_watchdog import dog, join_with_softdog, run_in_unit, set_space, wait_lockspace
from service_state import held, status

SECOND = 1_000_000

# Seconds after the fail deadline (watchdog/watchdog-wdmd.c): the watchdog may reset this host, and has to have done it.
EARLIEST, FREE = 50, 60
# What it takes because wdmd counts whole seconds, and because a busy machine makes its test late.
ROUNDED, SLACK = 1, 5


def test_who_cannot_be_killed_has_the_host_reset(guest):
    """Between the last kill and the moment from which on other hosts may take the lease."""
    join_with_softdog(guest, "wdmd")
    assert "wdmd" in guest.out("bailiffctl status")
    run_in_unit(guest, "stuck", "dd", "if=/dev/mapper/stuck", "of=/dev/null", "iflag=direct", "bs=4096", "count=1")
    guest.wait_until("ps -C dd -o state= | grep -q D")
    earliest_zero, latest_zero = guest.clock_zero()
    set_space(guest, "error")
    wait_lockspace(guest, "failing")
    now = status(guest)
    assert now["Manager"]["WatchdogState"] == "firing"
    fail = now["Lockspaces"][0]["FailAtUsec"] / SECOND
    assert "RESET" not in guest.look()
    when, event = guest.wait_event("RESET")
    assert event["data"] == {"guest": True, "reason": "guest-reset"}
    assert when - latest_zero >= fail + EARLIEST - ROUNDED
    assert when - earliest_zero <= fail + FREE + SLACK
    assert "softdog: Initiating system reboot" in guest.console()


def test_after_the_reset_it_is_back(guest):
    """bailiffd starts with the host and joins, as its record says. Nobody uses the lease."""
    guest.wait_up()
    guest.run("systemctl is-system-running --wait")
    wait_lockspace(guest, "held")
    assert dog(guest, "state") == "active"
    assert not held(guest)[0]
    # What led to it is told on the host that was reset.
    assert "the host was reset, before this had ended" in guest.out("bailiffctl incident last")
    assert "passed over" not in guest.out("journalctl -b -u bailiffd -o cat")
    run_in_unit(guest, "next", "sleep", "infinity")
    assert held(guest)[0]["thing"][:2] == ("held", 2)
