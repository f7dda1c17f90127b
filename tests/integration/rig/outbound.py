# SPDX-License-Identifier: BSD-2-Clause
"""Mail on its way out: a Postfix that sends, and servers that receive.

    host = receivers.host("expired")        # m7.hosts.example
    host.tlsa("3 1 1")                      # of its certificate
    d = world.domain(mx=[host.name])
    fate = sender().send(d.address("b"))    # really tries
    assert fate.status == "deferred" and fate.tls == "Untrusted"
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
    # Without a wildcard.
    "exact": dict(names=["m%d.hosts.example" % n for n in range(1, 200)]),
}
FIRST = 101             # of 192.0.2.0/24
PORTS = (25, 587, 2525)


def address(kind):
    return "192.0.2.%d" % (FIRST + list(KINDS).index(kind))


class Host(Records):
    """The name of a server, of one test."""

    def __init__(self, world, name, zone, certificate):
        super().__init__(world, name, zone)
        self.certificate = certificate

    def tlsa(self, *records, port=25):
        """Replace the TLSA records. "3 1 1" stands for a record which the
        server's certificate matches; none: no records."""
        self.set("_%d._tcp" % port, "TLSA", *[
            certs.tlsa(self.certificate, r) if r.count(" ") == 2 else r
            for r in records])


class Receivers(Postfix):
    """A server of every kind, each on an address of its own. What they
    accept is in one Maildir."""

    ports = PORTS

    def __init__(self, folder, world):
        self.world = world
        self._numbers = itertools.count(1)
        self._sni = os.path.join(folder, "sni")
        self.certificates = {kind: self._certificate(**how)
                             for kind, how in KINDS.items()}
        self.services = INTERNAL + "".join(
            self._service(kind, port, **how)
            for kind, how in KINDS.items() for port in PORTS)
        super().__init__(folder, world.authority,
                         main={"syslog_name": "postfix-in"})

    def _certificate(self, option="", names=NAMES, **leaf):
        return self.world.authority.leaf("hosts.example", names=names, **leaf)

    def _service(self, kind, port, option="", **_):
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

    def host(self, kind="good", zone="example"):
        """A new name with the address of such a server."""
        name = "m%d.hosts.%s" % (next(self._numbers), zone)
        host = Host(self.world, name, zone, self.certificates[kind])
        host.set("", "A", address(kind))
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

    @property
    def host(self):
        return self.relay.partition("[")[0]


class Sender(Postfix):
    """A Postfix that delivers to where DNS says, asking the daemon on the
    default port how. `main` adds to main.cf; chroot: as Debian runs it."""

    services = "127.0.0.1:2500 inet n - n - - smtpd\n" + INTERNAL
    ports = (2500,)

    def __init__(self, folder, authority, syslog, main=None, chroot=False):
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
            "smtp_tls_policy_maps": "socketmap:inet:127.0.0.1:8461:postfix",
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
        return Fate(status, dsn, relay, reason,
                    self._tls(relay, line.pid, mark, self._marks[queue_id]))

    def _tls(self, relay, pid, since, end):
        """How far the certificate of that server was trusted."""
        pattern = r"^(\w+) TLS connection established to %s:" % \
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

    def postmap(self, key, name="postfix", where="inet:127.0.0.1:8461"):
        """Ask as postmap(1) does: (exit status, value)."""
        done = self.run("postmap", "-c", self.etc, "-q", key,
                        "socketmap:%s:%s" % (where, name), check=False,
                        capture_output=True, text=True)
        return done.returncode, done.stdout.rstrip("\n")
