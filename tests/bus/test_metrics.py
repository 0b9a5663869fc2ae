# SPDX-License-Identifier: LGPL-2.1-or-later
"""GetMetrics() and `bailiffctl metrics`: numbers for a monitoring system, and what they say of what happens."""

import re

import pytest

import open_metrics
from ctl import ctl
from lease_calls import (acquire, format_lockspace, format_resource, join, lease, leave, policy, register,
                         wait_by_asking)
from open_metrics import value
from private_service import SOURCE, BusError, options
from promtool import check_metrics, promtool


def metrics_text(service):
    return service.call("Manager", "Manager", "GetMetrics", "(a{sv})", {})


def metrics(service):
    return open_metrics.parse(metrics_text(service))


def test_of_an_idle_daemon(daemon):
    families = metrics(daemon)
    assert value(families, "bailiff_lockspaces", state="held") == 0
    assert value(families, "bailiff_registrations", state="active") == 0
    assert value(families, "bailiff_guard_kills", "_total") == 0
    assert value(families, "bailiff_launcher_up") == 1
    assert value(families, "bailiff_launcher_losses", "_total") == 0
    assert families["bailiff_lockspace_margin_seconds"].samples == {}
    assert families["bailiff_scheduling_delay_seconds"].type == "histogram"
    assert all(name.startswith("bailiff_") for name in families)


def test_unknown_option(daemon):
    with pytest.raises(BusError) as caught:
        daemon.call("Manager", "Manager", "GetMetrics", "(a{sv})", options(what=("b", True)))
    assert caught.value.name == "org.bailiff.Error.InvalidArgument"


def test_for_a_text_file(daemon):
    """In whatever language: the format knows no decimal comma."""
    result = ctl(daemon, "metrics", LC_ALL="C.UTF-8")
    assert "bailiff_lockspaces" in open_metrics.parse(result.stdout)


def test_of_leases(service, storage, worker):
    format_lockspace(service, storage)
    format_resource(service, storage)
    join(service, storage)
    registration = register(service, worker)
    acquire(service, registration, lease(storage))
    families = metrics(service)
    assert value(families, "bailiff_lockspaces", state="held") == 1
    assert value(families, "bailiff_registrations", state="active") == 1
    assert value(families, "bailiff_resources", lockspace="space", kind="used") == 1
    assert value(families, "bailiff_resources", lockspace="space", kind="orphan") == 0
    assert 0 < value(families, "bailiff_lockspace_margin_seconds", lockspace="space") <= 8
    wait_by_asking(service, lambda: value(metrics(service), "bailiff_renewal_duration_seconds", "_count",
                                          lockspace="space"), "a renewal that is counted")
    check_metrics(metrics_text(service))
    worker.kill()
    service.wait_until(lambda: any(s.member == "InterfacesRemoved" and s.arguments[0] == registration
                                   for s in service.signals), "the end of the registration")
    leave(service)
    families = metrics(service)
    assert value(families, "bailiff_lockspaces", state="held") == 0
    assert families["bailiff_renewal_duration_seconds"].samples == {}


def test_of_a_loss(service, hanging_storage, worker):
    format_lockspace(service, hanging_storage.path)
    format_resource(service, hanging_storage.path)
    join(service, hanging_storage.path)
    registration = register(service, worker, failure_policy=policy(("notify", 1), ("kill", 0)))
    acquire(service, registration, lease(hanging_storage.path))
    hanging_storage.fail()
    service.wait_for_signal("Cleared")
    families = metrics(service)
    assert value(families, "bailiff_renewals_failed", "_total", lockspace="space") > 0
    assert value(families, "bailiff_leases_lost", "_total", lockspace="space") == 1
    assert value(families, "bailiff_actions", "_total", action="kill", result="worked") == 1
    assert value(families, "bailiff_actions", "_total", action="kill", result="failed") == 0
    assert sum(families["bailiff_incidents"].samples.values()) == 1
    margin = value(families, "bailiff_lockspace_margin_seconds", lockspace="space")
    assert margin is None or margin <= 0


def test_alert_rules_name_what_there_is(daemon):
    families = metrics(daemon)
    rules = (SOURCE / "data/alerts/bailiff.rules.yml").read_text()
    named = set(re.findall(r"\bbailiff_[a-z_]+", rules))
    assert named
    for name in named:
        assert re.sub("_(total|bucket|count|sum)$", "", name) in families, name


def test_alert_rules_come_when_they_have_to():
    rules = SOURCE / "data/alerts/bailiff.rules.yml"
    tests = SOURCE / "tests/bus/alerts.test.yml"
    promtool("check", "rules", rules)
    promtool("test", "rules", tests)
    shown = set(re.findall(r'alertname="(\w+)"', tests.read_text()))
    assert shown == set(re.findall(r"- alert: (\w+)", rules.read_text()))


def test_the_manual_names_all(daemon):
    manual = (SOURCE / "data/man/bailiffd.8.rst").read_text()
    named = set(re.findall(r"\*\*(bailiff_[a-z_]+?)(?:_total)?\*\*", manual))
    assert named == set(metrics(daemon))


def test_strictness():
    """The reader finds faults."""
    good = "# TYPE a gauge\n# HELP a A.\na 1\n"
    open_metrics.parse(good + "# EOF\n")
    for bad in (good, good + "a 2\n# EOF\n", good + "b 1\n# EOF\n", good + 'a{l="x} 1\n# EOF\n',
                "# TYPE a counter\n# HELP a A.\na 1\n# EOF\n", good + "a{} 1\n# EOF\n",
                "# TYPE a gauge\n# UNIT a seconds\n# HELP a A.\n# EOF\n", good + "a,5 1\n# EOF\n",
                good.replace("1", "1,5") + "# EOF\n", good + "\n# EOF\n", good + "# EOF\n# EOF\n"):
        with pytest.raises(AssertionError):
            open_metrics.parse(bad)
