# SPDX-License-Identifier: LGPL-2.1-or-later
"""Real libvirtd and libvirt-dbus beside the bailiffd of a PrivateService, and real guests under QEMU's emulator.

All of it needs a machine of its own (tests/support/private-machine): the paths are those of the system.
"""

import functools
import os
import pathlib
import shutil
import struct
import subprocess
import tempfile
import uuid

import pytest

from main_loop import LIMIT, poll_until
from private_service import BUILD, SOURCE, BusError

BUS_SOCKET = pathlib.Path("/run/dbus/system_bus_socket")
HOOKS = pathlib.Path("/etc/libvirt/hooks/qemu.d")
LOG = pathlib.Path("/var/log/libvirt/libvirtd.log")
HOOK = SOURCE / "data/libvirt-hook/bailiff"

# org.libvirt.Domain.GetState()
RUNNING, PAUSED, OFF = 1, 3, 5

DOMAIN = """<domain type='qemu'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <memory unit='MiB'>16</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  {on_lockfailure}
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw' cache='none' io='native'{error_policy}/>
      <source file='{disk}'/>
      <target dev='hda' bus='ide'/>
    </disk>
    {leases}
    <controller type='usb' model='none'/>
    <memballoon model='none'/>
  </devices>
</domain>
"""

LEASE = "<lease><lockspace>{}</lockspace><key>{}</key><target path='{}' offset='{}'/></lease>"


@functools.cache
def boot_sector():
    """The code of the guest that counts its beats on its disk."""
    with tempfile.TemporaryDirectory() as directory:
        made, image = os.path.join(directory, "guest.o"), os.path.join(directory, "guest.img")
        subprocess.run(["as", "--32", "-o", made, SOURCE / "tests/support/beating-guest.S"], check=True)
        subprocess.run(["ld", "-m", "elf_i386", "-Ttext", "0x7c00", "--oformat", "binary", "-o", image, made],
                       check=True)
        return pathlib.Path(image).read_bytes()


def make_guest_disk(path):
    """A new file, or the beginning of one that is there."""
    if os.path.exists(path):
        with open(path, "r+b") as file:
            file.write(boot_sector() + bytes(512))
    else:
        pathlib.Path(path).write_bytes(boot_sector().ljust(1 << 20, b"\0"))


def read_beats(path):
    with open(path, "rb") as file:
        file.seek(512)
        return struct.unpack("<I", file.read(4))[0]


class RealLibvirt:
    """`service` is where the system bus is then, for the hook too: with hook=True libvirtd has ours."""

    def __init__(self, service, hook=False):
        self.service = service
        self.guests = []
        self.processes = []
        self.broker = None
        self.environment = dict(os.environ, PATH=f"{BUILD}/src/ctl:{os.environ['PATH']}:/usr/sbin:/sbin",
                                DBUS_SYSTEM_BUS_ADDRESS=service.address)
        # Who is started by libvirtd, as the hook is, finds the bus where it always is.
        BUS_SOCKET.unlink(missing_ok=True)
        BUS_SOCKET.symlink_to(os.path.join(service.directory, "bus.sock"))
        # libvirtd looks once, when it starts, whether there are hooks at all.
        shutil.rmtree(HOOKS, ignore_errors=True)
        if hook:
            HOOKS.mkdir(parents=True)
            shutil.copy(HOOK, HOOKS)
        try:
            self.start_libvirtd()
            self.start_broker()
        except BaseException:
            self.stop()
            raise

    def start(self, *command):
        process = subprocess.Popen(command, env=self.environment, stdin=subprocess.DEVNULL)
        self.processes.append(process)
        return process

    def end(self, process):
        process.terminate()
        try:
            process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(LIMIT)
        self.processes.remove(process)

    def start_libvirtd(self):
        self.libvirtd = self.start("libvirtd")
        poll_until(lambda: self.virsh("version", check=False).returncode == 0, "libvirtd to answer",
                   give_up=lambda: self.libvirtd.poll() is not None and f"libvirtd ended:\n{self.log()}")

    def restart_libvirtd(self):
        """As if it had crashed: asked to end it waits for half a minute while guests run."""
        self.libvirtd.kill()
        self.libvirtd.wait(LIMIT)
        self.processes.remove(self.libvirtd)
        self.start_libvirtd()

    def start_broker(self):
        """libvirt-dbus, which emits no signal before it was called."""
        self.broker = self.start("libvirt-dbus", "--system")
        self.service.wait_for_name("org.libvirt")
        self.connect("ListDomains", "(u)", 0)

    def virsh(self, *arguments, check=True):
        result = subprocess.run(["virsh", "-q", "-c", "qemu:///system", *(str(a) for a in arguments)],
                                env=self.environment, text=True, stdin=subprocess.DEVNULL, capture_output=True,
                                timeout=LIMIT)
        assert not check or result.returncode == 0, f"virsh {arguments}: {result.stderr}\n{self.log()}"
        return result

    def begin_virsh(self, *arguments):
        """The same, not waited for."""
        return subprocess.Popen(["virsh", "-q", "-c", "qemu:///system", *(str(a) for a in arguments)],
                                env=self.environment, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT)

    def connect(self, method, signature, *arguments):
        """A call of libvirt-dbus' connection."""
        return self.service.call("org.libvirt:/org/libvirt/QEMU", "org.libvirt.Connect", method, signature, *arguments)

    def guest(self, name, disk, leases=(), on_lockfailure=None, backing=None, error_policy=None):
        """Defines it. `leases`: (lockspace, resource, path, offset) each; `disk`: the path that it uses, made before;
        `backing`: where its bytes can be read, if that is elsewhere."""
        made = Guest(self, name, disk, backing or disk, leases, on_lockfailure, error_policy)
        self.guests.append(made)
        return made

    def log(self):
        return LOG.read_text(errors="replace") if LOG.exists() else ""

    def stop(self):
        for guest in self.guests:
            guest.remove()
        for process in reversed(list(self.processes)):
            self.end(process)


class Guest:
    def __init__(self, libvirt, name, disk, backing, leases, on_lockfailure, error_policy):
        self.libvirt, self.service, self.name = libvirt, libvirt.service, name
        self.disk, self.backing = disk, backing
        self.uuid = str(uuid.uuid4())
        self.xml = DOMAIN.format(
            name=name, uuid=self.uuid, disk=disk, error_policy=f" error_policy='{error_policy}'" if error_policy else "", leases="".join(LEASE.format(*each) for each in leases),
            on_lockfailure=f"<on_lockfailure>{on_lockfailure}</on_lockfailure>" if on_lockfailure else "")
        with tempfile.NamedTemporaryFile("w", suffix=".xml") as file:
            file.write(self.xml)
            file.flush()
            libvirt.virsh("define", file.name)
        self.path = f"org.libvirt:/org/libvirt/QEMU/domain/_{self.uuid.replace('-', '_')}"

    def call(self, method, signature="()", *arguments):
        return self.service.call(self.path, "org.libvirt.Domain", method, signature, *arguments)

    def start(self):
        self.libvirt.virsh("start", self.name)

    def refused_start(self):
        """What virsh says when it cannot be started."""
        result = self.libvirt.virsh("start", self.name, check=False)
        assert result.returncode != 0
        return result.stderr

    @property
    def state(self):
        return self.call("GetState", "(u)", 0)[0]

    def wait_for_state(self, wanted):
        poll_until(lambda: self.state == wanted, f"state {wanted} of {self.name}")

    @property
    def pid(self):
        """Of its QEMU, None when it has none."""
        try:
            return int(pathlib.Path(f"/run/libvirt/qemu/{self.name}.pid").read_text())
        except FileNotFoundError:
            return None

    @property
    def beats(self):
        return read_beats(self.backing)

    def wait_for_beats(self, more=1):
        """Until it has written this many times more."""
        goal = self.beats + more
        poll_until(lambda: self.beats >= goal, f"{more} beats of {self.name}",
                   give_up=lambda: None if self.pid else f"{self.name} is off")
        return self.beats

    def remove(self):
        try:
            if self.state != OFF:
                self.call("Destroy", "(u)", 0)
        except BusError:
            pass  # it ended by itself, or libvirt was ended
        self.libvirt.virsh("undefine", self.name, check=False)


def need_private_machine():
    """Skips where this was not started by tests/support/private-machine."""
    with open("/proc/1/cmdline", "rb") as line:
        if b"private-machine" not in line.read():
            pytest.skip("run it by tests/support/private-machine, as ./run test libvirt does")
