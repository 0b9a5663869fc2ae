# SPDX-License-Identifier: LGPL-2.1-or-later
"""One bailiffd follows another in each of the ways there are, in the midst of a failure."""

import os
import pathlib

import pytest

from lease_calls import MIB, format_lockspace, format_resource, join, wait_by_asking
from private_service import ROOT_PATH

INCIDENT = f"{ROOT_PATH}/incidents/1"
SECOND = 1_000_000


@pytest.fixture
def failing_space(host, hanging_storage):
    """Joined on storage that can be made to fail; with two resources."""
    path = hanging_storage.path
    format_lockspace(host, path)
    format_resource(host, path)
    format_resource(host, path, 2 * MIB, "second")
    join(host, path)
    yield path
    hanging_storage.resume()


def reexecute(host):
    host.reexecute()


def replace(host):
    old, first = host.owner(), host.daemon
    first.expected_to_end = True
    arguments = host.arguments if host.arguments != "none" else ""
    host.start_daemon(f"{arguments} --replace", wait=False)
    host.wait_for_another_owner(old)
    host.wait_until(lambda: first.ended, "the end of the first one")


def kill(host):
    host.kill_daemon()
    host.start_daemon()


WAYS = {"reexecute": reexecute, "replace": replace, "kill": kill}


def story(host, path=INCIDENT):
    return host.property(path, "Incident", "Steps")


def events(steps):
    return [step["event"] + (f" {step['index']} {step['action']}" if "action" in step else "") for step in steps]


def incidents(host):
    return sorted(path for path in host.objects() if path.startswith(f"{ROOT_PATH}/incidents/"))


def wait_step(host, registration, index, limit=60):
    host.wait_for_property(registration, "Registration", "Step", lambda step: step == index, limit)
    written = pathlib.Path(host.directory, "run/incidents/1")
    wait_by_asking(host, lambda: any(step.get("index") == index and step["event"] == "step-started"
                                     for step in story(host)), "the step in the incident")
    wait_by_asking(host, lambda: f"Index={index}\n" in written.read_text(), "the step in the incident's file")
