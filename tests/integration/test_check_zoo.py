# SPDX-License-Identifier: BSD-2-Clause
"""`tlsmilter check` and every server of the zoo, under every promise: the
same fault is information for a domain that promised nothing, and a failure
for one whose senders will not deliver.

One run checks all domains; a test looks at one of them.
"""
import os

import pytest

from conftest import RIG_DIR
from rig.broken import KINDS
from rig.check import Checker, worst
from rig.daemon import Daemon
from rig.zoo import Zoo

PROMISES = ("none", "testing", "enforce", "dane")

# What every domain here has, by promise.
ALWAYS = {
    "none": {"mta-sts.absent": "info", "dane.none": "info",
             "host.no-ipv6": "info"},
    "testing": {"mta-sts.mode": "info", "dane.none": "info",
                "host.no-ipv6": "info"},
    "enforce": {"dane.none": "info", "host.no-ipv6": "info"},
    "dane": {"mta-sts.absent": "info", "dane.rollover": "info",
             "host.no-ipv6": "info"},
}

NO_TLS = "warn warn fail fail"
PKIX = "info warn fail info"
FAIL = "fail fail fail fail"
UNKNOWN = "unknown unknown unknown unknown"
WARN = "warn warn warn warn"
INFO = "info info info info"

# kind: {id: its status under each promise}
EXPECTED = {
    "good": {},
    "refused": {"host.refused": FAIL},
    "black-hole": {"egress.port25": UNKNOWN},
    "silent": {"smtp.silent": UNKNOWN},
    "tarpit": {"smtp.silent": UNKNOWN},
    "busy": {"smtp.busy": UNKNOWN},
    "not-here": {"smtp.greeting": UNKNOWN},
    "garbage": {"smtp.greeting": FAIL},
    "multi-line": {},
    "hang-up": {"smtp.silent": UNKNOWN},
    "no-starttls": {"starttls.missing": NO_TLS},
    "masked": {"starttls.masked": NO_TLS},
    "no-ehlo": {"smtp.helo": NO_TLS},
    "no-hello": {"smtp.greeting": FAIL},
    "ehlo-421": {"smtp.busy": UNKNOWN},
    "hidden": {"starttls.hidden": NO_TLS},
    "lower-case": {},
    "long-line": {},
    "endless": {"smtp.greeting": FAIL},
    "flapping": {"starttls.flapping": NO_TLS},
    "unavailable": {"starttls.unavailable": UNKNOWN},
    "not-meant": {"starttls.refused": FAIL},
    "closes": {"tls.handshake": FAIL},
    "garbage-tls": {"tls.handshake": FAIL},
    "silent-tls": {"smtp.silent": UNKNOWN},
    "early": {"starttls.early": FAIL},
    "injectable": {},           # not looked for unless asked
    "offers-again": {"starttls.inside": WARN},
    "no-ehlo-inside": {"tls.ehlo": FAIL},
    "requiretls": {},
    "tls-1.0": {"tls.version": WARN, "tls.cipher": INFO},
    "tls-1.1": {"tls.version": WARN, "tls.cipher": INFO},
    "tls-1.2": {},
    "old-too": {},
    "rsa-exchange": {"tls.cipher": WARN},
    "cbc": {"tls.cipher": INFO},
    "without-sni": {"cert.no-sni": "info info warn warn"},
    "expired": {"cert.expiry": PKIX},
    "expires-soon": {"cert.expiry": PKIX},
    "not-yet": {"cert.expiry": PKIX},
    "self-signed": {"cert.chain": PKIX},
    "untrusted": {"cert.chain": PKIX},
    "wrong-name": {"cert.name": PKIX},
    "cn-only": {"cert.name": PKIX},
    "no-intermediate": {"cert.chain": PKIX},
    "client-only": {"cert.chain": PKIX},
    "weak-key": {"cert.key": NO_TLS},
    "sha1": {"cert.signature": "warn warn fail warn"},
    "rsa": {},
    "other-key": {},
}
# Their certificate is never seen, so nothing is known of the next one.
SEEN_NOTHING = {
    "refused", "black-hole", "silent", "tarpit", "busy", "not-here",
    "garbage", "hang-up", "no-starttls", "masked", "no-ehlo", "no-hello",
    "ehlo-421", "endless", "unavailable", "not-meant", "closes",
    "garbage-tls", "silent-tls", "early"}


def expected(kind, promise):
    faults = dict(ALWAYS[promise])
    if kind in SEEN_NOTHING:
        faults.pop("dane.rollover", None)
    for name, statuses in EXPECTED[kind].items():
        faults[name] = statuses.split()[PROMISES.index(promise)]
    return faults


def promise(world, promised, host):
    """A domain with that MX host, which wants reports."""
    mode = promised if promised in ("testing", "enforce") else None
    domain = world.domain(mode=mode, mx=[host.name], max_age=31 * 86400)
    domain.set("_smtp._tls", "TXT", '"v=TLSRPTv1; rua=mailto:t@%s"'
               % domain.name)
    return domain.name


@pytest.fixture(scope="module")
def runs(_world, syslog, residents):
    """What one run says of each kind and promise."""
    zoo = Zoo(_world, residents)
    names, hosts = {}, {}
    with _world.knot.together():
        for kind in KINDS:
            for promised in PROMISES:
                hosts[kind] = zoo.host(
                    kind, tlsa=["3 1 1"] if promised == "dane" else (),
                    # One server has many names, unless it counts.
                    like=kind != "flapping" and hosts.get(kind))
                names[kind, promised] = promise(_world, promised,
                                                hosts[kind])
    check = Checker(Daemon(os.path.join(RIG_DIR, "check-zoo"), _world,
                           syslog))
    result = check(*names.values(), "--jobs", "32")
    zoo.stop()
    return result, {key: result[name] for key, name in names.items()}


@pytest.mark.parametrize("promised", PROMISES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_server_is_judged_by_what_was_promised(runs, kind, promised):
    report = runs[1][kind, promised]
    faults = expected(kind, promised)
    assert report.faults() == faults
    assert report.exit == worst(faults)


def test_the_worst_of_all_is_the_exit_status(runs):
    assert runs[0].status == 2


def test_reports_come_in_the_order_of_the_targets(runs):
    result, reports = runs
    assert [r.target for r in result.reports] == [
        r.target for r in reports.values()]
