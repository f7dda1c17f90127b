# SPDX-License-Identifier: BSD-2-Clause
"""Partner lists by URL: fetched, kept, replaced, and what a server of lists
cannot do to us (design §2, §5, §7)."""
import glob
import json
import os
import signal

import pytest

from rig.client import Smtp, send
from rig.daemon import sanitized
from rig.logs import wait_audit
from rig.schemas import validated
from rig.wait import until
from rig.world import PRIVATE, utc

MIB = 1024 * 1024

RULES = """
mode = enforce
list "partners" { url = "%s" }
rule "partner list" { list = "partners"  require = tls  action = reject }
"""


def config(lists, more=""):
    return RULES % lists.url + more


def rcpt(domain, tls=False):
    """The reply code for mail from that domain."""
    return send("a@" + domain, "b@theirs.example", tls=tls)[1][0].code


def state(daemon):
    """What the status says of the only list."""
    (one,) = daemon.status()["lists"]
    return one


def loaded(daemon, count):
    until(lambda: state(daemon)["domains"] == count,
          "a list of %d domains" % count)


def refresh(daemon):
    return daemon.tool("list", "refresh", "partners")


def copies(daemon):
    return glob.glob(os.path.join(daemon.state_dir, "lists", "*"))


def only_copy(daemon):
    (path,) = copies(daemon)
    with open(path, "rb") as file:
        return file.read()


def memory(pid, name):
    """A line of smaps_rollup, in bytes."""
    with open("/proc/%d/smaps_rollup" % pid) as file:
        for line in file:
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
    raise AssertionError(name)


# ---- what a list is for -------------------------------------------------

def test_listed_sender_must_use_tls(mx, world):
    lists = world.list_host("bank.example", "other.example")
    daemon, _ = mx(config(lists))
    loaded(daemon, 2)
    assert rcpt("bank.example") == 550
    assert rcpt("bank.example", tls=True) == 250
    assert rcpt("stranger.example") == 250
    line = daemon.wait_log("action=reject")
    assert "partner list" in line.text and "bank.example" in line.text
    assert daemon.log(r'list "partners": 2 domains, timestamp 20\S+Z, '
                      r'valid until 20\S+Z')
    assert len(copies(daemon)) == 1


def test_a_domain_that_is_only_tried_out_is_observed(mx, world):
    lists = world.list_host()
    lists.publish({"bank.example": {"mode": "enforce"},
                   "trial.example": {"mode": "testing"}})
    daemon, _ = mx(config(lists))
    loaded(daemon, 2)
    assert rcpt("trial.example") == 250
    assert wait_audit(daemon, would="observe", rule="partner list")
    assert rcpt("bank.example") == 550


def test_refresh_replaces_the_list(mx, world):
    lists = world.list_host("old.example", "stays.example")
    daemon, _ = mx(config(lists))
    loaded(daemon, 2)
    lists.publish(["new.example", "stays.example", "too.example"], age=30)
    done = refresh(daemon)
    assert done.status == 0, done.err
    assert done.out.startswith("partners: ok, 3 domains, timestamp ")
    assert rcpt("old.example") == 250
    assert rcpt("new.example") == 550
    assert rcpt("stays.example") == 550
    assert len(copies(daemon)) == 1


def test_a_list_not_loaded_yet_is_unknown(mx, world):
    lists = world.list_host("bank.example")
    lists.host.mute = True
    daemon, _ = mx(config(lists).replace(
        "action = reject", "action = reject  unknown = defer"))
    until(lambda: lists.host.count, "the fetch")
    assert rcpt("bank.example") == 451
    assert rcpt("bank.example", tls=True) == 250
    assert state(daemon)["domains"] is None
    validated(daemon.tool("list", "status", "--json").json)
    shown = daemon.tool("list", "status")
    assert shown.status == 1 and "partners" in shown.out


def test_a_list_ends(mx, world):
    lists = world.list_host("bank.example", lasts=8)
    daemon, _ = mx(config(lists))
    loaded(daemon, 1)
    assert rcpt("bank.example") == 550
    until(lambda: rcpt("bank.example") == 250, "the end of the list")
    done = refresh(daemon)
    assert done.status == 1 and "expired" in done.out


# ---- fetching -----------------------------------------------------------

def test_an_unchanged_list_costs_one_small_answer(daemon, world):
    lists = world.list_host("bank.example")
    lists.host.etag = '"1"'
    d = daemon(config(lists))
    loaded(d, 1)
    assert "if-none-match" not in lists.host.requests[0].headers
    done = refresh(d)
    assert done.status == 0 and "unchanged, 1 domain" in done.out
    assert lists.host.requests[1].headers["if-none-match"] == '"1"'
    # The tag is kept with the copy.
    d.stop()
    d.start()
    assert refresh(d).status == 0
    assert lists.host.requests[2].headers["if-none-match"] == '"1"'
    lists.host.etag = '"2"'
    lists.publish(["new.example", "bank.example"], age=30)
    assert "2 domains" in refresh(d).out


def test_the_same_list_again_is_unchanged(daemon, world):
    lists = world.list_host("bank.example")
    d = daemon(config(lists))
    loaded(d, 1)
    before = only_copy(d)
    # Other bytes, but the same list.
    lists.host.body = json.dumps(json.loads(lists.host.body),
                                 indent=2).encode()
    done = refresh(d)
    assert done.status == 0 and "unchanged, 1 domain" in done.out
    assert only_copy(d) == before


def test_a_private_server_is_the_administrators_choice(daemon, world):
    lists = world.list_host("bank.example", address=PRIVATE)
    d = daemon(config(lists))
    loaded(d, 1)


@pytest.mark.parametrize("kind", ["text/plain", "application/json; x=y",
                                  "application/vnd.x+json", "text/json"])
def test_types_a_list_may_have(daemon, world, kind):
    lists = world.list_host("bank.example")
    lists.host.content_type = kind
    loaded(daemon(config(lists)), 1)


def test_resolver_that_dies_is_asked_again(daemon, world):
    lists = world.list_host("bank.example")
    lists.host.mute = True
    d = daemon(config(lists))
    until(lambda: lists.host.count, "the fetch")
    lists.host.mute = False
    os.kill(d.child("resolver"), signal.SIGKILL)
    assert refresh(d).status == 0 or until(lambda: refresh(d).status == 0,
                                           "the next try")
    loaded(d, 1)


def test_unknown_names_are_told(daemon, world):
    lists = world.list_host("bank.example")
    d = daemon(config(lists, """
list "file" { file = "%s" }
rule "file" { list = "file"  require = tls }
""" % write_list(world)))
    until(lambda: [one["domains"] for one in d.status()["lists"]] == [1, 1],
          "both lists")
    for name in ("nothing", "file", "x" * 300, "\xe4"):
        done = d.tool("list", "refresh", name)
        assert done.status == 1, name
    everything = d.tool("list", "refresh", "--json")
    assert everything.status == 0
    assert validated(everything.json)["name"] == "partners"
    assert len(validated(d.tool("list", "status", "--json").json)
               ["lists"]) == 2
    validated(d.tool("status", "--json").json)
    shown = d.tool("list", "status")
    assert shown.status == 0
    assert "file" in shown.out and lists.url in shown.out


def write_list(world):
    """The path of a list in a file."""
    path = os.path.join(world.folder, "file.json")
    lists = world.list_host("file.example")
    with open(path, "wb") as file:
        file.write(lists.host.body)
    return path


# ---- bad servers --------------------------------------------------------

def body(lists, data):
    lists.host.body = data if isinstance(data, bytes) else data.encode()


def members(**more):
    return json.dumps(dict({
        "schema": "tlsmilter/partners-1", "author": "Evil",
        "timestamp": utc(-30), "expires": utc(86400),
        "domains": {"evil.example": {"mode": "enforce"}}}, **more))


def many_domains(n):
    names = ",".join('"%x.de":{}' % i for i in range(n))
    return members(defaults={"mode": "enforce"}).replace(
        '"evil.example": {"mode": "enforce"}', names)


# What the server does, and a pattern of what must be said.
BAD = {
    "resets": (lambda s: setattr(s.host, "close_after", 200), "."),
    "truncated": (lambda s: body(s, s.host.body[:-20]), r":1:\d+: "),
    "shorter than it says": (lambda s: setattr(
        s.host, "length", len(s.host.body) + 10), "."),
    "cut without a length": (lambda s: (
        setattr(s.host, "length", -1),
        setattr(s.host, "close_after", len(s.host.body))), "cut"),
    "empty": (lambda s: body(s, ""), ":1:"),
    "garbage": (lambda s: body(s, os.urandom(5000)), ":1:"),
    "a page": (lambda s: body(s, "<html><body>Log in</body></html>"),
               ":1:1: "),
    "17 MiB": (lambda s: body(s, b" " * (17 * MIB)),
               "more than 16777216 bytes"),
    "17 MiB of unknown length": (lambda s: (
        body(s, b" " * (17 * MIB)), setattr(s.host, "chunked", True)),
        "more than 16777216 bytes"),
    "says it has an exabyte": (lambda s: setattr(
        s.host, "length", 1 << 60), "more than 16777216 bytes"),
    "drips": (lambda s: setattr(s.host, "drip", 0.5), "imed out"),
    "says nothing": (lambda s: setattr(s.host, "mute", True), "imed out"),
    "redirects": (lambda s: (
        setattr(s.host, "status", 302),
        setattr(s.host, "headers", (("Location", s.url + "?"),))),
        "HTTP status 302, redirects are not followed"),
    "404": (lambda s: setattr(s.host, "status", 404), "HTTP status 404"),
    "304 nobody asked for": (lambda s: setattr(s.host, "status", 304),
                             "HTTP status 304"),
    "expired certificate": (lambda s: setattr(
        s.host, "certificate", "expired"), "certificate"),
    "certificate of another": (lambda s: setattr(
        s.host, "certificate", "wrong-name"), "certificate"),
    "self-signed": (lambda s: setattr(
        s.host, "certificate", "self-signed"), "certificate"),
    "HTML": (lambda s: setattr(s.host, "content_type", "text/html"),
             "content type is text/html, not application/json"),
    "no type": (lambda s: setattr(s.host, "content_type", None),
                "content type is missing"),
    "compressed": (lambda s: setattr(s.host, "compress", True),
                   "encoding"),
    "deep": (lambda s: body(s, "[" * (2 * MIB)), "nested|deep"),
    "deep inside": (lambda s: body(s, members(x=0).replace(
        '"x": 0', '"x": ' + '{"a":' * 100000)), "nested|deep"),
    "duplicate keys": (lambda s: body(s, members().replace(
        '"evil.example"', '"evil.example": {}, "evil.example"')),
        "evil.example|uplicate"),
    "a million domains": (lambda s: body(s, many_domains(1000000)),
                          "too many"),
    "300000 domains": (lambda s: body(s, many_domains(300000)),
                       "too many|200,?000"),
    "NUL in a name": (lambda s: body(s, members().replace(
        "evil.example", "evil\\u0000.example")), "."),
    "NUL bytes": (lambda s: body(s, b"\0" * 1000), ":1:1"),
    "a member of the wrong type": (lambda s: body(s, members(
        domains={"evil.example": {"mode": 7}})),
        r':1:\d+: domains."evil.example".mode: '),
    "older": (lambda s: s.publish(["evil.example"], age=90),
              "an older list"),
    "the same timestamp": (lambda s: body(s, members(
        timestamp=json.loads(s.host.body)["timestamp"])),
        "another list with the same timestamp"),
    "expired": (lambda s: s.publish(["evil.example"], age=30, lasts=-1),
                "expired"),
    "from the future": (lambda s: s.publish(["evil.example"], age=-7300),
                        "future"),
}


HURRY = """
https {
  ca_file = "%s"
  timeout = 4s
}
"""


@pytest.mark.parametrize("what", BAD)
def test_bad_server_changes_nothing_and_that_is_said(daemon, world, what):
    misbehave, said = BAD[what]
    lists = world.list_host("bank.example")
    d = daemon(config(lists, HURRY % world.ca_file if "imed out" in said
                      else ""))
    loaded(d, 1)
    before, held = only_copy(d), state(d)
    misbehave(lists)
    done = refresh(d)
    assert done.status == 1
    now = state(d)
    assert now["error"]
    for name in ("domains", "timestamp", "expires", "fetched"):
        assert now[name] == held[name]
    line = d.wait_log(r'list "partners": not replaced: .*(%s).*; the list '
                      r'held stays, next try in 5 minutes' % said)
    assert now["error"] in line.text
    assert now["error"] in done.out
    assert only_copy(d) == before
    # It is not held against it.
    lists.host.__init__(path=lists.host.path,
                        content_type="application/json")
    lists.publish(["good.example", "bank.example"], age=20)
    assert refresh(d).status == 0
    assert state(d)["domains"] == 2 and state(d)["error"] is None


def test_dead_server_keeps_the_list_over_restarts(mx, world):
    lists = world.list_host("bank.example")
    daemon, _ = mx(config(lists))
    loaded(daemon, 1)
    world.https.stop()
    done = refresh(daemon)
    assert done.status == 1 and "not replaced" in done.out
    assert rcpt("bank.example") == 550
    for _ in range(2):
        pid = daemon.child("frontend")
        os.kill(pid, signal.SIGKILL)
        assert rcpt("bank.example") == 550
        until(lambda: daemon.child("frontend") not in (None, pid),
              "new frontend")
    daemon.stop()
    daemon.start()
    assert rcpt("bank.example") == 550
    assert rcpt("bank.example", tls=True) == 250
    assert daemon.log(r'list "partners": 1 domain, .*; from the copy of ')
    world.dns.stop()
    assert refresh(daemon).status == 1
    assert rcpt("bank.example") == 550


# ---- the copy -----------------------------------------------------------

@pytest.mark.parametrize("how", ["cut", "bit", "empty", "junk"])
def test_damaged_copy_is_not_used(mx, world, how):
    lists = world.list_host("bank.example")
    daemon, _ = mx(config(lists))
    loaded(daemon, 1)
    daemon.stop()
    (path,) = copies(daemon)
    data = only_copy(daemon)
    with open(path, "wb") as file:
        file.write({"cut": data[:-9], "empty": b"",
                    "bit": data[:4200] + bytes([data[4200] ^ 1]) +
                    data[4201:], "junk": os.urandom(len(data))}[how])
    world.https.stop()
    daemon.start()
    daemon.wait_log(r'list "partners": the copy in \S+ is not used and '
                    r'removed: ')
    assert rcpt("bank.example") == 250
    assert not copies(daemon)
    world.https.start()
    until(lambda: refresh(daemon).status == 0, "the list")
    assert rcpt("bank.example") == 550


def test_copy_truncated_under_a_running_frontend(mx, world):
    """The copy is mapped: whoever reads it dies of it, once."""
    lists = world.list_host("bank.example")
    daemon, _ = mx(config(lists))
    loaded(daemon, 1)
    (path,) = copies(daemon)
    os.truncate(path, 0)
    with Smtp() as s:       # Postfix loses its milter and defers
        s.ehlo()
        assert s.mail("a@bank.example").code == 451
    daemon.wait_log(r'list "partners": the copy in \S+ is not used and '
                    r'removed: ')
    loaded(daemon, 1)
    assert rcpt("bank.example") == 550
    assert rcpt("bank.example", tls=True) == 250
    assert not daemon.log(r"mdb is damaged")
    # A sanitizer reports the signal that was meant to come.
    os.truncate(daemon.errors, 0)


def test_reload_with_another_url_or_without_the_list(mx, world):
    first = world.list_host("bank.example")
    second = world.list_host("other.example", "more.example")
    daemon, _ = mx(config(first))
    loaded(daemon, 1)
    daemon.reload(config(second))
    loaded(daemon, 2)
    assert rcpt("bank.example") == 250
    assert rcpt("other.example") == 550
    assert len(copies(daemon)) == 1
    daemon.reload("mode = enforce\n")
    until(lambda: not copies(daemon), "the copy is removed")
    daemon.wait_log("removed .*, which belongs to no list from a URL")
    assert rcpt("other.example") == 250
    assert daemon.status()["lists"] == []


def test_reload_keeps_what_did_not_change(daemon, world):
    lists = world.list_host("bank.example")
    d = daemon(config(lists))
    loaded(d, 1)
    fetched = state(d)["fetched"]
    d.reload(config(lists).replace('json" }', 'json"  refresh = 6h }'))
    d.wait_log("onfiguration .*in force|reloaded")
    assert state(d)["fetched"] == fetched
    assert state(d)["domains"] == 1
    assert lists.host.count == 1


def test_folder_that_cannot_be_written(daemon, world):
    lists = world.list_host("bank.example")
    d = daemon(config(lists), start=False)
    with open(os.path.join(d.state_dir, "lists"), "w") as file:
        file.write("in the way")
    d.start()
    d.wait_log(r'list "partners": not loaded: cannot make ')
    os.unlink(os.path.join(d.state_dir, "lists"))
    assert refresh(d).status == 0
    loaded(d, 1)


# ---- size ---------------------------------------------------------------

def test_fifty_thousand_domains(mx, world):
    """design §11: what is mapped from a file costs no private memory, and
    the resolver gives back what reading took."""
    small = world.list_host("bank.example")
    daemon, _ = mx(config(small))
    loaded(daemon, 1)
    assert rcpt("bank.example") == 550
    frontend, resolver = daemon.child("frontend"), daemon.child("resolver")
    before = memory(frontend, "Private_Dirty")
    resting = memory(resolver, "Private_Dirty")
    names = {"d%05d.listed.example" % i: {
        "mode": "enforce", "mx": ["mx1.host%05d.example" % i,
                                  ".host%05d.example" % i]}
             for i in range(50000)}
    small.publish(names, age=30)
    done = refresh(daemon)
    assert done.status == 0, done.out
    loaded(daemon, 50000)
    assert rcpt("d49999.listed.example") == 550
    assert rcpt("d50000.listed.example") == 250
    assert daemon.child("frontend") == frontend
    assert daemon.child("resolver") == resolver
    if sanitized():
        return      # their allocator keeps what is freed
    assert memory(frontend, "Private_Dirty") - before < 1 * MIB
    assert memory(resolver, "Private_Dirty") - resting < 4 * MIB
