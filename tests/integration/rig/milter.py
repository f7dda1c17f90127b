# SPDX-License-Identifier: BSD-2-Clause
"""A mail server's side of the milter protocol, as far as tests need it
without one: connect, negotiate, ask."""
import socket
import struct

from rig.wait import LIMIT

ACTIONS, STEPS = 0x1ff, 0x1fffff    # what a recent Postfix offers


class Milter:
    """A connection to a milter socket: (host, port) or a path."""

    def __init__(self, address=("127.0.0.1", 8899), timeout=LIMIT):
        family = (socket.AF_UNIX if isinstance(address, str)
                  else socket.AF_INET)
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        self.sock.settimeout(timeout)
        self.sock.connect(address)

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
        return struct.unpack(">III", data[:12])
