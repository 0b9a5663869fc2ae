# SPDX-License-Identifier: LGPL-2.1-or-later
"""Memory that is locked and real-time priority: where they are allowed, where they are not, and who does not get them.

What a system service is allowed is its limits, without the capabilities that would stand above them: so is this root.
"""

import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess

import pytest

from lease_calls import format_lockspace, join
from main_loop import poll_until
from private_service import BUILD

WITHOUT_CAPABILITIES = ["setpriv", "--bounding-set=-sys_nice,-sys_resource,-ipc_lock", "--inh-caps=-all"]
# What the unit says.
ALLOWING = ["prlimit", "--rtprio=2", "--memlock=unlimited", "--nice=40"]
FORBIDDING = ["prlimit", "--rtprio=0", "--memlock=8388608"]
URGENT = {"bailiff-renew": 1, "guard-process": 2, "guard-tree": 2, "guard-cgroup": 2}
LOCKED, NOT_LOCKED = "Memory is locked", "Memory is not locked"
REAL_TIME, USUAL = "with real-time priority", "with usual priority only"


def scheduling(pid):
    """{name of a thread: (policy, priority)} of a process."""
    found = {}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            name = (task / "comm").read_text().strip()
            found[name] = (os.sched_getscheduler(int(task.name)) & ~os.SCHED_RESET_ON_FORK,
                           os.sched_getparam(int(task.name)).sched_priority)
        except (FileNotFoundError, ProcessLookupError):
            pass  # it has ended meanwhile
    return found


def locked_kilobytes(pid):
    return int(re.search(r"VmLck:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text())[1])


def launcher_of(service):
    children = pathlib.Path(f"/proc/{service.daemon.pid}/task/{service.daemon.pid}/children").read_text().split()
    return int(children[0]) if children else None


def check_real_time(pid, with_lockspace=True):
    wanted = {name: (os.SCHED_RR, priority) for name, priority in URGENT.items()
              if with_lockspace or name != "bailiff-renew"}

    def others():
        return {name: found for name, found in scheduling(pid).items()
                if found != wanted.get(name, (os.SCHED_OTHER, 0))}
    # A thread takes its own, when it first runs.
    poll_until(lambda: not others() and wanted.keys() <= scheduling(pid).keys(),
               f"real-time priority for {', '.join(wanted)} and nothing else")


def need_limits():
    """Also root of a container may not be able to raise its limits."""
    if subprocess.run([*ALLOWING, "true"], capture_output=True).returncode:
        pytest.skip("the limits of this process cannot be raised (no CAP_SYS_RESOURCE)")


def check_usual(pid):
    assert {policy for policy, _ in scheduling(pid).values()} == {os.SCHED_OTHER}


@pytest.fixture
def start(make_service):
    """start(COMMAND..., arguments=""): a bailiffd that this command executes."""
    def make(*command, arguments=""):
        service = make_service("none")
        service.start_daemon(arguments, prefix=[word for words in command for word in words])
        return service
    return make


def check_all_of_it(service, storage):
    format_lockspace(service, storage)
    join(service, storage)
    assert LOCKED in service.log() and REAL_TIME in service.log()
    assert locked_kilobytes(service.daemon.pid) > 1024
    check_real_time(service.daemon.pid)


def test_limits_that_allow_it(start, storage):
    need_limits()
    service = start(["nice", "-n", "-5"], ALLOWING, WITHOUT_CAPABILITIES)
    check_all_of_it(service, storage)
    # What GLib starts for itself is none of it, and is allowed what it asks for.
    assert "CRITICAL" not in service.log()
    nice = {(task / "comm").read_text().strip(): os.getpriority(os.PRIO_PROCESS, int(task.name))
            for task in pathlib.Path(f"/proc/{service.daemon.pid}/task").iterdir()}
    assert nice["gdbus"] == -5, nice


def test_capabilities_that_allow_it(start, storage):
    service = start(["nice", "-n", "-5"], FORBIDDING)
    check_all_of_it(service, storage)


def test_the_launcher_has_none_of_it(start):
    service = start()
    first = launcher_of(service)
    check_usual(first)
    assert locked_kilobytes(first) == 0
    os.kill(first, signal.SIGKILL)
    poll_until(lambda: launcher_of(service) not in (None, first), "another launcher")
    check_usual(launcher_of(service))
    assert locked_kilobytes(launcher_of(service)) == 0


def test_limits_that_do_not(start, storage):
    service = start(FORBIDDING, WITHOUT_CAPABILITIES)
    format_lockspace(service, storage)
    join(service, storage)
    log = service.log()
    assert re.search(NOT_LOCKED + r".*no more than 8192 KiB.*LimitMEMLOCK=infinity", log), log
    assert re.search(USUAL + r".*LimitRTPRIO=2", log), log
    check_usual(service.daemon.pid)


def test_each_for_itself(start):
    service = start(FORBIDDING, ["setpriv", "--bounding-set=-sys_resource,-ipc_lock", "--inh-caps=-all"])
    assert NOT_LOCKED in service.log() and REAL_TIME in service.log()
    assert locked_kilobytes(service.daemon.pid) < 8192
    check_real_time(service.daemon.pid, with_lockspace=False)


def test_a_soft_limit_is_raised(start):
    need_limits()
    service = start(["prlimit", "--rtprio=0:2", "--memlock=65536:unlimited"], WITHOUT_CAPABILITIES)
    assert LOCKED in service.log() and REAL_TIME in service.log()


def test_not_wanted(start, tmp_path):
    (tmp_path / "bailiffd.conf").write_text("[daemon]\nreal-time=no\n")
    service = start(arguments=f"--config {tmp_path}/bailiffd.conf")
    assert "the configuration says so ([daemon], real-time)" in service.log()
    check_usual(service.daemon.pid)
    (tmp_path / "bailiffd.conf").write_text("[daemon]\nreal-time=yes\n")
    service.call("Manager", "Manager", "Reload", "(a{sv})", {})
    assert "[daemon] real-time counts from the next start" in service.log()


NOBODY_MAY_OWN = """<busconfig><policy user="nobody"><allow own="*"/><allow send_type="method_call"/></policy></busconfig>"""


@pytest.fixture
def start_as_nobody(make_service):
    """start_as_nobody(COMMAND...): the same as a user without any capability."""
    def make(command):
        service = make_service("none")
        directory = pathlib.Path(service.directory)
        user = pwd.getpwnam("nobody")
        directory.chmod(0o755)
        (directory / "policy.d/nobody.conf").write_text(NOBODY_MAY_OWN)
        service.call("org.freedesktop.DBus:/org/freedesktop/DBus", "org.freedesktop.DBus", "ReloadConfig")
        program = shutil.copy(BUILD / "src/daemon/bailiffd", directory)
        for name in "run", "state":
            (directory / name).mkdir(exist_ok=True)
            os.chown(directory / name, user.pw_uid, user.pw_gid)
        service.start_daemon("", program=program, prefix=[*command, "setpriv", "--reuid=nobody", "--regid=nogroup",
                                                          "--clear-groups"])
        return service
    return make


def test_as_nobody(start_as_nobody):
    need_limits()
    service = start_as_nobody(ALLOWING)
    assert LOCKED in service.log() and REAL_TIME in service.log()
    assert locked_kilobytes(service.daemon.pid) > 1024
    check_real_time(service.daemon.pid, with_lockspace=False)
    launcher = launcher_of(service)
    check_usual(launcher)
    assert locked_kilobytes(launcher) == 0


def test_as_nobody_without(start_as_nobody):
    service = start_as_nobody(FORBIDDING)
    assert NOT_LOCKED in service.log() and USUAL in service.log()
    check_usual(service.daemon.pid)

