# SPDX-License-Identifier: BSD-2-Clause
"""`tlsmilter check` and the tools people use today agree on what a server
does: openssl s_client, posttls-finger and swaks. Where they do not, a table
says why, and the test asks for exactly that.
"""
import concurrent.futures
import os
import re
import subprocess

import pytest

from conftest import RIG_DIR
from rig.broken import CERTIFICATES, KINDS
from rig.check import Checker
from rig.daemon import Daemon
from rig.zoo import Zoo

REAL = ("postfix", "sendmail", "exim")
# Whoever waits for these waits long.
SLOW = {"silent", "tarpit", "silent-tls", "black-hole", "endless"}
SAME = [kind for kind in KINDS if kind not in SLOW and kind != "flapping"]
EVERY = [*REAL, *SAME]


def run(*command, stdin=""):
    """What a program writes, to both outputs."""
    return subprocess.run(
        command, input=stdin.encode(), stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=60).stdout.decode(errors="replace")


@pytest.fixture(scope="module")
def seen(_world, syslog, residents):
    """What check says of each kind, with the host: {kind: (host, report)}.
    TLSA records are those of the certificate."""
    zoo = Zoo(_world, residents)
    with _world.knot.together():
        hosts = {name: zoo.real(name, tlsa=["3 1 1"]) for name in REAL}
        hosts.update((kind, zoo.host(kind, tlsa=["3 1 1"]))
                     for kind in SAME)
        hosts["other TLSA"] = zoo.host(tlsa=["3 1 1 " + "ab" * 32])
    check = Checker(Daemon(os.path.join(RIG_DIR, "check-agree"), _world,
                           syslog))
    words = [word for host in hosts.values()
             for word in ("--smtp", host.name)]
    result = check("--jobs", "32", *words)
    found = {kind: (host, result["smtp %s:25" % host.name])
             for kind, host in hosts.items()}
    found["check"] = lambda host, *options: check("--smtp", host.name,
                                                  *options).report
    yield found
    zoo.stop()


@pytest.fixture(scope="module")
def answers(_world, seen):
    """answers(tool): what the function says of each kind, asked in
    parallel."""
    _world.dns.validate = True      # posttls-finger wants it for DANE
    folder = os.path.join(RIG_DIR, "posttls-finger")
    os.makedirs(folder)
    with open(os.path.join(folder, "main.cf"), "w") as file:
        file.write("compatibility_level = 3.6\n")
    os.environ["MAIL_CONFIG"] = folder
    known = {}

    def ask(tool, kinds=EVERY):
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            given = pool.map(lambda kind: tool(_world, seen[kind][0]), kinds)
            return dict(zip(kinds, given))

    def make(tool, **options):
        if tool not in known:
            known[tool] = ask(tool, **options)
        return known[tool]
    yield make
    del os.environ["MAIL_CONFIG"]


def compare(theirs, ours, differences):
    """What a tool says is what we say, but for what the table has."""
    wrong = {}
    for kind, said in theirs.items():
        expected = differences.get(kind, (ours(kind), ""))[0]
        if said != expected:
            wrong[kind] = said, expected
    assert wrong == {}


def test_each_difference_is_one(seen):
    """No line in a table for what is agreed upon."""
    for table, say in ((S_CLIENT, verified), (POSTTLS_FINGER, secure),
                       (POSTTLS_DANE, dane), (SWAKS, offered)):
        for kind, (said, why) in table.items():
            assert why and said != say(seen[kind][1]), kind


# ---- openssl s_client -------------------------------------------------------

MODERN = "TLSv1.3", "TLS_AES_256_GCM_SHA384"
# What s_client says, and why. It looks at no reply but that to EHLO.
S_CLIENT = {
    "not-here": ((*MODERN, "ok"), "it does not look at the greeting"),
    "garbage": ((*MODERN, "ok"), "it does not look at the greeting"),
    "early": ((*MODERN, "ok"), "it drops what is behind the reply, and goes "
              "on; a sender should not (RFC 3207 §4.2)"),
    "untrusted": ((*MODERN, "unable to verify the first certificate"),
                  "it shows the last error of several, we the first"),
    "no-intermediate": ((*MODERN, "unable to verify the first certificate"),
                        "it shows the last error of several, we the first"),
    "cn-only": ((*MODERN, "ok"),
                "it accepts a common name, RFC 8461 does not"),
}


def s_client(world, host):
    """(version, cipher, verification); None without TLS."""
    out = run("openssl", "s_client", "-starttls", "smtp", "-connect",
              host.address + ":25", "-servername", host.name, "-CAfile",
              world.ca_file, "-verify_hostname", host.name, "-cipher",
              "ALL:@SECLEVEL=0", stdin="QUIT\r\n")
    new = re.search(r"^New, (\S+), Cipher is (\S+)$", out, re.M)
    session = re.search(r"^ +Protocol +: (\S+)$", out, re.M)
    verify = re.search(r"^ *Verify return code: \d+ \((.*)\)$", out, re.M)
    if not new or new[1] == "(NONE)":
        return None
    # "New" has the first version that knew the cipher.
    return session[1] if session else new[1], new[2], verify[1]


def verified(report):
    tls = report.address["tls"]
    if not tls:
        return None
    verify = tls["chain"]["error"] if not tls["chain"]["good"] else (
        "ok" if tls["name"]["good"] else "hostname mismatch")
    return tls["version"], tls["cipher"], verify


def test_s_client_sees_the_same(seen, answers):
    compare(answers(s_client), lambda kind: verified(seen[kind][1]),
            S_CLIENT)


@pytest.mark.parametrize("name", REAL)
def test_s_client_finds_the_same_versions(seen, name):
    host = seen[name][0]
    check = seen["check"](host, "--deep").address["deep"]
    found = [text for text, option in (
        ("TLSv1", "-tls1"), ("TLSv1.1", "-tls1_1"), ("TLSv1.2", "-tls1_2"),
        ("TLSv1.3", "-tls1_3")) if "Cipher is (NONE)" not in run(
            "openssl", "s_client", "-starttls", "smtp", "-connect",
            host.address + ":25", option, "-cipher", "ALL:@SECLEVEL=0",
            stdin="QUIT\r\n")]
    assert check["versions"] == found and check["complete"]


# ---- posttls-finger ---------------------------------------------------------

POSTTLS_FINGER = {
    "hidden": (None, "it sends STARTTLS only if it is offered"),
    "long-line": (None, "it reads 2048 bytes of a line, and takes what is "
                  "behind them for another reply"),
    "early": (("Verified", *MODERN), "it drops what is behind the reply"),
    "tls-1.0": (None, "OpenSSL 3 does it at security level 0 only"),
    "tls-1.1": (None, "OpenSSL 3 does it at security level 0 only"),
    "without-sni": (("Untrusted", *MODERN), "it sends no name unless told "
                    "(-s); MTA-STS wants one (RFC 8461 §4.1)"),
    "cn-only": (("Verified", *MODERN), "it accepts a common name"),
    "sha1": (("Untrusted", *MODERN), "OpenSSL 3 trusts no SHA-1 signature at "
             "the security level it has; cert.signature says it"),
}
# With TLSA records, by a resolver that validates.
POSTTLS_DANE = {
    kind: POSTTLS_FINGER[kind]
    for kind in ("hidden", "long-line", "early", "tls-1.0", "tls-1.1")}


def finger(host, *options):
    out = run("posttls-finger", "-c", "-t", "5", "-T", "5", "-L", "summary",
              *options)
    found = re.search(r"(\w+) TLS connection established to %s\[%s\]:25: "
                      r"(\S+) with cipher (\S+)" % (
                          re.escape(host.name), host.address), out)
    return found and found.groups()


def finger_secure(world, host):
    return finger(host, "-l", "secure", "-F", world.ca_file,
                  "[%s]" % host.name, host.name)


def finger_dane(world, host):
    return finger(host, "-l", "dane-only", "[%s]" % host.name)


def trusted(tls, is_good):
    return tls and ("Verified" if is_good else "Untrusted", tls["version"],
                    tls["cipher"])


def secure(report):
    tls = report.address["tls"]
    return trusted(tls, tls and tls["chain"]["good"] and tls["name"]["good"])


def dane(report):
    tls = report.address["tls"]
    return trusted(tls, tls and tls["dane"]["matches"])


def test_posttls_finger_trusts_the_same(seen, answers):
    compare(answers(finger_secure), lambda kind: secure(seen[kind][1]),
            POSTTLS_FINGER)


def test_posttls_finger_finds_the_same_matches(seen, answers):
    kinds = [*REAL, "good", "other TLSA", "no-starttls", "without-sni",
             *POSTTLS_DANE, *CERTIFICATES]
    compare(answers(finger_dane, kinds=kinds),
            lambda kind: dane(seen[kind][1]), POSTTLS_DANE)


# ---- swaks ------------------------------------------------------------------

SWAKS = {
    "lower-case": ("not offered", "it looks for upper-case letters; keywords "
                   "have no case (RFC 5321 §2.4)"),
    "early": (MODERN, "it takes what is behind the reply for the answer to "
              "its next command"),
    "tls-1.0": ("no TLS", "OpenSSL 3 does it at security level 0 only"),
    "tls-1.1": ("no TLS", "OpenSSL 3 does it at security level 0 only"),
    "weak-key": ("no TLS", "OpenSSL 3 trusts no such key at the security "
                 "level it has; cert.key says it"),
    "sha1": ("no TLS", "OpenSSL 3 trusts no SHA-1 signature at the security "
             "level it has; cert.signature says it"),
}


def swaks(world, host):
    """(version, cipher), "no TLS", "not offered", None: no session."""
    out = run("swaks", "--server", host.address, "--tls", "--tls-sni",
              host.name, "--ehlo", "x.example", "--quit-after", "STARTTLS",
              "--timeout", "1", "--tls-verify", "--tls-ca-path",
              world.ca_file)
    found = re.search(r"TLS started with cipher ([^:]+):([^:]+):", out)
    if found:
        return found.groups()
    if "did not advertise STARTTLS" in out:
        return "not offered"
    return "no TLS" if "> STARTTLS" in out else None


def offered(report):
    """swaks looks at the chain, not at the name."""
    address = report.address
    if address["starttls"]["offered"] is None:
        return None
    if address["starttls"]["offered"] is False:
        return "not offered"
    tls = address["tls"]
    return (tls["version"], tls["cipher"]) if tls and tls["chain"][
        "good"] else "no TLS"


def test_swaks_sees_the_same(seen, answers):
    compare(answers(swaks), lambda kind: offered(seen[kind][1]), SWAKS)
