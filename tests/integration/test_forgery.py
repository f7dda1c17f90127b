# SPDX-License-Identifier: BSD-2-Clause
"""Forged results under our id do not survive; everything else does, also
what OpenDKIM writes under the same id (design §6.6, AR-06, AR-09, AR-10)."""
import os
import subprocess

import pytest

from rig.client import CLIENT, LOCAL, send
from rig.wait import until

OURS = "ours.example"
CONFIG = """
mode = enforce
hosted_domains = {"ours.example=enforce"}
authserv_id = "mx.rig.example"
rule "our promise" { to_policy = enforce  require = tls  action = reject }
rule "tag" { from = "tag.example"  require = tls  action = tag }
"""

FORGED = [
    "mx.rig.example; x-tls=pass smtp.version=TLSv1.3",
    "MX.RIG.EXAMPLE; X-TLS=pass",
    "mx.rig.example 1; x-tls=pass",
    '"mx.rig.example"; x-tls=pass',
    "(c) mx.rig.example (x (nested) y) ; (z) x-tls (q) = (r) pass",
    "mx.rig.example.; x-tls=pass",
    "\n\tmx.rig.example;\n\tx-tls=pass",
    "mx.rig.example; spf=pass smtp.mailfrom=a@b; x-tls=pass",
    "mx.rig.example; x-tls/1=pass",
    "mx.rig.example; " + "x" * 900 + "\n\t; x-tls=pass",
]
GENUINE = [
    "mx.rig.example; dkim=pass header.d=client.example",
    "mx.rig.example; dmarc=pass header.from=client.example",
    "mx.rig.example; none",
    "other.example; x-tls=pass smtp.version=TLSv1.3",
    "mx.rig.example.evil.example; x-tls=pass",
    "other.example; dkim=pass reason=\"mx.rig.example; x-tls=pass\"",
]


def text_with(fields, subject):
    body = "".join("%s: %s\n" % field for field in fields)
    return body + "Subject: %s\nFrom: a@client.example\n\nhello\n" % subject


def results(message):
    return message.all("Authentication-Results")


def plain(value):
    return " ".join(value.split())


@pytest.mark.parametrize("number", range(len(FORGED)))
def test_each_spelling_is_removed(mx, number):
    _, server = mx(CONFIG)
    send("a@client.example", "b@" + OURS, tls=True, message=text_with(
        [("Authentication-Results", FORGED[number])], "forged"))
    message = server.wait_delivered("forged")
    assert results(message) == []


def test_all_forgeries_go_and_all_others_stay(mx):
    daemon, server = mx(CONFIG)
    fields = []
    for i, value in enumerate(FORGED):
        name = ("Authentication-Results", "authentication-results",
                "AUTHENTICATION-RESULTS")[i % 3]
        fields.append((name, value))
        if i < len(GENUINE):
            fields.append(("Authentication-Results", GENUINE[i]))
        fields.append(("X-TLS-Policy" if i % 2 else "x-tls-policy", "no"))
    fields.append(("ARC-Authentication-Results",
                   "i=1; mx.rig.example; x-tls=pass"))
    send("a@client.example", "b@" + OURS, tls=True,
         message=text_with(fields, "mixed"))
    message = server.wait_delivered("mixed")
    assert [plain(v) for v in results(message)] == GENUINE
    assert message.all("X-TLS-Policy") == []
    assert len(message.all("ARC-Authentication-Results")) == 1
    line = daemon.wait_log("action=accept")
    assert "forged=%d" % (2 * len(FORGED)) in line.text


@pytest.mark.parametrize("value", [
    "mx.rig.example; x-tls=pass;\n" + "\tx-pad=none\n" * 5000 + "\tx-y=z",
    "mx.rig.example;\n" + "\tx-pad=none;\n" * 4500 + "\tx-tls=pass",
    "mx.rig.example;\n" + "\tx-pad=none;\n" * 9000 + "\tx-tls=pass"],
    ids=["at the start", "at the end", "beyond what Postfix keeps"])
def test_a_huge_field_does_not_survive(mx, value):
    _, server = mx(CONFIG)
    send("a@client.example", "b@" + OURS, tls=True, message=text_with(
        [("Authentication-Results", value)], "huge"))
    fields = results(server.wait_delivered("huge"))
    assert not any("x-tls" in field for field in fields)


def test_ours_replaces_the_forgery(mx):
    _, server = mx(CONFIG)
    send("a@tag.example", "b@theirs.example", message=text_with(
        [("Authentication-Results", FORGED[0]), ("X-TLS-Policy", "fine")],
        "tagged"))
    message = server.wait_delivered("tagged")
    assert len(results(message)) == 1
    assert "x-tls=fail" in results(message)[0]
    assert "policy.rule=tag" in results(message)[0]
    assert len(message.all("X-TLS-Policy")) == 1
    names = [n for n in message.names
             if n not in ("Return-Path", "X-Original-To", "Delivered-To")]
    assert names[:3] == ["Authentication-Results", "X-TLS-Policy",
                         "Received"]


def test_strip_all_removes_every_field_under_our_id(mx):
    _, server = mx(CONFIG + "strip_ar = all\n")
    send("a@client.example", "b@" + OURS, tls=True, message=text_with(
        [("Authentication-Results", v) for v in GENUINE], "all"))
    assert [plain(v) for v in results(server.wait_delivered("all"))] == \
        GENUINE[3:]


@pytest.mark.parametrize("config, source", [
    (CONFIG + 'relays = {"198.51.100.0/24"}\n', CLIENT), (CONFIG, LOCAL),
    (CONFIG + "authentication_results = none\n", CLIENT)],
    ids=["relay", "exempt client", "none"])
def test_who_is_left_alone(mx, config, source):
    _, server = mx(config)
    send("a@client.example", "b@" + OURS, tls=True, source=source,
         message=text_with([("Authentication-Results", FORGED[0]),
                            ("X-TLS-Policy", "x")], "alone"))
    message = server.wait_delivered("alone")
    assert len(results(message)) == 1
    assert len(message.all("X-TLS-Policy")) == 1


@pytest.fixture
def opendkim(folder, world):
    """A real OpenDKIM that verifies, under the same id as ours."""
    socket = "inet:8891@127.0.0.1"
    config = os.path.join(folder, "opendkim.conf")
    with open(config, "w") as file:
        file.write("Socket %s\nMode v\nAuthservID mx.rig.example\n"
                   "AlwaysAddARHeader yes\nSyslog yes\nBackground no\n"
                   "On-NoSignature accept\nOn-BadSignature accept\n"
                   "On-KeyNotFound accept\nOn-DNSError accept\n" % socket)
    process = subprocess.Popen(["opendkim", "-f", "-x", config])
    from rig.postfix import listening
    until(lambda: listening(8891), "OpenDKIM listens")
    yield "inet:127.0.0.1:8891"
    process.terminate()
    process.wait(30)


@pytest.mark.parametrize("order", ["before", "after"])
def test_opendkim_beside_us_keeps_its_field(mx, opendkim, order):
    ours = "inet:127.0.0.1:8899"
    chain = [opendkim, ours] if order == "before" else [ours, opendkim]
    _, server = mx(CONFIG + "authentication_results = all\n",
                   milter=" ".join(chain))
    send("a@client.example", "b@" + OURS, tls=True, message=text_with(
        [("Authentication-Results", FORGED[0]),
         ("Authentication-Results", "mx.rig.example; dkim=pass (forged) "
          "header.d=evil.example")], "both"))
    fields = results(server.wait_delivered("both"))
    assert sum("x-tls=pass smtp.version=TLSv1" in f for f in fields) == 1
    assert not any(plain(f) == plain(FORGED[0]) for f in fields)
    dkim = [f for f in fields if "dkim=" in f]
    assert len(dkim) == 1 and "dkim=none" in dkim[0]
    assert not any("evil.example" in f for f in fields)
