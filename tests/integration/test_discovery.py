# SPDX-License-Identifier: BSD-2-Clause
"""Discovery as libmtasts does it: TXT, addresses, fetch (RFC 8461 §3).

mtasts-probe drives the public interface; ids such as STS-F-03 name the
requirement a case is about.
"""
import json
import os
import socket
import subprocess
import threading
import time

import pytest

from rig.wait import until
from rig.world import PRIVATE, WEB4, WEB6, policy_text

PROBE = os.path.join(os.environ.get("TLSMILTER_BUILD", "."),
                     "tests/integration/mtasts-probe")


@pytest.fixture
def probe(world):
    """probe(domain…, name=value…): the results, one dict each."""

    def run(*domains, env=None, **options):
        options.setdefault("ca", world.ca_file)
        if options.get("dnssec") == "validate":
            options.setdefault("anchor", world.trust_anchor)
        args = ["%s=%s" % pair for pair in options.items()]
        names = [getattr(d, "name", d) for d in domains]
        done = subprocess.run([PROBE, *args, *names], text=True, timeout=100,
                              capture_output=True,
                              env={**os.environ, **(env or {})})
        assert done.stderr == ""
        results = [json.loads(line) for line in done.stdout.splitlines()]
        assert not any("reentrant" in r for r in results)
        return results

    return run


def one(results):
    assert len(results) == 1
    return results[0]


def assert_failed(result, error):
    assert (result["outcome"], result["error"]) == ("failed", error), result
    assert result["detail"].isprintable() and result["detail"].isascii()
    assert "mode" not in result


def test_a_policy_is_found(world, probe):
    d = world.domain(mode="enforce")
    r = one(probe(d))
    assert r["outcome"] == "found"
    assert (r["mode"], r["max_age"], r["id"]) == ("enforce", 604800, "1")
    request = d.host.requests[0]
    assert request.line == "GET /.well-known/mta-sts.txt HTTP/1.1"
    assert request.headers["host"] == "mta-sts." + d.name     # STS-F-01
    assert request.sni == "mta-sts." + d.name                 # STS-F-06
    assert request.headers["user-agent"].startswith("libmtasts/")
    assert "accept-encoding" not in request.headers           # STS-F-15
    assert "if-none-match" not in request.headers             # STS-F-09
    assert "cookie" not in request.headers
    assert d.host.count == 1


# ---- certificates --------------------------------------------------------

CERTIFICATES = [
    # (kind in rig/certs.py, good, requirement)
    ("good", True, "STS-F-02"),
    ("expired", False, "STS-F-02"),
    ("not-yet", False, "STS-F-02"),
    ("wrong-name", False, "STS-F-02"),
    ("self-signed", False, "STS-F-02"),
    ("untrusted", False, "STS-F-02"),
    ("no-intermediate", False, "STS-F-02"),
    ("client-only", False, "STS-F-02"),
    ("cn-only", False, "STS-F-03 STS-F-04"),
    ("email-only", False, "STS-F-04"),
    ("wildcard", True, "STS-F-05"),
    ("partial-wildcard", False, "STS-F-05"),
    ("deep-wildcard", False, "STS-F-05"),
]


@pytest.mark.parametrize("kind,good,requirement", CERTIFICATES,
                         ids=[c[0] for c in CERTIFICATES])
def test_certificate(world, probe, kind, good, requirement):
    d = world.domain()
    d.host.certificate = kind
    r = one(probe(d))
    if good:
        assert r["outcome"] == "found"
    else:
        assert_failed(r, "tls")
        assert d.host.count == 0      # not even the request was sent


def cname(domain, label, target):
    for kind in ("A", "AAAA", "TXT"):
        domain.set(label, kind)
    domain.set(label, "CNAME", target + ".")


@pytest.mark.parametrize("certificate,good", [("good", True),
                                              ("provider-name", False)])
def test_policy_host_behind_a_cname(world, probe, certificate, good):
    """STS-F-17: the certificate names the policy host, not the provider."""
    d, provider = world.domain(), world.domain()
    cname(d, "mta-sts", "mta-sts." + provider.name)
    d.host.certificate = certificate
    r = one(probe(d))
    if good:
        assert r["outcome"] == "found"
        assert d.host.requests[0].sni == "mta-sts." + d.name
    else:
        assert_failed(r, "tls")


def test_tls_1_1_is_refused(world, probe):
    d = world.domain()
    d.host.max_tls = "1.1"
    assert_failed(one(probe(d)), "tls")                       # STS-F-13


def test_tls_1_2_is_enough(world, probe):
    d = world.domain()
    d.host.max_tls = "1.2"
    assert one(probe(d))["outcome"] == "found"                # STS-F-13


# ---- HTTP ----------------------------------------------------------------

@pytest.mark.parametrize("status", [201, 204, 206, 304, 400, 404, 410, 500,
                                    503])
def test_only_200_is_a_policy(world, probe, status):
    d = world.domain()
    d.host.status = status
    r = one(probe(d))                                         # STS-F-07
    assert_failed(r, "http")
    assert str(status) in r["detail"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(world, probe, status):
    d, good = world.domain(), world.domain()
    d.host.status = status
    d.host.headers = (("Location", "https://mta-sts.%s/.well-known/"
                       "mta-sts.txt" % good.name),)
    assert_failed(one(probe(d)), "http")                      # STS-F-08
    assert good.host.count == 0


CONTENT_TYPES = [
    ("text/plain", True),
    ("Text/PLAIN", True),
    ("text/plain; charset=utf-8", True),
    ("text/plain;charset=us-ascii; x=y", True),
    ("text/plain ; x", True),
    ("text/html", False),
    ("text/plainx", False),
    ("text/plain, text/html", False),
    ("application/octet-stream", False),
    (None, False),
]


@pytest.mark.parametrize("content_type,good", CONTENT_TYPES)
def test_content_type(world, probe, content_type, good):
    d = world.domain()
    d.host.content_type = content_type
    r = one(probe(d))                                         # STS-F-10
    if good:
        assert r["outcome"] == "found"
    else:
        assert_failed(r, "http")


def long_policy(domain, size):
    """A valid policy of exactly so many bytes."""
    text = policy_text("enforce", domain.mx)
    rest = size - len(text)
    line = b"x: " + b"y" * 995 + b"\r\n"
    text += line * (rest // 1000 - 1)
    rest = size - len(text)
    return text + b"x: " + b"y" * (rest - 5) + b"\r\n"


@pytest.mark.parametrize("size,chunked,length,good", [
    (65536, False, None, True),
    (65536, True, None, True),
    (65536, False, -1, True),
    (65537, False, None, False),
    (65537, True, None, False),
    (65537, False, -1, False),
    (1000000, True, None, False),
])
def test_size_limit(world, probe, size, chunked, length, good):
    d = world.domain()
    d.host.body = long_policy(d, size)
    assert len(d.host.body) == size
    d.host.chunked, d.host.length = chunked, length
    r = one(probe(d))                                         # STS-F-11
    if good:
        assert (r["outcome"], r["text_len"]) == ("found", size)
    else:
        assert_failed(r, "size")


def test_a_smaller_limit_may_be_set(world, probe):
    d = world.domain()
    assert_failed(one(probe(d, max_size=50)), "size")


@pytest.mark.parametrize("extra,error", [(100, "http"), (100000, "size")])
def test_content_length_promises_more(world, probe, extra, error):
    d = world.domain()
    d.host.length = len(d.host.body) + extra
    assert_failed(one(probe(d)), error)                       # STS-F-11


def test_content_length_promises_less(world, probe):
    """What is behind the length does not belong to the policy: this one
    ends before max_age."""
    d = world.domain()
    d.host.length = len(d.host.body) - 20
    assert_failed(one(probe(d)), "policy")


@pytest.mark.parametrize("length,chunked,whole", [
    (None, False, True), (-1, True, True),     # the end is known
    (-1, False, False),                        # … from the cut only
    (None, False, False), (-1, True, False),   # cut before the end
])
def test_a_cut_connection(world, probe, length, chunked, whole):
    """Without close_notify nobody knows who ended it (RFC 9112 §9.8)."""
    d = world.domain()
    d.host.length, d.host.chunked = length, chunked
    head, body = world.https._encode(d.host, 200, d.host.body)
    d.host.close_after = len(head + body) - (
        0 if whole or length == -1 and not chunked else 3)
    r = one(probe(d))
    if whole:
        assert r["outcome"] == "found"
    else:
        assert r["outcome"] == "failed"
        assert r["error"] in ("connect", "http")


def test_compression_is_not_undone(world, probe):
    """STS-F-15: neither a policy nor a bomb is decompressed."""
    d, bomb = world.domain(), world.domain()
    d.host.compress = bomb.host.compress = True
    bomb.host.body = long_policy(bomb, 60000) + b" " * 50000000
    assert_failed(one(probe(d)), "http")
    assert_failed(one(probe(bomb)), "http")


def test_endless_headers(world, probe):
    d = world.domain()
    d.host.headers = tuple(("X-Filler-%d" % i, "y" * 1000)
                           for i in range(200))
    assert_failed(one(probe(d)), "http")


def test_http_caching_headers_have_no_effect(world, probe):
    d = world.domain()
    d.host.headers = (("Cache-Control", "max-age=31536000, immutable"),
                      ("ETag", '"x"'), ("Age", "10"))
    for count in (1, 2):                                      # STS-F-09
        assert one(probe(d))["outcome"] == "found"
        assert d.host.count == count


def test_silent_server(world, probe):
    d = world.domain()
    d.host.mute = True
    begin = time.monotonic()
    assert_failed(one(probe(d, timeout=1500)), "timeout")     # STS-F-11
    assert 1.4 < time.monotonic() - begin < 15


def test_drip_server(world, probe):
    d = world.domain()
    d.host.drip = 0.2
    begin = time.monotonic()
    assert_failed(one(probe(d, timeout=1500)), "timeout")     # STS-F-11
    assert time.monotonic() - begin < 15


def test_slow_but_in_time(world, probe):
    d = world.domain()
    d.host.delay = 1
    assert one(probe(d))["outcome"] == "found"


def test_nobody_listens(world, probe):
    d = world.domain()
    world.https.stop()
    assert_failed(one(probe(d)), "connect")


@pytest.mark.parametrize("text,place", [
    (b"", "policy"),
    (b"version: STSv1\nmode: enforce\nmax_age: 1\n", "policy"),
    (b"version: STSv2\nmode: none\nmax_age: 1\n", "policy"),
    (b"version: STSv1\nmode: none\nmax_age: 1\nx: \x00\n", "line 4"),
    (b"<html>\x1b[31m</html>", "policy"),
])
def test_invalid_policy(world, probe, text, place):
    d = world.domain()
    d.host.body = text
    r = one(probe(d))
    assert_failed(r, "policy")
    assert place in r["detail"]


# ---- addresses -----------------------------------------------------------

def test_ipv6_only(world, probe):
    d = world.domain(web=(WEB6,))
    assert one(probe(d))["outcome"] == "found"
    assert d.host.requests[0].peer.startswith("2")


UNREACHABLE = "8.8.8.8"         # no route leads out of the enclosure
SILENT4, SILENT6 = "198.200.0.1", "2a0f:db81::1"


@pytest.fixture(scope="module")
def silence():
    """Packets to SILENT4 and SILENT6 get lost."""
    other = "lladdr 02:00:00:00:00:01 dev silence"
    for command in ("link add silence type veth peer name silent",
                    "link set silence up", "link set silent up",
                    "route add 198.200.0.0/24 dev silence src 192.0.2.25",
                    "-6 route add 2a0f:db81::/64 dev silence",
                    "neighbour add %s %s" % (SILENT4, other),
                    "neighbour add %s %s" % (SILENT6, other)):
        subprocess.run(["ip", *command.split()], check=True)
    yield
    subprocess.run(["ip", "link", "del", "silence"], check=True)


@pytest.mark.parametrize("addresses", [
    (UNREACHABLE, WEB4), (SILENT4, WEB4), (SILENT6, WEB4), (SILENT4, WEB6),
    (UNREACHABLE, SILENT4, SILENT6, WEB4),
])
def test_another_address_is_tried(world, probe, silence, addresses):
    d = world.domain(web=addresses)
    assert one(probe(d))["outcome"] == "found"


def test_a_host_that_is_silent(world, probe, silence):
    d = world.domain(web=(SILENT4,))
    assert_failed(one(probe(d, timeout=1500)), "timeout")


@pytest.mark.parametrize("address", [
    PRIVATE, "127.0.0.1", "0.0.0.0", "169.254.1.1", "192.168.1.1",
    "172.16.0.1", "100.64.0.1", "224.0.0.1", "::1", "::", "fe80::1",
    "fd00::1", "ff02::1", "::ffff:127.0.0.1", "64:ff9b::10.0.0.1",
])
def test_private_addresses_are_refused(world, probe, address):
    d = world.domain(web=(address,))
    begin = world.https.connections
    r = one(probe(d))                                         # STS-F-16
    assert_failed(r, "host")
    assert "private" in r["detail"]
    assert world.https.connections == begin


@pytest.mark.parametrize("allow", ["all", "once"])
def test_private_addresses_may_be_allowed(world, probe, allow):
    d = world.domain(web=(PRIVATE,))
    assert one(probe(d, private=allow))["outcome"] == "found"


def test_a_public_address_beside_a_private_one(world, probe):
    d = world.domain(web=(PRIVATE, WEB4))
    assert one(probe(d))["outcome"] == "found"


def test_policy_host_without_address(world, probe):
    d = world.domain(web=())
    r = one(probe(d))
    assert_failed(r, "host")
    assert "NXDOMAIN" in r["detail"]


@pytest.mark.parametrize("kind", ["A", "AAAA"])
@pytest.mark.parametrize("rule", ["servfail", "drop"])
def test_one_address_family_fails(world, probe, kind, rule):
    """The other family is enough, and does not wait for the whole time."""
    d = world.domain(web=(WEB4, WEB6))
    world.dns.rules["mta-sts." + d.name, kind] = rule
    assert one(probe(d))["outcome"] == "found"


def test_addresses_cannot_be_had(world, probe):
    d = world.domain()
    world.dns.rules["mta-sts." + d.name, "*"] = "servfail"
    assert_failed(one(probe(d)), "host")


# ---- proxies -------------------------------------------------------------

PROXY_VARIABLES = ("https_proxy", "HTTPS_PROXY", "http_proxy", "ALL_PROXY",
                   "all_proxy")


def test_proxies_of_the_environment_are_ignored(world, probe):
    d = world.domain()
    env = {name: "http://127.0.0.1:9" for name in PROXY_VARIABLES}
    assert one(probe(d, env=env))["outcome"] == "found"       # STS-F-15


class ConnectProxy:
    """An HTTP proxy that knows CONNECT, and one way out."""

    def __init__(self):
        self.targets = []
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                conn, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(conn,),
                             daemon=True).start()

    def _one(self, conn):
        head = b""
        while b"\r\n\r\n" not in head:
            head += conn.recv(4096)
        self.targets.append(head.split(b" ")[1].decode())
        out = socket.create_connection((WEB4, 443))
        conn.sendall(b"HTTP/1.1 200 Fine\r\nContent-Encoding: gzip\r\n\r\n")
        threading.Thread(target=self._copy, args=(out, conn),
                         daemon=True).start()
        self._copy(conn, out)

    @staticmethod
    def _copy(a, b):
        try:
            while True:
                data = a.recv(4096)
                if not data:
                    break
                b.sendall(data)
            b.shutdown(socket.SHUT_WR)
        except OSError:
            pass


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_configured_proxy_is_used(world, probe, host):
    d = world.domain(web=())
    proxy = ConnectProxy()
    r = one(probe(d, proxy="http://%s:%d" % (host, proxy.port)))
    assert r["outcome"] == "found"
    assert proxy.targets == ["mta-sts.%s:443" % d.name]
    assert world.dns.count("mta-sts." + d.name, "A") == 0
    d.host.certificate = "cn-only"
    assert_failed(one(probe(d, proxy="http://%s:%d" % (host, proxy.port))),
                  "tls")


# ---- the TXT record ------------------------------------------------------

SPF = "v=spf1 -all"
LONG = "v=STSv1; id=" + "a" * 20 + "; x=" + "b" * 400 + ";"

RECORDS = [
    # (label, records, outcome, error)
    ("one", ["v=STSv1; id=1;"], "found", "ok"),
    ("one among others STS-T-06",
     [SPF, "v=STSv1; id=1;", "x", "y", "z", "v=STSv10; id=1"], "found", "ok"),
    ("two STS-T-06", ["v=STSv1; id=1;", "v=STSv1; id=2;"], "absent",
     "record"),
    ("no candidate STS-T-06", [SPF, "v=STSv2; id=1"], "absent", "no-record"),
    ("invalid STS-T-08", ["v=STSv1; id=a-b;"], "absent", "record"),
    ("no id", ["v=STSv1; x=y;"], "absent", "record"),
    ("blank before the semicolon STS-T-07", ["v=STSv1 ; id=1"], "found",
     "ok"),
    ("split STS-T-03", [["v=STSv1; i", "d=1;"]], "found", "ok"),
    ("long STS-T-03", [[LONG[:255], LONG[255:]]], "found", "ok"),
    ("extension STS-T-11", ["v=STSv1; foo=bar; id=1"], "found", "ok"),
]


@pytest.mark.parametrize("label,records,outcome,error", RECORDS,
                         ids=[r[0] for r in RECORDS])
def test_txt_records(world, probe, label, records, outcome, error):
    d = world.domain()
    d.txt(*records)
    r = one(probe(d))
    assert (r["outcome"], r["error"]) == (outcome, error), r
    assert d.host.count == (1 if outcome == "found" else 0)


@pytest.mark.parametrize("hops", [1, 2, 6])
def test_txt_record_behind_cnames(world, probe, hops):
    """STS-T-02: delegation of the record, in one hop or more."""
    d = world.domain(id="through")
    first = world.domain()
    at = first
    for _ in range(hops - 1):
        between = world.domain()
        cname(at, "_mta-sts", "_mta-sts." + between.name)
        at = between
    cname(at, "_mta-sts", "_mta-sts." + d.name)
    r = one(probe(first))
    assert (r["outcome"], r["id"]) == ("found", "through")


def test_cname_loop(world, probe):
    a, b = world.domain(), world.domain()
    cname(a, "_mta-sts", "_mta-sts." + b.name)
    cname(b, "_mta-sts", "_mta-sts." + a.name)
    r = one(probe(a))                                         # STS-T-02
    assert r["outcome"] in ("absent", "failed")
    assert a.host.count == 0


def test_ttl_of_the_record(world, probe):
    d = world.domain(ttl=37)
    assert 30 <= one(probe(d))["ttl"] <= 37


def test_ttl_of_no_record(world, probe):
    """STS-C-15: the SOA minimum of the zone is one second."""
    d = world.domain(mode=None)
    r = one(probe(d))
    assert (r["outcome"], r["error"]) == ("absent", "no-record")
    assert "NXDOMAIN" in r["detail"]
    assert r["ttl"] <= 1


def test_no_data(world, probe):
    d = world.domain(mode=None)
    d.set("_mta-sts", "A", "192.0.2.1")
    r = one(probe(d))
    assert (r["outcome"], r["error"]) == ("absent", "no-record")
    assert "no data" in r["detail"]                           # STS-T-16


@pytest.mark.parametrize("rule,text", [("servfail", "SERVFAIL"),
                                       ("refused", "SERVFAIL"),
                                       ("drop", "no answer in time")])
def test_dns_trouble(world, probe, rule, text):
    """STS-T-16: told apart, and never "no record"."""
    d = world.domain()
    world.dns.rules["_mta-sts." + d.name, "*"] = rule
    r = one(probe(d, dns_timeout=2000))
    assert_failed(r, "dns")
    assert text in r["detail"]


def test_dns_is_gone(world, probe):
    d = world.domain()
    world.dns.stop()
    begin = time.monotonic()
    assert_failed(one(probe(d, dns_timeout=3000)), "dns")
    assert time.monotonic() - begin < 30


def test_named_servers_are_used(world, probe):
    d = world.domain()
    assert one(probe(d, dns="192.0.2.53@53"))["outcome"] == "found"
    before = world.dns.count("_mta-sts." + d.name)
    # Knot itself serves only its zones, which is enough here.
    assert one(probe(d, dns="127.0.0.1@5300"))["outcome"] == "found"
    assert world.dns.count("_mta-sts." + d.name) == before


# ---- DNSSEC --------------------------------------------------------------

@pytest.mark.parametrize("zone,secure", [("example", True),
                                         ("insecure.example", False)])
def test_dnssec(world, probe, zone, secure):
    d = world.domain(zone=zone)
    r = one(probe(d, dnssec="validate"))
    assert (r["outcome"], r["secure"]) == ("found", secure)
    assert one(probe(d))["secure"] is False


def test_bogus_zone(world, probe):
    d = world.domain(zone="bogus.example")
    assert_failed(one(probe(d, dnssec="validate")), "bogus")
    assert one(probe(d))["outcome"] == "found"


def test_absence_is_validated(world, probe):
    d = world.domain(mode=None)
    r = one(probe(d, dnssec="validate"))
    assert (r["outcome"], r["secure"]) == ("absent", True)


def test_servers_that_strip_dnssec_do_not_stop_mail(world, probe):
    d = world.domain()
    world.dns.strip = True
    r = one(probe(d, dnssec="validate"))
    assert (r["outcome"], r["secure"]) == ("found", False)


def test_servers_cannot_deliver_the_anchor(world, probe):
    d = world.domain()
    world.dns.rules["", "*"] = "servfail"
    r = one(probe(d, dnssec="validate"))
    assert (r["outcome"], r["secure"]) == ("found", False)


@pytest.mark.parametrize("ad", [True, False])
def test_ad_is_trusted_if_wanted(world, probe, ad):
    """RFC 7672 §2.1.1. The trust anchor is the servers' matter."""
    d, absent = world.domain(), world.domain(mode=None)
    world.dns.ad = ad
    found, none = sorted(probe(d, absent, dnssec="trust-ad",
                               anchor="/nonexistent"),
                         key=lambda r: r["outcome"] != "found")
    assert (found["outcome"], found["secure"]) == ("found", ad)
    assert (none["outcome"], none["secure"]) == ("absent", ad)
    assert one(probe(d))["secure"] is False


def test_ad_of_root_servers_that_fail_proves_nothing(world, probe):
    d = world.domain()
    world.dns.ad = True
    world.dns.rules["", "*"] = "servfail"
    r = one(probe(d, dnssec="trust-ad"))
    assert (r["outcome"], r["secure"]) == ("found", False)


class Conversation:
    """One probe that lives on, asked for one domain at a time."""

    def __init__(self, world, **options):
        options = {"ca": world.ca_file, "anchor": world.trust_anchor,
                   **options}
        self.process = subprocess.Popen(
            [PROBE, "stdin=1", *("%s=%s" % o for o in options.items())],
            text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, domain):
        self.process.stdin.write(domain.name + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def end(self):
        self.process.stdin.close()
        assert self.process.wait(10) == 0


@pytest.mark.parametrize("dnssec", ["off", "trust-ad"])
def test_dns_comes_back(world, dnssec):
    """An outage leaves nothing behind: a minute later all is well."""
    c = Conversation(world, dns_timeout=1000, dnssec=dnssec)
    assert c.ask(world.domain())["outcome"] == "found"
    world.dns.rules["*", "*"] = "drop"
    for _ in range(5):
        assert_failed(c.ask(world.domain()), "dns")
    world.dns.rules.clear()
    until(lambda: c.ask(world.domain())["outcome"] == "found",
          "names are found again", limit=100, pause=0.5)
    c.end()


def test_dnssec_comes_later(world):
    """The self-test is repeated until the servers deliver DNSSEC."""
    world.dns.strip = True
    c = Conversation(world, dnssec="validate")
    r = c.ask(world.domain())
    assert (r["outcome"], r["secure"]) == ("found", False)
    world.dns.strip = False
    until(lambda: c.ask(world.domain())["secure"], "answers are validated",
          limit=250, pause=0.5)
    c.end()


# ---- what is held --------------------------------------------------------

def test_same_id_is_not_fetched(world, probe):
    d = world.domain(id="20200101")
    r = one(probe(d, held="20200101"))                        # STS-C-02
    assert (r["outcome"], r["id"]) == ("unchanged", "20200101")
    assert d.host.count == 0


@pytest.mark.parametrize("held", ["2", "20200101T", "0"])
def test_another_id_is_fetched(world, probe, held):
    d = world.domain(id="20200101")                           # STS-T-10
    assert one(probe(d, held=held))["outcome"] == "found"


def test_id_is_compared_with_case(world, probe):
    d = world.domain(id="abc")                                # STS-T-10
    assert one(probe(d, held="ABC"))["outcome"] == "found"


def test_refetch(world, probe):
    d = world.domain(id="1")
    assert one(probe(d, held="1", refetch=1))["outcome"] == "found"
    assert d.host.count == 1


@pytest.mark.parametrize("records", [(), ("v=STSv1; id=?",)])
def test_refetch_works_without_a_record(world, probe, records):
    d = world.domain()
    d.txt(*records)
    r = one(probe(d, held="1", refetch=1))                    # STS-C-07
    assert (r["outcome"], r["id"]) == ("found", "")


def test_a_record_is_needed_to_discover(world, probe):
    """STS-S-02: HTTPS alone is no policy for who holds none."""
    d = world.domain()
    d.txt()
    r = one(probe(d, refetch=1))
    assert (r["outcome"], r["error"]) == ("absent", "no-record")
    assert d.host.count == 0


# ---- many at once --------------------------------------------------------

def test_lookups_of_one_domain_are_one_fetch(world, probe):
    d = world.domain()
    results = probe(d, repeat=200)                            # STS-F-18
    assert len(results) == 200
    assert all(r["outcome"] == "found" for r in results)
    assert d.host.count == 1
    assert world.dns.count("_mta-sts." + d.name) == 1


def test_many_domains(world, probe):
    domains = [world.domain() for _ in range(20)]
    results = probe(*domains, max_lookups=3)
    assert sorted(r["domain"] for r in results) == sorted(
        d.name for d in domains)
    assert all(r["outcome"] == "found" for r in results)


def test_the_queue_is_bounded(world, probe):
    domains = [world.domain() for _ in range(6)]
    results = probe(*domains, max_lookups=1, max_queued=2)
    assert sorted(r["outcome"] for r in results) == (
        ["found"] * 3 + ["refused"] * 3)
    assert {r["error"] for r in results if r["outcome"] == "refused"} == {
        "busy"}


def test_a_callback_may_ask_again(world, probe):
    d = world.domain()
    results = probe(d, again=1)
    assert [r["outcome"] for r in results] == ["found", "found"]
    assert d.host.count == 2


@pytest.mark.parametrize("dnssec", ["validate", "trust-ad"])
def test_the_end_cancels(world, probe, dnssec):
    domains = [world.domain() for _ in range(5)]
    results = probe(*domains, cancel=1, max_lookups=2, dnssec=dnssec)
    assert [(r["outcome"], r["error"]) for r in results] == [
        ("failed", "cancelled")] * 5


@pytest.mark.parametrize("name", ["[192.0.2.1]", "localhost", ".example",
                                  "a..b", "", "x" * 64 + ".example",
                                  "192.0.2.1"])
def test_what_is_no_domain_is_refused(probe, name):
    r = one(probe(name))                                      # STS-A-10
    assert (r["outcome"], r["error"]) == ("refused", "argument")


@pytest.mark.parametrize("options", [
    {"ca": "/nonexistent"}, {"ca": "/dev/null"},
    {"dnssec": "validate", "anchor": "/nonexistent"},
    {"dnssec": "validate", "anchor": "/dev/null"},
    {"dnssec": "validate", "anchor": "/etc/hostname"},
    {"dns": "ns.example"}, {"dns": "192.0.2.53@0"},
    {"dnssec": "trust-ad", "dns": "ns.example"},
    {"proxy": "https://127.0.0.1:1"}, {"proxy": "http://127.0.0.1"},
    {"timeout": 600001}, {"max_size": 65537},
])
def test_bad_options(world, options):
    options = {"ca": world.ca_file, **options}
    done = subprocess.run(
        [PROBE, *("%s=%s" % pair for pair in options.items())], text=True,
        capture_output=True, timeout=60)
    assert done.returncode == 78
    assert done.stderr.startswith("mtasts-probe: ")
    assert done.stderr.count("\n") == 1
