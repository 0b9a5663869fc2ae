# SPDX-License-Identifier: LGPL-2.1-or-later
"""Guests for the tests of one file: the build installed into a Debian, with systemd as process 1."""

import concurrent.futures
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


def prepare(request, *programs):
    """(directory, what all machines of this file boot from); the programs are in the guests' PATH."""
    obstacle = virtual_machine.find_obstacle()
    if obstacle:
        pytest.skip(obstacle)
    name = pathlib.Path(request.fspath).stem.removeprefix("test_")
    directory = BUILD / "vm" / name
    directory.mkdir(parents=True, exist_ok=True)
    base, root = BUILD / "vm/base", directory / "root.img"
    make("make-base", base)
    make("make-root", base, BUILD, root, *programs)
    request.addfinalizer(root.unlink)
    return directory, (base / "vmlinuz", base / "initrd.gz", root)


def make_disk(directory, name):
    path = directory / f"{name}.img"
    path.unlink(missing_ok=True)
    path.touch()
    os.truncate(path, 64 * MIB)
    return path


def start(request, *arguments, **options):
    try:
        machine = VirtualMachine(*arguments, **options)
    except NoSuchMachine as reason:
        pytest.skip(str(reason))
    request.addfinalizer(machine.stop)
    return machine


@pytest.fixture(scope="module")
def guest(request):
    """One machine for all the tests of a file, with a disk called "leases"."""
    directory, system = prepare(request)
    leases = make_disk(directory, "leases")
    machine = start(request, directory, *system, {"leases": leases})
    machine.leases = leases
    return machine


@pytest.fixture(scope="module")
def hosts(request):
    """Two machines, called a and b, with two disks that both have, "leases" and "data"."""
    directory, system = prepare(request, BUILD / "tests/shared-log")
    disks = {name: make_disk(directory, name) for name in ("leases", "data")}
    for path in disks.values():
        # A file without holes: who fills one beside another machine's write may undo that, which no disk does.
        path.write_bytes(bytes(path.stat().st_size))

    def boot(name):
        return start(request, directory / name, *system, shared=disks, name=name, processors=1)

    with concurrent.futures.ThreadPoolExecutor() as pool:
        machines = dict(zip("ab", pool.map(boot, "ab")))
    for machine in machines.values():
        machine.disks = disks
    return machines


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if not report.failed:
        return
    given = getattr(item, "funcargs", {})
    for machine in [given["guest"]] if "guest" in given else given.get("hosts", {}).values():
        add_logs(report, machine)


def add_logs(report, machine):
    if machine.process.poll() is not None:
        return
    name = machine.name or "guest"
    report.sections.append((f"console of {name}", machine.console()))
    try:
        report.sections.append((f"journal of {name}", machine.run("journalctl -b -n 100 --no-pager", limit=60).output))
    except Exception as error:  # it is about another failure
        report.sections.append((f"journal of {name}", str(error)))
