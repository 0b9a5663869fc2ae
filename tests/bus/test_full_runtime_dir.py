# SPDX-License-Identifier: LGPL-2.1-or-later
"""No room is left to write down what is held: then nothing new is, and it is said why."""

import os
import pathlib
import subprocess

import pytest

from exec_programs import scripts, steps  # noqa: F401
from full_directory import FullDirectory, NoMount
from lease_calls import (SPACE, acquire, begin_join, check_two_lines, fails_with, format_lockspace, format_resource,
                         inspect_lockspace, inspect_resource, join, lease, register, release, wait_by_asking, wait_ended)


@pytest.fixture
def full(make_service, request):
    """(a daemon, its runtime directory)"""
    host = make_service("none")
    try:
        directory = FullDirectory(os.path.join(host.directory, "run"))
    except NoMount as reason:
        pytest.skip(str(reason))
    request.addfinalizer(directory.unmount)
    host.start_daemon()
    yield host, directory
    host.kill_daemon()


def test_join(full, storage):
    """The host lease is on disk by the time that it cannot be written down: it is given back."""
    host, directory = full
    format_lockspace(host, storage)
    for name in ("past", "lockspaces"):
        (directory.path / name).mkdir(mode=0o700)
    directory.fill(spare=1)  # for what is written before the first I/O
    begin_join(host, storage)
    host.wait_for_property(SPACE, "Lockspace", "State", "lost")
    reason = host.property(SPACE, "Lockspace", "Reason")
    check_two_lines(reason)
    assert "No space left" in reason and "Make room" in reason
    wait_by_asking(host, lambda: inspect_lockspace(host, storage)["hosts"][0]["timestamp"] == 0,
                   "a host lease that is given back")
    directory.empty()
    join(host, storage)
    assert host.property(SPACE, "Lockspace", "State") == "held"


def test_join_that_cannot_begin(full, storage):
    host, directory = full
    format_lockspace(host, storage)
    directory.fill()
    begin_join(host, storage)
    host.wait_for_property(SPACE, "Lockspace", "State", "lost")
    assert "Make room" in host.property(SPACE, "Lockspace", "Reason")


def test_registration_and_acquisition(full, storage, make_worker):
    host, directory = full
    format_lockspace(host, storage)
    format_resource(host, storage)
    join(host, storage)
    first = register(host, make_worker())
    directory.fill()
    with fails_with("IoError", "No space left"):
        register(host, make_worker(), "second")
    assert [path for path in host.objects() if "/registrations/" in path] == [first]
    with fails_with("IoError", "Make room"):
        acquire(host, first, lease(storage))
    assert inspect_resource(host, storage)["state"] == "free"
    directory.empty()
    acquire(host, first, lease(storage))
    # What has its room may be given up, and taken again.
    directory.fill()
    release(host, first)
    assert inspect_resource(host, storage)["state"] == "free"


def test_program_whose_begin_cannot_be_noted(host, hanging_storage, scripts, make_worker):  # noqa: F811
    """It may be what fences: it is run, and the log tells what may come of that. (Room is not what is missing here: what
    is one page is written over.)"""
    format_lockspace(host, hanging_storage.path)
    format_resource(host, hanging_storage.path)
    join(host, hanging_storage.path)
    worker = make_worker()
    program = scripts("fence", 'echo run >> "$0.out"')
    registration = register(host, worker, failure_policy=steps(("exec", 5, program), ("kill", 0)))
    acquire(host, registration, lease(hanging_storage.path))
    held = pathlib.Path(host.directory, "run", "held")
    held.rename(held.with_name("held-before"))
    held.touch()
    hanging_storage.fail()
    wait_ended(host, worker)
    assert pathlib.Path(f"{program}.out").read_text() == "run\n"
    wait_by_asking(host, lambda: "may run it a second time" in host.log(), "the line in the log")
    held.unlink()
    held.with_name("held-before").rename(held)


def test_directory_that_is_not_in_memory(full, make_service, tmp_path):
    host, _directory = full
    assert "is not in memory" not in host.log()
    if subprocess.run(["stat", "-f", "-c", "%T", tmp_path], stdout=subprocess.PIPE, text=True,
                      check=True).stdout.strip() in ("tmpfs", "ramfs"):
        pytest.skip("all directories of the tests are in memory here")
    other = make_service("none")
    os.symlink(tmp_path, os.path.join(other.directory, "run"))
    other.start_daemon()
    assert "is not in memory" in other.log()
