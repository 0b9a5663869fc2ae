# SPDX-License-Identifier: LGPL-2.1-or-later
"""The benchmark runs, and its figures have the form that is documented. How fast anything is, is not asked here."""

import json
import subprocess
import sys

import pytest

from main_loop import LIMIT
from private_service import BUILD, SOURCE
from sanlock_daemon import SanlockDaemon

BENCH = SOURCE / "tests" / "bench" / "bench"


@pytest.fixture(scope="module", autouse=True)
def can_run():
    if not SanlockDaemon.program():
        pytest.skip("sanlock is not installed")
    if not (BUILD / "tests" / "bench" / "bench-sanlock-load").exists():
        pytest.skip("the programs of the benchmark are not built: libsanlock-dev or libfuse3-dev was not there")


def bench(*arguments):
    return subprocess.run([sys.executable, "-B", str(BENCH), *arguments], stdin=subprocess.DEVNULL, text=True,
                          capture_output=True, timeout=LIMIT)


def check_row(row):
    assert row["name"] and row["what"] and row["unit"]
    for side in ("bailiff", "sanlock"):
        figures = row[side]
        assert len(figures["values"]) == 1, row
        assert 0 < figures["min"] <= figures["median"] <= figures["max"]
    assert row["ratio"] == row["bailiff"]["median"] / row["sanlock"]["median"]
    assert not row["notes"]


def test_a_row_is_measured(tmp_path):
    output = tmp_path / "figures.json"
    result = bench("--rows", "acquire/plain/1/p*", "--seconds", "1", "--repeat", "1", "--json", str(output))
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"
    figures = json.loads(output.read_text())
    assert figures["complete"] and not figures["warnings"]
    assert figures["machine"]["cores"] > 0 and figures["storage"]["file system"]
    rows = {row["name"]: row for row in figures["rows"]}
    assert sorted(rows) == ["acquire/plain/1/p50", "acquire/plain/1/p99", "acquire/plain/1/pairs"]
    for row in rows.values():
        check_row(row)
        assert f"| {row['name']} " in result.stdout
    assert rows["acquire/plain/1/p50"]["goal"]["met"] in (True, False)
    assert rows["acquire/plain/1/p99"]["goal"] is None


def test_unknown_rows_are_refused():
    result = bench("--rows", "no-such-row")
    assert result.returncode != 0
    assert "no row has such a name" in result.stderr


def test_domains_are_paused(tmp_path):
    """In a machine of its own, which not everyone may make."""
    output = tmp_path / "figures.json"
    result = bench("--rows", "domain-pause/1/last", "--repeat", "1", "--json", str(output))
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"
    row, = json.loads(output.read_text())["rows"]
    refused = [note for note in row["notes"] if "not measured" in note]
    if refused:
        pytest.skip("; ".join(refused))
    check_row(row)
    assert row["goal"]["text"] == "≤ 1000 ms"
