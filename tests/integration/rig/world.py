# SPDX-License-Identifier: BSD-2-Clause
"""The private world: domains with DNS records, policies and certificates.

    d = world.domain()                  # d7.example, mode enforce, MX mx1.…
    d.policy(mode="testing", id="2")    # publish another policy
    d.host.status = 404                 # script the policy host (https.py)
    world.dns.rules["*", "*"] = "drop"  # DNS is gone (dns.py)

Every call of domain() makes a new name, so tests do not meet.
"""
import itertools
import json
import os
import time

from rig import certs, dns, https, validator

WEB4 = "203.0.112.80"
WEB6 = "2a0f:db80::80"
PRIVATE = "10.9.8.7"


def policy_text(mode, mx, max_age=604800):
    lines = ["version: STSv1", "mode: " + mode]
    lines += ["mx: " + pattern for pattern in mx]
    lines.append("max_age: %d" % max_age)
    return ("\r\n".join(lines) + "\r\n").encode()


class Records:
    """DNS records at and below one name."""

    def __init__(self, world, name, zone):
        self.world = world
        self.name = name
        self.zone = zone

    def _owner(self, label):
        return "%s.%s." % (label, self.name) if label else self.name + "."

    def set(self, label, kind, *values, ttl=60):
        """Replace the records of one name and type; no values: none."""
        owner = self._owner(label)
        lines = ["del %s %s" % (owner, kind)]
        lines += ["add %s %d %s %s" % (owner, ttl, kind, v) for v in values]
        self.world.knot.update(self.zone, lines)


class Domain(Records):
    """One domain: its DNS records and its policy host."""

    def __init__(self, world, name, zone):
        super().__init__(world, name, zone)
        self.mx = ["mx1." + name]
        self.host = https.Script()
        world.https.hosts["mta-sts." + name] = self.host

    def address(self, local):
        return "%s@%s" % (local, self.name)

    def txt(self, *records, ttl=60):
        """Replace the TXT records at _mta-sts. A record that is a list has
        several character-strings."""
        values = []
        for record in records:
            strings = [record] if isinstance(record, str) else record
            values.append(" ".join(dns.quote(s) for s in strings))
        self.set("_mta-sts", "TXT", *values, ttl=ttl)

    def policy(self, mode="enforce", mx=None, max_age=604800, id="1",
               ttl=60):
        """Publish a policy: the text and the TXT record."""
        self.host.body = policy_text(mode, mx or self.mx, max_age)
        self.txt("v=STSv1; id=%s;" % id, ttl=ttl)

    def web(self, *addresses, ttl=60):
        """Replace the addresses of the policy host."""
        four = [a for a in addresses if ":" not in a]
        six = [a for a in addresses if ":" in a]
        self.set("mta-sts", "A", *four, ttl=ttl)
        self.set("mta-sts", "AAAA", *six, ttl=ttl)


def utc(seconds):
    """A time so many seconds from now, as lists write it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ",
                         time.gmtime(time.time() + seconds))


class ListHost:
    """A server of one partner list (https.py scripts how it behaves)."""

    def __init__(self, name):
        self.name = name
        self.url = "https://%s/tls.json" % name
        self.host = https.Script(path="/tls.json",
                                 content_type="application/json")

    def publish(self, domains, age=60, lasts=30 * 86400, **more):
        """Serve a list of these domains: names, or {name: members}."""
        if not isinstance(domains, dict):
            domains = {name: {"mode": "enforce"} for name in domains}
        self.host.body = json.dumps(dict(more, **{
            "schema": "tlsmilter/partners-1", "author": "Rig",
            "timestamp": utc(-age), "expires": utc(lasts),
            "domains": domains})).encode()


class World:
    def __init__(self, folder):
        self.folder = folder
        self.authority = certs.Authority(os.path.join(folder, "certs"))
        self.knot = dns.Knot(os.path.join(folder, "knot"))
        self.validator = validator.Validator(
            os.path.join(folder, "unbound"), self.knot.anchor, dns.KNOT_PORT)
        self.knot.changed = self.validator.flush
        self.dns = dns.Relay(self.validator)
        self.https = https.PolicyServer(self.authority)
        self._numbers = itertools.count(1)

    @property
    def ca_file(self):
        return self.authority.trusted

    @property
    def trust_anchor(self):
        return self.knot.anchor

    def start(self):
        self.knot.start()
        self.dns.start()
        self.https.start()

    def stop(self):
        self.dns.stop()
        self.https.stop()
        self.validator.stop()
        self.knot.stop()

    def reset(self):
        """Undo what a test did to the servers; domains stay."""
        self.dns.reset()
        self.https.reset()

    def list_host(self, *domains, address=WEB4, **options):
        """A new host that serves a partner list of these domains."""
        host = ListHost("lists%d.example" % next(self._numbers))
        self.https.hosts[host.name] = host.host
        self.knot.update("example", ["add %s. 60 A %s" % (host.name,
                                                          address)])
        host.publish(domains, **options)
        return host

    def domain(self, mode="enforce", name=None, zone="example", mx=None,
               max_age=604800, id="1", ttl=60, web=(WEB4,)):
        """A new domain. mode None: no policy and no TXT record. zone may be
        "insecure.example" or "bogus.example". mx names its mail hosts, the
        best first; mx=[] makes none."""
        name = name or "d%d.%s" % (next(self._numbers), zone)
        domain = Domain(self, name, zone)
        if mx is not None:
            domain.mx = list(mx)
        lines = ["add %s. %d MX %d %s." % (name, ttl, 10 * n, host)
                 for n, host in enumerate(domain.mx, 1)
                 if not host.startswith("*")]
        lines += ["add %s. %d A 192.0.2.25" % (host, ttl)
                  for host in domain.mx if host.endswith("." + name)]
        lines += ["add mta-sts.%s. %d %s %s" % (
            name, ttl, "AAAA" if ":" in address else "A", address)
            for address in web]
        if mode:
            domain.host.body = policy_text(mode, domain.mx, max_age)
            lines.append('add _mta-sts.%s. %d TXT "v=STSv1; id=%s;"' % (
                name, ttl, id))
        else:
            domain.host.status = 404
        self.knot.update(zone, lines)
        return domain
