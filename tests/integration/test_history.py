# SPDX-License-Identifier: BSD-2-Clause
"""Memory: who used TLS before and now does not (design §6.12, §10)."""
import glob
import json
import os
import pwd
import re
import signal
import subprocess

import pytest

from rig.client import CLIENT, LOCAL, STRANGER, Smtp, code, send
from rig.daemon import tool
from rig.doors import DOORS, POLICY, SENDMAIL
from rig.logs import wait_audit
from rig.schemas import objects, validated
from rig.wait import until

OURS = "b@ours.example"
SENDER = "a@habit.example"
ELSEWHERE = "198.18.0.9"
SIX = "2001:db8:1::7"
NETWORK = "198.51.100.0/24"
USER = pwd.getpwnam("tlsmilter")

CONFIG = """
mode = enforce
authserv_id = "mx.rig.example"
rule "downgrade" { history = downgrade  require = tls  action = %s }
"""
MESSAGE = "Subject: %s\nFrom: a@habit.example\n\nhello\n"


def history(d):
    return d.status()["history"]


def wait_recorded(d, n):
    """Until n messages are in the file, since the frontend started."""
    return until(lambda: history(d)["recorded"] == n and history(d),
                 "%d messages are remembered" % n)


def entries(d, *arguments):
    done = d.tool("history", "list", "--json", *arguments)
    assert done.status == 0, done.err
    return validated(done.json)["entries"]


def counts(d, *arguments):
    return {(e["domain"], e["network"]): (e["tls"], e["plaintext"])
            for e in entries(d, *arguments)}


def session(n, sender=SENDER, source=CLIENT, tls=True, subject="hello"):
    """n messages in one session."""
    with Smtp(source=source) as s:
        s.ehlo()
        if tls:
            s.starttls()
            s.ehlo()
        for _ in range(n):
            assert s.mail(sender).code == 250, s.dialogue()
            assert s.rcpt(OURS).code == 250, s.dialogue()
            assert s.data(MESSAGE % subject).code == 250, s.dialogue()
        s.quit()


def rcpt(sender=SENDER, **options):
    """The reply to RCPT; no message follows."""
    with Smtp(**options) as s:
        s.ehlo()
        assert s.mail(sender).code == 250
        reply = s.rcpt(OURS)
        s.quit()
    return reply


# ---- the rule --------------------------------------------------------------

def test_a_downgrade_is_deferred_where_the_habit_was_seen(mx):
    d, _ = mx(CONFIG % "defer")
    assert rcpt().code == 250       # no past yet
    session(2)
    wait_recorded(d, 2)
    assert rcpt().code == 250       # twice is no habit
    session(1)
    wait_recorded(d, 3)
    # The same /24, whoever it is.
    for source in (CLIENT, STRANGER):
        reply = rcpt(source=source)
        assert code(reply) == (451, "4.7.10")
        assert "habit.example" in reply.text
    # Another network, another sender, or TLS: nothing to do with it.
    assert rcpt(source=ELSEWHERE).code == 250
    assert rcpt("a@other.example").code == 250
    assert rcpt("a@www.habit.example").code == 250
    session(1)
    line = wait_audit(d, action="defer")
    assert line["rule"] == "downgrade"
    assert "used TLS from this network" in line["reason"]


def test_a_network_of_ipv6_is_a_48(mx):
    d, _ = mx(CONFIG % "defer")
    session(3, source=SIX)
    wait_recorded(d, 3)
    assert counts(d) == {("habit.example", "2001:db8:1::/48"): (3, 0)}
    assert code(rcpt(source=SIX)) == (451, "4.7.10")
    assert rcpt(source=CLIENT).code == 250


def test_a_downgrade_is_tagged_delivered_and_listed(mx):
    d, pf = mx(CONFIG % "tag")
    session(3)
    wait_recorded(d, 3)
    assert entries(d, "--downgraded") == []
    send(SENDER, OURS, message=MESSAGE % "plain")
    mail = pf.wait_delivered("plain")
    assert mail.all("X-TLS-Policy")
    assert 'policy.rule=downgrade' in mail.all("Authentication-Results")[0]
    wait_recorded(d, 4)
    one, = entries(d, "--downgraded")
    assert (one["tls"], one["plaintext"]) == (3, 1)
    assert one["last_plaintext"] and one["uses_tls"] and one["downgraded"]
    # It goes on: what came in plaintext takes no habit away.
    assert code(rcpt(source=STRANGER))[0] == 250
    send(SENDER, OURS, message=MESSAGE % "again")
    assert pf.wait_delivered("again").all("X-TLS-Policy")


def test_min_and_days_change_with_a_reload(mx):
    config = CONFIG % "defer"
    d, _ = mx(config)
    session(1)
    wait_recorded(d, 1)
    assert rcpt().code == 250
    d.reload(config + "history {\n  min = 1\n}\n")
    d.wait_log("configuration reloaded")
    assert rcpt().code == 451
    assert entries(d)[0]["uses_tls"]
    d.reload(config + "history {\n  min = 2\n}\n")
    d.wait_log("configuration reloaded", count=2)
    assert rcpt().code == 250


@pytest.mark.parametrize("name", DOORS)
def test_every_door_learns_and_notices(doors, name):
    # The policy service hears of what was accepted at the end of data only.
    main = {"smtpd_end_of_data_restrictions":
            "check_policy_service inet:127.0.0.1:8898"}
    door = doors.start(name, CONFIG % "defer", main if name == POLICY else {})
    session(3)
    wait_recorded(door.daemon, 3)
    (e,) = entries(door.daemon)
    assert (e["domain"], e["network"]) == ("habit.example", NETWORK)
    assert e["tls_version"] == "TLSv1.3"
    assert code(rcpt()) == (451, "4.7.10")


# ---- what leaves no trace --------------------------------------------------

def test_what_is_not_accepted_leaves_no_trace(mx):
    d, pf = mx(CONFIG % "defer" + """
    rule "spam" { from = "spam.example"  require = tls  action = reject }
    """)
    session(3)
    wait_recorded(d, 3)
    # Refused by this rule, by the other, or given up by the client.
    assert rcpt().code == 451
    assert rcpt("a@spam.example").code == 550
    assert rcpt("a@gaveup.example").code == 250
    with Smtp() as s:
        s.ehlo()
        s.mail("a@gaveup.example")
        s.rcpt(OURS)
        s.cmd("DATA")
        s.send(b"Subject: never\r\n")
    # Refused by Postfix itself, after the end of the message.
    pf.configure(header_checks="static:REJECT")
    _, _, end = send("a@refused.example", OURS)
    assert end.code == 550, end.text
    pf.configure(header_checks="")
    session(1, sender="a@last.example")
    wait_recorded(d, 4)
    assert counts(d) == {("habit.example", NETWORK): (3, 0),
                         ("last.example", NETWORK): (1, 0)}


def test_a_forged_sender_touches_its_own_network_only(mx):
    d, _ = mx(CONFIG % "defer")
    session(3)
    session(5, source=ELSEWHERE, tls=False)
    wait_recorded(d, 8)
    assert counts(d) == {("habit.example", NETWORK): (3, 0),
                         ("habit.example", "198.18.0.0/24"): (0, 5)}
    assert rcpt().code == 451
    assert rcpt(source=ELSEWHERE).code == 250


def test_who_is_never_remembered(mx, sasl):
    d, _ = mx(CONFIG % "defer" + 'relays = {"198.18.7.0/24"}\n'
              'listener "p" {\n  match = "465"\n  tls = unknown\n}\n',
              main=sasl)
    session(1, source="198.18.7.1")             # a relay
    session(1, source=LOCAL)                    # exempt
    session(1, sender="")                       # a bounce
    with Smtp(port=587) as s:                   # a user
        s.ehlo()
        s.starttls()
        s.ehlo()
        assert s.cmd("AUTH PLAIN AHVzZXIAcGFzcw==").code == 235
        s.mail(SENDER)
        s.rcpt(OURS)
        assert s.data(MESSAGE % "user").code == 250
    with Smtp(port=465, implicit=True) as s:    # nobody knows
        s.ehlo()
        s.mail(SENDER)
        s.rcpt(OURS)
        assert s.data(MESSAGE % "proxied").code == 250
    session(1, sender="a@last.example")
    wait_recorded(d, 1)
    assert counts(d) == {("last.example", NETWORK): (1, 0)}


# ---- restarts --------------------------------------------------------------

def test_it_survives_a_restart(mx):
    d, _ = mx(CONFIG % "defer")
    session(3)
    # At once: what is queued is written before the end.
    assert d.stop() == 0
    d.start()
    assert counts(d) == {("habit.example", NETWORK): (3, 0)}
    assert rcpt().code == 451


def test_it_survives_kill_9_of_the_frontend(mx):
    d, _ = mx(CONFIG % "defer")
    session(3)
    wait_recorded(d, 3)
    frontend = d.child("frontend")
    os.kill(frontend, signal.SIGKILL)
    until(lambda: d.child("frontend") not in (None, frontend), "restart")
    until(lambda: history(d)["open"], "it is open again")
    assert counts(d) == {("habit.example", NETWORK): (3, 0)}
    assert rcpt().code == 451
    assert not damaged_files(d)


# ---- bounds and damage -----------------------------------------------------

def test_its_size_is_bounded(mx):
    d, _ = mx(CONFIG % "defer" + "history {\n  size = 5\n}\n")
    for n in range(12):
        session(1, sender="a@d%02d.example" % n)
    status = wait_recorded(d, 12)
    assert (status["entries"], status["max_entries"]) == (5, 5)
    assert status["evicted"] == 7
    assert len(entries(d)) == 5


def damaged_files(d):
    return glob.glob(d.state_dir + "/history.mdb.damaged-*")


def test_a_damaged_file_at_start_is_moved_aside(mx, daemon, postfix):
    d = daemon(CONFIG % "defer", start=False)
    path = d.state_dir + "/history.mdb"
    with open(path, "wb") as file:
        file.write(b"\xa5" * 65536)
    os.chown(path, USER.pw_uid, USER.pw_gid)
    os.chmod(path, 0o640)
    d.start()
    d.wait_log(r"history\.mdb is damaged: who used TLS before is forgotten")
    assert len(damaged_files(d)) == 1
    postfix(milters="inet:127.0.0.1:8899")
    session(1)
    wait_recorded(d, 1)
    assert not glob.glob(d.state_dir + "/policies.mdb.damaged-*")


def test_a_file_truncated_under_a_running_frontend(mx):
    d, _ = mx(CONFIG % "defer")
    session(3)
    wait_recorded(d, 3)
    d.stop()
    d.start()           # nothing of the file is mapped yet
    os.truncate(d.state_dir + "/history.mdb", 8192)
    # Whoever reads it dies of it; Postfix defers that message.
    with Smtp() as s:
        s.ehlo()
        assert s.mail(SENDER).code == 451
    d.wait_log(r"history\.mdb is damaged: who used TLS before is forgotten")
    assert len(damaged_files(d)) == 1
    assert not glob.glob(d.state_dir + "/policies.mdb.damaged-*")
    until(lambda: history(d)["open"], "another history")
    session(1)
    wait_recorded(d, 1)
    assert counts(d) == {("habit.example", NETWORK): (1, 0)}
    # A sanitizer reports the signal that was meant to come.
    os.truncate(d.errors, 0)


def test_without_a_file_mail_flows(daemon, postfix):
    d = daemon(CONFIG % "defer", start=False)
    os.mkdir(d.state_dir + "/history.mdb")
    d.start()
    postfix(milters="inet:127.0.0.1:8899")
    line = d.wait_log("going on without a history")
    assert "history.mdb" in line.text
    session(3)
    assert rcpt().code == 250
    assert history(d) == {"open": False}
    done = d.tool("history", "list")
    assert done.status == 3 and "has no history" in done.err


def test_a_full_disk_costs_the_memory_and_no_mail(daemon, postfix):
    d = daemon(CONFIG % "defer", start=False)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=755,uid=%d"
                    % USER.pw_uid, "tmpfs", d.state_dir], check=True)
    try:
        d.start()
        postfix(milters="inet:127.0.0.1:8899")
        with open(os.path.join(d.state_dir, "fill"), "wb",
                  buffering=0) as file:
            try:
                while file.write(bytes(4096)) == 4096:
                    pass
            except OSError:
                pass
        session(1)
        d.wait_log("file or disk is full: who uses TLS now is not remembered")
        assert history(d)["dropped"] == 1
        os.unlink(os.path.join(d.state_dir, "fill"))
        session(1)
        wait_recorded(d, 1)
        assert d.stop() == 0
    finally:
        subprocess.run(["umount", "--lazy", d.state_dir], check=True)


def test_it_can_be_off(mx):
    d, _ = mx(CONFIG % "defer" + "history {\n  size = 0\n}\n")
    assert 'rule "downgrade" never matches, since history.size = 0' in \
        d.complaints()
    session(3)
    assert rcpt().code == 250
    assert history(d) == {"open": False}
    assert not os.path.exists(d.state_dir + "/history.mdb")


# ---- the tool --------------------------------------------------------------

@pytest.fixture
def filled(mx):
    """A daemon that remembers three pairs."""
    d, _ = mx(CONFIG % "tag")
    session(3)
    session(1, tls=False)
    session(2, source=ELSEWHERE)
    session(1, sender="a@b.example")
    wait_recorded(d, 7)
    return d


def check_reading(run):
    """The reading commands, by the daemon or in the files."""
    listed = run("history", "list")
    assert listed.status == 0, listed.err
    lines = listed.out.splitlines()
    assert len(lines) == 4 and all(len(line) <= 80 for line in lines)
    assert lines[0].split()[:3] == ["DOMAIN", "NETWORK", "TLS"]
    assert [line.split()[-1] for line in lines[1:]] == ["-", "-",
                                                        "downgraded"]
    everything = validated(run("history", "list", "--json").json)["entries"]
    assert [(e["domain"], e["network"]) for e in everything] == [
        ("b.example", NETWORK), ("habit.example", "198.18.0.0/24"),
        ("habit.example", NETWORK)]
    assert "tls_times" not in everything[0]
    for arguments, n in ((["--domain", "habit.example"], 2),
                         (["--domain", "HABIT.example."], 2),
                         (["--domain", "www.habit.example"], 0),
                         (["--network", CLIENT], 2),
                         (["--network", NETWORK], 2),
                         (["--network", "10.0.0.0/24"], 0),
                         (["--downgraded"], 1)):
        done = run("history", "list", "--json", *arguments)
        assert len(validated(done.json)["entries"]) == n, arguments
    exported = validated(run("history", "export").json)["entries"]
    assert [len(e["tls_times"]) for e in exported] == [1, 2, 3]
    shown = run("history", "show", "habit.example", CLIENT)
    assert re.search(r"messages +3 over TLS, 1 in plaintext\n", shown.out)
    assert re.search(r"TLS version +TLSv1\.3\n", shown.out)
    one, = validated(run("history", "show", "--json", "habit.example",
                         NETWORK).json)["entries"]
    assert (one["tls"], one["plaintext"], one["downgraded"]) == (3, 1, True)
    missing = run("history", "show", "nobody.example")
    assert missing.status == 2 and "not in the history" in missing.err
    assert run("history", "show", "--json", "nobody.example").status == 2


def test_the_tool_reads_it_both_ways(filled):
    d = filled
    check_reading(d.tool)
    assert d.stop() == 0
    check_reading(d.tool)


def test_export_writes_a_file(filled, folder):
    path = os.path.join(folder, "out.json")
    assert filled.tool("history", "export", path).status == 0
    with open(path) as file:
        assert len(validated(json.load(file))["entries"]) == 3


def check_purging(run):
    done, = objects(run("history", "purge", "--json", "habit.example",
                        ELSEWHERE))
    assert done["ok"] and done["network"] == "198.18.0.0/24"
    again = run("history", "purge", "habit.example", ELSEWHERE)
    assert again.status == 2 and "not in the history" in again.err
    assert run("history", "purge", "habit.example").out == \
        "habit.example: ok, 1 forgotten\n"
    rest = validated(run("history", "list", "--json").json)["entries"]
    assert [e["domain"] for e in rest] == ["b.example"]
    assert run("history", "purge", "--all").status == 0
    assert validated(run("history", "list", "--json").json)["entries"] == []


def test_the_daemon_purges(filled):
    check_purging(filled.tool)
    filled.wait_log(r"purged by the administrator domain=habit\.example "
                    r"network=198\.18\.0\.0/24 entries=1, a downgrade")
    filled.wait_log(r"purged by the administrator domain=\* network=\*")
    assert rcpt().code == 250


def test_the_tool_purges_the_file(filled, syslog):
    d = filled
    assert d.stop() == 0
    mark = syslog.mark()
    check_purging(d.tool)
    syslog.wait(r"purged by uid \d+ domain=habit\.example "
                r"network=\* entries=1, a downgrade", "tlsmilter", mark)
    d.start()
    assert entries(d) == []


def test_the_tool_makes_no_file(daemon):
    d = daemon(CONFIG % "tag", start=False)
    for arguments in (["list"], ["export"], ["purge", "--all"]):
        assert d.tool("history", *arguments).status == 0
    assert d.tool("history", "purge", "a.example").status == 2
    assert not os.path.exists(d.state_dir + "/history.mdb")


def test_wrong_arguments_have_their_own_status():
    for arguments in (["purge"], ["purge", "--all", "a.example"],
                      ["show"], ["show", "a..b"],
                      ["show", "a.example", "10.0.0.0/8"],
                      ["list", "--network", "nonsense"],
                      ["list", "--domain", "a..b"], ["list", "a.example"]):
        done = tool("history", *arguments)
        assert done.status == 64 and done.err and not done.out, arguments


def check_explain(run, **want):
    arguments = ["--client", CLIENT, "--tls", "none", "--from", SENDER,
                 "--to", OURS]
    one, = objects(run("explain", "--json", *arguments))
    assert one["history"] == want["history"]
    assert one["action"] == want["action"]
    one, = objects(run("explain", "--json", *arguments, "--history", "3:0"))
    assert one["history"] == {"tls": 3, "plaintext": 0, "uses_tls": True}
    assert one["action"] == "tag"
    one, = objects(run("explain", "--json", *arguments, "--history",
                       "9:9:31"))
    assert one["history"]["uses_tls"] is False


def test_explain_knows_the_past(filled):
    d = filled
    known = {"tls": 3, "plaintext": 1, "uses_tls": True}
    check_explain(d.tool, history=known, action="tag")
    # By the limits of its own configuration, not the daemon's.
    other = d.file + ".other"
    with open(other, "w") as file:
        file.write(d.text + "history {\n  min = 4\n}\n")
    one, = objects(tool("explain", "-c", other, "--json", "--client", CLIENT,
                        "--tls", "none", "--from", SENDER, "--to", OURS))
    assert one["history"] == dict(known, uses_tls=False)
    assert d.stop() == 0
    check_explain(d.tool, history=known, action="tag")


def test_history_comes_through_sendmail_in_plaintext_too(doors):
    door = doors.start(SENDMAIL, CONFIG % "tag")
    session(3)
    session(1, tls=False)
    wait_recorded(door.daemon, 4)
    assert counts(door.daemon) == {("habit.example", NETWORK): (3, 1)}
