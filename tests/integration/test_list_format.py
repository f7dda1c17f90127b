# SPDX-License-Identifier: BSD-2-Clause
"""Partner lists: the JSON Schemas and the reader agree on what is a list,
and `tlsmilter lint --list` says where one is not."""
import copy
import datetime
import json
import os
import subprocess

import jsonschema
import pytest

from rig.daemon import program, tool
from rig.wait import until

HERE = os.path.dirname(os.path.abspath(__file__))
CONTRIB = os.path.join(HERE, "..", "..", "contrib")


def schema(name):
    path = os.path.join(CONTRIB, "schema", name)
    with open(path, encoding="utf-8") as file:
        loaded = json.load(file)
    jsonschema.Draft7Validator.check_schema(loaded)
    return loaded


OURS = schema("partners-1.json")
FOREIGN = schema("starttls-everywhere-0.1.json")
OUTPUT = schema("lint-list-1.json")


def stamp(days):
    when = datetime.datetime.utcnow() + datetime.timedelta(days=days)
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def ours(**members):
    base = {"schema": "tlsmilter/partners-1", "author": "A",
            "timestamp": stamp(-1), "expires": stamp(300),
            "domains": {"a.example": {"mode": "enforce"}}}
    base.update(members)
    return {key: value for key, value in base.items() if value is not None}


def domain(name="a.example", **members):
    return ours(domains={name: dict({"mode": "enforce"}, **members)})


def mx(*names):
    return domain(mx=list(names))


def foreign(**members):
    base = {"version": "0.1", "timestamp": stamp(-1), "expires": stamp(300),
            "policy-aliases": {"p": {"mode": "testing",
                                     "mxs": [".p.example"]}},
            "policies": {"a.example": {"policy-alias": "p"}}}
    base.update(members)
    return {key: value for key, value in base.items() if value is not None}


def policy(name="a.example", **members):
    base = {"mode": "enforce", "mxs": ["mx.a.example"]}
    base.update(members)
    return foreign(policies={name: {key: value for key, value in base.items()
                                    if value is not None}})


LONG = ".".join(["x" * 60] * 4) + ".example"    # 251 bytes

# What both must take, and what both must refuse.
GOOD = [
    ("the least", ours()),
    ("everything", ours(**{
        "$schema": "partners-1.json", "comment": "c", "name": "n",
        "contact": "c@a.example",
        "defaults": {"comment": "", "mode": "testing", "mx": ["m.example"],
                     "min_tls_version": "TLSv1.2"},
        "aliases": {"the p": {"mode": "enforce", "mx": ["*.p.example"],
                              "min_tls_version": "TLSv1.3", "comment": "x",
                              "until": stamp(100)}},
        "domains": {"a.example": {"alias": "the p", "comment": "y"},
                    ".b.example": {}, "c.example": {"until": stamp(9)}}})),
    ("no domain", ours(domains={})),
    ("U-labels", domain("bücher.example")),
    ("capitals and a final dot", domain("A.Example.")),
    ("digits", domain("123.example")),
    ("a long name", domain(LONG)),
    ("a long label", domain("x" * 63 + ".example")),
    ("patterns", mx("m.example", "*.m.example", ".n.example", "ü.example")),
    ("32 hosts", mx(*["m%d.example" % i for i in range(32)])),
    ("an offset and a fraction",
     ours(timestamp="2020-02-29T23:59:59.123456789-08:00")),
    ("a leap second", ours(timestamp="2016-12-31t23:59:60z")),
    ("a text of 500", ours(author="x" * 500)),
]
BAD = [
    ("an array", [], "", 1),
    ("nothing", {}, "schema", 1),
    ("another schema", ours(schema="tlsmilter/partners-2"), "schema", 1),
    ("no author", ours(author=None), "author", 1),
    ("an empty author", ours(author=""), "author", 1),
    ("a long author", ours(author="x" * 501), "author", 1),
    ("a newline in the name", ours(name="a\nb"), "name", 1),
    ("no timestamp", ours(timestamp=None), "timestamp", 1),
    ("no expires", ours(expires=None), "expires", 1),
    ("no domains", ours(domains=None), "domains", 1),
    ("domains in an array", ours(domains=["a.example"]), "domains", 1),
    ("a misspelt member", ours(domain={}), "domain", 1),
    ("a misspelt member of a domain", domain(min_tls="TLSv1.2"),
     'domains."a.example".min_tls', 1),
    ("seconds", ours(timestamp=1), "timestamp", 1),
    ("a time without zone", ours(timestamp="2020-01-01T00:00:00"),
     "timestamp", 1),
    ("a day", domain(until="2027-01-01"), 'domains."a.example".until', 1),
    ("the 13th month", ours(timestamp="2020-13-01T00:00:00Z"),
     "timestamp", 1),
    ("long ago", ours(timestamp="1969-12-31T00:00:00Z"), "timestamp", 1),
    ("a wrong mode", domain(mode="none"), 'domains."a.example".mode', 1),
    ("no mode", ours(domains={"a.example": {}}),
     'domains."a.example".mode', 1),
    ("an alias without a mode", ours(aliases={"p": {}}), "aliases.p.mode",
     1),
    ("a domain as a string", ours(domains={"a.example": "enforce"}),
     'domains."a.example"', 1),
    ("an old version", domain(min_tls_version="TLSv1.1"),
     'domains."a.example".min_tls_version', 1),
    ("a version as a number", domain(min_tls_version=1.2),
     'domains."a.example".min_tls_version', 1),
    ("an alias and more",
     ours(aliases={"p": {"mode": "enforce"}},
          domains={"a.example": {"alias": "p", "mode": "enforce"}}),
     'domains."a.example".mode', 1),
    ("an alias of an alias", ours(aliases={"p": {"alias": "q"}}),
     "aliases.p.alias", 2),
    ("an alias without a name", ours(aliases={"": {"mode": "enforce"}}),
     'aliases.""', 1),
    ("until in the defaults",
     ours(defaults={"mode": "enforce", "until": stamp(9)}),
     "defaults.until", 1),
    ("a domain of one label", domain("localhost"), "domains.localhost", 1),
    ("all of a top-level domain", domain(".example"), 'domains.".example"',
     1),
    ("an asterisk", domain("*.a.example"), 'domains."*.a.example"', 1),
    ("an underscore", domain("a_b.example"), 'domains."a_b.example"', 1),
    ("a hyphen in front", domain("-a.example"), 'domains."-a.example"', 1),
    ("two dots", domain("a..example"), 'domains."a..example"', 1),
    ("an address", domain("192.0.2.1"), 'domains."192.0.2.1"', 1),
    ("a name too long", domain("x." + LONG + ".example"), None, 1),
    ("a label too long", domain("x" * 64 + ".example"), None, 1),
    ("an address of a mailbox", domain("a@a.example"),
     'domains."a@a.example"', 1),
    ("no host", mx(), 'domains."a.example".mx', 1),
    ("33 hosts", mx(*["m%d.example" % i for i in range(33)]),
     'domains."a.example".mx', 1),
    ("a host as a string", domain(mx="m.example"),
     'domains."a.example".mx', 1),
    ("a host that is a number", mx("m.example", 1),
     'domains."a.example".mx[1]', 1),
    ("an asterisk within", mx("m*.example"), 'domains."a.example".mx[0]', 1),
    ("two wildcards", mx("*.*.example"), 'domains."a.example".mx[0]', 1),
    ("a port", mx("m.example:25"), 'domains."a.example".mx[0]', 1),
    ("a host that is an address", mx("192.0.2.1"),
     'domains."a.example".mx[0]', 1),
    ("an error in defaults and one in a domain",
     ours(defaults={"mx": 1}, domains={"a.example": {"mode": 1}}),
     "defaults.mx", 2),
]

# What a schema cannot express; its description says so.
BEYOND = [
    ("an alias nobody defined",
     ours(domains={"a.example": {"alias": "p"}}),
     'domains."a.example".alias'),
    ("a domain in two spellings",
     ours(domains={"a.example": {"mode": "enforce"},
                   "A.example": {"mode": "testing"}}),
     'domains."A.example"'),
    ("U-labels that are none", domain("a\u2044b.example"), None),
    ("a day that does not exist", ours(timestamp="2021-02-29T00:00:00Z"),
     "timestamp"),
    ("an end before the beginning", ours(expires=stamp(-2)), "expires"),
]

GOOD_FOREIGN = [
    ("an alias", foreign()),
    ("no aliases", dict(policy(), **{"policy-aliases": {}})),
    ("a policy", policy()),
    ("seconds", foreign(timestamp=1500000000)),
    ("what we do not use", policy(report=["https://a.example/"], pin="x")),
    ("other members", foreign(pinsets={})),
    ("a least version", policy(**{"min-tls-version": "TLSv1.1"})),
]
BAD_FOREIGN = [
    ("another version", foreign(version="0.2"), "version"),
    ("no version", foreign(version=None), "version"),
    ("no expires", foreign(expires=None), "expires"),
    ("time zero", foreign(timestamp=0), "timestamp"),
    ("no mode", policy(mode=None), 'policies."a.example".mode'),
    ("no hosts", policy(mxs=None), 'policies."a.example".mxs'),
    ("mode none", policy(mode="none"), 'policies."a.example".mode'),
    ("subdomains", policy(".a.example"), 'policies.".a.example"'),
    ("a policy as a string", foreign(policies={"a.example": "p"}),
     'policies."a.example"'),
    ("an alias of an alias",
     foreign(**{"policy-aliases": {"p": {
         "mode": "testing", "mxs": ["m.example"], "policy-alias": "q"}}}),
     'policy-aliases.p.policy-alias'),
    ("an alias without hosts",
     foreign(**{"policy-aliases": {"p": {"mode": "testing"}}}),
     'policy-aliases.p.mxs'),
]


def lint(document):
    text = document if isinstance(document, str) else \
        json.dumps(document, indent=1, ensure_ascii=False)
    done = tool("lint", "--list", "--json", "-", stdin=text)
    result = json.loads(done.out)
    jsonschema.validate(result, OUTPUT)
    errors = [f for f in result["findings"] if f["severity"] == "error"]
    assert result["valid"] == (not errors)
    assert done.status == (2 if errors else
                           1 if result["findings"] else 0)
    return result, errors


def fits(document, against):
    return jsonschema.Draft7Validator(against).is_valid(document)


def labelled(rows):
    return [pytest.param(*row[1:], id=row[0]) for row in rows]


@pytest.mark.parametrize("document", labelled(GOOD))
def test_schema_and_reader_take_the_same(document):
    result, errors = lint(document)
    assert not errors
    assert fits(document, OURS)
    assert result["domains"] == len(document["domains"])


@pytest.mark.parametrize("document, path, count", labelled(BAD))
def test_schema_and_reader_refuse_the_same(document, path, count):
    _, errors = lint(document)
    assert not fits(document, OURS)
    assert len(errors) >= count
    assert path is None or path in [e["path"] or "" for e in errors]


@pytest.mark.parametrize("document, path", labelled(BEYOND))
def test_the_reader_knows_more_than_a_schema_can_say(document, path):
    _, errors = lint(document)
    assert fits(document, OURS)
    assert path is None or path in [e["path"] for e in errors]
    assert errors


@pytest.mark.parametrize("document", labelled(GOOD_FOREIGN))
def test_starttls_everywhere_is_taken(document):
    _, errors = lint(document)
    assert not errors
    assert fits(document, FOREIGN)


@pytest.mark.parametrize("document, path", labelled(BAD_FOREIGN))
def test_starttls_everywhere_is_refused_alike(document, path):
    _, errors = lint(document)
    assert not fits(document, FOREIGN)
    assert path in [e["path"] for e in errors]


def test_every_position_is_that_of_the_member():
    document = ours(domains={
        "a.example": {"mode": "enforce"},
        "ü.example": {"mode": "enforce", "mx": ["m.example", 7]},
        "c.example": {"mode": "never"}})
    text = json.dumps(document, indent=4, ensure_ascii=False)
    _, errors = lint(text)
    lines = text.split("\n")
    found = [lines[e["line"] - 1][e["column"] - 1:] for e in errors]
    assert found == ["7", '"never"']
    assert [e["path"] for e in errors] == [
        'domains."ü.example".mx[1]', 'domains."c.example".mode']


def test_text_output_names_file_line_column_and_member(folder):
    path = os.path.join(folder, "list.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(ours(domains={"bank.example": {"mode": "maybe"}}), file,
                  indent=2)
    done = tool("lint", "--list", path)
    assert done.status == 2
    assert done.out == (
        '%s:8:15: error: domains."bank.example".mode: must be enforce or '
        'testing\n%s: invalid\n' % (path, path))
    done = tool("lint", "-l", "-", stdin=json.dumps(ours()))
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("-: valid: domains 1, testing 0, expires 2")
    assert tool("lint", "-q", "-l", "-", stdin=json.dumps(ours())).out == ""
    assert tool("lint", "-l", folder + "/none").status == 3


@pytest.mark.parametrize("text, line", [
    ("", 1), ("{", 1), ('{"a":\n"\x01"}', 2), ('{"a": "\\u0000"}', 1),
    ('{"a": 1,\n "a": 2}', 2), ("[" * 1000, 1), ('{"a": 1e999}', 1),
    ('{"schema": ' + "9" * 40 + "}", 1), ("{}\n\nx", 3),
])
def test_what_is_no_json_has_a_position(text, line):
    _, errors = lint(text)
    assert [e["line"] for e in errors] == [line]
    assert errors[0]["column"] >= 1 and errors[0]["path"] is None


def test_warnings_make_a_list_no_worse(folder):
    document = ours(
        timestamp=stamp(2), expires=stamp(10),
        aliases={"unused": {"mode": "testing"}},
        domains={"a.example": {"mode": "enforce", "until": stamp(-1),
                               "mx": ["m.invalid"]}})
    result, errors = lint(document)
    assert not errors
    assert {f["path"] for f in result["findings"]} == {
        "timestamp", "expires", "aliases.unused",
        'domains."a.example".until', 'domains."a.example".mx[0]'}
    expired, errors = lint(ours(timestamp=stamp(-9), expires=stamp(-1)))
    assert not errors and expired["findings"][0]["path"] == "expires"


def test_the_example_is_a_good_list():
    with open(os.path.join(CONTRIB, "lists", "partners.json"),
              encoding="utf-8") as file:
        document = json.load(file)
    assert fits(document, OURS)
    fresh = copy.deepcopy(document)
    fresh.update(timestamp=stamp(-1), expires=stamp(365))
    fresh["domains"]["project.example"]["until"] = stamp(100)
    result, _ = lint(fresh)
    assert result["findings"] == []
    assert (result["domains"], result["testing"]) == (6, 1)


def test_mistakes_have_an_end():
    result, errors = lint(ours(domains={
        "d%d" % i: {"mode": "enforce"} for i in range(1000)}))
    assert len(result["findings"]) == 50
    assert errors[-1]["text"] == "more mistakes follow"


# ---- the list in the configuration, and explain ------------------------------

RULES = """mode = enforce
list "partners" { file = "%s" }
list "of a url" { url = "https://lists.example.org/partners.json" }
rule "partners" { list = "partners" require = tls action = reject }
rule "url" { list = "of a url" require = tls action = defer unknown = defer }
"""


@pytest.fixture
def configured(folder):
    def configure(document):
        paths = [os.path.join(folder, name) for name in
                 ("partners.json", "tlsmilter.conf", "state")]
        with open(paths[0], "w", encoding="utf-8") as file:
            file.write(document if isinstance(document, str) else
                       json.dumps(document, indent=1))
        with open(paths[1], "w") as file:
            file.write(RULES % paths[0] + 'state_dir = "%s"\n'
                       'control = "unix:%s/control"\n' % (paths[2], folder))
        return paths[1]
    return configure


def explain(conf, sender, *arguments, tls="none"):
    done = tool("explain", "-c", conf, "--json", "--client", "198.51.100.9",
                "--from", sender, "--to", "b@ours.example", "--tls", tls,
                *arguments)
    assert done.status in (0, 1, 2), done.err
    result = json.loads(done.out)
    jsonschema.validate(result, schema("explain-1.json"))
    return result


NOT = ("--listed", "of a url=no")


@pytest.mark.parametrize("sender, tls, action, reason", [
    ("a@bank.example", "none", "reject",
     'plaintext; rule "partners" requires tls; list "partners" names '
     'bank.example'),
    ("a@BANK.Example", "none", "reject", "plaintext"),
    ("a@bank.example", "TLSv1.2/X/256", "reject", "TLSv1.2"),
    ("a@bank.example", "TLSv1.3/X/256", "accept", ""),
    ("a@www.bank.example", "none", "accept", ""),
    ("a@one.branches.example", "none", "reject", "plaintext"),
    ("a@branches.example", "none", "accept", ""),
    ("a@bücher.example", "none", "reject", "plaintext"),
    ("a@trying.example", "none", "observe", "plaintext"),
    ("a@ended.example", "none", "accept", ""),
    ("<>", "none", "accept", ""),
])
def test_a_listed_sender_must_use_tls(configured, sender, tls, action,
                                      reason):
    conf = configured(ours(
        defaults={"mode": "enforce"},
        domains={"bank.example": {"min_tls_version": "TLSv1.3"},
                 "trying.example": {"mode": "testing"},
                 ".branches.example": {}, "bücher.example": {},
                 "ended.example": {"until": stamp(-1)}}))
    result = explain(conf, sender, *NOT, tls=tls)
    assert result["action"] == action
    assert reason in result["reason"]


def test_an_expired_list_lists_nobody(configured):
    conf = configured(ours(timestamp=stamp(-9), expires=stamp(-1)))
    result = explain(conf, "a@a.example", *NOT)
    assert result["action"] == "accept"
    assert result["lists"][0] == {
        "name": "partners", "mode": "no", "min_tls_version": None}


def test_what_a_list_says_can_be_supposed(configured):
    conf = configured(ours())
    result = explain(conf, "a@b.example", "--listed", "partners=enforce",
                     "--listed", "of a url=testing:TLSv1.3",
                     tls="TLSv1.2/X/128")
    assert [rule["outcome"] for rule in result["rules"]] == ["met", "unmet"]
    assert result["lists"][1] == {"name": "of a url", "mode": "testing",
                                  "min_tls_version": "TLSv1.3"}
    # Nothing was ever fetched, so nobody can say.
    done = tool("explain", "-c", conf, "--client", "192.0.2.1", "--tls",
                "none", "--from", "a@b.example", "--to", "b@b.example")
    assert 'list "of a url" counts as unknown: it was never fetched' \
        in done.err
    result = explain(conf, "a@b.example")
    assert result["lists"][1]["mode"] == "unknown"
    assert result["action"] == "defer"
    result = explain(conf, "a@a.example", "--listed", "partners=no", *NOT)
    assert result["action"] == "accept"


@pytest.mark.parametrize("option", [
    "partners", "others=enforce", "partners=always", "partners=no:TLSv1.2",
    "partners=enforce:TLSv1.1", "partners=enforce:", "=enforce"])
def test_wrong_suppositions_are_usage_errors(configured, option):
    done = tool("explain", "-c", configured(ours()), "--client", "192.0.2.1",
                "--tls", "none", "--from", "a@a.example", "--to",
                "b@b.example", "--listed", option)
    assert (done.status, done.out) == (64, "")
    assert "--listed %s: " % option in done.err


@pytest.mark.parametrize("days, words", [
    (-1, "this list has expired and lists nobody any more"),
    (3, "this list expires soon, at "), (30, None)])
def test_the_end_of_a_list_is_told_at_load(configured, days, words):
    conf = configured(ours(timestamp=stamp(-9), expires=stamp(days)))
    done = subprocess.run([program("tlsmilterd"), "-n", "-c", conf],
                          capture_output=True, text=True)
    assert done.returncode == 0
    said = done.stdout + done.stderr
    assert words in said if words else "expire" not in said


def test_a_mistake_in_a_list_is_one_of_the_configuration(configured):
    conf = configured('{\n "schema": "tlsmilter/partners-1",\n "autor": 1\n}')
    done = tool("explain", "-c", conf, "--client", "192.0.2.1", "--tls",
                "none", "--from", "a@a.example", "--to", "b@b.example")
    assert done.status == 78
    assert "partners.json:3:2: autor: is no member that is known here" \
        in done.err


def test_explain_asks_the_last_good_copy(mx, world):
    lists = world.list_host("bank.example")
    daemon, _ = mx('mode = enforce\nlist "partners" { url = "%s" }\n'
                   'rule "partners" { list = "partners" require = tls'
                   ' action = reject }\n' % lists.url)
    until(lambda: daemon.status()["lists"][0]["domains"] == 1,
          "the list")
    for running in (True, False):
        if not running:
            daemon.stop()
        result = explain(daemon.file, "a@bank.example")
        assert result["lists"][0]["mode"] == "enforce"
        assert result["action"] == "reject"
        assert explain(daemon.file, "a@x.example")["action"] == "accept"
