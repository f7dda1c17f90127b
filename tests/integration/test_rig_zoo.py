# SPDX-License-Identifier: BSD-2-Clause
"""Every server of the zoo (rig/zoo.py) is as broken as its kind says, and no
more; seen by a client that knows nothing of the scripts.
"""
import re
import socket
import ssl
import subprocess
import time

import pytest

from rig.broken import CERTIFICATES, KINDS, READERS
from rig.client import Smtp
from rig.zoo import ADDRESSES

VERIFIED = {
    "expired": "certificate has expired",
    "not-yet": "certificate is not yet valid",
    "self-signed": "self-signed certificate",
    "untrusted": "unable to get local issuer certificate",
    "wrong-name": "Hostname mismatch",
    "cn-only": "Hostname mismatch",
    "no-intermediate": "unable to get local issuer certificate",
    "client-only": "unsuitable certificate purpose",
    "weak-key": "EE certificate key too weak",
}
# What look() sees of the kinds that it does not see as good; a pattern.
SEEN = {
    "refused": "refused",
    "black-hole": "timed out",
    "silent": "timed out",
    "tarpit": "timed out",
    "busy": "421 ",
    "not-here": "554 ",
    "garbage": "not SMTP",
    "hang-up": "closed",
    "no-starttls": "EHLO offers no STARTTLS, 502",
    "masked": "EHLO offers no STARTTLS, 500",
    "no-ehlo": "EHLO 500, HELO 250",
    "no-hello": "EHLO 500, HELO 500",
    "ehlo-421": "EHLO 421, HELO closed",
    "hidden": "EHLO offers no STARTTLS, 220",
    "endless": "too many lines",
    "unavailable": "454 ",
    "not-meant": "502 ",
    "closes": "220, then no TLS",
    "garbage-tls": "220, then no TLS",
    "silent-tls": "220, then no TLS: .*timed out",
    "flapping": "EHLO offers no STARTTLS, 502",
    # Who does not look reads it as the answer to the next command.
    "early": "TLSv1.3 .* injected$",
    "offers-again": "STARTTLS inside",
    "no-ehlo-inside": "554 inside",
    "requiretls": "TLSv1.3 .* REQUIRETLS",
    "tls-1.0": "TLSv1 ",
    "tls-1.1": "TLSv1.1 ",
    "tls-1.2": "TLSv1.2 ",
    "rsa-exchange": "TLSv1.2 AES128-SHA",
    "cbc": "TLSv1.2 ECDHE-ECDSA-AES128-SHA",
    **{kind: "TLSv1.3 .*" for kind in CERTIFICATES if kind != "good"},
}
GOOD = "^TLSv1.3 "
PATIENCE = 0.5


def weak_context():
    """Whatever the server has will do."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


class Patience(Smtp):
    """A client that has had enough some day."""
    lines = 0

    def _line(self):
        self.lines += 1
        if self.lines > 100:
            raise OverflowError
        end = time.monotonic() + PATIENCE
        while b"\n" not in self._buffer:
            more = self.sock.recv(65536)
            if not more:
                raise EOFError
            self._buffer += more
            if time.monotonic() > end:
                raise TimeoutError
        return super()._line()


def look(address):
    """What becomes of a session, as a sentence."""
    try:
        with Patience(host=address, timeout=PATIENCE) as s:
            return _look(s)
    except OverflowError:
        return "too many lines"
    except TimeoutError:
        return "timed out"
    except ConnectionRefusedError:
        return "refused"
    except ValueError:
        return "not SMTP"
    except EOFError:
        return "closed"


def _look(s):
    if s.greeting.code != 220:
        return str(s.greeting)
    first = s.ehlo()
    if first.code != 250:
        try:
            return "EHLO %d, HELO %d" % (first.code, s.cmd("HELO x").code)
        except (EOFError, ConnectionError):
            return "EHLO %d, HELO closed" % first.code
    offered = "STARTTLS" in [line.upper() for line in first.lines]
    try:
        reply = s.starttls(weak_context())
    except OSError as error:
        return "220, then no TLS: %s" % error
    if not offered:
        return "EHLO offers no STARTTLS, %d" % reply.code
    if reply.code != 220:
        return str(reply)
    return _look_inside(s)


def _look_inside(s):
    second = s.ehlo()
    if second.code != 250:
        return "%d inside" % second.code
    if "STARTTLS" in second.lines:
        return "STARTTLS inside"
    return " ".join([s.version(), s.sock.cipher()[0], *second.lines])


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_what_it_is_called(zoo, kind):
    seen = look(zoo.animal(kind).address)
    assert re.search(SEEN.get(kind, GOOD), seen), seen


def verify(world, address, name, port=25):
    """What OpenSSL says of a certificate; None if it is good."""
    context = ssl.create_default_context(cafile=world.ca_file)
    context.hostname_checks_common_name = False
    with Smtp(host=address, port=port) as s:
        s.ehlo()
        try:
            s.cmd("STARTTLS")
            context.wrap_socket(s.sock, server_hostname=name).close()
        except ssl.SSLCertVerificationError as error:
            return error.verify_message
    return None


@pytest.mark.parametrize("kind", CERTIFICATES)
def test_certificates_are_right_or_wrong(zoo, world, kind):
    animal = zoo.animal(kind)
    said = verify(world, animal.address, "m1.zoo.example")
    if kind in VERIFIED:
        assert said and VERIFIED[kind] in said
    else:
        # OpenSSL does not mind SHA-1 here; it is a matter of its level.
        assert said is None or kind == "sha1"


def test_flapping_offers_in_every_other_session(zoo):
    address = zoo.animal("flapping").address
    seen = [look(address) for _ in range(4)]
    assert ["TLSv1.3" in one for one in seen] == [False, True, False, True]


def test_injected_commands_are_answered_inside(zoo):
    for kind, lines in (("injectable", 2), ("good", 1)):
        with Smtp(host=zoo.animal(kind).address) as s:
            s.ehlo()
            s.send(b"STARTTLS\r\nNOOP\r\n")
            assert s.reply().code == 220
            s._handshake()
            s.send("QUIT")
            codes = [s.reply().code for _ in range(lines)]
            assert codes[-1] == 221 and len(codes) == lines


def test_who_names_no_host_gets_another_certificate(zoo, world):
    address = zoo.animal("without-sni").address
    assert verify(world, address, "m1.zoo.example") is None
    out = s_client("-starttls", "smtp", "-noservername", "-connect",
                   address + ":25")
    assert "CN = *.zoo.example" in out
    assert "DNS:mx.other.example" in text_of(out)


def s_client(*arguments):
    return subprocess.run(
        ["openssl", "s_client", *arguments], input="QUIT\r\n", text=True,
        capture_output=True, timeout=20, errors="replace").stdout


def text_of(pem):
    return subprocess.run(["openssl", "x509", "-noout", "-text"], input=pem,
                          text=True, capture_output=True).stdout


WRONG_READERS = {
    "imap-no-starttls": rb"\* OK zoo.*IMAP4rev1\r.*b NO",
    "imap-preauth": rb"\* PREAUTH",
    "imap-bye": rb"\* BYE come back later\r\n$",
    "imap-refused": b"STARTTLS.*b NO",
    "imap-early": rb"b OK begin\r\n\* OK injected",
    "pop3-no-stls": rb"UIDL\r\n\.\r\n-ERR what",
    "pop3-error": b"-ERR come back later\r\n$",
    "submission-no-starttls": b"502 5.5.1 what",
}


@pytest.mark.parametrize("kind", WRONG_READERS)
def test_servers_of_readers_are_wrong(zoo, kind):
    animal = zoo.animal(kind)
    say = {"imap": b"a CAPABILITY\r\nb STARTTLS\r\n",
           "pop3": b"CAPA\r\nSTLS\r\n",
           "smtp": b"STARTTLS\r\n"}[animal.script.protocol]
    heard = b""
    with socket.create_connection((animal.address, animal.script.port),
                                  5) as sock:
        try:
            sock.sendall(say)
            while not re.search(WRONG_READERS[kind], heard, re.S):
                more = sock.recv(4096)
                assert more, heard
                heard += more
        except (ConnectionError, TimeoutError) as error:
            raise AssertionError(heard) from error


@pytest.mark.parametrize("kind", [k for k in READERS
                                  if k not in WRONG_READERS])
def test_servers_of_readers_are_right(zoo, kind):
    animal = zoo.animal(kind)
    script = animal.script
    start = [] if script.implicit else ["-starttls", script.protocol]
    out = s_client("-connect", "%s:%d" % (animal.address, script.port),
                   *start)
    assert "BEGIN CERTIFICATE" in out


@pytest.mark.parametrize("name, ports", [
    ("postfix", {25: "smtp", 587: "smtp", 465: None}),
    ("sendmail", {25: "smtp", 587: "smtp", 465: None}),
    ("exim", {25: "smtp", 587: "smtp", 465: None}),
    ("dovecot", {143: "imap", 993: None, 110: "pop3", 995: None})])
def test_real_servers_are_good(zoo, world, name, ports):
    zoo.residents.want(name)
    for port, start in ports.items():
        out = s_client("-connect", "%s:%d" % (ADDRESSES[name], port),
                       "-CAfile", world.ca_file, "-verify_hostname",
                       "m1.zoo.example", *(["-starttls", start] if start
                                           else []))
        assert "Verify return code: 0 (ok)" in out, port


def test_addresses_of_other_families(zoo):
    animal = zoo.animal(address="2001:db8:2::25")
    with socket.create_connection((animal.address, 25), 5) as sock:
        assert sock.recv(100).startswith(b"220 ")
