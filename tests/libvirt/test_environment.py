# SPDX-License-Identifier: LGPL-2.1-or-later
"""The environment itself: that it is real, that it is private, and that a guest's life shows on its disk."""

import glob
import os

from main_loop import poll_until
from real_libvirt import OFF, PAUSED, RUNNING


def test_nothing_of_the_machine_is_in_reach(libvirt):
    for directory in "/run", "/etc/libvirt", "/var/lib/libvirt", "/var/log/libvirt":
        assert os.path.ismount(directory)
    # The package has more of them.
    assert sorted(os.path.basename(each) for each in glob.glob("/etc/libvirt/*.conf")) == ["libvirtd.conf", "qemu.conf"]
    assert libvirt.virsh("list", "--all", "--name").stdout.strip() == ""
    assert libvirt.virsh("net-list", "--all", "--name").stdout.strip() == ""


def test_a_guest_shows_that_it_lives(make_guest, libvirt):
    guest, witness = make_guest("guest"), make_guest("witness")
    assert (guest.state, guest.pid, guest.beats) == (OFF, None, 0)
    guest.start()
    witness.start()
    guest.wait_for_beats(3)
    assert guest.state == RUNNING
    assert os.path.basename(os.readlink(f"/proc/{guest.pid}/exe")).startswith("qemu-system-")
    # When the call has returned, the last write is done.
    guest.call("Suspend")
    beats = guest.beats
    witness.wait_for_beats(10)
    assert (guest.state, guest.beats) == (PAUSED, beats)
    guest.call("Resume")
    guest.wait_for_beats()
    guest.call("Destroy", "(u)", 0)
    assert guest.state == OFF
    beats = guest.beats
    witness.wait_for_beats(10)
    assert guest.beats == beats
    # The counter goes on where it stood.
    guest.start()
    assert guest.wait_for_beats() > beats


def test_a_killed_guest_is_noticed_at_once(make_guest, libvirt):
    """Process 1 of this machine reaps; libvirt would wait for it else."""
    guest = make_guest("guest")
    guest.start()
    os.kill(guest.pid, 9)
    guest.wait_for_state(OFF)
    poll_until(lambda: guest.pid is None, "the end of its pid file")


def test_events_arrive(make_guest, libvirt):
    seen = []
    libvirt.service.connection.signal_subscribe(
        "org.libvirt", "org.libvirt.Connect", "DomainEvent", None, None, 0,
        lambda *arguments: seen.append(arguments[5].unpack()))
    libvirt.connect("ListDomains", "(u)", 0)
    guest = make_guest("guest")
    guest.start()
    guest.call("Suspend")
    wanted = guest.path.partition(":")[2]
    libvirt.service.wait_until(lambda: (wanted, 3, 0) in seen, "the event of the pause")
    assert (wanted, 2, 0) in seen
