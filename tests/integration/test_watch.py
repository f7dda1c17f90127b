# SPDX-License-Identifier: BSD-2-Clause
"""Watched domains: checked regularly by the resolver, changes logged once,
and what was seen remembered (design §2, §5, §9)."""
import os
import signal

import pytest

from rig.daemon import sanitized
from rig.outbound import address
from rig.schemas import validated
from rig.wait import until

CONFIG = """
watch {
  domains = {%s}
  interval = 6h
}
"""


def watching(*domains):
    return CONFIG % ", ".join('"%s"' % d.name for d in domains)


def checks(domain):
    """The line that ends what the log says of a check."""
    return r"watch: %s checked: " % domain.name


def check(daemon, domain):
    """Check it now, and wait for its lines; False: that cannot be done."""
    before = len(daemon.log(checks(domain)))
    done = daemon.ask("watch-check", domain=domain.name)["ok"]
    if done:
        daemon.wait_log(checks(domain), before + 1)
    return done


def learn(daemon, domain):
    """Check it so often that what was seen counts as custom."""
    for _ in range(3):
        assert check(daemon, domain)


def state(daemon, domain):
    return next(d for d in daemon.status()["watch"]
                if d["domain"] == domain.name)


def told(daemon, domain, id):
    """What the log says of that finding, without the time."""
    return [line.text for line in daemon.log(
        r"watch: %s .*%s " % (domain.name, id.replace(".", r"\.")))]


@pytest.fixture
def mailer(world, receivers):
    """A domain with one mail host, and that host. Nobody keeps its
    address."""
    host = receivers.host("good")
    host.set("", "A", address("good"), ttl=0)
    return world.domain(mx=[host.name]), host


@pytest.fixture
def starttls(receivers):
    """starttls(False): no server offers it until starttls(True)."""
    def offer(offered):
        receivers.configure(smtpd_discard_ehlo_keywords="" if offered
                            else "starttls")

    yield offer
    if receivers.main.get("smtpd_discard_ehlo_keywords"):
        offer(True)


# ---- what it is for -----------------------------------------------------

def test_a_watched_domain_is_checked_soon_after_start(daemon, mailer):
    domain, _ = mailer
    d = daemon(watching(domain))
    assert state(d, domain)["checked"] is None
    until(lambda: state(d, domain)["checked"], "a check")
    one = state(d, domain)
    assert one["status"] in ("ok", "info", "warn"), one
    assert one["counts"]["ok"] > 5 and one["counts"]["fail"] == 0
    assert one["failures"] == 0 and one["next"] > one["checked"]
    validated(d.tool("status", "--json").json)
    shown = d.tool("status")
    assert domain.name in shown.out and one["checked"] in shown.out


def test_lost_starttls_is_told_once_and_when_it_is_back(daemon, mailer,
                                                            starttls):
    domain, host = mailer
    d = daemon(watching(domain))
    learn(d, domain)
    assert not d.log("starttls.lost")
    starttls(False)
    for _ in range(2):
        assert check(d, domain)
    (lost,) = told(d, domain, "starttls.lost")
    where = "%s[%s]" % (host.name, address("good"))
    assert "%s: starttls.lost (fail): " % where in lost
    one = state(d, domain)
    assert one["status"] == "fail"
    assert one["worst"]["id"] == "starttls.lost"
    assert one["worst"]["host"] == host.name
    shown = d.tool("status").out
    assert where + " starttls.lost" in shown
    validated(d.tool("status", "--json").json)
    starttls(True)
    for _ in range(2):
        assert check(d, domain)
    lines = told(d, domain, "starttls.lost")
    assert len(lines) == 2 and "is good again (was fail)" in lines[1]
    assert state(d, domain)["counts"]["fail"] == 0


# ---- what is kept -------------------------------------------------------

def test_a_restart_remembers_and_checks_nothing_anew(daemon, mailer,
                                                     starttls):
    domain, _ = mailer
    d = daemon(watching(domain))
    learn(d, domain)
    starttls(False)
    assert check(d, domain)
    before = state(d, domain)
    assert before["status"] == "fail"
    d.stop()
    d.start()
    until(lambda: state(d, domain)["checked"], "what is remembered")
    after = state(d, domain)
    assert after["status"] == "fail"
    assert after["checked"] == before["checked"]
    assert after["worst"] == before["worst"]
    assert check(d, domain)
    assert len(d.log(checks(domain))) == 1
    # It was told before.
    assert not told(d, domain, "starttls.lost")
    # But that it was there is still known.
    assert state(d, domain)["worst"]["id"] == "starttls.lost"


def test_a_damaged_memory_is_moved_aside(daemon, mailer):
    domain, _ = mailer
    d = daemon(watching(domain))
    assert check(d, domain)
    d.stop()
    path = os.path.join(d.state_dir, "checks.mdb")
    with open(path, "r+b") as file:
        file.write(b"\xff" * 8192)
    d.start()
    d.wait_log(r"checks\.mdb is damaged: .* kept as ")
    assert check(d, domain)
    assert state(d, domain)["status"] != "fail"


# ---- reload -------------------------------------------------------------

def test_a_reload_changes_what_is_watched(daemon, world, receivers, mailer):
    domain, _ = mailer
    other = world.domain(mx=[receivers.host("good").name])
    d = daemon("")
    assert d.status()["watch"] == []
    assert not check(d, domain)
    resolver = d.child("resolver")
    d.reload(watching(domain, other))
    d.wait_log("reloaded")
    until(lambda: len(d.status()["watch"]) == 2, "two domains")
    assert check(d, domain) and check(d, other)
    d.reload(watching(other))
    until(lambda: len(d.status()["watch"]) == 1, "one domain")
    assert state(d, other)["checked"]
    assert d.child("resolver") == resolver


# ---- when things fail ---------------------------------------------------

def test_a_resolver_that_dies_in_a_check_is_asked_later(daemon, world,
                                                        mailer):
    domain, _ = mailer
    world.dns.rules[domain.name, "MX"] = "drop"
    d = daemon(watching(domain))
    until(lambda: world.dns.count(domain.name, "MX"), "a check")
    os.kill(d.child("resolver"), signal.SIGKILL)
    d.wait_log("watch: %s could not be checked: the resolver ended" %
               domain.name)
    until(lambda: state(d, domain)["failures"] == 1, "the status")
    assert state(d, domain)["status"] is None
    world.dns.rules.clear()
    until(lambda: check(d, domain), "another resolver")
    assert state(d, domain)["failures"] == 0
    assert len(d.log("could not be checked")) == 1


def test_a_failure_stays_while_nothing_can_be_told(daemon, world, mailer,
                                                    starttls):
    domain, host = mailer
    d = daemon(watching(domain))
    learn(d, domain)
    starttls(False)
    assert check(d, domain)
    world.dns.rules[host.name, "*"] = "servfail"
    assert check(d, domain)
    one = state(d, domain)
    assert one["counts"]["fail"] == 0 and one["counts"]["unknown"] > 0
    assert one["status"] == "fail"
    assert one["worst"]["id"] == "starttls.lost"
    world.dns.rules.clear()
    # A failure to look up is remembered for some seconds.
    until(lambda: check(d, domain) and
          state(d, domain)["counts"]["fail"] == 1, "a whole check")
    assert len(told(d, domain, "starttls.lost")) == 1


# ---- the sandbox --------------------------------------------------------

@pytest.mark.skipif(sanitized(), reason="sanitizers exclude the sandbox")
def test_the_checks_are_made_inside_the_sandbox(daemon, mailer):
    domain, _ = mailer
    d = daemon(watching(domain))
    assert check(d, domain)
    sandbox = d.status()["learner"]["resolver"]["sandbox"]
    assert sandbox["seccomp"], sandbox
    one = state(d, domain)
    assert one["counts"]["fail"] == 0 and one["counts"]["unknown"] == 0
