#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check-introspection.py ROOT: every member of the interfaces in ROOT/introspection is documented.

The documentation comment is read as gdbus-codegen does, which drops silently what it does not understand: a
comment belongs to what its first line names; `@argument: text` lines follow at once, one line each; the rest is
the body. A second line of an argument's text already is the body, and arguments after it are lost.
"""

import pathlib
import re
import sys
import xml.parsers.expat

from findings import finish

# Of the parameters, these are not arguments.
OTHER_PARAMETERS = {"short_description", "since"}


class Comment:
    def __init__(self, text):
        lines = [line.strip() for line in text.strip().split("\n")]
        match = re.match(r"^(\S+):(?: (.*))?$", lines[0])
        self.symbol = match[1] if match else None
        self.body = (match[2] or "") if match else ""
        self.parameters = {}
        rest = lines[1:]
        while rest and re.match(r"^@[^:]+: ", rest[0] + " "):
            name, _, documentation = rest.pop(0)[1:].partition(":")
            self.parameters[name] = documentation.strip()
        self.body += "\n".join(rest)
        self.lost = [line for line in rest if re.match(r"^@\w+:", line)]


class Reader:
    """Walks one file; the documentation of the member in hand is the last comment that named something."""

    def __init__(self, path, name):
        self.name = name
        self.offences = []
        self.members = 0
        self.comment = None
        self.stack = []
        self.parser = xml.parsers.expat.ParserCreate()
        self.parser.CommentHandler = self.on_comment
        self.parser.StartElementHandler = self.on_start
        self.parser.EndElementHandler = self.on_end
        self.parser.Parse(path.read_bytes(), True)

    def offend(self, text):
        self.offences.append(f"{self.name}:{self.parser.CurrentLineNumber}: {text}")

    def on_comment(self, text):
        comment = Comment(text)
        if comment.symbol:
            self.comment = comment

    def on_start(self, element, attributes):
        name = attributes.get("name")
        if element in ("interface", "method", "signal", "property"):
            self.members += 1
            comment = self.comment if self.comment and self.comment.symbol == name else None
            if not comment or not comment.body.strip():
                self.offend(f"{element} {name} is not documented")
            elif comment.lost:
                self.offend(f"{element} {name}: gdbus-codegen does not see '{comment.lost[0]}': "
                            "arguments stand before all other text, one line each")
            self.stack.append([element, name, comment, set()])
        elif element == "arg":
            self.members += 1
            _, member, comment, seen = self.stack[-1]
            seen.add(name)
            if not name:
                self.offend(f"an argument of {member} has no name")
            elif not comment or not comment.parameters.get(name):
                self.offend(f"argument {name} of {member} is not documented")
            self.stack.append([element, name, None, set()])
        else:
            self.stack.append([element, name, None, set()])

    def on_end(self, _element):
        element, name, comment, seen = self.stack.pop()
        if comment and element != "interface":
            for parameter in sorted(set(comment.parameters) - seen - OTHER_PARAMETERS):
                self.offend(f"{element} {name} has no argument {parameter}")


def main():
    root = pathlib.Path(sys.argv[1])
    offences, members = [], 0
    for path in sorted((root / "introspection").glob("*.xml")):
        reader = Reader(path, str(path.relative_to(root)))
        offences += reader.offences
        members += reader.members
    finish(offences, members, "interfaces, members and arguments")


main()
