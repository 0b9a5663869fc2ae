# SPDX-License-Identifier: LGPL-2.1-or-later
"""A guest for the tests of one file: the build installed into a Debian, with systemd as process 1."""

import os
import pathlib
import subprocess

import pytest

import virtual_machine
from private_service import BUILD
from virtual_machine import NoSuchMachine, VirtualMachine

HERE = pathlib.Path(__file__).resolve().parent
MIB = 1 << 20
CANNOT = 77


def make(script, *arguments):
    """Runs one of the scripts that make the guest; what it cannot do here is a reason to skip."""
    result = subprocess.run([str(HERE / script), *(str(a) for a in arguments)], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = result.stdout.strip().splitlines()
    if result.returncode == CANNOT:
        pytest.skip(lines[-1])
    assert result.returncode == 0, result.stdout


@pytest.fixture(scope="module")
def guest(request):
    """One machine for all the tests of a file, with a disk called "leases"."""
    obstacle = virtual_machine.find_obstacle()
    if obstacle:
        pytest.skip(obstacle)
    name = pathlib.Path(request.fspath).stem.removeprefix("test_")
    directory = BUILD / "vm" / name
    directory.mkdir(parents=True, exist_ok=True)
    base, root, leases = BUILD / "vm/base", directory / "root.img", directory / "leases.img"
    make("make-base", base)
    make("make-root", base, BUILD, root)
    leases.unlink(missing_ok=True)
    leases.touch()
    os.truncate(leases, 64 * MIB)
    try:
        machine = VirtualMachine(directory, base / "vmlinuz", base / "initrd.gz", root, {"leases": leases})
    except NoSuchMachine as reason:
        pytest.skip(str(reason))
    machine.leases = leases
    try:
        yield machine
    finally:
        machine.stop()
        root.unlink()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    machine = getattr(item, "funcargs", {}).get("guest")
    if not report.failed or machine is None or machine.process.poll() is not None:
        return
    report.sections.append(("console", machine.console()))
    try:
        report.sections.append(("journal", machine.run("journalctl -b -n 100 --no-pager", limit=60).output))
    except Exception as error:  # it is about another failure
        report.sections.append(("journal", str(error)))
