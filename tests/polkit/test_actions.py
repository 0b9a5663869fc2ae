# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every method of the interfaces, called by users who are not root, with real polkit: refused without each single
action that it asks for, and let through with just these.

What is let through need not work: where it would do much, the call is one that is refused later, for another reason.
"""

import collections

import pytest

from lease_calls import (MIB, SPACE, acquire, check_two_lines, end_worker, format_lockspace, format_resource, join,
                         lease, policy, register, start_worker)
from other_user import OtherUser
from private_service import PROPERTIES, ROOT_PATH, BusError, options
from real_polkit import AUTHORITY, AUTHORITY_INTERFACE, method_table

TABLE = method_table()
NONE = "@a{sv} {}"
NOWHERE = "'/nowhere', uint64 0"

# What each method is called with: objects by the names in Objects, arguments in GVariant's text form up to the options.
# "own" and "others" take the place of "on" where it matters whose it is.
CALLS = {
    "Manager.FormatLockspace": {"on": "manager", "arguments": f"{NOWHERE}, 'space'"},
    "Manager.FormatResource": {"on": "manager", "arguments": f"{NOWHERE}, 'space', 'thing'"},
    "Manager.InspectLockspace": {"on": "manager", "arguments": NOWHERE},
    "Manager.InspectResource": {"on": "manager", "arguments": NOWHERE},
    "Manager.InspectIndex": {"on": "manager", "arguments": NOWHERE},
    "Manager.CheckStorage": {"on": "manager", "arguments": NOWHERE},
    "Manager.GetMetrics": {"on": "manager", "arguments": ""},
    # Busy, since leases are held. By force it would end: test_stop.py.
    "Manager.Stop": {"on": "manager", "arguments": "", "without": ["force"]},
    "Manager.Reload": {"on": "manager", "arguments": ""},
    # Allowed it would go on as another process, or for one: tests/bus/test_continuity.py.
    "Manager.Reexecute": {"on": "manager", "arguments": "", "leaves": True},
    "Manager.HandOver": {"on": "manager", "arguments": "", "leaves": True},
    "Manager.JoinLockspace": {"on": "manager", "arguments": f"'nowhere', {NOWHERE}, uint64 1"},
    "Manager.RegisterProcess": {"on": "manager", "arguments": "handle 0, 'p'", "own": {"pidfd": "caller"},
                                "others": {"pidfd": "stranger"}},
    "Manager.RegisterPid": {"on": "manager", "arguments": "uint32 {pid}, 'p'", "own": {"pid": "caller"},
                            "others": {"pid": "stranger"}},
    "Manager.RegisterUnit": {"on": "manager", "arguments": "'no-such.service'"},
    "Manager.RegisterDomain": {"on": "manager", "arguments": "'no UUID'"},
    "Lockspace.Leave": {"on": "lost", "arguments": ""},
    "Lockspace.ReleaseOrphans": {"on": "space", "arguments": ""},
    "Lockspace.GetRenewalHistory": {"on": "space", "arguments": "uint32 1", "options": False},
    "Lockspace.Drill": {"on": "space", "arguments": ""},
    "Lockspace.SendEvent": {"on": "space", "arguments": "uint64 1, uint64 1"},
    "Lockspace.RequestResource": {"on": "space", "arguments": f"'thing', {NOWHERE}"},
    "Lockspace.ExamineRequests": {"on": "space", "arguments": ""},
    "Lockspace.FormatIndex": {"on": "space", "arguments": NOWHERE},
    "Lockspace.CreateResource": {"on": "space", "arguments": f"{NOWHERE}, 'thing'"},
    "Lockspace.DeleteResource": {"on": "space", "arguments": f"{NOWHERE}, 'thing'"},
    "Lockspace.LookupResource": {"on": "space", "arguments": f"{NOWHERE}, 'thing'"},
    "Lockspace.ListResources": {"on": "space", "arguments": NOWHERE},
    "Lockspace.RebuildIndex": {"on": "space", "arguments": NOWHERE},
    "Record.Join": {"on": "record", "arguments": ""},
    "Record.StopJoining": {"on": "record", "arguments": ""},
    "Record.Edit": {"on": "record", "arguments": NONE},
    "Record.Forget": {"on": "record", "arguments": ""},
    "Host.WaitForState": {"on": "host", "arguments": "'live'"},
    "Host.SendEvent": {"on": "host", "arguments": "uint64 1, uint64 1"},
    "Registration.Acquire": {"on": "{whose} idle", "arguments": "[('nowhere', 'thing', '/nowhere', uint64 0, @a{sv} {})]"},
    "Registration.Release": {"on": "{whose} idle", "arguments": "@ao []"},
    "Registration.SetFailurePolicy": {"on": "{whose} idle", "arguments": "[('kill', uint32 0, @a{sv} {})]"},
    "Registration.Drill": {"on": "ignoring", "arguments": ""},
    "Registration.Unregister": {"on": "{whose} holder", "arguments": ""},
    "Resource.Release": {"on": "{whose} resource", "arguments": ""},
    "Resource.Convert": {"on": "{whose} resource", "arguments": "'exclusive'"},
    "Resource.ReadValue": {"on": "{whose} resource", "arguments": ""},
    "Resource.WriteValue": {"on": "{whose} resource", "arguments": "@ay []"},
    # Properties that can be written: the arguments are those of Set().
    "LogControl1.LogLevel": {"on": "log", "set": "org.freedesktop.LogControl1", "arguments": "<'notice'>"},
    "LogControl1.LogTarget": {"on": "log", "set": "org.freedesktop.LogControl1", "arguments": "<'auto'>"},
}

# What no table of methods can say: the arguments ask for more. {method: [(what, arguments, actions)...]}

def steps(*words):
    return "[" + ", ".join(words) + "]"


EXEC = "('exec', uint32 5, {'program': <'/bin/true'>})"
KILL = "('kill', uint32 0, @a{sv} {})"
IGNORE = "('ignore', uint32 0, @a{sv} {})"
REBOOT = "('host-reboot', uint32 5, @a{sv} {})"
POWEROFF = "('host-poweroff', uint32 5, @a{sv} {})"
RISKY_POLICIES = [
    ("ignore", steps(IGNORE), ["give-up-safety"]),
    ("exec", steps(EXEC, KILL), ["run-programs"]),
    ("reboot", steps(REBOOT, KILL), ["control-host"]),
    ("poweroff", steps(POWEROFF, KILL), ["control-host"]),
    ("exec and reboot", steps(EXEC, REBOOT, KILL), ["run-programs", "control-host"]),
]
A_LEASE = "[('nowhere', 'thing', '/nowhere', uint64 0, {{'{}': <true>}})]"

# What the method is called with, on whose, and for what is called with it; `needs`: the actions.
Case = collections.namedtuple("Case", "method whose arguments options needs what")


def identifier(case):
    return " ".join(word for word in (case.method, case.whose, case.what) if word)


def short(method):
    return f"{method['interface'].rpartition('.')[2]}.{method['method']}"


def cases_of_table():
    for method in TABLE["methods"]:
        name = short(method)
        call = CALLS.get(name)
        assert call, f"CALLS has no call of {name}"
        variants = [("own", method["action"]), ("others", method["others"])] if method["others"] else [
            ("", method["action"])]
        for whose, action in variants:
            for option in [None, *(each for each in method["options"] if each not in call.get("without", []))]:
                given = {option: "<true>"} if option else {}
                needs = [action, *([method["options"][option]] if option else [])]
                yield Case(name, whose, call["arguments"], given, needs, option)


def cases_of_code():
    own = "org.bailiff.use-leases"
    for what, text, more in RISKY_POLICIES:
        more = [f"org.bailiff.{action}" for action in more]
        yield Case("Registration.SetFailurePolicy", "own", text, {}, [own, *more], what)
        yield Case("Manager.RegisterPid", "own", CALLS["Manager.RegisterPid"]["arguments"],
                   {"failure-policy": f"<{text}>"}, [own, *more], what)
        yield Case("Manager.RegisterProcess", "own", CALLS["Manager.RegisterProcess"]["arguments"],
                   {"failure-policy": f"<{text}>"}, [own, *more], what)
        if what == "ignore":
            yield Case("Manager.RegisterUnit", "", CALLS["Manager.RegisterUnit"]["arguments"],
                       {"failure-policy": f"<{text}>"}, ["org.bailiff.manage-registrations", *more], what)
            yield Case("Manager.RegisterDomain", "", CALLS["Manager.RegisterDomain"]["arguments"],
                       {"failure-policy": f"<{text}>"}, ["org.bailiff.manage-registrations", *more], what)
    for option in ("persistent", "adopt"):
        yield Case("Registration.Acquire", "own", A_LEASE.format(option), {}, [own, "org.bailiff.manage-registrations"], option)


CASES = [*cases_of_table(), *cases_of_code()]


class Objects:
    """What is called: everything once of root's, and once of another user's."""

    def __init__(self, polkit, path):
        self.daemon = daemon = polkit.service
        self.workers = [start_worker() for _ in range(2)]
        self.stranger = self.workers[0]
        polkit.allow("org.bailiff.use-leases")
        self.user = OtherUser(daemon, "nobody")
        self.helper = OtherUser(daemon, "nobody")
        format_lockspace(daemon, path)
        format_resource(daemon, path, MIB, "mine")
        format_resource(daemon, path, 2 * MIB, "yours")
        join(daemon, path)
        self.paths = {
            "manager": f"{ROOT_PATH}/Manager", "space": f"{ROOT_PATH}/{SPACE}", "host": f"{ROOT_PATH}/{SPACE}/hosts/1",
            "lost": f"{ROOT_PATH}/lockspaces/nowhere", "log": "/org/freedesktop/LogControl1",
            "record": f"{ROOT_PATH}/records/nowhere",
            "own idle": self.user.get("Manager", "Manager", "RegisterPid", f"(uint32 0, 'idle', {NONE})"),
            "others idle": register(daemon, self.stranger, "idle"),
            "ignoring": register(daemon, self.stranger, "ignoring", failure_policy=policy(("ignore", 0))),
            "own holder": self.user.get("Manager", "Manager", "RegisterPid", f"(uint32 0, 'holder', {NONE})"),
            "others holder": register(daemon, self.stranger, "holder"),
        }
        # Two hold each, so that nobody can release or convert it.
        shared = options(mode=("s", "shared"))
        for user in (self.user, self.helper):
            holder = self.paths["own holder"] if user is self.user else user.get(
                "Manager", "Manager", "RegisterPid", f"(uint32 0, 'second', {NONE})")
            paths = user.get(holder, "Registration", "Acquire",
                             f"([('space', 'mine', '{path}', uint64 {MIB}, {{'mode': <'shared'>}})], {NONE})")
            self.paths["own resource"] = paths[0]
        for worker in self.workers:
            holder = self.paths["others holder"] if worker is self.stranger else register(daemon, worker, "second")
            paths = acquire(daemon, holder, (*lease(path, 2 * MIB, "yours")[:4], shared))
            self.paths["others resource"] = paths[0]

    def need(self, name):
        """What a call before may have taken away."""
        if name == "lost" and self.paths[name] not in self.daemon.objects():
            path = self.daemon.call("Manager", "Manager", "JoinLockspace", "(sstta{sv})", "nowhere", "/nowhere", 0, 1, {})
            self.daemon.wait_for_property(path, "Lockspace", "State", "lost")
        if name == "record" and self.paths[name] not in self.daemon.objects():
            self.daemon.call("Manager", "Manager", "JoinLockspace", "(sstta{sv})", "nowhere", "/nowhere", 0, 1,
                             options(persist=("b", True), startup=("s", "manual")))
        return self.paths[name]

    def call(self, case):
        call = CALLS[case.method]
        if "set" in call:
            return self.user.call(self.need(call["on"]), PROPERTIES, "Set",
                                  f"('{call['set']}', '{case.method.partition('.')[2]}', {case.arguments})")
        pids = {"caller": self.user.pid, "stranger": self.stranger.pid}
        about = call.get(case.whose, {})
        arguments = case.arguments.replace("{pid}", str(pids.get(about.get("pid"), 0)))
        given = "{" + ", ".join(f"'{name}': {value}" for name, value in case.options.items()) + "}"
        texts = [text for text in (arguments, (given if case.options else NONE) if call.get("options", True) else "")
                 if text]
        outcome = self.user.call(
            self.need(call["on"].format(whose=case.whose)), case.method.partition(".")[0], case.method.partition(".")[2],
            f"({', '.join(texts)}{',' if len(texts) == 1 else ''})", pidfd=pids.get(about.get("pidfd")))
        if outcome.error is None and "Register" in case.method:
            self.daemon.call(outcome.reply[0], "Registration", "Unregister", "(a{sv})", {})
        return outcome

    def end(self):
        self.user.end()
        self.helper.end()
        for worker in self.workers:
            end_worker(worker)
        for path, interfaces in self.daemon.objects().items():
            if "org.bailiff.Bailiff1.Lockspace" in interfaces:
                try:
                    self.daemon.call(path, "Lockspace", "Leave", "(a{sv})", options(force=("b", True)))
                except BusError as error:
                    assert error.name == "org.bailiff.Error.Lost", error


@pytest.fixture(scope="module")
def module_objects(module_polkit, module_storage):
    objects = Objects(module_polkit, module_storage(4))
    yield objects
    objects.end()


@pytest.fixture
def objects(polkit, module_objects):
    return module_objects


def refused(outcome, action):
    assert outcome.error == "org.bailiff.Error.NotAuthorized", outcome
    assert action in outcome.message, outcome
    check_two_lines(outcome.message)
    return True


@pytest.mark.parametrize("case", CASES, ids=identifier)
def test_just_these_actions(polkit, objects, case):
    for missing in case.needs:
        polkit.allow(*(action for action in case.needs if action != missing))
        refused(objects.call(case), missing)
    if not CALLS[case.method].get("leaves"):
        polkit.allow(*case.needs)
        outcome = objects.call(case)
        assert outcome.error != "org.bailiff.Error.NotAuthorized", outcome
    # Everything else but these is of no use.
    polkit.allow(*(action for action in TABLE["actions"] if action not in case.needs))
    assert objects.call(case).error == "org.bailiff.Error.NotAuthorized"


def test_every_action_is_tried():
    assert {action for case in CASES for action in case.needs} == set(TABLE["actions"])


@pytest.mark.parametrize("action", TABLE["actions"])
def test_defaults(polkit, objects, action):
    """Without a rule everybody may look, and nothing else: here nobody has a session."""
    polkit.write_rules("// nothing is said")
    case = next(case for case in CASES if action in case.needs)
    outcome = objects.call(case)
    if action == "org.bailiff.inspect":
        assert outcome.error is None, outcome
    else:
        assert outcome.error == "org.bailiff.Error.NotAuthorized", outcome


def test_looking_needs_no_action(polkit, objects):
    polkit.allow()
    manager = objects.user.get("", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")
    assert f"{ROOT_PATH}/{SPACE}" in manager


def test_root_needs_no_polkit(polkit, daemon):
    polkit.allow()
    daemon.call(SPACE, "Lockspace", "ReleaseOrphans", "(a{sv})", {})


def test_in_each_language(polkit, daemon):
    """What an agent shows to somebody: polkit takes the language of who asks."""
    def texts(locale):
        actions = daemon.call(AUTHORITY, AUTHORITY_INTERFACE, "EnumerateActions", "(s)", locale)
        return {action: (description, message) for action, description, message, *_ in actions
                if action.startswith("org.bailiff.")}

    english = texts("C")
    assert set(english) == set(TABLE["actions"])
    for locale in ("de_DE.UTF-8", "zh_CN.UTF-8"):
        for action, words in texts(locale).items():
            assert all(ours != theirs for ours, theirs in zip(english[action], words)), (action, locale)
