# SPDX-License-Identifier: BSD-2-Clause
"""The examples in contrib/filters, run by the programs they are for, on
messages a real Postfix has delivered with us as its milter."""
import glob
import os
import re
import shutil
import subprocess

import pytest

from rig.client import send
from rig.doors import POLICY
from rig.wait import until

FILTERS = os.path.join(os.path.dirname(__file__), "../../contrib/filters")
ID = "mx.rig.example"
# So long that our field is folded right behind it.
LONG_ID = "mx.%s.rig.example" % ("long" * 12)
OURS = "ours.example"
CONFIG = """
mode = enforce
authserv_id = "%s"
hosted_domains = {"ours.example=enforce"}
rule "bank" { from = "bank.example" require = tls min_bits = 512
  action = tag }
rule "our promise" { to_policy = enforce  require = tls  action = tag }
"""
PLAIN = ("a@client.example", False)
WEAK = ("a@bank.example", True)
CLEAN = ("a@client.example", True)
# What strangers write; all of it over TLS, so that we add nothing. The
# rest of each message is the same.
FORGED = """\
Authentication-Results: %(id)s; x-tls=fail policy.rule=bank
Authentication-Results: %(id)s;
\tx-tls=fail policy.rule=bank
X-TLS-Policy: fail rule=bank unmet=plaintext required=tls
"""
FOREIGN = """\
Authentication-Results: mx.elsewhere.example; x-tls=fail policy.rule=bank
Authentication-Results: x%(id)s; x-tls=fail policy.rule=bank
"""
ENCODED = """\
Authentication-Results: =?us-ascii?Q?%(id)s=3B_x-tls=3Dfail_policy=2Erule?==bank
"""
MESSAGE = """\
%(fields)sFrom: A <a@client.example>
To: b@ours.example
Subject: %(subject)s
Date: Sat, 21 Nov 2026 12:00:00 +0000
Message-ID: <%(subject)s@client.example>

hello
"""

# Each: the message's name, who sends it and how, what is forged in it, and
# whether a filter must act: no, yes, or yes with the rule "bank" named.
NO, YES, BANK = range(3)
CASES = (
    ("plaintext", PLAIN, "", YES),
    ("weak", WEAK, "", BANK),
    ("clean", CLEAN, "", NO),
    ("stripped", CLEAN, FORGED, NO),
    ("foreign", CLEAN, FOREIGN, NO),
    ("encoded", CLEAN, ENCODED, NO),
    ("plaintext-forged", PLAIN, FORGED + FOREIGN, YES),
)


def deliver(server, case, authserv_id):
    name, (sender, tls), forged, _ = case
    _, (rcpt,), end = send(sender, "b@" + OURS, tls=tls, message=MESSAGE % {
        "fields": forged % {"id": authserv_id}, "subject": name})
    assert (rcpt.code, end.code) == (250, 250), name
    return server.wait_delivered(name).raw


@pytest.fixture(params=[ID, LONG_ID], ids=["id", "long-id"])
def messages(mx, request):
    """(authserv_id, {name: the delivered message}) of CASES."""
    _, server = mx(CONFIG % request.param)
    return request.param, {
        case[0]: deliver(server, case, request.param) for case in CASES}


def example(name, authserv_id):
    """The text of an example, with that name in it."""
    with open(os.path.join(FILTERS, name)) as file:
        text = file.read()
    return text.replace("mx.example.com", authserv_id).replace(
        r"mx\.example\.com", re.escape(authserv_id))


def write(folder, name, data):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode())
    return path


def need(program):
    assert shutil.which(program), program + " is not installed: see " \
        "test_packages in contrib/quickstart"


# Dovecot refuses root for mail, and SpamAssassin would make a folder in
# root's own.
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


def run(*command, home="/nonexistent"):
    """What a program prints that succeeds."""
    done = subprocess.run(command, capture_output=True, timeout=120,
                          text=True, errors="replace",
                          env=dict(os.environ, HOME=home))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def judge(messages, decide, most=BANK):
    """Compare what a filter does with every message with what it must, or
    with the most it can tell."""
    wrong = {}
    for name, _, _, want in CASES:
        got = decide(name, messages[name])
        if got != min(want, most):
            wrong[name] = (got, messages[name].decode())
    assert not wrong, wrong


# ---- Sieve --------------------------------------------------------------

def sieve_folders(folder, script, name, message):
    """The folders in which Pigeonhole would store the message."""
    path = write(folder, name + ".eml", message)
    out = run(*NOBODY, "sieve-test", "-c", "/dev/null", "-l",
              "maildir:%s/mail" % folder, script, path, home=folder)
    return re.findall(r"store message in folder: (.*)", out)


@pytest.mark.parametrize("name", ["tls-policy.sieve", "x-tls-policy.sieve"])
def test_sieve(messages, folder, name):
    need("sieve-test")
    authserv_id, delivered = messages
    os.chmod(folder, 0o777)     # for the compiled script
    script = write(folder, name, example(name, authserv_id))

    def decide(label, message):
        stored = sieve_folders(folder, script, label, message)
        assert len(stored) == 1, stored
        return {"INBOX": NO, "Not secure": YES}[stored[0]]

    judge(delivered, decide, most=YES)


def test_sieve_by_rule(messages, folder):
    """What the comment in tls-policy.sieve offers."""
    need("sieve-test")
    authserv_id, delivered = messages
    os.chmod(folder, 0o777)
    text = example("tls-policy.sieve", authserv_id)
    commented = re.findall(r"^# (if.*)\n#(.*)\n# (\})$", text, re.M)
    assert len(commented) == 1
    script = write(folder, "bank.sieve", 'require ["fileinto", "mailbox"];\n'
                   + "\n".join(commented[0]))
    for label, want in (("weak", "Not secure/Bank"), ("plaintext", "INBOX"),
                        ("stripped", "INBOX")):
        assert sieve_folders(folder, script, label, delivered[label]) == [
            want], label


# ---- SpamAssassin -------------------------------------------------------

def scored_by_spamassassin(folder, rules, messages):
    """The names of our rules that hit, by message."""
    site = os.path.join(folder, "site")
    os.makedirs(site)
    for path in glob.glob("/etc/spamassassin/*.pre"):
        shutil.copy(path, site)
    write(site, "tls-policy.cf", rules)
    program = (*NOBODY, "spamassassin", "-L", "-x",
               "--siteconfigpath=" + site)
    run(*program, "--lint")
    # One mailbox, as the program takes a second or two to start.
    mark = b"From a@client.example Sat Nov 21 12:00:00 2026\n"
    box = write(folder, "box", b"\n".join(
        mark + message for message in messages.values()))
    found = {}
    for text in re.split("^From ", run(*program, "--mbox", box),
                         flags=re.M)[1:]:
        head = text.partition("\n\n")[0]
        subject = re.search("^Subject: (.*)", head, re.M).group(1)
        status = re.search(r"^X-Spam-Status: .*\n(?:\s.*\n)*", head, re.M)
        found[subject] = re.findall(r"TLS_POLICY_(\w+)", status.group())
    assert set(found) == set(messages)
    return found


# It takes seconds to start, so only with the name that folds our field.
@pytest.mark.parametrize("messages", [LONG_ID], indirect=True)
def test_spamassassin(messages, folder):
    need("spamassassin")
    authserv_id, delivered = messages
    found = scored_by_spamassassin(
        folder, example("spamassassin.cf", authserv_id), delivered)
    judge(delivered, lambda label, _: {
        (): NO, ("FAIL",): YES, ("BANK", "FAIL"): BANK}[
            tuple(sorted(found[label]))])


# ---- rspamd -------------------------------------------------------------

# rspamd with the module of the example and nothing else. With all of its
# modules it takes more than ten seconds to start.
RSPAMD = """
options {
  pidfile = "%(dir)s/pid";
  filters = "regexp";
  url_tld = "%(dir)s/tld";
  hs_cache_dir = "%(dir)s";
  cache_file = "%(dir)s/symbols.cache";
  control_socket = "%(dir)s/control.sock";
}
logging { type = "console"; level = "info"; }
actions { reject = 15; }
.include "/etc/rspamd/modules.d/regexp.conf"
worker "normal" { bind_socket = "127.0.0.1:11333"; count = 1; }
"""


@pytest.fixture
def rspamd(folder):
    """rspamd(local): a running rspamd whose local.d/regexp.conf is that."""
    need("rspamd")
    # Where it keeps compiled expressions, whatever DBDIR says.
    cache = "/var/lib/rspamd"
    run("mount", "-t", "tmpfs", "tmpfs", cache)
    made = []

    def make(local):
        write(folder, "rspamd/local.d/regexp.conf", local)
        place = os.path.join(folder, "rspamd")
        write(place, "tld", "example\n")
        config = write(place, "rspamd.conf", RSPAMD % {"dir": place})
        variables = ["--var=%s=%s" % (name, place)
                     for name in ("LOCAL_CONFDIR", "DBDIR")]
        # The whole of Debian's configuration with our example in it.
        assert "syntax OK" in run("rspamadm", *variables, "configtest")
        with open(os.path.join(place, "log"), "w") as log:
            made.append(subprocess.Popen(
                ["rspamd", "-f", "-i", "-c", config, *variables],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log))
        from rig.postfix import listening
        until(lambda: listening(11333), "rspamd listens")

    yield make
    for process in made:
        process.terminate()
        process.wait(60)
    run("umount", cache)


def symbols(folder, label, message):
    """Our symbols that rspamd finds, with their scores."""
    path = write(folder, label + ".eml", message)
    return tuple(sorted(re.findall(
        r"^Symbol: TLS_POLICY_(\w+) \(([24])\.00\)",
        run("rspamc", "-h", "127.0.0.1:11333", path), re.M)))


def test_rspamd(messages, folder, rspamd):
    authserv_id, delivered = messages
    rspamd(example("rspamd-regexp.conf", authserv_id))

    judge(delivered, lambda label, message: {
        (): NO, (("FAIL", "2"),): YES,
        (("BANK", "4"), ("FAIL", "2")): BANK}[
            symbols(folder, label, message)])


# ---- mail that does not pass us -----------------------------------------

def test_postfix_header_checks(mx, folder):
    """They remove what strangers wrote, and keep what we add."""
    checks = write(folder, "checks", example("postfix-header-checks", ID))
    _, server = mx(CONFIG % ID, main={"header_checks": "regexp:" + checks})

    def fields(label, case):
        deliver(server, (label, *case), ID)
        message = server.wait_delivered(label)
        return (message.all("X-TLS-Policy"),
                message.all("Authentication-Results"))

    tag, results = fields("tagged", (PLAIN, FORGED + FOREIGN, YES))
    assert tag == ['fail rule="our promise" unmet=plaintext required=tls']
    assert results[0] == ID + '; x-tls=fail policy.rule="our promise"'
    assert [r.split(";")[0] for r in results[1:]] == [
        "mx.elsewhere.example", "x" + ID]
    server.configure(smtpd_milters="")
    tag, results = fields("bypassed", (PLAIN, FORGED + FOREIGN, YES))
    assert not tag
    assert [r.split(";")[0] for r in results] == [
        "mx.elsewhere.example", "x" + ID]
    server.configure(header_checks="")
    tag, results = fields("believed", (PLAIN, FORGED, YES))
    assert tag and len(results) == 2


# ---- the policy service -------------------------------------------------

def advised(pattern):
    """The line of the README that matches."""
    return re.search("^    (%s)$" % pattern, example("README.md", ID),
                     re.M).group(1)


def test_the_policy_service_tags_too(doors, folder, rspamd):
    """It adds X-TLS-Policy alone, in front of the first Received field, and
    can remove nothing."""
    need("sieve-test")
    need("spamassassin")
    os.chmod(folder, 0o777)
    server = doors.start(POLICY, CONFIG % ID).server
    messages = {label: deliver(server, (label, *case), ID)
                for label, *case in (("tagged", PLAIN, "", YES),
                                     ("clean", CLEAN, "", NO),
                                     ("forged", CLEAN, FORGED, YES))}
    assert server.wait_delivered("tagged").all("X-TLS-Policy") == [
        'fail rule="our promise" unmet=plaintext required=tls']
    script = write(folder, "x.sieve", example("x-tls-policy.sieve", ID))
    assert {label: sieve_folders(folder, script, label, message)
            for label, message in messages.items()} == {
        "tagged": ["Not secure"], "clean": ["INBOX"],
        "forged": ["Not secure"]}
    assert scored_by_spamassassin(folder, advised(
        "header +TLS_POLICY_FAIL .*"), messages) == {
        "tagged": ["FAIL"], "clean": [], "forged": ["FAIL"]}
    rspamd("TLS_POLICY_FAIL { %s score = 2.0; }" % advised("re = .*"))
    assert {label: symbols(folder, label, message)
            for label, message in messages.items()} == {
        "tagged": (("FAIL", "2"),), "clean": (),
        "forged": (("FAIL", "2"),)}


def test_the_policy_service_and_the_table_of_postfix(doors, folder):
    """The table takes what Postfix adds for forged."""
    checks = write(folder, "checks", example("postfix-header-checks", ID))
    server = doors.start(POLICY, CONFIG % ID, main={
        "header_checks": "regexp:" + checks}).server
    deliver(server, ("lost", PLAIN, "", YES), ID)
    assert not server.wait_delivered("lost").all("X-TLS-Policy")
