# SPDX-License-Identifier: BSD-2-Clause
"""A private Postfix: ports 25, 587 (STARTTLS required) and 465.

Everything it accepts is delivered to one Maildir, whatever the recipient's
domain, unless main.cf options say otherwise. It logs to /dev/log. Nothing
of a Postfix installed on the machine is read but its programs.
"""
import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

from rig.mailbox import Mailbox
from rig.wait import until

MAIN = {
    "compatibility_level": "3.6",
    "command_directory": "/usr/sbin",
    "mail_owner": "postfix",
    "setgid_group": "postdrop",
    "myhostname": "mx.rig.example",
    "mydestination": "",
    "mynetworks": "127.0.0.0/8 [::1]/128",
    "inet_interfaces": "all",
    "inet_protocols": "all",
    "alias_maps": "",
    "alias_database": "",
    "local_recipient_maps": "",
    "smtpd_relay_restrictions":
        "permit_mynetworks, permit_sasl_authenticated, "
        "reject_unauth_destination",
    "default_transport": "discard:",
    "relay_transport": "discard:",
    "virtual_mailbox_domains": "static:any",
    "virtual_mailbox_maps": "static:box/",
    "virtual_uid_maps": "static:65534",
    "virtual_gid_maps": "static:65534",
    "virtual_minimum_uid": "1",
    "smtpd_tls_security_level": "may",
    "smtpd_tls_ask_ccert": "yes",
    "smtpd_tls_loglevel": "1",
    "smtpd_tls_received_header": "yes",
    "smtpd_client_connection_rate_limit": "0",
    "smtpd_client_connection_count_limit": "0",
    "smtpd_error_sleep_time": "0",
    "smtpd_authorized_xclient_hosts": "127.0.0.0/8",
    "milter_default_action": "tempfail",
}

SERVICES = """\
25        inet n - n - - smtpd
587       inet n - n - - smtpd
  -o smtpd_tls_security_level=encrypt
  -o milter_macro_daemon_name=SUBMISSION
465       inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
  -o milter_macro_daemon_name=SMTPS
"""

# What every Postfix has.
INTERNAL = """\
pickup    unix n - n 60 1 pickup
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
tlsmgr    unix - - n 1000? 1 tlsmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
verify    unix - - n - 1 verify
proxymap  unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
error     unix - - n - - error
retry     unix - - n - - error
discard   unix - - n - - discard
virtual   unix - n n - - virtual
smtp      unix - - n - - smtp
anvil     unix - - n - 1 anvil
scache    unix - - n - 1 scache
showq     unix n - n - - showq
flush     unix n - n 1000? 0 flush
"""

# Folder names, owner, group and mode, as postfix-files(5) has them.
QUEUE = (
    ("pid", "root", "root", 0o755),
    ("active bounce corrupt defer deferred flush hold incoming private "
     "saved trace", "postfix", "root", 0o700),
    ("maildrop", "postfix", "postdrop", 0o730),
    ("public", "postfix", "postdrop", 0o710),
)


class Postfix(Mailbox):
    """start() before use; stop() at the end. `main` adds to main.cf.
    `services` is its master.cf, which listens on `ports`, of `address` if
    others listen beside it."""

    address = None
    ports = (25, 587, 465)
    services = SERVICES + INTERNAL

    def __init__(self, folder, authority, milters="", main=None, master=""):
        self.dir = folder
        self.etc = os.path.join(folder, "etc")
        self.mail = os.path.join(folder, "mail")
        self.box = os.path.join(self.mail, "box/new")
        self.main = dict(MAIN)
        server = authority.leaf("mx.rig.example", names=["mx.rig.example"])
        self.main.update({
            "queue_directory": os.path.join(folder, "queue"),
            "data_directory": os.path.join(folder, "data"),
            "daemon_directory": daemon_directory(),
            "shlib_directory": shlib_directory(),
            "meta_directory": "/etc/postfix",
            "smtpd_tls_chain_files": server,
            "smtpd_tls_CAfile": authority.trusted,
            "smtpd_milters": milters,
        })
        self.main.update(main or {})
        self.master = self.services + master
        self.running = False

    # ---- life -----------------------------------------------------------

    def configure(self, **options):
        """Change main.cf; a running Postfix is restarted."""
        self.main.update(options)
        self._write()
        if self.running:
            self.stop()
            self.start()

    def _write(self):
        for path in (self.dir, self.etc, self.mail, self.main[
                "queue_directory"], self.main["data_directory"]):
            os.makedirs(path, exist_ok=True)
        shutil.chown(self.main["data_directory"], "postfix")
        shutil.chown(self.mail, "nobody")
        path = os.path.join(self.etc, "main.cf")
        with open(path, "w") as file:
            for name, value in self.main.items():
                file.write("%s = %s\n" % (name, value))
            file.write("virtual_mailbox_base = %s\n" % self.mail)
        # Postfix waits until its file is two seconds old; make it older.
        then = time.time() - 60
        os.utime(path, (then, then))
        with open(os.path.join(self.etc, "master.cf"), "w") as file:
            file.write(self.master)

    def _folders(self):
        """The folders postfix(1) would make; it takes two seconds for it."""
        queue = self.main["queue_directory"]
        for names, owner, group, mode in QUEUE:
            for name in names.split():
                path = os.path.join(queue, name)
                os.makedirs(path, exist_ok=True)
                shutil.chown(path, owner, group)
                os.chmod(path, mode)

    def start(self):
        self._write()
        self._folders()
        master = os.path.join(self.main["daemon_directory"], "master")
        self.run(master, "-w", "-c", self.etc, stdin=subprocess.DEVNULL,
                 stdout=subprocess.DEVNULL)
        self.running = True
        for port in self.ports:
            until(lambda: listening(port, self.address), "port %d" % port)

    def stop(self):
        if not self.running:
            return
        with open(os.path.join(self.main["queue_directory"],
                               "pid/master.pid")) as file:
            pid = int(file.read())
        os.kill(pid, signal.SIGTERM)
        # Its smtpd processes hold the listening sockets a little longer.
        until(lambda: not alive(pid) and not any(
            listening(port, self.address) for port in self.ports),
            "Postfix has stopped")
        self.running = False

    @staticmethod
    def run(*command, check=True, **options):
        """Run a program of this Postfix."""
        return subprocess.run(command, check=check, **options)

    # ---- what it did ----------------------------------------------------

    def queue(self):
        """What postqueue(1) lists: dicts with queue_name, queue_id, …"""
        out = self.run("postqueue", "-c", self.etc, "-j",
                       capture_output=True, text=True).stdout
        return [json.loads(line) for line in out.splitlines()]

    def held(self):
        return [m for m in self.queue() if m["queue_name"] == "hold"]

    def sendmail(self, sender, recipient, message):
        """Submit by sendmail(1), as a local program does."""
        self.run("sendmail", "-C", self.etc, "-i", "-f", sender, recipient,
                 input=message.encode())


def alive(pid):
    """True unless the process is gone, or waits only to be reaped."""
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def listening(port, address=None):
    """True when something listens, at that IPv4 address if one is given;
    asked of the kernel, since a connection would be a session that tests
    would see."""
    end = ":%04X" % port
    if address:
        end = "%08X" % int.from_bytes(socket.inet_aton(address),
                                      sys.byteorder) + end
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(table) as file:
            for line in file:
                words = line.split()
                if words[3] == "0A" and words[1].endswith(end):
                    return True
    return False


def _directory(*candidates):
    return next(c for c in candidates if os.path.isdir(c))


def daemon_directory():
    return _directory("/usr/lib/postfix/sbin", "/usr/libexec/postfix")


def shlib_directory():
    return _directory("/usr/lib/postfix", "/usr/lib64/postfix")


class DovecotAuth:
    """Enough of Dovecot's auth protocol for SASL PLAIN: every password is
    right. `options` are for main.cf."""

    options = {
        "smtpd_sasl_auth_enable": "yes",
        "smtpd_sasl_type": "dovecot",
        "smtpd_sasl_path": "inet:127.0.0.1:9907",
        "smtpd_tls_auth_only": "no",
    }

    def __init__(self):
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind(("127.0.0.1", 9907))
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
            threading.Thread(target=self._talk, args=(conn,),
                             daemon=True).start()

    @staticmethod
    def _talk(conn):
        conn.sendall(b"VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nSPID\t1\n"
                     b"CUID\t1\nCOOKIE\t0123456789abcdef\nDONE\n")
        with conn, conn.makefile("rb") as lines:
            for line in lines:
                words = line.decode().rstrip("\n").split("\t")
                if words[0] != "AUTH":
                    continue
                plain = base64.b64decode(next(
                    w[5:] for w in words if w.startswith("resp=")))
                user = plain.split(b"\0")[1].decode()
                conn.sendall(("OK\t%s\tuser=%s\n" % (words[1],
                                                     user)).encode())
