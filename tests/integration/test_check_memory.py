# SPDX-License-Identifier: BSD-2-Clause
"""tlsmilter check: where it keeps what it has seen, and what it takes from
the cache and the daemon. The targets need no server: nobody listens."""
import concurrent.futures
import glob
import json
import os
import pwd
import subprocess

import pytest

from rig.daemon import program, tool
from rig.schemas import validated
from rig.world import policy_text

DEAD = ("--smtp", "127.0.0.1:9")
DEAD_TEXT = "smtp 127.0.0.1:9"


class Place:
    """A configuration, a state folder and a home."""

    def __init__(self, folder, config=""):
        self.state = os.path.join(folder, "state")
        self.home = os.path.join(folder, "home")
        self.file = os.path.join(folder, "tlsmilter.conf")
        for path in (self.state, self.home):
            os.makedirs(path)
        with open(self.file, "w") as file:
            file.write('%s\nstate_dir = "%s"\ncontrol = "unix:%s/s"\n' % (
                config, self.state, folder))

    def check(self, *arguments, **env):
        return tool("check", "-c", self.file, "--timeout", "2", *arguments,
                    env={"HOME": self.home, "XDG_STATE_HOME": "", **env})

    def files(self):
        return notes_of(self.state), notes_of(
            os.path.join(self.home, ".local", "state", "tlsmilter"))


def notes_of(folder):
    return bool(glob.glob(os.path.join(folder, "checks.mdb")))


@pytest.fixture
def place(folder):
    return lambda config="": Place(folder, config)


def remembers(run, *arguments):
    """Ask by forgetting."""
    done = run("--forget", *arguments)
    assert done.status == 0, done.err
    assert done.out.endswith(": forgotten\n") or \
        done.out.endswith(": nothing was remembered\n")
    return done.out.endswith(": forgotten\n")


def test_without_a_daemon_the_memory_is_in_state_dir(place):
    p = place()
    assert not remembers(p.check, *DEAD)
    assert p.files() == (False, False)      # forgetting makes no file
    done = p.check(*DEAD)
    assert done.status == 2 and done.err == ""
    assert p.files() == (True, False)
    assert remembers(p.check, *DEAD)
    assert not remembers(p.check, *DEAD)


def test_a_state_dir_of_the_command_line_goes_first(place, folder):
    p = place()
    other = os.path.join(folder, "other")
    os.makedirs(other)
    p.check(*DEAD, "--state-dir", other)
    assert notes_of(other) and p.files() == (False, False)


def test_a_state_dir_that_is_missing_is_said(place, folder):
    done = place().check(*DEAD, "--state-dir", os.path.join(folder, "none"))
    assert done.status == 2
    assert "nothing is remembered: " in done.err


def test_without_memory_nothing_is_written(place):
    p = place()
    assert p.check(*DEAD, "--no-memory").status == 2
    assert p.files() == (False, False)


def test_root_without_root_keeps_the_memory_for_the_owner(place, folder):
    user = pwd.getpwnam("tlsmilter")
    p = place()
    os.chown(p.state, user.pw_uid, user.pw_gid)
    os.chmod(folder, 0o755)
    done = p.check(*DEAD)
    assert done.err == "" and p.files() == (True, False)
    assert os.stat(os.path.join(p.state, "checks.mdb")).st_uid == user.pw_uid


def test_others_keep_theirs_at_home(place, folder):
    p = place()
    nobody = pwd.getpwnam("nobody")
    os.chmod(folder, 0o755)
    os.chmod(p.state, 0o700)
    os.chown(p.home, nobody.pw_uid, nobody.pw_gid)
    subprocess.run(
        ["setpriv", "--reuid=nobody", "--clear-groups", program("tlsmilter"),
         "check", "-c", p.file, *DEAD], check=False, capture_output=True,
        env=dict(os.environ, HOME=p.home, XDG_STATE_HOME=""))
    assert p.files() == (False, True)
    mode = os.stat(os.path.join(p.home, ".local")).st_mode
    assert mode & 0o777 == 0o700


def test_beside_the_daemon_the_memory_is_apart(daemon, folder):
    one = daemon()

    def run(*arguments):
        return one.tool("check", "--timeout", "2", *arguments)

    before = set(os.listdir(one.state_dir))
    done = run(*DEAD)
    assert done.status == 2 and done.err == ""
    assert set(os.listdir(one.state_dir)) - before == {"check"}
    assert notes_of(os.path.join(one.state_dir, "check"))
    assert remembers(run, *DEAD)


def test_several_runs_at_once_lose_nothing(place):
    p = place()
    ports = [str(port) for port in range(9, 21)]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        done = list(pool.map(
            lambda port: p.check("--smtp", "127.0.0.1:" + port), ports))
    assert all(each.err == "" for each in done)
    for port in ports:
        assert remembers(p.check, "--smtp", "127.0.0.1:" + port)


def report_of(done):
    document = validated(json.loads(done.out))
    return {each["target"]: each for each in document["reports"]}


@pytest.fixture
def cached(world):
    """A domain, and a record of it with an older id."""
    d = world.domain(mode="enforce", id="8")
    held = {"domain": d.name, "id": "7",
            "text": policy_text("enforce", d.mx).decode()}
    return d, json.dumps({"schema": "tlsmilter/cache-1", "domains": [held]})


CONFIG = 'dns { trust_anchor = "%s" }\nhttps { ca_file = "%s" }\n'


def test_the_cache_says_which_policy_is_held(place, world, cached):
    d, document = cached
    p = place(CONFIG % (world.trust_anchor, world.ca_file))
    tool("cache", "import", "-", "-c", p.file, stdin=document)
    report = report_of(p.check("--json", d.name))[d.name]
    assert report["mta_sts"]["held_id"] == "7"
    assert report["mta_sts"]["id"] == "8"


def test_the_daemon_says_which_policy_is_held(daemon, cached):
    d, document = cached
    one = daemon()
    one.tool("cache", "import", "-", stdin=document)
    done = one.tool("check", "--timeout", "2", "--json", d.name)
    assert report_of(done)[d.name]["mta_sts"]["held_id"] == "7"


def test_forms_agree_about_the_exit_status(place):
    p = place()
    forms = ("text", "json", "ndjson", "nagios", "prometheus")
    assert {p.check(*DEAD, "--format", form).status for form in forms} == {2}
    assert p.check(*DEAD, "--fail-on", "fail").status == 2
    assert p.check(*DEAD, "--fail-on", "never").status == 0


def test_text_is_in_the_order_of_the_command_line(place):
    done = place().check("--imap", "127.0.0.1:9", "--smtp", "127.0.0.1:9",
                         "--smtp", "127.0.0.1:10", "--smtp", "127.0.0.1:9")
    titles = [line.split("   ")[0] for line in done.out.splitlines()
              if "   1 address" in line]
    assert titles == ["smtp 127.0.0.1:9", "smtp 127.0.0.1:10",
                      "imap 127.0.0.1:9"]


def test_quiet_shows_only_what_is_not_well(place):
    p = place()
    done = p.check("-q", *DEAD, "--smtp", "127.0.0.1:10")
    assert done.status == 2
    first, second = done.out.split("\n\nsmtp ")
    assert "HOSTS" not in done.out and "host.refused" in first
    assert second.startswith("127.0.0.1:10")


@pytest.mark.parametrize("arguments, said", [
    ((), "nothing to check"),
    (("192.0.2.1",), "for one host say --smtp"),
    (("--smtp", "a.example:0"), "--smtp: "),
    (("--imap", "a b",), "--imap: "),
    (("a.example", "--format", "xml"), "--format: "),
    (("a.example", "--fail-on", "info"), "--fail-on: "),
    (("a.example", "--probe", "relay"), "--probe: "),
    (("a.example", "--jobs", "0"), "--jobs: "),
    (("a.example", "--max-mx", "x"), "--max-mx: "),
    (("a.example", "--timeout", "601"), "--timeout: "),
    (("a.example", "--ehlo", "a b"), "--ehlo: "),
    (("a.example", "--control", "a b"), "--control: "),
    (("a.example", "--json", "--format", "text"), "exclude each other"),
    (("--explain", "starttls.losst"), "--explain list"),
])
def test_wrong_arguments_are_told(place, arguments, said):
    done = place().check(*arguments)
    assert done.status == 64
    assert said in done.err and done.out == ""
