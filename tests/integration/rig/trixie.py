# SPDX-License-Identifier: BSD-2-Clause
"""Mail servers of Debian 13 that send: Postfix 3.10 and Sendmail 8.18.

RIG_TRIXIE names the folder with their programs (unpack-trixie makes it);
without it, tests fail. They run in a mount namespace where its usr lies over
/usr: all else, /etc, /dev/log and the folders of the rig, is that of the
private world.
"""
import os
import re
import subprocess

from rig.outbound import Fate, Sender

# What `sh -c` does inside; $0 is the folder.
ENTER = 'hostname "$1" && mount --bind "$0/usr" /usr && shift && exec "$@"'
NAME = "out.rig.example"


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


class Sender310(Sender):
    """The Postfix of Debian 13."""

    @staticmethod
    def run(*command, check=True, **options):
        return subprocess.run(inside(*command), check=check, **options)


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

    def _fate(self, recipient, since):
        # It logs a domain as DNS has it, and what its rules refused in lines
        # of their own.
        local, _, domain = recipient.partition("@")
        end = self.syslog.wait(
            r"to=<?%s@(?i:%s)\.?>?,.* stat=" % (
                re.escape(local), re.escape(domain.rstrip("."))),
            "sendmail", since)
        lines = [line.text for line in self.syslog.find("", None, since)
                 if line.pid == end.pid]
        verify = re.findall(r"^STARTTLS=client, relay=.* verify=(\w+)",
                            "\n".join(lines), re.M)
        refused = [line.partition(" reject=")[2] for line in lines
                   if " reject=" in line]
        relay, dsn, status, text = re.search(
            r" (?:relay=(\S+) .*)?dsn=([\d.]+), stat=(\w+):? ?(.*)$",
            end.text).groups()
        return Fate(status.lower(), dsn, (relay or "none").rstrip("."),
                    "; ".join(refused + [text]), verify[-1] if verify else "")

    def send(self, recipient, sender="a@out.rig.example", subject="hello"):
        """Try to deliver a message, once; .tls of the Fate is {verify}."""
        since = self.syslog.mark()
        self.run("-i", "-f", sender, recipient,
                 input="Subject: %s\n\nhello\n" % subject)
        return self._fate(recipient, since)

    def retry(self, recipient):
        """Try all that is queued; the Fate of one recipient."""
        since = self.syslog.mark()
        self.run("-q", check=True)
        return self._fate(recipient, since)

    def lookup(self, key, table="sts"):
        """What `sendmail -bt` finds in a map; None if nothing."""
        out = self.run("-bt", input="/map %s %s\n" % (table, key),
                       check=True).stdout
        match = re.search(r" returns (.*) \(\d+\)$", out, re.M)
        return match and match[1]
