# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two hosts on one lockspace: bailiffd, and the real sanlock daemon. Both can do the same things under the same names.

Every io timeout is 1 second, the shortest there is: it sets how long joins and deaths take.
"""

import re
import subprocess

from lease_storage import MIB
from main_loop import LIMIT, poll_until
from private_service import options
from sanlock_records import HostSector, Leader, read_direct

IO_TIMEOUT = 1
# From the last renewal of a host until others may take what it held.
DEAD_AFTER = 8 * IO_TIMEOUT + 60
# From the last renewal of a host until others call it failing.
FAIL_AFTER = 8 * IO_TIMEOUT

# sanlock's answers
LIVE_OWNER = -243
SHARED_OWNER = -11


class Space:
    """A lockspace at the beginning of a file, with resources behind it, the first at index 1."""

    def __init__(self, path, sector_size=512, align_mib=1, name="space"):
        self.path, self.name = path, name
        self.sector_size, self.align_mib, self.align_size = sector_size, align_mib, align_mib * MIB

    def resource(self, index):
        return Resource(self, f"thing{index}", index * self.align_size)

    def sanlock_text(self, host_id=0):
        return f"{self.name}:{host_id}:{self.path}:0"

    def host_lease(self, host_id):
        """The leader record of a host."""
        return Leader(self.sector((host_id - 1) * self.sector_size))

    def sector(self, offset):
        page = offset // 4096 * 4096
        return read_direct(self.path, page, 4096)[offset - page:][:self.sector_size]

    def format_by_sanlock(self, sanlock, resources=0):
        sizes = ["-Z", self.sector_size, "-A", f"{self.align_mib}M"]
        sanlock.run("direct", "init", "-s", self.sanlock_text(), "-o", IO_TIMEOUT, *sizes)
        for index in range(1, resources + 1):
            sanlock.run("direct", "init", "-r", self.resource(index).sanlock_text, *sizes)

    def format_by_bailiff(self, service, resources=0, overwrite=False):
        sizes = dict(sector_size=("u", self.sector_size), align_size=("u", self.align_size),
                     overwrite=("b", overwrite))
        service.call("Manager", "Manager", "FormatLockspace", "(stsa{sv})", self.path, 0, self.name,
                     options(io_timeout=("u", IO_TIMEOUT), **sizes))
        for index in range(1, resources + 1):
            resource = self.resource(index)
            service.call("Manager", "Manager", "FormatResource", "(stssa{sv})", self.path, resource.offset,
                         self.name, resource.name, options(**sizes))


class Resource:
    def __init__(self, space, name, offset):
        self.space, self.name, self.offset = space, name, offset
        self.sanlock_text = f"{space.name}:{name}:{space.path}:{offset}"

    def leader(self):
        return Leader(self.space.sector(self.offset))

    def host_sector_bytes(self, host_id):
        return self.space.sector(self.offset + (host_id + 1) * self.space.sector_size)

    def host_sector(self, host_id):
        return HostSector(self.host_sector_bytes(host_id))


class BailiffHost:
    """This host: a PrivateService in one lockspace."""

    def __init__(self, service, space, host_id=1):
        self.service, self.space, self.host_id = service, space, host_id
        self.processes = []
        self.path = ""

    @property
    def name(self):
        return self.service.property("Manager", "Manager", "HostName")

    def begin_join(self):
        self.path = self.service.call("Manager", "Manager", "JoinLockspace", "(sstta{sv})", self.space.name,
                                      self.space.path, 0, self.host_id, options(io_timeout=("u", IO_TIMEOUT)))

    def finish_join(self):
        state = self.service.wait_for_property(self.path, "Lockspace", "State",
                                               lambda state: state in ("held", "lost"))
        assert state == "held", self.service.property(self.path, "Lockspace", "Reason")

    def join(self):
        self.begin_join()
        self.finish_join()

    def leave(self):
        self.service.call(self.path, "Lockspace", "Leave", "(a{sv})", {})

    def wait_until_sees(self, host_id, state):
        """By the object of that host, which comes with the first look at it."""
        path = f"{self.path}/hosts/{host_id}"
        self.service.wait_until(lambda: path in self.service.objects(), f"host {host_id}")
        self.service.wait_for_property(path, "Host", "State", state)

    def process(self):
        process = BailiffProcess(self)
        self.processes.append(process)
        return process

    def end(self):
        while self.processes:
            self.processes.pop().end()


class BailiffProcess:
    """A process that was registered with bailiffd."""

    def __init__(self, host):
        self.service = host.service
        self.process = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
        self.path = self.service.call("Manager", "Manager", "RegisterPid", "(usa{sv})", self.process.pid, "holder", {})

    def begin_acquire(self, resource, **given):
        wish = (resource.space.name, resource.name, resource.space.path, resource.offset, options(**given))
        return self.service.begin(self.path, "Registration", "Acquire", "(a(sssta{sv})a{sv})", [wish], {})

    def acquire(self, resource, **given):
        """The version; raises BusError."""
        return self.version_of(self.begin_acquire(resource, **given).result())

    def version_of(self, paths):
        return self.service.property(paths[0], "Resource", "Version")

    def release(self):
        """All that it holds; free on disk when this returns."""
        self.service.call(self.path, "Registration", "Release", "(aoa{sv})", [], {})

    def end(self):
        self.process.communicate()


class SanlockHost:
    """Another host: the sanlock daemon in one lockspace."""

    def __init__(self, sanlock, space, host_id=2):
        self.sanlock, self.space, self.host_id = sanlock, space, host_id
        self.name = sanlock.host_name
        self.processes = []
        self.joining = None

    def begin_join(self):
        self.joining = self.sanlock.begin("client", "add_lockspace", "-s", self.space.sanlock_text(self.host_id),
                                          "-o", IO_TIMEOUT)

    def finish_join(self):
        said = self.joining.communicate(timeout=LIMIT)[0]
        assert self.joining.returncode == 0, f"{said}\n{self.sanlock.log()}"

    def join(self):
        self.begin_join()
        self.finish_join()

    def leave(self):
        self.sanlock.run("client", "rem_lockspace", "-s", self.space.sanlock_text(self.host_id))

    def state_of(self, host_id):
        """In bailiff's words, "" for a host of which it knows nothing. It lists free hosts in one place, the states
        of others in another."""
        listed = self.sanlock.run("client", "gets", "-h", "1").stdout
        _, _, hosts = f"\n{listed}".partition(f"\ns {self.space.sanlock_text(self.host_id)} ")
        hosts = hosts.partition("\ns ")[0]
        match = re.search(rf"^h {host_id} gen \d+ timestamp \d+ (\w+)$", hosts, re.MULTILINE)
        if match:
            return match[1].lower()
        status = self.sanlock.run("client", "host_status", "-s", self.space.name).stdout
        return "free" if re.search(rf"^{host_id} timestamp 0$", status, re.MULTILINE) else ""

    def wait_until_sees(self, host_id, state):
        poll_until(lambda: self.state_of(host_id) == state, f"sanlock to see host {host_id} {state}")

    def process(self):
        process = SanlockProcess(self.sanlock)
        self.processes.append(process)
        return process

    def end(self):
        while self.processes:
            self.processes.pop().end()


class SanlockProcess:
    """A process that was registered with sanlock."""

    def __init__(self, sanlock):
        self.sanlock = sanlock
        self.process = sanlock.begin("client", "command", "-c", "/bin/sh", "-c", "echo up; exec cat")
        said = self.process.stdout.readline()
        assert said == "up\n", f"{said}\n{sanlock.log()}"

    def begin_acquire(self, resource, mode=""):
        return self.sanlock.begin("client", "acquire", "-r", resource.sanlock_text + mode, "-p", self.process.pid)

    @staticmethod
    def result(client):
        said = client.communicate(timeout=LIMIT)[0]
        return int(re.search(r" done (-?\d+)", said)[1])

    def acquire(self, resource, mode=""):
        """0 or sanlock's negative answer; mode ":SH" for a shared lease."""
        return self.result(self.begin_acquire(resource, mode))

    def convert(self, resource, mode=""):
        """What it holds becomes shared (":SH") or exclusive; as acquire()."""
        return self.result(self.sanlock.begin("client", "convert", "-r", resource.sanlock_text + mode,
                                              "-p", self.process.pid))

    def release(self, resource):
        """Free on disk when this returns."""
        self.sanlock.run("client", "release", "-r", resource.sanlock_text, "-p", self.process.pid)

    def version_of(self, resource):
        """Of a lease that it holds."""
        inquiry = self.sanlock.run("client", "inquire", "-p", self.process.pid).stdout
        return int(re.search(rf'{re.escape(resource.sanlock_text)}:(\d+)', inquiry)[1])

    def end(self):
        self.process.communicate()


class Pair:
    """Both on one lockspace: bailiffd as host 1, sanlock as host 2."""

    def __init__(self, service, sanlock, space):
        self.space = space
        self.bailiff = BailiffHost(service, space, 1)
        self.sanlock = SanlockHost(sanlock, space, 2)

    def begin_join(self):
        self.bailiff.begin_join()
        self.sanlock.begin_join()

    def finish_join(self):
        """When it returns each sees the other live: only then a refusal is at once, and final."""
        self.bailiff.finish_join()
        self.sanlock.finish_join()
        self.bailiff.wait_until_sees(self.sanlock.host_id, "live")
        self.sanlock.wait_until_sees(self.bailiff.host_id, "live")

    def join(self):
        self.begin_join()
        self.finish_join()
        return self

    def end(self):
        self.bailiff.end()
        self.sanlock.end()
