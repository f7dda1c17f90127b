# SPDX-License-Identifier: BSD-2-Clause
"""`tlsmilter check`: the command, its forms of output, what it remembers, and
services other than the mail hosts of a domain.
"""
import json
import os
import re
import ssl
import subprocess

import pytest

from conftest import RIG_DIR
from rig.broken import READERS
from rig.check import Checker, worst
from rig.daemon import Daemon
from rig.schemas import objects
from rig.zoo import Zoo

# What a domain without a policy has; see test_check_domain.py.
ALWAYS = ("mta-sts.absent", "tlsrpt.absent", "dane.none", "host.no-ipv6",
          "dane.rollover", "mta-sts.mode")
PLAIN = ["PIPELINING", "8BITMIME"]
NO = b"502 5.5.1 what?\r\n"
OLD = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2


def domain(world, *hosts, **options):
    options.setdefault("mode", None)
    return world.domain(mx=[host.name for host in hosts],
                        max_age=31 * 86400, **options)


# ---- what it remembers ------------------------------------------------------

def strip(host):
    """From now on the server does not offer STARTTLS."""
    host.script.extensions = PLAIN
    host.script.starttls = NO


def restore(host):
    host.script.extensions = PLAIN + ["STARTTLS"]
    host.script.starttls = None


def test_starttls_is_lost_and_comes_back(check, world, zoo):
    host = zoo.host()
    d = domain(world, host)
    for _ in range(3):
        assert check(d.name).report.faults(*ALWAYS) == {}
    strip(host)
    first = check(d.name)
    assert first.status == 2
    assert first.report.faults(*ALWAYS) == {"starttls.lost": "fail"}
    lost = first.report.one("starttls.lost")
    assert "3 of 3" in lost["text"]
    assert (lost["host"], lost["address"]) == (host.name, host.address)
    again = check(d.name).report.one("starttls.lost")
    assert again["since"] == first.report.data["started"]
    restore(host)
    back = check(d.name)
    assert back.status == 0
    assert back.report.faults(*ALWAYS) == {"starttls.back": "info"}
    assert check(d.name).report.faults(*ALWAYS) == {}


def test_what_was_seen_once_is_not_lost(check, world, zoo):
    """One good check may have been luck."""
    host = zoo.host()
    d = domain(world, host)
    check(d.name)
    strip(host)
    assert check(d.name).report.faults(*ALWAYS) == {
        "starttls.missing": "warn"}


def test_a_server_that_is_away_has_lost_nothing(check, world, zoo):
    host = zoo.host()
    d = domain(world, host)
    for _ in range(3):
        check(d.name)
    host.script.greeting = b"421 4.3.2 later\r\n"
    assert check(d.name).report.faults(*ALWAYS) == {"smtp.busy": "unknown"}
    host.script.greeting = None
    assert check(d.name).report.faults(*ALWAYS) == {}
    strip(host)
    assert "4 of 4" in check(d.name).report.one("starttls.lost")["text"]


def test_an_address_that_is_new_answers_for_its_host(check, world, zoo):
    """STARTTLS is not found again by moving to another address."""
    host = zoo.host()
    d = domain(world, host)
    for _ in range(3):
        check(d.name)
    host.set("", "A", zoo.animal("no-starttls").address)
    assert check(d.name).report.faults(*ALWAYS) == {"starttls.lost": "fail"}


@pytest.mark.parametrize("option", ["--forget", "--no-memory"])
def test_what_is_forgotten_is_not_missed(check, world, zoo, option):
    host = zoo.host()
    d = domain(world, host)
    for _ in range(3):
        check(d.name, *(["--no-memory"] if option == "--no-memory" else []))
    if option == "--forget":
        assert check.raw("--forget", d.name).status == 0
    strip(host)
    assert check(d.name).report.faults(*ALWAYS) == {
        "starttls.missing": "warn"}


def test_a_certificate_is_replaced(check, world, zoo):
    host = zoo.host()
    d = domain(world, host)
    check(d.name)
    host.script.certificate = "other-key"
    assert check(d.name).report.faults(*ALWAYS) == {
        "change.certificate": "info"}
    assert check(d.name).report.faults(*ALWAYS) == {}
    host.script.certificate = "untrusted"
    assert check(d.name).report.faults(*ALWAYS) == {
        "change.issuer": "info", "cert.chain": "info"}


def test_an_older_version_is_news(check, world, zoo):
    host = zoo.host()
    d = domain(world, host)
    check(d.name)
    host.script.versions = zoo.animal("tls-1.2").script.versions
    assert check(d.name).report.faults(*ALWAYS) == {"change.version": "warn"}
    assert check(d.name).report.faults(*ALWAYS) == {}


def test_tlsa_records_are_removed(check, world, zoo):
    host = zoo.host(tlsa=["3 1 1"])
    d = domain(world, host)
    check(d.name)
    host.tlsa()
    assert check(d.name).report.faults(*ALWAYS) == {"change.tlsa": "warn"}
    assert check(d.name).report.faults(*ALWAYS) == {}


@pytest.mark.parametrize("change, faults", [
    (dict(mode="testing", id="2"), {"change.weakened": "warn"}),
    (dict(mode="none", id="2"), {"change.weakened": "warn"}),
    (dict(mode="enforce", id="2"), {"change.policy": "info"}),
    (dict(mode="testing", id="1"), {"change.weakened": "warn",
                                    "mta-sts.id": "warn"}),
    (None, {"change.weakened": "warn", "mta-sts.absent": "info"})])
def test_a_policy_is_changed(check, world, zoo, change, faults):
    d = domain(world, zoo.host(), mode="enforce")
    check(d.name)
    if change:
        d.policy(max_age=31 * 86400, **change)
    else:
        d.txt()
    quiet = ("tlsrpt.absent", "dane.none", "host.no-ipv6", "mta-sts.mode")
    assert check(d.name).report.faults(*quiet) == faults


def test_mx_records_are_changed(check, world, zoo):
    one, two = zoo.host(), zoo.host()
    d = domain(world, one)
    check(d.name)
    d.set("", "MX", "10 %s." % two.name)
    report = check(d.name).report
    assert report.faults(*ALWAYS) == {"change.mx": "info"}
    assert report.one("change.mx")["evidence"] == [
        "+ 10 " + two.name, "- 10 " + one.name]


def test_targets_have_memories_of_their_own(check, world, zoo):
    host = zoo.host()
    one, two = domain(world, host), domain(world, host)
    for _ in range(3):
        check(one.name)
    strip(host)
    result = check(one.name, two.name)
    assert result[one.name].faults(*ALWAYS) == {"starttls.lost": "fail"}
    assert result[two.name].faults(*ALWAYS) == {"starttls.missing": "warn"}


# ---- where we stand ---------------------------------------------------------

def test_nothing_can_be_said_without_dns(daemon, world, zoo):
    d = domain(world, zoo.host())
    check = Checker(daemon('dns {\n  timeout = 1s\n  trust_anchor = "%s"\n}'
                           % world.trust_anchor, start=False))
    world.dns.stop()
    result = check(d.name)
    assert result.status == 3
    assert result.report.faults("resolver.dnssec") == {
        "resolver.failed": "unknown"}


def test_a_resolver_without_dnssec_is_named(check, world, zoo):
    """No records are "not there" when DNSSEC was stripped."""
    d = domain(world, zoo.host(tlsa=["3 1 1"]))
    world.dns.strip = True
    result = check(d.name)
    assert result.status == 3
    assert result.report.one("resolver.dnssec")["status"] == "unknown"
    assert not {"dane.none", "dane.error", "dane.mismatch",
                "mx.bogus"} & set(result.report.faults())


def test_port_25_may_be_blocked_from_here(check, world, zoo):
    hole, good = zoo.host("black-hole"), zoo.host()
    d = domain(world, hole)
    faults = {"egress.port25": "unknown"}
    assert check(d.name, timeout=1).report.faults(*ALWAYS) == faults
    report = check(d.name, "--control", hole.name, timeout=1).report
    assert report.faults(*ALWAYS) == faults
    assert report.data["vantage"]["port25"] == "blocked"
    report = check(d.name, "--control", good.name, timeout=1).report
    assert report.faults(*ALWAYS) == {"host.unreachable": "fail"}
    assert report.data["vantage"]["port25"] == "open"


def test_one_family_only(check, world, zoo):
    host = zoo.host()
    host.set("", "AAAA", zoo.animal(address="2001:db8:2::25").address)
    d = domain(world, host)
    for option, wanted in (("-4", host.address), ("-6", "2001:db8:2::25")):
        tried = [a["address"] for a in check(d.name, option).report.addresses
                 if a["stages"][0]["state"] != "skipped"]
        assert tried == [wanted]


def test_two_connections_are_enough(check, world, zoo):
    """And no mail is sent: a server sees EHLO, STARTTLS and QUIT."""
    for kind in ("good", "no-starttls", "garbage-tls", "busy"):
        host = zoo.host(kind)
        report = check(domain(world, host).name).report
        assert host.animal.connections == report.data["connections"]
        assert host.animal.connections <= (1 if kind == "busy" else 2)


def test_the_name_is_said_and_asked_for(check, world, zoo):
    host = zoo.host()
    report = check(domain(world, host).name, "--ehlo",
                   "probe.example").report
    assert report.data["vantage"]["ehlo"] == "probe.example"
    assert report.address["tls"]["sni"] == host.name
    assert report.address["second"]["kind"] == "no-sni"


# ---- asked for --------------------------------------------------------------

def test_injection_is_looked_for_if_asked(check, world, zoo):
    good, bad = (domain(world, zoo.host(kind))
                 for kind in ("good", "injectable"))
    result = check(good.name, bad.name, "--probe", "injection")
    assert result[bad.name].faults(*ALWAYS) == {"starttls.injection": "fail"}
    assert result[good.name].faults(*ALWAYS) == {}
    assert "starttls.injection" in result[good.name].good()
    assert "starttls.injection" not in check(good.name).report.good()


def test_deep_lists_versions_and_ciphers(check, world, zoo):
    new, old, cbc = (domain(world, zoo.host(kind))
                     for kind in ("good", "old-too", "cbc"))
    result = check(new.name, old.name, cbc.name, "--deep")
    deep = result[cbc.name].address["deep"]
    assert deep["versions"] == ["TLSv1.2"] and deep["complete"]
    assert deep["ciphers"] == ["TLSv1.2 ECDHE-ECDSA-AES128-SHA"]
    assert result[old.name].faults(*ALWAYS) == {"tls.deep": "info"}
    assert result[old.name].address["deep"]["versions"] == [
        "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]
    assert result[new.name].faults(*ALWAYS) == {}
    assert result[new.name].address["deep"]["versions"] == [
        "TLSv1.2", "TLSv1.3"]


# ---- strange replies --------------------------------------------------------

# name: (members of rig.broken.Script, what is then found)
STRANGE = {
    "a keyword that begins alike": (
        dict(extensions=["STARTTLSX"], starttls=NO),
        {"starttls.missing": "warn"}),
    "NUL in the keyword": (
        dict(ehlo=b"250-zoo\r\n250-START\0TLS\r\n250 8BITMIME\r\n",
             starttls=NO), {"starttls.missing": "warn"}),
    "lines end with LF alone": (
        dict(ehlo=b"250-zoo\n250 STARTTLS\n"), {}),
    "lines end with CR alone": (
        dict(ehlo=b"250-zoo\r250 STARTTLS\r"), {"smtp.silent": "unknown"}),
    "codes differ in a reply": (
        dict(ehlo=b"250-zoo\r\n251 STARTTLS\r\n"),
        {"smtp.greeting": "fail"}),
    "EHLO later": (dict(ehlo=b"451 later\r\n"), {"smtp.busy": "unknown"}),
    "a greeting without text": (dict(greeting=b"220\r\n"), {}),
    "two digits": (dict(greeting=b"22\r\n"), {"smtp.greeting": "fail"}),
    "a sign": (dict(greeting=b"-20 zoo\r\n"), {"smtp.greeting": "fail"}),
    "an endless line": (dict(greeting=b"220 " + b"x" * 200000 + b"\r\n"),
                        {"smtp.greeting": "fail"}),
    "endless lines": (dict(greeting=b"220-zoo\r\n" * 5000 +
                           b"220 zoo\r\n"), {"smtp.greeting": "fail"}),
    "not ASCII": (dict(greeting=b"220 z\xc3\xb6\xe2\x80\xae\x9b2J\r\n"),
                  {}),
    "STARTTLS wants more": (dict(starttls=b"354 go\r\n"),
                            {"starttls.refused": "fail"}),
    "STARTTLS at another time": (dict(starttls=b"421 bye\r\n"),
                                 {"starttls.unavailable": "unknown"}),
    "closed after EHLO": (dict(close_after=1),
                          {"starttls.unavailable": "unknown"}),
    "no encryption": (dict(ciphers="ECDHE-ECDSA-NULL-SHA", versions=OLD),
                      {"tls.handshake": "fail"}),
    "no certificate": (dict(ciphers="ADH-AES128-SHA", versions=OLD),
                       {"tls.handshake": "fail"}),
    "closing inside": (dict(ehlo_inside=b"421 bye\r\n"),
                       {"smtp.busy": "unknown"}),
    "nonsense inside": (dict(ehlo_inside=b"\0\xff\r\n"),
                        {"tls.ehlo": "fail"}),
}


@pytest.fixture(scope="module")
def strange(_world, syslog, residents):
    zoo = Zoo(_world, residents)
    with _world.knot.together():
        names = {name: domain(_world, zoo.host(**script)).name
                 for name, (script, _) in STRANGE.items()}
    check = Checker(Daemon(os.path.join(RIG_DIR, "check-strange"), _world,
                           syslog))
    result = check(*names.values(), "--jobs", "32")
    zoo.stop()
    return {name: result[target] for name, target in names.items()}


@pytest.mark.parametrize("name", STRANGE)
def test_a_strange_reply_is_taken_for_what_it_is(strange, name):
    assert strange[name].faults(*ALWAYS) == STRANGE[name][1]


# ---- services ---------------------------------------------------------------

READER_FAULTS = {
    "imap-no-starttls": {"starttls.missing": "fail"},
    "imap-preauth": {"starttls.refused": "fail"},
    "imap-bye": {"smtp.busy": "unknown"},
    "imap-refused": {"starttls.refused": "fail"},
    "imap-early": {"starttls.early": "fail"},
    "imaps-expired": {"cert.expiry": "fail"},
    "pop3-no-stls": {"starttls.missing": "fail"},
    # It may be meant for us alone, or for now, as 554 and 421 are.
    "pop3-error": {"smtp.greeting": "unknown"},
    "smtps-clear": {"tls.handshake": "fail"},
    "submission-no-starttls": {"starttls.missing": "fail"},
}


def option(script):
    """That of the service."""
    return "--" + {25: "smtp", 587: "submission", 465: "smtps", 143: "imap",
                   993: "imaps", 110: "pop3", 995: "pop3s"}[script.port]


@pytest.mark.parametrize("kind", READERS)
def test_services_of_people_must_have_tls(check, zoo, kind):
    host = zoo.host(kind)
    result = check(option(host.script), host.name)
    report = result.report
    faults = READER_FAULTS.get(kind, {})
    assert report.faults(*ALWAYS) == faults
    assert result.status == report.exit == worst(faults)
    assert report.target == "%s %s:%d" % (
        option(host.script)[2:], host.name, host.script.port)
    assert report.data["mx"] is None and report.data["mta_sts"] is None


@pytest.mark.parametrize("kind, faults", [
    ("expired", {"cert.expiry": "fail"}), ("untrusted", {"cert.chain":
                                                         "fail"}),
    ("wrong-name", {"cert.name": "fail"}), ("tls-1.0", {
        "tls.version": "fail", "tls.cipher": "info"})])
def test_people_want_certificates_that_are_right(check, zoo, kind, faults):
    host = zoo.host(kind, port=587)
    assert check("--submission", host.name).report.faults(*ALWAYS) == faults


@pytest.mark.parametrize("name, ports", [
    ("postfix", (25, 587, 465)), ("sendmail", (25, 587, 465)),
    ("exim", (25, 587, 465)), ("dovecot", (143, 993, 110, 995))])
def test_real_servers_are_good(check, zoo, name, ports):
    """Down to commands behind STARTTLS."""
    host = zoo.real(name)
    options = {25: "smtp", 587: "submission", 465: "smtps", 143: "imap",
               993: "imaps", 110: "pop3", 995: "pop3s"}
    result = check("--probe", "injection", *(
        word for port in ports for word in ("--" + options[port],
                                            host.name)))
    assert len(result.reports) == len(ports)
    for report in result.reports:
        assert report.faults(*ALWAYS) == {}, report.target
        assert report.address["tls"]["version"] == "TLSv1.3"
        if report.data["protocol"] in ("smtp", "submission", "imap", "pop3"):
            assert "starttls.injection" in report.good(), report.target


def test_ports_and_addresses_can_be_given(check, zoo):
    host = zoo.host("imap", port=1143)
    for target in ("%s:1143" % host.name, "%s:1143" % host.address,
                   "[%s]:1143" % host.address):
        report = check("--imap", target).report
        assert report.faults(*ALWAYS) == {}, target
        assert report.address["port"] == 1143
    assert "cert.name" not in report.good()


# ---- forms of output --------------------------------------------------------

FORMATS = ("text", "json", "ndjson", "nagios", "prometheus")


@pytest.fixture(scope="module")
def four(_world, residents):
    """Domains with exit status 0 to 3."""
    zoo = Zoo(_world, residents)
    kinds = ("good", "no-starttls", "not-meant", "unavailable")
    with _world.knot.together():
        names = [domain(_world, zoo.host(kind)).name for kind in kinds]
    yield names
    zoo.stop()


@pytest.mark.parametrize("format", FORMATS)
def test_the_exit_status_is_the_same_in_every_format(check, four, format):
    for status, name in enumerate(four):
        assert check(name, format=format).status == status, name


@pytest.mark.parametrize("targets, status", [
    ((0,), 0), ((0, 1), 1), ((1, 3), 3), ((2, 3), 2), ((0, 1, 2, 3), 2)])
def test_the_worst_target_decides(check, four, targets, status):
    result = check(*(four[n] for n in targets))
    assert result.status == status
    assert json.loads(result.out)["exit"] == status
    assert [r.exit for r in result.reports] == list(targets)


@pytest.mark.parametrize("format", FORMATS)
def test_what_makes_it_fail_can_be_chosen(check, four, format):
    for n, fail_on, status in ((1, "warn", 1), (1, "fail", 0), (3, "fail", 3),
                               (2, "fail", 2), (2, "never", 0)):
        assert check(four[n], "--fail-on", fail_on,
                     format=format).status == status, (n, fail_on)


def test_each_format_is_what_it_says(check, four):
    def run(format):
        return check(*four, format=format).out
    lines = [json.loads(line) for line in run("ndjson").splitlines()]
    assert sorted(one["target"] for one in lines) == sorted(four)
    for one in lines:
        assert one["schema"] == "tlsmilter/check-1"
    first = run("nagios").splitlines()[0]
    assert re.match(r"TLS FAIL - .*\| ?\S+=\S+", first), first
    metrics = run("prometheus")
    for line in metrics.splitlines():
        assert re.match(r"# (HELP|TYPE) |\w+(\{.*\})? -?[\d.e+]+$", line), line
    for name in four:
        assert 'target="%s"' % name in metrics


def test_ndjson_is_valid_line_by_line(check, four):
    assert len(objects(check(*four, format="ndjson"))) == len(four)


def test_json_is_short_for_format_json(check, four):
    one = check.raw("--json", "--timeout", "2", four[0])
    assert json.loads(one.out)["schema"] == "tlsmilter/check-1"


def test_quiet_says_nothing_when_all_is_well(check, world, zoo):
    host = zoo.host(tlsa=["2 1 1"])
    host.set("", "AAAA", zoo.animal(address="2001:db8:2::25").address)
    d = domain(world, host, mode="enforce")
    d.set("_smtp._tls", "TXT", '"v=TLSRPTv1; rua=mailto:t@rig.example"')
    good = check.raw("-q", "--timeout", "2", d.name)
    assert (good.status, good.out, good.err) == (0, "", "")
    strip(host)
    bad = check.raw("-q", "--timeout", "2", d.name)
    assert bad.status == 2 and "starttls.missing" in bad.out


def test_text_is_for_people(check, four):
    text = check(*four, format="text").out
    for word in ("starttls.missing", "starttls.refused",
                 "starttls.unavailable", *four):
        assert word in text
    assert max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text
    assert text.splitlines()[-1].startswith("Result: ")
    assert "EHLO" in check(four[0], "-v", format="text").out


def test_colour_is_for_terminals_that_want_it(check, four):
    """No colour without a terminal; on one, NO_COLOR turns it off."""
    command = [os.path.join(os.environ["TLSMILTER_BUILD"], "tlsmilter"),
               "check", "-c", check.daemon.file, "--timeout", "2", four[1]]

    def on_terminal(**env):
        ours, theirs = os.openpty()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs,
            env=dict(os.environ, TERM="xterm", **env))
        os.close(theirs)
        out = b""
        try:
            while True:
                out += os.read(ours, 4096)
        except OSError:     # all of it was read
            os.close(ours)
        assert process.wait(60) == 1
        return out.decode()

    assert re.search(r"\x1b\[[0-9;]+m", on_terminal())
    assert not re.search(r"\x1b\[[0-9;]*m", on_terminal(NO_COLOR="1"))


def test_hostile_text_is_cleaned(check, world, zoo):
    """ST-C-07: nothing a server says reaches a terminal as it is."""
    host = zoo.host("no-starttls")
    host.script.ehlo = (b"250-zoo \x1b[31mred\x1b[0m \xff\x00\x07\r\n"
                        b"250 XXXXXXXA\x9b2J\r\n")
    d = domain(world, host)
    for format in FORMATS:
        out = check(d.name, format=format).out
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", out), format
    text = check(d.name, "-v", format="text").out
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", text)


# ---- the command line -------------------------------------------------------

@pytest.mark.parametrize("arguments", [
    (), ("a b",), ("--format", "xml", "d.example"), ("--timeout", "0",
                                                     "d.example"),
    ("--timeout", "soon", "d.example"), ("--fail-on", "info", "d.example"),
    ("--probe", "smuggling", "d.example"), ("--jobs", "0", "d.example"),
    ("--max-mx", "-1", "d.example"), ("--imap", ":143"),
    ("-4", "--imap", "2001:db8::1"), ("-6", "--smtp", "192.0.2.1"),
    ("--imap", "mx.example:0"), ("--imap", "mx.example:65536"),
    ("--ehlo", "a b", "d.example"), ("--explain", "no.such"),
    ("--json", "--format", "text", "d.example"), ("--no-such",),
    ("..",), ("d.example:25",)])
def test_wrong_arguments_are_usage_errors(check, arguments):
    result = check.raw(*arguments)
    assert result.status == 64
    assert result.out == "" and result.err


def test_explain_knows_every_id(check, four):
    ids = [line.split()[0] for line in
           check.raw("--explain", "list").out.splitlines() if line.strip()]
    assert "starttls.lost" in ids and ids == sorted(ids)
    seen = {f["id"] for report in check(*four).reports
            for f in report.findings}
    assert seen <= set(ids)
    for name in ("starttls.lost", "dane.mismatch"):
        result = check.raw("--explain", name)
        assert result.status == 0 and name in result.out


def test_only_the_first_hosts_are_tested_if_wanted(check, world, zoo):
    hosts = [zoo.host() for _ in range(3)]
    report = check(domain(world, *hosts).name, "--max-mx", "2").report
    assert [h["name"] for h in report.data["hosts"]] == [
        h.name for h in hosts[:2]]
    assert "mx.cut" in report.faults()


def test_a_target_named_twice_is_checked_once(check, world, zoo):
    host = zoo.host()
    name = domain(world, host).name
    assert len(check(name, name.upper(), name + ".").reports) == 1
    assert host.animal.connections == 2
