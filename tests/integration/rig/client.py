# SPDX-License-Identifier: BSD-2-Clause
"""A scripted SMTP client: every command as the test writes it.

    with Smtp(source="198.51.100.7") as s:
        s.ehlo()
        s.starttls()
        s.cmd("MAIL FROM:<a@d1.example>")       # no second EHLO
        assert s.cmd("RCPT TO:<b@d2.example>").code == 250
        assert s.data("Subject: x\\n\\nhello\\n").code == 250

`transcript` holds the dialogue; it is printed when a test fails.
"""
import dataclasses
import re
import socket
import ssl

HOST, PORT = "192.0.2.25", 25
CLIENT = "198.51.100.7"         # has a confirmed name: mail.client.example
STRANGER = "198.51.100.99"      # has none
LOCAL = "127.0.0.1"             # exempt by default


@dataclasses.dataclass
class Reply:
    code: int
    lines: list

    @property
    def text(self):
        return "\n".join(self.lines)

    def __str__(self):
        return "%d %s" % (self.code, self.text)


def code(reply):
    """(550, "5.7.10") of a reply with an enhanced status code."""
    match = re.match(r"\d\.\d{1,3}\.\d{1,3}", reply.text)
    return reply.code, match and match.group()


def anonymous_context():
    """As mail servers do by default: any certificate will do."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def certificate_context(path):
    """With a client certificate: a file with key and chain."""
    context = anonymous_context()
    context.load_cert_chain(path)
    return context


class Smtp:
    def __init__(self, source=CLIENT, host=None, port=PORT, implicit=False,
                 context=None, timeout=60):
        host = host or ("2001:db8::25" if ":" in source else HOST)
        self.transcript = []
        self.sock = socket.create_connection((host, port), timeout,
                                             (source, 0))
        self._buffer = b""
        if implicit:
            self._handshake(context)
        self.greeting = self.reply()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    # ---- lines ----------------------------------------------------------

    def send(self, data):
        """Send bytes, or a command without its CRLF."""
        if isinstance(data, str):
            self.transcript.append("C: " + data)
            data = data.encode("utf-8") + b"\r\n"
        self.sock.sendall(data)

    def _line(self):
        while b"\n" not in self._buffer:
            more = self.sock.recv(65536)
            if not more:
                raise EOFError("server closed; " + self.dialogue())
            self._buffer += more
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.rstrip(b"\r").decode("latin-1")

    def reply(self):
        lines = []
        while True:
            line = self._line()
            self.transcript.append("S: " + line)
            lines.append(line[4:])
            if line[3:4] != "-":
                return Reply(int(line[:3]), lines)

    def cmd(self, line):
        self.send(line)
        return self.reply()

    def pipeline(self, *lines):
        """Send all lines in one write; return all replies."""
        for line in lines:
            self.transcript.append("C: " + line)
        self.sock.sendall("".join(l + "\r\n" for l in lines).encode())
        return [self.reply() for _ in lines]

    # ---- the usual steps ------------------------------------------------

    def ehlo(self, name="mail.client.example"):
        return self.cmd("EHLO " + name)

    def _handshake(self, context=None):
        context = context or anonymous_context()
        self.sock = context.wrap_socket(self.sock,
                                        server_hostname="mx.rig.example")
        self.transcript.append("   (%s, %s)" % (self.sock.version(),
                                                self.sock.cipher()[0]))

    def starttls(self, context=None):
        reply = self.cmd("STARTTLS")
        if reply.code == 220:
            self._handshake(context)
        return reply

    def mail(self, address, options=""):
        return self.cmd("MAIL FROM:<%s>%s" % (address, options))

    def rcpt(self, address):
        return self.cmd("RCPT TO:<%s>" % address)

    def data(self, message):
        """Send a message (text with \\n, or bytes with \\r\\n) after DATA."""
        reply = self.cmd("DATA")
        if reply.code != 354:
            return reply
        if isinstance(message, str):
            message = message.replace("\n", "\r\n").encode("utf-8")
        if not message.endswith(b"\r\n"):
            message += b"\r\n"
        message = message.replace(b"\r\n.", b"\r\n..")
        if message.startswith(b"."):
            message = b"." + message
        self.send(message)
        self.transcript.append("   (%d bytes)" % len(message))
        self.send(".")
        return self.reply()

    def quit(self):
        reply = self.cmd("QUIT")
        self.close()
        return reply

    def version(self):
        """"TLSv1.3", or None in plaintext."""
        return getattr(self.sock, "version", lambda: None)()

    def dialogue(self):
        return "\n".join(self.transcript)


def send(sender, *recipients, tls=False, message=None, context=None,
         **options):
    """One message in a session of its own; return the replies to MAIL, to
    each RCPT, and to the message (None if no recipient was accepted)."""
    with Smtp(**options) as s:
        s.ehlo()
        if tls:
            assert s.starttls(context).code == 220, s.dialogue()
            s.ehlo()
        mail = s.mail(sender)
        rcpts = [s.rcpt(r) for r in recipients]
        end = None
        if any(r.code == 250 for r in rcpts):
            end = s.data(message or "Subject: hello\n\nhello\n")
        s.quit()
        return mail, rcpts, end
