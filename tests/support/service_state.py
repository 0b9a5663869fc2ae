# SPDX-License-Identifier: LGPL-2.1-or-later
"""What systemd and bailiffctl say of a bailiffd in a guest (virtual_machine)."""

import json


def show(guest, unit, *names):
    """Properties of a unit, by name."""
    lines = guest.out(f"systemctl show {unit} -p {','.join(names)}").splitlines()
    return dict(line.split("=", 1) for line in lines)


def main_pid(guest, unit="bailiffd"):
    return int(show(guest, unit, "MainPID")["MainPID"])


def kept(guest):
    """How many descriptors systemd keeps for it."""
    return int(show(guest, "bailiffd", "NFileDescriptorStore")["NFileDescriptorStore"])


def status(guest):
    return json.loads(guest.out("bailiffctl status --json"))


def held(guest):
    """{resource: (state, version, registration)}, [(kind, name, state, pid, resources)]"""
    now = status(guest)
    resources = {r["Name"]: (r["State"], r["Version"], r["Registration"])
                 for space in now["Lockspaces"] for r in space["Resources"]}
    return resources, sorted((r["Kind"], r["Name"], r["State"], r["Pid"], r["Resources"]) for r in now["Registrations"])
