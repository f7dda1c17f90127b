# SPDX-License-Identifier: BSD-2-Clause
"""A socketmap client: what Postfix and Sendmail send, and what they never
would."""
import socket

from rig.wait import LIMIT

PORT = 8461
CONFIG = 'socketmap = {"inet:%d@127.0.0.1"}\n' % PORT


def frame(payload):
    if isinstance(payload, str):
        payload = payload.encode()
    return b"%d:%s," % (len(payload), payload)


class Client:
    """One connection. `ask` returns the reply as text, None at its end."""

    def __init__(self, address=("127.0.0.1", PORT)):
        family = socket.AF_UNIX if isinstance(address, str) else \
            socket.AF_INET
        self.sock = socket.socket(family)
        self.sock.settimeout(LIMIT)
        self.sock.connect(address)
        self.file = self.sock.makefile("rb")

    def send(self, data):
        self.sock.sendall(data)

    def say(self, *requests):
        """Send requests, "MAP KEY" each, in one piece."""
        self.send(b"".join(frame(r) for r in requests))

    def hear(self):
        length = b""
        while not length.endswith(b":"):
            byte = self.file.read(1)
            if not byte:
                assert not length, "the frame ends in the middle"
                return None
            length += byte
        payload = self.file.read(int(length[:-1]))
        assert self.file.read(1) == b","
        return payload.decode("ascii")

    def ask(self, key, name="postfix"):
        self.say(b"%s %s" % (name.encode(), key if isinstance(key, bytes)
                             else key.encode()))
        return self.hear()

    def close(self):
        self.file.close()
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def ask(key, name="postfix", address=("127.0.0.1", PORT)):
    """One question on a connection of its own."""
    with Client(address) as client:
        return client.ask(key, name)
