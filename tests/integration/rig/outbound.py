# SPDX-License-Identifier: BSD-2-Clause
"""Mail on its way out: a Postfix that sends, and servers that receive.

    # m7.hosts.example, with a TLSA record that fits
    host = receivers.host("expired", tlsa=["3 1 1"])
    d = world.domain(mx=[host.name])
    fate = sender().send(d.address("b"))    # really tries
    assert (fate.status, fate.tls) == ("sent", "Verified")
"""
import dataclasses
import itertools
import os
import re
import shutil

from rig import certs
from rig.client import LOCAL, Smtp
from rig.postfix import INTERNAL, Postfix
from rig.wait import until
from rig.world import Records

ZONES = ("example", "insecure.example", "bogus.example")
NAMES = ["*.hosts." + zone for zone in ZONES]
DAY = certs.DAY

# Every kind of server is right, or wrong in one way: its certificate, or
# what its services in master.cf have set.
KINDS = {
    "good": {},
    "other-name": dict(names=["mx.other.example"]),
    "untrusted": dict(issuer="stranger"),
    "self-signed": dict(issuer="self"),
    "expired": dict(start=-9 * DAY, end=-DAY),
    "other-key": dict(own_key=True),
    "no-starttls": dict(option="smtpd_tls_security_level=none"),
    # The right certificate for who asks for it by SNI (RFC 8461 §7.1).
    "sni": dict(names=["mx.other.example"],
                option="tls_server_sni_maps=texthash:{sni}"),
    "exact": dict(wildcard=False),
}
FIRST = 101             # of 192.0.2.0/24
PORTS = (25, 587, 2525)
HOSTS = 200             # at most, for one file of tests


def address(kind):
    return "192.0.2.%d" % (FIRST + list(KINDS).index(kind))


class Host(Records):
    """The name of a server, of one test."""

    def __init__(self, world, name, zone, certificate):
        super().__init__(world, name, zone)
        self.certificate = certificate

    def record(self, text):
        """A TLSA record; "3 1 1" stands for one which the server's
        certificate matches."""
        if text.count(" ") == 2:
            return certs.tlsa(self.certificate, text)
        return text

    def tlsa(self, *records, port=25):
        """Replace the TLSA records; none: no records."""
        self.set("_%d._tcp" % port, "TLSA", *map(self.record, records))


class Receivers(Postfix):
    """A server of every kind, each on an address of its own. What they
    accept is in one Maildir."""

    ports = PORTS
    _hosts = itertools.count(1)     # new names in each file

    def __init__(self, folder, world):
        self.world = world
        self._first = next(self._hosts)
        self._sni = os.path.join(folder, "sni")
        self.certificates = {kind: self._certificate(**how)
                             for kind, how in KINDS.items()}
        self.services = INTERNAL + "".join(
            self._service(kind, port, **how)
            for kind, how in KINDS.items() for port in PORTS)
        super().__init__(folder, world.authority,
                         main={"syslog_name": "postfix-in"})

    def _certificate(self, names=NAMES, wildcard=True, option=None, **leaf):
        if not wildcard:
            names = ["m%d.hosts.example" % (self._first + n)
                     for n in range(HOSTS)]
        return self.world.authority.leaf("hosts.example", names=names, **leaf)

    def _service(self, kind, port, option=None, **_):
        text = "%s:%d inet n - n - - smtpd\n" % (address(kind), port)
        text += "  -o smtpd_tls_chain_files=%s\n" % self.certificates[kind]
        if option:
            text += "  -o %s\n" % option.format(sni=self._sni)
        return text

    def start(self):
        os.makedirs(self.dir, exist_ok=True)
        with open(self._sni, "w") as file:
            file.writelines(".hosts.%s %s\n" % (
                zone, self.certificates["good"]) for zone in ZONES)
        super().start()

    def host(self, kind="good", zone="example", tlsa=()):
        """A new name with the address of such a server, and TLSA records
        for port 25."""
        name = "m%d.hosts.%s" % (next(self._hosts), zone)
        host = Host(self.world, name, zone, self.certificates[kind])
        self.world.knot.update(zone, [
            "add %s. 60 A %s" % (name, address(kind)),
            *("add _25._tcp.%s. 60 TLSA %s" % (name, host.record(record))
              for record in tlsa)])
        return host


# ---- sending ----------------------------------------------------------------

@dataclasses.dataclass
class Fate:
    """What became of one attempt to deliver."""
    status: str             # sent, deferred, bounced
    dsn: str                # "4.7.5"
    relay: str              # "mx1.d1.example[192.0.2.101]:25", "none"
    reason: str             # what the log has in parentheses
    tls: str                # Verified, Trusted, Untrusted, Anonymous; ""
    pid: int = 0            # of the smtp(8) that tried

    @property
    def host(self):
        return self.relay.partition("[")[0]


class Sender(Postfix):
    """A Postfix that delivers to where DNS says, and asks the daemon how.
    `main` adds to main.cf; chroot: as Debian runs it; name and where: those
    of the map."""

    def __init__(self, folder, authority, syslog, main=None, chroot=False,
                 port=2500, name="postfix", where="inet:127.0.0.1:8461"):
        self.name, self.where = name, where
        self.services = "%s:%d inet n - n - - smtpd\n" % (LOCAL, port)
        self.services += INTERNAL
        self.ports = (port,)
        self.syslog = syslog
        self.chroot = chroot
        self._marks = {}
        super().__init__(folder, authority, main=dict({
            "syslog_name": "postfix-out",
            "myhostname": "out.rig.example",
            "inet_interfaces": "127.0.0.1",
            "inet_protocols": "all",
            "default_transport": "smtp",
            "virtual_mailbox_domains": "",
            "smtp_tls_policy_maps": "socketmap:%s:%s" % (where, name),
            "smtp_tls_security_level": "may",
            "smtp_tls_CAfile": authority.trusted,
            "smtp_tls_loglevel": "1",
            "smtp_dns_support_level": "dnssec",
            # One session for each message.
            "smtp_connection_cache_on_demand": "no",
            # Not before retry() says so.
            "queue_run_delay": "1h",
            "minimal_backoff_time": "1h",
        }, **(main or {})))
        if chroot:
            self.master = self.master.replace(
                "smtp      unix - - n", "smtp      unix - - y")

    def start(self):
        if self.chroot:
            etc = os.path.join(self.main["queue_directory"], "etc")
            os.makedirs(etc, exist_ok=True)
            for name in ("resolv.conf", "hosts", "services",
                         "nsswitch.conf"):
                shutil.copy("/etc/" + name, etc)
        super().start()

    def submit(self, recipient, subject="hello", options=""):
        """Queue a message; return its id."""
        mark = self.syslog.mark()
        with Smtp(source=LOCAL, host=LOCAL, port=self.ports[0]) as s:
            s.ehlo()
            s.mail("a@out.rig.example", options)
            assert s.rcpt(recipient).code == 250, s.dialogue()
            end = s.data("Subject: %s\n\nhello\n" % subject)
            s.quit()
        queue_id = re.search(r"queued as (\w+)", end.text)[1]
        self._marks[queue_id] = mark
        return queue_id

    def fate(self, queue_id):
        """Wait for the next attempt to end."""
        mark = self._marks[queue_id]
        pattern = (r"^%s: to=<[^>]*>,(?: orig_to=<[^>]*>,)? relay=(\S+), .*"
                   r"dsn=([\d.]+), status=(\w+) \((.*)\)$" % queue_id)
        line = self.syslog.wait(pattern, "postfix-out/", mark)
        self._marks[queue_id] = self.syslog.lines.index(line, mark) + 1
        relay, dsn, status, reason = re.search(pattern, line.text).groups()
        tls = self._tls(relay, line.pid, mark, self._marks[queue_id])
        return Fate(status, dsn, relay.lower(), reason, tls, line.pid)

    def _tls(self, relay, pid, since, end):
        """How far the certificate of that server was trusted."""
        # A name may be spelt in two ways when the recipient's is.
        pattern = r"^(\w+) TLS connection established to (?i:%s):" % \
            re.escape(relay)
        found = [line for line in self.syslog.lines[since:end]
                 if line.pid == pid and re.search(pattern, line.text)]
        return re.search(pattern, found[-1].text)[1] if found else ""

    def send(self, recipient, **options):
        """Try to deliver a message, once."""
        return self.fate(self.submit(recipient, **options))

    def retry(self, queue_id):
        """Try once more."""
        until(lambda: [m for m in self.queue() if m["queue_id"] == queue_id
                       and m["queue_name"] == "deferred"],
              "%s is deferred" % queue_id)
        self.run("postqueue", "-c", self.etc, "-i", queue_id)
        return self.fate(queue_id)

    def postmap(self, key, name=None):
        """Ask as postmap(1) does: (exit status, value)."""
        done = self.run("postmap", "-c", self.etc, "-q", key,
                        "socketmap:%s:%s" % (self.where, name or self.name),
                        check=False, capture_output=True, text=True)
        return done.returncode, done.stdout.rstrip("\n")
