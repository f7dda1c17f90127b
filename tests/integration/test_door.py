# SPDX-License-Identifier: BSD-2-Clause
"""The milter door on a real Postfix: who is refused, who is not, and what
the log says. Promises are stated in the configuration here, so no test
waits for a lookup; learning has a file of its own (test_outage.py)."""
import re
import subprocess

import pytest

from rig.client import CLIENT, LOCAL, STRANGER, Smtp, code, send
from rig.logs import audit_lines as lines, wait_audit as wait_line
from rig.milter import Milter
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
REFUSED = (550, "5.7.10")
# What delivery puts above the message.
ENVELOPE = ("Return-Path", "X-Original-To", "Delivered-To")


# ---- the main job -------------------------------------------------------

def test_plaintext_is_refused_and_tls_is_delivered(mx):
    daemon, server = mx(REJECT + "authentication_results = all\n")
    mail, (rcpt,), _ = send("a@client.example", "b@" + OURS)
    assert mail.code == 250
    assert code(rcpt) == REFUSED
    assert OURS in rcpt.text and "TLS" in rcpt.text
    mail, (rcpt,), end = send("a@client.example", "b@" + OURS, tls=True,
                              message="Subject: secure\n\nhello\n")
    assert (rcpt.code, end.code) == (250, 250)
    message = server.wait_delivered("secure")
    names = [n for n in message.names if n not in ENVELOPE]
    assert names[:2] == ["Authentication-Results", "Received"]
    field = message.all("Authentication-Results")[0]
    assert field.startswith("mx.rig.example; x-tls=pass smtp.version=TLSv1")
    refused = wait_line(daemon, action="reject")
    assert refused["rule"] == "our promise" and refused["tls"] == "none"
    assert refused["from"] == "a@client.example"
    assert refused["to"] == "b@" + OURS and refused["policy"] == "enforce"
    accepted = wait_line(daemon, action="accept")
    assert accepted["tls"].startswith("TLSv1") and accepted["bits"] == "256"
    assert daemon.log(message.queue_id + ": action=accept")


def test_starttls_and_mail_without_a_second_ehlo(mx, smtp):
    """PF-MI-03: the blind spot of the MTAs' default macro lists."""
    mx(REJECT)
    s = smtp()
    s.ehlo()
    assert s.starttls().code == 220
    assert s.mail("a@client.example").code == 250
    assert s.rcpt("b@" + OURS).code == 250
    assert s.data("Subject: x\n\nx\n").code == 250


def test_starttls_with_no_ehlo_at_all(mx, smtp):
    mx(REJECT)
    s = smtp()
    assert s.starttls().code == 220
    s.mail("a@client.example")
    assert s.rcpt("b@" + OURS).code == 250


def test_starttls_works_after_any_refusal(mx, smtp):
    """PF-MI-04: nothing is refused before RCPT, and STARTTLS stays."""
    mx(REJECT)
    s = smtp()
    assert "STARTTLS" in s.ehlo().lines
    assert s.mail("a@client.example").code == 250
    assert code(s.rcpt("b@" + OURS)) == REFUSED
    assert code(s.rcpt("c@" + OURS)) == REFUSED
    s.cmd("RSET")
    assert "STARTTLS" in s.ehlo().lines
    assert s.starttls().code == 220
    s.ehlo()
    s.mail("a@client.example")
    assert s.rcpt("b@" + OURS).code == 250
    assert s.data("Subject: x\n\nx\n").code == 250


def test_implicit_tls_and_submission_ports(mx, smtp):
    mx(REJECT)
    s = smtp(port=465, implicit=True)
    s.mail("a@client.example")
    assert s.rcpt("b@" + OURS).code == 250
    s = smtp(port=587)
    s.ehlo()
    s.starttls()
    s.mail("a@client.example")
    assert s.rcpt("b@" + OURS).code == 250


@pytest.mark.parametrize("action, want", [
    ("observe", 250), ("tag", 250), ("quarantine", 250),
    ("defer", (451, "4.7.10")), ("reject", REFUSED)])
def test_each_action(mx, action, want):
    daemon, server = mx(HOSTED + 'rule "r" { to = "%s" require = tls '
                        'action = %s }' % (OURS, action))
    _, (rcpt,), end = send("a@client.example", "b@" + OURS,
                           message="Subject: %s\n\nx\n" % action)
    assert want in (rcpt.code, code(rcpt))
    wait_line(daemon, action=action, rule="r", would=action)
    if action == "quarantine":
        assert until(server.held, "held message")
        assert not server.delivered()
    elif end:
        message = server.wait_delivered(action)
        tags = message.all("X-TLS-Policy")
        assert len(tags) == (action == "tag")
        assert len(message.all("Authentication-Results")) == len(tags)
        if tags:
            assert "policy.rule" in message.all("Authentication-Results")[0]
            assert OURS not in tags[0] + message.all(
                "Authentication-Results")[0].partition(";")[2]


def test_weak_tls_has_its_own_reply(mx):
    mx(HOSTED + 'rule "bits" { from = "strict.example" require = tls '
       'min_bits = 512 action = reject }\n'
       'rule "cipher" { from = "picky.example" require = tls '
       'deny_cipher = "AES" action = defer }\n'
       'rule "plain" { from = ".strict.example" require = tls1.2 '
       'action = reject }')
    for sender, tls, want in (
            ("a@strict.example", True, (554, "5.7.5")),
            ("a@strict.example", False, REFUSED),
            ("a@picky.example", True, (454, "4.7.5")),
            ("a@sub.strict.example", True, (250, "2.1.5")),
            ("a@sub.strict.example", False, REFUSED)):
        _, (rcpt,), _ = send(sender, "b@" + OURS, tls=tls)
        assert code(rcpt) == want, sender


def test_a_rule_may_state_its_reply(mx):
    mx(HOSTED + 'rule "r" { to = "%s" require = tls action = reject '
       'reply = "530 5.7.0 100%% TLS please" }' % OURS)
    _, (rcpt,), _ = send("a@client.example", "b@" + OURS)
    assert str(rcpt).startswith("530 5.7.0 ") and "100% TLS" in rcpt.text


# ---- recipients and messages --------------------------------------------

def test_one_of_several_recipients_is_refused(mx):
    daemon, server = mx(REJECT)
    _, rcpts, end = send("a@client.example", "x@theirs.example",
                         "b@" + OURS, "postmaster@" + OURS,
                         message="Subject: mixed\n\nx\n")
    assert [r.code for r in rcpts] == [250, 550, 250]
    assert end.code == 250
    server.wait_delivered("mixed")
    assert lines(daemon, action="reject", to="b@" + OURS)
    assert wait_line(daemon, action="accept")["nrcpt"] == "2"


def test_several_messages_in_one_session(mx, smtp):
    _, server = mx(REJECT)
    s = smtp()
    s.ehlo()
    for i in range(3):
        s.mail("a@client.example")
        assert s.rcpt("b@" + OURS).code == 550
        s.mail("a@client.example")
        assert s.rcpt("b@theirs.example").code == 250
        assert s.data("Subject: m%d\n\nx\n" % i).code == 250
    s.starttls()
    s.ehlo()
    replies = s.pipeline("MAIL FROM:<a@client.example>",
                         "RCPT TO:<b@%s>" % OURS, "RSET",
                         "MAIL FROM:<a@client.example>",
                         "RCPT TO:<b@%s>" % OURS)
    assert [r.code for r in replies] == [250] * 5
    assert s.data("Subject: last\n\nx\n").code == 250
    server.wait_delivered("m2")
    server.wait_delivered("last")


def test_exemptions_and_relays(mx, sasl):
    """Each row: what is different about it, and the reply to RCPT."""
    daemon, _ = mx(HOSTED + """
relays = {"198.18.0.0/15"}
exempt {
  client = {"127.0.0.0/8", "2001:db8:1::/64"}
  from = {"news@client.example"}
  to = {"postmaster@", "open@ours.example"}
}
rule "all" { to = "ours.example"  require = tls  action = reject }
""", main=sasl)
    for label, sender, to, source, want in (
            ("plain", "a@client.example", "b", CLIENT, 550),
            ("stranger", "a@client.example", "b", STRANGER, 550),
            ("exempt client", "a@client.example", "b", LOCAL, 250),
            ("exempt IPv6 client", "a@client.example", "b", "2001:db8:1::7",
             250),
            ("relay", "a@client.example", "b", "198.18.0.1", 250),
            ("null sender", "", "b", CLIENT, 250),
            ("exempt sender", "news@client.example", "b", CLIENT, 250),
            ("postmaster", "a@client.example", "postmaster", CLIENT, 250),
            ("exempt recipient", "a@client.example", "open", CLIENT, 250)):
        _, (rcpt,), _ = send(sender, "%s@%s" % (to, OURS), source=source)
        assert rcpt.code == want, label
    assert lines(daemon, action="observe", would="reject")


def test_promises_do_not_bind_authenticated_clients(mx, smtp, sasl):
    mx(REJECT, main=sasl)
    s = smtp()
    s.ehlo()
    assert s.cmd("AUTH PLAIN AGFsaWNlAHNlY3JldA==").code == 235
    s.mail("a@client.example")
    assert s.rcpt("b@" + OURS).code == 250


def test_rules_by_listener_bind_authenticated_clients(mx, smtp, sasl):
    mx(HOSTED + 'rule "submission" { listener = {"25"} authenticated = yes '
       'require = tls1.2 action = reject }', main=sasl)
    s = smtp()
    s.ehlo()
    s.cmd("AUTH PLAIN AGFsaWNlAHNlY3JldA==")
    s.mail("a@client.example")
    assert code(s.rcpt("b@x.example")) == REFUSED
    s.starttls()
    s.ehlo()
    s.cmd("AUTH PLAIN AGFsaWNlAHNlY3JldA==")
    s.mail("a@client.example")
    assert s.rcpt("b@x.example").code == 250


def test_a_lan_client_may_relay_to_others_that_enforce(mx, world):
    """Their promise binds the hop to their MX, not the one to us."""
    theirs = world.domain()
    one, _ = mx(REJECT,
                main={"mynetworks": "127.0.0.0/8 198.51.100.0/24"})
    for _ in range(2):
        _, (rcpt,), _ = send("printer@ours.example", theirs.address("b"))
        assert rcpt.code == 250
        until(lambda: one.tool("query", "--json", theirs.name).json[
            "mode"] == "enforce", "policy of %s" % theirs.name)


def test_listener_with_unknown_tls(mx):
    daemon, _ = mx(REJECT + 'listener "proxied" { match = {"25"} '
                   'tls = unknown }')
    _, (rcpt,), _ = send("a@client.example", "b@" + OURS)
    assert rcpt.code == 250
    assert wait_line(daemon, tls="unknown")["action"] == "accept"


def test_xclient_changes_the_client(mx, smtp):
    mx(REJECT)
    s = smtp(source=LOCAL)
    s.ehlo()
    assert s.cmd("XCLIENT ADDR=203.0.113.9 NAME=far.example").code == 220
    s.ehlo()
    s.mail("a@client.example")
    assert code(s.rcpt("b@" + OURS)) == REFUSED


def test_local_mail_is_never_refused(mx):
    """PF-MI-01: with non_smtpd_milters a refusal would get mail stuck."""
    daemon, server = mx(
        REJECT + "exempt { client = {} }\n",
        main={"non_smtpd_milters": "inet:127.0.0.1:8899"})
    server.sendmail("root@" + OURS, "b@" + OURS, "Subject: cron\n\nx\n")
    server.wait_delivered("cron")
    assert wait_line(daemon, action="accept")["tls"] == "unknown"


@pytest.mark.parametrize("first", ["observe", "tag", "reject"])
def test_order_cannot_disable_an_enforcing_rule(mx, first):
    rules = {a: 'rule "%s" { to = "%s" require = tls action = %s }\n' % (
        a, OURS, a) for a in ("observe", "tag", "reject")}
    order = [first] + [a for a in rules if a != first]
    daemon, _ = mx(HOSTED + "".join(rules[a] for a in order))
    _, (rcpt,), _ = send("a@client.example", "b@" + OURS)
    assert code(rcpt) == REFUSED
    wait_line(daemon, action="reject", rule="reject")


# ---- default and observe ------------------------------------------------

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
    """What Postfix delivered, less what differs from session to session."""
    raw = re.sub(rb"\bid [0-9A-Za-z]+\b", b"id X", message.raw)
    return re.sub(rb"; \w{3},[^\r\n]*", b"; DATE", raw)


@pytest.mark.parametrize("config", [
    "", 'mode = observe\nhosted_domains = {"ours.example=enforce"}\n'
    'authentication_results = all\nrule "r" { to = "ours.example" '
    'require = tls action = reject }'], ids=["default", "observe"])
def test_nothing_is_touched(mx, config):
    """ST-S-03: default and observe mode change no byte, refuse nothing."""
    daemon, server = mx(config)
    want = []
    for wired in ("inet:127.0.0.1:8899", ""):
        server.configure(smtpd_milters=wired)
        for tls in (False, True):
            before = len(server.delivered())
            _, (rcpt,), end = send("a@client.example", "b@" + OURS, tls=tls,
                                   message=MESSAGE)
            assert (rcpt.code, end.code) == (250, 250)
            until(lambda: len(server.delivered()) > before, "delivery")
            want.append(neutral(server.delivered()[-1]))
    assert want[:2] == want[2:]
    assert len(daemon.log("action=")) == 2
    assert bool(daemon.log("would=reject")) == bool(config)


def test_a_message_without_forgery_is_untouched_when_enforcing(mx):
    _, server = mx(REJECT)
    text = MESSAGE.partition("\n")[2].partition("\n")[2]
    want = []
    for wired in ("inet:127.0.0.1:8899", ""):
        server.configure(smtpd_milters=wired)
        before = len(server.delivered())
        send("a@client.example", "b@" + OURS, tls=True, message=text)
        until(lambda: len(server.delivered()) > before, "delivery")
        want.append(neutral(server.delivered()[-1]))
    assert want[0] == want[1]


# ---- the fuse -----------------------------------------------------------

def test_fuse_softens_until_tls_is_seen(mx):
    """Design §10: our own STARTTLS broke, so refusals become deferrals."""
    daemon, server = mx(REJECT + "fuse { after = 1s  networks = 3 }\n")
    sources = ("198.51.100.7", "2001:db8:1::7", "198.18.0.1")

    def reply(source, **options):
        return send("a@client.example", "b@" + OURS, source=source,
                    **options)[1][0]

    assert reply(sources[0], tls=True).code == 250
    assert code(reply(sources[0])) == REFUSED

    def blown():
        return code(reply(sources[1])) and code(
            reply(sources[2])) == (451, "4.7.10")
    until(blown, "the fuse has blown")
    assert wait_line(daemon, action="defer", would="reject")
    assert daemon.wait_log("fuse").priority == 3
    assert reply(sources[0], tls=True).code == 250
    assert code(reply(sources[0])) == REFUSED


# ---- trouble ------------------------------------------------------------

def test_what_is_agreed_with_the_mta(daemon):
    """Design §6.10: no replies and no body where nothing is decided; but
    DATA is kept, since giving it up costs 43 ms a message over TCP."""
    daemon(REJECT)
    with Milter() as m:
        version, actions, steps = m.negotiate()
    names = {
        0x10: "NOBODY", 0x40: "NOEOH", 0x80: "NR_HDR", 0x100: "NOUNKNOWN",
        0x1000: "NR_CONN", 0x2000: "NR_HELO", 0x200: "NODATA"}
    agreed = {names.get(1 << i, "bit %d" % i) for i in range(32)
              if steps >> i & 1}
    assert agreed == set(names.values()) - {"NODATA"}
    # Add and change header fields, quarantine, set the list of macros.
    assert actions == 0x01 | 0x10 | 0x20 | 0x100


def test_many_connections_that_say_nothing(mx, smtp):
    """libmilter calls close alone for a health check."""
    import socket
    mx(REJECT)
    for data in (b"", b"\0\0\0\1O", b"GET / HTTP/1.0\r\n\r\n", b"\xff" * 64):
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", 8899)) as s:
                if data:
                    s.sendall(data)
    _, (rcpt,), _ = send("a@client.example", "b@" + OURS)
    assert code(rcpt) == REFUSED


def test_hostile_addresses_are_quoted_in_the_log(mx, smtp):
    daemon, _ = mx(REJECT)
    s = smtp()
    s.ehlo("[192.0.2.1]\x01\"evil=1")
    s.cmd('MAIL FROM:<"a b\\" action=accept"@client.example>')
    s.cmd("RCPT TO:<b@%s>" % OURS)
    line = wait_line(daemon, action="reject")
    assert line["to"] == "b@" + OURS
    assert not lines(daemon, evil="1")


def test_a_hanging_log_daemon_stops_no_mail(mx, syslog):
    daemon, server = mx(REJECT)
    syslog.pause()
    try:
        s = Smtp(source=CLIENT)
        s.ehlo()
        s.mail("a@client.example")
        assert s.rcpt("b@" + OURS).code == 550
        s.close()
    finally:
        syslog.resume()
    wait_line(daemon, action="reject")


# ---- configuration ------------------------------------------------------

@pytest.mark.parametrize("text, line, word", [
    ('colour = "red"', 2, "colour"),
    ("milter = 25", 2, "milter"),
    ('relays = {"192.0.2.1/24"}', 2, "192.0.2.1/24"),
    ('relays = {"nonsense/99"}', 2, "nonsense"),
    ('rule "empty" { }', 2, "empty"),
    ('hosted_domains = {"file:/nonexistent/list"}', 2, "/nonexistent/list"),
    ('rule "a" { require = tls\n', 2, ""),
    ('mode = observe', 2, "mode"),
    ('help_url = "${HOME}"', 2, "${"),
    ('metrics = "127.0.0.1:9893"', 2, "not built yet"),
    ('destination "a.example" { }', 2, "has no level"),
    ('postfix { version = "new" }', 2, "not a version of Postfix"),
    ('rule "x" { to_policy = dane require = tls }', 2, "not built yet"),
])
def test_a_wrong_configuration_starts_nothing(daemon, text, line, word):
    one = daemon("mode = enforce\n" + text, start=False)
    from rig.daemon import program
    for arguments in (["-n"], ["-f"]):
        done = subprocess.run(
            [program("tlsmilterd"), "-c", one.file, *arguments],
            capture_output=True, text=True, timeout=60)
        assert done.returncode == 78
        errors = [e for e in done.stderr.splitlines() if word in e]
        assert errors and re.search(
            r"%s:\d+: " % re.escape(one.file), errors[0]), done.stderr
        if "require = tls\n" not in text:
            assert "%s:%d: " % (one.file, line) in errors[0], done.stderr


# ---- what is counted, and what is only logged ---------------------------

def test_tls_required_no_is_logged_and_excuses_nobody(mx):
    """RT-05, RT-10: the receiver decides what it takes in plaintext."""
    daemon, _ = mx(REJECT)
    text = "Subject: x\nTLS-Required: No\n\nx\n"
    _, (rcpt,), _ = send("a@client.example", "b@" + OURS, message=text)
    assert code(rcpt) == REFUSED
    _, _, end = send("a@client.example", "b@" + OURS, tls=True, message=text)
    assert end.code == 250
    assert wait_line(daemon, action="accept")["tls_required"] == "no"


def test_status_tells_what_each_rule_would_have_done(mx):
    """Before enforcing, an admin looks at the counts of observe mode."""
    config = REJECT.replace("mode = enforce", "mode = observe") + """
rule "from bank" { from = "bank.example"  require = tls  action = tag }
"""
    daemon, _ = mx(config)
    for sender in ("a@client.example", "b@bank.example"):
        assert send(sender, "b@" + OURS)[1][0].code == 250
    assert send("a@client.example", "b@" + OURS, tls=True)[1][0].code == 250

    def rules():
        return daemon.tool("status", "--json").json["rules"]

    ours, bank = rules()
    assert (ours["name"], ours["matched"], ours["unmet"]) == \
        ("our promise", 3, 2)
    assert (ours["would"]["reject"], ours["decided"]["observe"],
            ours["decided"]["reject"]) == (2, 2, 0)
    assert (bank["matched"], bank["unmet"], bank["would"]["tag"]) == (1, 1, 0)
    daemon.reload(config.replace("mode = observe", "mode = enforce"))
    daemon.wait_log("configuration reloaded")
    assert code(send("a@client.example", "b@" + OURS)[1][0]) == REFUSED
    ours = rules()[0]
    assert (ours["would"]["reject"], ours["decided"]["reject"]) == (3, 1)
    text = daemon.tool("status").out
    row = re.search(r"^ *our promise +reject +4 +3 +0 +1 +2$", text, re.M)
    assert row, text
