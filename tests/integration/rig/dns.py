# SPDX-License-Identifier: BSD-2-Clause
"""DNS of the private world: Knot signs and serves, a relay misbehaves.

Knot serves a signed root of our own, `example.` signed below it,
`insecure.example.` without DNSSEC and `bogus.example.` with a DS record that
does not fit. The relay stands at 192.0.2.53:53, the address of resolv.conf,
passes queries to Knot, or to a resolver that validates, counts them, and can
be told to lose, refuse, delay or strip answers.
"""
import collections
import contextlib
import os
import socket
import struct
import subprocess
import threading
import time

from rig import validator

ADDRESS = "192.0.2.53"
KNOT_PORT = 5300

# NSEC3, since from NSEC libunbound concludes, for as long as a negative answer
# holds, that names made meanwhile are not there (RFC 8198).
CONFIG = """
server:
    rundir: "{dir}"
    listen: [ {listen} ]
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: notice
database:
    storage: "{dir}"
acl:
  - id: local
    address: 127.0.0.1
    action: update
policy:
  - id: signed
    algorithm: ecdsap256sha256
    single-type-signing: on
    cds-cdnskey-publish: none
    dnskey-ttl: 60
    nsec3: on
    nsec3-iterations: 0
    nsec3-salt-length: 0
template:
  - id: default
    storage: "{dir}"
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
    acl: local
zone:
"""

# The SOA minimum is short, so that a name made later is soon visible.
ZONE = """$TTL 60
@ SOA ns.example. hostmaster.example. 1 3600 600 86400 1
@ NS ns.example.
"""

ROOT = ZONE + """example. NS ns.example.
ns.example. A 192.0.2.53
100.51.198.in-addr.arpa. NS ns.example.
"""

EXAMPLE = ZONE + """ns A 192.0.2.53
insecure NS ns
bogus NS ns
bogus DS 12345 13 2 {zeros}
mail.client A 198.51.100.7
mx.rig A 192.0.2.25
"""

REVERSE = ZONE + """7 PTR mail.client.example.
8 PTR mail.client.example.
"""

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15,
         "TXT": 16, "AAAA": 28, "DS": 43, "RRSIG": 46, "DNSKEY": 48,
         "TLSA": 52}
TYPE_NAMES = {number: name for name, number in TYPES.items()}


def quote(text):
    """One TXT string as master files write it."""
    return '"%s"' % text.replace("\\", "\\\\").replace('"', '\\"')


def question(message):
    """The name (lower case, no final dot) and type a query asks for."""
    labels, at = [], 12
    while message[at]:
        labels.append(message[at + 1:at + 1 + message[at]])
        at += 1 + message[at]
    name = b".".join(labels).decode("latin-1").lower()
    number = struct.unpack_from("!H", message, at + 1)[0]
    return name, TYPE_NAMES.get(number, "TYPE%d" % number), at + 5


class Knot:
    """The authoritative server. A subclass may listen elsewhere too, and
    have more records in `example.`"""

    listen = "127.0.0.1@%d" % KNOT_PORT
    records = ""

    def __init__(self, folder):
        self.dir = folder
        os.makedirs(folder, exist_ok=True)
        self.anchor = os.path.join(folder, "root.key")
        self.process = None
        self.changed = lambda: None     # called after every update
        self._together = None           # commands by zone, to be sent later

    def _zone(self, name, text, signed):
        with open(os.path.join(self.dir, "%s.zone" % (name or "root")),
                  "w") as file:
            file.write("$ORIGIN %s.\n" % name + text)
        lines = ["  - domain: %s." % name,
                 "    file: %s.zone" % (name or "root")]
        if signed:
            lines += ["    dnssec-signing: on", "    dnssec-policy: signed"]
        return "\n".join(lines) + "\n"

    def start(self):
        config = CONFIG.format(dir=self.dir, listen=self.listen)
        config += self._zone("", ROOT, True)
        config += self._zone("example", EXAMPLE.format(zeros="0" * 64) +
                             self.records, True)
        config += self._zone("insecure.example", ZONE, False)
        config += self._zone("bogus.example", ZONE, True)
        config += self._zone("100.51.198.in-addr.arpa", REVERSE, False)
        self.config = os.path.join(self.dir, "knot.conf")
        with open(self.config, "w") as file:
            file.write(config)
        with open(os.path.join(self.dir, "knot.log"), "w") as log:
            self.process = subprocess.Popen(
                ["knotd", "-c", self.config], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log)
        self._until(lambda: self._dig("bogus.example", "DNSKEY"))
        self._until(lambda: self._dig("example", "DNSKEY"))
        ds = self._keymgr("example.", "ds").split()
        self.update("", ["del example. DS",
                         "add example. 60 DS " + " ".join(ds[2:])])
        self._until(lambda: self._dig(".", "DNSKEY"))
        with open(self.anchor, "w") as file:
            file.write(self._keymgr(".", "ds"))
        os.chmod(self.anchor, 0o644)

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(10)

    def _keymgr(self, zone, command):
        lines = subprocess.run(
            ["keymgr", "-c", self.config, zone, command], check=True,
            capture_output=True, text=True).stdout.splitlines()
        # One line for each digest; SHA-256 (2) is the one all know.
        return next(line for line in lines if line.split()[4] == "2") + "\n"

    def _dig(self, name, kind):
        return subprocess.run(
            ["kdig", "@127.0.0.1", "-p", str(KNOT_PORT), "+short", "+dnssec",
             "+retry=0", "+timeout=1", name, kind], capture_output=True,
            text=True).stdout.strip()

    def _until(self, ready):
        limit = time.monotonic() + 30
        while not ready():
            if time.monotonic() > limit or self.process.poll() is not None:
                with open(os.path.join(self.dir, "knot.log")) as log:
                    raise RuntimeError("knotd: " + log.read())
            time.sleep(0.02)

    @contextlib.contextmanager
    def together(self):
        """Send all updates made inside at the end, one for each zone."""
        self._together = collections.defaultdict(list)
        yield
        waiting, self._together = self._together, None
        for zone, commands in waiting.items():
            for at in range(0, len(commands), 100):
                self.update(zone, commands[at:at + 100])

    def update(self, zone, commands):
        """Send one DNS update; it is signed and served on return."""
        if self._together is not None:
            self._together[zone] += commands
            return
        script = ["server 127.0.0.1 %d" % KNOT_PORT, "zone %s." % zone,
                  "ttl 60", *commands, "send", "answer"]
        process = subprocess.Popen(
            ["knsupdate"], text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            out, err = process.communicate("\n".join(script) + "\n", 0.1)
        except subprocess.TimeoutExpired:
            # Every update plans a NOTIFY, though there is nobody to tell,
            # in the next second; Knot 3.2 lets an update of that second
            # wait for it. Have it now.
            subprocess.run(["knotc", "-c", self.config, "zone-notify",
                            zone + "."], capture_output=True, check=True)
            out, err = process.communicate()
        if process.returncode or "NOERROR" not in out:
            raise RuntimeError("knsupdate %s: %s %s" % (commands, out, err))
        self.changed()


class Relay:
    """Port 53: passes queries to Knot, unless told otherwise.

    `validate` passes them to a resolver that validates (validator.py) and
    sets AD, as mail servers want it.

    `queries` counts (name, type). `rules` maps (name or "*", type or "*") to
    "drop", "servfail", "refused", "nodata", or a delay in seconds.
    `strip` removes DNSSEC, as bad forwarders do; `ad` sets the AD bit.
    """

    def __init__(self, resolver):
        self.queries = collections.Counter()
        self.rules = {}
        self.strip = False
        self.ad = False
        self.port = KNOT_PORT
        self.resolver = resolver
        self.sockets = None
        self.threads = []

    def start(self):
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind((ADDRESS, 53))
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tcp.bind((ADDRESS, 53))
        tcp.listen(64)
        self.sockets = (udp, tcp)
        self.threads = [
            threading.Thread(target=target, args=(sock,), daemon=True)
            for target, sock in ((self._serve_udp, udp),
                                 (self._serve_tcp, tcp))]
        for thread in self.threads:
            thread.start()

    def stop(self):
        """Nobody listens any more: queries are refused by the kernel."""
        if not self.sockets:
            return
        for sock in self.sockets:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass        # an unconnected socket; its reader wakes up
        # A port is free again when nobody waits on its socket any more.
        for thread in self.threads:
            thread.join()
        for sock in self.sockets:
            sock.close()
        self.sockets = None

    @property
    def validate(self):
        return self.port == validator.PORT

    @validate.setter
    def validate(self, wanted):
        if wanted:
            self.resolver.want()
        self.port = validator.PORT if wanted else KNOT_PORT

    def reset(self):
        """Behave again."""
        self.rules.clear()
        self.strip = self.ad = self.validate = False
        if not self.sockets:
            self.start()

    def count(self, name, kind="TXT"):
        return self.queries[name.lower(), kind]

    def _serve_udp(self, sock):
        while True:
            try:
                query, peer = sock.recvfrom(4096)
            except OSError:
                return
            if not query:
                return
            threading.Thread(target=self._one_udp, daemon=True,
                             args=(sock, query, peer)).start()

    def _one_udp(self, sock, query, peer):
        answer = self._answer(query, self._ask_udp)
        if answer:
            try:
                sock.sendto(answer, peer)
            except OSError:
                pass  # stopped meanwhile

    def _serve_tcp(self, sock):
        while True:
            try:
                conn, _ = sock.accept()
            except OSError:
                return
            threading.Thread(target=self._one_tcp, args=(conn,),
                             daemon=True).start()

    def _one_tcp(self, conn):
        with conn:
            conn.settimeout(10)
            try:
                while True:
                    query = self._read_tcp(conn)
                    answer = self._answer(query, self._ask_tcp)
                    if not answer:
                        return
                    conn.sendall(struct.pack("!H", len(answer)) + answer)
            except OSError:
                pass

    @staticmethod
    def _read_tcp(conn):
        def exactly(n):
            data = b""
            while len(data) < n:
                more = conn.recv(n - len(data))
                if not more:
                    raise OSError("closed")
                data += more
            return data
        return exactly(struct.unpack("!H", exactly(2))[0])

    def _ask_udp(self, query):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect(("127.0.0.1", self.port))
            sock.settimeout(5)
            sock.send(query)
            try:
                return sock.recv(65535)
            except TimeoutError:
                return None

    def _ask_tcp(self, query):
        with socket.create_connection(("127.0.0.1", self.port), 5) as sock:
            sock.sendall(struct.pack("!H", len(query)) + query)
            return self._read_tcp(sock)

    def _rule(self, name, kind):
        for key in ((name, kind), (name, "*"), ("*", kind), ("*", "*")):
            if key in self.rules:
                return self.rules[key]
        return None

    def _answer(self, query, ask):
        try:
            name, kind, end = question(query)
        except (IndexError, struct.error):
            return None
        self.queries[name, kind] += 1
        rule = self._rule(name, kind)
        if rule == "drop":
            return None
        codes = {"nodata": 0, "servfail": 2, "refused": 5}
        if rule in codes:
            return self._empty(query, end, codes[rule])
        if rule is not None:
            time.sleep(rule)
        if self.strip:
            if kind in ("DS", "DNSKEY", "RRSIG"):
                return self._empty(query, end, 0)
            query = self._without_edns(query, end)
        try:
            answer = ask(query)
        except OSError:
            return self._empty(query, end, 2)
        if answer and self.ad:
            answer = answer[:3] + bytes([answer[3] | 0x20]) + answer[4:]
        return answer

    @staticmethod
    def _empty(query, end, code):
        return (query[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, 0, 0, 0)
                + query[12:end])

    @staticmethod
    def _without_edns(query, end):
        return query[:4] + struct.pack("!HHHH", 1, 0, 0, 0) + query[12:end]
