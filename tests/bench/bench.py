# SPDX-License-Identifier: BSD-2-Clause
"""What the benchmarks of the outbound half share.

They run inside the enclosure of the integration tests (RIG_DIR names the
folder for their files), on two processors if there are two: what is measured
on one, everything else on the other. Whoever is compared takes turns, and
what counts is the median of the ratios of the pairs.
"""
import json
import multiprocessing
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(HERE, "..", "integration"))

from rig import dns                         # noqa: E402
from rig.daemon import children_of          # noqa: E402

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = CORES[-1], CORES[0]
MAP = "postfix"
WEB = "203.0.112.80"
LIMIT = 60


def folder():
    """RIG_DIR, or an end with a sentence about how this is started."""
    if "RIG_DIR" not in os.environ:
        name = os.path.relpath(sys.argv[0])
        sys.exit("start it so: tests/integration/enclosure %s BUILD" % name)
    return os.environ["RIG_DIR"]


def numbers(*defaults):
    """The numbers on the command line behind BUILD."""
    given = [int(text) for text in sys.argv[2:]]
    return [*given, *defaults[len(given):]][:len(defaults)]


def report(benchmark, **members):
    """Print a result. With a load average of much more than two, others had
    their part in it."""
    print(json.dumps(dict({"benchmark": benchmark}, **members,
                          load_average=os.getloadavg()[0])), flush=True)


def until(ready, what, limit=LIMIT):
    end = time.monotonic() + limit
    while not ready():
        if time.monotonic() > end:
            sys.exit("not within %d s: %s" % (limit, what))
        time.sleep(0.005)


# ---- numbers ---------------------------------------------------------------

def spread(name, values, digits=3):
    """Members of a report: median, least and greatest."""
    return {name: round(statistics.median(values), digits),
            name + "_min": round(min(values), digits),
            name + "_max": round(max(values), digits)}


def median(results, member):
    return round(statistics.median(one[member] for one in results), 2)


def turns(n, *measures):
    """Call every measure n times, in turns, who comes first changing;
    return the list of results of each."""
    results = [[] for _ in measures]
    for turn in range(n):
        order = list(range(len(measures)))
        for i in order if turn % 2 == 0 else reversed(order):
            results[i].append(measures[i]())
    return results


def ratios(a, b, member):
    """Of each pair, a's to b's."""
    return [x[member] / y[member] for x, y in zip(a, b)]


# ---- programs --------------------------------------------------------------

def pinned(core, command, user=None, **options):
    """Start a program on one processor."""
    return subprocess.Popen(
        command, user=user, preexec_fn=lambda: os.sched_setaffinity(
            0, {core}), **options)


def stop(process, number=signal.SIGKILL):
    process.send_signal(number)
    process.wait()


def program(build, name):
    return os.path.join(build, "tests/bench", name)


def listens(where):
    """True when somebody listens on a port of 127.0.0.1, or a path."""
    if isinstance(where, str):
        return os.path.exists(where)
    port = ":%04X" % where
    with open("/proc/net/tcp") as file:
        return any(port in line.split()[1] and line.split()[3] == "0A"
                   for line in file.readlines()[1:])


def output(core, command):
    """Run a program on one processor, and read the JSON it prints."""
    done = subprocess.run(
        ["taskset", "-c", str(core), *map(str, command)],
        stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit("%s failed" % command[0])
    return json.loads(done.stdout)


def load(build, where, connections, requests, keys, pid=None):
    """What socketmap-load measured. An answer that is none ends it all. With
    the pid of the server, which must be alone on its processor, the load is
    alone on the other."""
    options = ["-p", pid] if pid else []
    if pid and LOAD_CORE != SERVER_CORE:
        options.append("-s")
    measured = output(LOAD_CORE, [
        program(build, "socketmap-load"), *options, where, connections,
        requests, MAP, keys])
    if measured["wrong"]:
        sys.exit("wrong answers from %s: %s" % (where, measured))
    return measured


def ask(where, key, limit=LIMIT):
    """One request on a connection of its own; the reply's text, or None
    while nobody listens."""
    family = socket.AF_UNIX if isinstance(where, str) else socket.AF_INET
    with socket.socket(family) as sock:
        sock.settimeout(limit)
        try:
            sock.connect(where if isinstance(where, str)
                         else ("127.0.0.1", where))
        except (ConnectionRefusedError, FileNotFoundError):
            return None
        request = ("%s %s" % (MAP, key)).encode()
        sock.sendall(b"%d:%s," % (len(request), request))
        data = b""
        while not data.endswith(b","):
            more = sock.recv(65536)
            if not more:
                sys.exit("%s hung up" % where)
            data += more
    return data.partition(b":")[2][:-1].decode()


class Echo:
    """netstring-echo, which answers everything with the same reply."""

    def __init__(self, build, where, reply):
        self.where = where
        self.process = pinned(SERVER_CORE, [
            program(build, "netstring-echo"), str(where), reply])
        self.pid = self.process.pid
        until(lambda: listens(where), "netstring-echo listens")

    def stop(self):
        stop(self.process)


# ---- the world -------------------------------------------------------------

def names(count):
    """Domains that differ from their first letter on, as in life, and are in
    no order that an index likes."""
    return ["%s%06d.example" % ("abcdefghijklmnopqrstuvwxyz"[i * 7 % 26],
                                i * 7919 % count) for i in range(count)]


def write_lines(path, lines):
    with open(path, "w") as file:
        file.writelines(line + "\n" for line in lines)
    return path


def discard_log():
    """Be /dev/log, as cheaply as can be."""
    os.sched_setaffinity(0, {LOAD_CORE})
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind("/dev/log")
    os.chmod("/dev/log", 0o666)
    while True:
        sock.recv(65536)


class Knot(dns.Knot):
    """Knot at the address of resolv.conf, with nothing between."""

    listen = dns.Knot.listen + ", %s@53" % dns.ADDRESS

    def __init__(self, path, domains):
        super().__init__(path)
        self.records = "".join(
            '_mta-sts.{0}. 86400 TXT "v=STSv1; id=1;"\n'
            'mta-sts.{0}. 86400 A {1}\n'.format(name, WEB)
            for name in domains)


class World:
    """DNS and policy hosts of many domains, and a log that takes
    everything. `anchor` and `ca_file` are what clients have to trust."""

    def __init__(self, build, path, domains):
        self.reader = multiprocessing.Process(target=discard_log,
                                              daemon=True)
        self.reader.start()
        os.sched_setaffinity(0, {LOAD_CORE})
        self.knot = Knot(os.path.join(path, "knot"), domains)
        self.knot.start()
        self.anchor = self.knot.anchor
        self.ca_file = os.path.join(path, "ca.pem")
        self.web = pinned(LOAD_CORE, [
            program(build, "policy-host"), WEB, "443", self.ca_file])
        until(lambda: os.path.exists(self.ca_file), "policy-host listens")

    def stop(self):
        stop(self.web)
        self.knot.stop()
        self.reader.terminate()


# ---- tlsmilterd ------------------------------------------------------------

CONFIG = """
milter = "unix:%(dir)s/milter"
socketmap = {"inet:8461@127.0.0.1", "unix:%(dir)s/socketmap"}
control = "unix:%(dir)s/control"
state_dir = "%(dir)s/state"
dns { dnssec = %(dnssec)s  trust_anchor = "%(anchor)s" }
https { ca_file = "%(ca_file)s" }
"""


class Daemon:
    """A tlsmilterd with a folder and a cache of its own."""

    port = 8461

    def __init__(self, build, path, anchor="", ca_file="", dnssec="off",
                 more=""):
        self.build, self.dir = build, path
        self.path = os.path.join(path, "socketmap")
        self.state = os.path.join(path, "state")
        self.file = os.path.join(path, "tlsmilter.conf")
        os.makedirs(self.state)
        for made in (path, self.state):
            shutil.chown(made, "tlsmilter")
        with open(self.file, "w") as file:
            file.write(CONFIG % {"dir": path, "dnssec": dnssec,
                                 "anchor": anchor, "ca_file": ca_file}
                       + more)
        self.process = self.pid = None

    def forget(self):
        """Begin with an empty cache again; while it does not run."""
        shutil.rmtree(self.state)
        os.makedirs(self.state)
        shutil.chown(self.state, "tlsmilter")

    def remember(self, domains, chunk=10000):
        """Import a policy of each domain; while it does not run. In parts,
        as each is one transaction, for which the file needs as much room
        again as it changes."""
        path = os.path.join(self.dir, "import.json")
        for i in range(0, len(domains), chunk):
            with open(path, "w") as file:
                json.dump({
                    "schema": "tlsmilter/cache-1",
                    "exported": time.strftime("%Y-%m-%dT%H:%M:%SZ",
                                              time.gmtime()),
                    "domains": [{
                        "domain": name, "id": "1",
                        "text": "version: STSv1\r\nmode: enforce\r\n"
                                "mx: mx1.%s\r\nmx: mx2.%s\r\n"
                                "max_age: 604800\r\n" % (name, name)}
                        for name in domains[i:i + chunk]]}, file)
            subprocess.run(
                [os.path.join(self.build, "tlsmilter"), "cache", "import",
                 "-q", "-c", self.file, path], check=True)
        os.unlink(path)

    def launch(self):
        """Start it as systemd does, which keeps the log off standard error,
        and do not wait."""
        with open("/dev/null", "wb") as null:
            stat = os.fstat(null.fileno())
            self.process = pinned(
                SERVER_CORE,
                [os.path.join(self.build, "tlsmilterd"), "-c", self.file],
                stderr=null, env=dict(
                    os.environ, NOTIFY_SOCKET=self.dir + "/none",
                    JOURNAL_STREAM="%d:%d" % (stat.st_dev, stat.st_ino)))

    def child(self, role):
        title = "tlsmilterd: " + role
        return next((pid for pid, line in
                     children_of(self.process.pid).items()
                     if line.startswith(title)), None)

    def start(self):
        self.launch()
        until(lambda: listens(self.port) and self.child("frontend") and
              self.child("resolver"), "tlsmilterd listens")
        self.pid = self.child("frontend")

    def stop(self):
        stop(self.process, signal.SIGTERM)

    def status(self):
        done = subprocess.run(
            [os.path.join(self.build, "tlsmilter"), "status", "--json",
             "-c", self.file], check=True, stdout=subprocess.PIPE, text=True)
        return json.loads(done.stdout)

    def warm(self, keys, count):
        """Ask for every key, until all are known and nothing is looked up
        any more."""
        for _ in range(3):
            load(self.build, self.port, 64, count, keys)
            self.settle()

    def cpu_seconds(self):
        """Of all its processes."""
        pids = [self.process.pid, *children_of(self.process.pid)]
        return sum(cpu_seconds(pid) for pid in pids)

    def settle(self):
        """Wait until it has nothing to do any more."""
        quiet = 0
        end = time.monotonic() + LIMIT
        while quiet < 3 and time.monotonic() < end:
            before = self.cpu_seconds()
            time.sleep(0.3)
            quiet = quiet + 1 if self.cpu_seconds() - before < 0.003 else 0


def cpu_seconds(pid):
    total = 0
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/schedstat" % (pid, task)) as file:
            total += int(file.read().split()[0])
    return total / 1e9


def memory(pid, *members):
    """Members of smaps_rollup, in bytes."""
    with open("/proc/%d/smaps_rollup" % pid) as file:
        found = {line.split(":")[0]: 1024 * int(line.split()[1])
                 for line in file.readlines()[1:]}
    return [found[member] for member in members]
