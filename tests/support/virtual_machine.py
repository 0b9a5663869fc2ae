# SPDX-License-Identifier: LGPL-2.1-or-later
"""A machine of QEMU's: started, told commands by its guest agent, and looked at from outside.

Two sockets speak JSON, a line each: QMP says what becomes of the machine (events: a reset, a shutdown), the guest
agent runs programs in it. Nothing is waited for by the clock: the agent's port opens when the guest is up, and
whatever a program in the guest waits for it says itself.
"""

import base64
import contextlib
import json
import os
import pathlib
import select
import shlex
import shutil
import socket
import subprocess
import time
import uuid

import chipset_watchdog

PROGRAM = "qemu-system-x86_64"

# For anything that a guest does, in seconds: emulated, on a machine that is busy with other tests.
LIMIT = 240
# Between two looks at a program that runs in the guest; looking costs it time.
LOOK_AGAIN = 0.05


class NoSuchMachine(Exception):
    """It cannot be done here; the text says why."""


class GuestError(AssertionError):
    """What the guest, or the machine, was asked for failed."""


class JsonLines:
    """A socket that speaks JSON, a line each."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(str(path))
        self.read = b""

    def send(self, message):
        self.socket.settimeout(LIMIT)
        self.socket.sendall(json.dumps(message).encode() + b"\n")

    def receive(self, limit):
        """The next message; None: there was none within so many seconds."""
        end = time.monotonic() + limit
        while b"\n" not in self.read:
            left = end - time.monotonic()
            if not select.select([self.socket], [], [], max(left, 0))[0]:
                return None
            piece = self.socket.recv(65536)
            if not piece:
                raise EOFError("the machine has ended")
            self.read += piece
        line, self.read = self.read.split(b"\n", 1)
        # A reset in the middle of a line leaves what is none; the agent marks where it begins anew.
        line = line.rpartition(b"\xff")[2]
        try:
            return json.loads(line) if line.strip() else {}
        except ValueError:
            return {}


class Outcome:
    """Of a program in the guest."""

    def __init__(self, status, output, complaint):
        self.status, self.output, self.complaint = status, output, complaint

    def __repr__(self):
        return f"status {self.status}\n{self.output}{self.complaint}"


class VirtualMachine:
    """`disks`: name to raw file; in the guest they are /dev/disk/by-id/virtio-NAME. `shared`: the same of disks that other
    machines have at the same time. `name` makes it another host than those with the same root disk. Each has a watchdog in
    its chipset, whose driver nobody loads unasked.
    """

    def __init__(self, directory, kernel, initrd, root, disks=None, shared=None, name=None, processors=2):
        self.name = name
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.serial_log = self.directory / "serial.log"
        self.sockets = {name: self.directory / name for name in ("qmp", "agent")}
        for path in (*self.sockets.values(), self.serial_log):
            path.unlink(missing_ok=True)
        self.events = []  # (when it happened, on the clock of time.monotonic(), and the event)
        self.taken = 0
        command = [*self._command(kernel, initrd, root, processors), *chipset_watchdog.options(self.directory),
                   *self._disk_options(disks or {}, shared or {})]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            self.qmp = self._connect("qmp")
            self._receive_qmp(LIMIT)  # the greeting
            self.qmp_call("qmp_capabilities")
            self.agent = self._connect("agent")
            self.wait_up()
        except BaseException:
            self.stop()
            raise

    def _command(self, kernel, initrd, root, processors):
        arguments = "console=ttyS0 loglevel=4 net.ifnames=0 panic=1 systemd.show_status=no"
        if self.name is not None:
            identity = uuid.uuid5(uuid.NAMESPACE_DNS, self.name).hex
            arguments += f" systemd.hostname={self.name} systemd.machine_id={identity}"
        return [
            PROGRAM, "-M", "q35", "-accel", "tcg,tb-size=256", "-cpu", "qemu64", "-smp", str(processors), "-m", "384",
            "-nodefaults", "-no-user-config", "-display", "none", "-kernel", str(kernel), "-initrd", str(initrd),
            "-append", arguments,
            "-chardev", f"file,id=serial,path={self.serial_log}", "-serial", "chardev:serial",
            "-qmp", f"unix:{self.sockets['qmp']},server=on,wait=off",
            "-device", "virtio-serial-pci",
            "-chardev", f"socket,id=agent,path={self.sockets['agent']},server=on,wait=off",
            "-device", "virtserialport,chardev=agent,id=agent,name=org.qemu.guest_agent.0",
            # What the guest writes to its own system is gone with the machine, but not with a reset.
            "-drive", f"file={root},format=raw,if=none,id=root,snapshot=on",
            "-device", "virtio-blk-pci,drive=root,serial=root",
        ]

    @staticmethod
    def _disk_options(disks, shared):
        options = []
        for name, path in disks.items():
            options += ["-drive", f"file={path},format=raw,if=none,id={name},cache=writethrough",
                        "-device", f"virtio-blk-pci,drive={name},serial={name}"]
        # As storage that is far away: what one machine has written another one reads, without a cache between.
        for name, path in shared.items():
            options += ["-drive", f"file={path},format=raw,if=none,id={name},cache=none,aio=threads,file.locking=off",
                        "-device", f"virtio-blk-pci,drive={name},serial={name},share-rw=on"]
        return options

    def _connect(self, name):
        """QEMU tells nobody that it has made its sockets."""
        end = time.monotonic() + LIMIT
        while True:
            with contextlib.suppress(OSError):
                return JsonLines(self.sockets[name])
            if self.process.poll() is not None:
                raise NoSuchMachine(f"{PROGRAM} ended: {self.process.stdout.read().decode(errors='replace')}")
            assert time.monotonic() < end, f"{PROGRAM} made no socket {name}"
            time.sleep(0.02)

    # What becomes of the machine

    def _receive_qmp(self, limit):
        message = self.qmp.receive(limit)
        if message and "event" in message:
            since = message["timestamp"]["seconds"] + message["timestamp"]["microseconds"] / 1e6
            self.events.append((time.monotonic() - max(time.time() - since, 0), message))
        return message

    def qmp_call(self, name, **arguments):
        self.qmp.send({"execute": name, "arguments": arguments})
        while True:
            message = self._receive_qmp(LIMIT)
            if message is None:
                raise GuestError(f"{PROGRAM} does not answer {name}\n{self.console()}")
            if "error" in message:
                raise GuestError(f"{name}: {message['error']}")
            if "return" in message:
                return message["return"]

    def wait_event(self, name, limit=LIMIT, **data):
        """(time.monotonic(), event): the next one of this name, and with this data, that was not waited for yet."""
        end = time.monotonic() + limit
        while True:
            for at in range(self.taken, len(self.events)):
                when, event = self.events[at]
                if event["event"] == name and data.items() <= event.get("data", {}).items():
                    self.taken = at + 1
                    return when, event
            if self._receive_qmp(max(end - time.monotonic(), 0)) is None:
                raise GuestError(f"no event {name} within {limit} s\n{self.console()}")

    def look(self):
        """The events there are by now."""
        while self._receive_qmp(0):
            pass
        return [event["event"] for _, event in self.events]

    def console(self):
        text = self.serial_log.read_text(errors="replace") if self.serial_log.exists() else ""
        return f"--- the guest's console ends with:\n{text[-3000:]}"

    # What is done in it

    def wait_up(self):
        """Until the guest's agent answers, for the first time or after a reset."""
        self.wait_event("VSERPORT_CHANGE", open=True)
        mark = time.monotonic_ns() & 0x7FFFFFFF
        self.agent.send({"execute": "guest-sync", "arguments": {"id": mark}})
        while True:
            message = self.agent.receive(LIMIT)
            if message is None:
                raise GuestError(f"the guest's agent does not answer\n{self.console()}")
            if message.get("return") == mark:
                return

    def _agent_call(self, name, **arguments):
        self.agent.send({"execute": name, "arguments": arguments})
        message = self.agent.receive(LIMIT)
        if not message or "return" not in message:
            raise GuestError(f"the guest's agent: {name}: {message}\n{self.console()}")
        return message["return"]

    def begin(self, script):
        """Runs a script of the shell; its number for end()."""
        return self._agent_call("guest-exec", **{"path": "/bin/sh", "arg": ["-c", script], "capture-output": True})["pid"]

    def end(self, number, limit=LIMIT):
        """The guest's agent sends no events: it is asked."""
        end = time.monotonic() + limit
        while True:
            state = self._agent_call("guest-exec-status", pid=number)
            if state["exited"]:
                break
            if time.monotonic() > end:
                raise GuestError(f"the guest is not through with it after {limit} s\n{self.console()}")
            time.sleep(LOOK_AGAIN)
        output, complaint = (base64.b64decode(state.get(key, "")).decode(errors="replace")
                             for key in ("out-data", "err-data"))
        return Outcome(state.get("exitcode", -state.get("signal", 0)), output, complaint)

    def run(self, script, status=0, limit=LIMIT):
        """Runs a script of the shell to its end; its exit status must be this one (None: any)."""
        outcome = self.end(self.begin(script), limit)
        if status is not None and outcome.status != status:
            raise GuestError(f"{script}\n{outcome}")
        return outcome

    def out(self, script):
        """What it prints, without the last line end."""
        return self.run(script).output.rstrip("\n")

    def wait_until(self, condition, limit=LIMIT):
        """A script of the shell that says yes by its status, run again and again in the guest."""
        loop = shlex.quote(f"until {condition}; do sleep 0.2; done")
        outcome = self.run(f"timeout {limit} sh -c {loop}", status=None, limit=2 * limit)
        if outcome.status != 0:
            raise GuestError(f"it did not come to be: {condition}\n{outcome}\n{self.console()}")

    def clock_zero(self):
        """The earliest and the latest time.monotonic() at which the guest's CLOCK_BOOTTIME was zero."""
        before = time.monotonic()
        uptime = float(self.out("cut -d ' ' -f 1 /proc/uptime"))
        return before - uptime - 0.01, time.monotonic() - uptime

    # The end

    def wait_ended(self, limit=LIMIT):
        """Until it has shut itself down, and its disks are as it left them."""
        self.process.communicate(timeout=limit)

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate(timeout=LIMIT)


def find_obstacle():
    """Why no machine can be started here, or None."""
    if not shutil.which(PROGRAM, path=os.environ.get("PATH", os.defpath)):
        return f"{PROGRAM} is not installed (Debian package qemu-system-x86)"
    return None
