#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check-test-lists.py ROOT: every test file of ROOT/tests is named in a meson.build, so that it is run, and no two tests
of a Python file have one name, of which only the second would run.
"""

import collections
import pathlib
import re
import sys

from findings import finish

# Folder, files, the meson.build that lists their names without "test-" and suffix.
LISTS = [
    ("unit", "test-*.c", "unit/meson.build"),
    ("bus", "test_*.py", "meson.build"),
    ("install", "test_*.py", "meson.build"),
    ("interop", "test_*.py", "meson.build"),
    ("polkit", "test_*.py", "meson.build"),
    ("libvirt", "test_*.py", "meson.build"),
    ("vm", "test_*.py", "meson.build"),
]


def names_in(text, suite):
    """The quoted names of a meson.build; of one suite where it has a list of its own."""
    text = re.sub(r"#.*", "", text)
    own = re.search(rf"'{suite}':\s*\[(.*?)\]", text, re.DOTALL)
    return set(re.findall(r"'([^'\n]*)'", own[1] if own else text))


def doubled_names(text):
    counts = collections.Counter(re.findall(r"^(?:async )?def (test_\w+)", text, re.MULTILINE))
    return [name for name, count in counts.items() if count > 1]


def main():
    tests = pathlib.Path(sys.argv[1]) / "tests"
    offences, looked_at = [], 0
    for folder, pattern, listing in LISTS:
        path = tests / listing
        listed = names_in(path.read_text(), folder) if path.exists() else set()
        for file in sorted((tests / folder).glob(pattern)):
            looked_at += 1
            if file.stem[len("test-"):] not in listed:
                offences.append(f"tests/{folder}/{file.name}: is not listed in tests/{listing}, so nobody runs it")
            if file.suffix == ".py":
                offences += [f"tests/{folder}/{file.name}: {name}() is there twice, and only the last one runs"
                             for name in doubled_names(file.read_text())]
    finish(offences, looked_at, "test files")


main()
