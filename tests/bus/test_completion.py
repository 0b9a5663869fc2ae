# SPDX-License-Identifier: LGPL-2.1-or-later
"""Completion of bailiffctl: what the program proposes, and what bash, zsh and fish make of it on a terminal."""

import os
import pathlib
import pty
import re
import shutil
import signal
import subprocess

import pytest

from ctl import PROGRAM, environment
from lease_calls import held_space
from main_loop import LIMIT, poll_until

COMPLETIONS = pathlib.Path(__file__).resolve().parents[2] / "data/completions"
BASH_COMPLETION = pathlib.Path("/usr/share/bash-completion/bash_completion")


@pytest.fixture(scope="module")
def space(module_service, module_storage):
    with held_space(module_service, module_storage(), "db") as path:
        yield path


def number_of(service):
    return next(path.rsplit("/", 1)[1] for path in service.objects() if "/registrations/" in path)


def proposed(service, *words, **more):
    """The words that are proposed for the last of these. It never complains, and never fails."""
    result = subprocess.run([PROGRAM, "complete", "--", *(str(w) for w in words)], env=environment(service, **more),
                            text=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT)
    assert (result.returncode, result.stderr) == (0, "")
    return sorted(line.split("\t")[0] for line in result.stdout.splitlines())


def test_verbs_and_options(daemon):
    assert proposed(daemon, "unre") == ["unregister"]
    assert proposed(daemon, "--json", "read") == ["read-value"]
    assert proposed(daemon, "complet") == []
    assert proposed(daemon, "leave", "-") == ["--force", "--help", "--json", "--no-color"]
    assert proposed(daemon, "leave", "--force", "--f") == []
    assert proposed(daemon, "convert", "x/y", "") == ["exclusive", "shared"]
    assert proposed(daemon, "no-such-verb", "") == []
    assert proposed(daemon, "monitor", "") == []
    assert proposed(daemon, "edit", "vg0", "") == ["HostId=", "IoTimeout=", "Offset=", "Path=", "Startup="]
    assert proposed(daemon, "join", "--startup", "") == ["automatic", "manual"]
    # A record's name, and the words of a join without one.
    assert proposed(daemon, "join", "") == []
    assert proposed(daemon, "join", "vg0", "/", "a") == ["auto"]


def test_what_is_there_now(daemon, space):
    number = number_of(daemon)
    assert proposed(daemon, "leave", "") == ["space"]
    assert proposed(daemon, "hosts", "x") == []
    assert proposed(daemon, "unregister", "") == [number]
    assert proposed(daemon, "unregister", "d") == ["db"]
    assert proposed(daemon, "drill", "--live", "") == [number]
    assert proposed(daemon, "drill", "") == ["space"]
    assert proposed(daemon, "release", number, "") == ["space/r1"]
    assert proposed(daemon, "release-orphans", "space", "") == []
    assert proposed(daemon, "send-event", "space", "") == ["1", "all"]
    assert proposed(daemon, "send-event", "other", "") == ["all"]
    assert proposed(daemon, "incident", "") == ["last"]
    assert proposed(daemon, "request", "space", "r") == [f"r1@{space}:1M"]
    # The value of an option is no argument.
    assert proposed(daemon, "run", "--name", "x", "") == ["space"]
    assert proposed(daemon, "run", "--name", "") == []
    assert proposed(daemon, "run", "space", f"r1@{space}:1M", "") == ["--", f"r1@{space}:1M"]
    assert proposed(daemon, "run", "space", "r1@/x", "--", "") == [":command"]


def test_files(daemon, tmp_path):
    for name in "a.img", "a blank", "a\nnewline", ".hidden":
        (tmp_path / name).touch()
    (tmp_path / "around").mkdir()
    names = [f"{tmp_path}/a blank", f"{tmp_path}/a.img", f"{tmp_path}/around/"]
    assert proposed(daemon, "inspect", f"{tmp_path}/") == names
    assert proposed(daemon, "acquire", 1, "space", f"new@{tmp_path}/a") == [f"new@{name}" for name in names]
    assert proposed(daemon, "inspect", f"{tmp_path}/.h") == [f"{tmp_path}/.hidden"]
    assert proposed(daemon, "inspect", f"{tmp_path}/nowhere/") == []


def test_processes(daemon):
    assert str(os.getpid()) in proposed(daemon, "register", "")
    assert proposed(daemon, "register", "--unit", "") == []


def test_nothing_where_nobody_answers(daemon, space):
    assert proposed(daemon, "leave", "", DBUS_SYSTEM_BUS_ADDRESS="unix:path=/nonexistent") == []
    # One that hangs is not waited for longer than a person would.
    os.kill(daemon.daemon.pid, signal.SIGSTOP)
    try:
        assert proposed(daemon, "leave", "") == []
    finally:
        os.kill(daemon.daemon.pid, signal.SIGCONT)


def test_nobody_is_started(make_service):
    service = make_service("none")
    assert proposed(service, "leave", "") == []
    assert proposed(service, "register", "--domain", "") == []


def rc_file(shell, folder):
    """`show WORDS…` writes its words, a line each, to the file shown."""
    show = f"""show() {{ printf '%s\\n' "$@" >'{folder}/part'; mv '{folder}/part' '{folder}/shown'; }}\n"""
    if shell == "bash":
        text = f"PS1=; . {BASH_COMPLETION}; . '{COMPLETIONS}/bailiffctl.bash'\n"
    else:
        text = ("PS1= PROMPT_EOL_MARK=; unsetopt nomatch beep; bindkey -e\n"
                f"fpath=('{COMPLETIONS}' $fpath); autoload -Uz compinit; compinit -u -D\n")
    name = folder / (".bashrc" if shell == "bash" else ".zshrc")
    name.write_text(text + show)
    return name


def typed(shell, service, folder, text):
    """The words of the command line that the shell on a terminal made of `text`, with a tabulator behind it."""
    rc = rc_file(shell, folder)
    arguments = ["bash", "--rcfile", str(rc), "--noprofile", "-i"] if shell == "bash" else ["zsh", "-d", "-i"]
    more = {"PATH": f"{pathlib.Path(PROGRAM).parent}:{os.environ['PATH']}", "TERM": "xterm", "ZDOTDIR": str(folder),
            "HISTFILE": "/dev/null"}
    child, terminal = pty.fork()
    if child == 0:
        os.execvpe(arguments[0], arguments, environment(service, **more))
    shown = folder / "shown"
    printed = b""

    def is_shown():
        nonlocal printed
        os.set_blocking(terminal, False)
        try:
            printed += os.read(terminal, 65536)
        except BlockingIOError:
            pass
        return shown.exists()

    try:
        # Control-A goes to the beginning of the line: what is there is shown and not run.
        os.write(terminal, text.encode() + b"\t\x01show \r")
        poll_until(is_shown, f"the words of {text!r}")
        return shown.read_text().splitlines()[1:]
    except AssertionError as error:
        raise AssertionError(f"{error}: the shell printed {printed}") from None
    finally:
        shown.unlink(missing_ok=True)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(terminal)


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_on_a_terminal(daemon, space, tmp_path, shell):
    if not shutil.which(shell) or (shell == "bash" and not BASH_COMPLETION.exists()):
        pytest.skip(f"there is no {shell} with completion here")
    (tmp_path / "a disk.img").touch()
    for text, words in [
            ("bailiffctl unre", ["unregister"]),
            ("bailiffctl leave sp", ["leave", "space"]),
            ("bailiffctl acquire db space r1", ["acquire", "db", "space", f"r1@{space}:1M"]),
            (f"bailiffctl acquire db space r1@{space}:", ["acquire", "db", "space", f"r1@{space}:1M"]),
            ("bailiffctl acquire db space r1@/etc/passw", None),
            (f"bailiffctl inspect {tmp_path}/a", ["inspect", f"{tmp_path}/a disk.img"]),
            ("bailiffctl run space r1@/x:1M -- sha512s", ["run", "space", "r1@/x:1M", "--", "sha512sum"])]:
        shown = typed(shell, daemon, tmp_path, text)
        if words:
            assert shown == words, text
        else:
            assert re.fullmatch(r"r1@/etc/passwd-?", shown[-1])


def test_fish(daemon, space):
    if not shutil.which("fish"):
        pytest.skip("there is no fish here")

    def asked(line):
        script = f"source {COMPLETIONS}/bailiffctl.fish; complete -C '{line}'"
        more = {"PATH": f"{pathlib.Path(PROGRAM).parent}:{os.environ['PATH']}"}
        result = subprocess.run(["fish", "--no-config", "-c", script], env=environment(daemon, **more), text=True,
                                stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT)
        assert result.stderr == ""
        return [line.split("\t")[0] for line in result.stdout.splitlines()]

    assert asked("bailiffctl unre") == ["unregister"]
    assert asked("bailiffctl leave ") == ["space"]
    assert asked("bailiffctl acquire db space r1") == [f"r1@{space}:1M"]
    assert "sha512sum" in asked("bailiffctl run space r1@/x:1M -- sha512s")
