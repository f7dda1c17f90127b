# SPDX-License-Identifier: BSD-2-Clause
"""A scripted client of the policy service, as Postfix's smtpd is one.

    with Policy("/run/policy.sock") as p:
        assert p.ask(recipient="b@x.example") == "DUNNO"
        p.send(b"junk\\n\\n")
        assert p.hung_up()
"""
import socket

# What Postfix 3.7 sends for a plaintext session at RCPT.
ATTRIBUTES = {
    "request": "smtpd_access_policy",
    "protocol_state": "RCPT",
    "protocol_name": "ESMTP",
    "client_address": "198.51.100.7",
    "client_name": "mail.client.example",
    "client_port": "41000",
    "reverse_client_name": "mail.client.example",
    "server_address": "192.0.2.25",
    "server_port": "25",
    "helo_name": "mail.client.example",
    "sender": "a@client.example",
    "recipient": "b@ours.example",
    "recipient_count": "0",
    "queue_id": "",
    "instance": "1f3b.5fa0.1c2d.0",
    "size": "0",
    "etrn_domain": "",
    "stress": "",
    "sasl_method": "",
    "sasl_username": "",
    "sasl_sender": "",
    "ccert_subject": "",
    "ccert_issuer": "",
    "ccert_fingerprint": "",
    "ccert_pubkey_fingerprint": "",
    "encryption_protocol": "",
    "encryption_cipher": "",
    "encryption_keysize": "0",
    "policy_context": "",
}
TLS = {
    "encryption_protocol": "TLSv1.3",
    "encryption_cipher": "TLS_AES_256_GCM_SHA384",
    "encryption_keysize": "256",
}


def request(**attributes):
    """A request as bytes; None leaves an attribute out."""
    wanted = dict(ATTRIBUTES, **attributes)
    return ("".join("%s=%s\n" % item for item in wanted.items()
                    if item[1] is not None) + "\n").encode()


class Policy:
    """address: the path of a unix socket, or (host, port)."""

    def __init__(self, address, timeout=60):
        inet = isinstance(address, tuple)
        self.sock = socket.socket(
            socket.AF_INET if inet else socket.AF_UNIX)
        self.sock.settimeout(timeout)
        self.sock.connect(address)
        self._buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def answer(self):
        """The next answer's action."""
        while b"\n\n" not in self._buffer:
            more = self.sock.recv(65536)
            if not more:
                raise EOFError("closed; unread: %r" % self._buffer)
            self._buffer += more
        text, _, self._buffer = self._buffer.partition(b"\n\n")
        assert text.startswith(b"action=") and b"\n" not in text, text
        return text[len("action="):].decode("ascii")

    def ask(self, **attributes):
        self.send(request(**attributes))
        return self.answer()

    def hung_up(self):
        """Wait for the end: true when not a byte came before it."""
        try:
            return not self._buffer and self.sock.recv(65536) == b""
        except ConnectionResetError:
            return True
