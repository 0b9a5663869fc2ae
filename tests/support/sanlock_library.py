# SPDX-License-Identifier: LGPL-2.1-or-later
"""libsanlock, for what the sanlock program has no command for. It finds its daemon by SANLOCK_RUN_DIR, which it reads
once, and a holder of leases is a process, so this runs as one of its own:

watch LOCKSPACE          prints "registered", then a line for each event that the daemon delivers: sender, its
                         generation, event, data
value RESOURCE [BYTES]   acquires a resource with its value (LVB), prints that, writes BYTES, releases; all in hex
"""

import ctypes
import errno
import select
import subprocess
import sys

from main_loop import LIMIT


class HostEvent(ctypes.Structure):
    _fields_ = [("host_id", ctypes.c_uint64), ("generation", ctypes.c_uint64), ("event", ctypes.c_uint64),
                ("data", ctypes.c_uint64)]


class EventWatcher:
    """What a sanlock daemon delivers of a lockspace, from now on."""

    def __init__(self, daemon, lockspace):
        self.process = subprocess.Popen(["/usr/bin/python3", "-B", __file__, "watch", lockspace],
                                        env=daemon.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        text=True)
        said = self.process.stdout.readline()
        if said != "registered\n":
            self.stop()
            raise AssertionError(f"sanlock lets nobody watch {lockspace}: {said}\n{daemon.log()}")

    def next(self):
        """(sender, its generation, event, data); sanlock delivers each several times."""
        line = self.process.stdout.readline()
        assert line, "the watcher has ended"
        return tuple(int(word) for word in line.split())

    def wait_for(self, event):
        while True:
            arrived = self.next()
            if arrived[2] == event:
                return arrived

    def stop(self):
        self.process.kill()
        self.process.communicate()


def exchange_value(daemon, resource, value=b""):
    """The value that sanlock finds in a free resource (LOCKSPACE:NAME:PATH:OFFSET); leaves another there."""
    result = subprocess.run(["/usr/bin/python3", "-B", __file__, "value", resource, value.hex()],
                            env=daemon.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                            timeout=LIMIT)
    assert result.returncode == 0, f"{result.stdout}\n{daemon.log()}"
    return bytes.fromhex(result.stdout)


def value(text, new):
    library = ctypes.CDLL("libsanlock.so.1")
    acquire_lvb, sector = 1, 512
    resource = ctypes.c_void_p()
    old = ctypes.create_string_buffer(sector)

    def check(status):
        if status < 0:
            sys.exit(f"error {status}")
        return status

    check(library.sanlock_str_to_res(ctypes.create_string_buffer(text.encode()), ctypes.byref(resource)))
    resources = (ctypes.c_void_p * 1)(resource)
    sock = check(library.sanlock_register())
    check(library.sanlock_acquire(sock, -1, acquire_lvb, 1, resources, None))
    check(library.sanlock_get_lvb(0, resource, old, sector))
    if new:
        check(library.sanlock_set_lvb(0, resource, ctypes.create_string_buffer(new, sector), sector))
    check(library.sanlock_release(sock, -1, 0, 1, resources))
    print(old.raw.hex())
    return 0


def watch(lockspace):
    library = ctypes.CDLL("libsanlock.so.1")
    fd = library.sanlock_reg_event(lockspace.encode(), None, 0)
    if fd < 0:
        print(f"error {fd}", flush=True)
        return 1
    print("registered", flush=True)
    while True:
        event, host_id, generation = HostEvent(), ctypes.c_uint64(), ctypes.c_uint64()
        status = library.sanlock_get_event(fd, 0, ctypes.byref(event), ctypes.byref(host_id),
                                           ctypes.byref(generation))
        # Its descriptor does not block.
        if status == -errno.EAGAIN:
            select.select([fd], [], [], LIMIT)
            continue
        if status < 0:
            print(f"error {status}", file=sys.stderr)
            return 1
        print(host_id.value, generation.value, event.event, event.data, flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "watch":
        sys.exit(watch(sys.argv[2]))
    sys.exit(value(sys.argv[2], bytes.fromhex(sys.argv[3])))
