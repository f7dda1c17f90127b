# SPDX-License-Identifier: BSD-2-Clause
"""A mail server's side of the milter protocol, as far as tests need it
without one: connect, negotiate, ask."""
import socket
import struct

from rig.wait import LIMIT

ACTIONS, STEPS = 0x1ff, 0x1fffff    # what a recent Postfix offers
NR_HDR, NR_CONN, NR_HELO, NR_DATA = 0x80, 0x1000, 0x2000, 0x10000


class Milter:
    """A connection to a milter socket: (host, port) or a path."""

    def __init__(self, address=("127.0.0.1", 8899), timeout=LIMIT):
        family = (socket.AF_UNIX if isinstance(address, str)
                  else socket.AF_INET)
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        self.sock.settimeout(timeout)
        self.sock.connect(address)
        if family == socket.AF_INET:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, command, data=b""):
        self.sock.sendall(struct.pack(">I", len(data) + 1) + command + data)

    def _exactly(self, n):
        data = b""
        while len(data) < n:
            more = self.sock.recv(n - len(data))
            if not more:
                raise EOFError("the milter closed the connection")
            data += more
        return data

    def receive(self):
        """The next answer: (command, data)."""
        length, = struct.unpack(">I", self._exactly(4))
        data = self._exactly(length)
        return data[:1], data[1:]

    def negotiate(self):
        """Offer everything; the (version, actions, steps) agreed."""
        self.send(b"O", struct.pack(">III", 6, ACTIONS, STEPS))
        command, data = self.receive()
        assert command == b"O", command
        agreed = struct.unpack(">III", data[:12])
        self.steps = agreed[2]
        return agreed

    def ask(self, command, data, no_reply=0):
        """Send; the answer's command, or None where none was agreed."""
        self.send(command, data)
        return None if self.steps & no_reply else self.receive()[0]

    def connect(self, client="198.51.100.7", helo="client.example"):
        """Begin a session."""
        name = b"%s\0" % client.encode()
        self.ask(b"C", name + b"4" + struct.pack(">H", 40000) + name,
                 NR_CONN)
        self.ask(b"H", helo.encode() + b"\0", NR_HELO)

    def message(self, sender, recipient):
        """One message in plaintext; the answers to MAIL, RCPT and the
        message."""
        mail = self.ask(b"M", b"<%s>\0" % sender.encode())
        rcpt = self.ask(b"R", b"<%s>\0" % recipient.encode())
        self.ask(b"T", b"", NR_DATA)
        # Without any header libmilter does not answer the end.
        self.ask(b"L", b"Subject\0hello\0", NR_HDR)
        return mail, rcpt, self.ask(b"E", b"")
