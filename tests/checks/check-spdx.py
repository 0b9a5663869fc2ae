#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check-spdx.py ROOT: every text file of the project names its licence in one of its first lines."""

import pathlib
import re
import sys

from findings import finish, project_files, text_of

LICENCE = "LGPL-2.1-or-later"
TAG = re.compile(r"SPDX-License-Identifier:\s*([\w.+-]+)")
# As far down as an XML declaration and a document type push the line.
FIRST_LINES = 6

# The licence itself; lists and formats without comments; data; translations, whose header is gettext's own.
EXEMPT = re.compile(r"^(LICENSE|COPYING)|(^|/)\.gitignore$|\.(json|po)$|^tests/vectors/|^tests/fuzz/inputs/|^po/LINGUAS$|^VERSION$")


def main():
    root = pathlib.Path(sys.argv[1])
    offences, looked_at = [], 0
    for path in project_files(root):
        name = path.relative_to(root).as_posix()
        text = None if EXEMPT.search(name) else text_of(path)
        if not text:
            continue
        looked_at += 1
        tag = TAG.search("\n".join(text.split("\n")[:FIRST_LINES]))
        if not tag:
            offences.append(f"{name}: no SPDX-License-Identifier in its first {FIRST_LINES} lines")
        elif tag[1] != LICENCE:
            offences.append(f"{name}: its licence is {tag[1]}, not {LICENCE}")
    finish(offences, looked_at, "text files")


main()
