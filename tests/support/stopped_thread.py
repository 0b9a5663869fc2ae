# SPDX-License-Identifier: LGPL-2.1-or-later
"""A thread that stands still, and nobody in its process knows of it: stopped by ptrace, as a debugger does it."""

import ctypes
import os

import pytest

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207
WALL = 0x40000000


def ptrace(request, tid):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    libc.ptrace.restype = ctypes.c_long
    if libc.ptrace(request, tid, None, None) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class StoppedThread:
    """The first thread of a process, which stands still inside the with block."""

    def __init__(self, pid):
        self.tid = pid

    def __enter__(self):
        try:
            ptrace(PTRACE_SEIZE, self.tid)
        except PermissionError:
            pytest.skip("may not trace the daemon (kernel.yama.ptrace_scope, or no CAP_SYS_PTRACE)")
        ptrace(PTRACE_INTERRUPT, self.tid)
        os.waitpid(self.tid, WALL)
        return self

    def __exit__(self, *_):
        ptrace(PTRACE_DETACH, self.tid)
