# SPDX-License-Identifier: BSD-2-Clause
"""/dev/log of the private world: everything any program logs, in order."""
import dataclasses
import os
import re
import socket
import threading

from rig.wait import LIMIT, until

LINE = re.compile(
    r"^<(?P<pri>\d+)>(?:\w{3} [ \d]\d [\d:]{8} )?"
    r"(?P<ident>[^\s:\[]+)(?:\[(?P<pid>\d+)\])?: ?(?P<text>.*)$", re.S)


@dataclasses.dataclass
class Line:
    priority: int       # 0 emerg … 7 debug
    ident: str          # "tlsmilterd", "postfix/smtpd"
    pid: int
    text: str

    def __str__(self):
        return "%s[%d]: %s" % (self.ident, self.pid, self.text)


class Syslog:
    """The reader of /dev/log; `lines` grows for ever."""

    def __init__(self, path="/dev/log"):
        self.path = path
        self.lines = []
        self._reading = threading.Event()
        self._reading.set()
        self._changed = threading.Condition()

    def start(self):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sock.bind(self.path)
        os.chmod(self.path, 0o666)
        threading.Thread(target=self._read, args=(sock,),
                         daemon=True).start()

    def pause(self):
        """Hang, as a stuck log daemon does: writers block in syslog(3)."""
        self._reading.clear()

    def resume(self):
        self._reading.set()

    def _read(self, sock):
        while True:
            self._reading.wait()
            data = sock.recv(65536).rstrip(b"\0\n")
            match = LINE.match(data.decode("utf-8", "backslashreplace"))
            if not match:
                line = Line(-1, "?", 0, repr(data))
            else:
                line = Line(int(match["pri"]) & 7, match["ident"],
                            int(match["pid"] or 0), match["text"])
            with self._changed:
                self.lines.append(line)
                self._changed.notify_all()

    def mark(self):
        """A place in the log; give it as `since` to look from there on."""
        return len(self.lines)

    def find(self, pattern, ident=None, since=0):
        """The lines whose text matches the regular expression."""
        return [line for line in self.lines[since:]
                if (ident is None or line.ident.startswith(ident))
                and re.search(pattern, line.text)]

    def wait(self, pattern, ident=None, since=0, count=1, limit=LIMIT):
        """Wait for `count` such lines; return the last of them."""
        found = until(
            lambda: (lambda hit: hit if len(hit) >= count else None)(
                self.find(pattern, ident, since)),
            "%d line(s) like %r of %s in the log" % (
                count, pattern, ident or "any program"), limit)
        return found[count - 1]

    def text(self, since=0):
        return "\n".join(str(line) for line in self.lines[since:])


def audit_fields(line):
    """The key=value pairs of an audit line, quotes removed."""
    fields = {}
    for key, quoted, plain in re.findall(
            r'([a-z_]+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))', line.text):
        fields[key] = quoted or plain
    return fields


def audit_lines(daemon, **fields):
    """Audit lines of the daemon whose fields have these values."""
    found = [audit_fields(line) for line in daemon.log("action=")]
    return [f for f in found if all(f.get(k) == v for k, v in fields.items())]


def wait_audit(daemon, **fields):
    return until(lambda: audit_lines(daemon, **fields),
                 "audit line %r" % fields)[0]
