# SPDX-License-Identifier: LGPL-2.1-or-later
"""Wrong paths, numbers, names, options and types: each has its error, none changes a byte, and the daemon goes on."""

import os
import subprocess

import pytest

from gi.repository import GLib

import disk_records as disk
from lease_calls import (MIB, SPACE, acquire, check_error, check_two_lines, fails_with, format_lockspace,
                         format_resource, inspect_lockspace, inspect_resource, join, lease, leave, policy, register,
                         release, unregister)
from private_service import ROOT_PATH, BusError, options

TOO_LONG = "x" * 49
BAD_NAMES = ["", TOO_LONG, "a/b", "a b", "a\nb", "a\tb", "\x7f", "m\u00e4h", "a:b", "a\\b", "\u2028"]
HUGE = 2 ** 64
BAD_OFFSETS = [1, 511, 513, HUGE - MIB, HUGE - 512, HUGE - 1]
names = pytest.mark.parametrize("name", BAD_NAMES, ids=ascii)


class World:
    """A held lockspace with a resource, and a disk beside it that nobody has joined, with all in it once more."""

    def __init__(self, service, make_storage):
        self.service = service
        self.joined, self.other, self.small = make_storage(4), make_storage(8), make_storage(0)
        os.truncate(self.small, 4096)
        for path in self.joined, self.other:
            format_lockspace(service, path)
            format_resource(service, path)
        format_lockspace(service, self.other, 2 * MIB, name="little", sector_size=("u", 4096),
                         align_size=("u", MIB))
        join(service, self.joined)

    def digests(self):
        """Everything but the record that is renewed all the time."""
        return disk.digest(self.joined, (0, 512)), disk.digest(self.other), disk.digest(self.small)


@pytest.fixture(scope="module")
def module_world(module_service, module_storage):
    world = World(module_service, module_storage)
    yield world
    leave(module_service, SPACE, force=("b", True))


@pytest.fixture
def world(daemon, module_world):
    """Sees to it that the test changes nothing, and that the daemon still serves after it."""
    before = module_world.digests()
    objects = set(daemon.objects())
    yield module_world
    assert set(daemon.objects()) - objects == set(), "something was left on the bus"
    assert module_world.digests() == before
    assert daemon.property(SPACE, "Lockspace", "State") == "held"


@pytest.fixture
def registration(daemon, world, worker):
    path = register(daemon, worker)
    yield path
    if path in daemon.objects():
        release(daemon, path)
        unregister(daemon, path)


def refused_join(daemon, path, name="space", offset=0, host_id=1, **given):
    """A join ends in one of two ways: refused at once, or lost with the reason. Returns the text."""
    given.setdefault("io_timeout", ("u", 1))
    try:
        lockspace = daemon.call("Manager", "Manager", "JoinLockspace", "(sstta{sv})", name, path, offset, host_id,
                                options(**given))
    except BusError as error:
        check_two_lines(error.message)
        return error.name.rpartition(".")[2], error.message
    daemon.wait_for_property(lockspace, "Lockspace", "State", "lost")
    reason = daemon.property(lockspace, "Lockspace", "Reason")
    check_two_lines(reason)
    leave(daemon, lockspace)
    return "lost", reason


# Paths

@pytest.fixture
def bad_paths(world, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to("loop")
    return {
        "": "InvalidArgument",
        "relative/path": "InvalidArgument",
        "/" + "x" * 5000: "InvalidArgument",
        str(tmp_path / "nothing"): "NotFound",
        str(tmp_path / "loop"): "InvalidArgument",
        world.other + "/below": None,
        str(tmp_path): "InvalidArgument",
        str(tmp_path / "fifo"): "InvalidArgument",
        "/dev/null": "InvalidArgument",
        "/proc/self/mem": None,
    }


def calls_with_path(daemon, path):
    yield lambda: daemon.call("Manager", "Manager", "InspectLockspace", "(sta{sv})", path, 0, {})
    yield lambda: daemon.call("Manager", "Manager", "InspectResource", "(sta{sv})", path, 0, {})
    yield lambda: format_lockspace(daemon, path, overwrite=("b", True))
    yield lambda: format_resource(daemon, path, overwrite=("b", True))


def test_paths_that_lead_to_no_storage(daemon, bad_paths):
    for path, name in bad_paths.items():
        for call in calls_with_path(daemon, path):
            with pytest.raises(BusError) as caught:
                call()
            assert caught.value.name.startswith("org.bailiff.Error."), (path, caught.value)
            check_error(caught.value, name or caught.value.name.rpartition(".")[2])


def test_joining_and_acquiring_at_paths_that_lead_to_no_storage(daemon, bad_paths, registration):
    for path in bad_paths:
        refused_join(daemon, path, "elsewhere")
        with pytest.raises(BusError) as caught:
            acquire(daemon, registration, lease(path))
        check_error(caught.value, caught.value.name.rpartition(".")[2])


def test_file_without_direct_io(daemon, world):
    path = "/sys/kernel/mm/transparent_hugepage/enabled"
    if not os.path.exists(path):
        pytest.skip(f"there is no {path}, a file that knows no direct I/O")
    with pytest.raises(BusError) as caught:
        inspect_lockspace(daemon, path)
    check_error(caught.value, caught.value.name.rpartition(".")[2])


def test_file_that_is_too_short(daemon, world):
    for offset in 0, MIB:
        # Its only sector is there to be read, and is no lockspace.
        with fails_with("NotFound" if offset == 0 else "InvalidArgument"):
            inspect_lockspace(daemon, world.small, offset)
        with fails_with("InvalidArgument", "4096"):
            format_lockspace(daemon, world.small, offset, overwrite=("b", True))
        with fails_with("InvalidArgument", "4096"):
            format_resource(daemon, world.small, offset, overwrite=("b", True))
    refused_join(daemon, world.small, "small")


def test_formatting_behind_the_end(daemon, world):
    for offset in 8 * MIB, 2 ** 40, 2 ** 62:
        with fails_with("InvalidArgument"):
            format_lockspace(daemon, world.other, offset, overwrite=("b", True))


# Offsets and numbers

@pytest.mark.parametrize("offset", [*BAD_OFFSETS, 512])
def test_formatting_at_bad_offsets(daemon, world, offset):
    with fails_with("InvalidArgument"):
        format_lockspace(daemon, world.other, offset, overwrite=("b", True))
    with fails_with("InvalidArgument"):
        format_resource(daemon, world.other, offset, overwrite=("b", True))


@pytest.mark.parametrize("offset", BAD_OFFSETS)
def test_using_bad_offsets(daemon, world, registration, offset):
    for inspect in inspect_lockspace, inspect_resource:
        with fails_with("InvalidArgument"):
            inspect(daemon, world.other, offset)
    assert refused_join(daemon, world.other, "elsewhere", offset)[0] == "InvalidArgument"
    with fails_with("InvalidArgument"):
        acquire(daemon, registration, lease(world.joined, offset))


@pytest.mark.parametrize("host_id", [2001, 2 ** 32 + 1, 2 ** 63, HUGE - 1])
def test_impossible_host_ids(daemon, world, host_id):
    kind, text = refused_join(daemon, world.other, "elsewhere", 0, host_id)
    assert kind == "InvalidArgument" and str(host_id) in text


def test_host_id_behind_the_end_of_a_small_lockspace(daemon, world):
    kind, text = refused_join(daemon, world.other, "little", 2 * MIB, 251)
    assert "251" in text


@pytest.mark.parametrize("seconds", [0, 256, 2 ** 32 - 1])
def test_impossible_io_timeouts(daemon, world, seconds):
    assert refused_join(daemon, world.other, "elsewhere", io_timeout=("u", seconds))[0] == "InvalidArgument"
    with fails_with("InvalidArgument", str(seconds)):
        format_lockspace(daemon, world.other, io_timeout=("u", seconds), overwrite=("b", True))


@pytest.mark.parametrize("sizes", [(0, MIB), (512, 0), (512, 2 * MIB), (1024, MIB), (4096, 3 * MIB), (4096, 16 * MIB),
                                   (2 ** 32 - 1, 2 ** 32 - 1)])
def test_impossible_sizes(daemon, world, sizes):
    given = {"sector_size": ("u", sizes[0]), "align_size": ("u", sizes[1]), "overwrite": ("b", True)}
    with fails_with("InvalidArgument"):
        format_lockspace(daemon, world.other, **given)
    with fails_with("InvalidArgument"):
        format_resource(daemon, world.other, **given)


@pytest.mark.parametrize("hosts", [0, 2001, 2 ** 32 - 1])
def test_impossible_numbers_of_hosts(daemon, world, hosts):
    with fails_with("InvalidArgument", str(hosts)):
        format_resource(daemon, world.other, max_hosts=("u", hosts), overwrite=("b", True))


# Names

@names
def test_bad_names_in_formatting(daemon, world, name):
    with fails_with("InvalidArgument"):
        format_lockspace(daemon, world.other, name=name, overwrite=("b", True))
    with fails_with("InvalidArgument"):
        format_resource(daemon, world.other, name=name, overwrite=("b", True))
    with fails_with("InvalidArgument"):
        format_resource(daemon, world.other, lockspace=name, overwrite=("b", True))


@names
def test_bad_names_in_joining_and_acquiring(daemon, world, registration, name):
    assert refused_join(daemon, world.other, name)[0] == "InvalidArgument"
    with fails_with("InvalidArgument"):
        acquire(daemon, registration, lease(world.joined, name=name))
    with fails_with("InvalidArgument"):
        acquire(daemon, registration, lease(world.joined, lockspace=name))


@names
def test_bad_names_of_registrations(daemon, world, worker, name):
    with fails_with("InvalidArgument"):
        register(daemon, worker, name)


# Joining

def test_joining_what_is_not_there(daemon, world):
    for name, offset in ("elsewhere", 0), ("little", 0), ("space", MIB), ("space", 3 * MIB):
        if name == "space":
            continue
        assert refused_join(daemon, world.other, name, offset)[0] == "lost"
    assert refused_join(daemon, world.other, "elsewhere", MIB)[0] == "lost"
    assert refused_join(daemon, world.other, "elsewhere", 3 * MIB)[0] == "lost"


def test_joining_twice(daemon, world):
    for path, host_id in (world.joined, 1), (world.joined, 2), (world.other, 1):
        kind, text = refused_join(daemon, path, "space", host_id=host_id)
        assert kind == "AlreadyExists" and "space" in text
    kind, text = refused_join(daemon, world.joined, "other")
    assert kind == "AlreadyExists" and "space" in text


def test_same_place_under_another_path_and_name(daemon, world):
    """The name on disk is another one, so it fails in any case; what was joined stays joined."""
    other = world.joined + ".symlink"
    os.symlink(world.joined, other)
    refused_join(daemon, other, "other")


# Processes

def test_processes_that_cannot_be_registered(daemon, world):
    ended = subprocess.Popen(["true"])
    ended.wait()
    for pid, name in ((ended.pid, "NotFound"), (1, "InvalidArgument"), (daemon.daemon.pid, "InvalidArgument"),
                      (2 ** 32 - 1, "InvalidArgument"), (2 ** 31, "InvalidArgument"), (2 ** 22 + 5, "NotFound")):
        with fails_with(name):
            daemon.call("Manager", "Manager", "RegisterPid", "(usa{sv})", pid, "name", {})


def test_zombie_cannot_be_registered(daemon, world):
    zombie = subprocess.Popen(["true"])
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    with fails_with("NotFound"):
        register(daemon, zombie)
    zombie.wait()


def register_fd(daemon, fd, index=0):
    return daemon.call("Manager", "Manager", "RegisterProcess", "(hsa{sv})", index, "name", {}, fds=[fd])


def test_file_descriptors_that_are_no_pidfd(daemon, world, worker):
    for opened in "/dev/null", "/proc/self/stat", f"/proc/{worker.pid}":
        fd = os.open(opened, os.O_RDONLY)
        try:
            with fails_with("InvalidArgument"):
                register_fd(daemon, fd)
        finally:
            os.close(fd)


def test_pidfd_that_is_not_in_the_message(daemon, world, worker):
    with fails_with("InvalidArgument"):
        daemon.call("Manager", "Manager", "RegisterProcess", "(hsa{sv})", 0, "name", {})
    fd = os.pidfd_open(worker.pid)
    for index in 1, 100, -1, 2 ** 31 - 1:
        with fails_with("InvalidArgument"):
            register_fd(daemon, fd, index)
    os.close(fd)


def test_pidfds_of_what_cannot_be_registered(daemon, world):
    ended = subprocess.Popen(["true"])
    fds = [(os.pidfd_open(ended.pid), "NotFound"), (os.pidfd_open(1), "InvalidArgument"),
           (os.pidfd_open(daemon.daemon.pid), "InvalidArgument")]
    ended.wait()
    for fd, name in fds:
        with fails_with(name):
            register_fd(daemon, fd)
        os.close(fd)


def test_many_processes_that_end_meanwhile(daemon, world):
    """Whichever of the two comes first: an error, or an object that goes again."""
    calls = []
    for _ in range(30):
        process = subprocess.Popen(["true"])
        calls.append(daemon.begin("Manager", "Manager", "RegisterPid", "(usa{sv})", process.pid, "short", {}))
        process.wait()
    for call in calls:
        try:
            path = call.result()
        except BusError as error:
            check_error(error, "NotFound")
        else:
            daemon.wait_until(lambda: any(s.member == "InterfacesRemoved" and s.arguments[0] == path
                                          for s in daemon.signals), f"the removal of {path}")


@pytest.mark.parametrize("start_time", [0, 1, HUGE - 1])
def test_wrong_start_time(daemon, world, worker, start_time):
    with fails_with("InvalidArgument" if start_time == 0 else "NotFound"):
        register(daemon, worker, start_time=("t", start_time))


# Options and types

def all_methods(world, registration):
    """(object, interface, method, signature without the options, arguments): everything that takes options."""
    host = f"{SPACE}/hosts/1"
    return [
        ("Manager", "Manager", "FormatLockspace", "sts", (world.other, 0, "space")),
        ("Manager", "Manager", "FormatResource", "stss", (world.other, 0, "space", "thing")),
        ("Manager", "Manager", "InspectLockspace", "st", (world.other, 0)),
        ("Manager", "Manager", "InspectResource", "st", (world.other, MIB)),
        ("Manager", "Manager", "JoinLockspace", "sstt", ("little", world.other, 2 * MIB, 1)),
        ("Manager", "Manager", "RegisterPid", "us", (0, "me")),
        (SPACE, "Lockspace", "Leave", "", ()),
        (SPACE, "Lockspace", "RequestResource", "sst", ("thing", world.joined, MIB)),
        (SPACE, "Lockspace", "ExamineRequests", "", ()),
        (SPACE, "Lockspace", "Drill", "", ()),
        (SPACE, "Lockspace", "SendEvent", "tt", (1, 0)),
        (host, "Host", "SendEvent", "tt", (1, 0)),
        (host, "Host", "WaitForState", "s", ("live",)),
        (registration, "Registration", "Acquire", "a(sssta{sv})", ([lease(world.joined)],)),
        (registration, "Registration", "Release", "ao", ([],)),
        (registration, "Registration", "SetFailurePolicy", "a(sua{sv})", ([("kill", 0, {})],)),
        (registration, "Registration", "Drill", "", ()),
        (registration, "Registration", "Unregister", "", ()),
    ]


def test_unknown_options_of_every_method(daemon, world, registration):
    for key in "surprise", "", "Force", "io_timeout", "x" * 10000, "\x1b[31m":
        for path, interface, method, signature, arguments in all_methods(world, registration):
            with fails_with("InvalidArgument"):
                daemon.call(path, interface, method, f"({signature}a{{sv}})", *arguments,
                            {key: GLib.Variant("b", True)})
    with fails_with("InvalidArgument"):
        acquire(daemon, registration, lease(world.joined, persist=("b", True)))


def test_unknown_options_with_a_pidfd(daemon, world, worker):
    fd = os.pidfd_open(worker.pid)
    for key in "surprise", "start-time":
        with fails_with("InvalidArgument"):
            daemon.call("Manager", "Manager", "RegisterProcess", "(hsa{sv})", 0, "name", {key: GLib.Variant("t", 1)},
                        fds=[fd])
    os.close(fd)


def test_option_of_another_lease_method_is_unknown(daemon, world, registration):
    resource, = acquire(daemon, registration, lease(world.joined, MIB))
    try:
        with fails_with("InvalidArgument"):
            daemon.call(resource, "Resource", "Release", "(a{sv})", {"force": GLib.Variant("b", True)})
        assert daemon.property(resource, "Resource", "State") == "held"
    finally:
        release(daemon, registration)
        forget_lease(world)


def forget_lease(world):
    """A lease that was held leaves its traces on disk: they are not a change that matters here."""
    format_resource(world.service, world.joined, overwrite=("b", True))


WRONG_TYPES = [("s", "1"), ("u", 1), ("i", 1), ("t", 1), ("b", True), ("d", 1.0), ("as", []), ("a{sv}", {}),
               ("v", GLib.Variant("b", True))]
OPTIONS = {
    "FormatLockspace": {"sector-size": "u", "align-size": "u", "io-timeout": "u", "overwrite": "b"},
    "FormatResource": {"sector-size": "u", "align-size": "u", "max-hosts": "u", "overwrite": "b"},
    "JoinLockspace": {"io-timeout": "u"},
    "RegisterPid": {"failure-policy": "a(sua{sv})", "on-recovery": "s", "descendants": "b", "start-time": "t"},
    "Leave": {"force": "b"},
    "SendEvent": {"replace": "b"},
    "SetFailurePolicy": {"on-recovery": "s"},
    "RequestResource": {"force": "b", "version": "t", "withdraw": "b"},
}


def test_options_of_wrong_types(daemon, world, registration):
    for path, interface, method, signature, arguments in all_methods(world, registration):
        for key, right in OPTIONS.get(method, {}).items():
            for form, value in WRONG_TYPES:
                if form == right:
                    continue
                with fails_with("InvalidArgument", key):
                    daemon.call(path, interface, method, f"({signature}a{{sv}})", *arguments,
                                {key: GLib.Variant(form, value)})
    for key, right in (("mode", "s"), ("version", "t"), ("wait", "b")):
        for form, value in WRONG_TYPES:
            if form == right:
                continue
            with fails_with("InvalidArgument", key):
                acquire(daemon, registration, lease(world.joined, **{key: (form, value)}))


def test_option_given_twice(daemon, world):
    twice = GLib.Variant.parse(GLib.VariantType("(stsa{sv})"), f"('{world.other}', 0, 'space', "
                               "{'io-timeout': <uint32 1>})", None, None)
    entry = twice.get_child_value(3).get_child_value(0)
    doubled = GLib.Variant.new_tuple(*(twice.get_child_value(i) for i in range(3)),
                                     GLib.Variant.new_array(None, [entry, entry]))
    with pytest.raises(GLib.Error) as caught:
        daemon.connection.call_sync("org.bailiff.Bailiff1", f"{ROOT_PATH}/Manager", "org.bailiff.Bailiff1.Manager",
                                    "FormatLockspace", doubled, None, 0, -1, None)
    assert "InvalidArgument" in caught.value.message


def test_arguments_of_wrong_types(daemon, world, registration):
    for path, interface, method, signature, arguments in all_methods(world, registration):
        for wrong, values in (("()", ()), ("(s)", ("x",)), (f"({signature}a{{ss}})", (*arguments, {})),
                              (f"({signature}a{{sv}}s)", (*arguments, {}, "more")), ("(av)", ([],))):
            with pytest.raises(BusError) as caught:
                daemon.call(path, interface, method, wrong, *values)
            assert caught.value.name == "org.freedesktop.DBus.Error.InvalidArgs", (method, wrong)


def test_things_that_are_not_there(daemon, world):
    for path, interface in (("lockspaces/none", "Lockspace"), (f"{SPACE}/hosts/2", "Host"),
                            (f"{SPACE}/hosts/0", "Host"),
                            (f"{SPACE}/resources/none", "Resource"), ("registrations/99999", "Registration"),
                            ("registrations", "Registration"), ("Manager", "Lockspace")):
        with pytest.raises(BusError) as caught:
            daemon.call(path, interface, "Leave", "(a{sv})", {})
        assert caught.value.name.startswith("org.freedesktop.DBus.Error.Unknown"), path


def test_properties_cannot_be_written(daemon, world):
    for path, interface, name in ((SPACE, "Lockspace", "State"), ("Manager", "Manager", "HostName")):
        with pytest.raises(BusError):
            daemon.call(path, "org.freedesktop.DBus.Properties", "Set", "(ssv)",
                        f"org.bailiff.Bailiff1.{interface}", name, GLib.Variant("s", "held"))


# Failure policies

SEVENTEEN = [("notify", 0)] * 16 + [("kill", 0)]
BAD_POLICIES = {
    "empty": ([], "InvalidArgument", ""),
    "without kill": ([("signal", 3, "TERM")], "InvalidArgument", "kill"),
    "kill is not last": ([("kill", 0), ("notify", 0), ("kill", 0)], "InvalidArgument", ""),
    "ignore and kill": ([("ignore", 0), ("kill", 0)], "InvalidArgument", ""),
    "17 steps": (SEVENTEEN, "InvalidArgument", "17"),
    "10000 steps": ([("notify", 0)] * 10000, "InvalidArgument", "10000"),
    "unknown action": ([("explode", 0), ("kill", 0)], "InvalidArgument", "explode"),
    "nameless action": ([("", 0), ("kill", 0)], "InvalidArgument", ""),
    "unknown signal": ([("signal", 1, "BANG"), ("kill", 0)], "InvalidArgument", "BANG"),
    "signal 0": ([("signal", 1, "0"), ("kill", 0)], "InvalidArgument", ""),
    "signal 64": ([("signal", 1, "64"), ("kill", 0)], "InvalidArgument", ""),
    "signal KILL": ([("signal", 1, "KILL"), ("kill", 0)], "InvalidArgument", ""),
    "signal without which": ([("signal", 1), ("kill", 0)], "InvalidArgument", "which"),
    "option of another action": ([("notify", 1, "TERM"), ("kill", 0)], "InvalidArgument", "signal"),
    "not for a process": ([("pause", 1), ("kill", 0)], "Unsupported", "pause"),
    "41 seconds": ([("notify", 41), ("kill", 0)], "PolicyTooLong", "take 41 seconds"),
    "many graces": ([("notify", 10), ("signal", 20, "TERM"), ("notify", 15), ("kill", 0)], "PolicyTooLong",
                    "10 + 20 + 15 = 45"),
    "two huge graces": ([("notify", 2 ** 32 - 1), ("notify", 2 ** 32 - 1), ("kill", 0)], "PolicyTooLong", "40"),
    "kill with a grace": ([("kill", 5)], "InvalidArgument", ""),
}


@pytest.mark.parametrize("case", BAD_POLICIES)
def test_bad_failure_policies(daemon, world, registration, worker, case):
    steps, name, text = BAD_POLICIES[case]
    signature, value = policy(*steps)
    before = daemon.property(registration, "Registration", "FailurePolicy")
    with fails_with(name, text):
        register(daemon, worker, failure_policy=(signature, value))
    with fails_with(name, text):
        daemon.call(registration, "Registration", "SetFailurePolicy", f"({signature}a{{sv}})", value, {})
    assert daemon.property(registration, "Registration", "FailurePolicy") == before


def test_longest_failure_policy(daemon, world, worker):
    path = register(daemon, worker, failure_policy=policy(*[("notify", 2)] * 14, ("signal", 12, "TERM"), ("kill", 0)))
    unregister(daemon, path)


# Leases

def test_numbers_of_leases(daemon, world, registration):
    for count in 0, 65, 10000:
        with fails_with("InvalidArgument"):
            acquire(daemon, registration, *[lease(world.joined, name=f"r{n}") for n in range(count)])
    with fails_with("InvalidArgument", "twice"):
        acquire(daemon, registration, lease(world.joined), lease(world.joined, 2 * MIB))


def test_leases_in_lockspaces_that_are_not_joined(daemon, world, registration):
    with fails_with("NotJoined", "little"):
        acquire(daemon, registration, lease(world.other, lockspace="little"))
    with fails_with("NotJoined"):
        acquire(daemon, registration, lease(world.joined), lease(world.other, lockspace="little"))


def test_leases_that_are_not_there(daemon, world, registration):
    for wanted in (lease(world.joined, name="other"), lease(world.joined, 2 * MIB), lease(world.joined, 0)):
        with fails_with("NotFound"):
            acquire(daemon, registration, wanted)
    for wanted in (lease(world.joined, 4 * MIB), lease(world.joined, 2 ** 62), lease(world.small)):
        with fails_with("InvalidArgument"):
            acquire(daemon, registration, wanted)


def test_lease_of_another_lockspace(daemon, world, registration, storage):
    format_resource(daemon, storage, lockspace="another")
    with fails_with("NotFound", "space"):
        acquire(daemon, registration, lease(storage))


def test_modes_that_there_are_not(daemon, world, registration):
    for mode in "", "EXCLUSIVE", "\x1b[31m":
        with fails_with("InvalidArgument"):
            acquire(daemon, registration, lease(world.joined, mode=("s", mode)))
    with fails_with("InvalidArgument"):
        acquire(daemon, registration, lease(world.joined, version=("t", 0)))


def test_releasing_what_is_not_ours(daemon, world, make_worker):
    one, two = register(daemon, make_worker(), "one"), register(daemon, make_worker(), "two")
    resource, = acquire(daemon, one, lease(world.joined))
    try:
        with fails_with("InvalidArgument", "thing"):
            release(daemon, two, resource)
        for path in (f"{ROOT_PATH}/{SPACE}/resources/none", f"{ROOT_PATH}/{SPACE}", "/", one):
            with fails_with("NotFound"):
                release(daemon, one, resource, path)
        assert daemon.property(resource, "Resource", "State") == "held"
        assert inspect_resource(daemon, world.joined)["state"] == "held"
    finally:
        release(daemon, one)
        for registration in one, two:
            unregister(daemon, registration)
        forget_lease(world)


def test_deep_and_large_messages(daemon, world):
    deep = GLib.Variant("b", True)
    for _ in range(40):
        deep = GLib.Variant("v", deep)
    for value in deep, GLib.Variant("ay", bytes(1 << 20)):
        with fails_with("InvalidArgument"):
            daemon.call("Manager", "Manager", "InspectLockspace", "(sta{sv})", world.other, 0, {"x": value})
