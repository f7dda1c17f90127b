# SPDX-License-Identifier: BSD-2-Clause
"""An after-queue content filter as small as can be: it takes mail on one
port and hands it back on another, telling who sent it in the first place."""
import socket
import threading


class ContentFilter:
    """From 127.0.0.1:10024 to 127.0.0.1:10025. `extension` is XFORWARD, for
    the log of the second smtpd only, or XCLIENT, which makes that smtpd take
    the first client for its own. `source` is the address it sends from."""

    def __init__(self, extension="XFORWARD", source="127.0.0.1",
                 port=10024, to=("127.0.0.1", 10025)):
        self.extension, self.source, self.to = extension, source, to
        self.replies = []       # of the second smtpd to the messages
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind(("127.0.0.1", port))
        self.sock.listen(16)
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()

    def _accept(self):
        while True:
            try:
                conn, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(conn,),
                             daemon=True).start()

    def _serve(self, conn):
        with conn, socket.create_connection(
                self.to, 60, (self.source, 0)) as sock:
            try:
                with conn.makefile("rwb") as up, sock.makefile("rwb") as down:
                    self._pass_on(up, down)
            except (EOFError, OSError):
                pass    # either side has stopped

    @staticmethod
    def _reply(stream):
        text = b""
        while True:
            line = stream.readline()
            if not line:
                raise EOFError("the server hung up")
            text += line
            if line[3:4] != b"-":
                return text

    def _ask(self, stream, command):
        stream.write(command)
        stream.flush()
        return self._reply(stream)

    def _tell(self, stream, words):
        """Tell the second smtpd what the first one said of the client."""
        if not words:
            return
        # XCLIENT knows fewer names, and is over with the first.
        known = (b"ADDR", b"NAME", b"PORT", b"HELO", b"PROTO")
        line = b" ".join(w for w in words if w.partition(b"=")[0] in known)
        reply = self._ask(stream, b"%s %s\r\n" % (self.extension.encode(),
                                                  line))
        assert reply[:1] == b"2", reply
        if self.extension == "XCLIENT":
            self._ask(stream, b"EHLO filter\r\n")

    def _pass_on(self, up, down):
        """Let both smtpds talk, and look at what concerns the client."""
        words = []
        up.write(self._reply(down))
        up.flush()
        while True:
            line = up.readline()
            verb = line[:4].upper()
            if not line:
                return
            if verb == b"EHLO":
                self._ask(down, line)
                reply = (b"250-filter\r\n250-XFORWARD NAME ADDR PORT PROTO "
                         b"HELO\r\n250 8BITMIME\r\n")
            elif verb == b"XFOR":
                words += line[9:].split()
                reply = b"250 ok\r\n"
            else:
                if verb == b"MAIL":
                    self._tell(down, words)
                    words = []
                reply = self._ask(down, line)
            if verb == b"DATA" and reply[:1] == b"3":
                up.write(reply)
                up.flush()
                reply = self._message(up, down)
            up.write(reply)
            up.flush()

    def _message(self, up, down):
        line = b""
        while line != b".\r\n":
            line = up.readline()
            down.write(line)
        down.flush()
        reply = self._reply(down)
        self.replies.append(reply.decode("latin-1"))
        return reply
