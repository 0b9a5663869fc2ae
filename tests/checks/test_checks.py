#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each check passes a small tree that is in order, and refuses it with one offence planted in it."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
SPDX = "SPDX-License-Identifier: LGPL-2.1-or-later"

GOOD = {
    "src/layers": f"# {SPDX}\nbase:\nlease: base\ndbus: base lease\n",
    "src/base/bytes.h": f"/* {SPDX} */\nint bytes_first(const char *text);\n",
    "src/base/bytes.c": f'/* {SPDX} */\n#include "base/bytes.h"\n#include <string.h>\n'
                        "int bytes_first(const char *text)\n{\n    return (int)strlen(text);\n}\n",
    "src/lease/lease.c": f'/* {SPDX} */\n#include "base/bytes.h"\nint lease_length(const char *text);\n'
                         "int lease_length(const char *text)\n{\n    return bytes_first(text);\n}\n",
    "src/dbus/service.c": f'/* {SPDX} */\n#include "bailiff-bus-generated.h"\n#include "lease/lease.h"\n'
                          '#define _(text) gettext(text)\nconst char *name(void)\n{\n    return _("Name");\n}\n',
    "src/lease/lease.h": f"/* {SPDX} */\n",
    "po/POTFILES.in": f"# {SPDX}\nsrc/dbus/service.c\n",
    "introspection/a.xml": f"""<!-- {SPDX} -->
<node>
  <!-- a.A: An interface. -->
  <interface name="a.A">
    <!--
      Do:
      @what: What to do.
      @done: Whether it was done.

      Does it.
    -->
    <method name="Do">
      <arg name="what" type="s" direction="in"/>
      <arg name="done" type="b" direction="out"/>
    </method>
    <!-- Name: Its name. -->
    <property name="Name" type="s" access="read"/>
  </interface>
</node>
""",
    "tests/checks/size-exceptions": f"# {SPDX}\n",
    "LICENSE": "The licence.\n",
}


def function(name, lines):
    """A function of so many lines, with braces where only a careless reader counts them."""
    body = ['    const char *brace = "}{";', "#if 1", "    if (brace) {", "#else", "    if (!brace) {", "#endif",
            "    } /* } */"]
    body += ["    brace++;"] * (lines - 3 - len(body))
    return "\n".join([f"G_GNUC_PURE static int {name}(int a, int (*b)(void))", "{"] + body + ["}"]) + "\n"


class Tree(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="checks with blanks "))
        self.addCleanup(shutil.rmtree, self.root)
        for name, text in GOOD.items():
            self.plant(name, text)

    def plant(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

    def change(self, name, old, new):
        self.assertIn(old, GOOD[name])
        self.plant(name, GOOD[name].replace(old, new, 1))

    def run_check(self, check, *arguments):
        environment = dict(os.environ, GIT_CEILING_DIRECTORIES=str(self.root.parent))
        return subprocess.run([sys.executable, "-B", str(HERE / f"check-{check}.py"), str(self.root), *arguments],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)

    def passes(self, check, *arguments):
        result = self.run_check(check, *arguments)
        self.assertEqual(result.returncode, 0, result.stdout)
        return result.stdout

    def refuses(self, check, words, *arguments):
        result = self.run_check(check, *arguments)
        self.assertEqual(result.returncode, 1, result.stdout)
        self.assertIn(words, result.stdout)


class Layers(Tree):
    def test_in_order(self):
        self.passes("layers")

    def test_upward_include(self):
        self.plant("src/base/clock.c", '/* */\n#include "lease/lease.h"\n')
        self.refuses("layers", "src/base/clock.c:2: includes lease/lease.h, but base may include only: nothing")

    def test_upward_include_in_angles(self):
        self.plant("src/base/clock.c", "#include <lease/lease.h>\n")
        self.refuses("layers", "src/base/clock.c:1: includes lease/lease.h")

    def test_commented_include_is_none(self):
        self.plant("src/base/clock.c", '/*\n#include "lease/lease.h"\n*/\n')
        self.passes("layers")

    def test_include_without_layer(self):
        self.change("src/base/bytes.c", '"base/bytes.h"', '"bytes.h"')
        self.refuses("layers", 'includes "bytes.h": write it with its layer')

    def test_include_by_way_of_parent(self):
        self.change("src/base/bytes.c", '"base/bytes.h"', '"../lease/lease.h"')
        self.refuses("layers", "write it with its layer")

    def test_missing_header(self):
        self.change("src/base/bytes.c", '"base/bytes.h"', '"base/byte.h"')
        self.refuses("layers", "base/byte.h, which does not exist")

    def test_generated_header_elsewhere(self):
        self.change("src/lease/lease.c", '"base/bytes.h"', '"bailiff-bus-generated.h"')
        self.refuses("layers", "is for ctl and dbus only")

    def test_folder_without_rule(self):
        self.plant("src/extra/extra.c", "int extra;\n")
        self.refuses("layers", "src/extra: has no line in src/layers")

    def test_file_without_layer(self):
        self.plant("src/loose.c", "int loose;\n")
        self.refuses("layers", "src/loose.c: lies in no layer")

    def test_table_that_comes_round(self):
        self.change("src/layers", "base:", "base: dbus")
        self.refuses("layers", "base comes round to itself")

    def test_nothing_there(self):
        for path in self.root.glob("src/*/*"):
            path.unlink()
        self.refuses("layers", "found no C files")


class Purity(Tree):
    def archives(self, *flags):
        compiler, archiver = os.environ.get("CC", "cc"), os.environ.get("AR", "ar")
        for layer, source in (("base", "bytes"), ("lease", "lease")):
            subprocess.run([*compiler.split(), "-O1", *flags, "-I", str(self.root / "src"), "-c",
                            str(self.root / "src" / layer / f"{source}.c"), "-o", str(self.root / f"{layer}.o")],
                           check=True)
            subprocess.run([archiver, "rcs", str(self.root / f"{layer}.a"), str(self.root / f"{layer}.o")], check=True)
        return [f"{layer}={self.root / layer}.a" for layer in ("base", "lease")]

    def test_in_order(self):
        self.passes("purity", *self.archives("-fstack-protector-all"))

    def test_with_sanitizers(self):
        self.passes("purity", *self.archives("-fsanitize=address,undefined"))

    def test_clock(self):
        self.plant("src/base/bytes.c", '#include <time.h>\n#include "base/bytes.h"\n'
                                       "int bytes_first(const char *text)\n{\n    return (int)time(0);\n}\n")
        self.refuses("purity", "src/base: base.o needs time", *self.archives())

    def test_call_upwards(self):
        self.plant("src/base/bytes.c", "int lease_length(const char *text);\n"
                                       "int bytes_first(const char *text)\n{\n    return lease_length(text);\n}\n")
        self.refuses("purity", "base.o needs lease_length", *self.archives())

    def test_empty_library(self):
        archives = self.archives()
        subprocess.run([os.environ.get("AR", "ar"), "d", str(self.root / "base.a"), "base.o"], check=True)
        self.refuses("purity", "base: its library is empty", *archives)


class Sizes(Tree):
    def test_in_order(self):
        self.plant("src/base/long.c", function("long_one", 60))
        self.assertNotIn("warning", self.passes("sizes"))

    def test_warning(self):
        self.plant("src/base/long.c", "int before;\n\n" + function("first", 10) + function("long_one", 61))
        self.assertIn("warning: src/base/long.c:13: long_one: 61 lines", self.passes("sizes"))
        self.plant("src/base/long.c", "\n" * 601)
        self.assertIn("warning: src/base/long.c: 601 lines", self.passes("sizes"))

    def test_long_function(self):
        self.plant("src/base/long.c", function("long_one", 120))
        self.passes("sizes")
        self.plant("src/base/long.c", function("long_one", 121))
        self.refuses("sizes", "src/base/long.c:1: long_one: 121 lines, more than 120")

    def test_long_file(self):
        self.plant("tests/unit/long.h", "\n" * 1000)
        self.passes("sizes")
        self.plant("tests/unit/long.h", "\n" * 1001)
        self.refuses("sizes", "tests/unit/long.h: 1001 lines, more than 1000")

    def test_exception(self):
        self.plant("src/base/long.c", function("long_one", 121))
        self.plant("tests/checks/size-exceptions", "src/base/long.c:long_one  One table.\n")
        self.passes("sizes")
        self.plant("tests/checks/size-exceptions", "src/base/long.c:long_one\n")
        self.refuses("sizes", "has no reason")

    def test_exception_that_is_none(self):
        self.plant("tests/checks/size-exceptions", "src/base/bytes.c  It was long once.\n")
        self.refuses("sizes", "src/base/bytes.c is not too long")


class Introspection(Tree):
    def test_in_order(self):
        self.passes("introspection")

    def test_member_without_comment(self):
        self.change("introspection/a.xml", "<!-- Name: Its name. -->", "")
        self.refuses("introspection", "property Name is not documented")

    def test_comment_of_another_member(self):
        self.change("introspection/a.xml", "Name: Its", "Nmae: Its")
        self.refuses("introspection", "property Name is not documented")

    def test_interface_without_comment(self):
        self.change("introspection/a.xml", "a.A: An interface.", "An interface.")
        self.refuses("introspection", "interface a.A is not documented")

    def test_comment_without_body(self):
        self.change("introspection/a.xml", "Does it.", "")
        self.refuses("introspection", "method Do is not documented")

    def test_argument_without_comment(self):
        self.change("introspection/a.xml", "      @what: What to do.\n", "")
        self.refuses("introspection", "argument what of Do is not documented")

    def test_comment_without_argument(self):
        self.change("introspection/a.xml", '<arg name="what" type="s" direction="in"/>', "")
        self.refuses("introspection", "method Do has no argument what")

    def test_argument_of_two_lines(self):
        self.change("introspection/a.xml", "What to do.", "What\n      to do.")
        self.refuses("introspection", "gdbus-codegen does not see '@done:")

    def test_nothing_there(self):
        (self.root / "introspection/a.xml").unlink()
        self.refuses("introspection", "found no interfaces")


class Potfiles(Tree):
    def test_in_order(self):
        self.passes("potfiles")

    def test_not_listed(self):
        for mark in ('_("a")', 'N_("a")', 'C_("b", "a")', 'ngettext("a", "b", 2)'):
            self.plant("src/lease/talk.c", f"const char *a = {mark};\n")
            self.refuses("potfiles", "src/lease/talk.c: has messages to translate, but is not")

    def test_words_that_are_no_messages(self):
        self.plant("src/lease/talk.c", '/* _("a") */\nconst char *a = "_(";\nint b = x_(1) + ID_N_(2);\n')
        self.passes("potfiles")

    def test_listed_but_gone(self):
        (self.root / "src/dbus/service.c").unlink()
        self.refuses("potfiles", "lists src/dbus/service.c, which does not exist")

    def test_listed_without_message(self):
        self.plant("po/POTFILES.in", GOOD["po/POTFILES.in"] + "src/base/bytes.c\n")
        self.refuses("potfiles", "src/base/bytes.c, which has no message")

    def test_merged_file_not_listed(self):
        self.plant("data/thing.desktop.in", "[Desktop Entry]\nName=Thing\n")
        self.refuses("potfiles", "data/thing.desktop.in: has messages to translate, but is not")

    def test_sentence_that_is_not_marked(self):
        self.plant("po/POTFILES.in", GOOD["po/POTFILES.in"] + "src/ctl/talk.c\n")
        marked = '/* */\nsay(_("It is \\"marked\\" (here) as "\n"one of them."),\n    x(1), "bailiffctl go there now");\n'
        self.plant("src/ctl/talk.c", marked)
        self.passes("potfiles")
        self.plant("src/ctl/talk.c", marked + 'say("That is forgotten.");\n')
        self.refuses("potfiles", 'src/ctl/talk.c:5: "That is forgotten." is not marked')
        self.plant("src/ctl/talk.c", 'say(_("It takes %" PRIu64 " s."), n);\n')
        self.refuses("potfiles", "src/ctl/talk.c:1: a message has PRIu64 in it")


PO = f"""# {SPDX}
msgid ""
msgstr ""
"Language: de\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"

#, c-format
msgid "See 'go --all' of %s."
msgstr "Siehe „go --all“ von %s."

#, c-format
msgid "%u thing"
msgid_plural "%u things"
msgstr[0] "%u Ding"
msgstr[1] "%u Dinge"

msgid ">NAME"
msgstr ">NAME"
"""


class Languages(Tree):
    def setUp(self):
        super().setUp()
        self.plant("po/LINGUAS", f"# {SPDX}\nde\n")
        self.plant("src/dbus/service.c", """
            a = printf(_("See 'go --all' of %s."), b); c = ngettext("%u thing", "%u things", n); d = N_(">NAME");""")
        self.plant("po/de.po", PO)

    def refuses_po(self, old, new, words):
        self.assertIn(old, PO)
        self.plant("po/de.po", PO.replace(old, new, 1))
        self.refuses("languages", words)

    def test_in_order(self):
        self.passes("languages")

    def test_new_message(self):
        self.plant("src/dbus/service.c", (self.root / "src/dbus/service.c").read_text() + 'e = _("New.");')
        self.refuses("languages", "po/de.po: missing: 'New.'")

    def test_message_that_is_gone(self):
        self.plant("po/de.po", PO + '\nmsgid "Old."\nmsgstr "Alt."\n')
        self.refuses("languages", "not in the sources: 'Old.'")
        self.plant("po/de.po", PO + '\n#~ msgid "Old."\n#~ msgstr "Alt."\n')
        self.refuses("languages", "obsolete: 'Old.'")

    def test_not_translated(self):
        self.refuses_po('msgstr ">NAME"', 'msgstr ""', "not translated: '>NAME'")
        self.refuses_po('msgstr[1] "%u Dinge"', 'msgstr[1] ""', "po/de.po: ")

    def test_fuzzy(self):
        self.refuses_po('msgid ">NAME"', '#, fuzzy\nmsgid ">NAME"', "fuzzy: '>NAME'")

    def test_what_has_to_stay(self):
        self.refuses_po("von %s", "von %d", "po/de.po")
        self.refuses_po("„go --all“", "„go --alle“", "lacks --all")
        self.refuses_po('msgstr ">NAME"', 'msgstr "NAME"', "begins with other blanks or '>'")

    def test_list_of_languages(self):
        self.plant("po/fr.po", PO)
        self.refuses("languages", "does not list fr")
        (self.root / "po/fr.po").unlink()
        self.plant("po/LINGUAS", "de\nfr\n")
        self.refuses("languages", "there is no po/fr.po")


README = f"""<!-- {SPDX} -->
# Thing

[Deutsch](README.de.md)

```
./run demo     # a minute
# not a comment
```

## More
"""


class Readme(Tree):
    def setUp(self):
        super().setUp()
        self.german = README.replace("[Deutsch](README.de.md)", "[English](README.md)").replace("# a minute", "# Minute")
        self.plant("README.md", README)
        self.plant("README.de.md", self.german)

    def refuses_german(self, old, new, words):
        self.assertIn(old, self.german)
        self.plant("README.de.md", self.german.replace(old, new, 1))
        self.refuses("readme", words)

    def test_in_order(self):
        self.passes("readme")

    def test_differences(self):
        self.refuses_german("## More\n", "", "README.de.md: other headings")
        self.refuses_german("## More\n", "```\nls\n```\n## More\n", "2 blocks of code, not 1")
        self.refuses_german("./run demo ", "./run test ", "'./run test' is './run demo'")
        self.refuses_german("# not a comment\n", "# kein\n", "'# kein' is '# not a comment'")
        self.refuses_german("[English](README.md)", "", "README.de.md: has no link to README.md")

    def test_no_link(self):
        self.plant("README.md", README.replace("[Deutsch](README.de.md)", ""))
        self.refuses("readme", "README.md: has no link to README.de.md")


class Spdx(Tree):
    def test_in_order(self):
        self.plant("tests/vectors/sector.hex", "00\n")
        self.plant("data/picture", b"\0\1\2")
        self.plant("build/generated.c", "int generated;\n")
        self.passes("spdx")

    def test_no_licence(self):
        self.plant("data/a.conf", "a = b\n")
        self.refuses("spdx", "data/a.conf: no SPDX-License-Identifier")

    def test_licence_far_down(self):
        self.plant("data/a.conf", "\n" * 6 + f"# {SPDX}\n")
        self.refuses("spdx", "data/a.conf: no SPDX-License-Identifier")

    def test_another_licence(self):
        self.plant("data/a.conf", f"# {SPDX.replace('LGPL-2.1-or-later', 'MIT')}\n")
        self.refuses("spdx", "data/a.conf: its licence is MIT")

    @unittest.skipUnless(shutil.which("git"), "git is not installed")
    def test_files_that_git_ignores(self):
        subprocess.run(["git", "init", "-q", str(self.root)], check=True)
        self.plant(".gitignore", "/data/\n")
        self.plant("data/a.conf", "a = b\n")
        self.passes("spdx")
        self.plant("b.conf", "a = b\n")
        self.refuses("spdx", "b.conf: no SPDX")


class Words(Tree):
    def test_in_order(self):
        self.plant("README", "It works on a network/work tree, and tests/work is fine.\n")
        self.passes("words")

    def test_words(self):
        for words in ("see /wo" "rk/main", "built in /tmp/bui" "ld-x", "by a sub" "agent", "Iss" "ue #12 says"):
            self.plant("README", f"first\n{words}\n")
            self.refuses("words", "README:2: ")


class TestLists(Tree):
    def setUp(self):
        super().setUp()
        self.plant("tests/meson.build", "files = {\n  'bus': [\n    'join',\n  ],\n  'interop': [\n    'turns',\n  ],\n}\n")
        self.plant("tests/unit/meson.build", "tests = {\n  'layout': dep,\n# 'crc': dep,\n}\n")
        for name in ("bus/test_join.py", "interop/test_turns.py", "unit/test-layout.c"):
            self.plant(f"tests/{name}", "")

    def test_in_order(self):
        self.passes("test-lists")

    def test_forgotten(self):
        for name in ("bus/test_turns.py", "interop/test_join.py", "unit/test-crc.c"):
            with self.subTest(name):
                self.plant(f"tests/{name}", "")
                self.refuses("test-lists", f"tests/{name}: is not listed")
                (self.root / "tests" / name).unlink()

    def test_doubled(self):
        self.plant("tests/bus/test_join.py", "def test_it():\n    pass\n\n\ndef test_it():\n    pass\n")
        self.refuses("test-lists", "test_it() is there twice")


# A bailiffctl with two verbs, one of them with an option.
CTL = f"""#!/bin/sh
# {SPDX}
case "$*" in
--help) printf 'Usage:\\n  bailiffctl VERB\\n\\nVerbs:\\n  go    Go\\n  stay  Stay\\n\\n'
    printf 'Options:\\n  --json  a\\n  --no-color  b\\n  --help  c\\n  --version  d\\n\\n' ;;
"go --help") printf 'Usage:\\n  bailiffctl [OPTION] go NAME… | --all\\n\\nOptions:\\n  --all  a\\n  -h, --help  b\\n' ;;
"stay --help") printf 'Usage:\\n  bailiffctl [OPTION] stay\\n\\nOptions:\\n  -h, --help  b\\n' ;;
"complete -- ") printf 'go\\tGo\\nstay\\n' ;;
"complete -- go --") printf -- '--all\\tAll\\n--help\\n--json\\n--no-color\\n' ;;
"complete -- stay --") printf -- '--help\\n--json\\n--no-color\\n' ;;
esac
"""
CTL_MANUAL = """
VERBS
=====

**go** NAME...

**go** **--all**
    Goes, unlike **--stay**.

**stay**
    Stays.

OPTIONS
=======

**--json**, **--no-color**
    Two.

**-h**, **--help**
    One.

**--version**
    One.
"""


class Cli(Tree):
    def setUp(self):
        super().setUp()
        completions = HERE.parents[1] / "data/completions"
        for name in "bailiffctl.bash", "_bailiffctl", "bailiffctl.fish":
            self.plant(f"data/completions/{name}", (completions / name).read_bytes())
        self.plant("data/man/bailiffctl.1.rst", CTL_MANUAL)
        self.plant_program(CTL)

    def plant_program(self, text):
        self.plant("bin/bailiffctl", text)
        (self.root / "bin/bailiffctl").chmod(0o755)

    def program(self):
        return str(self.root / "bin/bailiffctl")

    def test_in_order(self):
        self.passes("cli", self.program())

    def test_manual(self):
        for old, new, said in (("**stay**\n", "**leave**\n", "bailiffctl(1): leave is not one of the program's"),
                               ("**stay**\n    Stays.\n", "", "bailiffctl(1): stay is missing"),
                               ("**go** **--all**\n", "    **--fast**\n", "bailiffctl(1): go: --fast is not one"),
                               ("**go** **--all**\n", "", "bailiffctl(1): go: --all is missing"),
                               ("NAME...", "NAME", "bailiffctl(1): go: NAME… is missing"),
                               ("**--version**\n", "", "bailiffctl(1): --version is missing")):
            with self.subTest(said):
                self.plant("data/man/bailiffctl.1.rst", CTL_MANUAL.replace(old, new, 1))
                self.refuses("cli", said, self.program())

    def test_what_is_completed(self):
        for old, new, said in (("--all\\\\tAll", "--most", "go: --all is missing"),
                               ("go\\\\tGo\\\\nstay", "stay", "go is missing")):
            with self.subTest(said):
                self.assertIn(old.replace("\\\\", "\\"), CTL)
                self.plant_program(CTL.replace(old.replace("\\\\", "\\"), new))
                self.refuses("cli", f"bailiffctl complete: {said}", self.program())

    def test_a_shell_that_knows_more(self):
        for name in "bailiffctl.bash", "_bailiffctl", "bailiffctl.fish":
            with self.subTest(name):
                path = self.root / "data/completions" / name
                text = path.read_text()
                path.write_text(text + "\necho --all\n")
                self.refuses("cli", f"{name}: names --all", self.program())
                path.write_text(text)

    @unittest.skipUnless(shutil.which("bash"), "bash is not installed")
    def test_a_shell_that_does_not_ask(self):
        path = self.root / "data/completions/bailiffctl.bash"
        path.write_text(path.read_text().replace("complete --", "completion --"))
        self.refuses("cli", "completion of bash: go: --all is missing", self.program())

    @unittest.skipUnless(shutil.which("bash"), "bash is not installed")
    def test_a_shell_that_cannot_read_it(self):
        path = self.root / "data/completions/bailiffctl.bash"
        path.write_text(path.read_text() + "\nif\n")
        self.refuses("cli", "bash cannot parse it", self.program())


class ErrorNames(Tree):
    def setUp(self):
        super().setUp()
        project = HERE.parents[1]
        for name in "src/common/bailiff-error.c", "data/man/interface-manual.py", "data/man/bailiff-sanlock.7.rst":
            self.plant(name, (project / name).read_bytes())

    def replace(self, name, old, new):
        path = self.root / name
        text = path.read_text()
        self.assertIn(old, text)
        path.write_text(text.replace(old, new))

    def test_in_order(self):
        self.passes("error-names")

    def test_a_new_error(self):
        self.replace("src/common/bailiff-error.c", 'BUS_PREFIX "Held"', 'BUS_PREFIX "Taken"')
        self.refuses("error-names", "org.bailiff.Bailiff1(5): Taken is not described")
        self.refuses("error-names", "-243 has Held, which is no error of bailiff's")

    @unittest.skipUnless(pathlib.Path("/usr/include/sanlock_rv.h").exists(), "libsanlock-dev is not installed")
    def test_a_number_of_sanlock(self):
        self.replace("data/man/bailiff-sanlock.7.rst", "-262    HOSTID_BUSY", "-263    HOSTID_BUSY")
        self.refuses("error-names", "bailiff-sanlock(7): -262 HOSTID_BUSY is missing")


class Catalog(Tree):
    TABLE = """static const MessageKind kinds[] = {
    [MESSAGE_ALL_WELL] = { "all-well", "00000000000000000000000000000001", LOG_NOTICE },
    [MESSAGE_ALL_LOST] = { "all-lost",
                           "00000000000000000000000000000002", LOG_ERR, TRUE },
};
    add(fields, "LOCKSPACE", subject->lockspace);
"""
    CATALOG = "".join(f"# {name}\n-- {number:032}\nSubject: @LOCKSPACE@ is {name}\nDefined-By: us\nDocumentation: man:a(8)\n"
                      "\nSo it is.\n\n" for number, name in ((1, "all-well"), (2, "all-lost")))
    CODE = 'void say(void)\n{\n    log_message(MESSAGE_ALL_WELL, NULL, "a");\n    log_message(MESSAGE_ALL_LOST, NULL, "%s", g_strerror(errno));\n}\n'

    def setUp(self):
        super().setUp()
        for name, text in (("src/common/log-message.c", self.TABLE), ("data/bailiff.catalog", self.CATALOG),
                           ("src/engine/say.c", self.CODE), ("src/ctl/main.c", 'void f(void)\n{\n    g_warning("a");\n}\n')):
            self.plant(name, text)

    def with_one(self, name, text, old, new):
        self.assertIn(old, text)
        self.plant(name, text.replace(old, new, 1))

    def test_in_order(self):
        self.assertIn("2 messages", self.passes("catalog"))

    def test_no_entry(self):
        self.plant("data/bailiff.catalog", self.CATALOG.split("# all-lost")[0])
        self.refuses("catalog", "all-lost (00000000000000000000000000000002) has no entry")

    def test_entry_of_nothing(self):
        self.plant("data/bailiff.catalog", self.CATALOG + self.CATALOG.replace("all-", "most-").replace("000001", "000009"))
        self.refuses("catalog", "most-well (00000000000000000000000000000009) is no message")

    def test_another_id(self):
        self.with_one("data/bailiff.catalog", self.CATALOG, "000001", "000007")
        self.refuses("catalog", "all-well (00000000000000000000000000000001) has no entry")

    def test_two_entries(self):
        self.plant("data/bailiff.catalog", self.CATALOG + self.CATALOG)
        self.refuses("catalog", "all-well has two entries")

    def test_no_subject(self):
        self.with_one("data/bailiff.catalog", self.CATALOG, "Subject", "Object")
        self.refuses("catalog", "all-well has no Subject:")

    def test_no_text(self):
        self.with_one("data/bailiff.catalog", self.CATALOG, "So it is.", "")
        self.refuses("catalog", "all-well explains nothing")

    def test_unknown_field(self):
        self.with_one("data/bailiff.catalog", self.CATALOG, "@LOCKSPACE@", "@LOCKSPACES@")
        self.refuses("catalog", "all-well shows the field LOCKSPACES")

    def test_one_id_for_two(self):
        self.with_one("src/common/log-message.c", self.TABLE, "000002", "000001")
        self.refuses("catalog", "the id 00000000000000000000000000000001 is there twice")

    def test_name_of_another(self):
        self.with_one("src/common/log-message.c", self.TABLE, '"all-well"', '"well"')
        self.refuses("catalog", "MESSAGE_ALL_WELL is named well")

    def test_no_id(self):
        self.with_one("src/common/log-message.c", self.TABLE, "000001", "00001")
        self.refuses("catalog", "the id of all-well is no 32 hex digits")

    def test_nobody_says_it(self):
        self.with_one("src/engine/say.c", self.CODE, "MESSAGE_ALL_WELL", "MESSAGE_ALL_LOST")
        self.refuses("catalog", "nothing says all-well")

    def test_a_line_without_fields(self):
        self.plant("src/engine/other.c", 'void f(void)\n{\n    g_message("a");\n}\n')
        self.refuses("catalog", "src/engine/other.c:3: g_message()")

    def test_a_bare_number(self):
        self.with_one("src/engine/say.c", self.CODE, "g_strerror(errno)", "errno")
        self.refuses("catalog", "src/engine/say.c:4: a bare error number")

    @unittest.skipUnless(shutil.which("journalctl"), "journalctl is not installed")
    def test_what_journalctl_cannot_read(self):
        self.plant("data/bailiff.catalog", self.CATALOG.replace("So it is.\n\n# all-lost", "So it is.\n# all-lost"))
        self.refuses("catalog", "journalctl")

    def test_nothing_there(self):
        self.plant("src/common/log-message.c", "")
        self.plant("data/bailiff.catalog", "")
        self.refuses("catalog", "found no messages")


class Actions(Tree):
    POLICY = """<policyconfig><action id="org.bailiff.look"><description>D</description><message>M</message></action>
<action id="org.bailiff.break"><description>D</description><message>M</message></action></policyconfig>"""
    XML = """<node><interface name="a.A"><method name="Look">
<annotation name="org.bailiff.PolkitAction" value="org.bailiff.look"/>
<annotation name="org.bailiff.PolkitAction.Option.force" value="org.bailiff.break"/>
</method><method name="Ping"><annotation name="org.bailiff.PolkitAction" value="none: harms nobody"/></method>
<property name="P" type="s" access="read"/></interface></node>"""

    def setUp(self):
        super().setUp()
        self.plant("policy/org.bailiff.policy.in", self.POLICY)
        self.plant("introspection/a.xml", self.XML)

    def with_xml(self, old, new):
        self.assertIn(old, self.XML)
        self.plant("introspection/a.xml", self.XML.replace(old, new))

    def test_in_order(self):
        self.passes("actions")

    def test_no_action(self):
        self.with_xml(' value="org.bailiff.look"', "")
        self.refuses("actions", "a.xml: Look has no annotation")

    def test_writable_property(self):
        self.with_xml('access="read"', 'access="readwrite"')
        self.refuses("actions", "a.xml: P has no annotation")

    def test_unknown_action(self):
        self.with_xml("org.bailiff.break", "org.bailiff.brake")
        self.refuses("actions", "Look names the action org.bailiff.brake")

    def test_unused_action(self):
        self.with_xml("org.bailiff.break", "org.bailiff.look")
        self.refuses("actions", "no method asks for org.bailiff.break")

    def test_action_used_by_code(self):
        self.with_xml("org.bailiff.break", "org.bailiff.look")
        self.plant("src/dbus/risk.c", "int risk = POLKIT_ACTION_BREAK;\n")
        self.passes("actions")

    def test_no_reason(self):
        self.with_xml("none: harms nobody", "none")
        self.refuses("actions", "does not say why")

    def test_no_message(self):
        self.plant("policy/org.bailiff.policy.in", self.POLICY.replace("<message>M</message>", "", 1))
        self.refuses("actions", "org.bailiff.look has no message")


if __name__ == "__main__":
    unittest.main()
