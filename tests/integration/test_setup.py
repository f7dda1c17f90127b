# SPDX-License-Identifier: BSD-2-Clause
"""What `tlsmilter setup postfix` prints is what a real Postfix needs."""
import os
import subprocess

import pytest

from rig.client import send

RULES = '''
mode = enforce
rule "all" { require = tls  action = reject }
rule "services" { listener = SUBMISSION  require = verified  action = tag }
'''


def settings(text):
    """The settings of a main.cf, without its remarks."""
    lines = [line for line in text.splitlines()
             if line and not line.startswith("#")]
    return dict(line.split(" = ", 1) for line in lines)


@pytest.fixture
def socket_folder(folder):
    path = os.path.join(folder, "socket")
    os.mkdir(path)
    os.chmod(path, 0o755)
    return path


@pytest.mark.parametrize("kind", ["inet", "unix"])
def test_postfix_with_these_settings_asks_us(daemon, postfix, socket_folder,
                                             kind):
    where = {"inet": "inet:8899@127.0.0.1",
             "unix": "unix:%s/milter" % socket_folder}[kind]
    d = daemon('milter = "%s"\nsocket_group = "postfix"\n%s' % (where, RULES))
    printed = d.tool("setup", "postfix")
    assert printed.status == 0
    main = settings(printed.out)
    assert set(main) == {"smtpd_milters", "smtpd_tls_security_level",
                         "smtpd_tls_ask_ccert", "smtpd_tls_CApath"}
    postfix(main=main)
    _, (rcpt,), _ = send("a@x.example", "b@y.example")
    assert (rcpt.code, rcpt.text.split()[0]) == (550, "5.7.10")
    _, (rcpt,), end = send("a@x.example", "b@y.example", tls=True)
    assert (rcpt.code, end.code) == (250, 250)


def test_an_enforcing_filter_that_is_down_defers(daemon, postfix):
    d = daemon(RULES)
    postfix(main=settings(d.tool("setup", "postfix").out))
    d.stop()
    mail, *_ = send("a@x.example", "b@y.example")
    assert mail.code == 451


def test_an_observing_filter_that_is_down_stops_no_mail(daemon, postfix):
    d = daemon(RULES.replace("enforce", "observe"))
    postfix(main=settings(d.tool("setup", "postfix").out))
    d.stop()
    _, (rcpt,), end = send("a@x.example", "b@y.example")
    assert (rcpt.code, end.code) == (250, 250)


# ---- the policy service ---------------------------------------------------

POLICY_RULES = '''
mode = enforce
policy_service = "%s"
socket_group = "postfix"
milter = "inet:8898@127.0.0.1"
rule "all" { require = tls  action = reject }
rule "pin" { to = "pinned.example"  cert_fingerprint = "%s"  action = reject
  unknown = defer }
rule "service" { listener = SUBMISSION  requiretls = yes  require = tls
  action = tag }
''' % ("%s", "ab" * 32)


@pytest.mark.parametrize("kind", ["inet", "unix"])
def test_postfix_with_these_settings_asks_the_policy_service(
        daemon, postfix, socket_folder, kind):
    where = {"inet": "inet:8460@127.0.0.1",
             "unix": "unix:%s/policy" % socket_folder}[kind]
    d = daemon(POLICY_RULES % where)
    printed = d.tool("setup", "postfix", "--policy-service")
    assert printed.status == 0
    main = settings(printed.out)
    assert set(main) == {
        "smtpd_recipient_restrictions", "smtpd_tls_security_level",
        "smtpd_tls_ask_ccert", "smtpd_tls_CApath",
        "smtpd_tls_fingerprint_digest"}
    assert main["smtpd_tls_fingerprint_digest"] == "sha256"
    server = postfix(main=main)
    _, (rcpt,), _ = send("a@x.example", "b@y.example")
    assert (rcpt.code, rcpt.text.split()[0]) == (550, "5.7.10")
    _, (rcpt,), end = send("a@x.example", "b@y.example", tls=True)
    assert (rcpt.code, end.code) == (250, 250)
    _, (rcpt,), _ = send("a@x.example", "b@pinned.example", tls=True)
    assert rcpt.code == 451
    d.stop()
    _, (rcpt,), _ = send("a@x.example", "b@y.example", tls=True)
    assert rcpt.code == 450
    d.write(POLICY_RULES.replace("enforce", "observe") % where)
    server.configure(**settings(d.tool("setup", "postfix",
                                       "--policy-service").out))
    _, (rcpt,), end = send("a@x.example", "b@y.example")
    assert (rcpt.code, end.code) == (250, 250)


def test_both_settings_of_a_message_with_its_end(daemon, postfix):
    """history remembers at the end of a message only."""
    d = daemon(POLICY_RULES % "inet:8460@127.0.0.1" + """
rule "past" { history = downgrade  require = tls  action = tag }
""")
    main = settings(d.tool("setup", "postfix", "--policy-service").out)
    assert "smtpd_end_of_data_restrictions" in main
    postfix(main=main)
    _, _, end = send("a@x.example", "b@y.example", tls=True)
    assert end.code == 250
    d.wait_log("action=accept.* nrcpt=1 .*source=policy")
    assert d.status()["counters"]["messages"] == 1


def test_what_the_policy_service_cannot_do(daemon):
    d = daemon(POLICY_RULES % "inet:8460@127.0.0.1", start=False)
    one = d.tool("setup", "postfix", "--policy-service", "--json").json
    assert one["for"] == "postfix-policy-service"
    limits = [(x["rule"], x["text"].split()[0]) for x in one["limits"]]
    assert limits == [("pin", "to"), ("pin", "without"), ("service", "action"),
                      ("service", "requiretls"), (None, "Forged")]
    assert "rule \"service\": requiretls = yes never holds" in one["text"]


def test_without_a_policy_service_it_says_how(daemon):
    d = daemon("", start=False)
    printed = d.tool("setup", "postfix", "--policy-service")
    assert printed.status == 1
    assert not settings(printed.out)
    assert "policy_service = " in printed.out


# ---- outgoing mail ----------------------------------------------------------

@pytest.mark.parametrize("version", ["3.3", "3.7", "3.10"])
@pytest.mark.parametrize("kind", ["inet", "unix"])
def test_outgoing_mail_asks_the_map_these_settings_name(
        daemon, postfix, world, socket_folder, kind, version):
    where = {"inet": "inet:8461@127.0.0.1",
             "unix": "unix:%s/map" % socket_folder}[kind]
    one = daemon('socketmap = {"%s"}\nsocket_group = "postfix"\n'
                 'postfix { version = "%s"  dane = yes }\n'
                 % (where, version))
    printed = one.tool("setup", "postfix", "--outbound")
    assert printed.status == 0
    assert all(len(line) < 80 for line in printed.out.splitlines()
               if line.startswith("#") and socket_folder not in line
               and one.file not in line)
    main = settings(printed.out)
    assert main["smtp_tls_security_level"] == "may"
    assert main["smtp_dns_support_level"] == "dnssec"
    server = postfix(main=main)
    checked = subprocess.run(["postconf", "-c", server.etc, "-n"],
                             capture_output=True, text=True)
    assert checked.stderr == "" and set(main) <= {
        line.split(" = ")[0] for line in checked.stdout.splitlines()}
    d = world.domain()
    # As the last lines of what was printed say.
    command = next(line.lstrip("# ").split() for line in
                   printed.out.splitlines() if "postmap -q" in line)
    assert command[3] == main["smtp_tls_policy_maps"]
    found = subprocess.run(["postmap", "-c", server.etc, "-q", d.name,
                            command[3]], capture_output=True, text=True)
    assert found.stdout.startswith("secure match=%s" % d.mx[0]), found
    assert ("policy_type" in found.stdout) == (version == "3.10")


def test_without_a_socketmap_it_says_how_to_have_one(daemon):
    one = daemon()
    for server in ("postfix", "sendmail"):
        printed = one.tool("setup", server, "--outbound")
        assert printed.status == 1
        assert 'socketmap = {"inet:8461@127.0.0.1"}' in printed.out
