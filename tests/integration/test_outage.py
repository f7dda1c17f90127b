# SPDX-License-Identifier: BSD-2-Clause
"""Promises learnt for real, and what becomes of them when DNS, HTTPS or our
own processes die in the middle of traffic (design §2, §7, §10)."""
import os
import signal
import threading
import time

import pytest

from rig.client import Smtp, send
from rig.wait import until

RULE = """
mode = enforce
rule "our promise" { to_policy = enforce  require = tls  action = reject
                     unknown = %s }
"""


def config(*hosted, unknown="accept", more=""):
    names = ", ".join('"%s"' % d.name for d in hosted)
    return RULE % unknown + "hosted_domains = {%s}\n" % names + more


def rcpt(domain, tls=False):
    """The reply code a recipient of that domain gets."""
    return send("a@client.example", domain.address("b"), tls=tls)[1][0].code


def mode(daemon, domain):
    return daemon.tool("query", "--json", domain.name).json["mode"]


def learnt(daemon, domain, want="enforce"):
    until(lambda: mode(daemon, domain) == want,
          "%s is known as %s" % (domain.name, want))


def test_hosted_domain_is_learnt_at_start(mx, world):
    domain = world.domain()
    daemon, _ = mx(config(domain))
    learnt(daemon, domain)
    assert rcpt(domain) == 550
    assert rcpt(domain, tls=True) == 250
    assert domain.host.count == 1


@pytest.mark.parametrize("policy", ["testing", "none", None])
def test_weaker_promises_refuse_nothing(mx, world, policy):
    domain = world.domain(mode=policy)
    daemon, _ = mx(config(domain))
    until(lambda: world.dns.count("_mta-sts." + domain.name) and
          daemon.tool("query", "--json", domain.name).json["source"]
          != "unknown", "first lookup")
    assert rcpt(domain) == 250


def test_domain_whose_mx_we_are_is_learnt_on_use(mx, world):
    """design §5: its policy or its MX names one of ours ({j})."""
    ours = world.domain(mx=["mx.rig.example"])
    theirs = world.domain()
    daemon, _ = mx(config())
    assert rcpt(ours) == 250        # not known yet: accepted, never waits
    assert rcpt(theirs) == 250
    until(lambda: rcpt(ours) == 550, "refusal after the lookup")
    learnt(daemon, theirs)
    assert rcpt(theirs) == 250


def test_unknown_defers_only_where_the_rule_says_so(mx, world):
    world.dns.rules["*", "*"] = "drop"
    domain, other = world.domain(), world.domain()
    daemon, _ = mx(config(domain, unknown="defer"))
    before = time.monotonic()
    assert rcpt(domain) == 451
    assert time.monotonic() - before < 20
    assert rcpt(domain, tls=True) == 250
    world.dns.reset()
    until(lambda: rcpt(domain) == 550, "refusal after the lookup", 90)
    assert daemon.log("to=b@%s.*reason=" % domain.name)


def test_dead_dns_means_no_policy(mx, world):
    """RFC 8461 §3.3: a lookup that failed is "no policy", not "unknown"."""
    domain = world.domain()
    world.dns.rules["*", "*"] = "servfail"
    daemon, _ = mx(config(domain, unknown="defer"))
    until(lambda: rcpt(domain) == 250, "acceptance after the failed lookup")


def test_cached_promise_outlives_dns_and_https(mx, world):
    """STS-C-04, STS-S-01: enforced until max_age, over a restart too."""
    domain = world.domain()
    daemon, _ = mx(config(domain))
    learnt(daemon, domain)
    world.dns.stop()
    world.https.stop()
    assert rcpt(domain) == 550
    daemon.stop()
    daemon.start()
    assert rcpt(domain) == 550
    assert rcpt(domain, tls=True) == 250
    done = daemon.tool("cache", "refresh", domain.name)
    assert done.status != 0
    assert rcpt(domain) == 550


def test_cached_promise_ends_with_max_age(mx, world):
    domain = world.domain(max_age=6)
    daemon, _ = mx(config(domain))
    learnt(daemon, domain)
    world.dns.stop()
    world.https.stop()
    assert rcpt(domain) == 550
    until(lambda: rcpt(domain) == 250, "end of max_age")


def test_mode_none_replaces_at_once(mx, world):
    """STS-C-11."""
    domain = world.domain()
    daemon, _ = mx(config(domain))
    learnt(daemon, domain)
    assert rcpt(domain) == 550
    domain.policy(mode="none", id="2", ttl=1)
    assert daemon.tool("cache", "refresh", domain.name).status == 0
    assert rcpt(domain) == 250


def test_resolver_killed_in_the_middle_of_traffic(mx, world):
    known = world.domain()
    daemon, _ = mx(config(known))
    learnt(daemon, known)
    stop, codes = threading.Event(), []

    def traffic():
        while not stop.is_set():
            with Smtp() as s:
                s.ehlo()
                for _ in range(5):
                    s.mail("a@client.example")
                    codes.append(s.rcpt(known.address("b")).code)
                    codes.append(s.rcpt("b@unknown%d.example" %
                                        len(codes)).code)
                    s.cmd("RSET")

    thread = threading.Thread(target=traffic)
    thread.start()
    try:
        for _ in range(3):
            pid = until(lambda: daemon.child("resolver"), "resolver")
            seen = len(codes)
            os.kill(pid, signal.SIGKILL)
            until(lambda: len(codes) > seen + 20, "traffic goes on")
            until(lambda: daemon.child("resolver") not in (None, pid),
                  "new resolver")
    finally:
        stop.set()
        thread.join()
    assert set(codes[::2]) == {550} and set(codes[1::2]) == {250}
    fresh = world.domain(mx=["mx.rig.example"])
    until(lambda: rcpt(fresh) == 550, "the new resolver learns")


def test_question_outstanding_when_the_resolver_dies_is_asked_again(
        mx, world):
    world.dns.rules["*", "*"] = "drop"
    domain = world.domain()
    daemon, _ = mx(config(domain))
    until(lambda: world.dns.count("_mta-sts." + domain.name), "question")
    pid = daemon.child("resolver")
    world.dns.reset()
    os.kill(pid, signal.SIGKILL)
    learnt(daemon, domain)


def test_frontend_killed_keeps_policies_and_listeners(mx, world):
    domain = world.domain()
    daemon, _ = mx(config(domain))
    learnt(daemon, domain)
    world.dns.stop()
    for _ in range(3):
        pid = until(lambda: daemon.child("frontend"), "frontend")
        os.kill(pid, signal.SIGKILL)
        # The client waits on the inherited listener for the successor.
        assert rcpt(domain) == 550
        until(lambda: daemon.child("frontend") not in (None, pid),
              "new frontend")


def test_reload_changes_the_rules_and_a_bad_one_does_not(mx, world):
    domain = world.domain()
    daemon, _ = mx(config(domain))
    learnt(daemon, domain)
    assert rcpt(domain) == 550
    daemon.reload(config(domain).replace("action = reject",
                                         "action = explode"))
    daemon.wait_log(r"tlsmilter.conf:\d+: .*explode")
    assert rcpt(domain) == 550
    daemon.reload(config(domain).replace("action = reject",
                                         "action = defer"))
    until(lambda: rcpt(domain) == 451, "the new rule")


def test_tlsrpt_mailbox_of_a_hosted_domain_is_exempt(mx, world):
    domain = world.domain()
    domain.set("_smtp._tls", "TXT",
               '"v=TLSRPTv1; rua=mailto:tls-reports@%s"' % domain.name)
    daemon, _ = mx(config(domain))
    learnt(daemon, domain)
    assert rcpt(domain) == 550
    code = send("noreply@reports.example",
                domain.address("tls-reports"))[1][0].code
    assert code == 250
