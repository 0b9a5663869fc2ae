#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check-layers.py ROOT: every include of ROOT/src against the table ROOT/src/layers.

A folder of src is a layer and needs a line in the table; an include is written with its layer.
"""

import pathlib
import re
import sys

from findings import c_files, finish, without_comments

# Generated headers, which lie in no layer: the layers that may include them.
GENERATED = {"bailiff-bus-generated.h": {"dbus", "ctl"}, "method-actions-generated.h": {"dbus"}}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.MULTILINE)


def read_table(path):
    table, offences = {}, []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        line = line.partition("#")[0].strip()
        if not line:
            continue
        layer, colon, below = line.partition(":")
        if not colon or layer.strip() in table:
            offences.append(f"src/layers:{number}: not a line 'layer: the layers it may include', or its second one")
        table[layer.strip()] = set(below.split())
    for layer, below in table.items():
        offences += [f"src/layers: {layer} may include {b}, which has no line" for b in sorted(below - set(table))]
    offences += [f"src/layers: {layer} comes round to itself" for layer in table if layer in reachable(table, layer)]
    return table, offences


def reachable(table, layer):
    found, waiting = set(), list(table[layer])
    while waiting:
        below = waiting.pop()
        if below not in found:
            found.add(below)
            waiting += table.get(below, ())
    return found


def judge(table, source, layer, quote, name):
    """What is wrong with one include, or None."""
    folder, slash, _rest = name.partition("/")
    if name in GENERATED:
        if layer not in GENERATED[name]:
            return f"includes {name}, which is for {' and '.join(sorted(GENERATED[name]))} only"
    elif quote == '"' and (not slash or ".." in name.split("/")):
        return f'includes "{name}": write it with its layer, "layer/{pathlib.PurePath(name).name}"'
    elif folder in table:
        if folder != layer and folder not in table[layer]:
            return f"includes {name}, but {layer} may include only: {' '.join(sorted(table[layer])) or 'nothing'}"
        if not (source / name).is_file():
            return f"includes {name}, which does not exist"
    elif quote == '"':
        return f"includes {name}, but there is no layer {folder}"
    return None


def main():
    root = pathlib.Path(sys.argv[1])
    source = root / "src"
    table, offences = read_table(source / "layers")
    files = c_files(source)
    unruled = set()
    for path in files:
        parts = path.relative_to(source).parts
        if len(parts) < 2:
            offences.append(f"{path.relative_to(root)}: lies in no layer")
            continue
        layer = parts[0]
        if layer not in table:
            unruled.add(layer)
            continue
        text = without_comments(path.read_text())
        for match in INCLUDE.finditer(text):
            fault = judge(table, source, layer, match[1], match[2])
            if fault:
                line = text.count("\n", 0, match.start()) + 1
                offences.append(f"{path.relative_to(root)}:{line}: {fault}")
    offences += [f"src/{layer}: has no line in src/layers" for layer in sorted(unruled)]
    finish(offences, len(files), "C files")


main()
