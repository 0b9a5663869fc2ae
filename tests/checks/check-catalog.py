#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check-catalog.py ROOT: each notable message of src/common/log-message.c has an id of its own, an entry in
data/bailiff.catalog and a place that says it; the daemon logs in no other way, and no bare error number; where
journalctl is installed it reads the catalog."""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from findings import c_files, finish, without_comments

TABLE = "src/common/log-message.c"
CATALOG = "data/bailiff.catalog"
ROW = re.compile(r'\[(MESSAGE_\w+)\]\s*=\s*\{\s*"([^"]*)",\s*"([^"]*)",\s*LOG_(\w+)\s*(?:,\s*TRUE\s*)?\}')
HEADERS = ("Subject", "Defined-By", "Documentation")
# Front ends of their own, which talk to a person.
NO_DAEMON = {"ctl"}


def read_table(root, offences):
    """{constant: (name, id)}"""
    rows = ROW.findall((root / TABLE).read_text())
    for constant, name, number, _priority in rows:
        if constant != "MESSAGE_" + name.upper().replace("-", "_"):
            offences.append(f"{TABLE}: {constant} is named {name}")
        if not re.fullmatch(r"[0-9a-f]{32}", number):
            offences.append(f"{TABLE}: the id of {name} is no 32 hex digits")
    for what, values in ("id", [row[2] for row in rows]), ("name", [row[1] for row in rows]):
        offences += [f"{TABLE}: the {what} {each} is there twice" for each in sorted(set(values)) if values.count(each) > 1]
    return {constant: (name, number) for constant, name, number, _priority in rows}


def read_catalog(root, offences):
    """[(name, id, headers, text)]; the name is the comment before the entry."""
    found = []
    parts = re.split(r"^(?:# (\S*)\n)?-- (.*)\n", (root / CATALOG).read_text(), flags=re.MULTILINE)
    for name, number, entry in zip(parts[1::3], parts[2::3], parts[3::3]):
        head, _, text = entry.partition("\n\n")
        headers = dict(line.partition(": ")[::2] for line in head.splitlines())
        found.append((name, number, headers, text))
        where = f"{CATALOG}: {name or number}"
        offences += [f"{where} has no {header}:" for header in HEADERS if not headers.get(header)]
        if not text.strip():
            offences.append(f"{where} explains nothing")
    return found


def compare(table, catalog, fields):
    wanted, found = set(table.values()), [(name, number) for name, number, _headers, _text in catalog]
    yield from (f"{CATALOG}: {name} ({number}) has no entry" for name, number in sorted(wanted - set(found)))
    yield from (f"{CATALOG}: {name} ({number}) is no message" for name, number in sorted(set(found) - wanted, key=str))
    yield from (f"{CATALOG}: {name} has two entries" for name, number in sorted(set(found), key=str)
                if found.count((name, number)) > 1)
    for name, _number, headers, text in catalog:
        for field in re.findall(r"@(\w+)@", headers.get("Subject", "") + text):
            if field not in fields:
                yield f"{CATALOG}: {name} shows the field {field}, which no line has"


def look_at_code(root, table):
    used = set()
    for path in c_files(root / "src"):
        code = without_comments(path.read_text(), keep_strings=False)
        name = path.relative_to(root)
        if str(name) not in (TABLE, TABLE[:-1] + "h"):
            used.update(re.findall(r"\bMESSAGE_[A-Z_]+\b", code))
        if name.parts[1] in NO_DAEMON:
            continue
        for match in re.finditer(r"\bg_(warning|message|info|debug|critical|log|log_structured)\s*\(", code):
            line = code.count("\n", 0, match.start()) + 1
            yield f"{name}:{line}: g_{match[1]}() is no line with fields: log_message() or log_line()"
        for match in re.finditer(r"\blog_(?:message|line)\s*\(.*?\);", code, re.DOTALL):
            if re.search(r"\berrno\b", match[0].replace("g_strerror(errno)", "")):
                line = code.count("\n", 0, match.start()) + 1
                yield f"{name}:{line}: a bare error number is logged: g_strerror(errno)"
    yield from (f"{TABLE}: nothing says {table[constant][0]}" for constant in sorted(set(table) - used))


def ask_journalctl(root, catalog):
    if not shutil.which("journalctl"):
        print("journalctl is not installed: it has not read the catalog")
        return
    with tempfile.TemporaryDirectory(prefix="catalog.") as place:
        folder = pathlib.Path(place, "usr/lib/systemd/catalog")
        folder.mkdir(parents=True)
        shutil.copy(root / CATALOG, folder)
        for verb in "--update-catalog", "--list-catalog":
            said = subprocess.run(["journalctl", "--root", place, verb], text=True, capture_output=True)
            if said.returncode or said.stderr:
                yield f"journalctl {verb}: {said.stderr.strip()}"
                return
        listed = {line.split(" ", 1)[0]: line for line in said.stdout.splitlines()}
        for name, number, headers, _text in catalog:
            if headers.get("Subject", "") not in listed.get(number, ""):
                yield f"journalctl does not list {name} ({number})"


def main():
    root = pathlib.Path(sys.argv[1])
    offences = []
    table, catalog = read_table(root, offences), read_catalog(root, offences)
    fields = set(re.findall(r'add(?:_number)?\(fields, "(\w+)"', (root / TABLE).read_text()))
    offences += compare(table, catalog, fields)
    offences += look_at_code(root, table)
    if not offences:
        offences += ask_journalctl(root, catalog)
    finish(offences, len(table), "messages")


if __name__ == "__main__":
    main()
