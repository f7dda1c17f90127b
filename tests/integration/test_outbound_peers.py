# SPDX-License-Identifier: BSD-2-Clause
"""What users of the daemons before us suffered from, one test each.

Snawoot is postfix-mta-sts-resolver, tlspol postfix-tlspol; the number is
that of their issue. The same on real deliveries: test_outbound.py,
test_outbound_trixie.py; frames, sockets and overrides: test_socketmap.py.
"""
import json
import time

import pytest

from rig.socketmap import CONFIG, Client, ask
from rig.wait import until

GOOD = "3 1 1 " + "ab" * 32
UNUSABLE = "1 1 1 " + "ab" * 32


def secure(*patterns):
    return "OK secure match=%s servername=hostname" % ":".join(patterns)


@pytest.fixture
def maps(daemon, world):
    """maps(config): a daemon that answers DANE, and is ready to."""

    def make(config="", version="3.7"):
        world.dns.ad = True
        one = daemon(CONFIG + 'postfix { version = "%s"  dane = yes }\n'
                     % version + config)
        until(lambda: one.status()["learner"]["dane"]["state"] == "works",
              "DANE can be relied on")
        return one

    return make


def tlsa(domain, host="mx1", record=GOOD):
    domain.set("_25._tcp." + host, "TLSA", record)


def test_snawoot_67_dane_for_every_host_outranks_the_policy(maps, world):
    maps()
    d = world.domain()
    tlsa(d)
    assert ask(d.name) == "OK dane-only"


def test_snawoot_67_where_only_some_hosts_have_dane_the_policy_wins(
        maps, world):
    maps()
    d = world.domain(mx=[])
    d.set("", "MX", "10 mx1.%s." % d.name, "20 mx2.%s." % d.name)
    for host in ("mx1", "mx2"):
        d.set(host, "A", "192.0.2.25")
    d.policy(mx=["*." + d.name])
    tlsa(d)
    assert ask(d.name) == secure("." + d.name)


def test_snawoot_67_a_failed_tlsa_lookup_is_an_error(maps, world):
    """Never "no DANE", whatever the policy allows (DANE-A-04). There are
    records: where there are none, the neighbours may prove it."""
    maps()
    d = world.domain()
    tlsa(d)
    world.dns.rules["_25._tcp.mx1." + d.name, "TLSA"] = "servfail"
    assert ask(d.name) == "TEMP the lookup of DANE failed"


def test_snawoot_105_mx_names_are_compared_where_postfix_can(maps, world):
    maps(version="3.10")
    d = world.domain(mx=["mx1.hosts.example", "*.more.example"])
    reply = ask(d.name)
    assert reply.startswith(secure("mx1.hosts.example", ".more.example"))
    assert " mx_host_pattern=mx1.hosts.example" in reply
    assert " mx_host_pattern=*.more.example" in reply


@pytest.mark.parametrize("zone", ["example", "insecure.example"])
def test_tlspol_189_one_failing_address_family_stops_no_mail(
        maps, world, zone):
    maps()
    d = world.domain(zone=zone)
    world.dns.rules["mx1." + d.name, "AAAA"] = "servfail"
    assert ask(d.name) == secure(*d.mx)


@pytest.mark.parametrize("zone", ["example", "insecure.example"])
def test_tlspol_172_one_mx_host_that_does_not_exist_stops_no_mail(
        maps, world, zone):
    maps()
    gone = "gone.%s." % zone
    plain, dane = world.domain(mode=None), world.domain(mode=None)
    tlsa(dane)
    for d in (plain, dane):
        d.set("", "MX", "10 mx1.%s." % d.name, "20 " + gone)
    assert ask(plain.name) == "NOTFOUND "
    assert ask(dane.name) == "OK dane-only"


def test_tlspol_7_the_connection_stays_open(maps, world):
    maps()
    d = world.domain()
    with Client() as client:
        for _ in range(100):
            assert client.ask(d.name) == secure(*d.mx)


def test_tlspol_8_an_unsigned_domain_is_never_dane_only(maps, world):
    """Its hoster may have TLSA records: Postfix would defer all mail."""
    maps()
    hoster = world.domain(mode=None)
    tlsa(hoster)
    plain = world.domain(mode=None, zone="insecure.example",
                         mx=["mx1." + hoster.name])
    assert ask(plain.name) == "OK dane"
    strict = world.domain(zone="insecure.example", mx=["mx1." + hoster.name])
    assert ask(strict.name) == secure(*strict.mx)


def test_tlspol_gap_unusable_records_never_weaken_a_policy(maps, world):
    maps()
    d = world.domain()
    tlsa(d, record=UNUSABLE)
    assert ask(d.name) == secure(*d.mx)


def test_tlspol_94_wildcards_are_written_as_each_attribute_wants(
        maps, world):
    maps(version="3.10")
    d = world.domain(mx=["*.olc.hosts.example"])
    reply = ask(d.name)
    assert " match=.olc.hosts.example " in reply
    assert " mx_host_pattern=*.olc.hosts.example " in reply


@pytest.mark.parametrize("line", [
    b"nmx: mx1.d.example", b"mx: *", b"mx:", b"mx: *.", b"mx: .d.example",
    b"mx: mx1.d.example.", b"mx: mx1.d.example:25",
    b"mx: 192.0.2.25", b"mx: [192.0.2.25]", b"mx: a.example,b.example"])
def test_tlspol_95_and_70_a_policy_with_a_bad_mx_is_none(maps, world, line):
    """An empty match= or an address in it makes Postfix defer all mail."""
    maps()
    d = world.domain()
    d.host.body = b"version: STSv1\nmode: enforce\n" + line + \
        b"\nmax_age: 86400\n"
    assert ask(d.name) == "NOTFOUND "


@pytest.mark.parametrize("version", ["2.11", "3.3", "3.7"])
def test_tlspol_6_and_snawoot_66_old_versions_get_what_they_know(
        maps, world, version):
    maps(version=version)
    reply = ask(world.domain().name)
    attributes = {word.split("=")[0] for word in reply.split()[2:]}
    assert attributes <= ({"match"} if version < "3.4" else
                          {"match", "servername"})


def export_of(d, mode):
    """What `cache import` reads, for a domain's policy of yesterday."""
    then = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(
        time.time() - 7200))
    return json.dumps({"schema": "tlsmilter/cache-1", "domains": [{
        "domain": d.name, "id": "0", "fetched": then,
        "text": "version: STSv1\nmode: %s\nmx: old.%s\nmax_age: 604800\n"
                % (mode, d.name)}]})


def test_tlspol_139_and_snawoot_113_a_new_policy_is_seen_within_max_age(
        maps, world):
    """The id is looked at on use; the policy held answers meanwhile."""
    one = maps()
    d = world.domain(mode="none", id="1")
    done = one.tool("cache", "import", "-", stdin=export_of(d, "enforce"))
    assert done.status == 0, done.err
    assert ask(d.name) == secure("old." + d.name)
    until(lambda: ask(d.name) == "NOTFOUND ", "the new policy is in force")


def test_tlspol_35_replies_do_not_grow(maps, world):
    maps(version="3.10")
    d = world.domain()
    first = ask(d.name, "QUERYwithTLSRPT")
    for _ in range(20):
        assert ask(d.name, "QUERYwithTLSRPT") == first


def test_snawoot_order_is_that_of_the_policy(maps, world):
    maps()
    d = world.domain(mx=["mx%d.example" % i for i in (3, 1, 2)])
    for _ in range(5):
        assert ask(d.name) == secure(*d.mx)


def test_snawoot_60_a_dns_failure_is_no_missing_policy(maps, world):
    one = maps()
    d = world.domain(mode="enforce", id="0")
    done = one.tool("cache", "import", "-", stdin=export_of(d, "enforce"))
    assert done.status == 0, done.err
    world.dns.rules["_mta-sts." + d.name, "TXT"] = "servfail"
    world.https.stop()
    for _ in range(3):
        assert ask(d.name) == secure("old." + d.name)
    until(lambda: world.dns.count("_mta-sts." + d.name) > 0, "it was asked")
    assert ask(d.name) == secure("old." + d.name)
    world.https.start()


def test_snawoot_49_smart_hosts_in_brackets_and_with_ports(maps, world):
    """TLSA records of the port mail goes to, which tlspol never asks for."""
    maps()
    d = world.domain(mode=None)
    host = "mx1." + d.name
    d.set("_587._tcp.mx1", "TLSA", GOOD)
    assert ask("[%s]:587" % host) == "OK dane-only"
    assert ask("[%s]" % host) == "NOTFOUND "
    assert ask("%s:587" % d.name) == "OK dane-only"


def test_tlspol_gap_idn_keys_become_a_labels(maps, world):
    maps()
    d = world.domain(name="xn--mller-kva.example")
    assert ask("müller.example") == secure(*d.mx)


def test_tlspol_gap_dane_decided_does_not_wait_for_the_policy(maps, world):
    maps()
    d = world.domain()
    d.host.mute = True
    tlsa(d)
    began = time.monotonic()
    assert ask(d.name) == "OK dane-only"
    assert time.monotonic() - began < 4


def test_tlsrpt_reporter_51_the_policy_domain_is_there(maps, world):
    maps(version="3.10")
    d = world.domain()
    assert " policy_domain=%s " % d.name in ask(d.name.upper())


@pytest.mark.parametrize("line", [
    b"x: y } match=evil.example {", b"x: } { policy_string = z",
    b"x: \x7f", b"x: a\tb", b"x: match=evil.example servername=evil.example"])
def test_policies_cannot_write_into_the_answer(maps, world, line):
    """PF-TP-21; mta-sts-resolver's replies could be written into."""
    maps(version="3.10")
    d = world.domain()
    clean = ask(d.name)
    hostile = world.domain()
    hostile.host.body = hostile.host.body.rstrip() + b"\r\n" + line + b"\r\n"
    reply = ask(hostile.name).replace(hostile.name, d.name)
    assert reply.startswith(clean) or reply == "NOTFOUND "
    rest = reply[len(clean):]
    assert "{" not in rest.replace(" { policy_string = x: ", "", 1)
    assert rest.count("}") <= 1 and "match=evil.example {" not in rest


def test_a_null_mx_is_not_found_at_once(maps, world):
    """RFC 7505; the policy says nothing then."""
    maps()
    d = world.domain(mx=[])
    d.set("", "MX", "0 .")
    d.policy(mx=["mx1.example"])
    until(lambda: ask(d.name) == "NOTFOUND ", "no mail is taken there")


def test_testing_and_none_leave_main_cf_as_it_is(maps, world):
    """STS-A-02, STS-A-03, PF-TP-24: never "may", which would lower it."""
    maps()
    for mode in ("testing", "none"):
        assert ask(world.domain(mode=mode).name) == "NOTFOUND "
    partial = world.domain(mode="testing")
    partial.set("", "MX", "10 mx1.%s." % partial.name, "20 mx2.%s."
                % partial.name)
    partial.set("mx2", "A", "192.0.2.25")
    tlsa(partial)
    assert ask(partial.name) == "OK dane"


def test_a_stricter_default_is_never_weakened(daemon, world):
    world.dns.ad = True
    daemon(CONFIG + "postfix { dane = yes  default_level = encrypt }\n")
    d = world.domain(mode=None)
    d.set("", "MX", "10 mx1.%s." % d.name, "20 mx2.%s." % d.name)
    d.set("mx2", "A", "192.0.2.25")
    tlsa(d)
    until(lambda: ask(d.name) == "NOTFOUND ", "some hosts have DANE")
