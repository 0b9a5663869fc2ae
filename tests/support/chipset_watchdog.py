# SPDX-License-Identifier: LGPL-2.1-or-later
"""A watchdog in hardware for a machine of QEMU's: the timer "TCO" that the chipset of its q35 has.

It counts down by itself, whatever becomes of the guest's kernel. That kernel has no driver for it, but one for any watchdog
that the firmware describes in the ACPI table WDAT (wdat_wdt); so this is such a table. What it describes: Intel I/O
Controller Hub 9, data sheet, TCO registers. The form: Microsoft, "Hardware Watchdog Timers Design Specification".
"""

import pathlib
import struct

# Places that QEMU's firmware chooses for the chipset: its registers of power management, and its configuration.
POWER_MANAGEMENT, CONFIGURATION = 0x600, 0xFED1C000

TCO = POWER_MANAGEMENT + 0x60
RELOAD, STATUS_2, CONTROL_1, TIMER = TCO, TCO + 0x06, TCO + 0x08, TCO + 0x12
GENERAL = CONFIGURATION + 0x3410

HALT = 1 << 11  # in CONTROL_1
RAN_DOWN_TWICE = 1 << 1  # in STATUS_2, until it is written
NO_REBOOT = 1 << 5  # in GENERAL
# It resets when it has run down twice, 0.6 s a tick.
PERIOD_MS = 2 * 600
SHORTEST, LONGEST = 4, 0x3FF

# The specification's numbers of actions, of what is done to a register for them, and of where registers are.
RESET, GET_COUNTDOWN, SET_COUNTDOWN = 1, 5, 6
GET_RUNNING, SET_RUNNING, GET_STOPPED, SET_STOPPED = 8, 9, 10, 11
GET_REBOOT, SET_REBOOT = 16, 17
GET_STATUS, SET_STATUS = 32, 33
READ_VALUE, READ_COUNTDOWN, WRITE_VALUE, WRITE_COUNTDOWN, PRESERVE = 0, 1, 2, 3, 0x80
MEMORY, IO = (0, 32, 3), (1, 16, 2)  # and their width, in bits and in a code

ENTRIES = [
    (RESET, WRITE_VALUE, IO, RELOAD, 1, 0xFFFF),
    (GET_COUNTDOWN, READ_COUNTDOWN, IO, TIMER, 0, LONGEST),
    (SET_COUNTDOWN, WRITE_COUNTDOWN | PRESERVE, IO, TIMER, 0, LONGEST),
    (GET_RUNNING, READ_VALUE, IO, CONTROL_1, 0, HALT),
    (SET_RUNNING, WRITE_VALUE | PRESERVE, IO, CONTROL_1, 0, HALT),
    (GET_STOPPED, READ_VALUE, IO, CONTROL_1, HALT, HALT),
    (SET_STOPPED, WRITE_VALUE | PRESERVE, IO, CONTROL_1, HALT, HALT),
    (GET_REBOOT, READ_VALUE, MEMORY, GENERAL, 0, NO_REBOOT),
    (SET_REBOOT, WRITE_VALUE | PRESERVE, MEMORY, GENERAL, 0, NO_REBOOT),
    (GET_STATUS, READ_VALUE, IO, STATUS_2, RAN_DOWN_TWICE, RAN_DOWN_TWICE),
    (SET_STATUS, WRITE_VALUE, IO, STATUS_2, RAN_DOWN_TWICE, RAN_DOWN_TWICE),
]
NO_PCI = (0xFF,) * 4
ENABLED = 1


def table():
    """Without the header that all ACPI tables have."""
    head = struct.pack("<IHBBB3xIIIB3xI", 32, *NO_PCI, PERIOD_MS, LONGEST, SHORTEST, ENABLED, len(ENTRIES))
    return head + b"".join(struct.pack("<BBHBBBBQII", action, how, 0, space, bits, 0, width, register, value, mask)
                           for action, how, (space, bits, width), register, value, mask in ENTRIES)


def options(directory):
    """Of QEMU: the timer may reset, and is described."""
    path = pathlib.Path(directory, "wdat")
    path.write_bytes(table())
    return ["-global", "ICH9-LPC.noreboot=off", "-action", "watchdog=reset",
            "-acpitable", f"sig=WDAT,rev=1,oem_id=BAILIF,oem_table_id=TESTS,data={path}"]
