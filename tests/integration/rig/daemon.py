# SPDX-License-Identifier: BSD-2-Clause
"""Starting, watching and stopping tlsmilterd, and running tlsmilter."""
import dataclasses
import json
import os
import pwd
import re
import resource
import signal
import socket
import subprocess

from rig.wait import LIMIT, until

BUILD = os.environ.get("TLSMILTER_BUILD", ".")


def program(name):
    path = os.path.join(BUILD, name)
    if not os.access(path, os.X_OK):
        raise RuntimeError("%s is not built" % path)
    return path


def sanitized():
    """True when the build has sanitizers; they exclude the sandbox."""
    with open(os.path.join(BUILD, "config.h")) as file:
        return "#define TM_SANITIZERS 1" in file.read()


def children_of(pid):
    """The direct children of a process, as {pid: command line}."""
    path = "/proc/%d/task/%d/children" % (pid, pid)
    try:
        with open(path) as file:
            pids = [int(p) for p in file.read().split()]
    except OSError:
        return {}
    found = {}
    for child in pids:
        try:
            with open("/proc/%d/cmdline" % child, "rb") as file:
                found[child] = file.read().rstrip(b"\0").replace(
                    b"\0", b" ").decode()
        except OSError:
            pass
    return found


class Daemon:
    """One tlsmilterd. `config` is the text of its configuration; the rig
    adds what ties it to the private world, unless the text says otherwise:
    its folder, sockets, trust anchor and certificate authority.

    start() returns when the daemon has announced that it is ready.
    """

    def __init__(self, folder, world, syslog, config=""):
        self.dir = folder
        os.makedirs(folder, mode=0o755, exist_ok=True)
        self.world = world
        self.syslog = syslog
        self.file = os.path.join(folder, "tlsmilter.conf")
        self.state_dir = os.path.join(folder, "state")
        self.control = os.path.join(folder, "run", "control.sock")
        self.process = None
        self.output = ""
        self.errors = os.path.join(folder, "stderr")
        for path in (self.state_dir, os.path.dirname(self.control)):
            os.makedirs(path, exist_ok=True)
            os.chmod(path, 0o755)
            os.chown(path, *_ids("tlsmilter"))
        self.write(config)

    def _ground(self, config):
        """The options the rig sets unless config names them."""
        ground = {
            "user": '"tlsmilter"',
            "state_dir": '"%s"' % self.state_dir,
            "control": '"unix:%s"' % self.control,
        }
        if sanitized():
            ground["sandbox"] = "no"
        sections = {
            "dns": '  trust_anchor = "%s"\n' % self.world.trust_anchor,
            "https": '  ca_file = "%s"\n' % self.world.ca_file,
        }
        named = {line.split()[0].rstrip("{=") for line in
                 config.splitlines() if line.split()}
        text = "".join("%s = %s\n" % item for item in ground.items()
                       if item[0] not in named)
        for name, body in sections.items():
            if name not in named:
                text += "%s {\n%s}\n" % (name, body)
        return text

    def write(self, config):
        """Replace the configuration file."""
        self.text = config.rstrip() + "\n" + self._ground(config)
        with open(self.file, "w") as file:
            file.write(self.text)
        os.chmod(self.file, 0o644)

    # ---- life -----------------------------------------------------------

    def start(self, *arguments, wait=True, files=None):
        """files: how many it may have open at once."""
        self.mark = self.syslog.mark()
        notify = os.path.join(self.dir, "notify")
        if os.path.exists(notify):
            os.unlink(notify)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sock.bind(notify)
        os.chmod(notify, 0o777)
        with open(self.errors, "a") as errors:
            self.process = subprocess.Popen(
                [program("tlsmilterd"), "-f", "-c", self.file, *arguments],
                stdin=subprocess.DEVNULL, stdout=errors, stderr=errors,
                env=dict(os.environ, NOTIFY_SOCKET=notify),
                preexec_fn=(lambda: resource.setrlimit(
                    resource.RLIMIT_NOFILE, (files, files)))
                if files else None)
        self._notify = sock
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self):
        """Until sd_notify(3) says READY=1."""
        self._notify.setblocking(False)
        until(self._ready, "tlsmilterd is ready")

    def _ready(self):
        if self.process.poll() is not None:
            raise AssertionError("tlsmilterd ended with status %d\n%s" % (
                self.process.returncode, self.complaints()))
        try:
            return b"READY=1" in self._notify.recv(4096)
        except BlockingIOError:
            return False

    def complaints(self):
        """What it wrote to its standard error."""
        if not os.path.exists(self.errors):
            return ""
        with open(self.errors) as file:
            return file.read()

    def assert_clean(self):
        """No sanitizer has complained."""
        report = re.search("Sanitizer|runtime error:", self.complaints())
        assert not report, self.complaints()

    def stop(self, number=signal.SIGTERM, limit=30):
        """End it; return its exit status."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(limit)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self._notify.close()

    def reload(self, config=None):
        """SIGHUP, with another configuration if one is given."""
        if config is not None:
            self.write(config)
        self.process.send_signal(signal.SIGHUP)

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    # ---- its processes --------------------------------------------------

    def children(self):
        return children_of(self.process.pid)

    def child(self, role):
        """The pid of the child whose title is `role` ("frontend",
        "resolver"); None if there is none now."""
        title = "tlsmilterd: " + role
        return next((pid for pid, line in self.children().items()
                     if line.startswith(title)), None)

    # ---- its log --------------------------------------------------------

    def log(self, pattern=""):
        """Its lines since start() that match."""
        return self.syslog.find(pattern, "tlsmilterd", self.mark)

    def wait_log(self, pattern, count=1, since=None):
        return self.syslog.wait(
            pattern, "tlsmilterd", self.mark if since is None else since,
            count)

    # ---- its control socket ---------------------------------------------

    def ask(self, command, **arguments):
        """One request on the control socket; the first line of the answer."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(LIMIT)
            sock.connect(self.control)
            sock.sendall(json.dumps(dict(arguments, command=command))
                         .encode() + b"\n")
            return json.loads(sock.makefile().readline())

    def status(self):
        """The `status` object."""
        return self.ask("status")["status"]

    # ---- the tool -------------------------------------------------------

    def tool(self, *arguments, **options):
        """Run tlsmilter with this daemon's configuration."""
        command, *rest = arguments
        return tool(command, "-c", self.file, *rest, **options)


@dataclasses.dataclass
class Result:
    status: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


def tool(*arguments, stdin="", env=None, limit=120):
    done = subprocess.run(
        [program("tlsmilter"), *arguments], input=stdin, text=True,
        capture_output=True, timeout=limit,
        env=dict(os.environ, **(env or {})))
    return Result(done.returncode, done.stdout, done.stderr)


def _ids(user):
    entry = pwd.getpwnam(user)
    return entry.pw_uid, entry.pw_gid
