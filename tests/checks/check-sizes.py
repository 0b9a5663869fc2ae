#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check-sizes.py ROOT: warns of C files over 600 lines and functions over 60; refuses 1000 and 120.

Longer ones stand in tests/checks/size-exceptions, each with its reason. Functions are found by braces, roughly: the
first branch of an #if counts, the others do not.
"""

import pathlib
import re
import sys

from findings import c_files, finish, without_comments

FILE_WARN, FILE_REFUSE = 600, 1000
FUNCTION_WARN, FUNCTION_REFUSE = 60, 120


def without_preprocessor(text):
    """Blanks directives and all branches of a condition but the first."""
    lines, depth, skipping, continued = [], 0, None, False
    for line in text.split("\n"):
        directive = re.match(r"\s*#\s*(\w+)", line)
        if continued:
            continued = line.rstrip().endswith("\\")
            lines.append("")
            continue
        if directive:
            word = directive[1]
            if word.startswith("if"):
                depth += 1
            elif word in ("else", "elif") and skipping is None:
                skipping = depth
            elif word == "endif":
                if skipping == depth:
                    skipping = None
                depth -= 1
            continued = line.rstrip().endswith("\\")
        lines.append("" if directive or skipping is not None else line)
    return "\n".join(lines)


def name_before_body(head):
    """(name, place of the name) if this text before a brace is the head of a function, else None."""
    head = re.sub(r"\bG_GNUC_\w+(\s*\([^()]*\))?", lambda m: " " * len(m[0]), head)
    if not head.rstrip().endswith(")"):
        return None
    depth, found = 0, None
    for match in re.finditer(r"(\w+)?\s*\(|\)", head):
        if match[0].endswith("("):
            if depth == 0 and match[1]:
                found = match[1], match.start()
            depth += 1
        else:
            depth -= 1
    return found


def functions(text):
    """(name, first line, lines) of each function."""
    text = without_preprocessor(without_comments(text, keep_strings=False))
    depth = start = 0
    current = None
    for match in re.finditer(r"[{};]", text):
        mark, place = match[0], match.start()
        if mark == "{":
            if depth == 0:
                found = name_before_body(text[start:place])
                current = (found[0], start + found[1]) if found else None
            depth += 1
        elif mark == "}":
            depth -= 1
            if depth == 0:
                if current:
                    first = text.count("\n", 0, current[1]) + 1
                    yield current[0], first, text.count("\n", 0, place) + 2 - first
                start, current = place + 1, None
        elif depth == 0:
            start = place + 1


def read_exceptions(path):
    exceptions, offences = {}, []
    for number, line in enumerate(path.read_text().splitlines() if path.exists() else [], 1):
        words = line.partition("#")[0].split(None, 1)
        if len(words) == 1:
            offences.append(f"{path.name}:{number}: {words[0]} has no reason")
        elif words:
            exceptions[words[0]] = words[1]
    return exceptions, offences


def main():
    root = pathlib.Path(sys.argv[1])
    exceptions, offences = read_exceptions(root / "tests" / "checks" / "size-exceptions")
    used = set()

    def judge(name, where, lines, warn, refuse):
        if lines <= warn:
            return
        if name in exceptions:
            used.add(name)
        elif lines > refuse:
            offences.append(f"{where}: {lines} lines, more than {refuse} (see tests/checks/size-exceptions)")
        else:
            print(f"warning: {where}: {lines} lines, more than {warn}")

    files = c_files(root / "src") + c_files(root / "tests")
    for path in files:
        name, text = str(path.relative_to(root)), path.read_text()
        judge(name, name, text.count("\n"), FILE_WARN, FILE_REFUSE)
        for function, line, lines in functions(text):
            judge(f"{name}:{function}", f"{name}:{line}: {function}", lines, FUNCTION_WARN, FUNCTION_REFUSE)
    offences += [f"size-exceptions: {name} is not too long, or not there" for name in sorted(set(exceptions) - used)]
    finish(offences, len(files), "C files")


main()
