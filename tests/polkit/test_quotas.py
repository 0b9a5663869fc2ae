# SPDX-License-Identifier: LGPL-2.1-or-later
"""One user can have so much of the daemon and no more; and what users do with their calls delays no renewal."""

import contextlib
import os
import re
import struct
import subprocess

import pytest


from lease_calls import SPACE, check_two_lines, format_lockspace, join, leave, wait_by_asking
from mocked_systemd import MOCK
from other_user import OtherUser
from private_service import SOURCE

NONE = "@a{sv} {}"
OWN = "org.bailiff.use-leases"
INSPECT = "org.bailiff.inspect"
BUSY = "org.bailiff.Error.Busy"


def quota(name):
    text = (SOURCE / "src/dbus/caller-quota.h").read_text()
    return int(re.search(rf"#define QUOTA_{name} (\d+)u", text)[1])


@pytest.fixture(scope="module")
def module_space(module_polkit, module_storage):
    path = module_storage(1)
    format_lockspace(module_polkit.service, path)
    join(module_polkit.service, path)
    yield path
    leave(module_polkit.service, force=("b", True))


@pytest.fixture
def space(polkit, module_space):
    return module_space


def wait_for_death(user):
    """A call that lasts: host 1 is this one, and alive."""
    return user.begin(f"{SPACE}/hosts/1", "Host", "WaitForState", f"('dead', {NONE})")


def test_calls(polkit, daemon, space, make_user):
    polkit.allow(INSPECT)
    nobody, second, other = make_user("nobody"), make_user("nobody"), make_user("games")
    # They are counted in the order in which they come.
    numbers = [wait_for_death(nobody) for _ in range(quota("CALLS") + 2)]
    for outcome in (nobody.result(numbers[-1]), nobody.result(numbers[-2]), second.result(wait_for_death(second))):
        assert outcome.error == BUSY and "quota of calls" in outcome.message, outcome
        check_two_lines(outcome.message)
    assert not nobody.ended
    # Another user has a quota of its own, and root has none.
    history = (SPACE, "Lockspace", "GetRenewalHistory")
    assert other.call(*history, "(uint32 1,)").error is None
    for _ in range(quota("CALLS") * 2):
        daemon.begin(f"{SPACE}/hosts/1", "Host", "WaitForState", "(sa{sv})", "live", {}).result()
    # Who leaves the bus gives back what it had.
    nobody.process.kill()
    wait_by_asking(daemon, lambda: second.call(*history, "(uint32 1,)").error is None, "room for a call")


def test_registrations(polkit, make_user):
    polkit.allow(OWN)
    nobody, other = make_user("nobody"), make_user("games")
    register = ("Manager", "Manager", "RegisterPid", f"(uint32 0, 'p', {NONE})")
    paths = [nobody.get(*register) for _ in range(quota("REGISTRATIONS"))]
    outcome = nobody.call(*register)
    assert outcome.error == BUSY and "quota of registrations" in outcome.message, outcome
    assert other.call(*register).error is None
    nobody.get(paths[0], "Registration", "Unregister", f"({NONE},)")
    assert nobody.call(*register).error is None


def test_resources(polkit, make_user):
    polkit.allow(OWN)
    nobody = make_user("nobody")
    path = nobody.get("Manager", "Manager", "RegisterPid", f"(uint32 0, 'p', {NONE})")

    def acquire(count):
        leases = ", ".join(f"('nowhere', 'r{n}', '/nowhere', uint64 0, {NONE})" for n in range(count))
        return nobody.call(path, "Registration", "Acquire", f"([{leases}], {NONE})")
    assert acquire(quota("RESOURCES")).error != BUSY
    outcome = acquire(quota("RESOURCES") + 1)
    assert outcome.error == BUSY and "quota of resources" in outcome.message, outcome


# What users do meanwhile.


@contextlib.contextmanager
def renewals_go_on(daemon, count=3):
    """So many renewals come from the beginning of this on, and none was late."""
    since = len(daemon.signals)
    before = daemon.property(SPACE, "Lockspace", "LastRenewalUsec")
    yield
    seen = {before}

    def enough():
        seen.add(daemon.property(SPACE, "Lockspace", "LastRenewalUsec"))
        return len(seen) > count
    wait_by_asking(daemon, enough, "renewals")
    assert not [s for s in daemon.signals[since:] if s.member in ("RenewalLate", "LeaseLost")]
    assert daemon.property(SPACE, "Lockspace", "State") == "held"


@pytest.fixture
def hanging_polkit(polkit, daemon):
    """A polkit that takes questions and never answers."""
    polkit.end()
    process = subprocess.Popen(["/usr/bin/python3", "-m", "dbusmock", "--system", "--template", "polkitd"],
                               env=dict(os.environ, DBUS_SYSTEM_BUS_ADDRESS=daemon.address),
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    authority = "org.freedesktop.PolicyKit1:/org/freedesktop/PolicyKit1/Authority"
    wait_by_asking(daemon, polkit.is_there, "the double of polkit")
    daemon.call(authority, MOCK, "SimulateHang", "(b)", True)
    yield lambda: daemon.call(authority, MOCK, "HaveHangingCalls")
    process.terminate()
    process.wait()
    wait_by_asking(daemon, lambda: not polkit.is_there(), "the end of the double")
    polkit.start()


USERS = ["nobody", "daemon", "bin", "sys", "games"]


def test_hundreds_of_unanswered_questions(daemon, space, hanging_polkit):
    with contextlib.ExitStack() as stack:
        users = []
        for name in USERS:
            users.append(OtherUser(daemon, name))
            stack.callback(users[-1].end)
        with renewals_go_on(daemon):
            numbers = [(user, user.begin("Manager", "Manager", "InspectLockspace", f"('/nowhere', uint64 0, {NONE})",
                                         interactive=True))
                       for user in users for _ in range(quota("CALLS"))]
            # Nobody's answer is waited for. (How many are asked is for the bus to bound as well; the quota itself is
            # what test_calls() is about.)
            wait_by_asking(daemon, hanging_polkit, "the questions")
            daemon.call(SPACE, "Lockspace", "GetRenewalHistory", "(u)", 1)
        assert len(numbers) == len(USERS) * quota("CALLS")


def test_silence_is_a_no(daemon, space, hanging_polkit, make_user):
    outcome = make_user("nobody").call("Manager", "Manager", "InspectLockspace", f"('/nowhere', uint64 0, {NONE})")
    assert outcome.error == "org.bailiff.Error.NotAuthorized" and "gave no answer" in outcome.message, outcome


# A client in bytes, which sends and never reads.


NO_REPLY_EXPECTED = 1


def method_call(serial, path, interface, member, destination, flags=0):
    def text(value):
        return struct.pack("<I", len(value)) + value.encode() + b"\0"
    fields = b""
    for code, kind, value in ((1, "o", path), (2, "s", interface), (3, "s", member), (6, "s", destination)):
        fields += b"\0" * (-len(fields) % 8) + struct.pack("<BB", code, 1) + kind.encode() + b"\0" + text(value)
    head = struct.pack("<BBBBIII", ord("l"), 1, flags, 1, 0, serial, len(fields)) + fields
    return head + b"\0" * (-len(head) % 8)


# In a process of its own, since the bus asks the kernel who it is.
SENDER = r"""
import os, socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
connection.sendall(b"\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode() + b"\r\n")
assert connection.recv(4096).startswith(b"OK")
connection.sendall(b"BEGIN\r\n" + bytes.fromhex(sys.argv[2]))
print("begun", flush=True)
messages = bytes.fromhex(sys.argv[3])
connection.settimeout(20)
try:
    for serial in range(10, 10 + int(sys.argv[4])):
        # The bus takes no two calls with the same number.
        connection.sendall(messages[:8] + serial.to_bytes(4, "little") + messages[12:])
except OSError as error:
    print(type(error).__name__, flush=True)
else:
    print("all", flush=True)
sys.stdin.read()
"""


class DeafClient:
    """Makes `count` calls of GetManagedObjects, and reads nothing: the socket of the bus to it is full soon."""

    def __init__(self, daemon, count, flags):
        hello = method_call(1, "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello", "org.freedesktop.DBus")
        look = method_call(2, "/org/bailiff/Bailiff1", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects",
                           "org.bailiff.Bailiff1", flags)
        self.process = subprocess.Popen(
            ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "/usr/bin/python3", "-c", SENDER,
             os.path.join(daemon.directory, "bus.sock"), hello.hex(), look.hex(), str(count)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/")
        assert self.process.stdout.readline() == "begun\n"

    def end(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def memory_of(daemon):
    """Kilobytes of the daemon's own memory."""
    with open(f"/proc/{daemon.daemon.pid}/status") as status:
        return int(re.search(r"RssAnon:\s+(\d+) kB", status.read())[1])


@pytest.mark.parametrize("flags", [0, NO_REPLY_EXPECTED])
def test_a_caller_that_never_reads(daemon, space, flags):
    before = memory_of(daemon)
    client = DeafClient(daemon, 100000, flags)
    try:
        with renewals_go_on(daemon):
            # It has sent all, or the bus takes no more of it.
            assert client.process.stdout.readline()
        assert memory_of(daemon) - before < 32768
    finally:
        client.end()
