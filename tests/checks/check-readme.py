#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check-readme.py ROOT: each README in another language (README.CODE.md) has what README.md has: as many headings of each
level, in the same order, the same commands and transcripts (their comments may be translated), and a link both ways."""

import pathlib
import re
import sys

from findings import finish

BLOCK = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)


def levels(text):
    return [len(match[1]) for match in re.finditer(r"^(#+) ", BLOCK.sub("", text), re.MULTILINE)]


def commands(block):
    """Without the comments behind commands: those are set off by two blanks."""
    return [re.sub(r"\s{2,}# .*$", "", line) for line in block.split("\n")]


def compare(name, original, other):
    if levels(original) != levels(other):
        yield f"{name}: other headings than README.md: {levels(other)}, not {levels(original)}"
    ours, theirs = BLOCK.findall(original), BLOCK.findall(other)
    if len(ours) != len(theirs):
        yield f"{name}: {len(theirs)} blocks of code, not {len(ours)}"
    for block, translated in zip(ours, theirs):
        for line, other_line in zip(commands(block), commands(translated)):
            if line != other_line:
                yield f"{name}: '{other_line}' is '{line}' in README.md"
                break
        else:
            if len(commands(block)) != len(commands(translated)):
                yield f"{name}: a block of code has another length, behind '{commands(translated)[-2]}'"
    if f"]({name})" not in original:
        yield f"README.md: has no link to {name}"
    if "](README.md)" not in other:
        yield f"{name}: has no link to README.md"


def main():
    root = pathlib.Path(sys.argv[1])
    original = (root / "README.md").read_text()
    others = sorted(root.glob("README.*.md"))
    offences = [offence for path in others for offence in compare(path.name, original, path.read_text())]
    finish(offences, len(others), "translations of README.md")


main()
