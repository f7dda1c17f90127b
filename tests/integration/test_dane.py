# SPDX-License-Identifier: BSD-2-Clause
"""DANE for a next hop over real, signed DNS (RFC 7672 §2).

dane-probe drives mtasts/dane.h and prints what a socketmap would answer.
The table of all cases is in tests/unit/test-danestate.c; here the answers
are those of a name server and of the validator.
"""
import json
import os
import subprocess

import pytest

PROBE = os.path.join(os.environ.get("TLSMILTER_BUILD", "."),
                     "tests/integration/dane-probe")
GOOD = "3 1 1 " + "ab" * 32
UNUSABLE = "1 1 1 " + "ab" * 32
SECURE = "OK secure match=mx1.example servername=hostname"


@pytest.fixture
def probe(world):
    """probe(domain or key…, name=value…): the results by key."""

    def run(*keys, **options):
        options.setdefault("anchor", world.trust_anchor)
        args = ["%s=%s" % pair for pair in options.items()]
        names = [getattr(key, "name", key) for key in keys]
        done = subprocess.run([PROBE, *args, *names], text=True, timeout=100,
                              capture_output=True)
        assert done.stderr == "" and done.returncode == 0
        results = [json.loads(line) for line in done.stdout.splitlines()]
        assert not any(r["reentrant"] for r in results)
        return results

    return run


def one(results):
    assert len(results) == 1
    result = results[0]
    length, text = result["reply"].split(":", 1)
    assert len(text) == int(length) + 1 and text.endswith(",")
    result["reply"] = text[:-1]
    return result


def states(result):
    return [host["state"] for host in result["hosts"]]


def tlsa(domain, host="mx1", *values, port=25):
    domain.set("_%d._tcp.%s" % (port, host), "TLSA", *(values or [GOOD]))


def rule(world, domain, host, kind, what):
    name = "%s.%s" % (host, domain.name) if host else domain.name
    world.dns.rules[name, kind] = what


def cname(domain, label, target):
    domain.set(label, "A")
    domain.set(label, "CNAME", target + ".")


def test_every_mx_host_has_dane(world, probe):
    d = world.domain(mode=None)
    d.set("", "MX", "10 mx1.%s." % d.name, "20 mx2.%s." % d.name)
    d.set("mx2", "AAAA", "2001:db8::25")
    tlsa(d)
    tlsa(d, "mx2", UNUSABLE, GOOD)
    r = one(probe(d, sts="enforce"))
    assert r["outcome"] == "all" and r["mx_secure"]
    assert states(r) == ["usable TLSA records"] * 2
    assert r["hosts"][0]["base"] == "mx1." + d.name
    assert r["reply"] == "OK dane-only"
    assert 0 < r["ttl"] <= 60                         # DANE-F-05


def test_no_mx_host_has_dane(world, probe):
    d = world.domain(mode=None)
    r = one(probe(d, sts="enforce"))
    assert (r["outcome"], r["reply"]) == ("none", SECURE)
    assert 0 < r["ttl"] <= 60
    assert one(probe(d))["reply"] == "NOTFOUND "


@pytest.mark.parametrize("second", ["none", "unusable"])
def test_partial_dane_never_weakens_enforce(world, probe, second):
    d = world.domain(mode=None)
    d.set("", "MX", "10 mx1.%s." % d.name, "20 mx2.%s." % d.name)
    d.set("mx2", "A", "192.0.2.25")
    tlsa(d)
    if second == "unusable":
        tlsa(d, "mx2", UNUSABLE)
    r = one(probe(d, sts="enforce"))
    assert (r["outcome"], r["reply"]) == ("some", SECURE)
    assert one(probe(d))["reply"] == "OK dane"


def test_unsigned_mx_of_hosts_with_dane(world, probe):
    """tlspol#8: dane-only there defers everything."""
    hoster = world.domain(mode=None)
    tlsa(hoster)
    d = world.domain(mode=None, zone="insecure.example",
                     mx=["mx1." + hoster.name])
    r = one(probe(d, sts="enforce"))
    assert (r["outcome"], r["mx_secure"]) == ("some", False)
    assert states(r) == ["usable TLSA records"]
    assert r["reply"] == SECURE
    assert one(probe(d))["reply"] == "OK dane"


def test_unsigned_hosts_are_not_asked_for_tlsa(world, probe):
    """DANE-L-01, DANE-L-02: their servers may fail on such a question."""
    d = world.domain(mode=None, zone="insecure.example")
    rule(world, d, "_25._tcp.mx1", "TLSA", "servfail")
    assert one(probe(d))["outcome"] == "none"
    assert world.dns.count("_25._tcp.mx1." + d.name, "TLSA") == 0


def test_unsigned_tlsa_does_not_count(world, probe):
    """A signed MX record, a host in an unsigned zone."""
    unsigned = world.domain(mode=None, zone="insecure.example")
    tlsa(unsigned)
    d = world.domain(mode=None, mx=["mx1." + unsigned.name])
    r = one(probe(d))
    assert (r["outcome"], r["mx_secure"]) == ("none", True)
    assert r["reply"] == "NOTFOUND "


FAILURES = [
    # (label, type, rule, outcome)
    ("", "MX", "servfail", "error"),
    ("", "MX", "drop", "error"),
    ("mx1", "*", "servfail", "error"),
    ("_25._tcp.mx1", "TLSA", "servfail", "error"),        # DANE-A-04
    ("_25._tcp.mx1", "TLSA", "drop", "error"),
    ("_25._tcp.mx1", "TLSA", "nodata", "error"),    # unsigned: bogus
    ("mx1", "AAAA", "servfail", "all"),             # the other decides
    ("mx1", "AAAA", "drop", "all"),
]


@pytest.mark.parametrize("label,kind,what,outcome", FAILURES, ids=[
    "-".join((f[0] or "domain", f[1].replace("*", "any"), f[2]))
    for f in FAILURES])
def test_an_error_is_not_no_dane(world, probe, label, kind, what, outcome):
    """DANE-R-04 to 06, DANE-F-04; STS-A-08: enforce does not rescue."""
    d = world.domain(mode=None)
    tlsa(d)
    rule(world, d, label, kind, what)
    r = one(probe(d, sts="enforce", dns_timeout=3000))
    assert r["outcome"] == outcome
    assert r["reply"] == ("OK dane-only" if outcome == "all" else
                          "TEMP the lookup of DANE failed")


def test_unsigned_address_decides_when_the_other_family_fails(world, probe):
    """tlspol#189: A is there, not signed; AAAA fails."""
    d = world.domain(mode=None, zone="insecure.example")
    rule(world, d, "mx1", "AAAA", "servfail")
    r = one(probe(d))
    assert (r["outcome"], r["reply"]) == ("none", "NOTFOUND ")


def test_a_mx_host_that_does_not_exist(world, probe):
    """tlspol#172: one unsigned NXDOMAIN must not stop the domain."""
    d = world.domain(mode=None)
    d.set("", "MX", "10 mx1.%s." % d.name, "20 gone.insecure.example.")
    tlsa(d)
    r = one(probe(d))
    assert states(r) == ["usable TLSA records", "no address"]
    assert r["reply"] == "OK dane-only"


def test_a_failing_host_does_not_stop_the_others(world, probe):
    d = world.domain(mode=None)
    d.set("", "MX", "10 mx1.%s." % d.name, "20 mx2.%s." % d.name)
    d.set("mx2", "A", "192.0.2.25")
    tlsa(d)
    tlsa(d, "mx2")
    rule(world, d, "_25._tcp.mx2", "TLSA", "servfail")
    r = one(probe(d))
    assert states(r) == ["usable TLSA records", "its TLSA records failed"]
    assert r["reply"] == "OK dane-only"


def test_a_failing_host_is_not_none(world, probe):
    d = world.domain(mode=None)
    d.set("", "MX", "10 mx1.%s." % d.name, "20 mx2.%s." % d.name)
    rule(world, d, "mx2", "*", "servfail")
    r = one(probe(d))
    assert (r["outcome"], r["reply"]) == ("some", "OK dane")


def test_null_mx(world, probe):
    d = world.domain(mode=None)
    d.set("", "MX", "0 .")
    r = one(probe(d, sts="enforce"))
    assert (r["outcome"], r["reply"]) == ("null MX", "NOTFOUND ")


def test_no_mx_the_domain_is_the_host(world, probe):
    d = world.domain(mode=None, mx=[])
    d.set("", "A", "192.0.2.25")
    d.set("_25._tcp", "TLSA", GOOD)
    r = one(probe(d))
    assert (r["outcome"], r["mx_secure"]) == ("all", True)
    assert r["hosts"][0]["base"] == d.name


def test_no_such_domain(world, probe):
    r = one(probe("nowhere.example"))
    assert (r["outcome"], r["reply"]) == ("none", "NOTFOUND ")


def test_bogus_mx(world, probe):
    d = world.domain(mode=None, zone="bogus.example")
    assert one(probe(d))["outcome"] == "error"


# ---- aliases -------------------------------------------------------------

def test_tlsa_at_the_end_of_the_aliases(world, probe):
    """DANE-L-04: the target's records count, if there are any."""
    d, provider = world.domain(mode=None), world.domain(mode=None)
    cname(d, "mx1", "mx1." + provider.name)
    tlsa(provider)
    tlsa(d, "mx1", UNUSABLE)
    r = one(probe(d))
    assert r["outcome"] == "all"
    assert r["hosts"][0]["base"] == "mx1." + provider.name


def test_tlsa_at_the_start_of_the_aliases(world, probe):
    d, provider = world.domain(mode=None), world.domain(mode=None)
    cname(d, "mx1", "mx1." + provider.name)
    tlsa(d)
    r = one(probe(d))
    assert r["outcome"] == "all"
    assert r["hosts"][0]["base"] == "mx1." + d.name


@pytest.mark.parametrize("has_tlsa", [True, False])
def test_alias_out_of_what_is_signed(world, probe, has_tlsa):
    """DANE-L-05, DANE-R-10: only the signed name is asked for TLSA."""
    d = world.domain(mode=None)
    unsigned = world.domain(mode=None, zone="insecure.example")
    cname(d, "mx1", "mx1." + unsigned.name)
    tlsa(unsigned)
    if has_tlsa:
        tlsa(d)
    r = one(probe(d))
    assert r["outcome"] == ("all" if has_tlsa else "none")
    assert world.dns.count("_25._tcp.mx1." + unsigned.name, "TLSA") == 0


def test_alias_that_is_not_signed(world, probe):
    d = world.domain(mode=None, zone="insecure.example")
    signed = world.domain(mode=None)
    cname(d, "mx1", "mx1." + signed.name)
    tlsa(signed)
    assert one(probe(d))["outcome"] == "none"
    assert world.dns.count("_25._tcp.mx1." + signed.name, "TLSA") == 0


def test_alias_of_the_tlsa_record(world, probe):
    """DANE-L-08: followed; the name to check stays."""
    d, provider = world.domain(mode=None), world.domain(mode=None)
    d.set("_25._tcp.mx1", "CNAME", "_tlsa.%s." % provider.name)
    provider.set("_tlsa", "TLSA", GOOD)
    r = one(probe(d))
    assert r["outcome"] == "all"
    assert r["hosts"][0]["base"] == "mx1." + d.name


# ---- next hops -----------------------------------------------------------

def test_host_in_brackets_with_a_port(world, probe):
    """DANE-L-07, DANE-L-12: no MX lookup, and the real port."""
    d = world.domain(mode=None)
    tlsa(d, port=587)
    key = "[mx1.%s]:587" % d.name
    assert one(probe(key))["reply"] == "OK dane-only"
    assert one(probe("[mx1.%s]" % d.name))["reply"] == "NOTFOUND "
    assert world.dns.count("mx1." + d.name, "MX") == 0


def test_domain_with_a_port(world, probe):
    d = world.domain(mode=None)
    tlsa(d, port=2525)
    assert one(probe(d.name.upper() + ":2525"))["reply"] == "OK dane-only"
    assert one(probe(d))["reply"] == "NOTFOUND "


# ---- when DNS is not what it should be -----------------------------------

def test_a_resolver_that_strips_dnssec(world, probe):
    """DANE-R-01, DANE-F-03: no DANE then, and no mail waits for it."""
    d = world.domain(mode=None)
    tlsa(d)
    world.dns.strip = True
    r = one(probe(d, sts="enforce"))
    assert (r["outcome"], r["reply"]) == ("not validated", SECURE)


def test_validation_is_off(world, probe):
    d = world.domain(mode=None)
    tlsa(d)
    world.dns.ad = True            # nobody believes it (DANE-R-02)
    r = one(probe(d, dnssec="off"))
    assert (r["outcome"], r["reply"]) == ("not validated", "NOTFOUND ")
    assert world.dns.count(d.name, "MX") == 0


def test_servers_that_validate(world, probe):
    """dnssec = trust-ad: the opt-in of DANE-R-02."""
    world.dns.ad = True
    d, none = world.domain(mode=None), world.domain(mode=None)
    tlsa(d)
    r = one(probe(d, dnssec="trust-ad"))
    assert (r["outcome"], r["mx_secure"]) == ("all", True)
    assert r["reply"] == "OK dane-only"
    assert one(probe(none, dnssec="trust-ad"))["outcome"] == "none"


@pytest.mark.parametrize("label,kind,what", [
    ("", "MX", "servfail"), ("_25._tcp.mx1", "TLSA", "servfail"),
    ("_25._tcp.mx1", "TLSA", "drop")])
def test_an_error_of_servers_that_validate(world, probe, label, kind, what):
    """What is bogus there comes as SERVFAIL (DANE-R-06)."""
    world.dns.ad = True
    d = world.domain(mode=None)
    tlsa(d)
    rule(world, d, label, kind, what)
    r = one(probe(d, sts="enforce", dnssec="trust-ad", dns_timeout=3000))
    assert (r["outcome"], r["reply"]) == (
        "error", "TEMP the lookup of DANE failed")


def test_servers_that_should_validate_and_do_not(world, probe):
    d = world.domain(mode=None)
    tlsa(d)
    r = one(probe(d, sts="enforce", dnssec="trust-ad"))
    assert (r["outcome"], r["reply"]) == ("not validated", SECURE)


@pytest.mark.parametrize("label,kind,state", [
    ("", "MX", []),
    ("mx1", "*", ["its addresses failed"]),
    ("_25._tcp.mx1", "TLSA", ["its TLSA records failed"]),
])
def test_the_budget_holds(world, probe, label, kind, state):
    d = world.domain(mode=None)
    tlsa(d)
    rule(world, d, label, kind, "drop")
    r = one(probe(d, budget=2000, dns_timeout=60000))
    assert (r["outcome"], states(r)) == ("error", state)
    assert 2000 <= r["ms"] < 20000
    assert r["reply"] == "TEMP the lookup of DANE failed"


def test_a_slow_family_is_not_waited_for(world, probe):
    """The lookup ends long before the question that nobody answers."""
    d = world.domain(mode=None)
    tlsa(d)
    rule(world, d, "mx1", "AAAA", "drop")
    r = one(probe(d, budget=60000, dns_timeout=60000))
    assert r["outcome"] == "all" and r["ms"] < 30000


def test_many_at_once_some_given_up(world, probe):
    good = [world.domain(mode=None) for _ in range(6)]
    for d in good[:3]:
        tlsa(d)
    keys = [d.name for d in good] * 4
    results = probe(*keys, cancel=1)
    assert len(results) == len(keys) // 2
    for r in results:
        want = "all" if r["key"] in [d.name for d in good[:3]] else "none"
        assert r["outcome"] == want
