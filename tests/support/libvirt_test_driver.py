# SPDX-License-Identifier: LGPL-2.1-or-later
"""The real libvirt-dbus with libvirt's built-in test driver: one domain, which nothing runs, but whose states, events and
errors are libvirt's own. Its QEMU is a process with the command line of one.

The domain lives in libvirt-dbus: one that is started anew has it running.
"""

import os
import pathlib
import subprocess

from main_loop import LIMIT

UUID = "6695eb01-f6a4-8304-79aa-97f2502e193f"
NAME = "test"
DOMAIN = f"org.libvirt:/org/libvirt/Test/domain/_{UUID.replace('-', '_')}"

# org.libvirt.Domain.GetState()
RUNNING, PAUSED, OFF = 1, 3, 5

CONFIGURATION = """[libvirt]
driver=Test
run-directory={}
"""


def write_configuration(directory):
    """The arguments of a bailiffd that looks for pid files in `directory`."""
    path = os.path.join(directory, "bailiffd.conf")
    pathlib.Path(path).write_text(CONFIGURATION.format(directory))
    return f"--config {path}"


class LibvirtTestDriver:
    def __init__(self, service, directory):
        self.service, self.directory = service, directory
        self.broker = self.qemu = None

    def start_broker(self):
        environment = dict(os.environ, DBUS_SYSTEM_BUS_ADDRESS=self.service.address, HOME=self.directory,
                           XDG_CACHE_HOME=self.directory, XDG_RUNTIME_DIR=self.directory)
        self.broker = subprocess.Popen(["libvirt-dbus", "--system"], env=environment, stdin=subprocess.DEVNULL)
        self.service.wait_for_name("org.libvirt")

    def kill_broker(self):
        self.broker.kill()
        self.broker.wait(LIMIT)
        self.broker = None

    @property
    def pid_file(self):
        return pathlib.Path(self.directory, f"{NAME}.pid")

    def start_qemu(self, uuid=UUID):
        self.qemu = subprocess.Popen(["/bin/sh", "-c", "read line", "qemu-system-x86_64", "-uuid", uuid],
                                     stdin=subprocess.PIPE)
        self.pid_file.write_text(f"{self.qemu.pid}\n")

    def end_qemu(self):
        self.qemu.stdin.close()
        self.qemu.wait(LIMIT)

    def call(self, method, signature="()", *arguments):
        return self.service.call(DOMAIN, "org.libvirt.Domain", method, signature, *arguments)

    @property
    def state(self):
        return self.call("GetState", "(u)", 0)[0]

    def stop(self):
        if self.qemu:
            self.end_qemu()
        if self.broker:
            self.kill_broker()
