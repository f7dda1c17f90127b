# SPDX-License-Identifier: BSD-2-Clause
"""`tlsmilter check` and what a domain publishes: MX, addresses, DANE,
MTA-STS, TLSRPT. The mail servers are good ones.

Each case is a function that makes such a domain, and what is then reported.
One run checks all domains; a test looks at one of them.
"""
import os

import pytest

from conftest import RIG_DIR
from rig.check import Checker, worst
from rig.daemon import Daemon
from rig.world import PRIVATE
from rig.zoo import Zoo

MONTH = 31 * 86400
OTHER = "3 1 1 " + "ab" * 32
# What there is to say of every domain, unless a case says otherwise.
ALWAYS = {"mta-sts.absent": "info", "tlsrpt.absent": "info",
          "dane.none": "info", "host.no-ipv6": "info"}
NO_HOST = {"dane.none": None, "host.no-ipv6": None}
# Who asks for TLS wants to hear of failures.
STS = {"mta-sts.absent": None, "tlsrpt.absent": "warn"}
NO_STS = {"mta-sts.absent": None}
DANE = {"dane.none": None, "tlsrpt.absent": "warn"}
ONE_KEY = {**DANE, "dane.rollover": "info"}

CASES = {}


def case(*parts):
    """{id: status} beside ALWAYS; None: not even that."""
    def note(make):
        expected = dict(ALWAYS)
        for part in parts:
            expected.update(part)
        CASES[make.__name__] = make, {
            name: status for name, status in expected.items() if status}
        return make
    return note


class Land:
    """What the cases are made of."""

    def __init__(self, world, zoo):
        self.world, self.zoo = world, zoo
        self.good = zoo.host()
        self.unsigned = zoo.host(zone="insecure.example", like=self.good)

    def domain(self, *hosts, zone="example", mode=None, **more):
        return self.world.domain(mode=mode, zone=zone, **{
            "max_age": MONTH,
            "mx": [host.name for host in hosts or [self.good]], **more})

    def host(self, *tlsa, zone="example", **more):
        return self.zoo.host(zone=zone, tlsa=tlsa, like=self.good, **more)

    def rule(self, name, kind, what):
        """How DNS fails (rig/dns.py), for the time of the run."""
        self.world.dns.rules[name, kind] = what


# ---- MX ---------------------------------------------------------------------

@case(NO_HOST, {"tlsrpt.absent": None})
def null_mx(land):
    domain = land.domain()
    domain.set("", "MX", "0 .")
    return domain


@case({"mx.null-and-others": "fail"})
def null_mx_beside_another(land):
    domain = land.domain()
    domain.set("", "MX", "0 .", "10 %s." % land.good.name)
    return domain


@case({"mx.implicit": "warn", "cert.name": "info"})
def an_address_and_no_mx(land):
    domain = land.domain(mx=[])
    domain.set("", "A", land.good.address)
    return domain


@case(NO_HOST, {"mx.none": "fail"})
def neither_address_nor_mx(land):
    return land.domain(mx=[])


@case(NO_HOST, NO_STS, {"tlsrpt.absent": None, "mx.no-domain": "fail"})
def no_such_domain(land):
    return "no-such-domain.example"


@case(NO_HOST, {"mx.error": "unknown"})
def mx_cannot_be_looked_up(land):
    domain = land.domain()
    land.rule(domain.name, "MX", "servfail")
    return domain


@case(NO_HOST, NO_STS, {"mx.bogus": "fail", "mta-sts.error": "fail",
                        "tlsrpt.absent": None, "tlsrpt.error": "unknown"})
def a_bogus_zone(land):
    return land.domain(zone="bogus.example")


# The certificate would have to name what the MX record names.
@case({"dane.none": None, "mx.alias": "warn", "cert.name": "info"})
def mx_names_an_alias(land):
    domain = land.domain(mx=[])
    domain.set("mail", "CNAME", land.unsigned.name + ".")
    domain.set("", "MX", "10 mail.%s." % domain.name)
    return domain


@case(NO_HOST, {"mx.literal": "fail"})
def mx_names_an_address(land):
    domain = land.domain()
    domain.set("", "MX", "10 192.0.2.150.")
    return domain


@case(NO_HOST, {"host.no-address": "fail"})
def mx_names_nothing(land):
    domain = land.domain()
    domain.set("", "MX", "10 nowhere.example.")
    return domain


@case({"dane.none": None})
def an_unsigned_zone(land):
    return land.domain(land.unsigned, zone="insecure.example")


# ---- addresses --------------------------------------------------------------

@case({"host.no-ipv6": None, "host.refused": "fail"})
def nobody_listens_by_ipv6(land):
    host = land.host()
    host.set("", "AAAA", "2001:db8:2::dead")
    return land.domain(host)


@case({"host.no-ipv6": None})
def both_families(land):
    host = land.host()
    other = land.zoo.animal(address="2001:db8:2::25")
    host.set("", "AAAA", other.address)
    return land.domain(host)


@case({"host.no-route": "info"})
def one_address_has_no_route(land):
    host = land.host()
    host.set("", "A", host.address, "203.0.113.9")
    return land.domain(host)


@case({"host.no-route": "unknown", "egress.port25": None})
def no_address_has_a_route(land):
    host = land.host()
    host.set("", "A", "203.0.113.9")
    return land.domain(host)


@case({"host.unreachable": "fail"})
def one_address_is_a_black_hole(land):
    host = land.host()
    host.set("", "A", host.address, land.zoo.animal("black-hole").address)
    return land.domain(host)


@case({"host.no-ipv6": None, "host.dns-error": "warn"})
def one_family_cannot_be_looked_up(land):
    host = land.host()
    land.rule(host.name, "AAAA", "servfail")
    return land.domain(host)


@case(NO_HOST, {"host.dns-error": "unknown"})
def no_family_can_be_looked_up(land):
    host = land.host()
    land.rule(host.name, "A", "servfail")
    land.rule(host.name, "AAAA", "servfail")
    return land.domain(host)


@case(NO_HOST, {"host.bogus": "fail"})
def addresses_are_bogus(land):
    return land.domain(land.host(zone="bogus.example"))


@case({"host.refused": "fail"})
def one_host_of_two_is_down(land):
    return land.domain(land.good, land.zoo.host("refused"))


# ---- DANE -------------------------------------------------------------------

@case(ONE_KEY)
def tlsa_matches(land):
    return land.domain(land.host("3 1 1"))


@case(DANE)
def tlsa_for_the_next_key_too(land):
    return land.domain(land.host("3 1 1", OTHER))


@case(DANE)
def tlsa_of_the_authority(land):
    return land.domain(land.host("2 1 1"))


@case(DANE, {"dane.mismatch": "fail"})
def tlsa_of_another_key(land):
    return land.domain(land.host(OTHER))


@case({"dane.none": None, "dane.unusable": "warn", "dane.record": "warn"})
def tlsa_that_do_not_count(land):
    return land.domain(land.host("1 1 1"))


@case(ONE_KEY, {"dane.record": "warn"})
def tlsa_of_which_one_does_not_count(land):
    return land.domain(land.host("3 1 1", "1 1 1"))


@case({"dane.none": None, "dane.error": "fail"})
def tlsa_cannot_be_looked_up(land):
    host = land.host("3 1 1")
    land.rule("_25._tcp." + host.name, "TLSA", "servfail")
    return land.domain(host)


@case({"dane.none": None, "dane.error": "fail"})
def tlsa_is_bogus(land):
    host = land.host()
    host.set("_25._tcp", "CNAME", "tlsa.bogus.example.")
    return land.domain(host)


@case({"dane.none": None})
def tlsa_in_an_unsigned_zone(land):
    return land.domain(land.host("3 1 1", zone="insecure.example"))


@case(ONE_KEY, {"dane.partial": "warn", "dane.none": "info"})
def tlsa_for_one_host_of_two(land):
    return land.domain(land.host("3 1 1"), land.good)


@case({"dane.none": None, "dane.mx-insecure": "info",
       "dane.rollover": "info", "tlsrpt.absent": "warn"})
def tlsa_below_an_unsigned_mx(land):
    return land.domain(land.host("3 1 1"), zone="insecure.example")


@case(DANE, {"starttls.missing": "fail"})
def tlsa_and_no_starttls(land):
    return land.domain(land.zoo.host("no-starttls", tlsa=["3 1 1"]))


# ---- MTA-STS ----------------------------------------------------------------

def policy(domain, land, **more):
    """The policy of a domain whose host is the good one, changed."""
    domain.host.status = 200
    domain.policy(**{"mx": [land.good.name], "max_age": MONTH, **more})
    return domain


@case(STS)
def enforce(land):
    return land.domain(mode="enforce")


@case(STS)
def enforce_by_a_wildcard(land):
    return policy(land.domain(), land, mx=["*.zoo.example"])


@case(STS, {"mta-sts.mode": "info"})
def in_testing(land):
    return land.domain(mode="testing")


@case(NO_STS, {"mta-sts.mode": "info"})
def mode_none(land):
    return land.domain(mode="none")


@case(STS, {"mta-sts.uncovered": "fail"})
def enforce_without_one_host(land):
    return policy(land.domain(land.good, land.host()), land)


@case(STS, {"mta-sts.uncovered": "warn", "mta-sts.mode": "info"})
def in_testing_without_one_host(land):
    return policy(land.domain(land.good, land.host()), land, mode="testing")


@case(STS, {"mta-sts.stale": "warn"})
def enforce_for_a_host_that_is_gone(land):
    return policy(land.domain(), land, mx=[land.good.name,
                                           "old.zoo.example"])


@case(STS, {"mta-sts.max-age": "warn"})
def enforce_for_a_day(land):
    return land.domain(mode="enforce", max_age=86400)


@case(STS, {"mta-sts.max-age": "warn", "mta-sts.mode": "info"})
def in_testing_for_an_hour(land):
    return land.domain(mode="testing", max_age=3600)


@case(NO_STS, {"mta-sts.invalid": "fail"})
def policy_is_no_policy(land):
    domain = land.domain(mode="enforce")
    domain.host.body = b"<html>hello</html>\r\n"
    return domain


@case(NO_STS, {"mta-sts.record": "fail"})
def two_records(land):
    domain = land.domain(mode="enforce")
    domain.txt("v=STSv1; id=1;", "v=STSv1; id=2;")
    return domain


@case(NO_STS, {"mta-sts.record": "fail"})
def record_without_id(land):
    domain = land.domain(mode="enforce")
    domain.txt("v=STSv1;")
    return domain


@case(NO_STS, {"mta-sts.fetch": "fail"})
def policy_host_redirects(land):
    domain = land.domain(mode="enforce")
    domain.host.status = 301
    domain.host.headers = (("Location", "https://elsewhere.example/"),)
    return domain


@case(NO_STS, {"mta-sts.fetch": "fail"})
def policy_is_not_there(land):
    domain = land.domain(mode="enforce")
    domain.host.status = 404
    return domain


@case(NO_STS, {"mta-sts.fetch": "fail", "mta-sts.certificate": "fail"})
def policy_host_certificate_expired(land):
    domain = land.domain(mode="enforce")
    domain.host.certificate = "expired"
    return domain


@case(NO_STS, {"mta-sts.fetch": "fail", "mta-sts.certificate": "fail"})
def policy_host_certificate_of_another(land):
    domain = land.domain(mode="enforce")
    domain.host.certificate = "wrong-name"
    return domain


@case(NO_STS, {"mta-sts.fetch": "fail"})
def policy_host_is_private(land):
    return land.domain(mode="enforce", web=[PRIVATE])


@case(NO_STS, {"mta-sts.fetch": "fail"})
def policy_host_has_no_address(land):
    return land.domain(mode="enforce", web=[])


@case(NO_STS, {"mta-sts.error": "unknown"})
def record_cannot_be_looked_up(land):
    domain = land.domain(mode="enforce")
    land.rule("_mta-sts." + domain.name, "TXT", "servfail")
    return domain


# ---- TLSRPT -----------------------------------------------------------------

@case({"tlsrpt.absent": None})
def reports_are_wanted(land):
    return tlsrpt(land, "v=TLSRPTv1; rua=mailto:t@rig.example")


@case({"tlsrpt.absent": None, "tlsrpt.invalid": "warn"})
def reports_go_nowhere(land):
    return tlsrpt(land, "v=TLSRPTv1;")


@case({"tlsrpt.absent": None, "tlsrpt.invalid": "warn"})
def reports_are_wanted_twice(land):
    return tlsrpt(land, "v=TLSRPTv1; rua=mailto:t@rig.example",
                  "v=TLSRPTv1; rua=mailto:u@rig.example")


@case({"tlsrpt.absent": None, "tlsrpt.error": "unknown"})
def tlsrpt_cannot_be_looked_up(land):
    domain = land.domain()
    land.rule("_smtp._tls." + domain.name, "TXT", "servfail")
    return domain


def tlsrpt(land, *records):
    domain = land.domain()
    domain.set("_smtp._tls", "TXT", *('"%s"' % one for one in records))
    return domain


# ---- the run ----------------------------------------------------------------

@pytest.fixture(scope="module")
def reports(_world, syslog, residents):
    zoo = Zoo(_world, residents)
    with _world.knot.together():
        land = Land(_world, zoo)
        made = {name: make(land) for name, (make, _) in CASES.items()}
    names = {name: getattr(domain, "name", domain)
             for name, domain in made.items()}
    check = Checker(Daemon(os.path.join(RIG_DIR, "check-domain"), _world,
                           syslog))
    result = check(*names.values(), "--jobs", "32")
    zoo.stop()
    _world.reset()
    return {name: result[target] for name, target in names.items()}


@pytest.mark.parametrize("name", CASES)
def test_a_domain_is_judged_by_what_it_publishes(reports, name):
    expected = CASES[name][1]
    assert reports[name].faults() == expected
    assert reports[name].exit == worst(expected)


def test_a_fix_can_be_pasted(reports):
    assert reports["enforce"].one("tlsrpt.absent")["fix"].startswith(
        "_smtp._tls.%s. IN TXT \"v=TLSRPTv1; rua=mailto:"
        % reports["enforce"].target)
    fix = reports["tlsa_of_another_key"].one("dane.mismatch")["fix"]
    right = reports["tlsa_matches"].data["hosts"][0]["tlsa"][0]["record"]
    assert fix.endswith(right)


def test_every_record_says_whether_it_matches(reports):
    host, = reports["tlsa_for_the_next_key_too"].data["hosts"]
    assert sorted(one["matches"] for one in host["tlsa"]) == [False, True]
    assert reports["tlsa_matches"].data["dane"] == "all"
    assert reports["enforce"].data["dane"] == "none"


def test_facts_about_the_policy(reports):
    sts = reports["enforce"].data["mta_sts"]
    assert (sts["state"], sts["mode"], sts["max_age"], sts["id"]) == (
        "found", "enforce", MONTH, "1")
    assert (sts["covered"], sts["hosts"]) == (1, 1)
    assert sts["policy_host"]["name"] == "mta-sts." + \
        reports["enforce"].target
    assert reports["null_mx"].data["hosts"] == []
