# SPDX-License-Identifier: BSD-2-Clause
"""Mail that a real Postfix 3.7 sends to real servers, asking the socketmap
which TLS each destination has promised (design §8, PF-TP).

The answers themselves are in test_socketmap.py and test_outbound_peers.py;
here it is what becomes of the mail. What cannot be delivered safely is
deferred and never bounced (STS-C-09).
"""
import os
import shutil
import signal

import pytest

from rig import certs
from rig.daemon import Daemon
from rig.outbound import Sender, address
from rig.socketmap import CONFIG
from rig.wait import until

DANE = CONFIG + 'postfix { version = "3.7"  dane = yes }\n'
OTHER_KEY = "3 1 1 " + "ab" * 32
UNUSABLE = "1 1 1 " + "ab" * 32
NOTFOUND = (1, "")

# How an attempt ends: status, TLS as Postfix logs it, and the reason.
VERIFIED = ("sent", "Verified", "250 2.0.0 Ok")
TRUSTED = ("sent", "Trusted", "250 2.0.0 Ok")
UNTRUSTED = ("sent", "Untrusted", "250 2.0.0 Ok")
PLAIN = ("sent", "", "250 2.0.0 Ok")
BAD_CERT = ("deferred", "Untrusted", "Server certificate not verified")
NO_TLS = ("deferred", "", "TLS is required, but was not offered by host")
NO_ANSWER = ("deferred", "", "client TLS configuration problem")


def assert_fate(fate, expected):
    status, tls, reason = expected
    assert (fate.status, fate.tls) == (status, tls), fate
    assert fate.reason.startswith(reason), fate


def wait_dane(one):
    until(lambda: one.status()["learner"]["dane"]["state"] == "works",
          "DANE can be relied on")
    return one


@pytest.fixture(autouse=True)
def _validating(world):
    """Postfix wants a resolver that sets AD."""
    world.dns.validate = True


@pytest.fixture(scope="module")
def _wired(_world, syslog, receivers):
    """A daemon and a Postfix that asks it, for every test that changes
    neither."""
    _world.dns.validate = True
    folder = os.path.join(os.path.dirname(receivers.dir), "outbound")
    # Ports of its own, beside a daemon and a Postfix of one test.
    one = Daemon(os.path.join(folder, "tlsmilter"), _world, syslog,
                 DANE.replace("8461", "8471") +
                 'milter = "inet:8879@127.0.0.1"\n')
    out = Sender(os.path.join(folder, "sender"), _world.authority, syslog,
                 port=2501, where="inet:127.0.0.1:8471")
    try:
        wait_dane(one.start())
        out.start()
        yield one, out
    finally:
        out.stop()
        one.stop()
    one.assert_clean()


@pytest.fixture
def out(_wired, request):
    one, out = _wired
    request.node.rig_daemons = [one]
    return out


@pytest.fixture
def pair(daemon, sender):
    """pair(config, …): a daemon and a Postfix of the test's own."""

    def make(config="", main=None, dane=True, **options):
        one = daemon((DANE if dane else CONFIG) + config)
        return wait_dane(one) if dane else one, sender(main=main, **options)

    return make


# ---- MTA-STS ----------------------------------------------------------------

PROMISES = [
    # mode, kind of server, what becomes of mail
    ("enforce", "good", VERIFIED),              # STS-A-01
    ("enforce", "sni", VERIFIED),               # STS-V-06
    ("enforce", "other-name", BAD_CERT),        # STS-V-05
    ("enforce", "untrusted", BAD_CERT),
    ("enforce", "self-signed", BAD_CERT),
    ("enforce", "expired", BAD_CERT),
    ("enforce", "no-starttls", NO_TLS),         # STS-V-01
    ("testing", "good", TRUSTED),               # STS-A-02
    ("testing", "other-name", TRUSTED),
    ("testing", "untrusted", UNTRUSTED),
    ("testing", "self-signed", UNTRUSTED),
    ("testing", "expired", UNTRUSTED),
    ("testing", "no-starttls", PLAIN),
    ("none", "expired", UNTRUSTED),             # STS-A-03
    ("none", "no-starttls", PLAIN),
    (None, "good", TRUSTED),                    # PF-TP-24
    (None, "no-starttls", PLAIN),
]


@pytest.mark.parametrize("mode, kind, expected", PROMISES, ids=[
    "%s-%s" % (mode or "no policy", kind) for mode, kind, _ in PROMISES])
@pytest.mark.parametrize("zone", ["example", "insecure.example"])
def test_policy(out, world, receivers, zone, mode, kind, expected):
    host = receivers.host(kind, zone)
    d = world.domain(mode=mode, zone=zone, mx=[host.name])
    assert_fate(out.send(d.address("b")), expected)


def test_what_was_delivered_is_there_and_was_encrypted(out, world, receivers):
    d = world.domain(mx=[receivers.host().name])
    assert_fate(out.send(d.address("b"), subject="is it there"), VERIFIED)
    message = receivers.wait_delivered("is it there")
    assert "using TLSv1.3" in message.all("Received")[0]


@pytest.mark.parametrize("mode, expected", [
    ("enforce", BAD_CERT), ("testing", TRUSTED)])
def test_a_mail_host_that_the_policy_does_not_name(
        out, world, receivers, mode, expected):
    """STS-V-01, by the names in its certificate (PF-TP-15)."""
    d = world.domain(mode=mode, mx=[receivers.host().name])
    d.policy(mode=mode, mx=["mx.elsewhere.example", "*.else.example"])
    assert_fate(out.send(d.address("b")), expected)


def test_a_pattern_covers_its_hosts(out, world, receivers):
    """STS-V-03."""
    d = world.domain(mx=[receivers.host().name])
    d.policy(mx=["*.hosts.example"])
    assert_fate(out.send(d.address("b")), VERIFIED)


def test_a_host_that_may_not_be_used_is_passed_over(out, world, receivers):
    """STS-A-04: the next one gets the mail, whatever its preference."""
    mx = [receivers.host(kind).name for kind in (
        "other-name", "no-starttls", "good")]
    fate = out.send(world.domain(mx=mx).address("b"))
    assert_fate(fate, VERIFIED)
    assert fate.host == mx[-1]


def test_a_subdomain_has_no_policy_of_its_parent(_wired, out, world,
                                                 receivers):
    """STS-A-06, PF-TP-02: Postfix asks for every parent; only one name is
    looked up."""
    one, _ = _wired
    parent = world.domain(mx=[receivers.host("no-starttls").name])
    parent.set("a.b.c", "MX", "10 %s." % parent.mx[0])
    before = one.status()["socketmap"]["requests"]
    assert_fate(out.send("x@a.b.c." + parent.name), PLAIN)
    assert one.status()["socketmap"]["requests"] - before == 5
    assert world.dns.count("_mta-sts.a.b.c." + parent.name) == 1
    for name in ("b.c." + parent.name, "c." + parent.name, parent.name):
        assert world.dns.count("_mta-sts." + name) == 0


def test_a_stricter_main_cf_stays_in_force(pair, world, receivers):
    """PF-TP-24: "may" would lower it."""
    _, out = pair(main={"smtp_tls_security_level": "encrypt"})
    for mode in ("testing", "none", None):
        d = world.domain(mode=mode, mx=[receivers.host("no-starttls").name])
        assert_fate(out.send(d.address("b")), NO_TLS)


# ---- DANE -------------------------------------------------------------------

@pytest.mark.parametrize("kind", [
    "good", "other-name", "self-signed", "expired", "other-key"])
@pytest.mark.parametrize("mode", [None, "enforce"])
def test_dane_of_every_host(out, world, receivers, mode, kind):
    """DANE-A-01, DANE-M-02: the key counts, whatever else is wrong."""
    first = receivers.host(kind, tlsa=[OTHER_KEY, "3 1 1"])
    second = receivers.host(tlsa=["3 1 1"])
    d = world.domain(mode=mode, mx=[first.name, second.name])
    fate = out.send(d.address("b"))
    assert_fate(fate, VERIFIED)
    assert fate.host == first.name
    assert out.postmap(d.name) == (0, "dane-only")


BROKEN_DANE = [
    ("other-key", OTHER_KEY, BAD_CERT),         # DANE-A-08
    ("good", OTHER_KEY, BAD_CERT),
    ("no-starttls", "3 1 1", NO_TLS),           # DANE-A-09
]


@pytest.mark.parametrize("kind, record, expected", BROKEN_DANE, ids=[
    "%s-%s" % (kind, record[:6]) for kind, record, _ in BROKEN_DANE])
@pytest.mark.parametrize("mode", [None, "testing", "enforce"])
def test_broken_dane_is_deferred_whatever_the_policy_allows(
        out, world, receivers, mode, kind, record, expected):
    """STS-A-08."""
    host = receivers.host(kind, tlsa=[record])
    d = world.domain(mode=mode, mx=[host.name])
    assert_fate(out.send(d.address("b")), expected)


def two_hosts(world, receivers, mode, first, second, zone="example"):
    """A domain with two hosts: (kind, TLSA records) each."""
    made = [receivers.host(kind, zone, tlsa=records)
            for kind, records in (first, second)]
    return world.domain(mode=mode, zone=zone,
                        mx=[host.name for host in made]), made


def test_dane_of_some_hosts_and_a_policy(out, world, receivers):
    """Snawoot#67: the policy decides, and is not weakened: neither host
    would do at level dane."""
    d, _ = two_hosts(world, receivers, "enforce", ("expired", []),
                     ("no-starttls", ["3 1 1"]))
    assert out.postmap(d.name)[1].startswith("secure match=")
    assert_fate(out.send(d.address("b")), NO_TLS)
    d, (_, good) = two_hosts(world, receivers, "enforce", ("expired", []),
                             ("good", ["3 1 1"]))
    fate = out.send(d.address("b"))
    assert_fate(fate, VERIFIED)
    assert fate.host == good.name


@pytest.mark.parametrize("first, second, expected, which", [
    (("expired", ["3 1 1"]), ("good", []), VERIFIED, 0),
    (("good", [OTHER_KEY]), ("good", []), TRUSTED, 1),
    (("no-starttls", ["3 1 1"]), ("no-starttls", []), PLAIN, 1),
    (("no-starttls", []), ("good", ["3 1 1"]), PLAIN, 0),
    (("no-starttls", [UNUSABLE]), ("good", []), TRUSTED, 1),
], ids=["matches", "does not match", "no STARTTLS", "second", "unusable"])
def test_dane_of_some_hosts_and_no_policy(out, world, receivers, first,
                                          second, expected, which):
    """Level dane: each host is held to what it has published."""
    d, made = two_hosts(world, receivers, None, first, second)
    assert out.postmap(d.name) == (0, "dane")
    fate = out.send(d.address("b"))
    assert_fate(fate, expected)
    assert fate.host == made[which].name


@pytest.mark.parametrize("mode, kind, expected", [
    ("enforce", "good", VERIFIED), ("enforce", "expired", BAD_CERT),
    (None, "expired", UNTRUSTED), (None, "no-starttls", NO_TLS)])
def test_records_that_cannot_be_used(out, world, receivers, mode, kind,
                                     expected):
    """DANE-A-02, DANE-U-04: TLS is needed; a policy is not weakened."""
    host = receivers.host(kind, tlsa=[UNUSABLE])
    d = world.domain(mode=mode, mx=[host.name])
    assert_fate(out.send(d.address("b")), expected)


@pytest.mark.parametrize("mode, kind, answer, expected", [
    (None, "good", "dane", TRUSTED),
    ("testing", "good", "dane", TRUSTED),
    ("enforce", "good", "secure", VERIFIED),
    ("enforce", "expired", "secure", BAD_CERT)])
def test_an_unsigned_domain_at_a_hoster_with_dane(
        out, world, receivers, mode, kind, answer, expected):
    """tlspol#8: dane-only would defer it all."""
    host = receivers.host(kind, tlsa=["3 1 1"])
    d = world.domain(mode=mode, zone="insecure.example", mx=[host.name])
    assert out.postmap(d.name)[1].split()[0] == answer
    assert_fate(out.send(d.address("b")), expected)


@pytest.mark.parametrize("record", [
    "3 0 1", "3 1 2", "3 1 0", "2 0 1", "2 1 1"])
def test_dane_of_every_kind(out, world, receivers, record):
    """DANE-M: Postfix and we agree on what can be used."""
    d = world.domain(mode=None, mx=[receivers.host(tlsa=[record]).name])
    assert out.postmap(d.name) == (0, "dane-only")
    assert_fate(out.send(d.address("b")), VERIFIED)


ALIASES = [
    # zones of alias and host, who has TLSA records, answer, expected
    ("example", "example", ("host",), "dane-only", VERIFIED),
    ("example", "example", ("alias",), "dane-only", VERIFIED),
    ("example", "insecure.example", ("alias",), "dane-only", VERIFIED),
    ("example", "insecure.example", ("host",), "", UNTRUSTED),
    ("insecure.example", "example", ("host",), "", UNTRUSTED),
]


@pytest.mark.parametrize("alias, zone, owners, answer, expected", ALIASES,
                         ids=["%s to %s, %s" % (*a[:2], *a[2])
                              for a in ALIASES])
def test_mail_hosts_that_are_aliases(out, world, receivers, alias, zone,
                                     owners, answer, expected):
    """DANE-L-04, DANE-L-05: what we call DANE, Postfix finds as well."""
    host = receivers.host("self-signed", zone,
                          tlsa=["3 1 1"] if "host" in owners else [])
    names = world.domain(mode=None, zone=alias, mx=[])
    names.set("mx", "CNAME", host.name + ".")
    if "alias" in owners:
        names.set("_25._tcp.mx", "TLSA", host.record("3 1 1"))
    d = world.domain(mode=None, mx=["mx." + names.name])
    assert out.postmap(d.name)[1] == answer
    assert_fate(out.send(d.address("b")), expected)


def test_a_domain_that_is_an_alias(out, world, receivers):
    """Its name is the policy domain; its mail hosts are the other's."""
    d = world.domain(mx=[receivers.host("expired").name])
    good = receivers.host("expired", tlsa=["3 1 1"])
    dane = world.domain(mode=None, mx=[good.name])
    names = world.domain(mode=None, mx=[])
    names.set("sts", "CNAME", d.name + ".")
    names.set("dane", "CNAME", dane.name + ".")
    assert_fate(out.send("b@sts." + names.name), UNTRUSTED)
    assert_fate(out.send("b@dane." + names.name), VERIFIED)


def test_dane_of_a_domain_that_is_its_own_host(out, world, receivers):
    """DANE-L-12."""
    d = world.domain(mode=None, mx=[])
    d.set("", "A", address("self-signed"))
    host = receivers.host("self-signed", tlsa=["3 1 1"])
    d.set("_25._tcp", "CNAME", "_25._tcp.%s." % host.name)  # DANE-L-08
    assert_fate(out.send(d.address("b")), VERIFIED)


# ---- DNS in trouble ---------------------------------------------------------

@pytest.mark.parametrize("zone, mode, records, expected", [
    ("example", None, [], TRUSTED),
    ("example", None, ["3 1 1"], VERIFIED),
    ("example", "enforce", [], VERIFIED),
    ("insecure.example", None, [], TRUSTED),
    ("insecure.example", "enforce", [], VERIFIED),
], ids=["signed", "dane", "enforce", "unsigned", "unsigned-enforce"])
def test_tlspol_189_one_failing_address_family_stops_no_mail(
        out, world, receivers, zone, mode, records, expected):
    host = receivers.host(zone=zone, tlsa=records)
    world.dns.rules[host.name, "AAAA"] = "servfail"
    d = world.domain(mode=mode, zone=zone, mx=[host.name])
    assert_fate(out.send(d.address("b")), expected)


@pytest.mark.parametrize("records, expected", [
    (["3 1 1"], VERIFIED), ([], TRUSTED)], ids=["dane", "no dane"])
def test_tlspol_172_one_mx_host_that_does_not_exist_stops_no_mail(
        out, world, receivers, records, expected):
    host = receivers.host(tlsa=records)
    d = world.domain(mode=None, mx=["gone.insecure.example", host.name])
    fate = out.send(d.address("b"))
    assert_fate(fate, expected)
    assert fate.host == host.name


def test_a_failing_tlsa_lookup_defers_and_no_longer(out, world, receivers):
    """DANE-A-04, DANE-F-04, STS-A-08: an error is never "no DANE"."""
    host = receivers.host(tlsa=["3 1 1"])
    rule = "_25._tcp." + host.name, "TLSA"
    world.dns.rules[rule] = "servfail"
    d = world.domain(mx=[host.name])
    message = out.submit(d.address("b"))
    assert_fate(out.fate(message), NO_ANSWER)
    del world.dns.rules[rule]
    until(lambda: out.retry(message).status == "sent", "DNS works again",
          limit=120, pause=2)
    assert out.postmap(d.name) == (0, "dane-only")


def test_a_bogus_domain_is_deferred(out, world, receivers):
    d = world.domain(zone="bogus.example", mx=[receivers.host().name])
    fate = out.send(d.address("b"))
    assert (fate.status, fate.relay) == ("deferred", "none")


def test_a_domain_that_takes_no_mail_bounces_by_itself(out, world):
    """RFC 7505, DANE-L-14: Postfix knows what to do; we say nothing."""
    d = world.domain(mx=[])
    d.set("", "MX", "0 .")
    fate = out.send(d.address("b"))
    assert (fate.status, fate.dsn) == ("bounced", "5.1.0")
    assert "nullMX" in fate.reason
    assert out.postmap(d.name) == NOTFOUND
    assert world.dns.count("_25._tcp", "TLSA") == 0


def test_a_resolver_without_ad_means_no_dane_and_no_stop(
        pair, world, receivers):
    """Postfix would take DANE for missing and defer; so no DANE answers,
    and a warning; policies hold."""
    world.dns.validate = False
    one, out = pair("postfix { dane = yes }\n", dane=False)
    one.wait_log("do not set AD")
    for mode, kind, expected in (
            (None, "good", TRUSTED), ("enforce", "good", VERIFIED),
            ("enforce", "expired", BAD_CERT), (None, "expired", UNTRUSTED)):
        host = receivers.host(kind, tlsa=["3 1 1"])
        d = world.domain(mode=mode, mx=[host.name])
        assert_fate(out.send(d.address("b")), expected)


# ---- next hops --------------------------------------------------------------

def test_an_address_has_no_policy_and_costs_no_lookup(_wired, out, world):
    """STS-A-07, DANE-L-11."""
    one, _ = _wired
    before = sum(world.dns.queries.values())
    assert_fate(out.send("b@[%s]" % address("good")), TRUSTED)
    assert sum(world.dns.queries.values()) == before
    assert one.status()["socketmap"]["waiting"] == 0


RELAYS = [
    # relayhost, kind of server, port with TLSA records, mode, expected
    ("[{host}]", "expired", 25, None, VERIFIED),
    ("[{host}]:587", "expired", 587, None, VERIFIED),       # DANE-L-07
    ("[{host}]:587", "expired", 25, None, UNTRUSTED),
    ("{domain}:2525", "expired", 2525, None, VERIFIED),
    ("{domain}:2525", "expired", 25, None, UNTRUSTED),
    ("{domain}:587", "good", None, "enforce", VERIFIED),    # STS-A-05
    ("{domain}", "expired", None, "enforce", BAD_CERT),
    ("{domain}:2525", "no-starttls", None, "testing", PLAIN),
]


@pytest.mark.parametrize("option", ["relayhost", "transport_maps"])
@pytest.mark.parametrize("relay, kind, port, mode, expected", RELAYS, ids=[
    "%s-%s-%s" % (r[0], r[2], r[3]) for r in RELAYS])
def test_smart_hosts(_wired, sender, world, receivers, relay, kind, port,
                     mode, expected, option):
    """The smart host's promise counts, and the records of the port that
    mail goes to (Snawoot#49)."""
    host = receivers.host(kind)
    if port:
        host.tlsa("3 1 1", port=port)
    d = world.domain(mode=mode, mx=[host.name])
    other = world.domain(mx=[receivers.host("no-starttls").name])
    relay = relay.format(host=host.name, domain=d.name)
    own = sender(where=_wired[1].where, main={
        "relayhost": {"relayhost": relay},
        "transport_maps": {"transport_maps": "inline:{{ %s = smtp:%s }}" % (
            other.name, relay)}}[option])
    fate = own.send(other.address("b"))
    assert_fate(fate, expected)
    if fate.status == "sent":
        assert fate.host == host.name


def test_the_spelling_of_a_domain_does_not_matter(out, world, receivers):
    """PF-TP-04: upper case, A-labels, U-labels."""
    host = receivers.host("expired")
    d = world.domain(name="xn--mller-post-9db.example", mx=[host.name])
    for name in (d.name, d.name.upper(), "Xn--Mller-Post-9dB.Example"):
        assert_fate(out.send("b@" + name), BAD_CERT)
    for name in ("müller-post.example", "MÜLLER-Post.example"):
        assert_fate(out.send("b@" + name, options=" SMTPUTF8"), BAD_CERT)
        assert out.postmap(name) == out.postmap(d.name)
    host.set("", "A", address("good"))
    assert_fate(out.send("b@müller-post.example",
                         options=" SMTPUTF8"), VERIFIED)
    assert d.host.count == 1


# ---- the daemon in trouble --------------------------------------------------

def test_a_policy_host_that_never_answers_defers_once(pair, world,
                                                      receivers):
    """One TEMP, never a loop of them."""
    _, out = pair('https { timeout = 7s  ca_file = "%s" }\n' % world.ca_file)
    d = world.domain(mx=[receivers.host().name])
    d.host.mute = True
    message = out.submit(d.address("b"))
    assert_fate(out.fate(message), NO_ANSWER)
    assert_fate(out.retry(message), TRUSTED)
    assert_fate(out.send(d.address("b")), TRUSTED)
    assert d.host.count == 1


def has_run_out(one, domain):
    shown = one.tool("cache", "show", domain.name, "--json").json
    return shown["domains"][0]["expires"] < shown["exported"]


def test_a_first_policy_that_never_comes_defers_nothing(pair, world,
                                                        receivers):
    """That there was none is too old to hold, and better than nothing."""
    one, out = pair("cache { max_negative = 1s }\n")
    d = world.domain(mode=None, mx=[receivers.host().name])
    assert_fate(out.send(d.address("b")), TRUSTED)
    d.policy()
    d.host.mute = True
    until(lambda: has_run_out(one, d), "it holds no more")
    assert_fate(out.send(d.address("b")), TRUSTED)
    assert d.host.count == 1


def test_the_resolver_is_killed_while_mail_waits_for_it(pair, world,
                                                        receivers):
    """Nothing is deferred: its successor is asked."""
    one, out = pair()
    mx = [receivers.host().name]
    domains = [world.domain(mx=mx) for _ in range(6)]
    for d in domains:
        d.host.delay = 1
    queued = [out.submit(d.address("b")) for d in domains]
    until(lambda: any(d.host.count for d in domains), "one is being fetched")
    os.kill(one.child("resolver"), signal.SIGKILL)
    for message in queued:
        assert_fate(out.fate(message), VERIFIED)


def test_the_frontend_is_killed_between_messages(pair, world, receivers):
    """PF-SM-07: Postfix connects again and is served."""
    one, out = pair()
    d = world.domain(mx=[receivers.host().name])
    assert_fate(out.send(d.address("b")), VERIFIED)
    os.kill(one.child("frontend"), signal.SIGKILL)
    assert_fate(out.send(d.address("b")), VERIFIED)


def test_while_the_daemon_is_stopped_mail_waits(pair, world, receivers):
    """Then it is delivered as promised, whatever became of DNS and HTTPS
    (STS-C-04, STS-C-12)."""
    one, out = pair()
    good, bad = (world.domain(mx=[receivers.host(kind).name])
                 for kind in ("good", "expired"))
    assert_fate(out.send(good.address("b")), VERIFIED)
    assert_fate(out.send(bad.address("b")), BAD_CERT)
    one.stop()
    queued = [out.submit(d.address("b")) for d in (good, bad)]
    for message in queued:
        assert_fate(out.fate(message), NO_ANSWER)
    for d in (good, bad):
        world.dns.rules["_mta-sts." + d.name, "TXT"] = "nodata"
        d.host.status = 404
    wait_dane(one.start())
    assert_fate(out.retry(queued[0]), VERIFIED)
    assert_fate(out.retry(queued[1]), BAD_CERT)


@pytest.mark.parametrize("mode, expected", [
    ("0660", VERIFIED), ("0600", NO_ANSWER)])
def test_a_unix_socket_inside_of_a_chroot(daemon, sender, world, receivers,
                                          mode, expected):
    """PF-SM-10, Snawoot#45: as Debian's Postfix runs; who may use it is
    said by its mode and group."""
    out = sender(start=False, chroot=True, where="unix:tlsmilter/map.sock")
    folder = os.path.join(out.main["queue_directory"], "tlsmilter")
    os.makedirs(folder)
    shutil.chown(folder, "tlsmilter", "postfix")
    os.chmod(folder, 0o750)
    daemon('socketmap = {"unix:%s/map.sock"}\n'
           'socket_mode = "%s"\nsocket_group = "postfix"\n'
           % (folder, mode))
    out.start()
    d = world.domain(mx=[receivers.host().name])
    fate = out.send(d.address("b"))
    assert_fate(fate, expected)
    assert os.readlink("/proc/%d/root" % fate.pid) == \
        out.main["queue_directory"]


# ---- who comes from another daemon ------------------------------------------

MIGRATION = [
    # map name, what is asked for, what Postfix 3.7 does
    ("QUERY", "dane", (0, "dane-only"), VERIFIED),
    ("QUERY", "broken dane", (0, "dane-only"), BAD_CERT),
    ("QUERY", "policy", (0, "secure match={mx} servername=hostname"),
     VERIFIED),
    ("QUERY", "nothing", NOTFOUND, TRUSTED),
    ("QUERYwithTLSRPT", "dane", (0, "dane-only"), VERIFIED),
    ("QUERYwithTLSRPT", "nothing", NOTFOUND, TRUSTED),
    ("my-zone", "dane", NOTFOUND, UNTRUSTED),
    ("my-zone", "broken dane", (0, "secure match={mx} servername=hostname"),
     VERIFIED),
    ("my-zone", "policy", (0, "secure match={mx} servername=hostname"),
     VERIFIED),
    ("my-zone", "nothing", NOTFOUND, TRUSTED),
]
PUBLISHED = {
    # kind of server, mode, TLSA records
    "dane": ("expired", None, ["3 1 1"]),
    "broken dane": ("good", "enforce", [OTHER_KEY]),
    "policy": ("good", "enforce", []),
    "nothing": ("good", None, []),
}


@pytest.mark.parametrize("name, what, answer, expected", MIGRATION, ids=[
    "%s-%s" % (name, what) for name, what, _, _ in MIGRATION])
def test_only_the_address_changes_in_main_cf(
        pair, world, receivers, name, what, answer, expected):
    """postfix-tlspol's map names mean DANE too, those of
    postfix-mta-sts-resolver do not unless we are told so."""
    kind, mode, records = PUBLISHED[what]
    one, out = pair(dane=False, name=name)
    wait_dane(one)
    host = receivers.host(kind, tlsa=records)
    d = world.domain(mode=mode, mx=[host.name])
    status, value = answer
    assert out.postmap(d.name) == (status, value.format(mx=host.name))
    assert_fate(out.send(d.address("b")), expected)


def test_reports_are_for_who_asks_for_them(pair, world, receivers):
    """PF-TP-22: Postfix 3.7 knows no such attributes, and defers."""
    _, out = pair(name="QUERYwithTLSRPT")
    d = world.domain(mx=[receivers.host().name])
    assert " policy_type=sts policy_domain=%s " % d.name in \
        out.postmap(d.name)[1]
    assert_fate(out.send(d.address("b")), NO_ANSWER)


# ---- overrides --------------------------------------------------------------

DESTINATIONS = [
    # level and match, kind of server, mode, TLSA records, expected
    ('secure match = {{".hosts.example"}}', "good", None, [], VERIFIED),
    ('secure match = {{"mx.elsewhere.example"}}', "good", "enforce", [],
     BAD_CERT),
    ("encrypt", "no-starttls", "testing", [], NO_TLS),
    ("none", "good", "enforce", ["3 1 1"], PLAIN),
    ("may", "expired", "enforce", [OTHER_KEY], UNTRUSTED),
    ("dane-only", "good", "enforce", [],
     ("deferred", "", "no TLSA records found")),
    ('fingerprint match = {{"{print}"}}', "self-signed", "enforce", [],
     VERIFIED),
]


def test_destinations_come_first(pair, world, receivers):
    """Whatever the domain has promised (tlspol#178)."""
    rows, config = [], ""
    for level, kind, mode, records, expected in DESTINATIONS:
        host = receivers.host(kind, tlsa=records)
        d = world.domain(mode=mode, mx=[host.name])
        config += 'destination "%s" {\n  level = %s\n}\n' % (
            d.name, level.replace(" match", "\n  match").format(
                print=certs.fingerprint(host.certificate)))
        rows.append((d, expected))
    _, out = pair(config)
    queued = [out.submit(d.address("b")) for d, _ in rows]
    for message, (_, expected) in zip(queued, rows):
        assert_fate(out.fate(message), expected)


LISTED = [
    # what the list says of the domain, kind of server, its mode, expected
    ({"mode": "enforce", "mx": ["{mx}"]}, "good", None, VERIFIED),
    ({"mode": "enforce", "mx": ["mx.elsewhere.example"]}, "good", "testing",
     BAD_CERT),
    ({"mode": "enforce"}, "no-starttls", None, NO_TLS),
    ({"mode": "enforce"}, "expired", None, UNTRUSTED),
    ({"mode": "enforce"}, "expired", "enforce", BAD_CERT),
    ({"mode": "testing"}, "no-starttls", None, PLAIN),
    ({"mode": "testing"}, "expired", "enforce", BAD_CERT),
]


def test_lists_come_before_policies(pair, world, receivers):
    rows, domains = [], {}
    for said, kind, mode, expected in LISTED:
        host = receivers.host(kind)
        d = world.domain(mode=mode, mx=[host.name])
        domains[d.name] = dict(said)
        if "mx" in said:
            domains[d.name]["mx"] = [name.format(mx=host.name)
                                     for name in said["mx"]]
        rows.append((d, expected))
    lists = world.list_host()
    lists.publish(domains)
    _, out = pair('list "partners" { url = "%s" }\n' % lists.url)
    first = rows[0][0].name
    until(lambda: out.postmap(first)[0] == 0, "the list is in force")
    queued = [out.submit(d.address("b")) for d, _ in rows]
    for message, (_, expected) in zip(queued, rows):
        assert_fate(out.fate(message), expected)
