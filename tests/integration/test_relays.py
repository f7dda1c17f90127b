# SPDX-License-Identifier: BSD-2-Clause
"""Who would have to bounce what we refuse, or asks only whether an address
exists: backup MX hosts, list servers, content filters, sender verification
and bounces themselves. None of them is refused, at any door."""
import dataclasses

import pytest

from rig.client import CLIENT, Smtp, code, send
from rig.contentfilter import ContentFilter
from rig.doors import DOORS
from rig.logs import audit_lines, wait_audit
from rig.wait import until

OURS = "ours.example"
RELAY = "198.18.0.1"
# Every action, so that whatever a rule would do is seen not to happen.
CONFIG = """
mode = enforce
log = recipients
authserv_id = "mx.rig.example"
hosted_domains = {"ours.example=enforce"}
relays = {"198.18.0.0/15"}
rule "our promise" { to_policy = enforce  require = tls  action = reject }
rule "weak" { from = "weak.example"  min_bits = 512  action = reject }
rule "reject" { from = "reject.example"  require = tls  action = reject }
rule "defer" { from = "defer.example"  require = tls  action = defer }
rule "hold" { from = "hold.example"  require = tls  action = quarantine }
rule "tag" { from = "tag.example"  require = tls  action = tag }
rule "lookup" { to = ".unknown.example"  to_policy = enforce  require = tls
  unknown = defer  action = reject }
"""


@pytest.fixture(params=DOORS)
def door(request, doors):
    """door(config): the door of that name."""
    return lambda config, **options: doors.start(request.param, config,
                                                 **options)


# ---- relays -------------------------------------------------------------

def test_what_a_relay_sends_is_only_logged(door):
    """It would have to bounce what we refuse."""
    one = door(CONFIG)
    for domain, tls, would in (
            ("reject", False, "reject"), ("defer", False, "defer"),
            ("hold", False, "quarantine"), ("tag", False, "tag"),
            ("weak", True, "reject"), ("weak", False, "reject")):
        label = "%s %s" % (domain, tls)
        sender, recipient = "a@%s.example" % domain, "b@" + OURS
        mark = one.daemon.syslog.mark()
        _, (rcpt,), end = send(sender, recipient, tls=tls, source=RELAY,
                               message="Subject: %s\n\nx\n" % label)
        assert (rcpt.code, end.code) == (250, 250), label
        line = one.recipient_line(recipient, mark)
        assert (line["action"], line["would"]) == ("observe", would), label
        assert line["reason"].endswith("; client is a relay"), label
        message = one.server.wait_delivered(label)
        assert not message.all("X-TLS-Policy"), label
    assert not one.held()
    # The same from elsewhere is refused.
    assert send("a@reject.example", "b@" + OURS)[1][0].code == 550


def test_promises_do_not_bind_relays(door, world):
    """Neither ours, known or not, nor that of anybody else."""
    world.dns.rules["_mta-sts.x.unknown.example", "TXT"] = "drop"
    one = door(CONFIG)
    for recipient in ("b@" + OURS, "b@x.unknown.example"):
        for source, want in ((RELAY, 250), (CLIENT, 451 if "x." in recipient
                                            else 550)):
            mark = one.daemon.syslog.mark()
            _, (rcpt,), _ = send("list-bounces@lists.example", recipient,
                                 source=source)
            assert rcpt.code == want, (recipient, source)
            line = one.recipient_line(recipient, mark)
            if source == RELAY:
                assert (line["action"], line["would"]) == ("accept",
                                                           "accept")


# ---- callouts and bounces -----------------------------------------------

def callout(sender, recipient, tls=False, helo="mail.client.example"):
    """Ask whether an address exists, as Exim and Postfix do: the reply to
    RCPT. Nothing is sent."""
    with Smtp() as s:
        s.ehlo(helo)
        if tls:
            s.starttls()
            s.ehlo(helo)
        assert s.mail(sender).code == 250
        reply = s.rcpt(recipient)
        assert s.quit().code == 221
        return reply


def test_bounces_and_verification_by_null_sender_pass(door):
    """RFC 5321 §6.1; exempt.null_sender is on by default."""
    one = door(CONFIG)
    assert callout("", "b@" + OURS).code == 250
    assert callout("", "x@x.unknown.example").code == 250
    _, (rcpt,), end = send("", "b@" + OURS, message="Subject: bounce\n\nx\n")
    assert (rcpt.code, end.code) == (250, 250)
    one.server.wait_delivered("bounce")
    reasons = {line["reason"] for line in audit_lines(one.daemon)}
    assert reasons == {"the null sender is exempt"}


def test_verification_with_a_sender(door):
    """Some ask with a sender of their own. That is a message like any
    other up to RCPT: over TLS it passes, and in plaintext it gets what
    the message would get, of which `defer` does no harm. It leaves no
    trace."""
    one = door(CONFIG.replace("action = reject", "action = defer", 1))
    assert callout("verify@client.example", "b@" + OURS,
                   tls=True).code == 250
    assert code(callout("verify@client.example", "b@" + OURS)) == (
        451, "4.7.10")
    assert callout("verify@client.example", "postmaster@" + OURS).code == 250
    assert callout("verify@client.example", "b@x.example").code == 250
    status = one.daemon.status()
    assert status["counters"]["messages"] == 0
    assert not one.held() and not one.server.delivered()


@pytest.mark.parametrize("sender", ["", "verify@client.example"],
                         ids=["null", "sender"])
def test_every_verification_passes_by_default(door, sender):
    """Without a configuration nothing is refused to anybody."""
    one = door('hosted_domains = {"ours.example=enforce"}\n'
               "log = recipients\n")
    assert callout(sender, "b@" + OURS).code == 250
    line = wait_audit(one.daemon)
    assert line["action"] in ("accept", "observe")


# ---- a content filter ---------------------------------------------------

SECOND = """\
10025     inet n - n - - smtpd
  -o content_filter=
  -o smtpd_authorized_xforward_hosts=127.0.0.0/8,198.18.0.0/15
  -o smtpd_authorized_xclient_hosts=127.0.0.0/8
  -o smtpd_milters=%s
"""
OURS_TOO = "inet:127.0.0.1:8899"


@dataclasses.dataclass
class Back:
    """How mail comes back."""
    milter: str = OURS_TOO      # of the second smtpd
    extension: str = "XFORWARD"
    source: str = "127.0.0.1"   # where the filter sends from
    config: str = ""            # more of ours
    stays: bool = True          # what we wrote into the message


BACK = {
    "no milter behind it": Back(milter=""),
    "on this host": Back(),
    "on another host": Back(source=RELAY),
    "on this host, not exempt": Back(config='exempt { client = {} }\n'),
    # The second smtpd takes the first client for its own, which is neither
    # exempt nor a relay: what looks like ours may be forged. So it is better
    # to have no milter there.
    "with XCLIENT": Back(
        extension="XCLIENT", stays=False,
        config='listener "back" { match = {"10025"}  tls = unknown }\n'),
}


@pytest.fixture
def content_filter():
    made = []

    def make(*arguments):
        made.append(ContentFilter(*arguments))
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.mark.parametrize("how", BACK)
def test_mail_comes_back_from_a_content_filter(mx, content_filter, how):
    """It comes in plaintext, and must neither be refused, which would be a
    bounce, nor lose what we wrote into it."""
    back = BACK[how]
    filtered = content_filter(back.extension, back.source)
    daemon, server = mx(back.config + CONFIG.replace(
        "198.18.0.0/15", '127.0.0.0/8", "198.18.0.0/15'), main={
            "content_filter": "smtp:[127.0.0.1]:10024",
            "smtp_send_xforward_command": "yes",
        }, master=SECOND % back.milter)
    for subject, sender, fields in (("tagged", "a@tag.example", back.stays),
                                    ("kept", "a@client.example", 0)):
        recipient = "b@%s.example" % ("ours" if subject == "kept" else "x")
        _, (rcpt,), end = send(sender, recipient, tls=subject == "kept",
                               message="Subject: %s\n\nx\n" % subject)
        assert (rcpt.code, end.code) == (250, 250)
        message = server.wait_delivered(subject)
        assert len(message.all("X-TLS-Policy")) == fields
        assert len(message.all("Authentication-Results")) == fields
    assert [r[:3] for r in filtered.replies] == ["250", "250"]
    until(lambda: not server.queue(), "an empty queue: nothing bounces")
    lines = [l for l in audit_lines(daemon) if "to" in l]
    assert len(lines) == (4 if back.milter else 2)
    assert [l["action"] for l in lines].count("tag") == 1
    assert not {l["action"] for l in lines} - {"tag", "accept", "observe"}


def test_a_filter_that_is_not_known_would_bounce(mx, content_filter):
    """What the tests above would miss if a filter were let through anyway."""
    filtered = content_filter("XFORWARD", "198.51.100.99")
    _, server = mx(CONFIG, main={
        "content_filter": "smtp:[127.0.0.1]:10024",
        "mynetworks": "127.0.0.0/8 198.51.100.0/24",
    }, master=SECOND % OURS_TOO)
    send("a@client.example", "b@" + OURS, tls=True,
         message="Subject: lost\n\nx\n")
    until(lambda: any(m.message["Subject"].startswith("Undelivered")
                      for m in server.delivered()), "the bounce")
    assert not filtered.replies
