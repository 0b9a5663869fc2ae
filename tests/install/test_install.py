# SPDX-License-Identifier: LGPL-2.1-or-later
"""What `meson install` puts into an empty directory: each file and its mode; that systemd and a bus take their files; and
that the daemon and bailiffctl work from there, with no more rights than the unit leaves them."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import pytest

BUILD = pathlib.Path(os.environ["BAILIFF_BUILD_DIR"])
SOURCE = pathlib.Path(__file__).resolve().parents[2]
NAME = "org.bailiff.Bailiff1"
PREFIX = "usr/local"
POLICY_DTD = "/usr/share/polkit-1/policyconfig-1.dtd"
LIMIT = 60
MIB = 1 << 20
NOBODY = 65534

PROGRAMS = {"sbin/bailiffd", "bin/bailiffctl", "etc/libvirt/hooks/qemu.d/bailiff"}
OTHERS = {
    "lib/systemd/system/bailiffd.service",
    "lib/systemd/catalog/bailiff.catalog",
    "lib/sysusers.d/bailiff.conf",
    f"share/dbus-1/system-services/{NAME}.service",
    f"share/dbus-1/system.d/{NAME}.conf",
    *(f"share/dbus-1/interfaces/{path.name}" for path in SOURCE.glob(f"introspection/{NAME}.*.xml")),
    "share/doc/bailiff/bailiff.rules",
    "share/doc/bailiff/bailiffd.conf",
    "share/man/man1/bailiffctl.1",
    "share/man/man5/bailiff-lockspaces.d.5",
    "share/man/man5/bailiffd.conf.5",
    "share/man/man7/bailiff-failure-policy.7",
    "share/man/man7/bailiff-libvirt.7",
    "share/man/man5/org.bailiff.Bailiff1.5",
    "share/man/man7/bailiff-sanlock.7",
    "share/man/man7/bailiff-polkit.7",
    "share/polkit-1/actions/org.bailiff.policy",
    "share/man/man8/bailiffd.8",
    "share/bash-completion/completions/bailiffctl",
    "share/doc/bailiff/bailiff.rules.yml",
    "share/fish/vendor_completions.d/bailiffctl.fish",
    "share/zsh/vendor-completions/_bailiffctl",
    *(f"share/locale/{language}/LC_MESSAGES/bailiff.mo"
      for line in (SOURCE / "po/LINGUAS").read_text().splitlines() for language in line.partition("#")[0].split()),
}

# The stock system bus: nobody may call anyone or own a name but as the files of services say.
BUS = f"""<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={{directory}}/bus.sock</listen>
  <auth>EXTERNAL</auth>
  <servicedir>{{prefix}}/share/dbus-1/system-services</servicedir>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus"/>
  </policy>
  <includedir>{{prefix}}/share/dbus-1/system.d</includedir>
</busconfig>
"""


def run(*arguments, check=True, **more):
    result = subprocess.run([str(a) for a in arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                            timeout=LIMIT, **more)
    assert not check or result.returncode == 0, f"{arguments}: {result.stdout}{result.stderr}"
    return result


@pytest.fixture(scope="module")
def tree():
    """What was installed: the directory that stands for /."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="bailiff-install-", dir="/var/tmp"))
    directory.chmod(0o755)
    run("meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", directory)
    yield directory
    shutil.rmtree(directory)


def test_files_and_modes(tree):
    found = {str(path.relative_to(tree / PREFIX)): path for path in tree.rglob("*") if not path.is_dir()}
    assert set(found) == PROGRAMS | OTHERS
    for name, path in found.items():
        assert path.is_file() and not path.is_symlink(), name
        assert path.stat().st_mode & 0o7777 == (0o755 if name in PROGRAMS else 0o644), name


def test_manuals_are_manuals(tree):
    for path in (tree / PREFIX / "share/man").rglob("*.[1-8]"):
        heading = f'.TH "{path.stem.upper()}" {path.suffix[1:]} '
        assert heading in path.read_text().replace("\\-", "-"), path


def test_translations_are_found(tree):
    """The programs have the absolute path of where they are installed without DESTDIR."""
    for name in ("bin/bailiffctl", "sbin/bailiffd"):
        assert f"/{PREFIX}/share/locale\0".encode() in (tree / PREFIX / name).read_bytes(), name


def test_policy_keeps_to_the_definition(tree, tmp_path):
    """Merged with its translations, it is what polkit says that a policy is."""
    if not shutil.which("xmllint") or not os.path.exists(POLICY_DTD):
        pytest.skip("xmllint or the definition of polkit's policies (polkitd) is not installed")
    policy = tree / PREFIX / "share/polkit-1/actions/org.bailiff.policy"
    wrong = tmp_path / "wrong.policy"
    wrong.write_text(policy.read_text().replace("<message xml:lang", "<message language", 1))
    for path, good in (policy, True), (wrong, False):
        result = run("xmllint", "--noout", "--nonet", "--dtdvalid", POLICY_DTD, path, check=False)
        assert (result.returncode == 0) == good, result.stderr


def test_unit(tree):
    """systemd looks for the other units and for the programs below the same directory."""
    units = tree / "usr/lib/systemd/system"
    shutil.copytree("/lib/systemd/system", units, symlinks=True)
    (tree / "bin").mkdir()
    shutil.copy("/bin/kill", tree / "bin")  # of ExecReload
    try:
        def verify(name):
            return run("systemd-analyze", "verify", "--man=no", f"--root={tree}", name, check=False)

        good = verify("bailiffd.service")
        assert (good.returncode, good.stdout, good.stderr) == (0, "", "")
        text = (tree / PREFIX / "lib/systemd/system/bailiffd.service").read_text()
        for wrong in (text.replace("WatchdogSec=3min", "WatchdogSec=soon"), text.replace("/bailiffd\n", "/none\n")):
            assert wrong != text
            (units / "wrong.service").write_text(wrong)
            bad = verify("wrong.service")
            assert bad.returncode or bad.stderr, wrong
    finally:
        shutil.rmtree(tree / "usr/lib")
        shutil.rmtree(tree / "bin")


def test_group(tree):
    conf = tree / PREFIX / "lib/sysusers.d/bailiff.conf"
    root = tree / "sysusers"
    (root / "etc").mkdir(parents=True)
    run("systemd-sysusers", f"--root={root}", conf)
    groups = (root / "etc/group").read_text()
    shutil.rmtree(root)
    assert re.search(r"^bailiff:", groups, re.MULTILINE)


def test_catalog(tree):
    """The journal takes up what is installed."""
    root = tree / "catalog"
    (root / "usr/lib/systemd").mkdir(parents=True)
    shutil.copytree(tree / PREFIX / "lib/systemd/catalog", root / "usr/lib/systemd/catalog")
    for verb in "--update-catalog", "--list-catalog":
        listed = run("journalctl", "--root", root, verb)
    shutil.rmtree(root)
    assert len(listed.stdout.splitlines()) == (SOURCE / "data/bailiff.catalog").read_text().count("\n-- ")


def test_interfaces_are_those_of_the_daemon(tree):
    for path in (tree / PREFIX / "share/dbus-1/interfaces").iterdir():
        assert path.read_bytes() == (SOURCE / "introspection" / path.name).read_bytes()


def capabilities(tree):
    text = (tree / PREFIX / "lib/systemd/system/bailiffd.service").read_text()
    names = re.search(r"^CapabilityBoundingSet=(.*)$", text, re.MULTILINE)[1].split()
    return ",".join(["-all", *(f"+{name.removeprefix('CAP_').lower()}" for name in names)])


class System:
    """A bus as systems have it, and the installed bailiffd on it, with the capabilities and the network of its unit."""

    def __init__(self, tree, directory):
        self.prefix, self.directory = tree / PREFIX, directory
        (directory / "bus.conf").write_text(BUS.format(directory=directory, prefix=self.prefix))
        self.bus = subprocess.Popen(
            ["dbus-daemon", f"--config-file={directory}/bus.conf", "--nofork", "--nopidfile", "--nosyslog",
             "--print-address=1"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        address = self.bus.stdout.readline().strip()
        assert address, "dbus-daemon did not start"
        self.environment = dict(os.environ, DBUS_SYSTEM_BUS_ADDRESS=address)
        self.daemon = None
        self.tree = tree

    def start(self):
        (self.directory / "run").mkdir()
        self.daemon = subprocess.Popen(
            ["unshare", "--net", "setpriv", "--bounding-set", capabilities(self.tree), "--no-new-privs",
             str(self.prefix / "sbin/bailiffd"), "--config", "/dev/null", "--runtime-dir", str(self.directory / "run"),
             "--state-dir", str(self.directory / "state")], env=self.environment, stdin=subprocess.DEVNULL)
        run("gdbus", "wait", "--system", "--timeout", str(LIMIT), NAME, env=self.environment)

    def call(self, path, member, *arguments, user=0):
        return run("setpriv", f"--reuid={user}", "--clear-groups", "gdbus", "call", "--system", "--dest", NAME,
                   "--object-path", path, "--method", member, *arguments, check=False, env=self.environment)

    def ctl(self, *arguments, **more):
        return run(self.prefix / "bin/bailiffctl", *arguments, env=self.environment, **more)

    def stop(self):
        for process in (self.daemon, self.bus):
            if process:
                process.terminate()
                assert process.wait(LIMIT) in (0, -15)


@pytest.fixture(scope="module")
def system(tree):
    if os.geteuid() != 0:
        pytest.skip("other users and capabilities need root")
    directory = pathlib.Path(tempfile.mkdtemp(prefix="bailiff-bus-", dir="/var/tmp"))
    directory.chmod(0o755)
    system = System(tree, directory)
    try:
        listed = run("gdbus", "call", "--system", "--dest", "org.freedesktop.DBus", "--object-path", "/", "--method",
                     "org.freedesktop.DBus.ListActivatableNames", env=system.environment)
        assert f"'{NAME}'" in listed.stdout
        system.start()
        yield system
    finally:
        system.stop()
        shutil.rmtree(directory)


def test_everybody_may_look(system):
    for user in (0, NOBODY):
        read = system.call("/org/bailiff/Bailiff1/Manager", "org.freedesktop.DBus.Properties.Get",
                           f"{NAME}.Manager", "Version", user=user)
        assert read.returncode == 0 and "0." in read.stdout
        assert system.call("/org/bailiff/Bailiff1", "org.freedesktop.DBus.ObjectManager.GetManagedObjects",
                           user=user).returncode == 0


def test_only_root_may_do(system):
    arguments = ["/nowhere", "0", "name", "{}"]
    member = f"{NAME}.Manager.FormatLockspace"
    # There is no polkit that could say yes.
    assert "NotAuthorized" in system.call("/org/bailiff/Bailiff1/Manager", member, *arguments, user=NOBODY).stderr
    assert "No such file" in system.call("/org/bailiff/Bailiff1/Manager", member, *arguments).stderr


def test_nobody_takes_the_name(system):
    taken = run("setpriv", f"--reuid={NOBODY}", "--clear-groups", "gdbus", "call", "--system", "--dest",
                "org.freedesktop.DBus", "--object-path", "/", "--method", "org.freedesktop.DBus.RequestName", NAME, "uint32 0",
                check=False, env=system.environment)
    assert "AccessDenied" in taken.stderr


def test_leases_with_the_rights_of_the_unit(system):
    """A lease file and a process of somebody else's; a program; and the kill at the end."""
    path = system.directory / "leases"
    path.touch(mode=0o600)
    os.truncate(path, 8 * MIB)
    os.chown(path, NOBODY, NOBODY)
    said = system.directory / "said"
    program = system.directory / "program"
    program.write_text(f"#!/bin/sh\nid -u >{said}\n")
    program.chmod(0o755)

    system.ctl("format-lockspace", path, "space", "--io-timeout", "1")
    system.ctl("format-resource", f"{path}:1M", "space", "disk")
    system.ctl("join", "space", path, "1", "--io-timeout", "1")
    with subprocess.Popen(["setpriv", f"--reuid={NOBODY}", "--clear-groups", sys.executable, "-c",
                           "import signal; signal.pause()"], stdin=subprocess.DEVNULL) as worker:
        try:
            system.ctl("register", worker.pid, "worker", "--failure-policy", f"exec {program} 2s, kill")
            system.ctl("acquire", "worker", "space", f"disk@{path}:1M")
            system.ctl("leave", "space", "--force")
            assert worker.wait(LIMIT) == -9
        finally:
            worker.kill()
    assert said.read_text() == "0\n"
