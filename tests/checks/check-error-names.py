#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check-error-names.py ROOT: each error of src/common/bailiff-error.c is described in the manual of the interfaces, once and in
that order, and the page on sanlock names no other; where sanlock's header is installed, that page has all its numbers."""

import pathlib
import re
import sys

from findings import finish

HEADER = pathlib.Path("/usr/include/sanlock_rv.h")
# No errors: the numbers for success, of the library and of its callers.
NO_ERRORS = {"OK", "NONE"}


def main():
    root = pathlib.Path(sys.argv[1])
    names = re.findall(r'BUS_PREFIX "(\w+)" }', (root / "src/common/bailiff-error.c").read_text())
    script = (root / "data/man/interface-manual.py").read_text()
    described = re.findall(r'^    \("(\w+)", "', script, re.MULTILINE)
    offences = [f"org.bailiff.Bailiff1(5): {name} is not described" for name in names if name not in described]
    offences += [f"org.bailiff.Bailiff1(5): {name} is no error" for name in described if name not in names]
    if not offences and described != names:
        offences.append("org.bailiff.Bailiff1(5): the errors are in another order than in bailiff-error.c")

    page = (root / "data/man/bailiff-sanlock.7.rst").read_text()
    rows = re.findall(r"^    (-2\d\d)\s+(\w+)\s+(\w+)(?=[:;,\n ])", page, re.MULTILINE)
    offences += [f"bailiff-sanlock(7): {number} has {error}, which is no error of bailiff's"
                 for number, _name, error in rows if error not in [*names, "There"]]
    if HEADER.exists():
        wanted = {(number, name) for name, number in
                  re.findall(r"^#define SANLK_(\w+)\s+(-?\d+)", HEADER.read_text(), re.MULTILINE)
                  if name not in NO_ERRORS}
        found = {(number, name) for number, name, _error in rows}
        offences += [f"bailiff-sanlock(7): {' '.join(row)} is missing" for row in sorted(wanted - found)]
        offences += [f"bailiff-sanlock(7): {' '.join(row)} is not sanlock's" for row in sorted(found - wanted)]
    else:
        print(f"{HEADER} is not installed: the numbers were not compared")
    finish(offences, len(names), "errors")


if __name__ == "__main__":
    main()
