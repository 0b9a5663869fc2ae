# SPDX-License-Identifier: LGPL-2.1-or-later
"""The configuration file: a bad one keeps bailiffd from starting, with the place and the cure."""

import os

import pytest

from private_service import PrivateService


@pytest.fixture
def start(tmp_path):
    """start(text, **drop_ins): a bailiffd with this configuration."""
    services = []

    def make(text, **drop_ins):
        main = tmp_path / "bailiffd.conf"
        main.write_text(text)
        for name, its_text in drop_ins.items():
            directory = tmp_path / "bailiffd.conf.d"
            directory.mkdir(exist_ok=True)
            (directory / f"{name}.conf").write_text(its_text)
        services.append(PrivateService(f"--config {main}"))
        return services[-1]

    yield make
    for service in services:
        service.stop()


def test_good_files(start):
    service = start("[failure-policy]\nprocess=signal INT 3s, kill\n",
                    late="[lockspace a]\nfailure-policy-domain=kill\n[libvirt]\ndriver=test\n")
    assert not service.daemon.ended


BAD = {
    "unknown group": ("[policies]\n", {}, ["bailiffd.conf, [policies]: ", "[lockspace NAME]"]),
    "unknown key": ("[libvirt]\nuri=qemu:///system\n", {}, ["[libvirt], uri: ", "run-directory"]),
    "no policy": ("[failure-policy]\nunit=stop-unit 15s\n", {}, ["[failure-policy], unit: ", "Add kill"]),
    "not for this kind": ("[failure-policy]\nprocess=pause, kill\n", {}, ["[failure-policy], process: ", "pause"]),
    "too long": ("[lockspace a]\nfailure-policy-unit=stop-unit 30, freeze 15, kill\n", {},
                 ["[lockspace a], failure-policy-unit: ", "30 + 15 = 45"]),
    "in a drop-in": ("[failure-policy]\nunit=kill\n", {"one": "[failure-policy]\nunit=\n"},
                     ["bailiffd.conf.d/one.conf, [failure-policy], unit: "]),
    "no key file": ("failure-policy: kill\n", {}, ["bailiffd.conf: "]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files(start, case):
    text, drop_ins, says = BAD[case]
    with pytest.raises(AssertionError) as caught:
        start(text, **drop_ins)
    complaint = str(caught.value)
    assert "ended with status 1 before it was on the bus" in complaint
    for words in says:
        assert words in complaint, complaint


def test_a_named_file_that_is_not_there(tmp_path):
    with pytest.raises(AssertionError, match="none.conf.*No such file"):
        PrivateService(f"--config {os.path.join(tmp_path, 'none.conf')}")
