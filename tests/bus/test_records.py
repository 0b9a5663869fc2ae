# SPDX-License-Identifier: LGPL-2.1-or-later
"""Lockspace records: written, read again after a restart, joined by themselves, changed, refused and forgotten."""

import os
import pathlib
import signal

import pytest

from ctl import ctl, ctl_json
from lease_calls import (IGNORE_TERM, SPACE, acquire, check_two_lines, fails_with, format_lockspace,
                         format_resource, join, lease, leave, policy, register, wait_by_asking, wait_held,
                         wait_removed)
from private_service import BusError, options

RECORD = "records/space"


def directory(service):
    return pathlib.Path(service.directory, "records")


def record_file(service, name="space"):
    return directory(service) / f"{name}.conf"


def write(service, path, name="space", **keys):
    """A record as an administrator writes it."""
    directory(service).mkdir(mode=0o755, exist_ok=True)
    lines = {"Name": name, "Path": path, "IoTimeout": 1, **keys}
    record_file(service, name).write_text(
        "[Lockspace]\n" + "".join(f"{key}={value}\n" for key, value in lines.items()))


def keys_of(service, name="space"):
    lines = record_file(service, name).read_text().splitlines()
    assert [line for line in lines if line.startswith("[")] == ["[Lockspace]"]
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def persist(service, path, host_id=1, **given):
    given.setdefault("io_timeout", ("u", 1))
    return service.call("Manager", "Manager", "JoinLockspace", "(sstta{sv})", "space", path, 0, host_id,
                        options(persist=("b", True), **given))


def restart(service, number=signal.SIGTERM):
    service.kill_daemon(number)
    service.start_daemon()


def object_appears(service, path, limit=60):
    full = f"/org/bailiff/Bailiff1/{path}"
    service.wait_until(lambda: full in service.objects(), f"the object {path}", limit)


def state(service, wanted, record=RECORD):
    return service.wait_for_property(record, "Record", "State", wanted)


def reload(service):
    """Returns when the configuration was read again: the records come after it."""
    os.kill(service.daemon.pid, signal.SIGHUP)


@pytest.fixture
def space(service, storage):
    format_lockspace(service, storage)
    return storage


def test_persist_and_restart(service, space):
    persist(service, space, 3)
    # It is on disk when the call returns.
    assert keys_of(service) == {"Name": "space", "Path": space, "Offset": "0", "HostId": "3", "IoTimeout": "1",
                                "Startup": "automatic"}
    assert record_file(service).stat().st_mode & 0o022 == 0
    wait_held(service)
    now = service.properties(RECORD, "Record")
    assert (now["Name"], now["Path"], now["HostId"], now["Startup"], now["LastError"], now["NextAttemptUsec"]) == (
        "space", space, 3, "automatic", "", 0)
    assert now["File"] == str(record_file(service))
    state(service, "held")

    restart(service)
    object_appears(service, SPACE)
    wait_held(service)
    assert service.property(SPACE, "Lockspace", "HostId") == 3
    assert service.property(SPACE, "Lockspace", "IoTimeout") == 1
    state(service, "held")


def test_manual_is_joined_by_its_name_only(service, space):
    persist(service, space, 3, startup=("s", "manual"))
    wait_held(service)
    restart(service)
    object_appears(service, RECORD)
    assert state(service, "idle") == "idle"
    assert service.call(RECORD, "Record", "Join", "(a{sv})", {}).endswith(SPACE)
    wait_held(service)
    leave(service)
    state(service, "idle")


def test_what_cannot_be_joined_leaves_no_record(service, space):
    with fails_with("InvalidArgument", "2001"):
        persist(service, space, 2001)
    with fails_with("InvalidArgument", "startup"):
        persist(service, space, 1, startup=("s", "sometimes"))
    with fails_with("InvalidArgument", "record"):
        service.call("Manager", "Manager", "JoinLockspace", "(sstta{sv})", "space", space, 0, 1,
                     options(startup=("s", "manual")))
    with fails_with("InvalidArgument", "hidden"):
        service.call("Manager", "Manager", "JoinLockspace", "(sstta{sv})", ".space", space, 0, 1,
                     options(persist=("b", True)))
    with fails_with("InvalidArgument", "path"):
        persist(service, space + "\n[Lockspace]")
    join(service, space)
    with fails_with("AlreadyExists"):
        persist(service, space, 2)
    assert not list(directory(service).glob("*")) if directory(service).exists() else True
    assert not [path for path in service.objects() if "/records/" in path]


def test_what_is_joined_gets_a_record_without_being_joined_again(service, space):
    join(service, space)
    assert persist(service, space).endswith(SPACE)
    assert keys_of(service)["HostId"] == "1"
    assert service.property(SPACE, "Lockspace", "Generation") == 1
    assert service.property(RECORD, "Record", "State") == "held"


def test_nothing_is_joined_when_the_record_cannot_be_written(service, space):
    directory(service).mkdir(mode=0o777)
    directory(service).chmod(0o777)
    with fails_with("NotAuthorized", str(directory(service))):
        persist(service, space)
    directory(service).rmdir()
    directory(service).write_text("no directory")
    with fails_with("IoError", str(directory(service))):
        persist(service, space)
    directory(service).unlink()
    assert not [path for path in service.objects() if "/lockspaces/" in path]


def test_storage_that_appears_later(service, storage):
    write(service, storage + "-later", HostId=1)
    restart(service)
    object_appears(service, RECORD)
    state(service, "waiting")
    now = service.properties(RECORD, "Record")
    assert now["NextAttemptUsec"] > 0
    check_two_lines(now["LastError"])
    assert "There is no storage" in now["LastError"]
    # It waits longer each time.
    service.wait_for_property(RECORD, "Record", "NextAttemptUsec", lambda at: at > now["NextAttemptUsec"])
    format_lockspace(service, storage)
    os.rename(storage, storage + "-later")
    state(service, "held")
    assert service.property(RECORD, "Record", "LastError") == ""
    assert service.property(RECORD, "Record", "NextAttemptUsec") == 0
    os.rename(storage + "-later", storage)
    # Each cause was said once, whatever the number of attempts.
    assert service.log().count("is tried again until it is joined") == 1


def test_who_leaves_ends_it_until_the_next_start(service, space):
    persist(service, space)
    wait_held(service)
    path = f"/org/bailiff/Bailiff1/{SPACE}"
    leave(service)
    wait_removed(service, path)
    state(service, "idle")
    restart(service)
    object_appears(service, SPACE)
    wait_held(service)

    # Also while it is being tried, by whichever of both it is left.
    service.kill_daemon(signal.SIGTERM)
    os.rename(space, space + "-away")
    service.start_daemon()
    object_appears(service, RECORD)
    state(service, "waiting")
    service.call(RECORD, "Record", "StopJoining", "(a{sv})", {})
    assert state(service, "idle" if f"/org/bailiff/Bailiff1/{SPACE}" not in service.objects() else "lost")
    assert service.property(RECORD, "Record", "NextAttemptUsec") == 0
    os.rename(space + "-away", space)
    service.call(RECORD, "Record", "Join", "(a{sv})", {})
    wait_held(service)


def test_what_was_left_stays_so_over_a_crash(service, space):
    persist(service, space)
    wait_held(service)
    leave(service)
    service.kill_daemon()
    service.start_daemon()
    object_appears(service, RECORD)
    assert state(service, "idle")
    assert f"/org/bailiff/Bailiff1/{SPACE}" not in service.objects()
    # Who joins it wants it again.
    join(service, space)
    service.kill_daemon()
    service.start_daemon()
    object_appears(service, RECORD)
    state(service, "held")
    # And who starts bailiffd, too.
    leave(service)
    restart(service)
    object_appears(service, RECORD)
    state(service, "held")


def test_what_was_lost_is_joined_again(service, hanging_storage):
    format_lockspace(service, hanging_storage.path)
    persist(service, hanging_storage.path)
    wait_held(service)
    hanging_storage.fail()
    service.wait_for_property(SPACE, "Lockspace", "State", "lost")
    # Attempts fail as long as the storage does, and go on.
    state(service, "waiting")
    hanging_storage.fail(False, False)
    state(service, "held")
    assert service.property(SPACE, "Lockspace", "Generation") >= 2


def test_who_leaves_a_failing_lockspace_ends_it_too(service, hanging_storage, make_worker):
    """It is lost before it is gone, but not to be joined again."""
    format_lockspace(service, hanging_storage.path)
    format_resource(service, hanging_storage.path)
    persist(service, hanging_storage.path)
    wait_held(service)
    worker = make_worker(IGNORE_TERM)
    holder = register(service, worker, failure_policy=policy(("signal", 5, "TERM"), ("kill", 0)))
    acquire(service, holder, lease(hanging_storage.path))
    hanging_storage.fail()
    service.wait_for_property(SPACE, "Lockspace", "State", "failing")
    leave(service, force=("b", True))
    service.wait_for_signal("InterfacesRemoved", path="", matches=lambda arguments: arguments[0].endswith(SPACE))
    assert state(service, "idle")
    assert service.property(RECORD, "Record", "NextAttemptUsec") == 0


def test_what_a_person_has_to_mend_is_tried_once(service, space):
    with open(space, "r+b") as file:
        file.seek(100)
        file.write(b"\xff")
    write(service, space, HostId=1)
    restart(service)
    object_appears(service, RECORD)
    state(service, "failed")
    assert "damaged" in service.property(RECORD, "Record", "LastError")
    assert service.property(RECORD, "Record", "NextAttemptUsec") == 0
    # An edit is the cure: with host 2's record, which is whole, it is joined at once.
    service.call(RECORD, "Record", "Edit", "(a{sv}a{sv})", options(host_id=("t", 2)), {})
    state(service, "held")
    assert service.property(SPACE, "Lockspace", "HostId") == 2


def test_a_file_that_is_gone(service, space):
    persist(service, space)
    wait_held(service)
    record_file(service).unlink()
    reload(service)
    service.wait_for_signal("InterfacesRemoved", matches=lambda arguments: arguments[0].endswith(RECORD))
    # The lockspace is nobody's to take away; and a file that is gone is forgotten at the next start.
    assert service.property(SPACE, "Lockspace", "State") == "held"
    restart(service)
    assert not [path for path in service.objects() if "/records/" in path or "/lockspaces/" in path]


def test_reload_finds_what_is_new_and_what_has_changed(service, space):
    write(service, space + "-elsewhere", HostId=7)
    reload(service)
    object_appears(service, RECORD)
    state(service, "waiting")
    write(service, space, HostId=7)
    reload(service)
    state(service, "held")
    assert service.property(SPACE, "Lockspace", "HostId") == 7


def test_edit(service, space):
    persist(service, space)
    wait_held(service)

    def edit(**changes):
        service.call(RECORD, "Record", "Edit", "(a{sv}a{sv})", options(**changes), {})

    edit(startup=("s", "manual"), host_id=("t", 0), io_timeout=("u", 2))
    assert keys_of(service) == {"Name": "space", "Path": space, "Offset": "0", "HostId": "auto", "IoTimeout": "2",
                                "Startup": "manual"}
    # What is joined stays as it is.
    assert service.property(SPACE, "Lockspace", "IoTimeout") == 1
    before = record_file(service).read_text()
    for changes, text in ((dict(startup=("s", "never")), "startup"), (dict(path=("s", "relative")), "path"),
                          (dict(offset=("t", 77)), "77"), (dict(host_id=("t", 2001)), "2001"),
                          (dict(io_timeout=("u", 256)), "io-timeout"), (dict(name=("s", "other")), "name")):
        with fails_with("InvalidArgument", text):
            edit(**changes)
    assert record_file(service).read_text() == before


def test_forget(service, space):
    persist(service, space)
    wait_held(service)
    service.call(RECORD, "Record", "Forget", "(a{sv})", {})
    assert not record_file(service).exists()
    assert f"/org/bailiff/Bailiff1/{RECORD}" not in service.objects()
    assert service.property(SPACE, "Lockspace", "State") == "held"
    with pytest.raises(BusError):
        service.call(RECORD, "Record", "Forget", "(a{sv})", {})


def test_auto_is_chosen_and_kept(service, second_service, space):
    join(second_service, space, host_id=1)
    persist(service, space, 0)
    wait_held(service)
    assert service.wait_for_property(RECORD, "Record", "ChosenHostId", 2) == 2
    assert service.property(RECORD, "Record", "HostId") == 0
    wait_by_asking(service, lambda: keys_of(service).get("ChosenHostId") == "2", "the host id in the record")
    chosen_on = keys_of(service)["ChosenOn"]
    # The machine's, not the host's name, which may change.
    assert chosen_on and service.property("Manager", "Manager", "HostName").startswith(chosen_on)

    # Kept, also when the lockspace remembers nothing of it.
    service.kill_daemon(signal.SIGTERM)
    leave(second_service)
    format_lockspace(second_service, space, overwrite=("b", True))
    service.start_daemon()
    object_appears(service, SPACE)
    wait_held(service)
    assert service.property(SPACE, "Lockspace", "HostId") == 2

    # But not on another machine, which has a copy of the file.
    service.kill_daemon(signal.SIGTERM)
    format_lockspace(second_service, space, overwrite=("b", True))
    record_file(service).write_text(record_file(service).read_text().replace(chosen_on, "0123456789abcdef"))
    service.start_daemon()
    object_appears(service, SPACE)
    wait_held(service)
    assert service.property(SPACE, "Lockspace", "HostId") == 1


def test_two_hosts_start_with_the_same_record(service, second_service, storage):
    format_lockspace(service, storage, io_timeout=("u", 2))
    services = service, second_service
    for each in services:
        write(each, storage, HostId="auto", IoTimeout=1)
        each.kill_daemon(signal.SIGTERM)
    for each in services:
        each.start_daemon()
    for each in services:
        object_appears(each, SPACE)
        wait_held(each)
    assert {each.property(SPACE, "Lockspace", "HostId") for each in services} in ({1, 2}, {1, 3}, {2, 3})


HOSTILE = {
    "key": ("[Lockspace]\nName=key\nPath=/x\nHostid=1\n", "line 4: There is no such key."),
    "group": ("[Lockspace]\nName=group\nPath=/x\n\n[Other]\nx=y\n", "line 5: There is no such group."),
    "twice": ("[Lockspace]\nName=twice\nPath=/x\nPath=/y\n", "line 4: The key is given twice."),
    "nonsense": ("[Lockspace]\nName=nonsense\nwhatever\n", "line 3: This is no line of a key file."),
    "host": ("[Lockspace]\nName=host\nPath=/x\nHostId=-1\n", "line 4: This is no such number."),
    "name": ("[Lockspace]\nName=other\nPath=/x\n", "line 2: The file is the record of another lockspace"),
    "path": ("[Lockspace]\nName=path\nPath=x\n", "line 3: The path is not absolute"),
    "empty": ("", "line 1: Name= or Path= is missing."),
    "binary": ("[Lockspace]\nName=binary\n\x00\x01\n", "line 3: This is no text"),
    "large": ("#" * 20000, "is larger than any record"),
}


def test_hostile_files(service, space):
    """Each is refused by itself, and told; the good one among them is joined."""
    write(service, space, HostId=1)
    for name, (text, _) in HOSTILE.items():
        record_file(service, name).write_text(text)
    write(service, space, "writable")
    record_file(service, "writable").chmod(0o666)
    if os.geteuid() == 0:
        write(service, space, "owned")
        os.chown(record_file(service, "owned"), 65534, 65534)
    (directory(service) / "link.conf").symlink_to("space.conf")
    os.mkfifo(directory(service) / "pipe.conf")
    (directory(service) / "folder.conf").mkdir()
    (directory(service) / "blank name.conf").write_text("[Lockspace]\nName=blank name\nPath=/x\n")
    pathlib.Path(os.fsdecode(os.fsencode(directory(service)) + b"/\xff\n.conf")).write_text("")
    # What is somebody else's is passed over.
    (directory(service) / ".hidden.conf").write_text("x")
    (directory(service) / "space.conf.bak").write_text("x")
    restart(service)
    object_appears(service, SPACE)
    wait_held(service)
    found = {path.rsplit("/", 1)[1]: interfaces["org.bailiff.Bailiff1.Record"]
             for path, interfaces in service.objects().items() if "/records/" in path}
    assert found.pop("space")["State"] == "held"
    expected = {**{name: text for name, (_, text) in HOSTILE.items()}, "writable": "no file that only root",
                "link": "is a symbolic link", "pipe": "no file that only root", "folder": "no file that only root",
                "blank_20name": "line 2: The name of the lockspace has a character", "_ff_0a": "line 1"}
    if os.geteuid() == 0:
        expected["owned"] = "no file that only root"
    assert set(found) == set(expected)
    for label, text in expected.items():
        assert found[label]["State"] == "refused", label
        assert text in found[label]["LastError"], (label, found[label]["LastError"])
        assert ".conf" in found[label]["LastError"]
        check_two_lines(found[label]["LastError"])
    with fails_with("InvalidArgument", "bailiffctl records"):
        service.call("records/key", "Record", "Edit", "(a{sv}a{sv})", options(host_id=("t", 1)), {})
    with fails_with("InvalidArgument", "bailiffctl records"):
        service.call("records/key", "Record", "Join", "(a{sv})", {})
    service.call("records/key", "Record", "Forget", "(a{sv})", {})
    assert not record_file(service, "key").exists()


def test_a_directory_that_others_can_write(service, space):
    write(service, space, HostId=1)
    directory(service).chmod(0o777)
    restart(service)
    wait_by_asking(service, lambda: "its records are not used" in service.log(), "the complaint")
    assert not [path for path in service.objects() if "/records/" in path or "/lockspaces/" in path]


def test_what_a_crashed_bailiffd_had_goes_on(service, space, worker):
    """What the next one takes over is not joined once more by its record, which then follows it."""
    format_resource(service, space)
    persist(service, space)
    wait_held(service)
    acquire(service, register(service, worker), lease(space))
    service.kill_daemon()
    service.start_daemon()
    object_appears(service, RECORD)
    state(service, "held")
    assert service.property(SPACE, "Lockspace", "Generation") == 1
    assert service.property(SPACE, "Lockspace", "Registrations")
    worker.kill()
    worker.wait()
    wait_by_asking(service, lambda: not service.property(SPACE, "Lockspace", "Registrations"), "the end of the worker")
    leave(service)
    state(service, "idle")


def test_bailiffctl(service, space, tmp_path):
    assert ctl(service, "records").stdout == "There are no lockspace records.\n"
    assert "held as host 1" in ctl(service, "join", "space", space, "auto", "--io-timeout", 1, "--persist").stdout
    wait_by_asking(service, lambda: keys_of(service).get("ChosenHostId") == "1", "the host id in the record")
    head, row = ctl(service, "records").stdout.splitlines()
    assert head.split() == ["LOCKSPACE", "PLACE", "HOST", "ID", "STARTUP", "STATE"]
    assert row.split() == ["space", f"{space}:0", "auto", "(1)", "automatic", "held"]
    assert [each["Name"] for each in ctl_json(service, "records")] == ["space"]

    ctl(service, "edit", "space", "Startup=manual", "IoTimeout=2", "HostId=4")
    assert keys_of(service) == {"Name": "space", "Path": space, "Offset": "0", "HostId": "4", "IoTimeout": "2",
                                "Startup": "manual"}
    assert "KEY=VALUE" in ctl(service, "edit", "space", "Startup", status=2).stderr
    assert "'Startup'" in ctl(service, "edit", "space", "Startp=x", status=2).stderr
    assert "'space'" in ctl(service, "edit", "spac", "Startup=manual", status=1).stderr
    assert "startup" in ctl(service, "edit", "space", "Startup=x", status=2).stderr

    # In an editor.
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nsed -i 's/^HostId=4/HostId=5/; s/^IoTimeout=2/IoTimeout=1/' \"$1\"\n")
    editor.chmod(0o755)
    ctl(service, "edit", "space", EDITOR=str(editor), VISUAL="")
    assert (keys_of(service)["HostId"], keys_of(service)["IoTimeout"]) == ("5", "1")
    assert ctl(service, "edit", "space", EDITOR="true", VISUAL="").stdout.startswith("Nothing was changed.\n")
    assert "failed" in ctl(service, "edit", "space", EDITOR="false", VISUAL="", status=1).stderr
    editor.write_text("#!/bin/sh\necho nonsense >\"$1\"\n")
    kept = ctl(service, "edit", "space", EDITOR=str(editor), VISUAL="", TMPDIR=str(tmp_path), status=2).stderr
    assert str(tmp_path) in kept and list(tmp_path.glob("bailiff-record-*"))

    ctl(service, "leave", "space")
    assert "held as host 5" in ctl(service, "join", "space").stdout
    assert "HOST_ID" in ctl(service, "join", "space", space, status=2).stderr
    assert "record" in ctl(service, "join", "space", "--persist", status=2).stderr
    ctl(service, "forget", "space")
    assert not record_file(service).exists()
    assert "join --persist" in ctl(service, "join", "other", status=1).stderr


def test_reload_names_records_that_are_refused(service, space):
    write(service, space, HostId=1, Colour="red")
    for arguments in ("reload",), ("--json", "reload"):
        said = ctl(service, *arguments, status=1).stderr
        assert str(record_file(service)) in said and "There is no such key" in said and "\n  Keys: " in said
    write(service, space, HostId=1, Startup="manual")
    assert ctl(service, "reload").stderr == ""


def test_leave_ends_the_attempts_of_a_record(service, space):
    write(service, space + "-never", HostId=1)
    restart(service)
    object_appears(service, RECORD)
    state(service, "waiting")
    ctl(service, "leave", "space")
    state(service, "idle")
    assert service.property(RECORD, "Record", "NextAttemptUsec") == 0


def test_a_join_that_failed_says_what_becomes_of_its_record(service, make_storage, tmp_path):
    """Whoever sees an error believes that nothing was done, or that all is given up; neither is so."""
    missing = tmp_path / "not-attached"
    said = ctl(service, "join", "space", missing, 1, "--io-timeout", 1, "--persist", status=1).stderr
    assert str(record_file(service)) in said and "goes on trying" in said
    assert "bailiffctl leave space" in said
    ctl(service, "leave", "space")
    ctl(service, "forget", "space")

    damaged = make_storage()
    format_lockspace(service, damaged)
    with open(damaged, "r+b") as file:
        file.seek(100)
        file.write(b"\xff")
    said = ctl(service, "join", "space", damaged, 1, "--io-timeout", 1, "--persist", status=1).stderr
    assert str(record_file(service)) in said and "not tried again" in said
    ctl(service, "forget", "space")

    said = ctl(service, "join", "space", missing, 1, "--io-timeout", 1, "--persist", "--startup", "manual",
               status=1).stderr
    assert str(record_file(service)) in said and "not joined before" in said
    ctl(service, "forget", "space")

    said = ctl(service, "join", "space", missing, 2001, "--persist", status=2).stderr
    assert "No record was written" in said
    assert "record" not in ctl(service, "join", "space", missing, 1, "--io-timeout", 1, status=1).stderr

    path = make_storage()
    format_lockspace(service, path)
    ctl(service, "join", "space", path, 1, "--io-timeout", 1, "--persist")
    said = ctl(service, "join", "space", path, 1, "--io-timeout", 1, status=1).stderr
    assert "already held" in said and "record" not in said


def test_what_counts_from_the_next_join_is_named(service, space):
    persist(service, space, 3)
    wait_held(service)
    write(service, space, HostId=4, IoTimeout=1, Startup="manual")
    assert ctl(service, "reload").stdout == "HostId of the record of space counts from its next join.\n"
    assert "HostId, IoTimeout of the record of space" in ctl(service, "edit", "space", "IoTimeout=2").stdout
    leave(service)
    assert ctl(service, "reload").stdout == ""
