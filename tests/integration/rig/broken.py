# SPDX-License-Identifier: BSD-2-Clause
"""Scripted mail servers that are broken, each in its own way.

    herd = Herd(authority)
    animal = herd.animal(KINDS["no-starttls"])      # 192.0.2.150, port 25
    animal.script.extensions.append("STARTTLS")     # from now on

Every animal has an address of its own, and listens on one port, or two. It
speaks SMTP, or enough of IMAP or POP3, and nothing it gets is kept.
"""
import dataclasses
import itertools
import selectors
import socket
import ssl
import threading
import time

from cryptography.hazmat.primitives import hashes

from rig import certs

DAY = certs.DAY
FIRST, LAST = 150, 250          # of 192.0.2.0/24
LIMIT = 120                     # seconds, for a client that does not go
IP_FREEBIND = 15                # of <linux/in.h>; IPv6 wants it
SLEEP = 0.05                    # between two bytes that drip
NAMES = ["*.zoo." + zone for zone in
         ("example", "insecure.example", "bogus.example")]

# Certificates by kind; arguments of certs.Authority.leaf().
CERTIFICATES = {
    "good": dict(names=NAMES),
    "expired": dict(names=NAMES, start=-9 * DAY, end=-DAY),
    "expires-soon": dict(names=NAMES, start=-89 * DAY, end=DAY),
    "not-yet": dict(names=NAMES, start=DAY),
    "self-signed": dict(names=NAMES, issuer="self"),
    "untrusted": dict(names=NAMES, issuer="stranger"),
    "wrong-name": dict(names=["mx.other.example"]),
    "cn-only": dict(),
    "no-intermediate": dict(names=NAMES, chain=False),
    "client-only": dict(names=NAMES, client=True),
    "weak-key": dict(names=NAMES, rsa_bits=1024),
    "sha1": dict(names=NAMES, digest=hashes.SHA1()),
    "rsa": dict(names=NAMES, rsa_bits=2048),
    "other-key": dict(names=NAMES, own_key=True),
}


@dataclasses.dataclass
class Script:
    """How one server behaves. Change any member at any time."""

    protocol: str = "smtp"      # "imap", "pop3"
    implicit: bool = False      # TLS at once
    port: int = 25
    listen: bool = True         # else connections are refused
    full: bool = False          # no room for a connection: SYNs are lost
    greeting: bytes = None      # None: the usual one of the protocol
    silent: bool = False        # accept, and say nothing
    leave: bool = False         # close when the greeting is said
    drip: bool = False          # the greeting comes byte by byte, endless
    close_after: int = None     # commands, then close
    ehlo: bytes = None          # the whole reply; None: from extensions
    ehlo_endless: bool = False
    helo: bytes = b"250 zoo\r\n"
    extensions: list = dataclasses.field(
        default_factory=lambda: ["PIPELINING", "STARTTLS", "8BITMIME"])
    flapping: bool = False      # STARTTLS in every other session
    flapped: bool = False       # the last session did not offer it
    starttls: bytes = None      # the reply; None: go ahead
    after: bytes = b""          # in clear text behind the reply
    then: str = "tls"           # "tls", "close", "garbage", "silent"
    inside: list = None         # extensions inside; None: less STARTTLS
    ehlo_inside: bytes = None   # the whole reply inside
    injectable: bool = False    # what came behind STARTTLS is not lost
    certificate: str = "good"   # of CERTIFICATES
    no_sni: str = None          # one for clients that name no host
    # Lowest and highest.
    versions: tuple = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
    ciphers: str = None         # OpenSSL's list, for TLS 1.2 and below


TLS = ssl.TLSVersion
GREETINGS = {
    "smtp": b"220 zoo ESMTP\r\n",
    "imap": b"* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] zoo\r\n",
    "pop3": b"+OK zoo\r\n",
}
OK = {"smtp": b"220 2.0.0 go ahead\r\n", "imap": b"%s OK begin\r\n",
      "pop3": b"+OK begin\r\n"}
PLAIN = ["PIPELINING", "8BITMIME"]
LONG = b"250-zoo\r\n250-X" + b"LONG" * 700 + b"\r\n250 STARTTLS\r\n"

# Every kind is wrong in one way; members of Script.
KINDS = {
    "good": {},
    # no answer, or no greeting
    "refused": dict(listen=False),
    "black-hole": dict(full=True),
    "silent": dict(silent=True),
    "tarpit": dict(drip=True),
    "busy": dict(greeting=b"421 4.3.2 come back later\r\n", leave=True),
    "not-here": dict(greeting=b"554 5.7.1 no SMTP service here\r\n"),
    "garbage": dict(greeting=b"\x16\x03\x01\x00\xffgarbage\r\n"),
    "multi-line": dict(greeting=b"220-zoo\r\n220-be patient\r\n"
                       b"220 zoo ESMTP\r\n"),
    "hang-up": dict(close_after=0),
    # EHLO
    "no-starttls": dict(extensions=PLAIN, starttls=b"502 5.5.1 what?\r\n"),
    "masked": dict(extensions=PLAIN + ["XXXXXXXA"],
                   starttls=b"500 5.5.1 command unrecognized\r\n"),
    "no-ehlo": dict(ehlo=b"500 5.5.1 command unrecognized\r\n",
                    starttls=b"500 5.5.1 command unrecognized\r\n"),
    "no-hello": dict(ehlo=b"500 5.5.1 what?\r\n", helo=b"500 5.5.1 what?\r\n",
                     starttls=b"500 5.5.1 what?\r\n"),
    "ehlo-421": dict(ehlo=b"421 4.3.2 shutting down\r\n"),
    "hidden": dict(extensions=PLAIN),
    "lower-case": dict(extensions=["pipelining", "starttls"]),
    "long-line": dict(ehlo=LONG),
    "endless": dict(ehlo_endless=True),
    "flapping": dict(flapping=True, starttls=b"502 5.5.1 what?\r\n"),
    # STARTTLS
    "unavailable": dict(starttls=b"454 4.7.0 TLS not available\r\n"),
    "not-meant": dict(starttls=b"502 5.5.1 not implemented\r\n"),
    "closes": dict(then="close"),
    "garbage-tls": dict(then="garbage"),
    "silent-tls": dict(then="silent"),
    "early": dict(after=b"250 injected\r\n"),
    "injectable": dict(injectable=True),
    # inside
    "offers-again": dict(inside=PLAIN + ["STARTTLS"]),
    "no-ehlo-inside": dict(ehlo_inside=b"554 5.7.0 go away\r\n"),
    "requiretls": dict(inside=PLAIN + ["REQUIRETLS"]),
    # TLS
    "tls-1.0": dict(versions=(TLS.TLSv1, TLS.TLSv1)),
    "tls-1.1": dict(versions=(TLS.TLSv1_1, TLS.TLSv1_1)),
    "tls-1.2": dict(versions=(TLS.TLSv1_2, TLS.TLSv1_2)),
    "old-too": dict(versions=(TLS.TLSv1, TLS.TLSv1_3)),
    "rsa-exchange": dict(certificate="rsa", ciphers="AES128-SHA",
                         versions=(TLS.TLSv1_2, TLS.TLSv1_2)),
    "cbc": dict(ciphers="ECDHE-ECDSA-AES128-SHA",
                versions=(TLS.TLSv1_2, TLS.TLSv1_2)),
    "without-sni": dict(no_sni="wrong-name"),
    # certificates
    **{kind: dict(certificate=kind) for kind in CERTIFICATES
       if kind != "good"},
}

IMAP = dict(protocol="imap", port=143, extensions=["STARTTLS",
                                                   "LOGINDISABLED"])

# The same for the protocols of readers.
READERS = {
    "imap": IMAP,
    "imap-no-starttls": dict(IMAP, greeting=b"* OK zoo\r\n",
                             starttls=b"NO", extensions=[]),
    # Who is logged in already cannot have TLS any more (RFC 3501 §6.2.1).
    "imap-preauth": dict(IMAP, greeting=b"* PREAUTH zoo\r\n",
                         starttls=b"NO"),
    "imap-bye": dict(IMAP, greeting=b"* BYE come back later\r\n", leave=True),
    "imap-refused": dict(IMAP, starttls=b"NO"),
    "imap-early": dict(IMAP, after=b"* OK injected\r\n"),
    "imaps": dict(protocol="imap", port=993, implicit=True),
    "imaps-expired": dict(protocol="imap", port=993, implicit=True,
                          certificate="expired"),
    "pop3": dict(protocol="pop3", port=110, extensions=["UIDL", "STLS"]),
    "pop3-no-stls": dict(protocol="pop3", port=110, starttls=b"-ERR what?",
                         extensions=["UIDL"]),
    "pop3-error": dict(protocol="pop3", port=110,
                       greeting=b"-ERR come back later\r\n", leave=True),
    "pop3s": dict(protocol="pop3", port=995, implicit=True),
    "smtps": dict(port=465, implicit=True, extensions=PLAIN),
    "smtps-clear": dict(port=465),
    "submission": dict(port=587),
    "submission-no-starttls": dict(port=587, extensions=PLAIN,
                                   starttls=b"502 5.5.1 what?\r\n"),
}


class Session:
    """One connection; run() ends when the client does, or the script."""

    def __init__(self, herd, script, conn):
        self.herd, self.script, self.conn = herd, script, conn
        self.buffer = b""
        self.tls = False
        self.offer = True
        self.commands = 0

    def run(self):
        s = self.script
        if s.flapping:
            s.flapped = not s.flapped
            self.offer = not s.flapped
        if s.silent:
            self.wait()
        if s.implicit:
            self.handshake()
        if s.close_after == 0:
            return
        if s.drip:
            for byte in itertools.chain(b"220-", itertools.cycle(b"x")):
                self.say(bytes([byte]))
                time.sleep(SLEEP)
        greeting = s.greeting or GREETINGS[s.protocol]
        self.say(greeting)
        if s.leave:
            return
        for line in self.lines():
            self.command(line)
            self.commands += 1
            if self.commands == s.close_after:
                return

    def say(self, data):
        self.conn.sendall(data)

    def wait(self):
        """Until the client goes."""
        while self.conn.recv(4096):
            pass
        raise OSError("gone")

    def lines(self):
        while True:
            while b"\n" not in self.buffer:
                more = self.conn.recv(4096)
                if not more or len(self.buffer) > 65536:
                    return
                self.buffer += more
            line, _, self.buffer = self.buffer.partition(b"\n")
            yield line.rstrip(b"\r")

    def command(self, line):
        getattr(self, self.script.protocol)(line)

    def extensions(self):
        s = self.script
        if self.tls and s.inside is not None:
            return s.inside
        if self.tls or not self.offer:
            return [e for e in s.extensions
                    if e.upper() not in ("STARTTLS", "STLS")]
        return s.extensions

    # ---- SMTP -----------------------------------------------------------

    def smtp(self, line):
        verb = line.split(b" ")[0].upper()
        if verb == b"EHLO":
            self.ehlo()
        elif verb == b"HELO":
            self.say(self.script.helo)
        elif verb == b"STARTTLS":
            reply = self.script.starttls
            if self.tls:
                reply = b"503 5.5.1 TLS is there already\r\n"
            elif self.script.flapping and self.offer:
                reply = None
            self.starttls(reply, OK["smtp"])
        elif verb == b"QUIT":
            self.say(b"221 2.0.0 bye\r\n")
            raise OSError("bye")
        elif verb in (b"NOOP", b"RSET"):
            self.say(b"250 2.0.0 %s\r\n" % verb)
        else:
            self.say(b"502 5.5.1 not here\r\n")

    def ehlo(self):
        s = self.script
        if s.ehlo_endless:
            while True:
                self.say(b"250-XMORE and more and more\r\n" * 100)
        whole = s.ehlo_inside if self.tls else s.ehlo
        words = ["zoo", *self.extensions()]
        self.say(whole or "".join(
            "250%s%s\r\n" % (" " if n == len(words) else "-", word)
            for n, word in enumerate(words, 1)).encode())
        if whole and whole.startswith(b"421"):
            raise OSError("closed")

    # ---- IMAP and POP3 --------------------------------------------------

    def imap(self, line):
        tag, _, verb = line.partition(b" ")
        verb = verb.upper()
        if verb == b"CAPABILITY":
            self.say(" ".join([
                "* CAPABILITY IMAP4rev1", *self.extensions()]).encode() +
                b"\r\n")
        elif verb == b"STARTTLS":
            reply = self.script.starttls
            self.starttls(reply and tag + b" NO not here\r\n",
                          OK["imap"] % tag)
            return
        elif verb == b"LOGOUT":
            self.say(b"* BYE\r\n")
        self.say(tag + b" OK done\r\n")

    def pop3(self, line):
        verb = line.upper()
        if verb == b"CAPA":
            self.say("".join("%s\r\n" % word for word in (
                "+OK", *self.extensions(), ".")).encode())
        elif verb == b"STLS":
            reply = self.script.starttls
            self.starttls(reply and reply + b"\r\n", OK["pop3"])
        else:
            self.say(b"+OK\r\n")

    # ---- TLS ------------------------------------------------------------

    def starttls(self, refusal, yes):
        if refusal:
            self.say(refusal)
            return
        s = self.script
        self.say(yes + s.after)
        if not s.injectable:
            self.buffer = b""
        if s.then == "close":
            raise OSError("closed")
        if s.then == "garbage":
            self.conn.recv(4096)
            self.say(b"this is no TLS record, is it?\r\n")
            self.wait()
        if s.then == "silent":
            self.wait()
        self.handshake()

    def handshake(self):
        self.conn = self.herd.context(self.script).wrap_socket(
            self.conn, server_side=True)
        self.tls = True


class Animal:
    """One server: its address and its script. stop() ends it."""

    def __init__(self, herd, address, script):
        self.herd, self.address, self.script = herd, address, script
        self.connections = 0
        self.sock = None
        self.waiting = []
        if script.listen:
            self.listen()

    def listen(self):
        """Take connections, if that is not in the script."""
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        self.sock = socket.socket(family)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.setsockopt(socket.SOL_IP, IP_FREEBIND, 1)
        self.sock.bind((self.address, self.script.port))
        self.sock.listen(0 if self.script.full else 64)
        if self.script.full:
            self._fill()
        else:
            self.herd.watch(self)

    def _fill(self):
        """Leave the backlog no room: the kernel drops what comes now."""
        while True:
            one = socket.socket(self.sock.family)
            self.waiting.append(one)
            one.settimeout(0.2)
            try:
                one.connect(self.sock.getsockname()[:2])
            except TimeoutError:
                return

    def stop(self):
        if self.sock:
            self.herd.forget(self)
            for sock in (self.sock, *self.waiting):
                sock.close()
        self.sock = None

    def serve(self):
        conn = self.sock.accept()[0]
        self.connections += 1
        threading.Thread(target=self._talk, args=(conn,),
                         daemon=True).start()

    def _talk(self, conn):
        conn.settimeout(LIMIT)
        session = Session(self.herd, self.script, conn)
        try:
            session.run()
        except (OSError, ValueError):
            pass        # gone, or no TLS with that client
        finally:
            session.conn.close()


class Herd:
    """All animals of one test, and the one thread that listens."""

    _lock = threading.Lock()
    _certificates = {}          # by authority and kind
    _used = set()               # addresses, of all herds

    def __init__(self, authority):
        self.authority = authority
        self.animals = []
        self._contexts = {}
        self._selector = selectors.DefaultSelector()
        self._pipe = socket.socketpair()
        self._selector.register(self._pipe[0], selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def animal(self, script, address=None):
        address = address or next(
            one for one in map("192.0.2.{}".format, range(FIRST, LAST + 1))
            if one not in self._used)
        self._used.add(address)
        self.certificate(script.certificate)    # a key may take its time
        self.animals.append(Animal(self, address, script))
        return self.animals[-1]

    def stop(self):
        for animal in self.animals:
            animal.stop()
            self._used.discard(animal.address)
        self._pipe[1].close()
        self._thread.join()
        self._selector.close()
        self._pipe[0].close()

    # ---- listening ------------------------------------------------------

    def watch(self, animal):
        with self._lock:
            self._selector.register(animal.sock, selectors.EVENT_READ,
                                    animal)

    def forget(self, animal):
        with self._lock:
            try:
                self._selector.unregister(animal.sock)
            except KeyError:
                pass            # one that takes no connections

    def _run(self):
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    return
                try:
                    key.data.serve()
                except (OSError, AttributeError):
                    pass        # stopped meanwhile

    # ---- certificates ---------------------------------------------------

    def certificate(self, kind):
        """The file with key and chain; one for all of the run."""
        key = self.authority, kind
        with self._lock:
            if key not in self._certificates:
                self._certificates[key] = self.authority.leaf(
                    NAMES[0], **CERTIFICATES[kind])
            return self._certificates[key]

    def _new_context(self, kind, versions, ciphers):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # Weak keys, weak digests and old versions are what is wanted.
        context.set_ciphers((ciphers or "ALL") + ":@SECLEVEL=0")
        context.load_cert_chain(self.certificate(kind))
        context.minimum_version, context.maximum_version = versions
        return context

    def _context(self, kind, versions, ciphers):
        key = kind, versions, ciphers
        if key not in self._contexts:
            self._contexts[key] = self._new_context(*key)
        return self._contexts[key]

    def context(self, script):
        """Of its own for who tells clients apart by SNI."""
        how = script.versions, script.ciphers
        if not script.no_sni:
            return self._context(script.certificate, *how)
        context = self._new_context(script.no_sni, *how)
        named = self._context(script.certificate, *how)

        def choose(sock, name, _context):
            if name:
                sock.context = named
        context.sni_callback = choose
        return context
