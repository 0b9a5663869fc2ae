#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check-languages.py ROOT: each language of po/LINGUAS has every message of the sources as they are now, and no other; none
is marked as fuzzy; and each translation keeps what people type or search for: formats, options, programs, manual pages.

`./run po` brings the files up to date with the sources; what they lack then is for somebody who knows the language.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

from findings import finish

# As Meson's preset "glib" has them.
KEYWORDS = ["_", "N_", "C_:1c,2", "NC_:1c,2", "g_dcgettext:2", "g_dngettext:2,3", "g_dpgettext2:2c,3"]
FORMAT = re.compile(r"%(?:\d+\$)?[-+ #0]*[\d*]*(?:\.[\d*]+)?(?:hh|h|ll|l|z|j|t)?[diouxXeEfgGcsp%]")
# A message's beginning has a meaning: how far a line is indented, and how a column of a table is aligned.
BEGINNING = re.compile(r" *>?")
LITERAL = re.compile(r"(?<![\w-])--[a-z][a-z-]*|\b(?:bailiffctl|bailiffd|systemctl|journalctl|virsh)\b|[\w.-]+\(\d\)"
                     r"|\bSIG[A-Z]+\b|<[a-z_]+>")
FIELD = re.compile(r'(#~ )?(msgctxt|msgid_plural|msgid|msgstr(?:\[\d+\])?) "(.*)"$')


class Message:
    def __init__(self, block):
        # A text goes on in the next line after each of its newlines.
        joined = re.sub(r'"\n(?:#~ )?"', "", block)
        fields = [match for line in joined.split("\n") if (match := FIELD.match(line))]
        self.fields = {match[2]: re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t"}.get(m[1], m[1]), match[3])
                       for match in fields}
        self.obsolete = any(match[1] for match in fields)
        self.fuzzy = any(line.startswith("#,") and "fuzzy" in line for line in block.split("\n"))
        self.originals = [self.fields[name] for name in ("msgid", "msgid_plural") if name in self.fields]
        self.translations = [text for name, text in self.fields.items() if name.startswith("msgstr")]

    def key(self):
        return tuple(self.fields.get(name) for name in ("msgctxt", "msgid", "msgid_plural"))

    def show(self):
        return f"'{self.originals[0].strip()}'"


def run(*arguments, **more):
    environment = dict(os.environ, LC_ALL="C.UTF-8", LANGUAGE="C")
    return subprocess.run([str(a) for a in arguments], env=environment, text=True, stdin=subprocess.DEVNULL,
                          capture_output=True, **more)


def messages(path):
    text = run("msgcat", "--no-wrap", path, check=True).stdout
    found = [Message(block) for block in text.split("\n\n") if "msgid " in block]
    return {message.key(): message for message in found if message.fields["msgid"]}


def template(root, directory):
    path = pathlib.Path(directory) / "messages.pot"
    result = run("xgettext", "--from-code=UTF-8", "--add-comments", *(f"--keyword={word}" for word in KEYWORDS),
                 f"--directory={root}", f"--files-from={root / 'po/POTFILES.in'}", "-o", path)
    # It says so, and goes on, when it does not know a file's kind.
    if result.returncode or "unknown" in result.stderr:
        sys.exit(f"xgettext: {result.stderr}")
    return messages(path) if path.exists() else {}


def kept(message, translation):
    """What a translation has lost or changed; `message` stands for each of its originals."""
    formats = [sorted(FORMAT.findall(re.sub(r"%\d+\$", "%", original))) for original in message.originals]
    if sorted(FORMAT.findall(re.sub(r"%\d+\$", "%", translation))) not in formats:
        yield "other formats"
    original = message.originals[-1]
    if BEGINNING.match(original)[0] != BEGINNING.match(translation)[0]:
        yield "begins with other blanks or '>'"
    for word in sorted(set(LITERAL.findall(original)) - set(LITERAL.findall(translation))):
        yield f"lacks {word}"


def check_language(path, wanted):
    name = f"po/{path.name}"
    result = run("msgfmt", "--check", "-o", "/dev/null", path)
    if result.returncode:
        return [f"{name}: {line}" for line in result.stderr.splitlines()]
    offences = []
    present = messages(path)
    for key, message in present.items():
        if message.obsolete:
            offences.append(f"{name}: obsolete: {message.show()}")
        elif key not in wanted:
            offences.append(f"{name}: not in the sources: {message.show()}")
        elif message.fuzzy:
            offences.append(f"{name}: fuzzy: {message.show()}")
        elif not all(message.translations):
            offences.append(f"{name}: not translated: {message.show()}")
        else:
            offences += [f"{name}: {fault}: {message.show()}" for translation in message.translations
                         for fault in kept(message, translation)]
    return offences + [f"{name}: missing: {message.show()}" for key, message in wanted.items() if key not in present]


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    lines = (root / "po/LINGUAS").read_text().splitlines()
    languages = [word for line in lines for word in line.partition("#")[0].split()]
    files = {path.stem for path in (root / "po").glob("*.po")}
    offences = [f"po/LINGUAS: lists {name}, and there is no po/{name}.po" for name in languages if name not in files]
    offences += [f"po/LINGUAS: does not list {name}" for name in sorted(files - set(languages))]
    with tempfile.TemporaryDirectory() as directory:
        wanted = template(root, directory)
    for name in languages:
        if name in files:
            offences += check_language(root / f"po/{name}.po", wanted)
    finish(offences, len(wanted) * len(languages), "translations")


main()
