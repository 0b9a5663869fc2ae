# SPDX-License-Identifier: LGPL-2.1-or-later
"""bailiffd as a service of systemd's: one guest from its boot to its end, so these tests go on from each other."""

import json

import pytest

import disk_records
from disk_records import MIB
from service_state import held, kept, main_pid, show, status

DISK = "/dev/disk/by-id/virtio-leases"
BUS = "busctl --json=short call org.bailiff.Bailiff1 /org/bailiff/Bailiff1/Manager"
# What becomes of a host lease, and of a resource, that was given back.
FREE = 0

# The capabilities of the unit: CAP_DAC_OVERRIDE, CAP_KILL, CAP_SETGID, CAP_SETUID.
CAPABILITIES = 1 << 1 | 1 << 5 | 1 << 6 | 1 << 7


def wait_logged(guest, text):
    guest.wait_until(f"journalctl -b -u bailiffd -o cat | grep -qF {text!r}")


def test_the_system_is_well(guest):
    """All of its units are, and nobody has started bailiffd: it is not enabled."""
    assert guest.run("systemctl is-system-running --wait", status=None).output == "running\n", \
        guest.out("systemctl --failed")
    assert show(guest, "bailiffd", "ActiveState", "LoadState") == {"ActiveState": "inactive", "LoadState": "loaded"}


def test_a_call_starts_it(guest):
    assert "0.1" in guest.out(f"{BUS} org.freedesktop.DBus.Properties Get ss org.bailiff.Bailiff1.Manager Version")
    assert show(guest, "bailiffd", "ActiveState", "SubState", "Type", "StatusText", "NRestarts") == {
        "ActiveState": "active", "SubState": "running", "Type": "notify", "NRestarts": "0",
        "StatusText": "No lockspaces, no registrations"}
    shown = guest.out("systemctl status bailiffd")
    assert "Leases on shared storage" in shown and 'Status: "No lockspaces, no registrations"' in shown
    assert "bailiffd --launcher" in shown
    assert "Ready as host" in shown


def test_it_has_what_the_unit_gives_and_no_more(guest):
    pid = main_pid(guest)
    facts = dict(line.split(":\t", 1) for line in guest.out(f"cat /proc/{pid}/status").splitlines() if ":\t" in line)
    assert facts["Uid"].split() == ["0"] * 4
    for which in ("CapBnd", "CapEff", "CapPrm"):
        assert int(facts[which], 16) == CAPABILITIES, which
    assert (facts["NoNewPrivs"], facts["Seccomp"]) == ("1", "2")
    for namespace, same in ("net", False), ("mnt", False), ("pid", True):
        ours, init = guest.out(f"readlink /proc/{pid}/ns/{namespace} /proc/1/ns/{namespace}").split()
        assert (ours == init) == same, namespace
    assert guest.out(f"cat /proc/{pid}/oom_score_adj") == "-1000"
    # /usr is read-only for it, and the directory of the lockspace records is not.
    mounts = guest.out(f"cat /proc/{pid}/mountinfo").splitlines()
    options = {fields[4]: fields[5].split(",") for fields in map(str.split, mounts)}
    assert "ro" in options["/usr"] and "rw" in options["/etc/bailiff/lockspaces.d"]


def test_memory_is_locked_and_deadlines_have_priority(guest):
    """As the log says; and the launcher, which becomes the programs of policies, has neither."""
    pid = main_pid(guest)
    logged = guest.out("journalctl -b -u bailiffd -o cat")
    assert "Memory is locked" in logged and "Deadlines are kept with real-time priority" in logged
    size, locked = guest.out(f"sed -n 's/^Vm\\(Size\\|Lck\\):[[:space:]]*\\([0-9]*\\) kB/\\2/p' /proc/{pid}/status").split()
    assert int(locked) > 0.9 * int(size)
    threads = [line.split() for line in guest.out(f"ps -L -o cls,rtprio,ni,comm -p {pid}").splitlines()]
    assert {tuple(t[:2]) for t in threads if t[3].startswith("guard-")} == {("RR", "2")}
    assert ["TS", "-", "-20", "bailiffd"] in threads
    launcher = guest.out(f"pgrep -P {pid}")
    assert guest.out(f"grep VmLck /proc/{launcher}/status").split()[1] == "0"


def test_polkit_lets_some_look_and_nobody_format(guest):
    guest.run(f"bailiffctl format-lockspace {DISK} demo --io-timeout 2")
    before = disk_records.digest(guest.leases)
    assert "Nobody is registered" in guest.out("runuser -u stranger -- bailiffctl status")
    for user, action, command in (("stranger", "read-storage", f"inspect {DISK}"),
                                  ("stranger", "format-storage", f"format-lockspace {DISK} demo --overwrite"),
                                  ("member", "format-storage", f"format-lockspace {DISK} demo --overwrite")):
        refused = guest.run(f"runuser -u {user} -- bailiffctl {command}", status=5)
        assert f"org.bailiff.{action}" in refused.complaint and "bailiff-polkit(7)" in refused.complaint
    # The sample rules let this group look.
    assert "demo" in guest.out(f"runuser -u member -- bailiffctl inspect {DISK}")
    assert disk_records.digest(guest.leases) == before


def test_leases_for_a_service_and_for_a_unit(guest):
    """The disk has its name by udev; the service runs `bailiffctl run`, the unit is registered."""
    guest.run("systemctl service-log-level bailiffd debug")
    for offset, name in (1, "thing"), (2, "second"), (3, "third"):
        guest.run(f"bailiffctl format-resource {DISK}:{offset}M demo {name}")
    guest.run(f"bailiffctl join demo {DISK} 1 --io-timeout 2 --persist")
    # Ordered after it, as the manual says that such a unit is to be.
    guest.run(f"systemd-run --unit worker -p After=bailiffd.service bailiffctl run demo thing@{DISK}:1M -- sleep infinity")
    guest.wait_until("bailiffctl status | grep -q thing")
    guest.run("systemctl service-log-level bailiffd info")
    guest.run("systemd-run --unit guarded sleep infinity")
    registration = json.loads(guest.out("bailiffctl register --unit guarded.service --json"))["Number"]
    guest.run(f"bailiffctl acquire {registration} demo second@{DISK}:2M")
    resources, registrations = held(guest)
    assert {name: state for name, (state, _, _) in resources.items()} == {"thing": "held", "second": "held"}
    assert [kind for kind, *_ in registrations] == ["process", "unit"]
    assert show(guest, "bailiffd", "StatusText")["StatusText"] == \
        "1 lockspace (held), 2 registrations (worst: active)"
    assert disk_records.field(guest.leases, MIB, disk_records.OWNER_ID) == 1
    assert "bailiffd" in guest.out("systemd-inhibit --list | grep shutdown | grep delay")


def test_stopping_it_is_refused(guest):
    before = held(guest), main_pid(guest)
    for verb in "stop", "restart":
        assert "refuse manual" in guest.run(f"systemctl {verb} bailiffd", status=None).complaint
    refused = guest.run("bailiffctl stop", status=3).complaint
    assert "demo/thing" in refused and "guarded.service" in refused and "demo/second" in refused
    assert (held(guest), main_pid(guest)) == before


def policies(guest):
    return {r["Kind"]: [step[:2] for step in r["FailurePolicy"]] for r in status(guest)["Registrations"]}


def test_reload(guest):
    """A good configuration counts, a bad one is refused whole."""
    guest.run("printf '[failure-policy]\\nprocess=signal TERM 7s, kill\\nunit=kill\\n' >/etc/bailiff/bailiffd.conf")
    guest.run("systemctl reload bailiffd")
    wait_logged(guest, "The configuration was read again")
    good = {"process": [["signal", 7], ["kill", 0]], "unit": [["kill", 0]]}
    assert policies(guest) == good
    guest.run("printf '[failure-policy]\\nprocess=kill\\nunit=nonsense\\n' >/etc/bailiff/bailiffd.conf")
    guest.run("systemctl reload bailiffd")
    wait_logged(guest, "The configuration is refused, and the one before it counts")
    assert policies(guest) == good
    assert show(guest, "bailiffd", "ActiveState")["ActiveState"] == "active"


def test_kill_9_keeps_the_leases(guest):
    """systemd starts the next one, which goes on, although the configuration is bad now: nobody else guards them."""
    before, pid = held(guest), main_pid(guest)
    workers = main_pid(guest, "worker"), main_pid(guest, "guarded")
    # The pidfd of the process.
    assert kept(guest) == 1
    guest.run(f"kill -KILL {pid}")
    guest.wait_until("[ $(systemctl show -P NRestarts bailiffd) = 1 ] && systemctl is-active -q bailiffd")
    guest.wait_until("bailiffctl status | grep -q 'demo  *held'")
    assert held(guest) == before
    assert main_pid(guest) not in (0, pid)
    assert (main_pid(guest, "worker"), main_pid(guest, "guarded")) == workers
    assert kept(guest) == 1
    assert guest.out(f"grep -lx 'Pid:[[:space:]]*{workers[0]}' /proc/{main_pid(guest)}/fdinfo/*")
    assert "bailiffd" in guest.out("systemd-inhibit --list | grep shutdown | grep delay")
    guest.run("rm /etc/bailiff/bailiffd.conf")
    guest.run("bailiffctl reload")


@pytest.mark.parametrize("how", ["bailiffctl reexecute", "systemctl kill --kill-who=main --signal=SIGUSR1 bailiffd"])
def test_reexecute_keeps_the_process(guest, how):
    before, pid = held(guest), main_pid(guest)
    started = guest.out("busctl call org.freedesktop.DBus / org.freedesktop.DBus GetNameOwner s org.bailiff.Bailiff1")
    restarts = show(guest, "bailiffd", "NRestarts", "InvocationID")
    guest.run(how)
    # It is another connection to the bus.
    guest.wait_until("owner=$(busctl call org.freedesktop.DBus / org.freedesktop.DBus GetNameOwner s "
                     f"org.bailiff.Bailiff1) && [ \"$owner\" != '{started}' ]")
    guest.wait_until("bailiffctl status | grep -q 'demo  *held'")
    assert (held(guest), main_pid(guest)) == (before, pid)
    assert show(guest, "bailiffd", "NRestarts", "InvocationID") == restarts
    assert kept(guest) == 1
    assert show(guest, "bailiffd", "ActiveState", "SubState") == {"ActiveState": "active", "SubState": "running"}
    guest.wait_until("systemctl show -P StatusText bailiffd | grep -q '^1 lockspace'")


def test_the_journal(guest):
    """What happened can be asked for by what it was about, and is explained."""
    def entries(query):
        return [json.loads(line) for line in guest.out(f"journalctl -b -o json {query}").splitlines()]

    joined = [e for e in entries("LOCKSPACE=demo") if "is joined" in e["MESSAGE"]]
    assert len(joined) == 1
    assert joined[0]["HOST_ID"] == "1" and joined[0]["_SYSTEMD_UNIT"] == "bailiffd.service"
    assert len(joined[0]["MESSAGE_ID"]) == 32 and joined[0]["PRIORITY"] == "5"
    assert entries("RESOURCE=thing")
    explained = guest.out(f"journalctl -b -x MESSAGE_ID={joined[0]['MESSAGE_ID']}")
    assert "Subject: Lockspace demo is joined" in explained and "its host id 1 in the lockspace demo" in explained
    complaints = [e["MESSAGE"] for e in entries("_SYSTEMD_UNIT=bailiffd.service -p err")]
    assert all("failure-policy" in complaint for complaint in complaints), complaints


def test_a_unit_that_ends_gives_its_lease_back(guest):
    guest.run("systemctl stop guarded")
    guest.wait_until("! bailiffctl status | grep -q second")
    assert disk_records.field(guest.leases, 2 * MIB, disk_records.TIMESTAMP) == FREE


def test_poweroff_gives_everything_back(guest):
    """Those who still hold leases are ended as on any host, and then the lockspace is left."""
    # Another one with a lease, which systemd ends at the same time as bailiffd, not before.
    guest.run(f"systemd-run --unit beside bailiffctl run demo third@{DISK}:3M -- sleep infinity")
    guest.wait_until("bailiffctl status | grep -q 'third  *held'")
    assert disk_records.field(guest.leases, 0, disk_records.TIMESTAMP) != FREE
    assert disk_records.field(guest.leases, 3 * MIB, disk_records.TIMESTAMP) != FREE
    guest.begin("systemctl poweroff")
    _, event = guest.wait_event("SHUTDOWN")
    assert event["data"] == {"guest": True, "reason": "guest-shutdown"}
    guest.wait_ended()
    assert disk_records.field(guest.leases, 0, disk_records.TIMESTAMP) == FREE
    for offset in 1, 2, 3:
        assert disk_records.field(guest.leases, offset * MIB, disk_records.OWNER_ID) == 1
        assert disk_records.field(guest.leases, offset * MIB, disk_records.TIMESTAMP) == FREE
