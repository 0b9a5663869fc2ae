#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check-exposure.py UNIT: what `systemd-analyze security` says of the built unit, from 0 (nothing can be done from
there) to 10. It is an error above 3.0, and so is a setting that it finds open without a word of why in the unit.

`security --offline` needs no running systemd.
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys

WORST = 3.0

# Settings that the analysis finds open, and a word that the unit's comments have to say of each.
REASONS = {
    "CapabilityBoundingSet": "CAP_DAC_OVERRIDE",
    "DeviceAllow": "block devices",
    "MemoryDenyWriteExecute": "MemoryDenyWriteExecute=",
    "PrivateDevices": "PrivateDevices=",
    "PrivateTmp": "PrivateTmp=",
    "PrivateUsers": "any user",
    "ProcSubset": "ProcSubset=",
    "ProtectControlGroups": "ProtectControlGroups=",
    "ProtectHome": "ProtectHome=",
    "ProtectProc": "ProtectProc=",
    "ProtectSystem": "ProtectSystem=strict",
    "RestrictAddressFamilies": "D-Bus",
    "RestrictRealtime": "RestrictRealtime=",
    "RootDirectory": "any directory",
    "SystemCallFilter": "SystemCallFilter=",
    "User": "root",
}


def analyse(unit, *arguments):
    command = ["systemd-analyze", "security", "--offline=yes", "--no-pager", *arguments, str(unit)]
    run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if run.returncode and not run.stdout:
        sys.exit(f"{' '.join(command)}: {run.stderr.strip()}")
    return run.stdout


def open_settings(unit):
    """Names of settings that count against the unit."""
    for each in json.loads(analyse(unit, "--json=short")):
        exposure = each["exposure"]
        if exposure and float(exposure) > 0:
            yield each["name"] or each["json_field"]


def find_findings(unit):
    text = unit.read_text()
    comments = " ".join(re.findall(r"^#\s*(.*)", text, re.MULTILINE))
    figure = re.search(r"exposure level for \S+: ([0-9.]+)", analyse(unit))
    if not figure:
        sys.exit("systemd-analyze named no figure")
    print(f"exposure of {unit.name}: {figure[1]} of 10 (at most {WORST})")
    if float(figure[1]) > WORST:
        yield f"the exposure is {figure[1]}, more than {WORST}: see `systemd-analyze security --offline=yes {unit}`"
    for name in sorted({re.split(r"[=/]", name)[0] for name in open_settings(unit)}):
        if name not in REASONS:
            yield f"{name} is open: close it, or give the reason in the unit (and its word here)"
        elif REASONS[name] not in comments:
            yield f"{name} is open, and no comment of the unit says why ({REASONS[name]!r} is not in one)"


def main():
    if not shutil.which("systemd-analyze"):
        print("systemd-analyze is not installed (Debian package systemd)")
        return 77
    findings = list(find_findings(pathlib.Path(sys.argv[1])))
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
