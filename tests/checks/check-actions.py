#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check-actions.py ROOT: every method names its polkit action; every action exists, is used, and says what it means.

Which action is the right one nobody can check; that none was forgotten can be.
"""

import importlib.util
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree

from findings import finish


def load_reader(root):
    """The generator's own reading, so that what is checked is what is built."""
    path = pathlib.Path(__file__).resolve().parents[2] / "introspection" / "method-actions.py"
    spec = importlib.util.spec_from_file_location("method_actions", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def offences_of_method(name, method, actions):
    where = f"{name}: {method['method']}"
    action = method["action"]
    if not action:
        yield f"{where} has no annotation org.bailiff.PolkitAction"
    elif action.startswith("none"):
        if not re.match(r"none: \S+ \S+", action):
            yield f"{where} needs no action, but does not say why (none: REASON)"
        if method["others"] or method["options"]:
            yield f"{where} needs no action and names one"
    for used in [action, method["others"], *method["options"].values()]:
        if used and not used.startswith("none") and used not in actions:
            yield f"{where} names the action {used}, which the policy file does not have"


def offences_of_policy(name, policy, code):
    for action in ElementTree.parse(policy).getroot().iter("action"):
        which = action.get("id")
        for part in ("description", "message"):
            if not (action.findtext(part) or "").strip():
                yield f"{name}: {which} has no {part}"
        if which not in code:
            yield f"{name}: no method asks for {which}"


def actions_in_code(root, reader, actions):
    """Those that depend on more than a method's name, its options and whose the thing is."""
    text = "\n".join(path.read_text() for path in sorted((root / "src" / "dbus").glob("*.c")))
    return {action for action in actions if re.search(rf"\b{reader.constant(action)}\b", text)}


def main():
    root = pathlib.Path(sys.argv[1])
    reader = load_reader(root)
    policy = root / "policy" / "org.bailiff.policy.in"
    actions = reader.read_actions(policy)
    used = actions_in_code(root, reader, actions)
    offences, looked_at = [], 0
    for path in sorted((root / "introspection").glob("*.xml")):
        for method in reader.read_methods(path):
            looked_at += 1
            offences += offences_of_method(path.name, method, actions)
            used.update(v for v in [method["action"], method["others"], *method["options"].values()] if v)
    offences += offences_of_policy(policy.name, policy, used)
    finish(offences, looked_at, "methods")


main()
