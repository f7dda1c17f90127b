# SPDX-License-Identifier: BSD-2-Clause
"""What senders promise: `from_policy`. RFC 8461 speaks of mail to a domain,
so this is a guess, and must cost little: senders' domains are learnt in the
background, at need, once, and never for mail that is refused."""
import subprocess

import pytest

from rig.client import LOCAL, Smtp, code, send
from rig.daemon import program
from rig.doors import DOORS
from rig.logs import wait_audit
from rig.wait import until

TAG = """
mode = enforce
rule "their promise" { from_policy = enforce  require = tls  action = tag }
"""


@pytest.fixture(params=DOORS)
def door(request, doors):
    """door(config): the door of that name."""
    return lambda config, **options: doors.start(request.param, config,
                                                 **options)


def asked(world, domain):
    """How often the world was asked what the domain promises."""
    return world.dns.count("_mta-sts." + domain.name, "TXT")


def learnt(daemon, domain):
    until(lambda: daemon.tool("query", domain.name, "--json").json["mode"] ==
          "enforce", "policy of %s in the cache" % domain.name)


def mail(sender, recipient="b@theirs.example", **options):
    """The reply to RCPT."""
    return send(sender, recipient, **options)[1][0]


def settle(world, daemon):
    """Wait until what was wished for before this has been asked."""
    mark = world.domain()
    mail(mark.address("a"))
    learnt(daemon, mark)


def test_nothing_is_learnt_unless_a_rule_uses_it(mx, world):
    sender, hosted = world.domain(), world.domain()
    daemon, _ = mx("""
mode = enforce
hosted_domains = {"%s"}
rule "ours" { to_policy = enforce  require = tls  action = tag }
""" % hosted.name)
    assert mail(sender.address("a"), tls=True).code == 250
    assert mail(sender.address("a"), hosted.address("b")).code == 250
    # A wish of later than that is fulfilled.
    theirs = world.domain()
    mail(sender.address("a"), theirs.address("b"))
    until(lambda: asked(world, theirs), "a recipient's domain is learnt")
    assert not asked(world, sender)


def test_a_promise_is_learnt_from_accepted_mail(door, world):
    """At every door; with the policy service from an accepted recipient, as
    it is not told of the message's end."""
    sender = world.domain()
    one = door(TAG)
    assert mail(sender.address("a"), message="Subject: first\n\nx\n").code \
        == 250
    assert not one.server.wait_delivered("first").all("X-TLS-Policy")
    learnt(one.daemon, sender)
    for subject, tls in (("second", False), ("third", True)):
        mail(sender.address("a"), tls=tls,
             message="Subject: %s\n\nx\n" % subject)
        message = one.server.wait_delivered(subject)
        assert len(message.all("X-TLS-Policy")) == (not tls)
    line = wait_audit(one.daemon, action="tag")
    assert line["reason"].endswith("from_policy enforce of " + sender.name)


def test_who_is_never_learnt(door, world, sasl, sendmail_sasl):
    """Refused, null sender, own domain, relay, exempt, authenticated."""
    names = ("refused", "own", "relay", "exempt", "authenticated")
    domains = {name: world.domain() for name in names}
    one = door("""
mode = enforce
hosted_domains = {"%s"}
relays = {"198.18.0.0/15"}
rule "no" { to = "no.example"  require = tls  action = reject }
rule "their promise" { from_policy = enforce  require = tls  action = tag }
""" % domains["own"].name, main=sasl, mc=sendmail_sasl)
    learnt(one.daemon, domains["own"])
    once = asked(world, domains["own"])
    assert mail(domains["refused"].address("a"), "b@no.example").code == 550
    local = {"source": LOCAL, "host": LOCAL}
    for name, options in (("own", {}), ("relay", {"source": "198.18.0.1"}),
                          ("exempt", local)):
        assert mail(domains[name].address("a"), **options).code == 250, name
    assert mail("").code == 250
    with Smtp() as s:
        s.ehlo()
        assert s.cmd("AUTH PLAIN AGFsaWNlAHNlY3JldA==").code == 235
        s.mail(domains["authenticated"].address("a"))
        assert s.rcpt("b@theirs.example").code == 250
        assert s.data("Subject: x\n\nx\n").code == 250
    settle(world, one.daemon)
    counts = {name: asked(world, domain) for name, domain in
              domains.items()}
    assert counts == dict.fromkeys(names, 0) | {"own": once}


def test_no_promise_is_remembered_too(mx, world):
    """A negative answer is cached: mail without end costs one question."""
    sender = world.domain(mode=None)
    daemon, _ = mx(TAG)
    for _ in range(5):
        assert mail(sender.address("a")).code == 250
        until(lambda: daemon.tool("query", sender.name, "--json").json[
            "source"] != "unknown", "an answer")
    settle(world, daemon)
    assert asked(world, sender) == 1


def test_a_failing_lookup_is_not_repeated(mx, world):
    """Design §7: not for 5 minutes."""
    sender = world.domain()
    world.dns.rules["_mta-sts." + sender.name, "TXT"] = "servfail"
    daemon, _ = mx(TAG)
    mail(sender.address("a"))
    until(lambda: daemon.tool("query", sender.name, "--json").json[
        "source"] != "unknown", "the failure")
    before = asked(world, sender)
    for _ in range(3):
        assert mail(sender.address("a")).code == 250
    settle(world, daemon)
    assert asked(world, sender) == before


def test_many_senders_are_learnt_one_after_the_other(mx, world, smtp):
    """A flood of invented senders neither delays mail nor loses a sender;
    the rate itself is in test-wants.c."""
    senders = [world.domain(mode=None) for _ in range(30)]
    daemon, _ = mx(TAG)
    s = smtp()
    s.ehlo()
    for domain in senders:
        s.mail(domain.address("a"))
        assert s.rcpt("b@theirs.example").code == 250
        assert s.data("Subject: x\n\nx\n").code == 250
    until(lambda: all(asked(world, d) == 1 for d in senders), "30 questions")


def test_deferring_what_is_not_known_ends(door, world):
    """unknown = defer: the promise is looked up although no mail is
    accepted, as it would be deferred for ever otherwise."""
    sender, other = world.domain(), world.domain(mode=None)
    one = door("""
mode = enforce
rule "their promise" { from_policy = enforce  require = tls
  unknown = defer  action = reject }
""")
    reply = mail(sender.address("a"))
    assert code(reply) == (451, "4.7.10")
    assert "Looking up whether mail from %s requires TLS" % sender.name in \
        reply.text
    assert mail(sender.address("a"), tls=True).code == 250
    assert mail(other.address("a")).code == 451
    until(lambda: mail(sender.address("a")).code == 550, "a refusal")
    until(lambda: mail(other.address("a")).code == 250, "acceptance")


def test_more_than_a_tag_is_warned_of(daemon):
    """RFC 8461 binds those who send to the domain, not those who send from
    it; a forwarder in between may have no TLS."""
    for action, warned in (("tag", False), ("defer", True), ("reject", True)):
        one = daemon(TAG.replace("tag", action), start=False,
                     name="t" + action)
        done = subprocess.run([program("tlsmilterd"), "-n", "-c", one.file],
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0
        assert ("from_policy is a guess" in done.stderr + done.stdout) == \
            warned, action
