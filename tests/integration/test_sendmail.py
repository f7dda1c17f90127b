# SPDX-License-Identifier: BSD-2-Clause
"""The milter door on a real Sendmail, wired by the lines that
`tlsmilter setup sendmail` prints."""
import os
import re
import ssl

import pytest

from rig.certs import fingerprint
from rig.client import (LOCAL, anonymous_context, certificate_context, code,
                        send)
from rig.logs import audit_lines, wait_audit
from rig.wait import until

OURS = "ours.example"
HOSTED = """
mode = enforce
hosted_domains = {"ours.example=enforce"}
authserv_id = "mx.rig.example"
"""
REJECT = HOSTED + """
rule "our promise" { to_policy = enforce  require = tls  action = reject }
"""
OBSERVE = REJECT.replace("enforce\n", "observe\n", 1)
REFUSED = (550, "5.7.10")
INET = 'milter = "inet:8899@127.0.0.1"\n'
AUTH = "AUTH PLAIN AGFsaWNlAHNlY3JldA=="


def unchanged(text):
    return text


@pytest.fixture
def unix(folder):
    """The option for a unix socket where the daemon may make one."""
    return 'milter = "unix:%s"\n' % os.path.join(
        folder, "tlsmilter/run/milter.sock")


@pytest.fixture
def mx(daemon, sendmail, unix):
    """mx(config, mc="", edit=…): a daemon and a Sendmail wired to it, by a
    unix socket unless config says otherwise; edit may change what `setup
    sendmail` prints. Returns (daemon, sendmail)."""

    def make(config, mc="", edit=unchanged):
        one = daemon((config if "milter =" in config else unix + config))
        printed = one.tool("setup", "sendmail")
        assert printed.status == 0, printed.err
        return one, sendmail(mc + edit(printed.out))

    return make


# ---- the main job -------------------------------------------------------

@pytest.mark.parametrize("kind", ["unix", "inet"])
def test_plaintext_is_refused_and_tls_is_delivered(mx, unix, kind):
    """PF-MI-04: refused at RCPT, not before, so that STARTTLS stays."""
    daemon, server = mx((INET if kind == "inet" else unix) + REJECT +
                        "authentication_results = all\n")
    mail, (rcpt,), _ = send("a@client.example", "b@" + OURS)
    assert mail.code == 250
    assert code(rcpt) == REFUSED
    assert "TLS is required for mail to " + OURS in rcpt.text
    _, (rcpt,), end = send("a@client.example", "b@" + OURS, tls=True,
                           message="Subject: secure\n\nhello\n")
    assert (rcpt.code, end.code) == (250, 250)
    message = server.wait_delivered("secure")
    names = [n for n in message.names if n != "Return-Path"]
    assert names[:2] == ["Authentication-Results", "Received"]
    assert message.all("Authentication-Results")[0].startswith(
        "mx.rig.example; x-tls=pass smtp.version=TLSv1")
    refused = wait_audit(daemon, action="reject")
    assert refused["rule"] == "our promise" and refused["tls"] == "none"
    assert refused["from"] == "a@client.example"
    assert refused["to"] == "b@" + OURS and refused["policy"] == "enforce"
    accepted = wait_audit(daemon, action="accept")
    assert accepted["tls"].startswith("TLSv1") and accepted["bits"] == "256"
    assert daemon.log(message.queue_id + ": action=accept")


def test_starttls_and_mail_without_a_second_ehlo(mx, smtp):
    """PF-MI-03: the blind spot of Sendmail's default macro lists."""
    daemon, server = mx(REJECT)
    for subject, greet in (("once", True), ("never", False)):
        s = smtp()
        if greet:
            s.ehlo()
        assert s.starttls().code == 220
        assert s.mail("a@client.example").code == 250
        assert s.rcpt("b@" + OURS).code == 250
        assert s.data("Subject: %s\n\nx\n" % subject).code == 250
        server.wait_delivered(subject)
    assert not audit_lines(daemon, tls="none")


def test_starttls_works_after_any_refusal(mx, smtp):
    _, server = mx(REJECT)
    s = smtp()
    assert "STARTTLS" in s.ehlo().lines
    s.mail("a@client.example")
    assert code(s.rcpt("b@" + OURS)) == REFUSED
    s.cmd("RSET")
    assert s.starttls().code == 220
    s.ehlo()
    s.mail("a@client.example")
    assert s.rcpt("b@" + OURS).code == 250
    assert s.data("Subject: later\n\nx\n").code == 250
    server.wait_delivered("later")


def test_implicit_tls(mx, smtp):
    """The milter is connected before the handshake."""
    mx(REJECT)
    s = smtp(port=465, implicit=True)
    s.mail("a@client.example")
    assert s.rcpt("b@" + OURS).code == 250
    assert s.data("Subject: x\n\nx\n").code == 250


@pytest.mark.parametrize("action, want", [
    ("observe", (250, "2.1.5")), ("tag", (250, "2.1.5")),
    ("quarantine", (250, "2.1.5")), ("defer", (451, "4.7.10")),
    ("reject", REFUSED)])
def test_each_action(mx, action, want):
    daemon, server = mx(HOSTED + 'rule "r" { to = "%s" require = tls '
                        'action = %s }' % (OURS, action))
    _, (rcpt,), end = send("a@client.example", "b@" + OURS,
                           message="Subject: %s\n\nx\n" % action)
    assert code(rcpt) == want
    wait_audit(daemon, action=action, rule="r", would=action)
    if action == "quarantine":
        assert end.code == 250
        assert list(until(server.held, "held message").values()) == [
            'TLS policy: plaintext; rule "r" requires tls']
        assert not server.delivered()
    elif end:
        message = server.wait_delivered(action)
        assert len(message.all("X-TLS-Policy")) == (action == "tag")
        assert not server.held()


def test_weak_tls_has_its_own_reply(mx):
    mx(HOSTED + 'rule "bits" { from = "strict.example" require = tls '
       'min_bits = 512 action = reject }\n'
       'rule "cipher" { from = "picky.example" require = tls '
       'deny_cipher = "AES" action = defer }\n'
       'rule "version" { from = "new.example" require = tls1.3 '
       'action = reject }')
    old = anonymous_context()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    for sender, context, want in (
            ("a@strict.example", None, (554, "5.7.5")),
            ("a@picky.example", None, (454, "4.7.5")),
            ("a@new.example", old, (554, "5.7.5")),
            ("a@new.example", None, (250, "2.1.5"))):
        _, (rcpt,), _ = send(sender, "b@" + OURS, tls=True, context=context)
        assert code(rcpt) == want, sender


def test_a_percent_sign_survives(mx):
    """B4: Sendmail drops the whole text at a single one."""
    mx(REJECT + 'help_url = "https://example.com/a%20b%n?c"\n')
    _, (rcpt,), _ = send("a@client.example", "b@" + OURS)
    assert code(rcpt) == REFUSED
    assert "https://example.com/a%20b%n?c" in rcpt.text


# ---- client certificates ------------------------------------------------

CERTIFICATES = HOSTED + """
rule "verified" {
  from = "verified.example"  require = verified  action = reject
}
rule "named" {
  from = "named.example"  require = tls  cert_name = "mail.client.example"
  action = reject
}
"""
NOT_TRUSTED = (550, "5.7.1")
ACCEPTED = (250, "2.1.5")


@pytest.fixture
def certificate(world):
    """certificate(kind): a context with that client certificate."""
    kinds = {
        "trusted": dict(cn="mail.client.example"),
        "other name": dict(cn="other.client.example"),
        "stranger": dict(cn="mail.client.example", issuer="stranger"),
        "self-signed": dict(cn="mail.client.example", issuer="self"),
    }

    def make(kind):
        if kind == "none":
            return anonymous_context()
        return certificate_context(world.authority.leaf(
            client=True, **kinds[kind]))

    return make


@pytest.mark.parametrize("kind, verified, named", [
    ("trusted", ACCEPTED, ACCEPTED), ("other name", ACCEPTED, NOT_TRUSTED),
    ("stranger", NOT_TRUSTED, NOT_TRUSTED),
    ("self-signed", NOT_TRUSTED, NOT_TRUSTED),
    ("none", NOT_TRUSTED, NOT_TRUSTED)])
def test_client_certificates(mx, certificate, syslog, kind, verified, named):
    """{verify} is OK, FAIL or NO; a subject alone proves nothing."""
    mx(CERTIFICATES)
    mark = syslog.mark()
    got = [code(send(sender, "b@x.example", tls=True,
                     context=certificate(kind))[1][0])
           for sender in ("a@verified.example", "a@named.example")]
    assert got == [verified, named]
    word = {"stranger": "FAIL", "self-signed": "FAIL",
            "none": "NO"}.get(kind, "OK")
    syslog.wait("STARTTLS=server.* verify=%s," % word, since=mark)


def test_certificates_that_are_not_asked_for_are_unknown(mx, certificate):
    """{verify} is NOT: nobody is refused for what we did not ask."""
    mx(CERTIFICATES, edit=lambda text: text.replace(
        "define(`confTLS_SRV_OPTIONS', `')",
        "define(`confTLS_SRV_OPTIONS', `V')"))
    _, (rcpt,), _ = send("a@verified.example", "b@x.example", tls=True,
                         context=certificate("trusted"))
    assert code(rcpt) == ACCEPTED


@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
def test_pinned_certificates(mx, world, algorithm):
    """{cert_fp}, which `setup` asks for, or {cert_md5} without it; a pinned
    certificate need not be trusted."""
    pinned, other = (world.authority.leaf(
        client=True, cn="mail.client.example", issuer="stranger")
        for _ in range(2))
    edit = unchanged if algorithm == "sha256" else lambda text: re.sub(
        "(?m)^define..confCERT_FINGERPRINT.*\n", "", text)
    _, server = mx(HOSTED + """
rule "pin" {
  from = "pinned.example"  cert_fingerprint = "%s"  action = reject
}
""" % fingerprint(pinned, algorithm), edit=edit)
    for label, context, want in (
            ("pinned", certificate_context(pinned), ACCEPTED),
            ("other", certificate_context(other), NOT_TRUSTED),
            ("none", anonymous_context(), NOT_TRUSTED)):
        _, (rcpt,), _ = send("a@pinned.example", "b@x.example", tls=True,
                             context=context)
        assert code(rcpt) == want, label


# ---- listeners and submission -------------------------------------------

def test_rules_by_port_and_by_daemon_name(mx, smtp):
    daemon, _ = mx(HOSTED + """
rule "port" { listener = 587  require = tls  action = reject }
rule "name" {
  listener = TLSMTA  require = tls  min_bits = 512  action = reject
}
""")
    for port, implicit, want in ((25, False, ACCEPTED), (587, False, REFUSED),
                                 (465, True, (554, "5.7.5"))):
        s = smtp(port=port, implicit=implicit)
        s.ehlo()
        s.mail("a@client.example")
        assert code(s.rcpt("b@x.example")) == want, port
    assert wait_audit(daemon, rule="port") and wait_audit(daemon, rule="name")


def test_promises_do_not_bind_authenticated_clients(mx, smtp, sendmail_sasl):
    daemon, _ = mx(REJECT + 'rule "authenticated" { authenticated = yes '
                   'from = "strict.example"  require = tls '
                   'action = reject }', mc=sendmail_sasl)
    s = smtp(port=587)
    s.ehlo()
    s.mail("a@client.example")
    assert code(s.rcpt("b@" + OURS)) == REFUSED
    s.cmd("RSET")
    assert s.cmd(AUTH).code == 235
    s.mail("a@client.example")
    assert s.rcpt("b@" + OURS).code == 250
    assert s.data("Subject: x\n\nx\n").code == 250
    wait_audit(daemon, action="accept", tls="none")
    s.mail("a@strict.example")
    assert code(s.rcpt("b@" + OURS)) == REFUSED


# ---- recipients and messages --------------------------------------------

def test_one_of_several_recipients_is_refused(mx):
    daemon, server = mx(REJECT)
    _, rcpts, end = send("a@client.example", "x@theirs.example",
                         "b@" + OURS, "postmaster@" + OURS,
                         message="Subject: mixed\n\nx\n")
    assert [r.code for r in rcpts] == [250, 550, 250]
    assert end.code == 250
    server.wait_delivered("mixed")
    assert wait_audit(daemon, action="reject", to="b@" + OURS)
    assert wait_audit(daemon, action="accept")["nrcpt"] == "2"


def test_several_messages_in_one_session(mx, smtp):
    _, server = mx(REJECT)
    s = smtp()
    s.ehlo()
    for i in range(3):
        s.mail("a@client.example")
        assert s.rcpt("b@" + OURS).code == 550
        s.cmd("RSET")
        s.mail("a@client.example")
        assert s.rcpt("b@theirs.example").code == 250
        assert s.data("Subject: m%d\n\nx\n" % i).code == 250
    s.starttls()
    s.ehlo()
    s.mail("a@client.example")
    assert s.rcpt("b@" + OURS).code == 250
    assert s.data("Subject: last\n\nx\n").code == 250
    server.wait_delivered("m2")
    server.wait_delivered("last")


def test_who_is_never_refused(mx):
    mx(HOSTED + """
relays = {"198.18.0.0/15"}
rule "all" { to = "ours.example"  require = tls  action = reject }
""")
    for label, sender, to, options in (
            ("exempt client", "a@client.example", "b", {"source": LOCAL,
                                                        "host": LOCAL}),
            ("relay", "a@client.example", "b", {"source": "198.18.0.1"}),
            ("null sender", "", "b", {}),
            ("postmaster", "a@client.example", "postmaster", {})):
        _, (rcpt,), _ = send(sender, "%s@%s" % (to, OURS), **options)
        assert rcpt.code == 250, label


FORGED = [
    ("Authentication-Results", "mx.rig.example; x-tls=pass"),
    ("authentication-results", "MX.RIG.EXAMPLE; X-TLS=pass"),
    ("AUTHENTICATION-RESULTS", '"mx.rig.example" 1 ; x-tls/1 = pass'),
    ("Authentication-Results", "(c) mx.rig.example ;\n\tx-tls (q) =pass"),
    ("Authentication-Results ", "mx.rig.example; x-tls=pass"),
    ("X-TLS-Policy", "fine"),
    ("x-tls-policy", "also fine"),
    ("X-Tls-Policy\t", "fine"),
]
GENUINE = [
    ("Authentication-Results", "mx.rig.example; dkim=pass header.d=x.example"),
    ("authentication-results", "other.example; x-tls=pass"),
    ("X-TLS-Policy-Other", "x"),
    ("Authentication-Results", "mx.rig.example; none"),
]


@pytest.mark.parametrize("action", ["observe", "tag"])
def test_forged_fields_are_removed_and_ours_added(mx, action):
    """AR-06, AR-09, AR-10: every forgery, and nothing else."""
    daemon, server = mx(HOSTED + 'rule "r" { from = "client.example" '
                        'require = tls action = %s }' % action)
    fields = []
    for i, forged in enumerate(FORGED):
        fields += [forged] + GENUINE[i:i + 1]
    text = "".join("%s: %s\n" % field for field in fields)
    send("a@client.example", "b@x.example",
         message=text + "Subject: mixed\n\nx\n")
    message = server.wait_delivered("mixed")
    got = [(name, " ".join(value.split())) for name, value in
           message.message.items()
           if re.match("x-tls|authentication-results", name, re.I)]
    if action == "tag":
        names = [n for n in message.names if n != "Return-Path"]
        assert names[:3] == ["Authentication-Results", "X-TLS-Policy",
                             "Received"]
        assert "x-tls=fail policy.rule=r" in got[0][1]
        got = got[2:]
    assert got == GENUINE
    assert wait_audit(daemon, rule="r", action=action)["forged"] == str(
        len(FORGED))


# ---- observing, and when the daemon is down -----------------------------

MESSAGE = """\
Authentication-Results: mx.rig.example; x-tls=pass smtp.version=TLSv1.3
X-TLS-Policy: forged
Subject: same
DKIM-Signature: v=1; a=rsa-sha256;
\td=client.example;  s=x; h=from;
From: A <a@client.example>
X-Odd:no blank,  two\t\ttabs\x20

\x20leading blank
.dot
trailing blank\x20

"""


def neutral(message):
    """What was delivered, less what differs from session to session."""
    raw = re.sub(rb"\bid [0-9A-Za-z]+\b", b"id X", message.raw)
    return re.sub(rb"; \w{3},[^\r\n]*|Message-Id:.*", b"X", raw)


def test_observing_touches_nothing(mx):
    """ST-S-03: observe mode changes no byte and refuses nothing."""
    daemon, server = mx(OBSERVE + "authentication_results = all\n")
    got = []
    for wired in (True, False):
        if not wired:
            server.configure("")
        for tls in (False, True):
            before = len(server.delivered())
            _, (rcpt,), end = send("a@client.example", "b@" + OURS, tls=tls,
                                   message=MESSAGE)
            assert (rcpt.code, end.code) == (250, 250)
            until(lambda: len(server.delivered()) > before, "delivery")
            got.append(neutral(server.delivered()[-1]))
    assert got[:2] == got[2:]
    assert len(daemon.log("action=")) == 2
    assert len(daemon.log("would=reject")) == 1


@pytest.mark.parametrize("config, want", [(REJECT, 451), (OBSERVE, 250)],
                         ids=["enforce", "observe"])
def test_when_the_daemon_is_down(mx, config, want):
    daemon, server = mx(config)
    daemon.stop()
    mail, *_ = send("a@client.example", "b@" + OURS)
    assert mail.code == want
    # Sendmail also starts without it.
    socket = os.path.join(os.path.dirname(daemon.control), "milter.sock")
    if os.path.exists(socket):
        os.unlink(socket)
    server.stop()
    server.start()
    mail, *_ = send("a@client.example", "b@" + OURS)
    assert mail.code == want


def test_it_comes_after_another_filter(mx, daemon):
    """The printed lines leave a filter that is there already in place."""
    daemon(OBSERVE + 'milter = "inet:8898@127.0.0.1"\n', name="other")
    _, server = mx(REJECT, mc="INPUT_MAIL_FILTER(`other', "
                   "`S=inet:8898@127.0.0.1, F=R')dnl\n")
    with open(server.cf) as file:
        assert "O InputMailFilters=other, tlsmilter\n" in file.read()
    _, (rcpt,), _ = send("a@client.example", "b@" + OURS)
    assert code(rcpt) == REFUSED
