#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check-bus-policy.py ROOT: data/org.bailiff.Bailiff1.conf denies what it does not name, and names each method of the
interfaces once. Everybody may call them: what a caller may do is a question that the daemon asks polkit."""

import pathlib
import sys
import xml.etree.ElementTree as ElementTree

NAME = "org.bailiff.Bailiff1"
READING = {
    ("org.freedesktop.DBus.Properties", "Get"),
    ("org.freedesktop.DBus.Properties", "GetAll"),
    ("org.freedesktop.DBus.ObjectManager", "GetManagedObjects"),
    ("org.freedesktop.DBus.Introspectable", "Introspect"),
    ("org.freedesktop.DBus.Peer", "Ping"),
    ("org.freedesktop.DBus.Peer", "GetMachineId"),
}


def methods_of(folder):
    """(interface, method), and for writable properties what writes them."""
    for path in sorted(folder.glob("*.xml")):
        for interface in ElementTree.parse(path).iter("interface"):
            for method in interface.iter("method"):
                yield interface.get("name"), method.get("name")
            if any("write" in each.get("access", "") for each in interface.iter("property")):
                yield "org.freedesktop.DBus.Properties", "Set"


def allowed(policy, findings):
    rules = []
    for rule in policy.iter("allow"):
        if rule.get("own"):
            continue
        words = set(rule.keys())
        if rule.get("send_destination") != NAME or words != {"send_destination", "send_interface", "send_member"}:
            findings.append(f"a rule that does not name destination, interface and member: {dict(rule.attrib)}")
        rules.append((rule.get("send_interface"), rule.get("send_member")))
    findings.extend(f"{'.'.join(map(str, rule))} is named twice" for rule in sorted(set(rules)) if rules.count(rule) > 1)
    return set(rules)


def find_findings(root):
    findings = []
    policies = {tuple(sorted(policy.attrib.items())): policy
                for policy in ElementTree.parse(root / "data" / f"{NAME}.conf").iter("policy")}
    everybody = policies.pop((("context", "default"),), None)
    administrator = policies.pop((("user", "root"),), None)
    if everybody is None or administrator is None:
        return ["there is no policy for everybody, or none for root"]
    findings.extend(f"a policy for {dict(who)} that this check knows nothing of" for who in policies)
    denied = [rule.attrib for rule in everybody.iter("deny")]
    # Calls only: a broadcast signal of somebody else's has bailiffd as its destination, too.
    for rule in ({"own": NAME}, {"send_destination": NAME, "send_type": "method_call"}):
        if rule not in denied:
            findings.append(f"not denied to everybody: {rule}")
    if {"send_destination": NAME} in denied:
        findings.append("signals of systemd and libvirt are denied to the daemon")
    if everybody[0].tag != "deny":
        findings.append("the rules for everybody do not begin with what is denied")
    methods, named = set(methods_of(root / "introspection")), allowed(everybody, findings)
    findings.extend(f"nobody may call {'.'.join(each)}: name it in data/{NAME}.conf"
                    for each in sorted((methods | READING) - named))
    findings.extend(f"data/{NAME}.conf names {'.'.join(each)}, which there is not"
                    for each in sorted(named - methods - READING))
    findings.extend(f"root may call {'.'.join(each)}, and others may not" for each in sorted(allowed(administrator, findings)))
    return findings


def main():
    findings = find_findings(pathlib.Path(sys.argv[1]))
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
