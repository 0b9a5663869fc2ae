# SPDX-License-Identifier: LGPL-2.1-or-later
"""Incidents: the record of a lease loss is complete, in order, announced, bounded, and survives its daemon."""

import os
import pathlib
import re
import shutil
import signal

import pytest

from ctl import Running, ctl, ctl_json, spelled
from lease_calls import (IGNORE_TERM, MIB, SPACE, acquire, check_two_lines, format_lockspace, format_resource, join,
                         lease, make_space_of_three, policy, register, release, wait_by_asking, wait_ended, wanted)
from private_service import ROOT_PATH

SECOND = 1_000_000
INTERFACE = "Incident"


@pytest.fixture
def space(service, hanging_storage):
    """Joined on storage that can hang, with three resources."""
    yield make_space_of_three(service, hanging_storage.path)
    hanging_storage.resume()


def incidents(service):
    """{number: properties} as the object manager tells them."""
    found = {}
    for path, interfaces in service.objects().items():
        if path.startswith(f"{ROOT_PATH}/incidents/"):
            found[int(path.rpartition("/")[2])] = interfaces["org.bailiff.Bailiff1.Incident"]
    return found


def wait_incident(service, limit=60):
    """The path of the next incident that begins."""
    def begun():
        return next((s.arguments[0] for s in service.signals
                     if s.member == "InterfacesAdded" and "/incidents/" in s.arguments[0]), None)
    return service.wait_until(begun, "an incident", limit)


def wait_outcome(service, path, wished, limit=120):
    service.wait_for_property(path, INTERFACE, "Outcome", wished, limit)
    return service.properties(path, INTERFACE)


def words(steps, *names):
    """(event, name) of each step; with `names`, of those of these registrations only."""
    return [(step["event"], step.get("name", "")) for step in steps if not names or step.get("name") in names]


def added(service, path):
    return [s.arguments[0] for s in service.signals if s.member == "StepAdded" and s.path == path]


def state_file(service, number):
    return pathlib.Path(service.directory, "state/incidents", str(number))


def wait_written(service, number, text):
    def written():
        return state_file(service, number).exists() and text in state_file(service, number).read_text()
    wait_by_asking(service, written, f"{text} in the file of incident {number}")


def restart(service):
    service.kill_daemon(signal.SIGTERM)
    service.start_daemon()


def test_the_whole_story(service, hanging_storage, space, make_worker):
    stubborn, wise = make_worker(IGNORE_TERM), make_worker()
    steps = policy(("notify", 1), ("signal", 2, "TERM"), ("kill", 0))
    first = register(service, stubborn, "stubborn", failure_policy=steps)
    second = register(service, wise, "wise", failure_policy=steps)
    register(service, make_worker(), "idle", failure_policy=steps)
    acquire(service, first, wanted(space, 1))
    acquire(service, second, wanted(space, 2))
    assert incidents(service) == {}

    hanging_storage.hang()
    path = wait_incident(service)
    begun = service.properties(path, INTERFACE)
    assert (begun["Outcome"], begun["EndedUsec"], begun["Lockspace"]) == ("ongoing", 0, "space")
    service.wait_for_property(SPACE, "Lockspace", "State", "failing")
    release(service, second)
    at = service.properties(SPACE, "Lockspace")
    seen = wait_outcome(service, path, "cleared")
    assert wait_ended(service, stubborn) == -signal.SIGKILL

    assert seen["Number"] == 1 and path.endswith("/incidents/1")
    assert seen["LastRenewalUsec"] == at["LastRenewalUsec"] and seen["FailAtUsec"] == at["FailAtUsec"]
    assert at["LateAtUsec"] <= seen["StartedUsec"] < seen["FailAtUsec"] < seen["EndedUsec"]
    assert seen["StartedRealtimeUsec"] > 1_600_000_000 * SECOND
    assert (seen["RegistrationCount"], seen["ClearedCount"], seen["StepsDropped"]) == (2, 2, 0)
    check_two_lines(seen["Cause"].replace(": ", " ", 1))
    assert seen["BootId"] == pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()

    story = seen["Steps"]
    assert [step["time-usec"] for step in story] == sorted(step["time-usec"] for step in story)
    assert words(story)[:2] == [("renewal-late", ""), ("failed", "")] and words(story)[-1] == ("lost", "")
    assert [(step["event"], step.get("index"), step.get("action")) for step in story
            if step.get("name") == "stubborn"] == [
        ("step-started", 0, "notify"), ("step-finished", 0, "notify"),
        ("step-started", 1, "signal"), ("step-finished", 1, "signal"),
        ("step-started", 2, "kill"), ("step-finished", 2, "kill"), ("cleared", None, None)]
    finished = [step for step in story if step.get("name") == "stubborn" and step["event"] == "step-finished"]
    assert all(step["worked"] and step["detail"] for step in finished)
    assert all(step["took-usec"] > 0 for step in finished)
    started = {step["index"]: step["time-usec"] for step in story
               if step.get("name") == "stubborn" and step["event"] == "step-started"}
    assert all(started[index] >= seen["FailAtUsec"] + grace * SECOND for index, grace in ((0, 0), (1, 1), (2, 3)))
    cleared = {step["name"]: step for step in story if step["event"] == "cleared"}
    assert {name: step["detail"] for name, step in cleared.items()} == {"stubborn": "exited", "wise": "released"}
    assert cleared["stubborn"]["took-usec"] >= 3 * SECOND
    assert cleared["stubborn"]["registration"] == int(first.rpartition("/")[2])
    assert cleared["stubborn"]["kind"] == "process"
    assert not words(story, "idle")

    # Who followed the signals knows the same, and knew it before the end was announced.
    assert added(service, path) == story
    order = [("Outcome" if s.member == "PropertiesChanged" and s.arguments[1].get("Outcome") == "cleared" else s.member)
             for s in service.signals if s.path == path]
    assert max(i for i, member in enumerate(order) if member == "StepAdded") < order.index("Outcome")
    changes = [s.arguments for s in service.signals if s.path == path and s.member == "PropertiesChanged"]
    assert not any("Steps" in changed for _, changed, _ in changes)
    assert any("Steps" in invalidated for _, _, invalidated in changes)
    # The list is not what everybody gets who looks at all objects.
    assert "Steps" not in incidents(service)[1] and incidents(service)[1]["Outcome"] == "cleared"

    # Joining again belongs to it.
    hanging_storage.resume()
    join(service, space)
    service.wait_for_signal("StepAdded", path, matches=lambda arguments: arguments[0]["event"] == "joined")
    assert service.property(path, INTERFACE, "Outcome") == "cleared"


def test_recovered_in_time(service, hanging_storage, space, worker):
    acquire(service, register(service, worker), wanted(space, 1))
    hanging_storage.hang()
    path = wait_incident(service)
    hanging_storage.resume()
    seen = wait_outcome(service, path, "recovered")
    assert words(seen["Steps"]) == [("renewal-late", ""), ("renewed", "")]
    assert seen["EndedUsec"] >= seen["StartedUsec"]
    assert worker.poll() is None
    # The next one is another one.
    since = len(service.signals)
    hanging_storage.hang()
    service.wait_for_signal("InterfacesAdded", since=since, matches=lambda arguments: arguments[0].endswith("incidents/2"))
    assert sorted(incidents(service)) == [1, 2]


def test_who_goes_on_by_policy(service, hanging_storage, space, make_worker):
    careless, other = make_worker(), make_worker()
    acquire(service, register(service, careless, "careless", failure_policy=policy(("ignore", 0))), wanted(space, 1))
    acquire(service, register(service, other, "other", failure_policy=policy(("kill", 0))), wanted(space, 2))
    hanging_storage.hang()
    path = wait_incident(service)
    seen = wait_outcome(service, path, "ignored")
    assert (seen["RegistrationCount"], seen["ClearedCount"]) == (2, 1)
    assert careless.poll() is None
    status = ctl(service, "status").stdout
    assert "has failed" in status and "It can be joined again when" in status
    # What becomes of it is told as well.
    careless.kill()
    service.wait_for_signal("StepAdded", path, matches=lambda arguments: arguments[0]["event"] == "lost")
    story = service.property(path, INTERFACE, "Steps")
    assert words(story, "careless") == [("step-started", "careless"), ("step-finished", "careless"),
                                        ("cleared", "careless")] or words(story, "careless") == [
                                            ("step-started", "careless"), ("cleared", "careless")]
    service.wait_for_property(path, INTERFACE, "ClearedCount", 2)
    assert service.property(path, INTERFACE, "Outcome") == "ignored"


def test_two_at_a_time(service, hanging_storage, make_worker):
    """Two lockspaces of one store: one registration holds in both, one in the second only, and one in both lets go of
    the first while its policy is walked."""
    path = hanging_storage.path
    for offset, name in (0, "space"), (4 * MIB, "second"):
        format_lockspace(service, path, offset, name)
        for number in 1, 2, 3:
            format_resource(service, path, offset + number * MIB, f"r{number}", name)
        join(service, path, offset=offset, name=name)
    both, one, wise = make_worker(), make_worker(), make_worker()
    steps = policy(("kill", 0))
    of_both = register(service, both, "both", failure_policy=steps)
    acquire(service, of_both, lease(path, MIB, "r1"))
    acquire(service, of_both, lease(path, 5 * MIB, "r1", "second"))
    acquire(service, register(service, one, "one", failure_policy=steps), lease(path, 6 * MIB, "r2", "second"))
    of_wise = register(service, wise, "wise", failure_policy=policy(("notify", 4), ("kill", 0)))
    acquire(service, of_wise, lease(path, 7 * MIB, "r3", "second"))
    let_go, = acquire(service, of_wise, lease(path, 3 * MIB, "r3"))
    hanging_storage.hang()
    service.wait_for_property(SPACE, "Lockspace", "State", "failing")
    release(service, of_wise, let_go)
    for lockspace in "space", "second":
        service.wait_for_property(f"lockspaces/{lockspace}", "Lockspace", "State",
                                  lambda state: state in ("failing", "lost"))
    hanging_storage.resume()  # what one was about to release in the other has to end
    wait_by_asking(service, lambda: [each["Outcome"] for each in incidents(service).values()] == ["cleared"] * 2,
                   "the end of both")
    stories = {}
    for number in incidents(service):
        seen = service.properties(f"incidents/{number}", INTERFACE)
        stories[seen["Lockspace"]] = seen
    assert ("cleared", "both") in words(stories["space"]["Steps"])
    assert ("cleared", "both") in words(stories["second"]["Steps"])
    assert {name for _, name in words(stories["space"]["Steps"])} == {"", "both", "wise"}
    assert {name for _, name in words(stories["second"]["Steps"])} == {"", "both", "one", "wise"}
    # Whichever failed first: who ended because of the other is counted all the same.
    assert (stories["space"]["RegistrationCount"], stories["space"]["ClearedCount"]) == (2, 2)
    assert (stories["second"]["RegistrationCount"], stories["second"]["ClearedCount"]) == (3, 3)


def test_kept_across_a_restart(service, hanging_storage, space, worker):
    acquire(service, register(service, worker, failure_policy=policy(("kill", 0))), wanted(space, 1))
    hanging_storage.hang()
    path = wait_incident(service)
    before = wait_outcome(service, path, "cleared")
    wait_written(service, 1, "Outcome=cleared")
    hanging_storage.resume()
    restart(service)
    wait_by_asking(service, lambda: incidents(service), "the incident of the daemon before")
    assert service.properties(path, INTERFACE) == before
    assert state_file(service, 1).stat().st_mode & 0o777 == 0o600
    # Numbers go on.
    join(service, space)
    since = len(service.signals)
    hanging_storage.hang()
    added_path = service.wait_for_signal("InterfacesAdded", since=since,
                                         matches=lambda arguments: "/incidents/" in arguments[0]).arguments[0]
    assert added_path.endswith("/incidents/2")


def test_a_host_that_is_reset_leaves_it_interrupted(service, hanging_storage, space, make_worker):
    """Of the runtime directory nothing is left then: nobody can go on with it."""
    worker = make_worker(IGNORE_TERM)
    acquire(service, register(service, worker, failure_policy=policy(("signal", 30, "TERM"), ("kill", 0))),
            wanted(space, 1))
    hanging_storage.hang()
    path = wait_incident(service)
    wait_written(service, 1, "Event=step-started")
    assert service.property(path, INTERFACE, "Outcome") == "ongoing"
    hanging_storage.resume()  # what is out on hanging storage would keep it half alive
    service.kill_daemon()
    run = pathlib.Path(service.directory, "run")
    shutil.rmtree(run)
    run.mkdir()
    service.start_daemon()
    wait_by_asking(service, lambda: incidents(service), "the incident of the daemon before")
    seen = service.properties(path, INTERFACE)
    assert seen["Outcome"] == "interrupted"
    assert seen["EndedUsec"] == seen["Steps"][-1]["time-usec"]
    wait_written(service, 1, "Outcome=interrupted")


def make_file(template, number, ended=1):
    text = re.sub(r"(?m)^Number=.*$", f"Number={number}", template)
    return re.sub(r"(?m)^EndedUsec=.*$", f"EndedUsec={ended}", text)


def test_what_is_read_back(service, hanging_storage, space, worker):
    """A hundred are kept. What is not understood is named, left alone, and hinders nobody."""
    hanging_storage.hang()
    path = wait_incident(service)
    wait_outcome(service, path, "cleared")
    wait_written(service, 1, "Outcome=cleared")
    hanging_storage.resume()
    service.kill_daemon(signal.SIGTERM)
    good = state_file(service, 1)
    template = good.read_text()
    for number in range(2, 121):
        state_file(service, number).write_text(make_file(template, number))
    bad = {
        "201": template[:len(template) // 2],
        "202": make_file(template, 202).replace("Format=1", "Format=2"),
        "203": make_file(template, 999),
        "204": "",
        "205": make_file(template, 205) + "#" * (13 * MIB),
        "hello": "world",
    }
    for name, text in bad.items():
        good.with_name(name).write_text(text)
    good.with_name("206").mkdir()
    os.mkfifo(good.with_name("207"))
    elsewhere = good.parent.with_name("elsewhere")
    elsewhere.write_text(make_file(template, 208))
    good.with_name("208").symlink_to(elsewhere)
    good.with_name("209").write_text(make_file(template, 209))
    good.with_name("209").chmod(0o622)
    left_behind = good.with_name("210.AbCd12")
    left_behind.write_text("half")
    odd = [*bad, "206", "207", "208", "209"]
    service.start_daemon()
    wait_by_asking(service, lambda: len(incidents(service)) == 100, "a hundred incidents")
    assert sorted(incidents(service)) == list(range(21, 121))
    assert sorted(ctl_json(service, "incidents")[0]) == sorted(incidents(service)[21])
    log = service.log()
    for name in odd:
        assert f"/incidents/{name} is passed over" in log, name
        assert os.path.lexists(good.with_name(name))
    assert not left_behind.exists()
    # No number is given a second time, not even that of a file that nobody understands.
    join(service, space)
    since = len(service.signals)
    hanging_storage.hang()
    service.wait_for_signal("InterfacesAdded", since=since, matches=lambda arguments: arguments[0].endswith("/incidents/210"))
    service.wait_for_signal("InterfacesRemoved", since=since, matches=lambda arguments: arguments[0].endswith("/incidents/21"))
    wait_by_asking(service, lambda: not state_file(service, 21).exists(), "the oldest to be removed")
    assert len(incidents(service)) == 100


@pytest.mark.parametrize("trouble", ["file in its place", "others may write"])
def test_a_state_directory_that_cannot_be_used(make_service, hanging_storage, tmp_path, make_worker, trouble):
    """Incidents are kept in memory, nothing is slower, and it is said once."""
    state = tmp_path / "state"
    if trouble == "file in its place":
        state.write_text("")
    else:
        (state / "incidents").mkdir(parents=True)
        (state / "incidents").chmod(0o777)
    service = make_service("", {"BAILIFF_STATE_DIR": str(state)})
    path = hanging_storage.path
    format_lockspace(service, path)
    format_resource(service, path)
    join(service, path)
    worker = make_worker()
    acquire(service, register(service, worker, failure_policy=policy(("kill", 0))), lease(path))
    hanging_storage.hang()
    seen = wait_outcome(service, wait_incident(service), "cleared")
    assert wait_ended(service, worker) == -signal.SIGKILL
    assert words(seen["Steps"])[-1] == ("lost", "")
    hanging_storage.resume()
    join(service, path)
    assert len(re.findall(r"kept in memory only", service.log())) == 1
    if trouble == "others may write":
        assert not list((state / "incidents").iterdir())


def test_bailiffctl(service, hanging_storage, space, make_worker):
    assert "no incident" in ctl(service, "incidents").stdout
    assert ctl_json(service, "incidents") == []
    ctl(service, "incident", "last", status=1)
    monitor = Running(service, "monitor")
    try:
        worker = make_worker(IGNORE_TERM)
        acquire(service, register(service, worker, "guest", failure_policy=policy(("signal", 1, "TERM"), ("kill", 0))),
                wanted(space, 1))
        hanging_storage.hang()
        path = wait_incident(service)
        assert "ongoing" in ctl(service, "incident", "last").stdout
        seen = wait_outcome(service, path, "cleared")

        table = ctl(service, "incidents").stdout
        assert re.search(r"^ *1 .* space .* cleared", table, re.MULTILINE), table
        story = ctl(service, "incident", 1).stdout
        assert story == ctl(service, "incident", "last").stdout
        for pattern in (r"^ *0\.000 s .*last good renewal", r"^ *[678]\.\d{3} s +space .*late",
                        r"^ *8\.\d{3} s +space .*fail", r"^ *8\.\d{3} s +guest .*signal", r"^ *9\.\d{3} s +guest .*kill",
                        r"^ *\S+ s +guest .*exited", r"^ *\S+ s +space .*lost"):
            assert re.search(pattern, story, re.MULTILINE), (pattern, story)
        shown = ctl_json(service, "incident", 1)
        assert shown["Outcome"] == "cleared" and shown["Steps"] == spelled(seen["Steps"])
        assert [each["Number"] for each in ctl_json(service, "incidents")] == [1]
        ctl(service, "incident", 2, status=1)
        ctl(service, "incident", "x", status=2)
        ctl(service, "incident", status=2)
        lines = []
        while not any("incident 1" in line and "cleared" in line for line in lines):
            lines.append(monitor.line())
            assert lines[-1], lines
        assert any("incident 1" in line and "begins" in line for line in lines), lines
        assert not any("StepAdded" in line for line in lines), lines
    finally:
        monitor.stop()
