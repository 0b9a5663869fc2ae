#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check-cli.py ROOT PROGRAM: the verbs, arguments and options that the built bailiffctl tells of itself (--help) are those
of its manual, bailiffctl(1), and of its completion; and those of the completions of bash, zsh and fish.

bash and fish are run where they are installed; zsh completes on a terminal only (tests/bus/test_completion.py), here its
file is read: a completion that names a verb or an option itself could differ from the program.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

from findings import finish

COMMON = {"--json", "--no-color", "--help"}
GENERAL = COMMON | {"--version"}
LIMIT = 60  # seconds; nothing of it takes one

# What bash-completion gives to completions, as far as no line is broken within a word.
BASH = """
_get_comp_words_by_ref() { words=("${COMP_WORDS[@]}"); cword=$COMP_CWORD; cur=${COMP_WORDS[COMP_CWORD]}; }
compopt() { :; }
. "$1"; shift
program=$1; shift
for verb; do
    COMP_WORDS=("$program" $verb "${verb:+--}"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _bailiffctl "$program"
    printf '%s:%s\\n' "$verb" "${COMPREPLY[*]}"
done
"""
FISH = """
source $argv[1]
for verb in $argv[2..-1]
    set -l typed "bailiffctl $verb --"
    test -n "$verb"; or set typed "bailiffctl "
    printf '%s:%s\\n' "$verb" (string join -- ' ' (complete -C $typed | string replace -r '\\t.*' ''))
end
"""


def output(program, *arguments):
    environment = dict(os.environ, LC_ALL="C.UTF-8", LANGUAGE="C", DBUS_SYSTEM_BUS_ADDRESS="unix:path=/nonexistent")
    return subprocess.run([program, *arguments], env=environment, check=True, timeout=LIMIT, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout


def block(text, title):
    """The lines below a title, to the next empty line."""
    match = re.search(rf"^{re.escape(title)}\n((?:.+\n)*)", text, re.MULTILINE)
    return match[1].splitlines() if match else []


def options_of(help_text):
    return {match[1] for line in block(help_text, "Options:")
            if (match := re.match(r"\s+(?:-\w, )?(--[\w-]+)", line))}


class Program:
    def __init__(self, path):
        text = output(path, "--help")
        self.general = options_of(text)
        self.arguments, self.options = {}, {}
        for line in block(text, "Verbs:"):
            verb = line.split()[0]
            own = output(path, verb, "--help")
            usage = block(own, "Usage:")[0].split(f" {verb}", 1)[1]
            self.arguments[verb] = {way.strip() for way in usage.split(" | ")}
            self.options[verb] = options_of(own) - COMMON


class Manual:
    def __init__(self, path):
        text = re.sub(r"\\ |\\", "", path.read_text()).replace("...", "…")
        sections = dict(re.findall(r"^([A-Z][A-Z ]*)\n=+\n((?:(?![A-Z][A-Z ]*\n=+\n).*\n)*)", text, re.MULTILINE))
        self.general = set(re.findall(r"--[\w-]+", "\n".join(
            line for line in sections.get("OPTIONS", "").splitlines() if line.startswith(("**--", "**-h")))))
        self.arguments, self.options = {}, {}
        verb = None
        for line in sections.get("VERBS", "").splitlines():
            if line.startswith("**"):
                verb, _, usage = line.replace("**", "").partition(" ")
                self.arguments.setdefault(verb, set()).add(usage.strip())
                self.options.setdefault(verb, set()).update(re.findall(r"(?<![\w-])--[a-z][\w-]*", usage))
            elif verb and line.startswith("    **--"):
                self.options[verb].update(re.findall(r"(?<![\w-])--[a-z][\w-]*", line))


def differences(what, wanted, found):
    return ([f"{what}: {name} is missing" for name in sorted(wanted - found)]
            + [f"{what}: {name} is not one of the program's" for name in sorted(found - wanted)])


def completion_differences(what, program, found):
    """`found`: verb -> set of candidates behind `VERB --`; of "" the verbs."""
    offences = differences(what, set(program.options), found.get("", set()))
    for verb, options in program.options.items():
        offences += differences(f"{what}: {verb}", options | COMMON, found.get(verb, set()))
    return offences


def lines_by_verb(text):
    return {verb: set(words.split()) for verb, _, words in (line.partition(":") for line in text.splitlines())}


def own_candidates(path, verbs):
    return {verb: {line.split("\t")[0] for line in
                   output(path, "complete", "--", *([verb, "--"] if verb else [""])).splitlines()} for verb in verbs}


def shell_candidates(shell, script, path, verbs):
    # The program is found by its name, as when somebody types.
    os.environ["PATH"] = f"{pathlib.Path(path).parent}:{os.environ['PATH']}"
    if shell == "bash":
        return lines_by_verb(output("bash", "-c", BASH, "bash", script, path, *verbs))
    return lines_by_verb(output("fish", "--no-config", "-c", FISH, script, *verbs))


def named_words(script, program):
    """Verbs and options that a completion names by itself. `complete` it may, and its shell's own options."""
    text = re.sub(r"^\s*#.*$", "", script.read_text(), flags=re.MULTILINE)
    words = set(re.findall(r"(?<![\w-])(?:--)?[a-z][\w-]*", text))
    options = set().union(*program.options.values()) | program.general
    return sorted(words & ({verb for verb in program.options if "-" in verb} | options))


def main():
    root, path = pathlib.Path(sys.argv[1]), str(pathlib.Path(sys.argv[2]).resolve())
    program, manual = Program(path), Manual(root / "data/man/bailiffctl.1.rst")
    offences = differences("bailiffctl --help", GENERAL, program.general)
    offences += differences("bailiffctl(1)", program.general, manual.general)
    offences += differences("bailiffctl(1)", set(program.options), set(manual.options))
    for verb in sorted(set(program.options) & set(manual.options)):
        offences += differences(f"bailiffctl(1): {verb}", program.options[verb], manual.options[verb])
        offences += differences(f"bailiffctl(1): {verb}", program.arguments[verb], manual.arguments[verb])

    verbs = ["", *sorted(program.options)]
    offences += completion_differences("bailiffctl complete", program, own_candidates(path, verbs))
    completions = root / "data/completions"
    for shell, name in ("bash", "bailiffctl.bash"), ("zsh", "_bailiffctl"), ("fish", "bailiffctl.fish"):
        script = completions / name
        offences += [f"{script.relative_to(root)}: names {word}, which the program tells it"
                     for word in named_words(script, program)]
        if not shutil.which(shell):
            print(f"{shell} is not installed: its completion was read, not run")
            continue
        if subprocess.run([shell, "-n", str(script)], stdin=subprocess.DEVNULL).returncode != 0:
            offences.append(f"{script.relative_to(root)}: {shell} cannot parse it")
        elif shell != "zsh":
            offences += completion_differences(f"completion of {shell}", program,
                                               shell_candidates(shell, str(script), path, verbs))
    finish(offences, len(program.options), "verbs")


if __name__ == "__main__":
    main()
