# SPDX-License-Identifier: BSD-2-Clause
"""The Postfix policy service (PF-PD): with a real Postfix, and with scripted
clients that are less polite."""
import os
import re
import resource
import shutil
import signal
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from rig.client import (CLIENT, STRANGER, certificate_context, code, send)
from rig.daemon import program
from rig.logs import audit_lines, wait_audit
from rig.policy import Policy, TLS, request
from rig.postfix import alive
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
INET = ("127.0.0.1", 8460)
CHECK = "check_policy_service inet:127.0.0.1:8460"
AT_RCPT = {"smtpd_recipient_restrictions":
           "reject_unauth_destination, " + CHECK}
AT_DATA = {"smtpd_data_restrictions": CHECK}
AT_END = {"smtpd_end_of_data_restrictions": CHECK}


@pytest.fixture
def served(daemon):
    """served(config): a daemon whose policy service is at INET."""
    return lambda config, **options: daemon(
        'policy_service = "inet:8460@127.0.0.1"\n' + config, **options)


@pytest.fixture
def mx(served, postfix):
    """mx(config, main, …): such a daemon, and a Postfix that asks it by its
    main.cf options; no milter."""

    def make(config, *mains, **options):
        main = {}
        for one in mains or (AT_RCPT,):
            main.update(one)
        return served(config), postfix(main=main, **options)

    return make


@pytest.fixture
def client():
    """client(address=INET): a scripted client, closed after the test."""
    made = []

    def make(address=INET):
        made.append(Policy(address))
        return made[-1]

    yield make
    for one in made:
        one.close()


# ---- at RCPT, with Postfix ----------------------------------------------

def test_plaintext_is_refused_and_tls_is_delivered(mx):
    d, server = mx(REJECT)
    mail, (rcpt,), _ = send("a@client.example", "b@" + OURS)
    assert mail.code == 250
    assert code(rcpt) == REFUSED
    assert "TLS is required for mail to " + OURS in rcpt.text
    _, (rcpt,), end = send("a@client.example", "b@" + OURS, tls=True,
                           message="Subject: secure\n\nhello\n")
    assert (rcpt.code, end.code) == (250, 250)
    message = server.wait_delivered("secure")
    assert not message.all("X-TLS-Policy")
    refused = wait_audit(d, action="reject")
    assert refused["rule"] == "our promise" and refused["tls"] == "none"
    assert refused["source"] == "policy" and refused["policy"] == "enforce"
    assert refused["from"] == "a@client.example"
    assert refused["to"] == "b@" + OURS
    assert re.fullmatch(r"198\.51\.100\.7:\d+", refused["client"])
    accepted = wait_audit(d, action="accept")
    assert accepted["tls"].startswith("TLSv1") and accepted["bits"] == "256"


def test_starttls_and_mail_without_a_second_ehlo(mx, smtp):
    mx(REJECT)
    s = smtp()
    s.ehlo()
    assert s.starttls().code == 220
    assert s.mail("a@client.example").code == 250
    assert s.rcpt("b@" + OURS).code == 250
    assert s.data("Subject: x\n\nx\n").code == 250


def test_starttls_after_a_refusal(mx, smtp):
    mx(REJECT)
    s = smtp()
    s.ehlo()
    s.mail("a@client.example")
    assert code(s.rcpt("b@" + OURS)) == REFUSED
    s.cmd("RSET")
    assert s.starttls().code == 220
    s.ehlo()
    s.mail("a@client.example")
    assert s.rcpt("b@" + OURS).code == 250


@pytest.mark.parametrize("action, want", [
    ("observe", 250), ("tag", 250), ("quarantine", 250),
    ("defer", (451, "4.7.10")), ("reject", REFUSED)])
def test_each_action(mx, action, want):
    d, server = mx(HOSTED + 'rule "r" { to = "%s" require = tls '
                   'action = %s }' % (OURS, action))
    _, (rcpt,), end = send("a@client.example", "b@" + OURS,
                           message="Subject: %s\n\nx\n" % action)
    assert want in (rcpt.code, code(rcpt))
    wait_audit(d, action=action, rule="r", would=action, source="policy")
    if action == "quarantine":
        assert until(server.held, "held message")
        assert d.syslog.find(r"hold: RCPT .*Recipient address held for TLS "
                             "policy: plaintext; rule", "postfix", d.mark)
    elif end:
        tags = server.wait_delivered(action).all("X-TLS-Policy")
        assert tags == (["fail rule=r unmet=plaintext required=tls"]
                        if action == "tag" else [])


def test_a_tag_comes_once_however_many_recipients(mx, smtp):
    """PF-PD-10: once per instance, and again for the next message."""
    d, server = mx(HOSTED + 'rule "r" { require = tls action = tag }')
    s = smtp()
    s.ehlo()
    for subject in ("first", "second"):
        s.mail("a@client.example")
        for local in "bcd":
            assert s.rcpt("%s@%s" % (local, OURS)).code == 250
        assert s.data("Subject: %s\n\nx\n" % subject).code == 250
        message = server.wait_delivered(subject)
        assert len(message.all("X-TLS-Policy")) == 1
        assert message.names.index("X-TLS-Policy") < message.names.index(
            "Subject")


def test_one_recipient_of_several_is_refused(mx, smtp):
    mx(REJECT)
    s = smtp()
    s.ehlo()
    s.mail("a@client.example")
    assert s.rcpt("b@other.example").code == 250
    assert code(s.rcpt("b@" + OURS)) == REFUSED
    assert s.rcpt("postmaster@" + OURS).code == 250


def test_observing_refuses_nothing(mx):
    d, _ = mx(REJECT.replace("enforce\nhosted", "observe\nhosted"))
    _, (rcpt,), end = send("a@client.example", "b@" + OURS)
    assert (rcpt.code, end.code) == (250, 250)
    wait_audit(d, action="observe", would="reject")


def test_a_null_sender_and_an_exempt_client(mx):
    d, _ = mx(REJECT)
    for sender, source in (("", CLIENT), ("a@client.example", "127.0.0.1")):
        _, (rcpt,), _ = send(sender, "b@" + OURS, source=source)
        assert rcpt.code == 250
    wait_audit(d, reason="the null sender is exempt")
    wait_audit(d, reason="client is exempt")


def test_weak_tls_has_its_own_reply(mx):
    mx(HOSTED + 'rule "bits" { to = "%s" require = tls min_bits = 512 '
       'action = reject }' % OURS)
    _, (rcpt,), _ = send("a@client.example", "b@" + OURS, tls=True)
    assert code(rcpt) == (554, "5.7.5")


def test_a_reply_of_the_rule(mx):
    mx(HOSTED + 'rule "r" { to = "%s" require = tls action = reject '
       'reply = "530 5.7.0 100%% TLS here" }' % OURS)
    _, (rcpt,), _ = send("a@client.example", "b@" + OURS)
    assert code(rcpt) == (530, "5.7.0") and "100% TLS here" in rcpt.text


def test_clients_and_their_names(mx):
    d, _ = mx(HOSTED + 'rule "r" { client = "mail.client.example" '
              'require = tls action = reject }')
    _, (rcpt,), _ = send("a@x.example", "b@" + OURS)
    assert code(rcpt) == REFUSED
    _, (rcpt,), _ = send("a@x.example", "b@" + OURS, source=STRANGER)
    assert rcpt.code == 250


def test_ports_and_policy_context_are_listeners(mx):
    """PF-PD-03: server_port since Postfix 3.2, policy_context since 3.1."""
    master = """\
2525      inet n - n - - smtpd
  -o smtpd_policy_service_policy_context=SPECIAL
2526      inet n - n - - smtpd
"""
    d, _ = mx(HOSTED + 'rule "port" { listener = 2526 require = tls '
              'action = defer }\nrule "name" { listener = SPECIAL '
              'require = tls action = reject }', master=master)
    for port, want in ((25, (250, "2.1.5")), (2525, REFUSED),
                       (2526, (451, "4.7.10"))):
        _, (rcpt,), _ = send("a@client.example", "b@" + OURS, port=port)
        assert code(rcpt) == want, port


def test_an_authenticated_user(mx, sasl, smtp):
    d, _ = mx(HOSTED + 'rule "r" { authenticated = yes require = tls '
              'action = reject }', AT_RCPT, sasl)
    s = smtp()
    s.ehlo()
    assert s.cmd("AUTH PLAIN AGFsaWNlAHNlY3JldA==").code == 235
    s.mail("a@client.example")
    assert code(s.rcpt("b@" + OURS)) == REFUSED
    _, (rcpt,), _ = send("a@client.example", "b@" + OURS)
    assert rcpt.code == 250


def test_a_proxy_in_front(mx, smtp):
    """PF-XC-01, -03: XCLIENT tells the client and nothing of its TLS, which
    a listener or a relay can be excused for."""
    config = REJECT + 'relays = "198.51.100.99"\n'
    mx(config)
    for address, want in (("198.51.100.7", REFUSED),
                          ("198.51.100.99", (250, "2.1.5")),
                          ("IPV6:2001:db8:1::7", REFUSED)):
        s = smtp(source="127.0.0.1", host="127.0.0.1")
        s.ehlo()
        assert s.cmd("XCLIENT ADDR=%s NAME=[UNAVAILABLE]" % address) \
            .code == 220
        s.ehlo()
        s.mail("a@client.example")
        assert code(s.rcpt("b@" + OURS)) == want, address


# ---- client certificates ------------------------------------------------

def fingerprint(path):
    with open(path, "rb") as file:
        pem = file.read()
    start = pem.index(b"-----BEGIN CERTIFICATE")
    return x509.load_pem_x509_certificate(pem[start:]).fingerprint(
        hashes.SHA256()).hex()


@pytest.fixture
def certificates(world):
    """Three client certificates: trusted, untrusted, and another such."""
    leaf = world.authority.leaf
    return (leaf("Sender One", client=True),
            leaf("Sender Two", client=True, issuer="self"),
            leaf("Sender Three", client=True, issuer="self"))


def try_certificate(path, recipient):
    context = certificate_context(path) if path else None
    _, (rcpt,), _ = send("a@client.example", recipient, tls=True,
                         context=context)
    return code(rcpt)


def test_a_pinned_certificate_need_not_be_trusted(mx, certificates):
    """PF-PD-03: Postfix supplies the fingerprint of any certificate."""
    trusted, pinned, other = certificates
    mx(HOSTED + 'rule "pin" { to = "%s" cert_fingerprint = {"%s", "%s"} '
       'action = reject }' % (OURS, fingerprint(pinned),
                              fingerprint(trusted).upper()))
    for path, want in ((trusted, (250, "2.1.5")), (pinned, (250, "2.1.5")),
                       (other, (550, "5.7.1"))):
        assert try_certificate(path, "b@" + OURS) == want, path
    _, (rcpt,), _ = send("a@client.example", "b@" + OURS)
    assert code(rcpt) == REFUSED


def test_without_a_certificate_the_fact_is_unavailable(mx):
    """Postfix does not say whether it asked: unknown decides."""
    mx(HOSTED + 'rule "pin" { to = "%s" cert_fingerprint = "%s" '
       'action = reject }\nrule "strict" { to = "strict.example" '
       'cert_fingerprint = "%s" action = reject unknown = defer }' % (
           OURS, "ab" * 32, "ab" * 32))
    assert try_certificate(None, "b@" + OURS) == (250, "2.1.5")
    assert try_certificate(None, "b@strict.example") == (451, "4.7.10")


def test_trusted_certificates_and_their_names(mx, certificates):
    trusted, untrusted, _ = certificates
    mx(HOSTED + 'rule "name" { to = "%s" cert_name = "Sender One" '
       'action = reject }\nrule "trust" { to = "trust.example" '
       'require = verified action = reject }' % OURS)
    assert try_certificate(trusted, "b@" + OURS) == (250, "2.1.5")
    assert try_certificate(untrusted, "b@" + OURS) == (550, "5.7.1")
    assert try_certificate(trusted, "b@trust.example") == (250, "2.1.5")
    assert try_certificate(untrusted, "b@trust.example") == (550, "5.7.1")


# ---- at DATA and at the end of the message ------------------------------

def test_one_recipient_is_judged_at_data(mx, smtp):
    d, _ = mx(REJECT, AT_DATA)
    s = smtp()
    s.ehlo()
    s.mail("a@client.example")
    assert s.rcpt("b@" + OURS).code == 250
    assert code(s.cmd("DATA")) == REFUSED
    assert not d.log("are skipped")


@pytest.mark.parametrize("where, stage", [
    (AT_DATA, "DATA"), (AT_END, "END-OF-MESSAGE")])
def test_with_several_recipients_rules_about_them_are_skipped(
        mx, smtp, where, stage):
    """Design §8: and one warning says so; other rules hold."""
    d, _ = mx(REJECT + 'rule "all" { from = "x.example" require = tls '
              'action = defer }', where)
    for sender, want in (("a@client.example", 250),
                         ("a@client.example", 250), ("a@x.example", 451)):
        s = smtp()
        s.ehlo()
        s.mail(sender)
        s.rcpt("b@" + OURS)
        s.rcpt("c@" + OURS)
        reply = s.data("Subject: x\n\nx\n")
        assert reply.code == want, s.dialogue()
    warnings = d.log("are skipped")
    assert len(warnings) == 1 and 'the first is "our promise"' in warnings[
        0].text and " asked at " + stage in warnings[0].text


def test_the_end_of_a_message_cannot_be_tagged(mx):
    """PF-PD-09."""
    d, server = mx(HOSTED + 'rule "r" { require = tls action = tag }', AT_END)
    for subject in ("one", "two"):
        _, _, end = send("a@client.example", "b@" + OURS,
                         message="Subject: %s\n\nx\n" % subject)
        assert end.code == 250
        assert not server.wait_delivered(subject).all("X-TLS-Policy")
    assert len(d.log("Postfix adds no header field")) == 1
    assert not d.syslog.find("warning", "postfix/smtpd", d.mark)


def test_a_message_is_held_at_its_end(mx):
    d, server = mx(HOSTED + 'rule "r" { require = tls action = quarantine }',
                   AT_END)
    _, _, end = send("a@client.example", "b@" + OURS)
    assert end.code == 250
    assert until(server.held, "held message")


def test_messages_are_counted_at_their_end(mx):
    d, _ = mx(HOSTED + 'rule "r" { require = tls action = tag }',
              AT_RCPT, AT_END)
    send("a@client.example", "b@" + OURS, "c@" + OURS)
    line = wait_audit(d, nrcpt="2")
    assert line["source"] == "policy" and line["action"] == "tag"
    counters = d.status()["counters"]
    assert counters["messages"] == 1 and counters["tagged"] == 1
    assert sum(counters["recipients"].values()) == 2
    assert not d.log("Postfix adds no header field")


def test_the_line_of_a_message_tells_of_its_recipients(mx):
    """As the milter's does: the most severe of those that were accepted."""
    d, server = mx(HOSTED + 'rule "tag" { to = "tag@%s" require = tls '
                   'action = tag }\nrule "hold" { to = "hold@%s" '
                   'require = tls action = quarantine }' % (OURS, OURS),
                   AT_RCPT, AT_END)
    send("a@client.example", "tag@" + OURS, "hold@" + OURS, "c@" + OURS)
    line = wait_audit(d, nrcpt="3")
    assert (line["action"], line["rule"]) == ("quarantine", "hold")
    assert until(server.held, "held message")
    send("a@client.example", "tag@" + OURS, "c@" + OURS)
    assert wait_audit(d, nrcpt="2")["rule"] == "tag"
    send("a@client.example", "c@" + OURS, "d@" + OURS, "e@" + OURS,
         "f@" + OURS)
    assert wait_audit(d, nrcpt="4")["action"] == "accept"


def test_before_rcpt_nothing_is_judged(mx, smtp):
    """Design §6.2, PF-PD-11: a client that is still in plaintext may say
    STARTTLS; one warning says where the check belongs."""
    everywhere = {"smtpd_%s_restrictions" % stage: CHECK
                  for stage in ("client", "helo", "sender")}
    d, _ = mx(HOSTED + 'rule "r" { require = tls action = reject }',
              everywhere, {"smtpd_delay_reject": "no",
                           "smtpd_etrn_restrictions": CHECK})
    s = smtp()
    s.ehlo()
    s.mail("a@client.example")
    assert s.rcpt("b@" + OURS).code == 250
    s.cmd("RSET")
    s.cmd("VRFY b@" + OURS)
    assert s.starttls().code == 220
    assert len(d.log("put check_policy_service into "
                     "smtpd_recipient_restrictions")) == 1


# ---- beside the milter --------------------------------------------------

def test_only_one_door_counts_a_message(mx):
    """Design §8: the milter does, and removes what is forged."""
    d, server = mx(HOSTED + 'rule "r" { to = "%s" require = tls '
                   'action = tag }' % OURS, AT_RCPT, AT_END,
                   milters="inet:127.0.0.1:8899")
    _, _, end = send("a@client.example", "b@" + OURS,
                     message="Subject: both\nX-TLS-Policy: forged\n\nx\n")
    assert end.code == 250
    wait_audit(d, source="milter", nrcpt="1")
    counters = d.status()["counters"]
    assert counters["messages"] == 1 and counters["tagged"] == 1
    assert sum(counters["recipients"].values()) == 1
    tags = server.wait_delivered("both").all("X-TLS-Policy")
    assert "forged" not in tags and len(tags) == 1


# ---- several sockets ----------------------------------------------------

def test_several_services_at_once(daemon, postfix, client, folder):
    """A unix socket and two of the network, asked by one Postfix."""
    sockets = os.path.join(folder, "sockets")
    os.mkdir(sockets)
    os.chmod(sockets, 0o755)
    path = os.path.join(sockets, "policy")
    shutil.chown(sockets, "tlsmilter")
    d = daemon('policy_service = {"unix:%s", "inet:8460@127.0.0.1", '
               '"inet6:[::1]:8460"}\nsocket_group = "postfix"\n'
               'socket_mode = 0660\n' % path + REJECT)
    status = os.stat(path)
    assert status.st_mode & 0o777 == 0o660
    assert d.status()["policy_service"]["sockets"] == [
        "unix:" + path, "inet:8460@127.0.0.1", "inet6:8460@[::1]"]
    d.wait_log("serves inet:8899@127.0.0.1; policy service on unix:.*, "
               "inet:8460@127.0.0.1, inet6:8460@")
    for check in ("unix:" + path, "inet:127.0.0.1:8460", "inet:[::1]:8460"):
        server = postfix(main={
            "smtpd_recipient_restrictions":
                "reject_unauth_destination, check_policy_service " + check})
        _, (rcpt,), _ = send("a@client.example", "b@" + OURS)
        assert code(rcpt) == REFUSED, check
        server.stop()
    assert d.stop() == 0
    assert not os.path.exists(path)


def test_an_old_socket_is_replaced_and_a_used_one_is_not(daemon, folder):
    sockets = os.path.join(folder, "sockets")
    os.mkdir(sockets)
    os.chmod(sockets, 0o755)
    path = os.path.join(sockets, "policy")
    first = daemon('policy_service = "unix:%s"' % path)
    second = daemon('milter = "inet:8898@127.0.0.1"\n'
                    'policy_service = {"unix:%s", "inet:8461@127.0.0.1"}'
                    % path, start=False, name="second")
    second.start(wait=False)
    assert second.process.wait(30) == 69
    assert "another process answers there" in second.complaints()
    children = list(first.children())
    first.stop(signal.SIGKILL)
    assert os.path.exists(path)
    until(lambda: not any(alive(p) for p in children), "children are gone")
    second.start()
    with Policy(path) as p:
        assert p.ask() == "DUNNO"


@pytest.mark.parametrize("text, line, word", [
    ('policy_service = "8460"', 2, "8460"),
    ('policy_service = {"inet:8460@127.0.0.1",\n "unix:relative"}', 3,
     "slash"),
    ('policy_service = "inet:8899@127.0.0.1"', 2,
     "milter and policy_service are the same socket"),
    ('policy_service = {"unix:/a",\n"unix:/a"}', 3, "is there twice"),
])
def test_a_wrong_value_starts_nothing(daemon, text, line, word):
    one = daemon("mode = enforce\n" + text, start=False)
    done = subprocess.run([program("tlsmilterd"), "-c", one.file, "-n"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 78
    assert "%s:%d: " % (one.file, line) in done.stderr
    assert word in done.stderr


def test_sockets_are_dumped_and_need_a_restart(served, client):
    d = served(REJECT)
    done = subprocess.run([program("tlsmilterd"), "-c", d.file, "-D"],
                          capture_output=True, text=True, timeout=60)
    assert 'policy_service = {"inet:8460@127.0.0.1"}' in done.stdout
    d.reload('policy_service = "inet:8461@127.0.0.1"\n' + REJECT)
    d.wait_log("policy_service.*restart|restart.*policy_service")
    assert client().ask().startswith("550 5.7.10 ")


# ---- scripted clients ---------------------------------------------------

REFUSAL = "550 5.7.10 TLS is required for mail to " + OURS
MALFORMED = {
    "junk": b"junk\n\n",
    "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "no request": request(request=None),
    "another request": request(request="junk"),
    "nothing": b"\n",
    "empty name": b"request=smtpd_access_policy\n=x\n\n",
    "nul": b"request=smtpd_access_policy\nsender=a\0b\n\n",
    "crlf": request().replace(b"\n", b"\r\n"),
    "long line": request(helo_name="x" * 8192),
    "endless line": b"x" * 100000,
    "many attributes": b"a=b\n" * 200,
    "large": b"a=" + b"b" * 8000 + (b"\na=" + b"b" * 8000) * 9,
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_request_gets_no_answer(served, client, name):
    """PF-PD-02, -08, -12: closed without a byte; others are served."""
    d = served(REJECT)
    other, bad = client(), client()
    try:
        bad.send(MALFORMED[name])
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert bad.hung_up()
    d.wait_log("a malformed request")
    assert other.ask() == REFUSAL
    assert d.status()["policy_service"]["malformed"] == 1


@pytest.mark.parametrize("action", [
    "observe", "tag", "quarantine", "defer", "reject"])
def test_no_answer_permits(served, client, action):
    """PF-PD-06: DUNNO lets Postfix go on; OK would end its restrictions."""
    served(HOSTED + 'rule "r" { require = tls action = %s }\n'
           'rule "name" { cert_name = "x" action = %s }' % (action, action))
    p = client()
    for state in ("CONNECT", "EHLO", "HELO", "MAIL", "RCPT", "DATA",
                  "END-OF-MESSAGE", "VRFY", "ETRN", "", None, "rcpt", "OK"):
        for more in ({}, TLS, {"sender": ""}, {"recipient": ""},
                     {"client_address": "127.0.0.1"}):
            answer = p.ask(protocol_state=state, instance=str(state), **more)
            assert re.match("DUNNO$|HOLD held|PREPEND X-TLS-Policy: |"
                            r"451 4\.7\.10 |550 5\.7\.10 ", answer), answer
            if state not in ("RCPT", "DATA", "END-OF-MESSAGE"):
                assert answer == "DUNNO"


def test_malformed_requests_do_not_flood_the_log(served, client):
    d = served(REJECT)
    for _ in range(200):
        bad = client()
        bad.send(b"junk\n")
        assert bad.hung_up()
    assert d.status()["policy_service"]["malformed"] == 200
    assert len(d.log("a malformed request")) < 20


def test_a_request_byte_by_byte(served, client):
    served(REJECT)
    p, other = client(), client()
    for byte in request():
        p.send(bytes([byte]))
    assert p.answer() == REFUSAL
    assert other.ask(**TLS) == "DUNNO"


def test_requests_in_one_piece_are_answered_in_order(served, client):
    """PF-PD-05: exactly one answer each."""
    served(REJECT)
    p = client()
    wanted = [TLS if i % 3 else {} for i in range(300)]
    p.send(b"".join(request(**w) for w in wanted))
    for w in wanted:
        assert p.answer() == ("DUNNO" if w else REFUSAL)
    p.send(request() + b"junk\n")
    assert p.answer() == REFUSAL
    assert p.hung_up()


def test_a_client_that_says_its_last_is_still_answered(served, client):
    import socket
    served(REJECT)
    p = client()
    p.send(request() + request(**TLS))
    p.sock.shutdown(socket.SHUT_WR)
    assert [p.answer(), p.answer()] == [REFUSAL, "DUNNO"]
    assert p.hung_up()
    half = client()
    half.send(request()[:-1])
    half.sock.shutdown(socket.SHUT_WR)
    assert half.hung_up()


def test_a_client_that_does_not_read_makes_nobody_wait(served, client):
    """It is read no more, so that what it sends stays with the kernel."""
    served(REJECT)
    lazy, other = client(), client()
    lazy.sock.settimeout(1)
    with pytest.raises(TimeoutError):
        for _ in range(1000):       # 70 MB
            lazy.send(request() * 100)
    assert other.ask() == REFUSAL


def test_hostile_values_reach_neither_answer_nor_log(served, client):
    d = served(HOSTED + 'rule "r" { require = tls action = reject }')
    p = client()
    answer = p.ask(helo_name='x" action=accept evil=1', sender="a@\x01\xff",
                   recipient='"b action=OK"@ours.example')
    assert answer.startswith("550 5.7.10 ") and "OK" not in answer
    wait_audit(d, action="reject")
    assert not audit_lines(d, evil="1")
    assert not audit_lines(d, action="OK")


def test_attributes_that_are_not_there(served, client):
    """PF-PD-04: absent is unknown, and never punished as plaintext."""
    d = served(REJECT)
    assert client().ask(encryption_protocol=None) == "DUNNO"
    wait_audit(d, tls="unknown")
    assert client().ask(instance=None, queue_id=None) == REFUSAL


def test_thousands_of_idle_connections(served, client):
    """Each costs little, and others are served at once."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    d = served(REJECT)
    frontend = d.child("frontend")

    def memory():
        with open("/proc/%d/smaps_rollup" % frontend) as file:
            return 1024 * int(re.search(r"Private_Dirty: *(\d+) kB",
                                        file.read())[1])

    assert client().ask() == REFUSAL
    before = memory()
    idle = [client() for _ in range(2000)]
    for i, one in enumerate(idle):
        assert one.ask(instance=str(i), **TLS) == "DUNNO"
    assert client().ask() == REFUSAL
    assert d.status()["policy_service"]["connections"] == 2002
    assert (memory() - before) / 2000 < 4096
    assert idle[1000].ask() == REFUSAL


def test_when_all_are_taken_the_idlest_goes(served, client):
    """A crowd of idle connections shuts nobody out."""
    d = served(REJECT, start=False)
    d.start(files=640)
    most = d.status()["policy_service"]["connections_max"]
    assert most == (640 - 128) // 3
    idle = []
    for i in range(most + 20):
        idle.append(client())
        assert idle[-1].ask(instance=str(i), **TLS) == "DUNNO"
        if i > 5:
            assert idle[5].ask() == REFUSAL     # this one is busy
    for i, one in enumerate(idle[:20]):
        assert i == 5 or one.hung_up()
    assert idle[5].ask() == REFUSAL
    assert idle[-1].ask() == REFUSAL
    now = d.status()["policy_service"]
    assert (now["connections"], now["dropped"]) == (most, 20)
    assert len(d.log("which is the limit")) == 1


# ---- when things fail ---------------------------------------------------

def test_the_frontend_is_killed_and_mail_goes_on(mx, smtp):
    """PF-PD-08: Postfix asks again, and the next frontend answers."""
    d, _ = mx(REJECT)
    s = smtp()
    s.ehlo()
    s.mail("a@client.example")
    assert code(s.rcpt("b@" + OURS)) == REFUSED
    old = d.child("frontend")
    os.kill(old, signal.SIGKILL)
    assert code(s.rcpt("c@" + OURS)) == REFUSED
    until(lambda: d.child("frontend") not in (None, old), "a new frontend")
    _, (rcpt,), end = send("a@client.example", "b@" + OURS, tls=True)
    assert (rcpt.code, end.code) == (250, 250)


def test_no_daemon_is_the_default_action(mx):
    d, _ = mx(REJECT, AT_RCPT, {"smtpd_policy_service_retry_delay": "1s"})
    d.stop()
    _, (rcpt,), _ = send("a@client.example", "b@" + OURS, tls=True)
    assert code(rcpt) == (451, "4.3.5")


def test_a_reload_while_connected(served, client):
    """The configuration is pinned for a message, and new for the next."""
    d = served(REJECT)
    p = client()
    assert p.ask(instance="m1") == REFUSAL
    d.reload('policy_service = "inet:8460@127.0.0.1"\n' +
             REJECT.replace("reject", "defer"))
    d.wait_log("configuration reloaded")
    assert p.ask(instance="m1", recipient="c@" + OURS) == REFUSAL
    assert p.ask(instance="m2").startswith("451 4.7.10 ")
