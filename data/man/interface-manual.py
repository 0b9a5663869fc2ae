#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""interface-manual.py XML...: the manual org.bailiff.Bailiff1(5) as reStructuredText, from the introspection XML.

gdbus-codegen can write reStructuredText, too, but loses what an administrator needs: the polkit actions, which
properties announce their changes, and documentation of an argument that has more than one line.
"""

import re
import sys
import textwrap
import xml.etree.ElementTree as ElementTree

ACTION = "org.bailiff.PolkitAction"
CHANGES = "org.freedesktop.DBus.Property.EmitsChangedSignal"
CHANGES_TEXT = {"true": "its changes are announced", "const": "it never changes",
                "false": "changes are not announced", "invalidates": "changes are announced without the value"}
# What is written where in the comments: constants of the language, and methods with their parentheses.
LITERALS = re.compile(r"(?<![\w*])(/org/bailiff/\S+?|[A-Z]\w+(?:\.[A-Z]\w+)?\(\)|org\.bailiff\.[\w.]+\w)(?=[\s.,;:)]|$)")

HEAD = """\
.. SPDX-License-Identifier: LGPL-2.1-or-later

====================
org.bailiff.Bailiff1
====================

--------------------------------------
D-Bus interfaces of bailiffd
--------------------------------------

:Manual section: 5
:Manual group: bailiff

DESCRIPTION
===========

**bailiffd**\\ (8) has the name **org.bailiff.Bailiff1** on the system bus. ``/org/bailiff/Bailiff1`` has
**org.freedesktop.DBus.ObjectManager**, which tells of all objects below it: ask it once, and follow its signals.
How all of this is called from a shell is in **bailiffd**\\ (8), with **busctl**\\ (1).

Of each member the signature is shown, with the types of D-Bus: **s** text, **b** truth, **u** and **t** whole numbers of
32 and 64 bits, **i** a signed one, **h** a file descriptor, **o** an object, **a** an array, **a{sv}** a dictionary.
"""

POLKIT = """\
Behind **polkit:** is the action that a caller needs, see **polkit**\\ (8); *option* tells what more it takes to give that
option, *others* what it takes when it is about somebody else's registration.
"""

FOOT = """\
ERRORS
======

{errors}

SEE ALSO
========

**bailiff-failure-policy**\\ (7), **bailiff-sanlock**\\ (7), **bailiffctl**\\ (1), **bailiffd**\\ (8), **busctl**\\ (1), **polkit**\\ (8)
"""

# In the order of src/common/bailiff-error.c; tests/checks/check-error-names.py compares.
ERRORS = [
    ("InvalidArgument", "What was given is wrong in itself: a name, a number, an unknown option."),
    ("NotFound", "There is nothing of that name, or nothing at that place."),
    ("AlreadyExists", "Something is there already, and was not touched."),
    ("NotAuthorized", "This user may not do it, or polkit did not say in time that he may."),
    ("NotJoined", "The lockspace has to be joined first, and held."),
    ("Held", "Another host or registration has the lease; the text names it and its state."),
    ("HostIdBusy", "Another host has the host id, and is alive or may be."),
    ("HostIdConflict", "Somebody else wrote the host lease of this host."),
    ("Corrupt", "What is on the storage is damaged, or something else than was expected."),
    ("Unsupported", "It is of a version or kind that bailiff does not know, or this host cannot do it."),
    ("IoTimeout", "The storage did not answer in time. What was written may be on it, or come later."),
    ("IoError", "The storage, or a file, gave an error."),
    ("PolicyTooLong", "The failure policy would not be through before other hosts may take over."),
    ("Busy", "It cannot be done now, and can be later."),
    ("Lost", "The lease on the lockspace is lost, or too old to act on."),
]


def inline(text):
    text = re.sub(r"([\\*`|])", r"\\\1", text)
    text = re.sub(r"(\w)_(?=\W|$)", r"\1\\_", text)
    return LITERALS.sub(r"**\1**", text)


def paragraphs(text):
    """Paragraphs as they stand; what is indented in the comment is shown as it is."""
    blocks = []
    for block in re.split(r"\n\s*\n", textwrap.dedent(text).strip("\n")):
        if block.strip():
            blocks.append("::\n\n" + textwrap.indent(textwrap.dedent(block), "    ") if block.startswith("  ")
                          else inline(re.sub(r"\s*\n\s*", " ", block.strip())))
    return "\n\n".join(blocks)


class Comment:
    """`Name: text`, then `@argument: text` whose further lines are indented, then the body."""

    def __init__(self, text):
        first, _, rest = text.strip().partition("\n")
        name, _, said = first.strip().partition(":")
        self.name, self.arguments, self.said = name, {}, said.strip()
        lines = textwrap.dedent(rest).split("\n")
        current = None
        while lines:
            match = re.match(r"@([\w-]+):\s*(.*)", lines[0])
            if match:
                current = match[1]
                self.arguments[current] = match[2]
            elif current and lines[0].startswith("  "):
                self.arguments[current] += " " + lines[0].strip()
            else:
                break
            lines.pop(0)
        body = "\n".join(lines)
        if self.said and lines and lines[0].strip():
            # A sentence that began behind the name goes on.
            self.said, body = "", self.said + "\n" + body
        self.body = "\n\n".join(part for part in (inline(self.said), paragraphs(body)) if part)


def annotations(element):
    return {a.get("name"): a.get("value") for a in element.findall("annotation")}


def polkit_line(element):
    known = annotations(element)
    parts = [known[ACTION]] if ACTION in known else []
    for name, value in sorted(known.items()):
        if name.startswith(ACTION + "."):
            what = name[len(ACTION) + 1:].split(".")
            label = "others" if what[0] == "Others" else " ".join(part.lower() for part in what)
            parts.append(f"*{inline(label)}* {value}")
    return f"    polkit: {', '.join(parts)}\n" if parts else ""


def arguments_text(element, comment):
    lines = []
    for argument in element.findall("arg"):
        name = argument.get("name")
        text = comment.arguments.get(name, "")
        arrow = "-> " if element.tag == "method" and argument.get("direction") == "out" else ""
        lines.append(f"    {arrow}*{inline(name)}* **{argument.get('type')}**\n        {inline(text) or '-'}\n")
    return "\n".join(lines)


def member(element, comment):
    name = element.get("name")
    body = textwrap.indent(comment.body, "    ") if comment else "    -"
    if element.tag == "property":
        changes = annotations(element).get(CHANGES, "true")
        access = "" if element.get("access") == "read" else f", {element.get('access')}"
        return f"**{name}** {element.get('type')} ({CHANGES_TEXT[changes]}{access})\n{body}\n"
    ins = [a for a in element.findall("arg") if element.tag == "signal" or a.get("direction") != "out"]
    outs = [a for a in element.findall("arg") if element.tag == "method" and a.get("direction") == "out"]
    title = f"**{name}**\\ ({', '.join(a.get('type') + ' ' + a.get('name') for a in ins)})"
    if outs:
        title += " -> " + ", ".join(a.get("type") + " " + a.get("name") for a in outs)
    parts = [body, polkit_line(element).rstrip("\n"), arguments_text(element, comment).rstrip("\n")]
    return title + "\n" + "\n\n".join(part for part in parts if part) + "\n"


def interface_text(interface, comments):
    name = interface.get("name")
    out = [name, "=" * len(name), ""]
    comment = comments[name]
    out += [inline(comment.arguments.get("short_description", "")), "", comment.body, ""]
    for tag, title in (("property", "Properties"), ("method", "Methods"), ("signal", "Signals")):
        title += " of " + name.rpartition(".")[2]  # docutils wants titles to differ
        members = interface.findall(tag)
        if members:
            out += [title, "-" * len(title), ""]
            out += [member(each, comments.get((tag, each.get("name")))) for each in members]
    return "\n".join(out)


def read(path):
    """The interface of one file, and its comments by what they are about."""
    parser = ElementTree.XMLParser(target=ElementTree.TreeBuilder(insert_comments=True))
    root = ElementTree.parse(path, parser).getroot()
    comments, last = {}, None

    def walk(element):
        nonlocal last
        for child in element:
            if child.tag is ElementTree.Comment:
                last = Comment(child.text)
            elif last and child.get("name") == last.name and child.tag != "annotation":
                comments[last.name if child.tag == "interface" else (child.tag, last.name)] = last
                last = None
            if child.tag == "interface":
                walk(child)
    walk(root)
    return root.find("interface"), comments


def main():
    interfaces = [interface_text(*read(path)) for path in sys.argv[1:]]
    out = [HEAD] + ([POLKIT] if any("    polkit: " in text for text in interfaces) else []) + interfaces
    errors = "\n".join(f"**org.bailiff.Error.{name}**\n    {text}\n" for name, text in ERRORS)
    out.append(FOOT.format(errors=errors.rstrip("\n")))
    sys.stdout.write("\n".join(out))


if __name__ == "__main__":
    main()
