# SPDX-License-Identifier: BSD-2-Clause
"""What `tlsmilter setup postfix` prints is what a real Postfix needs."""
import os

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
