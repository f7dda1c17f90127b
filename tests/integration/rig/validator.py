# SPDX-License-Identifier: BSD-2-Clause
"""A resolver that validates: Debian's Unbound, in front of Knot.

Mail servers repeat the lookups of DANE and believe a resolver that sets AD.
This one has the world's trust anchor: AD for what is signed, none for what
is not, SERVFAIL for what is bogus. It starts when first wanted.
"""
import os
import socket
import subprocess

from rig.wait import until

PORT = 5301

# An authoritative server in place of the Internet: no answer but Knot's, no
# zone of Unbound's own. Without aggressive-nsec and prefetch everything it
# remembers is gone after a flush.
CONFIG = """
server:
    directory: "{dir}"
    pidfile: ""
    chroot: ""
    username: ""
    use-syslog: no
    logfile: "{dir}/unbound.log"
    interface: 127.0.0.1@{port}
    do-ip6: no
    num-threads: 1
    module-config: "validator iterator"
    trust-anchor-file: "{anchor}"
    do-not-query-localhost: no
    aggressive-nsec: no
    qname-minimisation: no
    unblock-lan-zones: yes
    insecure-lan-zones: yes
remote-control:
    control-enable: yes
    control-interface: "{dir}/control"
    control-use-cert: no
forward-zone:
    name: "."
    forward-addr: 127.0.0.1@{knot}
"""


class Validator:
    """want() before use; flush() after every change; stop() at the end."""

    def __init__(self, folder, anchor, knot_port):
        self.dir = folder
        self.anchor = anchor
        self.knot_port = knot_port
        self.control = os.path.join(folder, "control")
        self.process = None

    def want(self):
        """Start it, unless it runs."""
        if self.process:
            return
        os.makedirs(self.dir, exist_ok=True)
        config = os.path.join(self.dir, "unbound.conf")
        with open(config, "w") as file:
            file.write(CONFIG.format(dir=self.dir, port=PORT,
                                     anchor=self.anchor,
                                     knot=self.knot_port))
        self.process = subprocess.Popen(
            ["unbound", "-d", "-c", config], stdin=subprocess.DEVNULL)
        until(self._runs, "Unbound runs")

    def _runs(self):
        assert self.process.poll() is None, "Unbound ended: see unbound.log"
        return os.path.exists(self.control) and self._say("status")

    def _say(self, command):
        """One command as unbound-control(8) sends it."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(10)
            try:
                sock.connect(self.control)
            except ConnectionRefusedError:
                return ""
            sock.sendall(b"UBCT1 %s\n" % command.encode())
            return sock.makefile().read()

    def flush(self):
        """Forget everything: a record was changed."""
        if self.process:
            answer = self._say("flush_zone .")
            assert answer.startswith("ok"), answer

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(10)
            self.process = None
