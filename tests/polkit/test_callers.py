# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who a caller is, whose things are, what rules can know, and what becomes of a call whose question takes its time."""

import pathlib
import subprocess

import pytest

from gi.repository import Gio, GLib

from lease_calls import MIB, format_lockspace, format_resource, join, leave
from private_service import ROOT_PATH, options
from real_polkit import AUTHORITY, AUTHORITY_INTERFACE, TESTER

NONE = "@a{sv} {}"
OWN = "org.bailiff.use-leases"
OTHERS = "org.bailiff.manage-registrations"
INSPECT = ("Manager", "Manager", "InspectLockspace", f"('/nowhere', uint64 0, {NONE})")
DENIED = "org.bailiff.Error.NotAuthorized"
NOT_FOUND = "org.bailiff.Error.NotFound"


@pytest.fixture
def tester(make_user):
    return make_user("bailifftest", groups=True)


@pytest.fixture
def nobody(make_user):
    return make_user("nobody")


def register_pid(user, pid):
    return user.call("Manager", "Manager", "RegisterPid", f"(uint32 {pid}, 'p', {NONE})")


def test_the_sample_rules(polkit, tester, nobody):
    sample = pathlib.Path(__file__).parents[2] / "policy/bailiff.rules"
    polkit.write_rules(sample.read_text())
    assert tester.call(*INSPECT).error == NOT_FOUND
    assert register_pid(tester, 0).error is None
    assert nobody.call(*INSPECT).error == DENIED
    # Others' things and what is dangerous are not for this group.
    assert register_pid(tester, nobody.pid).error == DENIED


def test_a_registration_is_of_the_user_who_made_it(polkit, daemon, tester):
    polkit.allow(OWN)
    path = register_pid(tester, 0).reply[0]
    assert daemon.property(path, "Registration", "Uid") == TESTER
    assert daemon.property(path, "Registration", "Pid") == tester.pid


@pytest.mark.parametrize("users", [["--ruid", "nobody", "--euid", "root"], ["--ruid", "root", "--euid", "nobody"]])
def test_a_process_of_two_users(polkit, nobody, users):
    """It has switched, or can switch, to a user whom the caller may not order about."""
    polkit.allow(OWN)
    with subprocess.Popen(["setpriv", *users, "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        # It has become what it is when it answers.
        process.stdin.write(b"x\n")
        process.stdin.flush()
        process.stdout.readline()
        assert OTHERS in register_pid(nobody, process.pid).message
        outcome = nobody.call("Manager", "Manager", "RegisterProcess", f"(handle 0, 'p', {NONE})", pidfd=process.pid)
        assert outcome.error == DENIED, outcome


def test_a_process_that_is_not_there(polkit, nobody):
    polkit.allow(OWN)
    assert register_pid(nobody, 2**31 - 1).error == DENIED
    polkit.allow(OWN, OTHERS)
    assert register_pid(nobody, 2**31 - 1).error == NOT_FOUND


# What a rule finds out.

KEYS = ["method", "lockspace", "resource", "path", "host-id", "registration", "unit", "domain", "pid", "uid"]
DETAILS = [
    (*INSPECT, {"method": "InspectLockspace", "path": "/nowhere"}),
    ("Manager", "Manager", "FormatResource", f"('/nowhere', uint64 0, 'ls', 'res', {NONE})",
     {"method": "FormatResource", "path": "/nowhere", "lockspace": "ls", "resource": "res"}),
    ("Manager", "Manager", "JoinLockspace", f"('a.b', '/nowhere', uint64 0, uint64 7, {NONE})",
     {"method": "JoinLockspace", "path": "/nowhere", "lockspace": "a.b", "host-id": "7"}),
    ("Manager", "Manager", "RegisterPid", f"(uint32 1, 'p', {NONE})",
     {"method": "RegisterPid", "registration": "p", "pid": "1"}),
    ("Manager", "Manager", "RegisterUnit", f"('x.service', {NONE})", {"method": "RegisterUnit", "unit": "x.service"}),
    ("Manager", "Manager", "RegisterDomain", f"('uuid', {NONE})", {"method": "RegisterDomain", "domain": "uuid"}),
    ("lockspaces/no_2dwhere", "Lockspace", "LookupResource", f"('/x', uint64 0, 'res', {NONE})",
     {"method": "LookupResource", "lockspace": "no-where", "resource": "res", "path": "/x"}),
    ("records/no_2dwhere", "Record", "Join", f"({NONE},)",
     {"method": "Join", "lockspace": "no-where", "path": "/nowhere"}),
    # What it is to be from then on.
    ("records/no_2dwhere", "Record", "Edit", f"({{'path': <'/y'>, 'host-id': <uint64 3>}}, {NONE})",
     {"method": "Edit", "lockspace": "no-where", "path": "/y", "host-id": "3"}),
    ("{registration}", "Registration", "Acquire", f"([('a', 'b', '/x', uint64 0, {NONE})], {NONE})",
     {"method": "Acquire", "lockspace": "a", "resource": "b", "path": "/x", "registration": "mine", "uid": "0",
      "pid": "{pid}"}),
    ("{registration}", "Registration", "Acquire",
     f"([('a', 'b', '/x', uint64 0, {NONE}), ('c', 'd', '/x', uint64 0, {NONE})], {NONE})",
     {"method": "Acquire", "resource": "b d", "path": "/x", "registration": "mine", "uid": "0", "pid": "{pid}"}),
]


@pytest.mark.parametrize("path, interface, method, arguments, details", DETAILS)
def test_details(polkit, daemon, nobody, worker, path, interface, method, arguments, details):
    """The rule lets through what has just these details."""
    registration = daemon.call("Manager", "Manager", "RegisterPid", "(usa{sv})", worker.pid, "mine", {})
    lost = daemon.call("Manager", "Manager", "JoinLockspace", "(sstta{sv})", "no-where", "/nowhere", 0, 1,
                       options(persist=("b", True), startup=("s", "manual")))
    daemon.wait_for_property(lost, "Lockspace", "State", "lost")
    wanted = {key: details.get(key, "").replace("{pid}", str(worker.pid)) for key in KEYS}
    rule = ("polkit.addRule(function(action, subject) {{ if (action.id.indexOf('org.bailiff.') != 0) return;\n"
            "    var wanted = {};\n    for (var key in wanted)\n"
            "        if ((action.lookup(key) || '') != wanted[key]) return polkit.Result.NO;\n"
            "    return polkit.Result.YES; }});\n").replace("{{", "{").replace("}}", "}")
    call = (path.replace("{registration}", registration), interface, method, arguments)
    polkit.write_rules(rule.replace("{}", str(wanted)))
    outcome = nobody.call(*call)
    assert outcome.error != DENIED, outcome
    for key in KEYS:
        polkit.write_rules(rule.replace("{}", str({key: wanted[key] + "x"})))
        assert nobody.call(*call).error == DENIED, key
    leave(daemon, lost)


# When the answer comes late, from a person, or not at all.

AGENT = """<node><interface name="org.freedesktop.PolicyKit1.AuthenticationAgent">
<method name="BeginAuthentication"><arg type="s" direction="in"/><arg type="s" direction="in"/>
<arg type="s" direction="in"/><arg type="a{ss}" direction="in"/><arg type="s" direction="in"/>
<arg type="a(sa{sv})" direction="in"/></method>
<method name="CancelAuthentication"><arg type="s" direction="in"/></method></interface></node>"""


class Agent:
    """Asks nobody: it is held until the test says what the administrator does."""

    def __init__(self, daemon, user):
        self.daemon = daemon
        self.user = user
        self.asked = []
        self.cancelled = []
        self.subject = ("unix-process", {
            "pid": GLib.Variant("u", user.pid), "uid": GLib.Variant("i", 65534),
            "start-time": GLib.Variant("t", int(pathlib.Path(f"/proc/{user.pid}/stat").read_text()
                                                .rpartition(")")[2].split()[19]))})
        interface = Gio.DBusNodeInfo.new_for_xml(AGENT).interfaces[0]
        self.object = daemon.connection.register_object("/agent", interface, self.on_call, None, None)
        daemon.call(AUTHORITY, AUTHORITY_INTERFACE, "RegisterAuthenticationAgent", "((sa{sv})ss)", self.subject, "C",
                    "/agent")

    def on_call(self, _connection, _sender, _path, _interface, method, parameters, invocation):
        if method == "CancelAuthentication":
            self.cancelled.append(parameters.unpack()[0])
            invocation.return_value(None)
        else:
            self.asked.append((parameters, invocation))

    def say_yes(self):
        parameters, invocation = self.asked.pop()
        _action, _message, _icon, _details, cookie, _identities = parameters.unpack()
        identity = parameters.get_child_value(5).get_child_value(0)
        self.daemon.connection.call_sync(
            "org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority", AUTHORITY_INTERFACE,
            "AuthenticationAgentResponse2",
            GLib.Variant.new_tuple(GLib.Variant("u", 0), GLib.Variant("s", cookie), identity), None, 0, -1, None)
        invocation.return_value(None)

    def end(self):
        self.daemon.connection.unregister_object(self.object)
        # That of a process that has ended has no subject any more, and nobody asks it.
        if self.user.process.poll() is None:
            self.daemon.call(AUTHORITY, AUTHORITY_INTERFACE, "UnregisterAuthenticationAgent", "((sa{sv})s)",
                             self.subject, "/agent")


@pytest.fixture
def agent(polkit, daemon, nobody):
    polkit.write_rules("polkit.addRule(function(action, subject) {"
                       "if (action.id.indexOf('org.bailiff.') == 0) return polkit.Result.AUTH_ADMIN; });")
    agent = Agent(daemon, nobody)
    yield agent
    agent.end()


def test_nobody_is_asked_unless_the_caller_says_so(agent, nobody):
    outcome = nobody.call(*INSPECT)
    assert outcome.error == DENIED and "session" in outcome.message, outcome
    assert not agent.asked


def test_an_administrator_agrees(agent, daemon, nobody):
    number = nobody.begin(*INSPECT, interactive=True)
    daemon.wait_until(lambda: agent.asked, "the question")
    assert "lease areas" in agent.asked[0][0].unpack()[1]
    # Meanwhile nothing waits.
    daemon.call("", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")
    agent.say_yes()
    assert nobody.result(number).error == NOT_FOUND


def test_the_question_is_withdrawn_when_the_caller_leaves(agent, daemon, nobody):
    nobody.begin(*INSPECT, interactive=True)
    daemon.wait_until(lambda: agent.asked, "the question")
    nobody.process.kill()
    daemon.wait_until(lambda: agent.cancelled, "its withdrawal")
    agent.asked[0][1].return_dbus_error("org.freedesktop.PolicyKit1.Error.Cancelled", "it was withdrawn")


def test_what_was_called_is_another_thing_meanwhile(agent, daemon, nobody, make_storage):
    path = make_storage(2)
    format_lockspace(daemon, path)
    lockspace = join(daemon, path)
    number = nobody.begin(lockspace, "Lockspace", "Leave", f"({NONE},)", interactive=True)
    daemon.wait_until(lambda: agent.asked, "the question")
    leave(daemon, lockspace)
    assert join(daemon, path) == lockspace
    agent.say_yes()
    outcome = nobody.result(number)
    assert outcome.error == NOT_FOUND, outcome
    assert daemon.property(lockspace, "Lockspace", "State") == "held"
    leave(daemon, lockspace)


def test_what_was_called_is_also_somebody_elses_meanwhile(agent, polkit, daemon, nobody, worker, make_storage):
    path = make_storage(2)
    format_lockspace(daemon, path)
    format_resource(daemon, path, MIB)
    lockspace = join(daemon, path)
    polkit.allow(OWN)
    mine = register_pid(nobody, 0).reply[0]
    wanted = f"([('space', 'thing', '{path}', uint64 {MIB}, {{'mode': <'shared'>}})], {NONE})"
    resource = nobody.get(mine, "Registration", "Acquire", wanted)[0]
    polkit.write_rules("polkit.addRule(function(action, subject) {"
                       "if (action.id.indexOf('org.bailiff.') == 0) return polkit.Result.AUTH_ADMIN; });")
    number = nobody.begin(resource, "Resource", "ReadValue", f"({NONE},)", interactive=True)
    daemon.wait_until(lambda: agent.asked, "the question")
    theirs = daemon.call("Manager", "Manager", "RegisterPid", "(usa{sv})", worker.pid, "theirs", {})
    daemon.call(theirs, "Registration", "Acquire", "(a(sssta{sv})a{sv})",
                [("space", "thing", path, MIB, options(mode=("s", "shared")))], {})
    agent.say_yes()
    outcome = nobody.result(number)
    assert outcome.error == DENIED and "others" in outcome.message, outcome
    leave(daemon, lockspace, force=("b", True))


def test_without_polkit(polkit, daemon, nobody):
    polkit.allow(OWN)
    polkit.end()
    outcome = nobody.call("Manager", "Manager", "RegisterPid", f"(uint32 0, 'p', {NONE})")
    assert outcome.error == DENIED and OWN in outcome.message, outcome
    assert "Start polkit" in outcome.message
    # Root needs none.
    daemon.call("Manager", "Manager", "JoinLockspace", "(sstta{sv})", "nowhere", "/nowhere", 0, 1, {})
    daemon.wait_for_property("lockspaces/nowhere", "Lockspace", "State", "lost")
    leave(daemon, f"{ROOT_PATH}/lockspaces/nowhere")
    polkit.start()
    assert register_pid(nobody, 0).error is None


def test_an_action_that_polkit_does_not_know(polkit, nobody):
    polkit.allow(OWN)
    polkit.forget_actions()
    try:
        outcome = register_pid(nobody, 0)
        assert outcome.error == DENIED and "Install org.bailiff.policy" in outcome.message, outcome
    finally:
        polkit.install_actions()
