# SPDX-License-Identifier: BSD-2-Clause
"""The rig itself: a wrong rig would make every other test mean nothing."""
import ctypes
import re
import ssl
import socket
import subprocess
import urllib.request

import pytest

from rig import dns
from rig.client import CLIENT, LOCAL, STRANGER, Smtp, anonymous_context, send
from rig.wait import until


class UbResult(ctypes.Structure):
    _fields_ = [
        ("qname", ctypes.c_char_p), ("qtype", ctypes.c_int),
        ("qclass", ctypes.c_int), ("data", ctypes.c_void_p),
        ("len", ctypes.c_void_p), ("canonname", ctypes.c_char_p),
        ("rcode", ctypes.c_int), ("answer_packet", ctypes.c_void_p),
        ("answer_len", ctypes.c_int), ("havedata", ctypes.c_int),
        ("nxdomain", ctypes.c_int), ("secure", ctypes.c_int),
        ("bogus", ctypes.c_int), ("why_bogus", ctypes.c_char_p),
        ("was_ratelimited", ctypes.c_int), ("ttl", ctypes.c_int)]


def resolve(world, name, kind):
    """Ask libunbound, which validates; return its result."""
    ub = ctypes.CDLL("libunbound.so.8")
    ub.ub_ctx_create.restype = ctypes.c_void_p
    ctx = ctypes.c_void_p(ub.ub_ctx_create())
    assert ub.ub_ctx_resolvconf(ctx, None) == 0
    assert ub.ub_ctx_add_ta_file(ctx, world.trust_anchor.encode()) == 0
    out = ctypes.POINTER(UbResult)()
    assert ub.ub_resolve(ctx, name.encode(), kind, 1, ctypes.byref(out)) == 0
    return out.contents


def fetch(world, domain):
    context = ssl.create_default_context(cafile=world.ca_file)
    context.hostname_checks_common_name = False
    url = "https://mta-sts.%s/.well-known/mta-sts.txt" % domain.name
    with urllib.request.urlopen(url, context=context, timeout=20) as answer:
        return answer.read()


@pytest.mark.parametrize("zone, secure, bogus", [
    ("example", 1, 0), ("insecure.example", 0, 0), ("bogus.example", 0, 1)])
def test_dns_is_signed(world, zone, secure, bogus):
    domain = world.domain(zone=zone)
    answer = resolve(world, "_mta-sts." + domain.name, 16)
    assert (answer.secure, answer.bogus) == (secure, bogus)
    assert world.dns.count("_mta-sts." + domain.name) >= 1


def test_dns_that_strips_dnssec_is_bogus_to_a_validator(world):
    domain = world.domain()
    world.dns.strip = True
    assert resolve(world, "_mta-sts." + domain.name, 16).bogus


def test_dns_can_fail(world):
    domain = world.domain()
    world.dns.rules["*", "TXT"] = "servfail"
    assert not resolve(world, "_mta-sts." + domain.name, 16).havedata
    world.dns.stop()
    with pytest.raises(OSError):
        socket.create_connection(("192.0.2.53", 53), 2)


def dig(name, kind):
    """Ask the server of resolv.conf; what kdig(1) prints."""
    return subprocess.run(
        ["kdig", "@" + dns.ADDRESS, "+dnssec", "+retry=0", name, kind],
        capture_output=True, text=True).stdout


def header(name, kind="TXT"):
    """Of an answer: ("NOERROR", whether AD was set)."""
    text = dig(name, kind)
    return (re.search(r"status: (\w+)", text)[1],
            " ad" in re.search(r"Flags: ([\w ]*)", text)[1])


@pytest.mark.parametrize("zone, expected", [
    ("example", ("NOERROR", True)),
    ("insecure.example", ("NOERROR", False)),
    ("bogus.example", ("SERVFAIL", False))])
def test_dns_can_be_validated(world, zone, expected):
    domain = world.domain(zone=zone)
    assert header("_mta-sts." + domain.name) == ("NOERROR", False)
    world.dns.validate = True
    assert header("_mta-sts." + domain.name) == expected


def test_dns_that_validates_vouches_for_what_is_not_there(world):
    world.dns.validate = True
    assert header("nowhere.example", "MX") == ("NXDOMAIN", True)
    assert header("nowhere.insecure.example", "MX") == ("NXDOMAIN", False)


def test_dns_that_validates_keeps_nothing_and_can_fail(world):
    world.dns.validate = True
    domain = world.domain()
    name = "_25._tcp.mx1." + domain.name
    assert header(name, "TLSA") == ("NXDOMAIN", True)
    domain.set("_25._tcp.mx1", "TLSA", "3 1 1 " + "ab" * 32)
    assert "ABAB" in dig(name, "TLSA")
    domain.set("_25._tcp.mx1", "TLSA", "3 1 1 " + "cd" * 32)
    assert "CDCD" in dig(name, "TLSA")
    world.dns.rules[name, "TLSA"] = "servfail"
    assert header(name, "TLSA") == ("SERVFAIL", False)


def test_policy_is_served_and_counted(world):
    domain = world.domain(mode="testing")
    assert b"mode: testing" in fetch(world, domain)
    assert domain.host.count == 1


@pytest.mark.parametrize("kind", [
    "expired", "not-yet", "wrong-name", "provider-name", "self-signed",
    "untrusted", "no-intermediate", "partial-wildcard", "deep-wildcard",
    "cn-only", "email-only", "client-only"])
def test_bad_certificates_are_refused(world, kind):
    domain = world.domain()
    domain.host.certificate = kind
    with pytest.raises(OSError):
        fetch(world, domain)
    assert domain.host.count == 0


def test_postfix_delivers_in_plaintext_and_over_tls(postfix, syslog):
    server = postfix()
    for tls in (False, True):
        mark = syslog.mark()
        mail, (rcpt,), end = send(
            "a@d.example", "b@d.example", tls=tls,
            message="Subject: rig %s\n\nhello\n" % tls)
        assert (mail.code, rcpt.code, end.code) == (250, 250, 250)
        message = server.wait_delivered("rig %s" % tls)
        assert ("ESMTPS" in message.all("Received")[0]) == tls
        syslog.wait("status=sent", "postfix/virtual", mark)
    assert server.queue() == []


@pytest.mark.parametrize("source, name", [
    (CLIENT, "mail.client.example"), (STRANGER, "unknown"),
    (LOCAL, "localhost"), ("2001:db8:1::7", "unknown")])
def test_clients_come_from_their_address(postfix, syslog, source, name):
    postfix()
    mark = syslog.mark()
    with Smtp(source=source) as client:
        client.ehlo()
        client.quit()
    line = syslog.wait("^connect from " + name, "postfix/smtpd", mark)
    assert "[%s]" % source in line.text


def test_ports_of_submission(postfix, smtp, sasl):
    postfix(main=sasl)
    s = smtp(port=465, implicit=True)
    assert s.version() and s.ehlo().code == 250
    assert s.cmd("AUTH PLAIN AGFsaWNlAHNlY3JldA==").code == 235
    s = smtp(port=587)
    s.ehlo()
    assert s.mail("a@d.example").code == 530
    s.starttls(anonymous_context())
    assert s.mail("a@d.example").code == 250


def test_sendmail_submission_and_queue(postfix, syslog):
    server = postfix(main={"defer_transports": "virtual"})
    server.sendmail("a@d.example", "b@d.example", "Subject: x\n\nx\n")
    until(lambda: [m for m in server.queue()
                   if m["queue_name"] == "deferred"], "deferred message")
    assert server.held() == []
