#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check-potfiles.py ROOT: ROOT/po/POTFILES.in lists the sources with messages to translate, and no other: C files, and what
is merged with its translations (polkit's policy, desktop files). And what bailiffctl says is marked as a message."""

import pathlib
import re
import sys

from findings import c_files, finish, project_files, without_comments

MARK = re.compile(r"(?<!\w)(?:_|N_|C_|NC_|ngettext|g_dngettext|g_dpgettext2?)\s*\(")
MERGED = (".policy.in", ".desktop.in", ".metainfo.xml.in")
MARKED = re.compile(r"""(?<!\w)(?:_|N_|ngettext)\s*\((?:[^()"]|"(?:\\.|[^"\\])*"|\([^()"]*\))*\)""")
LITERAL = re.compile(r'"(?:\\.|[^"\\\n])*"')
# Three words in a row are a sentence's, or a command's of an example.
SENTENCE = re.compile(r"(?!.(?:bailiffctl|virsh) ).*[A-Za-z']+ [a-z']+ [a-z']+")


def has_messages(text):
    text = without_comments(text, keep_strings=False)
    return any(MARK.search(line) for line in text.split("\n") if not re.match(r"\s*#\s*define\b", line))


def main():
    root = pathlib.Path(sys.argv[1])
    potfiles = root / "po" / "POTFILES.in"
    lines = potfiles.read_text().splitlines() if potfiles.exists() else []
    listed = [name for name in (line.partition("#")[0].strip() for line in lines) if name]
    offences = [f"po/POTFILES.in: lists {name}, which does not exist"
                for name in listed if not (root / name).is_file()]
    offences += [f"po/POTFILES.in: lists {name} twice" for name in sorted(set(listed)) if listed.count(name) > 1]
    files = c_files(root / "src")
    for path in files:
        name = str(path.relative_to(root))
        marked = has_messages(path.read_text())
        if marked and name not in listed:
            offences.append(f"{name}: has messages to translate, but is not in po/POTFILES.in")
        if name in listed and not marked:
            offences.append(f"po/POTFILES.in: lists {name}, which has no message to translate")
    for path in c_files(root / "src/ctl"):
        text = without_comments(path.read_text())
        # xgettext takes what stands before it for the whole message.
        offences += [f"{path.relative_to(root)}:{text.count(chr(10), 0, match.start()) + 1}: a message has {macro[1]} in it"
                     for match in MARKED.finditer(text) if (macro := re.search(r'"\s*(PRI\w+|G_G\w+_FORMAT)', match[0]))]
        text = MARKED.sub(lambda match: "\n" * match[0].count("\n"), text)
        offences += [f"{path.relative_to(root)}:{text.count(chr(10), 0, match.start()) + 1}: {match[0]} is not marked "
                     "for translation" for match in LITERAL.finditer(text) if SENTENCE.match(match[0])]
    names = (path.relative_to(root).as_posix() for path in project_files(root))
    offences += [f"{name}: has messages to translate, but is not in po/POTFILES.in"
                 for name in names if name.endswith(MERGED) and name not in listed]
    finish(offences, len(files), "C files")


main()
