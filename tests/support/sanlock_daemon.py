# SPDX-License-Identifier: LGPL-2.1-or-later
"""The reference implementation, as another host: a real sanlock daemon with its socket in a directory of its own.

Unprivileged mode leaves out memory locking and real-time scheduling, which tests neither need nor may use. Its
watchdog is off: this machine is not to be reset.
"""

import grp
import os
import pwd
import select
import shutil
import subprocess
import tempfile

from main_loop import LIMIT


class SanlockDaemon:
    def __init__(self, host_name):
        self.host_name = host_name
        self.directory = tempfile.mkdtemp(prefix="bailiff-sanlock.", dir="/tmp")
        self.log_path = os.path.join(self.directory, "log")
        self.environment = dict(os.environ, SANLOCK_RUN_DIR=os.path.join(self.directory, "run"),
                                SANLOCK_PRIVILEGED="0")
        os.mkdir(self.environment["SANLOCK_RUN_DIR"])
        user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                # It ends with the test, however that ends.
                ["setpriv", "--pdeathsig", "KILL", self.program(), "daemon", "-D", "-w", "0", "-h", "0", "-l", "0",
                 "-U", user, "-G", group, "-e", host_name],
                env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self.wait_until_it_answers()
        except BaseException:
            self.stop()
            raise

    @staticmethod
    def program():
        """Its path, or None: /usr/sbin is not in every user's PATH."""
        return shutil.which("sanlock", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")

    def wait_until_it_answers(self):
        """It has no sign for it, so it is asked, until it answers or ends."""
        poll = select.poll()
        pidfd = os.pidfd_open(self.process.pid)
        poll.register(pidfd, select.POLLIN)
        try:
            for _ in range(LIMIT * 20):
                if self.run("client", "status", check=False).returncode == 0:
                    return
                if poll.poll(50):
                    break
        finally:
            os.close(pidfd)
        raise AssertionError(f"the sanlock daemon does not answer:\n{self.log()}")

    def run(self, *arguments, check=True, limit=LIMIT):
        """sanlock ARGUMENTS..., as a client of this daemon."""
        result = subprocess.run([self.program(), *(str(a) for a in arguments)], env=self.environment, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                timeout=limit)
        assert not check or result.returncode == 0, f"sanlock {arguments}: {result.stdout}\n{self.log()}"
        return result

    def begin(self, *arguments):
        """The same, not waited for: a process with pipes for its input and its output."""
        return subprocess.Popen([self.program(), *(str(a) for a in arguments)], env=self.environment, text=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def hold(self, *resources):
        """A process that holds resource leases (LOCKSPACE:NAME:PATH:OFFSET, with :SH shared) of this host."""
        return SanlockHolder(self, resources)

    def log(self):
        with open(self.log_path, errors="replace") as log:
            return log.read()

    def kill(self):
        """The host dies: no lease is released."""
        self.process.kill()
        self.process.wait(LIMIT)

    def stop(self):
        if self.process.poll() is None:
            self.run("client", "shutdown", "-f", "1", check=False)
            try:
                self.process.wait(LIMIT)
            except subprocess.TimeoutExpired:
                self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


class SanlockHolder:
    """`process` owns the leases; when it ends, sanlock releases them by and by."""

    def __init__(self, daemon, resources):
        self.daemon = daemon
        self.resources = [argument for resource in resources for argument in ("-r", resource)]
        self.process = subprocess.Popen(
            [daemon.program(), "client", "command", *self.resources, "-c", "/bin/sh", "-c", "echo held; exec cat"],
            env=daemon.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        said = self.process.stdout.readline()
        if said != "held\n":
            said += self.process.communicate()[0]
            raise AssertionError(f"sanlock did not get {resources}: {said}\n{daemon.log()}")

    def release(self):
        """The leases are free on the storage when this returns."""
        self.daemon.run("client", "release", *self.resources, "-p", self.process.pid)
        self.process.communicate(timeout=LIMIT)
