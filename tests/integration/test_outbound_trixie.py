# SPDX-License-Identifier: BSD-2-Clause
"""What Postfix 3.10 and Sendmail 8.18 of Debian 13 make of the socketmap's
answers, by mail they deliver or do not.

Postfix 3.10 takes TLSRPT attributes and compares MX hosts with the policy's
patterns; Sendmail 8.18 has FEATURE(sts). Those of Debian 12 have neither.
"""
import json
import os
import re
import signal
import socket

import pytest

from rig.trixie import Sender310
from rig.wait import LIMIT, until

CONFIG = """
socketmap = {"inet:8461@127.0.0.1", "inet:5461@127.0.0.1"}
postfix { version = "%s"  dane = %s }
"""
# What Postfix says of an answer it does not understand (PF-TP-08).
CONFUSED = "client TLS configuration problem"
LOOKUP_FAILED = "450 4.7.0 .*STS lookup temp fail"


@pytest.fixture
def outbound(daemon):
    """outbound(version, dane): a daemon that answers for that Postfix."""
    return lambda version="3.10", dane="no": daemon(CONFIG % (version, dane))


@pytest.fixture
def postfix310(sender):
    """postfix310(map, main={…}): that Postfix, with that map of ours."""
    return lambda name="postfix", **main: sender(
        kind=Sender310, main=dict(smtp_tls_policy_maps=table(name), **main))


@pytest.fixture
def domain(world, receivers):
    """domain(kind…, allow=…, …): a domain whose MX hosts, the best one
    first, are receivers of these kinds: .hosts. allow: what its policy
    names, patterns or the numbers of hosts; default all hosts. The rest is
    as for world.domain()."""

    def make(*kinds, allow=None, **options):
        hosts = [receivers.host(kind) for kind in kinds]
        allow = range(len(hosts)) if allow is None else allow
        d = world.domain(mx=[hosts[a].name if isinstance(a, int) else a
                             for a in allow], **options)
        d.set("", "MX", *["%d %s." % (rank, host.name)
                          for rank, host in enumerate(hosts)])
        d.hosts = hosts
        return d

    return make


@pytest.fixture
def connected(syslog):
    """connected(host): whether a Postfix that logs TLS ever was."""
    return lambda host: syslog.find(
        r"connection established to %s\[" % host.name, "postfix-out/")


@pytest.fixture
def signed(world):
    """DNS that validates for whoever asks, as Postfix needs it for DANE."""
    world.dns.validate = True


def table(name):
    return "socketmap:inet:127.0.0.1:8461:" + name


def refused(fate):
    """Deferred, and not because the answer was not understood."""
    return fate.status == "deferred" and CONFUSED not in fate.reason


# ---- Postfix 3.10 -----------------------------------------------------------

def test_postfix_310_takes_the_tlsrpt_attributes(outbound, postfix310,
                                                 domain):
    """PF-TP-16."""
    outbound()
    out = postfix310()
    d = domain("good")
    assert out.postmap(d.name) == (0, (
        "secure match={mx} servername=hostname policy_type=sts "
        "policy_domain={d} mx_host_pattern={mx} "
        "{{ policy_string = version: STSv1 }} "
        "{{ policy_string = mode: enforce }} "
        "{{ policy_string = mx: {mx} }} "
        "{{ policy_string = max_age: 604800 }}").format(
            d=d.name, mx=d.hosts[0].name))
    fate = out.send(d.address("b"))
    assert (fate.status, fate.tls) == ("sent", "Verified"), fate


def test_postfix_310_skips_an_mx_host_outside_of_the_patterns(
        outbound, postfix310, domain, connected):
    """PF-TP-16: though its certificate is good. PF-TP-17: match= is there,
    or nothing would be enforced."""
    outbound()
    d = domain("good", "good", allow=[1])
    fate = postfix310().send(d.address("b"))
    assert (fate.status, fate.host) == ("sent", d.hosts[1].name), fate
    assert not connected(d.hosts[0])


def test_postfix_310_defers_if_no_mx_host_is_in_the_policy(
        outbound, postfix310, domain, connected):
    outbound()
    d = domain("good", allow=["mx.other.example"])
    fate = postfix310().send(d.address("b"))
    assert refused(fate), fate
    assert not connected(d.hosts[0])


@pytest.mark.parametrize("kind", ["other-name", "untrusted", "expired",
                                  "no-starttls"])
def test_postfix_310_defers_without_the_promised_tls(outbound, postfix310,
                                                     domain, kind):
    outbound()
    d = domain(kind)
    fate = postfix310().send(d.address("b"))
    assert refused(fate), fate


@pytest.mark.parametrize("mode", ["testing", "none", None])
def test_postfix_310_delivers_where_nothing_is_enforced(outbound, postfix310,
                                                        domain, mode):
    outbound()
    d = domain("no-starttls", mode=mode)
    fate = postfix310().send(d.address("b"))
    assert fate.status == "sent", fate


def test_postfix_310_takes_wildcard_patterns(outbound, postfix310, domain):
    """tlspol#94: "*.x" in mx_host_pattern, ".x" in match."""
    outbound()
    out = postfix310()
    d = domain("good", allow=["*.hosts.example"])
    answer = out.postmap(d.name)[1]
    assert answer.startswith("secure match=.hosts.example servername=")
    assert " mx_host_pattern=*.hosts.example { " in answer
    fate = out.send(d.address("b"))
    assert fate.status == "sent", fate


def test_postfix_310_takes_a_wildcard_as_one_label(outbound, postfix310,
                                                   domain, connected):
    """Which match=.example, for want of a better word, does not say
    (PF-TP-15)."""
    outbound()
    d = domain("good", allow=["*.example"])
    fate = postfix310().send(d.address("b"))
    assert refused(fate), fate
    assert not connected(d.hosts[0])


# Lines that a policy may have (STS-P-07). %s is a host with a certificate
# that the policy does not name.
HOSTILE = (
    "x: y } match=%s mx_host_pattern=%s {",
    "x: y } { policy_string = z",
    "x: {", "x: }", "x: {{}}", "x: }{",
    "x: y policy_type=no-policy-found match=%s mx_host_pattern=%s",
    "x:\tmatch=%s,mx_host_pattern=%s",
    "x: = , =",
    "x: \u00fc match=%s } match=%s",
    "policy_failure: validation-failure",
    "servername: %s",
)


def test_no_line_of_a_policy_changes_what_postfix_310_reads(
        outbound, postfix310, domain):
    """PF-TP-21: neither what is enforced nor that there is an answer."""
    outbound()
    out = postfix310()
    sent = []
    for line in HOSTILE:
        d = domain("good", "good", allow=[1])
        hostile = line.replace("%s", d.hosts[0].name).encode()
        d.host.body = d.host.body.replace(
            b"mode:", hostile + b"\r\nmode:", 1)
        sent.append((line, d, out.submit(d.address("b"))))
    for line, d, queue_id in sent:
        fate = out.fate(queue_id)
        assert (fate.status, fate.host) == ("sent", d.hosts[1].name), line


@pytest.mark.parametrize("name", ["QUERY", "QUERYwithTLSRPT"])
def test_the_maps_of_postfix_tlspol_work_with_postfix_310(
        outbound, postfix310, domain, name):
    """Whatever postfix.version says."""
    outbound("3.7")
    out = postfix310(name)
    d = domain("good")
    answer = out.postmap(d.name, name)[1]
    assert ("policy_type=sts" in answer) == (name == "QUERYwithTLSRPT")
    fate = out.send(d.address("b"))
    assert (fate.status, fate.tls) == ("sent", "Verified"), fate
    fate = out.send(domain("no-starttls").address("b"))
    assert refused(fate), fate


@pytest.mark.parametrize("name", ["postfix", "QUERY"])
def test_postfix_37_gets_only_attributes_it_knows(outbound, sender, domain,
                                                  name):
    """PF-TP-22."""
    outbound("3.7")
    out = sender(main={"smtp_tls_policy_maps": table(name)})
    d = domain("good")
    assert out.postmap(d.name, name) == (
        0, "secure match=%s servername=hostname" % d.hosts[0].name)
    fate = out.send(d.address("b"))
    assert (fate.status, fate.tls) == ("sent", "Verified"), fate


def test_postfix_37_cannot_use_what_is_said_to_310(outbound, sender, domain):
    """Why postfix.version matters (tlspol#6): all such mail waits."""
    outbound("3.10")
    fate = sender().send(domain("good").address("b"))
    assert fate.status == "deferred" and CONFUSED in fate.reason, fate


def test_postfix_310_reports_the_policy_it_was_given(outbound, postfix310,
                                                     domain, folder):
    """RFC 8460 §4.4: TLSRPT gets the type, the domain and the text of the
    policy from our answer."""
    outbound()
    path = os.path.join(folder, "tlsrpt.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as reports:
        reports.bind(path)
        reports.settimeout(LIMIT)
        os.chmod(path, 0o777)
        out = postfix310(smtp_tlsrpt_enable="yes",
                         smtp_tlsrpt_socket_name=path)
        d = domain("good")
        d.set("_smtp._tls", "TXT",
              '"v=TLSRPTv1; rua=mailto:tls@%s"' % d.name)
        assert out.send(d.address("b")).status == "sent"
        report = json.loads(reports.recv(65536))
    (policy,) = report["policies"]
    assert policy["policy-type"] == 2       # sts, in tlsrpt.h
    assert policy["policy-domain"] == d.name
    assert policy["policy-string"] == [
        "version: STSv1", "mode: enforce", "mx: " + d.hosts[0].name,
        "max_age: 604800"]
    assert policy["mx-host"] == [d.hosts[0].name]


# ---- Postfix 3.10 and DANE --------------------------------------------------

def test_postfix_310_does_dane_where_every_mx_host_has_it(
        signed, outbound, postfix310, domain):
    """DANE outranks the policy, which allows a certificate of any authority
    (RFC 8461 §2)."""
    outbound(dane="yes")
    out = postfix310()
    right, wrong = domain("self-signed"), domain("good")
    right.hosts[0].tlsa("3 1 1")
    wrong.hosts[0].tlsa("3 1 1 " + "ab" * 32)
    for d in (right, wrong):
        assert out.postmap(d.name) == (0, "dane-only")
    fate = out.send(right.address("b"))
    assert (fate.status, fate.tls) == ("sent", "Verified"), fate
    fate = out.send(wrong.address("b"))
    assert refused(fate), fate


def test_postfix_310_enforces_the_policy_where_dane_is_not_everywhere(
        signed, outbound, postfix310, domain):
    """By level dane the host without TLSA would get mail unauthenticated."""
    outbound(dane="yes")
    out = postfix310()
    d = domain("other-name", "good")
    d.hosts[0].tlsa("3 1 1")
    answer = out.postmap(d.name)[1]
    assert answer.startswith("secure match=") and "policy_type=sts" in answer
    fate = out.send(d.address("b"))
    assert (fate.status, fate.host) == ("sent", d.hosts[1].name), fate


def test_postfix_310_does_dane_where_some_mx_hosts_have_it(
        signed, outbound, postfix310, domain):
    """And no policy is enforced: a host without it gets mail as before, one
    with it only if its certificate is the right one."""
    outbound(dane="yes")
    out = postfix310()
    d = domain("good", "no-starttls", mode=None)
    d.hosts[0].tlsa("3 1 1 " + "ab" * 32)
    assert out.postmap(d.name) == (0, "dane")
    fate = out.send(d.address("b"))
    assert (fate.status, fate.host) == ("sent", d.hosts[1].name), fate


# ---- Sendmail 8.18 ----------------------------------------------------------

@pytest.fixture
def sendmail(sendmail818):
    """sendmail(arguments): a Sendmail with FEATURE(`sts'…)."""
    return lambda arguments="": sendmail818(
        "FEATURE(`sts'%s)dnl\n" % arguments)


@pytest.mark.parametrize("arguments", [
    "", ", `socket -d5 -T<TMPF> inet:8461@127.0.0.1'"],
    ids=["its port", "ours"])
def test_sendmail_818_delivers_as_promised(outbound, sendmail, domain, syslog,
                                           arguments):
    """PF-SM-13: over the port that FEATURE(sts) asks by itself, and over
    the one that setup prints."""
    outbound()
    mark = syslog.mark()
    out = sendmail(arguments)
    fate = out.send(domain("exact").address("b"))
    assert (fate.status, fate.tls) == ("sent", "OK"), fate
    # Without the name at its end, the answer would not ask for SNI.
    assert syslog.find("tls_clt_features=parsed, servername=hostname",
                       "sendmail", mark)


@pytest.mark.parametrize("kind, allow, reason", [
    ("other-name", None, "450 4.7.0 .* not listed in SANs"),
    ("untrusted", None, "403 4.7.0 authentication failed"),
    ("expired", None, "403 4.7.0 authentication failed"),
    ("no-starttls", None, "403 4.7.0 other side does not support STARTTLS"),
    ("exact", ["mx.other.example"], "450 4.7.0 .* not found in"),
])
def test_sendmail_818_defers_what_was_not_promised(
        outbound, sendmail, domain, kind, allow, reason):
    outbound()
    d = domain(kind, allow=allow)
    fate = sendmail().send(d.address("b"))
    assert fate.status == "deferred"
    assert re.search(reason, fate.reason), fate


@pytest.mark.parametrize("mode", ["testing", "none", None])
def test_sendmail_818_delivers_where_nothing_is_enforced(
        outbound, sendmail, domain, mode):
    outbound()
    d = domain("no-starttls", mode=mode)
    fate = sendmail().send(d.address("b"))
    assert fate.status == "sent", fate


def test_sendmail_818_hears_nothing_of_dane(signed, outbound, sendmail,
                                            domain):
    """PF-SM-13: it does DANE by itself, and "dane-only" would mean no check
    at all to FEATURE(sts)."""
    outbound(dane="yes")
    out = sendmail()
    enforced, free = domain("other-name"), domain("exact", mode=None)
    for d in (enforced, free):
        d.hosts[0].tlsa("3 1 1")
    assert out.lookup(enforced.name).startswith("secure match=")
    assert out.send(enforced.address("b")).status == "deferred"
    assert out.lookup(free.name) is None
    assert out.send(free.address("b")).status == "sent"


def test_sendmail_818_takes_wildcard_policies(outbound, sendmail, domain):
    """With a certificate for the host itself. One with a wildcard is
    refused by 8.18.1 whatever the policy: its rule for them never matches,
    which 8.18.2 mends."""
    outbound()
    out = sendmail()
    pattern = "*.hosts.example"
    fate = out.send(domain("exact", allow=[pattern]).address("b"))
    assert fate.status == "sent", fate
    fate = out.send(domain("exact", allow=["*.example"]).address("b"))
    assert fate.status == "deferred" and "not found in" in fate.reason, fate
    for allow in ([pattern], None):
        fate = out.send(domain("good", allow=allow).address("b"))
        assert fate.status == "deferred"
        assert "not listed in SANs" in fate.reason, fate


def test_sendmail_818_defers_while_the_lookup_is_under_way(
        outbound, sendmail, domain):
    """And delivers when it has ended. It waits 5 s for an answer, and gets
    one after 4."""
    outbound()
    out = sendmail()
    d = domain("exact")
    d.host.delay = 5
    assert out.send(d.address("b")).status == "deferred"
    until(lambda: out.lookup(d.name), "the policy is known")
    assert out.retry(d.address("b")).status == "sent"


def test_sendmail_818_never_hears_perm(outbound, sendmail, domain):
    """To PERM it would deliver without TLS. A resolver that hangs, then one
    that was killed, then no daemon at all: the mail waits for them."""
    one = outbound()
    out = sendmail()
    d = domain("exact")
    hung = one.child("resolver")
    os.kill(hung, signal.SIGSTOP)
    fate = out.send(d.address("b"))
    assert fate.status == "deferred"
    assert re.search(LOOKUP_FAILED, fate.reason), fate
    os.kill(hung, signal.SIGKILL)
    until(lambda: out.lookup(d.name), "the policy is known")
    assert out.retry(d.address("b")).status == "sent"
    one.stop()
    fate = out.send(d.address("c"))
    assert fate.status == "deferred"
    assert re.search(LOOKUP_FAILED, fate.reason), fate


def names(pattern, length):
    """As many names as fill a list of that length exactly."""
    made = []
    while len(":".join(made + [pattern % len(made)])) <= length:
        made.append(pattern % len(made))
    made[0] = "y" * (length - len(":".join(made))) + made[0]
    return made


@pytest.mark.parametrize("pattern", ["a.b%d", "%d." + "y" * 40 + ".example"],
                         ids=["short", "long"])
def test_the_longest_list_sendmail_818_reads_is_answered(
        outbound, sendmail, domain, pattern):
    """PF-SM-13: it reads 255 bytes. The host that takes the mail comes
    last."""
    outbound()
    out = sendmail()
    d = domain("exact")
    last = d.hosts[0].name
    d.policy(mx=names(pattern, 255 - len(":" + last)) + [last])
    assert len(out.lookup(d.name)) == len(
        "secure match= servername=hostname") + 255
    fate = out.send(d.address("b"))
    assert fate.status == "sent", fate


@pytest.mark.parametrize("length", [256, 900, 2000])
def test_a_list_too_long_for_sendmail_818_is_temporary(
        outbound, sendmail, domain, length):
    """PF-SM-13: of a longer list it would read a part, and one of some 900
    bytes with short names would make it deliver without TLS."""
    outbound()
    d = domain("no-starttls", allow=names("a.b%d", length))
    fate = sendmail().send(d.address("b"))
    assert fate.status == "deferred"
    assert re.search(LOOKUP_FAILED, fate.reason), fate


def test_sendmail_818_may_spell_a_domain_as_it_likes(outbound, sendmail,
                                                     domain):
    """It leaves the case and the final dot of a key given by hand, and
    takes them from a recipient's domain."""
    outbound()
    out = sendmail()
    d = domain("exact")
    for key in (d.name, d.name + ".", d.name.upper()):
        assert out.lookup(key).startswith("secure match=")
    for address in ("b@" + d.name.upper(), "b@" + d.name + "."):
        fate = out.send(address)
        assert (fate.status, fate.tls) == ("sent", "OK"), fate
