# SPDX-License-Identifier: LGPL-2.1-or-later
"""Manager.CheckStorage() and `bailiffctl check`: is storage fit for leases?"""

import json
import os
import tempfile

import pytest

from ctl import PROGRAM, ctl
from lease_storage import MIB, NoSuchStorage, hanging_file
from private_service import BusError, options

# Of a healthy host, by the io timeout.
LATE, FAIL, DEAD = 6, 8, 60


def check(service, path, offset=0, duration=1):
    return service.call("Manager", "Manager", "CheckStorage", "(sta{sv})", path, offset,
                        options(duration=("u", duration)))


def test_a_file(daemon, storage):
    before = open(storage, "rb").read()
    info = check(daemon, storage)
    assert info["fit"], info["problems"]
    assert (info["kind"], info["readable"], info["writable"], info["direct-io"]) == ("file", True, True, True)
    assert info["user"] == os.geteuid() and info["size"] == 16 * MIB and info["reads"] > 0
    assert (info["sector-size"], info["align-size"]) in ((512, MIB), (4096, 8 * MIB))
    latencies = [info[f"latency-{part}-usec"] for part in ("50", "95", "99", "max")]
    assert latencies == sorted(latencies) and latencies[0] > 0
    timeout = info["io-timeout"]
    assert timeout >= max(10, info["smallest-io-timeout"]) and info["watchdog"]
    assert (info["late"], info["fail"]) == (LATE * timeout, FAIL * timeout)
    assert info["reset"] == info["free"] == FAIL * timeout + DEAD
    assert "unanswered-usec" not in info
    assert open(storage, "rb").read() == before


def test_too_small(daemon, make_storage):
    path = make_storage(1)
    info = check(daemon, path, offset=MIB)
    assert not info["fit"] and "too small" in info["problems"][0]
    assert info["reads"] == 0 and "io-timeout" not in info


def test_offset_within_an_area(daemon, storage):
    info = check(daemon, storage, offset=MIB + 512)
    assert not info["fit"] and "not a multiple of the area size" in info["problems"][0]


@pytest.mark.parametrize("path, offset, error", [
    ("/nonexistent/disk", 0, "NotFound"),
    ("relative", 0, "InvalidArgument"),
    ("/", 0, "InvalidArgument"),
    ("/dev/null", 0, "InvalidArgument"),
    ("/tmp/any", 100, "InvalidArgument"),
])
def test_nothing_to_look_at(daemon, path, offset, error):
    with pytest.raises(BusError) as caught:
        check(daemon, path, offset)
    assert caught.value.name == f"org.bailiff.Error.{error}"


@pytest.mark.parametrize("duration", [0, 301])
def test_bad_duration(daemon, storage, duration):
    with pytest.raises(BusError) as caught:
        check(daemon, storage, duration=duration)
    assert caught.value.name == "org.bailiff.Error.InvalidArgument"


def test_memory(daemon):
    if not os.path.isdir("/dev/shm"):
        pytest.skip("there is no /dev/shm")
    with tempfile.NamedTemporaryFile(dir="/dev/shm") as file:
        file.truncate(2 * MIB)
        info = check(daemon, file.name)
    assert info["file-system"] == "tmpfs" and not info["fit"]
    assert any("memory of this host" in problem for problem in info["problems"])


@pytest.fixture
def slow_storage():
    try:
        with hanging_file(read_delay="400ms") as store:
            yield store
    except NoSuchStorage as reason:
        pytest.skip(str(reason))


def test_slow_storage(daemon, slow_storage):
    """Each read that reaches the store takes 400 ms; the kernel makes several of one."""
    info = check(daemon, slow_storage.path, duration=4)
    assert info["file-system"] == "fuse"
    assert info["latency-50-usec"] >= 400000
    assert info["smallest-io-timeout"] > 4 and info["io-timeout"] == max(10, info["smallest-io-timeout"])
    assert info["fail"] == FAIL * info["io-timeout"]
    assert any("user space" in warning for warning in info["warnings"])


def test_storage_that_hangs(service, hanging_storage):
    hanging_storage.hang(limit=60)
    pending = service.begin("Manager", "Manager", "CheckStorage", "(sta{sv})", hanging_storage.path, 0,
                            options(duration=("u", 1)), timeout=60)
    # Nobody else waits.
    assert service.property("Manager", "Manager", "Version")
    info = pending.result(60)
    assert not info["fit"] and info["unanswered-usec"] > 5e6
    assert any("does not answer" in problem for problem in info["problems"])
    hanging_storage.resume()


def test_failing_storage(daemon, hanging_storage):
    hanging_storage.fail()
    info = check(daemon, hanging_storage.path)
    assert not info["fit"] and any("A read failed" in problem for problem in info["problems"])


def test_for_people_and_programs(daemon, storage, make_storage):
    text = ctl(daemon, "check", storage, "--duration", 1).stdout
    assert "is fit for leases" in text and "Recommended io timeout:" in text and len(text.splitlines()) < 24
    info = json.loads(ctl(daemon, "check", storage, "--duration", 1, "--json").stdout)
    assert info["Fit"] is True and info["IoTimeout"] >= 10
    unfit = ctl_unfit(daemon, "check", f"{make_storage(1)}:1M", "--duration", 1)
    assert "is not fit for leases" in unfit and "problem:" in unfit
    ctl(daemon, "check", storage, "--duration", "x", status=2)
    ctl(daemon, "check", "/nonexistent/disk", status=1)


def ctl_unfit(service, *arguments):
    """Unfit is an answer, not a complaint: nothing is on stderr."""
    result = service.command(PROGRAM, *arguments)
    assert result.returncode == 1 and not result.stderr
    return result.stdout
