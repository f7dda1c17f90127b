# SPDX-License-Identifier: BSD-2-Clause
"""Mail servers that send: Postfix 3.10 and Sendmail 8.18 of Debian 13, and
the machine's own Postfix to compare with.

RIG_TRIXIE names the folder with Debian 13's programs (unpack-trixie makes
it); without it, tests fail. They run in a mount namespace where its usr lies
over /usr: all else, /etc, /dev/log and the folders of the rig, is that of the
private world. None listens on port 25, so receivers may.
"""
import dataclasses
import os
import re
import subprocess

from rig.client import LOCAL, Smtp
from rig.postfix import Postfix

# What `sh -c` does inside; $0 is the folder.
ENTER = 'hostname "$1" && mount --bind "$0/usr" /usr && shift && exec "$@"'
NAME = "sender.rig.example"


def root():
    path = os.environ.get("RIG_TRIXIE", "")
    assert os.path.exists(os.path.join(path, "complete")), (
        "no Postfix 3.10: run tests/integration/unpack-trixie FOLDER, and "
        "name that folder in RIG_TRIXIE (contrib/quickstart does both)")
    return path


def inside(*command):
    """The command line that runs it with the programs of Debian 13."""
    assert os.path.islink("/lib"), "/lib is not a link to /usr/lib"
    return ["unshare", "--mount", "--uts", "sh", "-c", ENTER, root(), NAME,
            *command]


@dataclasses.dataclass
class Outcome:
    """What became of one recipient, as the log has it."""

    relay: str          # the server's name; "none" if none was reached
    dsn: str            # "2.0.0"
    status: str         # Postfix's: "sent", "deferred", "bounced"
    text: str           # what was logged: the line, and why if not in it

    @property
    def sent(self):
        return self.status == "sent"

    @property
    def deferred(self):
        return self.status == "deferred"


def outcome(line):
    """Of a log line of Postfix or Sendmail."""
    relay = re.search(r"\brelay=([^\s,\[]+)", line.text)
    status = re.search(r"\bstat(?:us)?=(\w+)", line.text)[1].lower()
    return Outcome(relay[1].rstrip(".") if relay else "none",
                   re.search(r"\bdsn=([\d.]+)", line.text)[1],
                   status, line.text)


# ---- Postfix --------------------------------------------------------------

SENDER = {
    "myhostname": NAME,
    "inet_interfaces": "127.0.0.1",
    "inet_protocols": "ipv4",
    "virtual_mailbox_domains": "",
    "default_transport": "smtp",
    "relay_transport": "smtp",
    "smtp_host_lookup": "dns",
    "smtp_dns_support_level": "dnssec",
    "smtp_tls_security_level": "may",
    "smtp_tls_loglevel": "1",
}


class SendingPostfix(Postfix):
    """The machine's Postfix, taking mail on a port of 127.0.0.1 for any
    domain. `policy` is a map that says which TLS level each has."""

    name = "sender37"
    ports = (2537,)

    def __init__(self, folder, authority, syslog, policy="", main=None):
        self.syslog = syslog
        self.services = re.sub(
            "^25 .*?(?=^pickup)", "127.0.0.1:%d inet n - n - - smtpd\n" %
            self.ports[0], Postfix.services, flags=re.M | re.S)
        options = dict(SENDER, syslog_name=self.name,
                       smtp_tls_CAfile=authority.trusted,
                       smtp_tls_policy_maps=policy)
        super().__init__(folder, authority, main=dict(options,
                                                      **(main or {})))

    def send(self, sender, *recipients, subject="test"):
        """Submit one message; return its queue id."""
        with Smtp(LOCAL, LOCAL, self.ports[0]) as smtp:
            smtp.ehlo(NAME)
            assert smtp.mail(sender).code == 250, smtp.dialogue()
            for recipient in recipients:
                assert smtp.rcpt(recipient).code == 250, smtp.dialogue()
            reply = smtp.data("Subject: %s\n\nhello\n" % subject)
        return re.search(r"queued as (\w+)", reply.text)[1]

    def wait(self, queue_id, recipient, since=0):
        """The Outcome of one recipient, the first logged after `since`."""
        return outcome(self.syslog.wait(r"^%s: to=<%s>.* status=" % (
            queue_id, re.escape(recipient)), self.name, since))

    def deliver(self, recipient, sender="a@sender.example", **options):
        """Send to one recipient; the Outcome of the first attempt."""
        return self.wait(self.send(sender, recipient, **options), recipient)

    def flush(self):
        """Try everything in the queue again."""
        self.run("postqueue", "-c", self.etc, "-f")

    def lookup(self, key, table):
        """What postmap(1) finds in a map; None if nothing."""
        done = self.run("postmap", "-c", self.etc, "-q", key, table,
                        check=False, capture_output=True, text=True)
        assert done.returncode in (0, 1), done.stderr
        return done.stdout.rstrip("\n") if done.returncode == 0 else None


class Postfix310(SendingPostfix):
    """Debian 13's."""

    name = "sender310"
    ports = (2530,)

    @staticmethod
    def run(*command, check=True, **options):
        return subprocess.run(inside(*command), check=check, **options)


# ---- Sendmail -------------------------------------------------------------

MC = """\
divert(0)dnl
include(`%(root)s/usr/share/sendmail/cf/m4/cf.m4')dnl
OSTYPE(`linux')dnl
define(`confDOMAIN_NAME', `""" + NAME + """')dnl
define(`QUEUE_DIR', `%(dir)s/queue')dnl
define(`confPID_FILE', `%(dir)s/pid')dnl
define(`STATUS_FILE', `%(dir)s/statistics')dnl
define(`ALIAS_FILE', `')dnl
define(`confSERVICE_SWITCH_FILE', `%(dir)s/service.switch')dnl
define(`confTO_IDENT', `0')dnl
define(`confLOG_LEVEL', `14')dnl
define(`confDELIVERY_MODE', `interactive')dnl
define(`confDONT_PROBE_INTERFACES', `True')dnl
define(`confDONT_BLAME_SENDMAIL', `TrustStickyBit')dnl
define(`confCACERT', `%(ca)s')dnl
define(`confCACERT_PATH', `%(dir)s/authorities')dnl
FEATURE(`nocanonify')dnl
FEATURE(`accept_unresolvable_domains')dnl
%(mc)s
MAILER(`local')dnl
MAILER(`smtp')dnl
"""


class Sendmail818:
    """Debian 13's, run for each message; nothing of it stays. `mc` adds
    lines to its .mc file, such as FEATURE(`sts')."""

    def __init__(self, folder, authority, syslog, mc=""):
        self.dir = folder
        self.syslog = syslog
        self.cf = os.path.join(folder, "sendmail.cf")
        for name, mode in (("", 0o755), ("queue", 0o700),
                           ("authorities", 0o755)):
            path = os.path.join(folder, name)
            os.makedirs(path, exist_ok=True)
            os.chmod(path, mode)
        self._file("service.switch", "hosts dns files\naliases files\n")
        self._file("statistics", "")
        self._file("sendmail.mc", MC % {
            "root": root(), "dir": folder, "ca": authority.trusted,
            "mc": mc})
        self._file("sendmail.cf", subprocess.run(
            ["m4", "-D_CF_DIR_=%s/usr/share/sendmail/cf/" % root(),
             os.path.join(folder, "sendmail.mc")], check=True,
            capture_output=True, text=True).stdout)

    def _file(self, name, text):
        with open(os.path.join(self.dir, name), "w") as file:
            file.write(text)

    def run(self, *arguments, **options):
        return subprocess.run(
            inside("/usr/libexec/sendmail/sendmail", "-C", self.cf,
                   *arguments), text=True, capture_output=True, **options)

    def _wait(self, recipient, since):
        # It logs a domain as DNS has it, and what a rule of its own refused
        # in a line of its own.
        local, _, domain = recipient.partition("@")
        result = outcome(self.syslog.wait(
            r"to=<?%s@(?i:%s)\.?>?,.* stat=" % (
                re.escape(local), re.escape(domain.rstrip("."))),
            "sendmail", since))
        lines = self.syslog.find("^%s: " % result.text.partition(":")[0],
                                 "sendmail", since)
        result.text = "\n".join(line.text for line in lines)
        return result

    def deliver(self, recipient, sender="a@sender.example", subject="test"):
        """Send to one recipient; the Outcome of the first attempt."""
        since = self.syslog.mark()
        done = self.run("-v", "-i", "-f", sender, recipient,
                        input="Subject: %s\n\nhello\n" % subject)
        self.dialogue = done.stdout + done.stderr
        return self._wait(recipient, since)

    def flush(self, recipient):
        """Try everything in the queue again; the Outcome of one."""
        since = self.syslog.mark()
        self.dialogue = self.run("-q", "-v", check=True).stdout
        return self._wait(recipient, since)

    def lookup(self, key, table="sts"):
        """What `sendmail -bt` finds in a map; None if nothing."""
        out = self.run("-bt", input="/map %s %s\n" % (table, key),
                       check=True).stdout
        match = re.search(r" returns (.*) \(\d+\)$", out, re.M)
        return match and match[1]
