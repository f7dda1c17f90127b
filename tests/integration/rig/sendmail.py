# SPDX-License-Identifier: BSD-2-Clause
"""A private Sendmail: ports 25 (MTA), 587 (MSA) and 465 (implicit TLS).

Everything it accepts is delivered to one folder, whatever the recipient's
domain. It logs to /dev/log. Its programs are Debian's, unpacked aside:
RIG_SENDMAIL names the folder (unpack-sendmail makes it); without one, those
installed on the machine. Without either, tests fail.
"""
import glob
import os
import re
import shutil
import signal
import socket
import subprocess
import threading

from rig.mailbox import Mailbox
from rig.postfix import listening
from rig.wait import until

ROOT = os.environ.get("RIG_SENDMAIL") or "/"
PORTS = (25, 587, 465)

# The .mc file; %(…)s are members of Sendmail.names.
MC = """\
divert(0)dnl
include(`%(cf)s/m4/cf.m4')dnl
OSTYPE(`linux')dnl
define(`confDOMAIN_NAME', `mx.rig.example')dnl
define(`QUEUE_DIR', `%(dir)s/queue')dnl
define(`confPID_FILE', `%(dir)s/pid')dnl
define(`STATUS_FILE', `%(dir)s/statistics')dnl
define(`HELP_FILE', `%(dir)s/helpfile')dnl
define(`ALIAS_FILE', `')dnl
define(`confSERVICE_SWITCH_FILE', `%(dir)s/service.switch')dnl
define(`confTO_IDENT', `0')dnl
define(`confLOG_LEVEL', `14')dnl
define(`confREFUSE_LA', `9999')dnl
define(`confQUEUE_LA', `9999')dnl
define(`confDELIVERY_MODE', `interactive')dnl
define(`confCACERT', `%(ca)s')dnl
define(`confCACERT_PATH', `%(dir)s/authorities')dnl
define(`confSERVER_CERT', `%(dir)s/server.pem')dnl
define(`confSERVER_KEY', `%(dir)s/server.pem')dnl
define(`confDONT_BLAME_SENDMAIL', `TrustStickyBit')dnl
FEATURE(`nocanonify')dnl
FEATURE(`accept_unresolvable_domains')dnl
FEATURE(`accept_unqualified_senders')dnl
FEATURE(`promiscuous_relay')dnl
FEATURE(`no_default_msa')dnl
DAEMON_OPTIONS(`Name=MTA, Family=inet, Addr=%(address)s, Port=25')dnl
DAEMON_OPTIONS(`Name=MSA, Family=inet, Addr=%(address)s, Port=587, M=E')dnl
DAEMON_OPTIONS(`Name=TLSMTA, Family=inet, Addr=%(address)s, Port=465, M=s')dnl
%(mc)s
MAILER(`local')dnl
MAILER(`smtp')dnl
MAILER_DEFINITIONS
Mbox, P=/bin/sh, F=lsmnPu9, T=DNS/RFC822/X-Unix, A=sh %(dir)s/deliver $u
LOCAL_RULE_0
R$* < @ $* > $*\t$#box $@ $2 $: $1 < @ $2 >
"""

# A message becomes visible when it is whole. Without the $u above, Sendmail
# would speak SMTP to this.
DELIVER = """\
cat > %(dir)s/part/$$ && mv %(dir)s/part/$$ %(dir)s/box/$$
"""


def program():
    path = os.path.join(ROOT, "usr/libexec/sendmail/sendmail")
    assert os.access(path, os.X_OK), (
        "no Sendmail: run tests/integration/unpack-sendmail FOLDER, and "
        "name that folder in RIG_SENDMAIL (contrib/quickstart does both)")
    return path


class Sendmail(Mailbox):
    """start() before use; stop() at the end. `mc` adds lines to the .mc
    file, such as those that `tlsmilter setup sendmail` prints."""

    address = "0.0.0.0"

    def __init__(self, folder, authority, mc=""):
        self.dir = folder
        self.box = os.path.join(folder, "box")
        self.cf = os.path.join(folder, "sendmail.cf")
        self.names = {
            "cf": os.path.join(ROOT, "usr/share/sendmail/cf"),
            "dir": folder,
            "ca": authority.trusted,
            "mc": mc,
            "address": self.address,
        }
        self.certificate = authority.leaf("mx.rig.example",
                                          names=["mx.rig.example"])
        self.process = None

    # ---- life -----------------------------------------------------------

    def configure(self, mc):
        """Replace the added .mc lines; a running Sendmail is restarted."""
        self.names["mc"] = mc
        if self.process:
            self.stop()
            self.start()

    def _file(self, name, text, mode=0o644):
        path = os.path.join(self.dir, name)
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, mode)

    def _write(self):
        for name, mode in (("", 0o755), ("queue", 0o700), ("box", 0o1777),
                           ("part", 0o1777), ("authorities", 0o755)):
            path = os.path.join(self.dir, name)
            os.makedirs(path, exist_ok=True)
            os.chmod(path, mode)
        # It refuses a key that others may read.
        shutil.copy(self.certificate, os.path.join(self.dir, "server.pem"))
        os.chmod(os.path.join(self.dir, "server.pem"), 0o600)
        self._file("service.switch", "hosts files dns\naliases files\n")
        self._file("helpfile", "#vers 2\n")
        self._file("statistics", "")
        self._file("deliver", DELIVER % self.names)
        self._file("sendmail.mc", MC % self.names)
        self._file("sendmail.cf", subprocess.run(
            ["m4", "-D_CF_DIR_=%s/" % self.names["cf"],
             os.path.join(self.dir, "sendmail.mc")],
            check=True, capture_output=True, text=True).stdout)

    def _command(self, *arguments):
        libraries = [path for name in ("lib", "usr/lib") for path in
                     glob.glob(os.path.join(ROOT, name, "*-linux-gnu*"))]
        return {
            "args": [program(), "-C", self.cf, *arguments],
            "env": dict(os.environ, LD_LIBRARY_PATH=":".join(libraries)),
            "stdin": subprocess.DEVNULL,
        }

    def start(self):
        program()
        self._write()
        self.process = subprocess.Popen(**self._command("-bD"),
                                        start_new_session=True)
        for port in PORTS:
            until(lambda: self._listens(port), "Sendmail on port %d" % port)

    def _listens(self, port):
        assert self.process.poll() is None, "Sendmail has ended"
        return listening(port, self.address)

    def stop(self):
        if not self.process:
            return
        self.process.terminate()
        self.process.wait(60)
        # Its children finish what they do, which may be waiting for a
        # client that is gone.
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        until(lambda: not any(listening(port, self.address)
                              for port in PORTS), "Sendmail has stopped")
        self.process = None

    # ---- what it did ----------------------------------------------------

    def held(self):
        """The reasons of quarantined messages, by queue id."""
        out = subprocess.run(**self._command("-bp", "-qQ"), check=True,
                             capture_output=True, text=True).stdout
        return dict(re.findall(
            r"^(\w{10,})\S*\s[^\n]*\n\s*QUARANTINE: ([^\n]*)", out, re.M))


class SaslAuthd:
    """Enough of saslauthd(8) for SASL PLAIN: every password is right. `mc`
    is for Sendmail."""

    mc = ("define(`confAUTH_MECHANISMS', `PLAIN')dnl\n"
          "TRUST_AUTH_MECH(`PLAIN')dnl\n")
    # Where libsasl2 looks; Sendmail clears the variable that would say so.
    conf = "/usr/lib/sasl2"

    def __init__(self, folder):
        path = os.path.join(folder, "mux")
        os.makedirs(folder)
        with open(os.path.join(folder, "Sendmail.conf"), "w") as file:
            file.write("pwcheck_method: saslauthd\nmech_list: PLAIN\n"
                       "saslauthd_path: %s\n" % path)
        subprocess.run(["mount", "--bind", folder, self.conf], check=True)
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.bind(path)
        self.sock.listen(16)
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        subprocess.run(["umount", self.conf], check=True)

    def _accept(self):
        while True:
            try:
                conn, _ = self.sock.accept()
            except OSError:
                return
            with conn, conn.makefile("rb") as asked:
                # User, password, service, realm, each with its length.
                for _ in range(4):
                    asked.read(int.from_bytes(asked.read(2), "big"))
                conn.sendall(b"\0\2OK")
