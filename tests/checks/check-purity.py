#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check-purity.py ROOT LAYER=ARCHIVE...: the pure layers call nothing but each other and plain memory functions.

A clock, an allocation, a file, a lock, a log: each is an undefined symbol in the archive of its layer. What stands
below (by ROOT/src/layers, and given as an argument) may be called.
"""

import os
import pathlib
import re
import subprocess
import sys

from findings import finish

ALLOWED = set("""
    memcpy memmove memset memcmp memchr strlen strnlen strcmp strncmp strchr
    __memcpy_chk __memmove_chk __memset_chk
    __stack_chk_fail _GLOBAL_OFFSET_TABLE_ __cpu_model __cpu_indicator_init
""".split())
# Sanitizers and coverage are the build's, not the layer's.
INSTRUMENTS = re.compile(r"^__(asan|ubsan|gcov)_")


def symbols(archive, option):
    command = [os.environ.get("NM", "nm"), "--portability", option, str(archive)]
    output = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True).stdout
    member, found = "", []
    for line in output.splitlines():
        if line.endswith(":"):
            member = re.sub(r"^.*\[(.*)\]:$", r"\1", line)
        elif line.strip():
            found.append((member, line.split()[0]))
    return found


def below(root, layer):
    for line in (root / "src" / "layers").read_text().splitlines():
        name, colon, rest = line.partition("#")[0].partition(":")
        if colon and name.strip() == layer:
            return rest.split()
    sys.exit(f"src/layers has no line for {layer}")


def main():
    root = pathlib.Path(sys.argv[1])
    archives = dict(argument.split("=", 1) for argument in sys.argv[2:])
    defined = {layer: {name for _, name in symbols(archive, "--defined-only")}
               for layer, archive in archives.items()}
    offences = [f"{layer}: its library is empty" for layer, names in defined.items() if not names]
    for layer, archive in archives.items():
        allowed = ALLOWED.union(defined[layer], *(defined.get(b, set()) for b in below(root, layer)))
        offences += [f"src/{layer}: {member} needs {name}"
                     for member, name in symbols(archive, "--undefined-only")
                     if name not in allowed and not INSTRUMENTS.match(name)]
    finish(offences, len(archives), "pure layers")


main()
