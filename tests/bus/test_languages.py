# SPDX-License-Identifier: LGPL-2.1-or-later
"""bailiffctl in each language of po/LINGUAS: help, errors, tables; polkit's messages; and that bailiffd itself stays English.

gettext translates in a real locale only ("C.UTF-8" is none), so the locales are made for the test.
"""

import gettext
import json
import os
import re
import shutil
import subprocess
import unicodedata
import xml.etree.ElementTree

import pytest

from ctl import Running, ctl, ctl_json
from lease_calls import format_lockspace, held_space
from main_loop import LIMIT
from private_service import BUILD, SOURCE, BusError

LOCALES = {"de": "de_DE", "zh_CN": "zh_CN"}
XML_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
# GLib's, in the language of its own translations.
GLIB_LINES = {"Usage:", "Options:"}


def linguas():
    lines = (SOURCE / "po/LINGUAS").read_text().splitlines()
    return [word for line in lines for word in line.partition("#")[0].split()]


@pytest.fixture(scope="module")
def locales(tmp_path_factory):
    if not shutil.which("localedef") or not os.path.exists("/usr/share/i18n/locales/de_DE"):
        pytest.skip("the package locales is not installed")
    directory = tmp_path_factory.mktemp("locales")
    for name in LOCALES.values():
        subprocess.run(["localedef", "-i", name, "-f", "UTF-8", directory / f"{name}.UTF-8"], check=True,
                       stdin=subprocess.DEVNULL, timeout=LIMIT)
    return str(directory)


@pytest.fixture(params=linguas())
def language(request, locales):
    """The environment of somebody who speaks it."""
    return environment_of(request.param, locales)


def environment_of(name, locales):
    return {"LC_ALL": f"{LOCALES[name]}.UTF-8", "LANGUAGE": name, "LOCPATH": locales, "TEXTDOMAINDIR": str(BUILD / "po")}


def translations(language):
    path = BUILD / "po" / language["LANGUAGE"] / "LC_MESSAGES/bailiff.mo"
    return gettext.GNUTranslations(path.open("rb")).gettext


@pytest.fixture(scope="module")
def space(module_service, module_storage):
    with held_space(module_service, module_storage(), "worker") as path:
        yield path


def verbs(daemon):
    lines = ctl(daemon, "--help").stdout.split("Verbs:\n")[1].split("\n\n")[0].splitlines()
    return [line.split()[0] for line in lines]


def check_translated(english, translated):
    """No line is the same, but the empty ones and those that show a command."""
    same = {line for line in set(english.splitlines()) & set(translated.splitlines())
            if line and line not in GLIB_LINES and not re.match(r"  (bailiffctl|virsh) ", line)}
    assert not same, same


def test_help(daemon, language):
    english, translated = ctl(daemon, "--help").stdout, ctl(daemon, "--help", **language).stdout
    assert len(english.splitlines()) == len(translated.splitlines())
    check_translated(english, translated)
    for verb in verbs(daemon):
        check_translated(ctl(daemon, verb, "--help").stdout, ctl(daemon, verb, "--help", **language).stdout)


def test_help_of_the_daemon(language):
    def help_in(**environment):
        return subprocess.run([BUILD / "src/daemon/bailiffd", "--help"], env={**os.environ, **environment}, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=LIMIT).stdout
    own = [line for line in help_in(LC_ALL="C.UTF-8").splitlines() if re.search(r"--(?!help)|leases", line)]
    assert len(own) > 5
    check_translated("\n".join(own), help_in(**language))


def test_arguments(daemon, locales):
    """Those of verbs, too, and where errors name them."""
    chinese = environment_of("zh_CN", locales)
    for verb in verbs(daemon):
        text = ctl(daemon, verb, "--help", **chinese).stdout
        assert not re.search(r"PATH|OFFSET|NAME|LOCKSPACE|SECONDS", text), text
    text = ctl(daemon, "format-resource", "/nowhere", status=2, **chinese).stderr
    assert translations(chinese)("PATH[:OFFSET] LOCKSPACE NAME") in text


def test_errors(daemon, language):
    _ = translations(language)
    wrong = ctl(daemon, "joim", status=2, **language).stderr.splitlines()
    assert wrong[0] == "bailiffctl: " + _("There is no verb '%s'.") % "joim"
    assert wrong[1] == "  " + _("Did you mean '%s'? All verbs are in 'bailiffctl --help'.") % "join"
    wrong = ctl(daemon, "join", "a", "/b", "x", status=2, **language).stderr
    assert _("%s: '%s' is not a number that fits.") % (_("HOST_ID"), "x") in wrong


def test_no_daemon(make_service, language):
    bus = make_service("none")
    text = ctl(bus, "status", status=4, **language).stderr
    assert translations(language)("bailiffd is not running.") in text


def test_words_of_the_daemon_stay(make_service, daemon, locales, tmp_path):
    """Whatever locale it is started in: its errors are those of all other hosts, and so is its log."""
    german = environment_of("de", locales)
    there = make_service("", german)
    missing = str(tmp_path / "missing")
    texts = []
    for service in (daemon, there):
        with pytest.raises(BusError) as caught:
            format_lockspace(service, missing)
        texts.append(caught.value.message)
    assert texts[0] == texts[1] and "No such file" in texts[0]
    shown = ctl(there, "format-lockspace", missing, "space", status=1, **german).stderr
    assert texts[0].split("\n")[0] in shown
    assert "Ready as host" in there.log()


def columns(line):
    """(first, behind the last) of each cell, in columns of a terminal."""
    shown = "".join(c + "\0" * (unicodedata.east_asian_width(c) in "WF") for c in line)
    return [match.span() for match in re.finditer(r"[^ ]+(?: [^ ]+)*", shown)]


def check_table(lines):
    """Each cell begins or ends where its title does, and there are two blanks at least between cells."""
    titles = columns(lines[0])
    for line in lines[1:]:
        cells = columns(line)
        assert len(cells) == len(titles), "\n".join(lines)
        for title, cell in zip(titles, cells):
            assert title[0] == cell[0] or title[1] == cell[1], "\n".join(lines)


def tables(text):
    """Of `status`: the lines of each table."""
    blocks = [block.splitlines() for block in text.split("\n\n")]
    return [[line for line in block if len(columns(line)) > 3] for block in blocks[1:]]


def test_tables(daemon, space, language):
    _ = translations(language)
    english, translated = ctl(daemon, "status").stdout, ctl(daemon, "status", **language).stdout
    assert len(tables(english)) == len(tables(translated)) == 4
    for lines in tables(english) + tables(translated):
        assert len(lines) == 2
        check_table(lines)
    for word in (">HOST ID", "HOLDER", "FAILURE POLICY", ">LAST SEEN"):
        assert _(word).lstrip(">") in translated
    # What the interface names is the same in all languages.
    assert "held" in translated and "exclusive" in translated and "kill" in translated
    drill = ctl(daemon, "drill", "space", **language).stdout.splitlines()
    assert _("If the storage of %s was lost now, and nothing had any effect:") % "space" == drill[0]
    assert columns(drill[1])[0][1] == columns(drill[2])[0][1] and _(">RENEWAL").lstrip(">") in drill[1]


def test_monitor(daemon, space, language):
    """The second column ends where the third begins, whatever a second is called."""
    running = Running(daemon, "monitor", **language)
    try:
        lines = [running.line().rstrip("\n") for _ in range(4)]
    finally:
        running.stop()
    ends = {columns(line)[1][1] for line in lines if re.match(r"[\d:.]+ +[\d-]", line)}
    assert len(lines) == 4 and len(ends) == 1, lines
    assert any(translations(language)("%.1f s").split()[-1] in line for line in lines)


def test_programs_read_the_same(daemon, space, language):
    one, other = ctl_json(daemon, "hosts", "space"), json.loads(ctl(daemon, "hosts", "space", "--json", **language).stdout)
    for host in one["space"] + other["space"]:
        assert host.pop("LastSeenUsec")
    assert one == other
    # Not with the decimal comma that people get.
    running = Running(daemon, "monitor", "--json", **language)
    try:
        events = [json.loads(running.line()) for _ in range(2)]
    finally:
        running.stop()
    assert isinstance(events[1]["SecondsSinceRenewal"], float)
    english = ctl(daemon, "complete", "--", "").stdout.splitlines()
    translated = ctl(daemon, "complete", "--", "", **language).stdout.splitlines()
    assert [line.split("\t")[0] for line in english] == [line.split("\t")[0] for line in translated]
    assert not set(english) & set(translated)


def test_polkit_asks_in_each_language():
    root = xml.etree.ElementTree.parse(BUILD / "policy/org.bailiff.policy").getroot()
    actions = root.findall("action")
    assert actions
    for action in actions:
        for kind in ("description", "message"):
            texts = {element.get(XML_LANGUAGE): element.text for element in action.findall(kind)}
            assert set(texts) == {None, *linguas()}, action.get("id")
            assert len(set(texts.values())) == len(texts), texts
