# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fixtures of the tests on the bus and with other implementations, and what run-tests.py reads of each case."""

import gi

gi.require_version("Gio", "2.0")

import pytest  # noqa: E402

from lease_calls import end_worker, start_worker  # noqa: E402
from private_service import PrivateService  # noqa: E402
from sanlock_daemon import SanlockDaemon  # noqa: E402
from lease_storage import NoSuchStorage, hanging_file, storage_files  # noqa: E402

# What Meson takes for "skipped".
SKIPPED_STATUS = 77


@pytest.fixture
def make_service(request):
    """make_service(arguments): a bailiffd on a bus of its own; all are stopped at the end, the last first."""
    services = []
    request.node.bailiff_logs = services

    def make(arguments="", environment=None):
        service = PrivateService(arguments, environment)
        services.append(service)
        return service

    yield make
    complaints = []
    for service in reversed(services):
        try:
            service.stop()
        except AssertionError as error:
            complaints.append(str(error))
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def service(make_service):
    """A bailiffd on a private bus."""
    return make_service()


@pytest.fixture
def second_service(make_service):
    """Another host: a bailiffd on another bus, with another host name, for the same storage."""
    return make_service("--host-name hostB")


@pytest.fixture
def make_storage():
    """make_storage(mib): a file of zeroes that takes direct I/O."""
    try:
        with storage_files() as make:
            yield make
    except NoSuchStorage as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def module_storage():
    """module_storage(mib): a file of zeroes that lasts as long as the file's tests."""
    try:
        with storage_files() as make:
            yield make
    except NoSuchStorage as reason:
        pytest.skip(str(reason))


@pytest.fixture
def make_worker():
    """make_worker(first): a process to register; `first` is what it does first, in Python."""
    workers = []

    def make(first=""):
        workers.append(start_worker(first))
        return workers[-1]

    yield make
    for worker in workers:
        end_worker(worker)


@pytest.fixture
def worker(make_worker):
    return make_worker()


@pytest.fixture
def storage(make_storage):
    return make_storage()


@pytest.fixture
def hanging_storage():
    """A file whose store hangs, fails and goes on by command: see HangingStorage."""
    try:
        with hanging_file() as store:
            yield store
    except NoSuchStorage as reason:
        pytest.skip(str(reason))


@pytest.fixture
def sanlock(request):
    """A real sanlock daemon, another host of the same storage."""
    if not SanlockDaemon.program():
        pytest.skip("sanlock is not installed")
    daemon = SanlockDaemon("sanlockhost")
    request.node.sanlock_daemon = daemon
    yield daemon
    daemon.stop()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        for number, each in enumerate(getattr(item, "bailiff_logs", [])):
            report.sections.append((f"log of bailiffd {number}", each.log()))
        if hasattr(item, "sanlock_daemon") and report.when == "call":
            report.sections.append(("log of sanlock", item.sanlock_daemon.log()))


def case_lines(stats):
    for category in ("passed", "xfailed"):
        for report in stats.get(category, []):
            yield f"case passed {report.nodeid}"
    for category in ("failed", "error", "xpassed"):
        for report in stats.get(category, []):
            yield f"case failed {report.nodeid}"
    for report in stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        yield f"case skipped {report.nodeid} # {' '.join(reason.split()).removeprefix('Skipped: ')}"


def pytest_terminal_summary(terminalreporter):
    for line in case_lines(terminalreporter.stats):
        terminalreporter.write_line(line)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session, exitstatus):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if exitstatus == 0 and reporter.stats.get("skipped") and not reporter.stats.get("passed"):
        session.exitstatus = SKIPPED_STATUS
