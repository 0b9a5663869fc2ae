#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check-words.py ROOT: the project speaks of itself, not of the machine or the hours in which it was written."""

import pathlib
import re
import sys

from findings import finish, project_files, text_of

# In two pieces each, so that this file does not offend.
WORDS = [
    (r"(?<![\w.-])/wo" r"rk/", "a path of one machine"),
    (r"/tmp/(?:bui" r"ld-|bri" r"ef\b)", "a path of one machine"),
    (r"\bsub-?age" r"nts?\b", "a tool"),
    (r"\b(?:lan" r"guage mo" r"del|chat" r"gpt|clau" r"de|copi" r"lot)\b", "a tool"),
    (r"\bhou" r"se\.md\b", "a private paper"),
    (r"\bissue #?\d" r"+\b", "a number that means nothing in the tree"),
]


def main():
    root = pathlib.Path(sys.argv[1])
    rules = [(re.compile(word, re.IGNORECASE), why) for word, why in WORDS]
    offences, looked_at = [], 0
    for path in project_files(root):
        text = text_of(path)
        if text is None:
            continue
        looked_at += 1
        name = path.relative_to(root).as_posix()
        for number, line in enumerate(text.split("\n"), 1):
            offences += [f"{name}:{number}: '{match[0]}' is {why}"
                         for rule, why in rules for match in rule.finditer(line)]
    finish(offences, looked_at, "text files")


main()
