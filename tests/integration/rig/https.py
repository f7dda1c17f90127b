# SPDX-License-Identifier: BSD-2-Clause
"""The HTTPS policy server of the private world: port 443, many hosts.

Every host has its own certificate and its own script: what to answer, how
slowly, and how to break. What was asked is counted.
"""
import dataclasses
import gzip
import socket
import ssl
import threading
import time

PATH = "/.well-known/mta-sts.txt"


@dataclasses.dataclass
class Script:
    """How one host behaves. Change any member at any time."""

    body: bytes = b""
    path: str = PATH            # any other is 404
    etag: str = None            # sent; 304 for who has it
    status: int = 200
    content_type: str = "text/plain"  # None: no such header
    headers: tuple = ()         # further ("Name", "value") pairs
    certificate: str = "good"   # a kind of certs.Authority.server()
    max_tls: str = ""           # "1.1", "1.2"
    delay: float = 0            # seconds before the answer
    drip: float = 0             # seconds between bytes of the body
    length: int = None          # Content-Length to claim; -1: none
    chunked: bool = False
    compress: bool = False      # Content-Encoding: gzip
    close_after: int = None     # bytes of the answer, then reset
    mute: bool = False          # accept the request, never answer
    requests: list = dataclasses.field(default_factory=list)

    @property
    def count(self):
        return len(self.requests)


@dataclasses.dataclass
class Request:
    time: float
    line: str
    headers: dict
    sni: str
    peer: str


class PolicyServer:
    """`hosts` maps a host name to its Script."""

    def __init__(self, authority, port=443):
        self.authority = authority
        self.port = port
        self.hosts = {}
        self.handshakes = 0
        self.connections = 0
        self._contexts = {}
        self._lock = threading.Lock()
        self._listeners = []

    def start(self):
        for family, address in ((socket.AF_INET, "0.0.0.0"),
                                (socket.AF_INET6, "::")):
            sock = socket.socket(family, socket.SOCK_STREAM)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind((address, self.port))
            sock.listen(256)
            thread = threading.Thread(target=self._accept, args=(sock,),
                                      daemon=True)
            thread.start()
            self._listeners.append((sock, thread))

    def stop(self):
        """From now on connections are refused."""
        for sock, thread in self._listeners:
            sock.shutdown(socket.SHUT_RDWR)
            thread.join()
            sock.close()
        self._listeners = []

    def reset(self):
        if not self._listeners:
            self.start()

    def _accept(self, listener):
        while True:
            try:
                conn, peer = listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._connection, args=(conn, peer[0]),
                             daemon=True).start()

    def _context(self, host, script):
        key = host, script.certificate, script.max_tls
        with self._lock:
            if key not in self._contexts:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(self.authority.server(
                    host, script.certificate))
                if script.max_tls == "1.1":
                    context.set_ciphers("ALL:@SECLEVEL=0")
                    context.minimum_version = ssl.TLSVersion.TLSv1
                    context.maximum_version = ssl.TLSVersion.TLSv1_1
                elif script.max_tls == "1.2":
                    context.maximum_version = ssl.TLSVersion.TLSv1_2
                self._contexts[key] = context
            return self._contexts[key]

    def _sni(self, sock, name, _context):
        script = self.hosts.get(name)
        if not script:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        sock.context = self._context(name, script)
        sock.rig_host = name
        return None

    def _first_context(self, hello):
        """SNI picks the certificate, but the protocol versions are settled
        by the context the handshake begins with; so look at the name in the
        ClientHello before it begins."""
        for host, script in list(self.hosts.items()):
            if script.max_tls and host.encode() in hello:
                return self._context(host, script)
        return ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    def _connection(self, conn, peer):
        conn.settimeout(120)
        try:
            context = self._first_context(conn.recv(4096, socket.MSG_PEEK))
            context.sni_callback = self._sni
            tls = context.wrap_socket(conn, server_side=True)
        except (OSError, ValueError):
            conn.close()
            return
        self.handshakes += 1
        with tls:
            try:
                host = getattr(tls, "rig_host", "")
                script = self.hosts[host]
                request = self._read(tls, host, peer)
                script.requests.append(request)
                self._answer(tls, script, request)
            except (OSError, KeyError, ValueError):
                pass

    @staticmethod
    def _read(tls, host, peer):
        data = b""
        while b"\r\n\r\n" not in data:
            more = tls.recv(4096)
            if not more or len(data) > 65536:
                raise OSError("no request")
            data += more
        head = data.split(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
        headers = {}
        for line in head[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return Request(time.time(), head[0], headers, host, peer)

    def _answer(self, tls, script, request):
        if script.mute:
            tls.recv(1)     # until the client gives up
            return
        time.sleep(script.delay)
        path = request.line.split(" ")[1]
        status = script.status if path == script.path else 404
        if script.etag and request.headers.get("if-none-match") == \
                script.etag:
            status = 304
        body = gzip.compress(script.body) if script.compress else script.body
        if status == 304:
            body = b""
        head, body = self._encode(script, status, body)
        if script.close_after is not None:
            tls.sendall((head + body)[:script.close_after])
            return
        tls.sendall(head)
        if not script.drip:
            tls.sendall(body)
        else:
            for byte in body:
                tls.sendall(bytes([byte]))
                time.sleep(script.drip)
        tls.unwrap()

    @staticmethod
    def _encode(script, status, body):
        lines = ["HTTP/1.1 %d Whatever" % status, "Connection: close"]
        if script.content_type is not None:
            lines.append("Content-Type: " + script.content_type)
        if script.compress:
            lines.append("Content-Encoding: gzip")
        if script.chunked:
            lines.append("Transfer-Encoding: chunked")
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        elif script.length != -1:
            length = len(body) if script.length is None else script.length
            lines.append("Content-Length: %d" % length)
        if script.etag:
            lines.append("ETag: " + script.etag)
        lines += ["%s: %s" % pair for pair in script.headers]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"), body
