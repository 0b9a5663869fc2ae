# SPDX-License-Identifier: LGPL-2.1-or-later
"""A real polkitd on the bus of a PrivateService, with our actions and with rules that tests write.

It needs a machine of its own (tests/support/private-machine --polkit): its directories are compiled in.
"""

import json
import os
import pathlib
import shutil
import subprocess

import pytest

from main_loop import LIMIT, poll_until
from private_service import BUILD

POLKITD = "/usr/lib/polkit-1/polkitd"
ACTIONS = pathlib.Path("/usr/share/polkit-1/actions")
RULES = pathlib.Path("/etc/polkit-1/rules.d")
POLICY = BUILD / "policy/org.bailiff.policy"

# The user of private-machine, who is in the group bailiff.
TESTER = 60123

AUTHORITY = "org.freedesktop.PolicyKit1:/org/freedesktop/PolicyKit1/Authority"
AUTHORITY_INTERFACE = "org.freedesktop.PolicyKit1.Authority"


def method_table():
    """What the build has made of the annotations: {"actions": [ID...], "methods": [{...}...]}."""
    return json.loads((BUILD / "introspection/method-actions.json").read_text())


def need_private_machine():
    if os.environ.get("BAILIFF_PRIVATE_MACHINE") != "polkit":
        pytest.skip("only within tests/support/private-machine --polkit")


class RealPolkit:
    def __init__(self, service):
        self.service = service
        self.install_actions()
        self.log = open("/run/polkitd.log", "wb")
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen([POLKITD, "--no-debug"], stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=self.log,
                                        env=dict(os.environ, DBUS_SYSTEM_BUS_ADDRESS=self.service.address))
        poll_until(self.is_there, "polkit on the bus",
                   give_up=lambda: self.process.poll() is not None and pathlib.Path("/run/polkitd.log").read_text())

    def is_there(self):
        return self.service.call("org.freedesktop.DBus:/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner",
                                 "(s)", "org.freedesktop.PolicyKit1")

    def end(self):
        self.process.terminate()
        self.process.wait(LIMIT)
        poll_until(lambda: not self.is_there(), "the end of polkit")

    def install_actions(self):
        made = shutil.copy(POLICY, ACTIONS / "new")
        os.chmod(made, 0o644)
        os.rename(made, ACTIONS / POLICY.name)

    def known_actions(self):
        return [action[0] for action in self.service.call(AUTHORITY, AUTHORITY_INTERFACE, "EnumerateActions", "(s)", "C")]

    def forget_actions(self):
        (ACTIONS / POLICY.name).unlink()
        poll_until(lambda: not any(action.startswith("org.bailiff.") for action in self.known_actions()),
                   "polkit to see that the actions are gone")

    def write_rules(self, text):
        """In the place of the rules that there are; returns when they count."""
        # polkit says twice that a file has come: what it still has to say of the one before is said before this answer.
        self.known_actions()
        changes = []
        watch = self.service.connection.signal_subscribe(
            None, AUTHORITY_INTERFACE, "Changed", None, None, 0, lambda *_arguments: changes.append(1))
        try:
            # polkit looks at whatever changes in there; what it may see is the whole file.
            made = RULES.parent / "rules.new"
            made.write_text(text)
            os.chmod(made, 0o644)
            made.rename(RULES / "10-test.rules")
            self.service.wait_until(lambda: changes, "polkit's word that its rules have changed")
        finally:
            self.service.connection.signal_unsubscribe(watch)

    def allow(self, *actions):
        """These of ours are allowed to everybody, and no others."""
        self.write_rules("polkit.addRule(function(action, subject) {\n"
                         "    if (action.id.indexOf('org.bailiff.') == 0)\n"
                         f"        return {json.dumps(list(actions))}.indexOf(action.id) >= 0\n"
                         "            ? polkit.Result.YES : polkit.Result.NO;\n"
                         "});\n")

    def stop(self):
        if self.process.poll() is None:
            self.end()
        for path in RULES.iterdir():
            path.unlink()
        self.log.close()
