# SPDX-License-Identifier: LGPL-2.1-or-later
"""What all checks share: which files there are, how C reads without comments, how a check ends."""

import pathlib
import re
import subprocess
import sys

# Comments, strings and characters, whichever begins first.
_C_TOKEN = re.compile(
    r"""//(?:\\\n|[^\n])*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.DOTALL)


def without_comments(text, keep_strings=True):
    """C without comments (and without the inside of strings); every line stays on its line."""
    def replace(match):
        token = match[0]
        if token[0] in "\"'":
            return token if keep_strings else token[0] * 2
        return " " + "\n" * token.count("\n")
    return _C_TOKEN.sub(replace, text)


def c_files(folder):
    return sorted(p for p in pathlib.Path(folder).rglob("*") if p.suffix in (".c", ".h") and p.is_file())


def project_files(root):
    """The files of the project: those that git has or would take; all of them where git is not at hand."""
    root = pathlib.Path(root)
    try:
        # The tree may belong to another user than the one who tests it.
        listing = subprocess.run(
            ["git", "-c", "safe.directory=*", "-C", str(root), "ls-files", "-z",
             "--cached", "--others", "--exclude-standard"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout
        paths = [root / name.decode() for name in listing.split(b"\0") if name]
    except (OSError, subprocess.CalledProcessError):
        skipped = re.compile(r"^(\.git|build(-.*)?|__pycache__|\.pytest_cache)$")
        paths = [p for p in root.rglob("*")
                 if not any(skipped.match(part) for part in p.relative_to(root).parts)]
    return sorted(p for p in paths if p.is_file() and not p.is_symlink())


def text_of(path):
    """The text of a file, or None if it is none."""
    data = path.read_bytes()
    if b"\0" in data[:8192]:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def finish(offences, looked_at, what):
    """Ends a check. One that found nothing to look at has not checked anything, and says so by failing."""
    for offence in offences:
        print(offence)
    if not looked_at:
        offences = [f"found no {what} to look at"]
        print(offences[0])
    if offences:
        sys.exit(1)
    print(f"{looked_at} {what}: nothing to mend")
