# SPDX-License-Identifier: BSD-2-Clause
"""tlsmilter: every command, with a daemon and without, and its JSON."""
import datetime
import fcntl
import glob
import json
import os
import pwd
import re
import socket
import subprocess

import pytest

from rig.daemon import program, tool
from rig.schemas import objects, validated
from rig.socketmap import CONFIG as SOCKETMAP
from rig.wait import until
from rig.world import policy_text

ADDRESSES = ("--from", "a@sender.example", "--to", "b@ours.example")
PLAINTEXT = ("--client", "198.51.100.9", "--tls", "none")
ENCRYPTED = ("--client", "198.51.100.9", "--tls",
             "TLSv1.3/TLS_AES_256_GCM_SHA384/256")


def stamp(days):
    when = datetime.datetime.utcnow() + datetime.timedelta(days=days)
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def record(domain, mode="enforce", mx=("mx.rig.example",), **members):
    return dict({"domain": domain,
                 "text": policy_text(mode, mx).decode()}, **members)


def document(*records):
    return json.dumps({"schema": "tlsmilter/cache-1",
                       "domains": list(records)})


class Offline:
    """The tool with a configuration and a state folder, and no daemon."""

    def __init__(self, folder, config=""):
        self.state = os.path.join(folder, "state")
        self.file = os.path.join(folder, "tlsmilter.conf")
        os.makedirs(self.state, exist_ok=True)
        with open(self.file, "w") as file:
            file.write('%s\nstate_dir = "%s"\ncontrol = "unix:%s/s"\n' % (
                config, self.state, folder))

    def __call__(self, command, *arguments, **options):
        return tool(command, "-c", self.file, *arguments, **options)


@pytest.fixture
def offline(folder):
    return lambda config="": Offline(folder, config)


# ---- the command line ------------------------------------------------------

def test_usage_errors_have_their_own_status():
    for arguments in ([], ["chekc"], ["lint"], ["cache"], ["cache", "lst"],
                      ["explain", "--nonsense"], ["query"],
                      ["cache", "refresh"], ["cache", "refresh", "--all",
                                             "a.example"],
                      ["query", "not_a_domain"], ["setup", "exim"],
                      ["explain", "--tls", "none"], ["help", "nonsense"]):
        done = tool(*arguments)
        assert done.status == 64, arguments
        assert done.err and not done.out, arguments


def test_unknown_commands_are_answered_with_a_near_one():
    assert 'did you mean "explain"' in tool("explian").err
    assert "did you mean" not in tool("frobnicate").err
    assert 'did you mean "purge"' in tool("cache", "purg").err


def test_help_and_version():
    assert tool("--version").out.startswith("tlsmilter ")
    assert tool("help", "explain").out == tool("explain", "--help").out
    assert tool("help", "cache", "purge").out == \
        tool("cache", "purge", "-h").out


def test_a_bad_configuration_is_named_with_its_line(offline):
    for command in (["query", "a.example"], ["status"], ["reload"],
                    ["cache", "list"], ["setup", "postfix"],
                    ["explain", *PLAINTEXT, *ADDRESSES]):
        run = offline("mode = observe\nnonsense = 1")
        done = run(*command)
        assert done.status == 78, command
        assert "%s:2:" % run.file in done.err, command


# ---- lint ------------------------------------------------------------------

def test_lint_accepts_a_good_policy(folder):
    path = os.path.join(folder, "good.txt")
    with open(path, "wb") as file:
        file.write(policy_text("enforce", ["mx.example.com", "*.example.net"],
                               2419200))
    done = tool("lint", path)
    assert (done.status, done.err) == (0, "")
    assert tool("lint", "-q", path).out == ""
    one, = objects(tool("lint", "--json", path))
    assert one["valid"] and one["mode"] == "enforce"
    assert one["max_age"] == 2419200
    assert one["mx"] == ["mx.example.com", "*.example.net"]


@pytest.mark.parametrize("text, line, column", [
    ("version: STSv1\nmode : enforce\nmx: a.example\nmax_age: 604800\n",
     2, None),
    ("version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 1x\n", 4, None),
    ("version: STSv1\nmode: enforce\nmx: *\nmax_age: 604800\n", 3, None),
    ("version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 604800\n\n",
     5, 1),
], ids=["space before colon", "max_age", "mx", "blank line"])
def test_lint_says_where_a_policy_is_wrong(text, line, column):
    done = tool("lint", "-", stdin=text)
    assert done.status == 2
    found = re.search(r"^-:(\d+):(\d+): error: .+ \[[a-z0-9.-]+\]$",
                      done.out, re.M)
    assert found and int(found[1]) == line
    assert column is None or int(found[2]) == column
    assert ":0:" not in done.out
    one, = objects(tool("lint", "--json", "-", stdin=text))
    assert not one["valid"]
    assert line in [f["line"] for f in one["findings"]
                    if f["severity"] == "error"]


def test_what_lint_says_of_the_whole_text_has_no_line():
    done = tool("lint", "-", stdin="version: STSv1\n")
    assert "-: error: the mode is missing [policy.missing.mode]\n" in done.out


def test_lint_looks_at_every_file(folder):
    good, bad = (os.path.join(folder, n) for n in ("good", "bad"))
    with open(good, "wb") as file:
        file.write(policy_text("testing", ["a.example"], 2419200))
    with open(bad, "w") as file:
        file.write("nonsense")
    done = tool("lint", "--json", good, bad)
    assert done.status == 2
    assert [o["valid"] for o in objects(done)] == [True, False]
    assert tool("lint", good, folder + "/none").status == 3


def test_control_bytes_of_a_policy_do_not_reach_the_terminal():
    text = "version: STSv1\nmode: \x1b[31menforce\nmx: \x07\nmax_age: 1\n"
    done = tool("lint", "-", stdin=text)
    assert done.status == 2
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", done.out + done.err)


# ---- explain ---------------------------------------------------------------

RULES = '''
mode = enforce
hosted_domains = {"ours.example"}
mx_names = {"mx.ours.example"}
relays = {"198.51.100.200/32"}
authentication_results = all
authserv_id = "mx.ours.example"
listener "proxied" { match = {"10465"}  tls = unknown }
rule "submission" { listener = {"587"}  require = tls1.2  action = reject }
rule "bank" { from = {"bank.example"}  require = tls1.3  action = quarantine }
rule "printer" { client = {"198.51.100.66/32"}  require = none }
rule "our promise" { to_policy = enforce  require = tls  action = reject }
rule "their promise" { from_policy = enforce  require = tls  action = tag }
'''

ENFORCE = ("--policy", "ours.example=enforce")


@pytest.mark.parametrize("label, arguments, status, action, rule", [
    ("plaintext to a promise", [*PLAINTEXT, *ENFORCE], 2, "reject",
     "our promise"),
    ("TLS to a promise", [*ENCRYPTED, *ENFORCE], 0, "accept", None),
    ("plaintext without a promise",
     [*PLAINTEXT, "--policy", "ours.example=none"], 0, "accept", None),
    ("plaintext, promise unknown",
     [*PLAINTEXT, "--policy", "ours.example=unknown"], 0, "accept", None),
    ("an exception stands first",
     ["--client", "198.51.100.66", "--tls", "none", *ENFORCE], 0, "accept",
     None),
    ("weak TLS on submission",
     ["--client", "198.51.100.9", "--tls", "TLSv1.1/AES128-SHA/128",
      "--listener", "587", *ENFORCE], 2, "reject", "submission"),
    ("the MTA cannot tell", ["--client", "198.51.100.9", "--tls", "none",
                             "--listener", "10465", *ENFORCE], 0, "accept",
     None),
    ("an authenticated user is no stranger",
     [*PLAINTEXT, *ENFORCE, "--auth", "me"], 0, "accept", None),
    ("a relay is never refused",
     ["--client", "198.51.100.200", "--tls", "none", *ENFORCE], 0, "accept",
     None),
    ("held", [*ENCRYPTED[:3], "TLSv1.2/X/128", "--from", "x@bank.example",
              "--to", "b@ours.example"], 1, "quarantine", "bank"),
    ("tagged", [*PLAINTEXT, "--policy", "sender.example=enforce",
                "--policy", "ours.example=none"], 1, "tag",
     "their promise"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_explain_judges_by_the_rules(offline, label, arguments, status,
                                     action, rule):
    if "--from" not in arguments:
        arguments = [*arguments, *ADDRESSES]
    run = offline(RULES)
    done = run("explain", "--json", *arguments)
    one, = objects(done)
    assert (done.status, one["action"], one["rule"]) == (status, action, rule)
    human = run("explain", *arguments)
    assert human.status == status
    assert re.search(r"^verdict +%s" % action, human.out, re.M)


def test_explain_says_why(offline):
    done = offline(RULES)("explain", "--json", *PLAINTEXT, *ENFORCE,
                          *ADDRESSES)
    one, = objects(done)
    assert one["reply"].startswith("550 5.7.10 ")
    assert "ours.example" in one["reply"]
    assert one["tls"]["state"] == "none"
    assert one["ours"] and one["to_policy"] == "enforce"
    rules = {r["name"]: r for r in one["rules"]}
    assert rules["submission"]["outcome"] == "no_match"
    assert rules["submission"]["condition"] == "listener"
    assert rules["our promise"]["outcome"] == "unmet"
    assert rules["our promise"]["unmet"] == "tls"
    assert "action=reject" in one["audit"]
    assert 'rule="our promise"' in one["audit"]
    assert one["header"] is None


# A rule for each condition and requirement, in their order, so that each
# shows how it fares.
EVERY_RULE = '''
mode = enforce
hosted_domains = {"ours.example"}
list "partners" { file = "%s" }
'''
CONDITIONS = (
    # name, the condition, what makes it match, and what never does
    ("listener", "listener = 587", ["--listener", "587"]),
    ("client", "client = .client.example",
     ["--client-name", "x.client.example"]),
    ("from", "from = sender.example", ["--from", "a@sender.example"]),
    ("to", "to = ours.example", ["--to", "b@ours.example"]),
    ("authenticated", "authenticated = yes", ["--auth", "me"]),
    ("requiretls", "requiretls = yes", ["--requiretls"]),
    ("to_policy", "to_policy = enforce",
     ["--policy", "ours.example=enforce"]),
    ("from_policy", "from_policy = enforce",
     ["--policy", "sender.example=enforce"]),
    ("list", "list = partners", ["--listed", "partners=enforce"]),
    ("history", "history = downgrade", ["--history", "9:0"]),
)
OTHERS = {"from": ["--from", "a@other.example"],
          "to": ["--to", "b@other.example"]}
BASE = {"from": ["--from", "a@sender.example"],
        "to": ["--to", "b@ours.example"]}
KNOWN = ["--policy", "ours.example=none", "--policy", "sender.example=none",
         "--policy", "other.example=none", "--listed", "partners=no",
         "--history", "0:0"]


def partner_list(folder):
    path = os.path.join(folder, "partners.json")
    with open(path, "w") as file:
        json.dump({"schema": "tlsmilter/partners-1", "author": "Rig",
                   "timestamp": stamp(-1), "expires": stamp(9),
                   "defaults": {"mode": "enforce"},
                   "domains": {"elsewhere.example": {}}}, file)
    return path


def explained(run, *arguments):
    """The rules of the JSON form by name, and the rule lines of the other,
    which is no wider than a terminal."""
    one, = objects(run("explain", "--json", *arguments))
    text = run("explain", *arguments).out
    lines = re.findall(r'^rule     "(.*)":\s+(.*)$', text, re.M)
    facts = text.partition("\nreply\n")[0].partition("\nlog\n")[0]
    assert max(map(len, facts.splitlines())) <= 80, facts
    return {r["name"]: r for r in one["rules"]}, dict(lines)


@pytest.mark.parametrize("name, condition, match", CONDITIONS,
                         ids=[c[0] for c in CONDITIONS])
def test_explain_names_the_condition(offline, folder, name, condition,
                                     match):
    """Each fails and matches for itself, and is the first one named."""
    run = offline(EVERY_RULE % partner_list(folder) +
                  'rule "it" { %s  require = tls  action = tag }\n' % condition)
    facts = [*PLAINTEXT, *KNOWN]
    for what, base in BASE.items():
        facts += OTHERS[what] if what == name else base
    rules, lines = explained(run, *facts)
    assert (rules["it"]["outcome"], rules["it"]["condition"],
            rules["it"]["noted"]) == ("no_match", name, "accept")
    assert lines["it"] == "does not match (%s)" % name
    facts = [*PLAINTEXT, *match]
    for what, base in BASE.items():
        facts += [] if what == name else base
    # What is told first counts.
    rules, lines = explained(run, *facts, *[
        k for i, k in enumerate(KNOWN) if not told_before(match, i)])
    assert (rules["it"]["outcome"], rules["it"]["unmet"]) == ("unmet", "tls")
    assert lines["it"] == "requirement not met (tls), action tag"


def told_before(match, i):
    """True if KNOWN[i] belongs to an option that match gives itself."""
    at = i - i % 2
    return match[0] == KNOWN[at] and (
        match[0] != "--policy" or
        match[1].partition("=")[0] == KNOWN[at + 1].partition("=")[0])


STRONG = "TLSv1.3/TLS_AES_256_GCM_SHA384/256"
REQUIREMENTS = (
    # what is named, the requirement, the facts, the outcome
    ("tls", "require = tls", "none", [], "unmet"),
    ("tls1.2", "require = tls1.2", "TLSv1.1/AES128-SHA/128", [], "unmet"),
    ("tls1.3", "require = tls1.3", "TLSv1.2/AES128-SHA/128", [], "unmet"),
    ("verified", "require = verified", STRONG, ["--verify", "none"],
     "unmet"),
    ("verified", "require = verified", STRONG, ["--verify", "fail"],
     "unmet"),
    ("verified", "require = verified", STRONG, [], "unknown_met"),
    ("min_bits", "min_bits = 256", "TLSv1.2/AES128-SHA/128", [], "unmet"),
    ("deny_cipher", "deny_cipher = AES128", "TLSv1.2/AES128-SHA/128", [],
     "unmet"),
    ("cert_name", "cert_name = x.example", STRONG,
     ["--verify", "ok", "--cert-subject", "y.example"], "unmet"),
    ("cert_name", "cert_name = x.example", STRONG, [], "unknown_met"),
    ("cert_fingerprint", "cert_fingerprint = " + "ab" * 20, STRONG,
     ["--cert-fingerprint", "cd" * 20], "unmet"),
    ("cert_fingerprint", "unknown = defer cert_fingerprint = " + "ab" * 20,
     STRONG, [], "unknown_defer"),
    (None, "require = tls1.3", STRONG, [], "met"),
    (None, "require = none", STRONG, [], "ends"),
)


@pytest.mark.parametrize("what, requirement, tls, more, outcome",
                         REQUIREMENTS)
def test_explain_names_the_requirement(offline, what, requirement, tls, more,
                                       outcome):
    action = "" if outcome == "ends" else "action = tag"
    run = offline('mode = enforce\nrule "it" { %s  %s }\n' % (requirement,
                                                           action))
    rules, lines = explained(run, "--client", "198.51.100.9", "--tls", tls,
                             *ADDRESSES, *more)
    assert (rules["it"]["outcome"], rules["it"]["unmet"]) == (outcome, what)
    assert lines["it"] == {
        "unmet": "requirement not met (%s), action tag" % what,
        "unknown_met": "not known, counts as met (%s)" % what,
        "unknown_defer": "not known (%s), action defer" % what,
        "met": "requirement met",
        "ends": "matches and requires nothing: no further rule is tried",
    }[outcome]


def test_explain_names_what_is_not_known_yet(offline):
    run = offline(RULES.replace("action = reject", "action = reject "
                                "unknown = defer"))
    rules, lines = explained(run, *PLAINTEXT, *ADDRESSES, "--policy",
                             "ours.example=unknown", "--policy",
                             "sender.example=unknown")
    assert rules["our promise"]["condition"] == "to_policy"
    assert lines["our promise"] == "not known (to_policy), action defer"
    assert lines["their promise"] == "not known, counts as met (from_policy)"


def test_explain_fits_a_terminal(offline):
    """The longest of names, and the facts of a list and the past."""
    long = "a rule with as long a name as any can have, and that is sixty-4!"
    run = offline('mode = enforce\nrule "%s" { history = downgrade  require = '
                  "tls1.3  action = quarantine }" % long)
    _, lines = explained(run, *PLAINTEXT, *ADDRESSES, "--history", "12345:67")
    assert lines[long] == "requirement not met (tls), action quarantine"


def test_explain_of_a_domain_on_trial(offline, folder):
    """A list that only tries a domain out makes the rule observe."""
    run = offline(EVERY_RULE % partner_list(folder) + 'rule "it" { list = '
                  "partners  require = tls  action = reject }")
    rules, lines = explained(run, *PLAINTEXT, *ADDRESSES, "--listed",
                             "partners=testing")
    assert (rules["it"]["action"], rules["it"]["noted"]) == ("reject",
                                                             "observe")
    assert lines["it"] == "requirement not met (tls), action observe"


def test_explain_shows_the_header_of_an_accepted_message(offline):
    one, = objects(offline(RULES)("explain", "--json", *ENCRYPTED, *ENFORCE,
                                  *ADDRESSES))
    assert one["header"].startswith(
        "Authentication-Results: mx.ours.example; x-tls=pass")


def test_explain_has_a_verdict_for_every_recipient(offline):
    done = offline(RULES)("explain", "--json", *PLAINTEXT, *ENFORCE,
                          *ADDRESSES, "--to", "c@else.example",
                          "--policy", "else.example=none")
    assert done.status == 2
    assert [o["action"] for o in objects(done)] == ["reject", "accept"]


def test_explain_takes_promises_from_the_cache(offline):
    run = offline(RULES)
    done = run("cache", "import", "-", stdin=document(
        record("ours.example")))
    assert done.status == 0, done.err
    one, = objects(run("explain", "--json", *PLAINTEXT, *ADDRESSES))
    assert (one["action"], one["to_policy"]) == ("reject", "enforce")
    one, = objects(run("explain", "--json", *PLAINTEXT, *ADDRESSES,
                       "--policy", "ours.example=testing"))
    assert (one["action"], one["to_policy"]) == ("accept", "testing")


def test_explain_cleans_what_it_is_given(offline):
    done = offline(RULES)("explain", *PLAINTEXT, *ENFORCE, "--from",
                          "a\x1b]0;x\x07@sender.example", "--to",
                          "b\n@ours.example", "--helo", "\x1b[2J")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", done.out + done.err)


def test_without_any_file_nothing_is_refused(folder):
    done = tool("explain", "--state-dir", folder, "--json", *PLAINTEXT,
                *ENFORCE, *ADDRESSES)
    one, = objects(done)
    assert (done.status, one["action"]) == (0, "observe") or \
        (one["action"], one["would"]) == ("accept", "observe")


# ---- the cache without a daemon --------------------------------------------

def test_a_cache_goes_out_and_comes_back(offline, folder):
    run = offline()
    done = run("cache", "import", "-", stdin=document(
        record("a.example", id="1", fetched=stamp(-1)),
        record("b.example", "testing", ["*.b.example"])))
    assert (done.status, done.out) == (0, "2 imported\n"), done.err
    path = os.path.join(folder, "export.json")
    assert run("cache", "export", path).status == 0
    with open(path) as file:
        exported = validated(json.load(file))
    a, b = exported["domains"]
    assert (a["domain"], a["mode"], a["id"]) == ("a.example", "enforce", "1")
    assert (b["mode"], b["mx"]) == ("testing", ["*.b.example"])
    assert run("cache", "purge", "a.example", "b.example").status == 0
    assert json.loads(run("cache", "export").out)["domains"] == []
    assert run("cache", "import", path).status == 0
    again = json.loads(run("cache", "export").out)["domains"]
    assert [r["text"] for r in again] == [a["text"], b["text"]]
    assert [r["expires"] for r in again] == [a["expires"], b["expires"]]


def test_an_export_that_fails_keeps_the_old_file(offline, folder):
    run = offline()
    path = os.path.join(folder, "export.json")
    with open(path, "w") as file:
        file.write("x" * 1000)
    with open(os.path.join(run.state, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert run("cache", "export", path).status == 3
    assert os.path.getsize(path) == 1000
    assert run("cache", "export", path).status == 0
    with open(path) as file:
        assert validated(json.load(file))["domains"] == []
    assert run("cache", "export", "/dev/full").status == 2


def test_an_import_is_all_or_nothing(offline):
    run = offline()
    bad = record("b.example")
    bad["text"] = "version: STSv1\nmode: enforce\n"
    for text in (document(record("a.example"), bad),
                 document(record("a.example"), record("under_score.example")),
                 document(record("a.example"))[:-1],
                 '{"schema":"other-1","domains":[]}', "[]", ""):
        done = run("cache", "import", "-", stdin=text)
        assert done.status == 2 and done.err, text
    assert validated(json.loads(run("cache", "list", "--json").out))[
        "domains"] == []


def test_an_import_neither_revives_nor_replaces_by_older(offline):
    run = offline()
    assert run("cache", "import", "-", stdin=document(
        record("a.example", fetched=stamp(-1), id="new"))).status == 0
    done = run("cache", "import", "--json", "-", stdin=document(
        record("a.example", fetched=stamp(-3), id="old"),
        record("b.example", fetched=stamp(-9), expires=stamp(-2)),
        record("c.example", fetched=stamp(5), expires=stamp(500))))
    assert done.status == 0, done.err
    result, = objects(done)
    assert (result["imported"], result["expired"], result["older"]) == \
        (1, 1, 1)
    kept = {r["domain"]: r for r in json.loads(
        run("cache", "export").out)["domains"]}
    assert kept["a.example"]["id"] == "new"
    assert "b.example" not in kept
    assert kept["c.example"]["expires"] <= stamp(7.01)


def test_show_and_list_print_a_record(offline):
    run = offline()
    run("cache", "import", "-", stdin=document(record("a.example", id="x7")))
    shown = run("cache", "show", "A.example")
    assert shown.status == 0
    assert re.search(r"^  mode +enforce$", shown.out, re.M)
    assert "    version: STSv1\n" in shown.out
    listed = run("cache", "list").out.splitlines()
    assert listed[0].split() == ["DOMAIN", "MODE", "SOURCE", "EXPIRES", "ID"]
    assert listed[1].split()[:3] == ["a.example", "enforce", "import"]
    missing = run("cache", "show", "--json", "b.example")
    assert missing.status == 2 and "not in the cache" in missing.err
    assert validated(missing.json)["domains"] == []
    assert len(validated(run("cache", "show", "--json",
                             "a.example").json)["domains"]) == 1


def test_purge_is_logged_as_a_downgrade(offline, syslog):
    run = offline()
    run("cache", "import", "-", stdin=document(record("a.example")))
    mark = syslog.mark()
    done = run("cache", "purge", "--json", "a.example")
    assert done.status == 0 and objects(done)[0]["ok"]
    syslog.wait(r"a\.example.*downgrade", "tlsmilter", mark, 1)
    assert run("cache", "purge", "a.example").status == 2


def test_only_one_process_owns_the_files(offline):
    run = offline()
    with open(os.path.join(run.state, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = run("cache", "list")
        assert done.status == 3
        assert "in use by another process" in done.err
        assert "cannot be reached" in done.err
        assert "is tlsmilterd running?" in done.err
    assert run("cache", "list").status == 0


def test_root_becomes_the_owner_of_the_files(offline):
    user = pwd.getpwnam("tlsmilter")
    run = offline()
    os.chown(run.state, user.pw_uid, user.pw_gid)
    os.chmod(os.path.dirname(run.state), 0o755)
    run("cache", "import", "-", stdin=document(record("a.example")))
    owners = {os.stat(p).st_uid for p in glob.glob(run.state + "/*")}
    assert owners == {user.pw_uid}


# ---- query without a daemon ------------------------------------------------

def rig_config(world, extra=""):
    return '%s\ndns { trust_anchor = "%s" }\nhttps { ca_file = "%s" }\n' % (
        extra, world.trust_anchor, world.ca_file)


def test_query_looks_up_what_is_not_cached(offline, world):
    d = world.domain(mode="enforce", id="7")
    none = world.domain(mode=None)
    run = offline(rig_config(world))
    done = run("query", "--json", d.name, none.name)
    assert done.status == 0, done.err
    first, second = objects(done)
    assert (first["source"], first["mode"], first["id"]) == \
        ("live", "enforce", "7")
    assert first["mx"] == d.mx and first["age"] < 60
    assert (second["source"], second["mode"]) == ("none", None)
    human = run("query", d.name, none.name)
    assert "%s: enforce" % d.name in human.out
    assert "%s: no policy" % none.name in human.out


@pytest.mark.parametrize("ad", [True, False])
def test_lookups_of_the_tool_trust_ad(offline, world, ad):
    d = world.domain(mode="enforce")
    world.dns.ad = ad
    run = offline('dns { dnssec = trust-ad }\nhttps { ca_file = "%s" }\n' %
                  world.ca_file)
    run("cache", "import", "-", stdin=document(record(d.name)))
    done = run("cache", "refresh", d.name)
    assert done.status == 0, done.err
    kept, = json.loads(run("cache", "export").out)["domains"]
    assert kept["dnssec"] is ad


def test_query_prefers_the_cache(offline, world):
    d = world.domain(mode="enforce")
    run = offline(rig_config(world))
    run("cache", "import", "-", stdin=document(
        record(d.name, "testing", d.mx)))
    one, = objects(run("query", "--json", d.name))
    assert (one["source"], one["mode"]) == ("cache", "testing")
    assert d.host.count == 0


def test_query_tells_a_broken_policy_from_no_answer(offline, world):
    broken = world.domain(mode="enforce")
    broken.host.status = 404
    run = offline(rig_config(world))
    done = run("query", "--json", broken.name)
    one, = objects(done)
    assert (done.status, one["source"]) == (1, "none")
    assert one["error"]
    lost = world.domain(mode="enforce")
    world.dns.rules["_mta-sts." + lost.name, "*"] = "servfail"
    done = run("query", lost.name)
    assert done.status == 3


def test_refresh_works_without_a_daemon(offline, world):
    d = world.domain(mode="testing", id="1")
    gone = world.domain(mode="enforce")
    run = offline(rig_config(world))
    run("cache", "import", "-", stdin=document(
        record(d.name, "enforce", d.mx, fetched=stamp(-2)),
        record(gone.name, "enforce", gone.mx, fetched=stamp(-2))))
    gone.host.status = 500
    done = run("cache", "refresh", "--json", "--all")
    assert done.status == 1
    results = {o["domain"]: o["ok"] for o in objects(done)}
    assert results == {d.name: True, gone.name: False}
    kept = {r["domain"]: r["mode"] for r in json.loads(
        run("cache", "export").out)["domains"]}
    assert kept == {d.name: "testing", gone.name: "enforce"}


def test_setup_prints_settings(offline):
    done = offline('milter = "inet:8899@127.0.0.1"')("setup", "postfix")
    assert done.status == 0
    assert re.search(r"^smtpd_milters = .*inet:127\.0\.0\.1:8899", done.out,
                     re.M)
    for server in ("postfix", "sendmail"):
        one, = objects(offline()("setup", "--json", server))
        assert one["for"] == server
    run = offline("policy_service = /run/p\n" + SOCKETMAP)
    one, = objects(run("setup", "--json", "postfix", "--policy-service"))
    assert one["for"] == "postfix-policy-service" and one["limits"]
    for server in ("postfix", "sendmail"):
        one, = objects(run("setup", "--json", server, "--outbound"))
        assert one["for"] == server + "-outbound"
        none = offline()("setup", server, "--outbound")
        assert none.status == 1 and "socketmap =" in none.out
    both = run("setup", "postfix", "--policy-service", "--outbound")
    assert both.status == 64


def test_status_and_reload_need_a_daemon(offline):
    run = offline()
    for command in ("status", "reload"):
        done = run(command)
        assert done.status == 3 and done.err


# ---- with a daemon ---------------------------------------------------------

def test_query_asks_the_daemon_and_waits(daemon, world):
    one = daemon()
    d = world.domain(mode="enforce", id="5")
    d.host.delay = 1
    first, = objects(one.tool("query", "--json", d.name))
    assert (first["source"], first["mode"], first["id"]) == \
        ("live", "enforce", "5")
    second, = objects(one.tool("query", "--json", d.name))
    assert (second["source"], second["mode"]) == ("cache", "enforce")
    assert d.host.count == 1
    nothing = world.domain(mode=None)
    done = one.tool("query", "--json", nothing.name)
    assert objects(done)[0]["source"] == "none"


def test_the_daemons_cache_is_administered_by_socket(daemon, world):
    one = daemon()
    d = world.domain(mode="enforce", id="1")
    done = one.tool("cache", "import", "-", stdin=document(
        record(d.name, "testing", d.mx, id="0"),
        *[record("d%d.import.example" % i) for i in range(300)]))
    assert (done.status, done.out) == (0, "301 imported\n"), done.err
    exported = validated(one.tool("cache", "export").json)["domains"]
    assert len(exported) == 301
    listed = validated(one.tool("cache", "list", "--json").json)["domains"]
    assert len(listed) == 301 and "text" not in listed[0]
    shown, = validated(one.tool("cache", "show", "--json",
                                d.name).json)["domains"]
    assert (shown["mode"], shown["source"]) == ("testing", "import")
    done = one.tool("cache", "refresh", "--json", d.name)
    assert done.status == 0 and objects(done)[0]["ok"]
    assert d.host.count == 1
    shown, = one.tool("cache", "show", "--json", d.name).json["domains"]
    assert (shown["mode"], shown["id"]) == ("enforce", "1")
    done = one.tool("cache", "purge", d.name)
    assert done.status == 0
    one.wait_log(r"purged.*%s" % re.escape(d.name))
    assert one.tool("cache", "show", d.name).status == 2
    done = one.tool("cache", "import", "-", stdin=document(
        record("x.import.example"), record("bad_name.example")))
    assert done.status == 2
    assert one.tool("cache", "show", "x.import.example").status == 2


def test_explain_sees_the_daemons_cache(daemon, world):
    one = daemon(RULES)
    one.tool("cache", "import", "-", stdin=document(record("ours.example")))
    result, = objects(one.tool("explain", "--json", *PLAINTEXT, *ADDRESSES))
    assert (result["action"], result["to_policy"]) == ("reject", "enforce")
    nothing = world.domain(mode=None)
    to = [*PLAINTEXT, "--from", "a@x.example", "--to", nothing.address("b")]
    for known in ("unknown", "none"):
        done = one.tool("explain", "--json", *to, "--policy",
                        "x.example=none")
        assert (done.status, done.err) == (0, "")
        assert objects(done)[0]["to_policy"] == known
        one.tool("query", nothing.name)


def test_status_shows_the_daemon(daemon):
    one = daemon("mode = enforce\n" + SOCKETMAP)
    done = one.tool("status", "--json")
    assert done.status == 0, done.err
    status, = objects(done)
    assert status["mode"] == "enforce"
    until(lambda: objects(one.tool("status", "--json"))[0]["learner"]
          ["resolver"].get("dnssec", {}).get("mta") in ("works", "failed"),
          "what DNS gives the mail server")
    human = one.tool("status")
    assert human.status == 0
    assert re.search(r"^mode +enforce$", human.out, re.M)
    assert re.search(r"^uptime +0 d 00:\d\d:\d\d$", human.out, re.M)
    assert one.tool("status", "-q").out == ""


def test_reload_reports_what_came_of_it(daemon):
    one = daemon("mode = observe")
    one.write("mode = enforce")
    done = one.tool("reload", "--json")
    assert done.status == 0, done.err
    assert objects(done)[0]["reloaded"]
    assert one.tool("status", "--json").json["mode"] == "enforce"
    one.write("mode = enforce\nnonsense = 1")
    with open(one.file, "r+") as file:
        text = file.read()
    line = text.splitlines().index("nonsense = 1") + 1
    # The tool reads the file too, to find the socket, and stops there.
    own = one.tool("reload")
    assert own.status == 78
    assert "%s:%d:" % (one.file, line) in own.err
    assert "the daemon keeps the configuration it has" in own.err
    # So give it another.
    good = one.file + ".good"
    with open(good, "w") as file:
        file.write(text.replace("nonsense = 1\n", ""))
    done = tool("reload", "-c", good)
    assert done.status == 78
    assert "%s:%d:" % (one.file, line) in done.out
    assert tool("status", "-c", good, "--json").json["mode"] == "enforce"


def test_the_daemon_holds_the_lock(daemon):
    one = daemon()
    os.rename(one.control, one.control + ".away")
    done = one.tool("cache", "list")
    assert done.status == 3
    assert "in use by another process" in done.err


# ---- hostile peers of the control socket -----------------------------------

class Peer:
    def __init__(self, one):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(one.control)
        self.file = self.sock.makefile("rb")

    def send(self, data):
        self.sock.sendall(data)

    def line(self):
        return json.loads(self.file.readline())

    def is_closed(self):
        """Wait until the daemon has closed the connection."""
        try:
            return self.file.read() is not None
        except ConnectionResetError:
            return True

    def close(self):
        self.file.close()
        self.sock.close()


def is_served(one):
    return one.tool("status", "-q").status == 0


@pytest.mark.parametrize("request_line", [
    b"{}\n", b"[]\n", b"\n", b"null\n", b"\xff\xfe\n", b'{"command":1}\n',
    b'{"command":"nonsense"}\n', b'{"command":"query"}\n',
    b'{"command":"query","domain":5}\n',
    b'{"command":"query","domain":"not_a_domain"}\n',
    b'{"command":"cache-show","domain":"' + b"a" * 100000 + b'.example"}\n',
    b'{"command":"cache-import"}\n',
    b'{"command":"cache-import","records":[1,null,{}]}\n',
    b'{"command":"cache-refresh","domains":"a.example"}\n',
    b'{"command":"cache-refresh","domains":[null]}\n',
    b'{"command":"cache-refresh","domains":[' +
    b",".join([b'"a.example"'] * 257) + b"]}\n",
    b'{"command":' + b"[" * 100000 + b"\n",
    b'{"command":"status","command":"reload"}\n',
], ids=lambda line: repr(line[:40]))
def test_nonsense_is_refused_and_the_connection_goes_on(daemon,
                                                         request_line):
    one = daemon()
    peer = Peer(one)
    peer.send(request_line)
    answer = peer.line()
    assert answer["ok"] is False and answer["error"]
    peer.send(b'{"command":"status"}\n')
    assert peer.line()["ok"] is True


def test_an_endless_line_ends_the_connection(daemon):
    one = daemon()
    peer = Peer(one)
    try:
        for _ in range(40):
            peer.send(b"x" * 65536)
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert peer.is_closed()
    assert is_served(one)


def test_connections_are_bounded_and_others_are_served(daemon):
    one = daemon()
    peers = [Peer(one) for _ in range(32)]
    for peer in peers:
        peer.send(b'{"command":"sta')
    late = Peer(one)
    answer = late.line()
    assert answer == {"ok": False, "error": "too many connections"}
    assert late.is_closed()
    for peer in peers:
        peer.send(b'tus"}\n')
        assert peer.line()["ok"] is True
    for peer in peers:
        peer.close()
    until(lambda: is_served(one), "the control socket answers again")


def test_pipelined_requests_are_answered_in_order(daemon):
    one = daemon()
    peer = Peer(one)
    peer.send(b'{"command":"status"}\n{"command":"no"}\n' * 50)
    peer.sock.shutdown(socket.SHUT_WR)
    answers = [peer.line()["ok"] for _ in range(100)]
    assert answers == [True, False] * 50
    assert peer.is_closed()


def test_a_peer_that_does_not_read_stops_nobody(daemon):
    one = daemon()
    text = "version: STSv1\r\nmode: enforce\r\nmx: a.example\r\n" \
        "max_age: 604800\r\n" + "x-long: %s\r\n" % ("y" * 30000)
    done = one.tool("cache", "import", "-", stdin=document(*[
        {"domain": "big%d.example" % i, "text": text} for i in range(200)]))
    assert done.status == 0, done.err
    before = memory(one)
    idle = [Peer(one) for _ in range(20)]
    for peer in idle:
        peer.send(b'{"command":"cache-export"}\n' * 20)
    for _ in range(5):
        assert is_served(one)
    # 20 answers of 6 MB were asked for 20 times; little of it is held.
    assert memory(one) - before < 40 * 1024
    for peer in idle[:3]:
        while True:
            answer = peer.line()
            if "ok" in answer:
                break
        assert answer["count"] == 200
        peer.close()
    assert is_served(one)


def memory(one):
    """Private memory of the frontend in KiB."""
    pid = one.child("frontend")
    with open("/proc/%d/smaps_rollup" % pid) as file:
        return sum(int(line.split()[1]) for line in file
                   if line.startswith(("Private_", "Swap:")))


def test_a_peer_that_leaves_early_is_forgotten(daemon, world):
    one = daemon()
    d = world.domain(mode="enforce")
    d.host.delay = 2
    for _ in range(40):
        peer = Peer(one)
        peer.send(b'{"command":"query","domain":"%s"}\n' % d.name.encode())
        peer.close()
    done = one.tool("query", "--json", d.name)
    assert objects(done)[0]["mode"] == "enforce", done.err
    until(lambda: is_served(one), "the control socket answers")


def test_only_the_group_may_use_the_socket(daemon):
    one = daemon()
    assert os.stat(one.control).st_mode & 0o777 == 0o660
    done = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
         program("tlsmilter"), "status", "-c", one.file],
        capture_output=True, text=True, timeout=60)
    assert done.returncode == 3
    assert "ermission denied" in done.stderr


# The reports by which output is tested are reports.

SAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..",
                       "data", "checks", "*.json")


@pytest.mark.parametrize("path", sorted(glob.glob(SAMPLES)),
                         ids=os.path.basename)
def test_sample_reports_obey_the_schema(path):
    with open(path) as file:
        validated(json.load(file))


def test_all_ids_of_check_are_explained():
    listed, = objects(tool("check", "--explain", "list", "--json"))
    assert len(listed["ids"]) > 50
    for each in listed["ids"]:
        shown = tool("check", "--explain", each["id"])
        assert shown.status == 0
        assert shown.out.startswith(each["id"] + ": ")
        assert all(len(line) <= 80 for line in shown.out.splitlines())
