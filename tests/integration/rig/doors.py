# SPDX-License-Identifier: BSD-2-Clause
"""The doors a message can come through, each a mail server wired to a
daemon of its own. The fixture `door` (conftest.py) starts them."""
import re

from rig.logs import audit_fields

POSTFIX = "Postfix milter"
SENDMAIL = "Sendmail milter"
POLICY = "Postfix policy service"
DOORS = (POSTFIX, SENDMAIL, POLICY)

# What the doors put around our text: Sendmail and Postfix name the
# recipient, and Postfix says that it is the recipient that is refused.
_AROUND = re.compile(r"^\d\.\d+\.\d+ (?:<[^>]*>(?:\.\.\.|: Recipient address "
                     r"rejected:) )?")


def reply_text(reply):
    """The text of a refusal, without what the mail server adds."""
    return _AROUND.sub("", reply.text)


def audit_of(line):
    """The fields of an audit line, less what differs by nature: its source,
    and the client's port, which is there while there is no queue id, as in
    front of the first accepted recipient with Postfix."""
    fields = {k: re.sub(r"\\(.)", r"\1", v)
              for k, v in audit_fields(line).items() if k != "source"}
    fields["client"] = re.sub(r":\d+$", "", fields["client"])
    return fields


class Door:
    """`name` is one of DOORS."""

    def __init__(self, name, daemon, server):
        self.name, self.daemon, self.server = name, daemon, server

    def recipient_line(self, recipient, since):
        """The one audit line about a recipient (with log = recipients)."""
        pattern = r"action=.* to=%s " % re.escape(recipient)
        line = self.daemon.wait_log(pattern, since=since)
        lines = self.daemon.syslog.find(pattern, "tlsmilterd", since)
        assert len(lines) == 1, lines
        return audit_of(line)

    def held(self):
        """How many messages the server holds."""
        return len(self.server.held())


class Doors:
    """start(name, config): a Door, the only one that runs then."""

    def __init__(self, daemon, postfix, sendmail):
        self._daemon, self._postfix, self._sendmail = (daemon, postfix,
                                                       sendmail)
        self._running = []

    def _start_postfix(self, one, main, mc):
        return self._postfix(milters="inet:127.0.0.1:8899", main=main)

    def _start_sendmail(self, one, main, mc):
        printed = one.tool("setup", "sendmail")
        assert printed.status == 0, printed.err
        return self._sendmail(mc + printed.out)

    def _start_policy(self, one, main, mc):
        return self._postfix(main=dict({
            "smtpd_recipient_restrictions": "reject_unauth_destination, "
            "check_policy_service inet:127.0.0.1:8898"}, **main))

    _starters = {POSTFIX: _start_postfix, SENDMAIL: _start_sendmail,
                 POLICY: _start_policy}
    _more = {POLICY: 'policy_service = {"inet:8898@127.0.0.1"}\n'}

    def start(self, name, config, main=None, mc=""):
        """main is added to Postfix's main.cf, mc to Sendmail's .mc file."""
        self.stop()
        one = self._daemon(self._more.get(name, "") + config, name=name.replace(" ", "-"))
        self._running.append(one)
        server = self._starters[name](self, one, main or {}, mc)
        self._running.append(server)
        return Door(name, one, server)

    def stop(self):
        while self._running:
            self._running.pop().stop()
