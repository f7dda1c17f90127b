# SPDX-License-Identifier: BSD-2-Clause
"""The processes of tlsmilterd: start, stop, crash, reload (design §2, §10)."""
import contextlib
import glob
import os
import pwd
import resource
import shutil
import signal
import socket
import stat
import subprocess
import time

import pytest

from rig.daemon import children_of, program, sanitized
from rig.milter import Milter
from rig.wait import until

EX_USAGE, EX_UNAVAILABLE, EX_CONFIG = 64, 69, 78
USER = pwd.getpwnam("tlsmilter")


def status_of(pid):
    """The fields of /proc/PID/status."""
    with open("/proc/%d/status" % pid) as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file
                    if ":\t" in line)


def is_gone(pid):
    return not os.path.exists("/proc/%d" % pid)


def everybody(d):
    """The daemon's processes: monitor, frontend, resolver."""
    return [d.process.pid] + [
        until(lambda: d.child(role), "a %s runs" % role)
        for role in ("frontend", "resolver")]


def answers(address=("127.0.0.1", 8899)):
    with Milter(address) as m:
        return m.negotiate()[0] >= 2


def run(*arguments, env=None, **options):
    """Run tlsmilterd to its end, without a service manager."""
    return subprocess.run([program("tlsmilterd"), *arguments], text=True,
                          capture_output=True, timeout=60, stdin=None,
                          env=dict(os.environ, **(env or {})), **options)


class Notices:
    """What was sent to a NOTIFY_SOCKET of ours, in order."""

    def __init__(self, d):
        self.sock = d._notify
        self.seen = []

    def wait(self, text):
        def arrived():
            try:
                while True:
                    self.seen.append(self.sock.recv(4096).decode())
            except BlockingIOError:
                return any(text in one for one in self.seen)
        until(arrived, "notice %r" % text)
        return next(one for one in self.seen if text in one)


# ---- start and stop --------------------------------------------------------

def start_in_groups(d, more):
    """Start d with more supplementary groups than the test has."""
    groups = os.getgroups()
    os.setgroups(groups + more)
    try:
        d.start()
    finally:
        os.setgroups(groups)


def test_every_process_has_dropped_root(daemon):
    d = daemon(start=False)
    start_in_groups(d, [0])
    for pid in everybody(d):
        fields = status_of(pid)
        assert set(fields["Uid"].split()) == {str(USER.pw_uid)}
        assert set(fields["Gid"].split()) == {str(USER.pw_gid)}
        assert "0" not in fields["Groups"].split()
        assert fields["NoNewPrivs"] == "1"
    assert answers()


@pytest.mark.skipif(sanitized(), reason="sanitizers exclude the sandbox")
def test_the_resolver_cannot_write_to_the_journal(daemon):
    """Under systemd -f's standard error is the journal; what the resolver
    wrote there would look like a line of the daemon."""
    d = daemon()

    def output(role):
        return {os.readlink("/proc/%d/fd/%d" % (d.child(role), fd))
                for fd in (1, 2)}
    until(lambda: output("resolver") == {"/dev/null"}, "closed sandbox")
    assert output("frontend") == {d.errors}


def test_groups_of_the_unit_are_kept(daemon):
    d = daemon(start=False)
    start_in_groups(d, [4242])
    for pid in everybody(d):
        assert "4242" in status_of(pid)["Groups"].split()


def start_as_user(d, **options):
    """Start d as its own user, with a copy of the program it may read."""
    copy = os.path.join(d.dir, "tlsmilterd")
    shutil.copy(program("tlsmilterd"), copy)
    d.mark = d.syslog.mark()
    d.process = subprocess.Popen(
        [copy, "-f", "-c", d.file], stderr=open(d.errors, "a"),
        user=USER.pw_uid, group=USER.pw_gid, extra_groups=[], **options)
    d._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)


def test_not_root_ignores_user(daemon):
    d = daemon('user = "nobody-at-all"\n', start=False)
    start_as_user(d)
    d.wait_log("serves inet:8899@127.0.0.1")
    assert set(status_of(d.child("frontend"))["Uid"].split()) == {
        str(USER.pw_uid)}
    assert answers()


def test_user_that_does_not_exist(daemon):
    d = daemon('user = "nobody-at-all"\n', start=False)
    done = run("-f", "-c", d.file)
    assert done.returncode == EX_UNAVAILABLE
    assert 'user "nobody-at-all" does not exist' in done.stderr


def test_command_line_stands_above_the_file(daemon):
    d = daemon('user = "nobody-at-all"\n', start=False)
    d.start("-u", "tlsmilter", "-p", "inet:8890@127.0.0.1")
    assert answers(("127.0.0.1", 8890))
    d.reload()
    d.wait_log("configuration reloaded")
    assert answers(("127.0.0.1", 8890))


def test_sigterm_ends_an_idle_daemon_within_a_second(daemon):
    d = daemon()
    assert answers()
    pids = everybody(d)
    start = time.monotonic()
    assert d.stop() == 0
    assert time.monotonic() - start < 1
    assert all(is_gone(pid) for pid in pids)
    assert not os.path.exists(d.control)
    with pytest.raises(ConnectionRefusedError):
        answers()


def test_sigterm_ends_a_daemon_with_an_open_session(daemon):
    d = daemon()
    with Milter() as m:
        m.negotiate()
        assert d.stop() == 0


def test_frontend_that_hangs_is_killed_at_the_stop(daemon):
    d = daemon()
    frontend = d.child("frontend")
    os.kill(frontend, signal.SIGSTOP)
    assert d.stop() == 0
    assert is_gone(frontend)
    d.wait_log("the frontend does not end, killing it")


def test_notices_to_the_service_manager(daemon):
    d = daemon(start=False)
    d.start(wait=False)
    d._notify.setblocking(False)
    notices = Notices(d)
    assert "STATUS=Serving inet:8899" in notices.wait("READY=1")
    notices.seen.clear()
    d.reload()
    assert "MONOTONIC_USEC=" in notices.wait("RELOADING=1")
    notices.wait("READY=1")
    d.process.terminate()
    notices.wait("STOPPING=1")


def test_background_start_tells_success(daemon):
    d = daemon(start=False)
    mark = d.syslog.mark()
    done = run("-c", d.file)
    assert done.returncode == 0, done.stderr
    assert answers()
    pid = d.syslog.wait("serves", "tlsmilterd", mark).pid
    assert os.readlink("/proc/%d/fd/2" % pid) == "/dev/null"
    again = run("-c", d.file)
    assert again.returncode == EX_UNAVAILABLE
    assert "in use by another process" in again.stderr
    children = children_of(pid)
    os.kill(pid, signal.SIGTERM)
    until(lambda: all(is_gone(p) for p in (pid, *children)),
          "the daemon is gone")


def test_foreground_logs_to_stderr_and_syslog(daemon):
    d = daemon()
    d.wait_log("serves")
    assert "serves inet:8899" in d.complaints()


# ---- files and folders -----------------------------------------------------

def test_missing_state_folder_is_made(daemon, folder):
    path = os.path.join(folder, "new")
    os.chown(folder, USER.pw_uid, USER.pw_gid)
    daemon('state_dir = "%s"\n' % path)
    st = os.stat(path)
    assert stat.S_IMODE(st.st_mode) == 0o750
    assert st.st_uid == USER.pw_uid


@pytest.mark.parametrize("mode, owner, text", [
    (0o777, USER.pw_uid, "writable by everyone"),
    (0o755, 4242, "belongs to uid 4242"),
    (0o755, 0, "must belong to uid %d" % USER.pw_uid),
])
def test_state_folder_of_others_is_refused(daemon, mode, owner, text):
    d = daemon(start=False)
    os.chmod(d.state_dir, mode)
    os.chown(d.state_dir, owner, -1)
    done = run("-f", "-c", d.file)
    assert done.returncode == EX_UNAVAILABLE
    assert text in done.stderr


@contextlib.contextmanager
def full_disk(path):
    """A file system of a megabyte at path, without a byte of room."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=755,uid=%d"
                    % USER.pw_uid, "tmpfs", path], check=True)
    try:
        with open(os.path.join(path, "fill"), "wb", buffering=0) as file:
            with contextlib.suppress(OSError):
                while file.write(bytes(4096)) == 4096:
                    pass
        yield
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)


def test_full_disk_costs_the_cache_and_no_mail(daemon):
    d = daemon(start=False)
    with full_disk(d.state_dir):
        d.start()
        assert answers()
        line = d.wait_log("going on without a cache")
        assert "no space left" in line.text
        assert not d.log("killed")
        assert d.stop() == 0


def test_second_instance_is_refused(daemon):
    d = daemon()
    done = run("-f", "-c", d.file)
    assert done.returncode == EX_UNAVAILABLE
    assert "%s is in use by another process" % d.state_dir in done.stderr
    assert os.path.exists(d.control)
    assert answers()


def test_too_few_descriptors(daemon):
    d = daemon(start=False)
    done = run("-f", "-c", d.file, preexec_fn=lambda: resource.setrlimit(
        resource.RLIMIT_NOFILE, (64, 64)))
    assert done.returncode == EX_UNAVAILABLE
    assert "only 64 files may be open at once" in done.stderr


def test_port_in_use(daemon):
    d = daemon(start=False)
    with socket.create_server(("127.0.0.1", 8899)):
        done = run("-f", "-c", d.file)
    assert done.returncode == EX_UNAVAILABLE
    assert "8899" in done.stderr


def test_stale_unix_sockets_are_replaced(daemon, folder):
    path = os.path.join(folder, "tlsmilter", "run", "milter.sock")
    d = daemon('milter = "unix:%s"\n' % path)
    assert answers(path)
    pids = everybody(d)
    d.stop(signal.SIGKILL)
    until(lambda: all(is_gone(pid) for pid in pids), "children are gone")
    assert os.path.exists(path) and os.path.exists(d.control)
    d.start()
    assert answers(path)
    assert d.stop() == 0
    assert not os.path.exists(path)


def test_socket_whose_folder_is_missing(daemon, folder):
    d = daemon('milter = "unix:%s/none/m.sock"\n' % folder, start=False)
    done = run("-f", "-c", d.file)
    assert done.returncode == EX_UNAVAILABLE
    assert "%s/none" % folder in done.stderr
    assert "does not exist" in done.stderr


# ---- configuration at start ------------------------------------------------

def test_check_and_usage_statuses(daemon):
    d = daemon('help_url = "https://rig.example/"\n', start=False)
    good = run("-n", "-c", d.file)
    assert good.returncode == 0, good.stderr
    dump = run("-D", "-c", d.file)
    assert dump.returncode == 0
    assert "https://rig.example/" in dump.stdout
    assert run("-n", "-c", d.file).stderr == ""
    d.write('user = "nobody-at-all"\n')
    warned = run("-n", "-c", d.file)
    assert warned.returncode == 0
    assert 'warning: it could not start now: user "nobody-at-all"' in (
        warned.stderr)
    d.write("mode = enforce\nnonsense = 1\n")
    bad = run("-n", "-c", d.file)
    assert bad.returncode == EX_CONFIG
    assert "%s:2: " % d.file in bad.stderr
    assert run("-f", "-c", d.file).returncode == EX_CONFIG
    assert run("-c").returncode == EX_USAGE
    assert run("stray").returncode == EX_USAGE
    assert run("-h").returncode == 0
    assert "built with: " in run("-V").stdout
    missing = run("-n", "-c", d.dir + "/none")
    assert missing.returncode == EX_CONFIG
    assert d.dir + "/none" in missing.stderr


def test_unreadable_configuration(daemon):
    d = daemon(start=False)
    os.chmod(d.file, 0o600)
    start_as_user(d)
    assert d.process.wait(30) == EX_CONFIG
    assert d.file in d.complaints()


def test_configuration_only_root_can_read_is_warned_about(daemon):
    d = daemon(start=False)
    os.chmod(d.file, 0o600)
    d.start()
    d.wait_log("user tlsmilter cannot read .*: a reload will fail")
    d.process.send_signal(signal.SIGHUP)
    d.wait_log("reload failed, the old configuration stays in force")
    assert answers()


# ---- deaths ----------------------------------------------------------------

def test_connection_during_a_restart_is_served(daemon):
    d = daemon()
    old = d.child("frontend")
    os.kill(old, signal.SIGKILL)
    until(lambda: is_gone(old), "the frontend is gone")
    with Milter() as m:
        assert m.negotiate()[0] >= 2
    assert d.child("frontend") not in (None, old)
    d.wait_log(r"the frontend \(pid %d\) was killed by signal 9" % old)


def test_new_resolver_joins_the_old_frontend(daemon, world):
    ours = world.domain(mode="enforce")
    d = daemon('hosted_domains = {"%s"}\n' % ours.name)
    frontend, old = d.child("frontend"), d.child("resolver")
    os.kill(old, signal.SIGKILL)
    until(lambda: d.child("resolver") not in (None, old), "a new resolver")
    assert d.child("frontend") == frontend
    other = world.domain(mode="enforce")
    d.reload('hosted_domains = {"%s"}\n' % other.name)
    assert d.child("frontend") == frontend
    until(lambda: other.host.count, "the new resolver fetches")


def test_children_end_with_the_monitor(daemon):
    d = daemon()
    pids = everybody(d)
    d.stop(signal.SIGKILL)
    until(lambda: all(is_gone(pid) for pid in pids), "children are gone")
    d.start()
    assert answers()


def test_restarts_wait_longer_each_time(daemon):
    d = daemon()
    for delay in (100, 200, 400):
        pid = until(lambda: d.child("frontend"), "a frontend runs")
        os.kill(pid, signal.SIGKILL)
        d.wait_log(r"\(pid %d\).*starting it again in %d ms" % (pid, delay))
    assert answers()


def test_stopping_while_a_restart_waits(daemon):
    d = daemon()
    for _ in range(5):
        pid = until(lambda: d.child("frontend"), "a frontend runs")
        os.kill(pid, signal.SIGKILL)
        until(lambda: is_gone(pid), "it is gone")
    assert d.stop() == 0


# ---- reload ----------------------------------------------------------------

def test_reload_puts_the_new_configuration_in_force(daemon):
    d = daemon("mode = observe\n")
    assert d.status()["mode"] == "observe"
    children = d.children()
    d.reload("mode = enforce\n")
    d.wait_log("configuration reloaded")
    assert d.status()["mode"] == "enforce"
    assert d.children() == children


def test_bad_reload_keeps_the_old_configuration(daemon):
    d = daemon("mode = observe\n")
    children = d.children()
    d.reload("mode = enforce\n\nrelays = {\"192.0.2.1/8\"}\n")
    d.wait_log("%s:3: " % d.file)
    d.wait_log("reload failed, the old configuration stays in force")
    assert d.status()["mode"] == "observe"
    assert d.children() == children
    d.reload("mode = enforce\n")
    d.wait_log("configuration reloaded")
    assert d.status()["mode"] == "enforce"


def test_reload_by_control_socket_tells_the_result(daemon):
    d = daemon()
    assert d.ask("reload")["reloaded"] is True
    d.write("nonsense = 1\n")
    answer = d.ask("reload")
    assert answer["reloaded"] is False
    assert "%s:1: " % d.file in answer["messages"]
    d.write('user = "another"\n')
    answer = d.ask("reload")
    assert answer["reloaded"] is True
    assert "needs a restart: user" in answer["messages"]


def test_reload_names_what_needs_a_restart(daemon):
    d = daemon()
    d.reload('milter = "inet:8898@127.0.0.1"\n')
    line = d.wait_log("needs a restart")
    assert "milter" in line.text
    d.wait_log("configuration reloaded")
    assert answers()
    frontend = d.child("frontend")
    os.kill(frontend, signal.SIGKILL)
    until(lambda: d.child("frontend") not in (None, frontend), "restart")
    assert answers()


def test_changed_dns_options_replace_the_resolver(daemon):
    d = daemon()
    frontend, resolver = d.child("frontend"), d.child("resolver")
    d.reload('dns {\n  trust_anchor = "%s"\n  timeout = 7s\n}\n' %
             d.world.trust_anchor)
    d.wait_log("replacing the resolver")
    until(lambda: d.child("resolver") not in (None, resolver),
          "another resolver")
    assert d.child("frontend") == frontend


def test_frontend_that_restarts_has_the_new_configuration(daemon):
    d = daemon("mode = observe\n")
    d.reload("mode = enforce\n")
    d.wait_log("configuration reloaded")
    frontend = d.child("frontend")
    os.kill(frontend, signal.SIGKILL)
    until(lambda: d.child("frontend") not in (None, frontend), "restart")
    assert answers()
    assert d.status()["mode"] == "enforce"


@pytest.mark.parametrize("config", ["", 'dns { servers = {"192.0.2.53"} }'])
def test_changed_resolv_conf_replaces_the_resolver(daemon, config):
    """Servers of our own do not help the mail server, which asks these."""
    d = daemon(config)
    resolver = d.child("resolver")
    os.utime("/etc/resolv.conf")
    d.wait_log("/etc/resolv.conf has changed, replacing the resolver")
    until(lambda: d.child("resolver") not in (None, resolver),
          "another resolver")


# ---- damage ----------------------------------------------------------------

def damaged_files(d):
    return glob.glob(d.state_dir + "/policies.mdb.damaged-*")


def test_damaged_cache_at_start_is_moved_aside(daemon):
    d = daemon(start=False)
    path = d.state_dir + "/policies.mdb"
    with open(path, "wb") as file:
        file.write(b"\xa5" * 65536)
    os.chown(path, USER.pw_uid, USER.pw_gid)
    os.chmod(path, 0o640)
    d.start()
    assert answers()
    d.wait_log("is damaged: what it held is lost")
    assert len(damaged_files(d)) == 1


def test_cache_truncated_under_a_running_frontend(daemon, world):
    ours = world.domain(mode="enforce")
    d = daemon('hosted_domains = {"%s"}\n' % ours.name)

    def known():
        record = d.ask("query", domain=ours.name).get("record")
        return record and record["mode"] == "enforce"

    until(known, "the policy is learnt")
    d.stop()
    d.start()       # nothing of the file is mapped yet
    os.truncate(d.state_dir + "/policies.mdb", 8192)
    # The store thread may have read it, and died of it, before.
    with contextlib.suppress(OSError, ValueError):
        d.ask("query", domain=ours.name)
    d.wait_log("is damaged: what it held is lost")
    assert len(damaged_files(d)) == 1
    assert answers()
    until(known, "the policy is learnt again")
    # A sanitizer reports the signal that was meant to come.
    os.truncate(d.errors, 0)


def test_cache_that_cannot_be_opened_stops_no_mail(daemon):
    d = daemon(start=False)
    os.mkdir(d.state_dir + "/policies.mdb")
    d.start()
    assert answers()
    d.wait_log("going on without a cache")
    assert d.status()["cache"] == {"open": False}


# ---- the log daemon hangs --------------------------------------------------

def test_a_hung_log_daemon_stops_nothing(daemon, syslog):
    d = daemon()
    with Milter() as m:
        m.negotiate()
        m.connect()
        syslog.pause()
        try:
            # More lines than the ring, 1 MiB twice, has room for.
            for n in range(15000):
                assert m.message("a@x.example", "b@y.example") == (
                    b"c", b"c", b"c")
            assert d.status()["counters"]["messages"] == 15000
            assert d.status()["log_lines_dropped"] > 0
        finally:
            syslog.resume()
    d.wait_log("[0-9]+ lines dropped, the log daemon is too slow")


def test_stopping_does_not_wait_for_the_log_daemon(daemon, syslog):
    d = daemon()
    syslog.pause()
    try:
        assert answers()
        assert d.stop() == 0
    finally:
        syslog.resume()
