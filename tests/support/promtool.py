# SPDX-License-Identifier: LGPL-2.1-or-later
"""promtool, Prometheus' own judge. `./run setup test` takes it alone out of Debian's package, which is a service."""

import pathlib
import re
import shutil
import subprocess

import pytest

FETCHED = pathlib.Path(__file__).parents[2] / "build/tools/promtool"


def promtool(*arguments, text=""):
    program = shutil.which("promtool") or FETCHED
    if not pathlib.Path(program).exists():
        pytest.skip("promtool is not here: ./run setup test fetches it")
    run = subprocess.run([program, *arguments], input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert run.returncode == 0, run.stdout


def check_metrics(text):
    """promtool reads the older text format, where all lines about a counter have the name of its samples."""
    counters = re.findall(r"^# TYPE (\S+) counter$", text, re.MULTILINE)
    for name in counters:
        text = re.sub(rf"^# (TYPE|HELP) {name} ", rf"# \1 {name}_total ", text, flags=re.MULTILINE)
    promtool("check", "metrics", text=text)
