# SPDX-License-Identifier: BSD-2-Clause
"""The same message through each door: one table of what must come of it.

A row is a message, and what comes of it at every door: verdict, rule, reply
and reason. Where a mail server by nature tells less than the others, the row
says what comes of it there, and why. All of the audit line must be alike.
"""
import dataclasses
import datetime
import os
import re
import ssl

import pytest

from rig.certs import fingerprint
from rig.client import (CLIENT, Smtp, anonymous_context, certificate_context,
                        code)
from rig.doors import DOORS, POLICY, POSTFIX, reply_text
from rig.logs import wait_audit
from rig.wait import until

AUTH = "AUTH PLAIN AGFsaWNlAHNlY3JldA=="
EXEMPT, RELAY = "198.51.100.50", "198.18.0.1"
CIPHER = "ECDHE-ECDSA-AES128-GCM-SHA256"

# ---- what clients do ----------------------------------------------------


@dataclasses.dataclass
class Client:
    """How a message is sent."""
    tls: str = ""               # "" or one of contexts()
    port: int = 25
    source: str = CLIENT
    auth: bool = False
    second_ehlo: bool = True    # after STARTTLS


def contexts(world):
    """A TLS context for each word a Client may have."""
    def limited(**options):
        context = anonymous_context()
        for name, value in options.items():
            setattr(context, name, value)
        return context

    old = limited(maximum_version=ssl.TLSVersion.TLSv1_2)
    short = limited(maximum_version=ssl.TLSVersion.TLSv1_2)
    short.set_ciphers(CIPHER)
    kinds = {"trusted": {}, "other name": dict(cn="other.client.example"),
             "stranger": dict(issuer="stranger"),
             "pinned": dict(issuer="stranger")}
    files = {word: world.authority.leaf(**dict(
        dict(cn="mail.client.example", client=True), **options))
        for word, options in kinds.items()}
    return {
        "1.3": limited(minimum_version=ssl.TLSVersion.TLSv1_3),
        "1.2": old,
        "aes128": short,
        **{word: certificate_context(path) for word, path in files.items()},
    }, fingerprint(files["pinned"])


def talk(client, words, sender, recipients, subject):
    """The replies to each RCPT and to the message."""
    with Smtp(source=client.source, port=client.port,
              implicit=client.port == 465,
              context=words.get(client.tls)) as s:
        s.ehlo()
        if client.tls and client.port != 465:
            assert s.starttls(words[client.tls]).code == 220, s.dialogue()
            if client.second_ehlo:
                s.ehlo()
        if client.auth:
            assert s.cmd(AUTH).code == 235, s.dialogue()
        assert s.mail(sender).code == 250, s.dialogue()
        replies = [s.rcpt(r) for r in recipients]
        end = None
        if any(r.code == 250 for r in replies):
            end = s.data("Subject: %s\n\nhello\n" % subject)
        s.quit()
        return replies, end


# ---- what must come of it -----------------------------------------------


@dataclasses.dataclass
class Want:
    """What comes of one recipient."""
    action: str
    rule: str = "-"
    reason: str = None
    code: tuple = (250, None)
    text: str = ""              # of the reply
    would: str = None           # unless it is the same as action


ACCEPTED = Want("accept", reason="no rule matches")
MET = Want("accept", reason="every rule that matches is met")


@dataclasses.dataclass
class Row:
    label: str
    sender: str
    recipient: str
    client: Client
    want: Want
    # By the name of a door: (what comes of it there, why).
    differs: dict = dataclasses.field(default_factory=dict)
    # The past is written behind: ask until it is known.
    soon: bool = False

    def wanted(self, door):
        return self.differs.get(door, (self.want,))[0]


PLAIN, TLS = Client(), Client("1.3")
CODES = {
    "plaintext": {"reject": (550, "5.7.10"), "defer": (451, "4.7.10")},
    "weak": {"reject": (554, "5.7.5"), "defer": (454, "4.7.5")},
    "certificate": {"reject": (550, "5.7.1"), "defer": (450, "4.7.1")},
}
ACTIONS = ("reject", "defer", "quarantine", "tag", "observe")
NONE_UNTOLD = "Postfix does not say that there was none"
UNTOLD = "Postfix tells milters of no certificate it does not trust"
NO_FINGERPRINT = "Postfix gives milters no fingerprint"


def unmet(action, rule, kind, reason, text):
    return Want(action, rule, reason, CODES[kind].get(action, (250, None)),
                text if action in ("reject", "defer") else "")


def unchecked(what, rule):
    return Want("accept", reason="%s cannot be checked; rule \"%s\" counts "
                "as met" % (what, rule))


# name: what the rule requires, who does not meet it, who does, the kind of
# shortcoming, how the reason begins and ends, and what the reply says.
CAUSES = {
    "plain": ("require = tls", PLAIN, TLS, "plaintext", "plaintext", "tls",
              "TLS is"),
    "late": ("require = tls1.2", PLAIN, Client("1.2", second_ehlo=False),
             "plaintext", "plaintext", "tls1.2", "TLS is"),
    "version": ("require = tls1.3", Client("1.2"), TLS, "weak", "TLSv1.2",
                "tls1.3", "TLS 1.3 is"),
    "bits": ("min_bits = 256", Client("aes128"), TLS, "weak", "128 bits",
             "min_bits 256", "A TLS cipher of 256 bits or more is"),
    "cipher": ('deny_cipher = "AES128"', Client("aes128"), TLS, "weak",
               "this cipher is denied", "deny_cipher",
               "Another TLS cipher is"),
    "name": ('cert_name = "mail.client.example"', Client("other name"),
             Client("trusted"), "certificate",
             "client certificate has another name", "cert_name",
             "A client certificate with the agreed name is"),
}


def cause_rows():
    for name, (_, bad, good, kind, begin, end, text) in CAUSES.items():
        for action in ACTIONS:
            domain = "%s-%s.example" % (name, action)
            rule = "%s %s" % (name, action)
            yield Row(rule, "a@" + domain, "b@x.example", bad, unmet(
                action, rule, kind, '%s; rule "%s" requires %s' % (
                    begin, rule, end),
                "%s required for mail from %s" % (text, domain)))
        yield Row(name + " met", "a@%s-reject.example" % name, "b@x.example",
                  good, MET)


def promise_rows():
    for action in ACTIONS:
        domain, rule = "our-%s.example" % action, "our " + action
        yield Row(rule, "a@client.example", "b@" + domain, PLAIN, unmet(
            action, rule, "plaintext", 'plaintext; rule "%s" requires tls; '
            'to_policy enforce of %s' % (rule, domain),
            "TLS is required for mail to " + domain))
    yield Row("our promise kept", "a@client.example", "b@our-reject.example",
              TLS, MET)


def domain_of(rule):
    return rule.replace("_", "-") + ".example"


def certificate_rows():
    """What each mail server says of certificates differs."""
    def refused(rule, begin, text):
        return unmet("reject", rule, "certificate", '%s; rule "%s" requires '
                     "%s" % (begin, rule, rule), "%s required for mail from "
                     "%s" % (text, domain_of(rule)))

    texts = {"verified": "A trusted client certificate is",
             "cert_name": "A client certificate with the agreed name is",
             "cert_fingerprint": "The agreed client certificate is"}
    for rule, text in texts.items():
        untold = unchecked(rule, rule)
        none = refused(rule, "no client certificate", text)
        sender = "a@" + domain_of(rule)
        yield Row(rule + ", none there", sender, "b@x.example", TLS, none,
                  {POSTFIX: (untold, UNTOLD),
                   POLICY: (untold, NONE_UNTOLD)})
        pinned = rule == "cert_fingerprint"
        stranger = refused(rule, "client certificate is another one"
                           if pinned else "client certificate is not trusted",
                           text)
        yield Row(rule + ", of a stranger", sender, "b@x.example",
                  Client("stranger"), stranger,
                  {POSTFIX: (untold, NO_FINGERPRINT if pinned else UNTOLD)})
        yield Row(rule + ", right", sender, "b@x.example",
                  Client("pinned" if pinned else "trusted"), MET,
                  {POSTFIX: (untold, NO_FINGERPRINT)} if pinned else {})


def who_rows():
    """Who is never refused, and who is by what he is."""
    def promised(label, client, reason, sender="a@client.example",
                 recipient="b@our-reject.example", **want):
        return Row(label, sender, recipient, client,
                   Want("accept", reason=reason, **want))

    yield promised("exempt client", Client(source=EXEMPT), "client is exempt")
    yield promised("null sender", PLAIN, "the null sender is exempt", "")
    yield promised("exempt sender", PLAIN, "sender is exempt",
                   "news@client.example")
    yield promised("postmaster", PLAIN, "recipient is exempt",
                   recipient="postmaster@our-reject.example")
    yield promised("authenticated: promises do not bind", Client(auth=True),
                   "no rule matches")
    yield promised("relay: promises do not bind", Client(source=RELAY),
                   "no rule matches")
    yield promised("an exception", PLAIN, 'rule "open" requires nothing',
                   recipient="open@our-reject.example")
    yield Row("relay: only logged", "a@plain-reject.example", "b@x.example",
              Client(source=RELAY), Want(
                  "observe", "plain reject", 'plaintext; rule "plain reject" '
                  'requires tls; client is a relay', would="reject"))
    for label, sender, client in (
            ("client by name", "a@byname.example", PLAIN),
            ("client by address", "a@byaddress.example", PLAIN),
            ("authenticated", "a@byuser.example", Client(auth=True))):
        domain = sender[2:]
        yield Row(label, sender, "b@x.example", client, unmet(
            "reject", label, "plaintext",
            'plaintext; rule "%s" requires tls' % label,
            "TLS is required for mail from " + domain))
        yield Row(label + ": somebody else", sender, "b@x.example",
                  Client(source="198.51.100.99"), ACCEPTED)
    yield Row("listener", "a@byport.example", "b@x.example",
              Client("aes128", port=587), unmet(
                  "reject", "listener", "weak",
                  '128 bits; rule "listener" requires min_bits 256',
                  "A TLS cipher of 256 bits or more is required for mail "
                  "from byport.example"))
    yield Row("listener: another port", "a@byport.example", "b@x.example",
              Client("aes128"), ACCEPTED)
    yield Row("TLS ended by a proxy", "a@version-reject.example",
              "b@x.example", Client("1.2", port=465),
              Want("accept", reason="cannot tell whether TLS is in use"))


LIST = """{
  "schema": "tlsmilter/partners-1", "author": "Rig",
  "timestamp": "%(now)s", "expires": "%(later)s",
  "defaults": { "mode": "enforce" },
  "domains": {
    "listed.example": {},
    "new.example": { "min_tls_version": "TLSv1.3" },
    "trial.example": { "mode": "testing" },
    "over.example": { "until": "%(now)s" },
    ".branches.example": {}
  }
}
"""


def list_rows():
    def listed(label, domain, client, action, kind="plaintext",
               begin="plaintext", end="tls", text="TLS is"):
        return Row(label, "a@" + domain, "b@x.example", client, unmet(
            action, "partners", kind, '%s; rule "partners" requires %s; list '
            '"partners" names %s' % (begin, end, domain),
            "%s required for mail from %s" % (text, domain)))

    yield listed("on the list", "listed.example", PLAIN, "reject")
    yield listed("below a name on the list", "x.branches.example", PLAIN,
                 "reject")
    yield listed("version on the list", "new.example", Client("1.2"),
                 "reject", "weak", "TLSv1.2", "tls1.3", "TLS 1.3 is")
    yield listed("on the list for trial", "trial.example", PLAIN, "observe")
    yield Row("on the list, TLS", "a@listed.example", "b@x.example", TLS,
              MET)
    yield Row("no more on the list", "a@over.example", "b@x.example", PLAIN,
              ACCEPTED)
    yield Row("on the list, but a relay", "a@listed.example", "b@x.example",
              Client(source=RELAY), ACCEPTED)


# How often TLS must have been used to make a habit of it.
HABIT = 3


def history_rows():
    """The past is made first."""
    yield Row("in plaintext before", "a@past.example", "b@x.example", PLAIN,
              ACCEPTED)
    for i in range(HABIT):
        yield Row("over TLS %d" % i, "a@past.example", "b@x.example", TLS,
                  ACCEPTED)
    lost = "asked at RCPT only, it is never told that a message was accepted"
    yield Row("in plaintext again", "a@past.example", "b@x.example", PLAIN,
              unmet("defer", "past", "plaintext", 'plaintext; rule "past" '
                    "requires tls; past.example used TLS from this network",
                    "TLS is required for mail from past.example"),
              {POLICY: (ACCEPTED, lost)}, soon=True)
    yield Row("from another network", "a@past.example", "b@x.example",
              Client(source="198.18.0.1"), ACCEPTED)


def lookup_rows(unknown):
    """These come first, as the lookup ends sometime."""
    yield Row("not known yet", "a@client.example", "b@" + unknown, PLAIN,
              Want("defer", "lookup", "to_policy is not known yet; rule "
                   '"lookup" requires tls', (451, "4.7.10"),
                   "Looking up whether mail to %s requires TLS; use TLS or "
                   "try again later" % unknown))
    yield Row("not known yet, TLS", "a@client.example", "b@" + unknown, TLS,
              MET)


def configuration(unknown, pinned, partners):
    text = """
mode = enforce
log = recipients
authserv_id = "mx.rig.example"
help_url = "https://example.com/tls"
hosted_domains = {"x.example=none", %s}
relays = {"198.18.0.0/15"}
exempt { client = {"127.0.0.0/8", "%s"}  from = {"news@client.example"} }
listener "proxied" { match = {"465"}  tls = unknown }
list "partners" { file = "%s" }
rule "partners" { list = "partners"  require = tls  action = reject }
rule "past" { history = downgrade  from = "past.example"  require = tls
  action = defer }
rule "open" { to = "open@our-reject.example"  require = none }
rule "lookup" { to = "%s" to_policy = enforce require = tls
  unknown = defer  action = reject }
rule "verified" { from = "verified.example" require = verified
  action = reject }
rule "cert_name" { from = "cert-name.example" action = reject
  cert_name = "mail.client.example" }
rule "cert_fingerprint" { from = "cert-fingerprint.example"
  cert_fingerprint = "%s" action = reject }
rule "client by name" { client = ".client.example" from = "byname.example"
  require = tls action = reject }
rule "client by address" { client = "198.51.100.0/28"
  from = "byaddress.example" require = tls action = reject }
rule "authenticated" { authenticated = yes from = "byuser.example"
  require = tls action = reject }
rule "listener" { listener = "587" from = "byport.example" min_bits = 256
  action = reject }
""" % (", ".join('"our-%s.example=enforce"' % a for a in ACTIONS), EXEMPT,
       partners, unknown, pinned)
    for action in ACTIONS:
        text += 'rule "our %s" { to = "our-%s.example" to_policy = enforce ' \
            'require = tls action = %s }\n' % (action, action, action)
        for name, (require, *_) in CAUSES.items():
            text += 'rule "%s %s" { from = "%s-%s.example" %s action = %s ' \
                '}\n' % (name, action, name, action, require, action)
    return text


# ---- running it ---------------------------------------------------------


@dataclasses.dataclass
class Result:
    row: Row
    reply: tuple        # code and enhanced code
    text: str           # of the reply, without what the MTA adds
    audit: dict
    fields: list = None     # of a tagged message


def expected_results(match):
    """Our Authentication-Results field, from what X-TLS-Policy says."""
    used = re.sub(r"\b(version|cipher|bits)=", r"smtp.\1=", match.group(2))
    return "mx.rig.example; x-tls=fail%s policy.rule=%s" % (
        used, match.group(1))


def attempt(door, row, words):
    """Send the row's message; where the log begins with it, the replies."""
    mark = door.daemon.syslog.mark()
    (reply,), end = talk(row.client, words, row.sender, [row.recipient],
                         row.label)
    if row.soon and reply.code != row.wanted(door.name).code[0]:
        return None
    return mark, reply, end


def run(door, row, words):
    """Send the row's message through the door."""
    mark, reply, end = until(lambda: attempt(door, row, words), row.label)
    if reply.code == 250:
        assert end.code == 250, (row.label, str(end))
    result = Result(row, code(reply), reply_text(reply),
                    door.recipient_line(row.recipient, mark))
    if result.audit["action"] == "tag":
        message = door.server.wait_delivered(row.label)
        result.fields = message.all("X-TLS-Policy")
        # A policy service cannot remove forged ones, so it adds none.
        results = message.all("Authentication-Results")
        assert results == ([] if door.name == POLICY else [
            re.sub("^fail rule=(.*?) unmet=.*?((?: version=.*)?)$",
                   expected_results, result.fields[0])]), row.label
    return result


def wrong(door, result):
    """What is not as the table says, in words."""
    row, want, audit = result.row, result.row.wanted(door), result.audit
    for what, got, wanted in (
            ("action", audit["action"], want.action),
            ("would", audit["would"], want.would or want.action),
            ("rule", audit["rule"], want.rule),
            ("reason", audit["reason"], want.reason),
            ("reply", result.reply[0], want.code[0]),
            ("reply", result.reply[1], want.code[1] or result.reply[1]),
            ("text", result.text, want.text + "; see https://example.com/tls"
             if want.text else result.text)):
        if got != wanted:
            yield "%s: %s: %s is %r, not %r" % (door, row.label, what, got,
                                                wanted)


def unlike(results):
    """Rows that give the doors different answers without saying why."""
    first, *others = results
    for other in others:
        for one, two in zip(results[first], results[other], strict=True):
            if one.row.wanted(first) != two.row.wanted(other):
                continue
            got = [(r.reply, r.text if r.reply[0] != 250 else "", r.audit,
                    r.fields) for r in (one, two)]
            if got[0] != got[1]:
                yield "%s: %s: %s\n  %s: %s" % (one.row.label, first, got[0],
                                                other, got[1])


def write_list(folder):
    path = os.path.join(folder, "partners.json")
    now = datetime.datetime.now(datetime.timezone.utc)
    with open(path, "w") as file:
        file.write(LIST % {
            name: (now + datetime.timedelta(days=days)).strftime(
                "%Y-%m-%dT%H:%M:%SZ")
            for name, days in (("now", 0), ("later", 9))})
    return path


def test_the_same_message_the_same_verdict(doors, world, folder, sasl,
                                           sendmail_sasl):
    words, pinned = contexts(world)
    unknown = world.domain()
    world.dns.rules["_mta-sts." + unknown.name, "TXT"] = "drop"
    rows = [*lookup_rows(unknown.name), *promise_rows(), *cause_rows(),
            *certificate_rows(), *who_rows(), *list_rows(),
            *history_rows()]
    partners = write_list(folder)
    assert len({r.label for r in rows}) == len(rows)
    results, errors = {}, []
    for name in DOORS:
        door = doors.start(name, configuration(
            unknown.name, pinned, partners), dict(
                sasl, smtpd_tls_fingerprint_digest="sha256"), sendmail_sasl)
        results[name] = [run(door, row, words) for row in rows]
        for result in results[name]:
            errors += wrong(name, result)
        holds = sum(r.audit["action"] == "quarantine" for r in results[name])
        assert holds >= 7
        until(lambda: door.held() == holds, "%d held messages at the %s" % (
            holds, name))
    errors += unlike(results)
    assert not errors, "\n".join(errors)


def test_the_past_of_a_policy_service(doors, world):
    """Asked at END-OF-MESSAGE too, it knows what was accepted."""
    words, _ = contexts(world)
    door = doors.start(POLICY, """
mode = enforce
log = recipients
help_url = "https://example.com/tls"
hosted_domains = {"x.example=none"}
relays = {"198.18.0.0/15"}
rule "past" { history = downgrade  from = "past.example"  require = tls
  action = defer }
""", {"smtpd_end_of_data_restrictions":
      "check_policy_service inet:127.0.0.1:8898"})
    for row in history_rows():
        row.differs = {}
        _, reply, _ = until(lambda: attempt(door, row, words), row.label)
        assert reply.code == row.want.code[0], row.label
    wait_audit(door.daemon, action="defer", rule="past")


# ---- several recipients --------------------------------------------------

# Recipients by the action of their rule, the replies, and what becomes of
# the message: how many X-TLS-Policy fields it gets, or None if it is held.
SEVERAL = (
    ("tag reject tag", [250, 550, 250], 1),
    ("defer tag reject", [451, 250, 550], 1),
    ("observe x observe", [250, 250, 250], 0),
    ("quarantine x tag", [250, 250, 250], None),
    ("tag quarantine reject", [250, 250, 550], None),
    ("reject defer", [550, 451], None),
)


@pytest.mark.parametrize("name", DOORS)
def test_several_recipients(doors, name):
    """Each is judged by itself, the most severe of those accepted decides
    about the message, and a tag comes once."""
    rules = "".join(
        'rule "%s" { to = "our-%s.example"  to_policy = enforce  '
        "require = tls  action = %s }\n" % (a, a, a) for a in ACTIONS)
    door = doors.start(name, """
mode = enforce
hosted_domains = {"x.example=none", %s}
%s""" % (", ".join('"our-%s.example=enforce"' % a for a in ACTIONS), rules))
    held = 0
    for label, want, fields in SEVERAL:
        replies, end = talk(PLAIN, {}, "a@client.example", [
            "b@x.example" if word == "x" else "b%d@our-%s.example" % (i, word)
            for i, word in enumerate(label.split())], label)
        assert [r.code for r in replies] == want, label
        assert end is None or end.code == 250, label
        if fields is not None:
            message = door.server.wait_delivered(label)
            assert len(message.all("X-TLS-Policy")) == fields, label
        elif end:
            held += 1
            until(lambda: door.held() == held, "%s is held" % label)
    assert not {m.message["Subject"] for m in door.server.delivered()} & {
        label for label, _, fields in SEVERAL if fields is None}
