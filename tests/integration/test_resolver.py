# SPDX-License-Identifier: BSD-2-Clause
"""The resolver process, between a monitor and a frontend played by
resolver-probe: sandboxed as in the daemon, with real DNS and HTTPS."""
import contextlib
import json
import os
import subprocess
import threading

import pytest

from rig.daemon import sanitized
from rig.dns import KNOT_PORT
from rig.wait import until
from rig.world import PRIVATE

PROBE = os.path.join(os.environ.get("TLSMILTER_BUILD", "."),
                     "tests/integration/resolver-probe")
FOUND, UNCHANGED, ABSENT, FAILED = range(4)
DNS_ERROR, HOST_ERROR, TIMEOUT_ERROR = 5, 7, 12
LOG_WARNING, LOG_NOTICE, LOG_INFO = 4, 5, 6
EX_CONFIG = 78


# Somebody asks for DANE, so the mail server's own resolver matters.
OUTBOUND = 'socketmap = {"inet:8461@127.0.0.1"}\npostfix { dane = yes }\n'


class Session:
    """What the resolver said, by kind."""

    def __init__(self, lines):
        messages = [json.loads(line) for line in lines]
        self.end = messages[-1]
        logs = [m for m in messages if m["type"] == "log"]
        # What the mail server gets is a matter of its own.
        self.mta_logs = [m for m in logs if "set AD" in m["line"]]
        self.logs = [m for m in logs if m not in self.mta_logs]
        self.status = [m["status"] for m in messages
                       if m["type"] == "status"]
        self.arrivals = [m for m in messages if m["type"] == "answer"]
        self.answers = sorted(self.arrivals, key=lambda m: m["seq"])

    def dnssec(self, member):
        """The values a member of the status took, one after the other."""
        values = [s["dnssec"][member] for s in self.status]
        return [v for n, v in enumerate(values)
                if n == 0 or v != values[n - 1]]


@pytest.fixture
def resolver(world, folder):
    """resolver(question…, config=…): what came of it."""

    def run(*questions, config=OUTBOUND, dns="", https="", ends=0):
        file = os.path.join(folder, "resolver.conf")
        with open(file, "w") as out:
            out.write(config)
            if sanitized():
                out.write("sandbox = no\n")
            out.write('dns {\n  trust_anchor = "%s"\n%s\n}\n' % (
                world.trust_anchor, dns))
            out.write('https {\n  ca_file = "%s"\n%s\n}\n' % (
                world.ca_file, https))
        done = subprocess.run([PROBE, file, *questions], text=True,
                              timeout=100, capture_output=True)
        assert done.stderr == ""
        session = Session(done.stdout.splitlines())
        assert session.end["status"] == ends, session.end
        return session

    return run


def test_everything_about_a_domain(world, resolver):
    d = world.domain(id="one", mx=[])
    d.set("", "MX", "20 mx-b.%s." % d.name, "10 mx-z.%s." % d.name,
          "10 MX-A.%s." % d.name)
    d.set("_smtp._tls", "TXT", '"v=TLSRPTv1; rua=mailto:tls@%s"' % d.name)
    d.policy(mx=["mx-a." + d.name, "*." + d.name], id="one")
    a, = resolver("%s,mx,rua" % d.name).answers
    assert (a["outcome"], a["error"], a["id"]) == (FOUND, 0, "one")
    assert (a["mode"], a["max_age"]) == ("enforce", 604800)
    assert a["patterns"] == "mx-a.%s *.%s" % (d.name, d.name)
    assert a["text"] == d.host.body.decode()
    assert a["mx"] == "mx-a.{0} mx-z.{0} mx-b.{0}".format(d.name)
    assert a["rua"] == "tls@" + d.name
    assert a["mx_known"] and not a["null_mx"] and a["secure"]


def test_only_what_is_wanted_is_asked(world, resolver):
    d = world.domain()
    a, = resolver(d.name).answers
    assert (a["outcome"], a["mx"], a["mx_known"]) == (FOUND, "", False)
    assert world.dns.count(d.name, "MX") == 0
    assert world.dns.count("_smtp._tls." + d.name) == 0


MX_CASES = [
    # (label, records, mx, null)
    ("null MX", ["0 ."], "", True),
    ("a null MX beside others is none", ["0 .", "10 mx.a.example."],
     "mx.a.example", False),
    ("no host name", ["10 mx_1.a.example.", "20 mx.a.example."],
     "mx.a.example", False),
]


@pytest.mark.parametrize("label,records,mx,null", MX_CASES,
                         ids=[c[0] for c in MX_CASES])
def test_mx_records(world, resolver, label, records, mx, null):
    d = world.domain(mx=[])
    d.set("", "MX", *records)
    a, = resolver(d.name + ",mx").answers
    assert (a["mx_known"], a["mx"], a["null_mx"]) == (True, mx, null)


def test_answers_too_long_for_udp(world, resolver):
    d = world.domain(mx=[])
    hosts = ["a-rather-long-name-of-a-mail-host-%02d.%s" % (n, d.name)
             for n in range(60)]
    d.set("", "MX", *("%d %s." % (n, host) for n, host in enumerate(hosts)))
    a, = resolver(d.name + ",mx").answers
    assert a["mx"] == " ".join(hosts)


def test_without_mx_the_domain_is_the_host(world, resolver):
    """STS-V-09, RFC 5321 §5.1."""
    d = world.domain(mx=[])
    a, = resolver(d.name + ",mx").answers
    assert (a["mx_known"], a["mx"]) == (True, d.name)


def test_mx_of_no_domain(world, resolver):
    a, = resolver("nothing-here.example,mx").answers
    assert (a["outcome"], a["mx_known"], a["mx"]) == (ABSENT, True, "")


def test_mx_cannot_be_had(world, resolver):
    d = world.domain()
    world.dns.rules[d.name, "MX"] = "servfail"
    a, = resolver(d.name + ",mx").answers
    assert (a["outcome"], a["mx_known"], a["mx"]) == (FOUND, False, "")


def test_held_id(world, resolver):
    d = world.domain(id="7")
    same, forced = resolver(d.name + ",held=7",
                            d.name + ",held=7,refetch").answers
    assert same["outcome"] == UNCHANGED
    assert forced["outcome"] == FOUND
    assert d.host.count == 1


def test_private_addresses_only_for_our_own(world, resolver):
    d = world.domain(web=(PRIVATE,))
    stranger, ours = resolver(d.name, d.name + ",private").answers
    assert (stranger["outcome"], stranger["error"]) == (FAILED, HOST_ERROR)
    assert ours["outcome"] == FOUND


def test_failures_are_answers(world, resolver):
    gone, slow = world.domain(), world.domain()
    slow.host.mute = True
    world.dns.rules["_mta-sts." + gone.name, "*"] = "servfail"
    a, b = resolver(gone.name, slow.name, https="timeout = 2s").answers
    assert (a["outcome"], a["error"]) == (FAILED, DNS_ERROR)
    assert (b["outcome"], b["error"], b["id"]) == (FAILED, TIMEOUT_ERROR,
                                                   "1")


def test_strangers_domains_do_not_keep_ours_waiting(world, resolver):
    """More senders' domains with silent servers than may be under way,
    then one of ours."""
    slow = [world.domain() for _ in range(40)]
    for d in slow:
        d.host.mute = True
    ours = world.domain()
    s = resolver(*("%s,class=3" % d.name for d in slow),
                 ours.name + ",class=1", https="timeout = 3s")
    assert len(s.answers) == 41
    assert s.arrivals[0]["domain"] == ours.name
    assert s.arrivals[0]["outcome"] == FOUND
    assert {a["error"] for a in s.answers[:40]} == {TIMEOUT_ERROR}


def test_many_questions(world, resolver):
    domains = [world.domain() for _ in range(30)]
    s = resolver(*(d.name + ",mx,rua" for d in domains))
    assert [a["domain"] for a in s.answers] == [d.name for d in domains]
    assert {a["outcome"] for a in s.answers} == {FOUND}


@pytest.mark.skipif(sanitized(), reason="sanitizers exclude the sandbox")
def test_the_sandbox_is_closed(world, resolver):
    d = world.domain()
    s = resolver(d.name)
    assert s.status[0]["sandbox"] == {"wanted": True, "landlock": True,
                                      "seccomp": True}
    assert s.answers[0]["outcome"] == FOUND
    assert not [m for m in s.logs if m["priority"] <= LOG_WARNING]


def test_the_sandbox_may_be_left_out(world, resolver):
    d = world.domain()
    s = resolver(d.name, config="" if sanitized() else "sandbox = no\n")
    assert s.status[0]["sandbox"] == {"wanted": False, "landlock": False,
                                      "seccomp": False}
    assert s.answers[0]["outcome"] == FOUND


def test_dnssec_works(world, resolver):
    s = resolver(world.domain().name)
    assert s.dnssec("validation") == ["testing", "works"]
    assert s.answers[0]["secure"]


def test_servers_that_strip_dnssec(world, resolver):
    world.dns.strip = True
    s = resolver(world.domain().name)
    assert s.dnssec("validation") == ["testing", "failed"]
    assert s.dnssec("reason")[-1]
    assert [m["priority"] for m in s.logs] == [LOG_WARNING]
    assert s.answers[0]["outcome"] == FOUND
    assert not s.answers[0]["secure"]


def test_dnssec_is_not_wanted(world, resolver):
    s = resolver(world.domain().name, dns="dnssec = off",
                 config=OUTBOUND.replace("yes", "no"))
    assert s.dnssec("validation") == s.dnssec("mta") == ["off"]
    assert not s.mta_logs
    assert s.answers[0]["outcome"] == FOUND


# ---- the servers validate --------------------------------------------------

def test_ad_is_trusted(world, resolver):
    """DANE-R-02: whose servers are not on this host is told what it means."""
    world.dns.ad = True
    d = world.domain()
    s = resolver(d.name + ",mx,rua", dns="dnssec = trust-ad")
    assert s.dnssec("validation") == ["testing", "works"]
    assert s.answers[0]["outcome"] == FOUND and s.answers[0]["secure"]
    assert s.answers[0]["mx"] == d.mx[0]
    warning, info = s.logs
    assert warning["priority"] == LOG_WARNING
    assert "answers of 192.0.2.53 are trusted over the network" in \
        warning["line"]
    assert info["priority"] > LOG_NOTICE
    if not sanitized():
        assert s.status[-1]["sandbox"]["landlock"]
        assert s.status[-1]["sandbox"]["seccomp"]


def test_ad_is_not_set(world, resolver):
    """Found, insecure, and tested again; what has AD later is believed."""
    before = world.dns.count("", "SOA")
    d = world.domain()

    def mend():
        until(lambda: world.dns.count("", "SOA") > before + 2,
              "the first tests are over", limit=100)
        world.dns.ad = True

    mender = threading.Thread(target=mend)
    mender.start()
    s = resolver('wait="validation":"works"', d.name,
                 dns="dnssec = trust-ad")
    mender.join()
    assert s.dnssec("validation") == ["testing", "failed", "works"]
    assert s.dnssec("reason") == ["", "AD is not set", ""]
    assert s.answers[0]["secure"]


def test_without_ad_nothing_is_secure(world, resolver):
    s = resolver(world.domain().name, dns="dnssec = trust-ad")
    assert s.dnssec("validation") == ["testing", "failed"]
    assert s.answers[0]["outcome"] == FOUND
    assert not s.answers[0]["secure"]
    assert [m["priority"] for m in s.logs] == [LOG_WARNING] * 2


def test_ad_of_this_host_needs_no_warning(world, resolver):
    """Knot itself, which has no policy host but that of the record."""
    d = world.domain()
    s = resolver(d.name, dns='dnssec = trust-ad\n'
                 'servers = {"127.0.0.1@%d"}' % KNOT_PORT)
    assert not [m for m in s.logs if "network" in m["line"]]
    assert s.answers[0]["outcome"] == FOUND


def test_ad_of_answers_too_long_for_udp(world, resolver):
    world.dns.ad = True
    d = world.domain(mx=[])
    hosts = ["a-rather-long-name-of-a-mail-host-%02d.%s" % (n, d.name)
             for n in range(60)]
    d.set("", "MX", *("%d %s." % (n, host) for n, host in enumerate(hosts)))
    a, = resolver(d.name + ",mx", dns="dnssec = trust-ad").answers
    assert a["mx"] == " ".join(hosts) and a["secure"]


def test_the_next_server_is_asked(world, resolver):
    world.dns.ad = True
    d = world.domain()
    s = resolver(d.name, dns='dnssec = trust-ad\n'
                 'servers = {"192.0.2.99", "192.0.2.53"}')
    assert s.dnssec("validation")[-1] == "works"
    assert s.answers[0]["outcome"] == FOUND and s.answers[0]["secure"]


# ---- what DNS gives the mail server ---------------------------------------

def mta(state):
    """Wait for what the resolver knows of the servers of resolv.conf."""
    return 'wait="mta":"%s"' % state


def test_the_servers_of_resolv_conf_set_ad(world, resolver):
    """PF-TP-25, DANE-F-03: Postfix repeats the look-ups there."""
    world.dns.ad = True
    s = resolver(mta("works"))
    assert s.dnssec("mta") == ["testing", "works"]
    assert s.dnssec("mta_reason") == [""]
    log, = s.mta_logs
    assert log["priority"] == LOG_NOTICE
    assert "DANE answers can be given" in log["line"]


def test_nobody_asks_for_dane(world, resolver):
    d = world.domain()
    s = resolver(d.name, config="")
    assert s.dnssec("mta") == ["off"] and not s.mta_logs


def test_nobody_must_have_dane(world, resolver):
    """Maps named QUERY may ask for it: worth a line, but no warning."""
    s = resolver(mta("failed"), config=OUTBOUND.replace("yes", "no"))
    log, = s.mta_logs
    assert log["priority"] == LOG_INFO


def test_they_do_not(world, resolver):
    """Our own validation works all the same."""
    d = world.domain()
    s = resolver(mta("failed"), d.name)
    reason = s.dnssec("mta_reason")[-1]
    assert s.dnssec("mta") == ["testing", "failed"]
    assert reason == "192.0.2.53: AD is not set"
    log, = s.mta_logs
    assert log["priority"] == LOG_WARNING and reason in log["line"]
    assert s.dnssec("validation")[-1] == "works"
    assert s.answers[0]["secure"]


@pytest.mark.parametrize("rule,reason", [
    ("drop", "no answer in time"), ("servfail", "SERVFAIL"),
    ("refused", "SERVFAIL"), ("nodata", "no data")])
def test_they_give_no_answer(world, resolver, rule, reason):
    world.dns.ad = True
    world.dns.rules["", "SOA"] = rule
    s = resolver(mta("failed"), dns="timeout = 1s")
    assert s.dnssec("mta_reason")[-1] == "192.0.2.53: " + reason


def test_servers_of_our_own_are_not_those_of_the_mail_server(world,
                                                             resolver):
    world.dns.rules["*", "*"] = "drop"
    s = resolver(mta("failed"), dns='timeout = 1s\n'
                 'servers = {"127.0.0.1@%d"}' % KNOT_PORT)
    assert s.dnssec("validation")[-1] == "works"
    assert s.dnssec("mta_reason")[-1] == "192.0.2.53: no answer in time"


def test_a_change_is_noticed(world, resolver):
    """The test is repeated while it fails."""
    before = world.dns.count("", "SOA")

    def mend():
        until(lambda: world.dns.count("", "SOA") > before + 1,
              "the first test is over", limit=100)
        world.dns.ad = True

    mender = threading.Thread(target=mend)
    mender.start()
    s = resolver(mta("works"))
    mender.join()
    assert s.dnssec("mta") == ["testing", "failed", "works"]
    assert [m["priority"] for m in s.mta_logs] == [LOG_WARNING, LOG_NOTICE]


@contextlib.contextmanager
def resolv_conf(text):
    """Another resolv.conf for a while; the file is mounted, so it stays."""
    with open("/etc/resolv.conf") as file:
        kept = file.read()
    with open("/etc/resolv.conf", "w") as file:
        file.write(text)
    try:
        yield
    finally:
        with open("/etc/resolv.conf", "w") as file:
            file.write(kept)


def test_one_of_several_servers_is_not_there(world, resolver):
    """The C library goes on to the next."""
    world.dns.ad = True
    with resolv_conf("nameserver 192.0.2.99\nnameserver 192.0.2.53\n"):
        s = resolver(mta("works"), dns="timeout = 1s")
    assert s.dnssec("mta") == ["testing", "works"]


def test_a_server_that_cannot_be_tested(world, resolver):
    world.dns.ad = True
    d = world.domain()
    with resolv_conf("nameserver fe80::1%lo\n"):
        s = resolver(mta("failed"), d.name,
                     dns='servers = {"192.0.2.53"}')
    assert s.dnssec("mta") == ["failed"]
    assert s.dnssec("mta_reason") == ["fe80::1%lo: cannot be tested"]
    assert [m["priority"] for m in s.mta_logs] == [LOG_WARNING]
    assert s.answers[0]["secure"]


@contextlib.contextmanager
def replaced(path, other):
    """Another file in its place for a while."""
    os.rename(path, path + ".kept")
    os.link(other, path)
    try:
        yield
    finally:
        os.replace(path + ".kept", path)


def test_a_trust_anchor_that_is_none_does_not_stop_mail(world, resolver,
                                                        folder):
    bad = os.path.join(folder, "bad.key")
    with open(bad, "w") as file:
        file.write("this is no key\n")
    d = world.domain()
    with replaced(world.trust_anchor, bad):
        s = resolver(d.name)
    assert s.answers[0]["outcome"] == FOUND
    assert "without DNSSEC" in s.logs[0]["line"]


def test_without_authorities_no_policy_is_fetched(world, resolver, folder):
    empty = os.path.join(folder, "empty.pem")
    open(empty, "w").close()
    d = world.domain()
    with replaced(world.ca_file, empty):
        s = resolver(d.name)
    assert "no policy can be fetched" in s.logs[0]["line"]
    assert world.ca_file in s.logs[0]["line"]
    assert s.answers[0]["outcome"] == FAILED
    assert s.end == {"type": "end", "status": 0, "signal": 0}


@pytest.mark.parametrize("who", ["monitor", "frontend"])
def test_it_ends_with_its_parents(world, resolver, who):
    s = resolver(world.domain().name, "close=" + who)
    assert s.answers[0]["outcome"] == FOUND
    assert s.end == {"type": "end", "status": 0, "signal": 0}


def test_what_cannot_be_used_ends_it(world, resolver, folder):
    s = resolver(https='proxy = "http://nothing-here.example:3128"',
                 ends=EX_CONFIG)
    assert "nothing-here.example" in s.logs[-1]["line"]
    assert not s.status
