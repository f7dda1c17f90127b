# SPDX-License-Identifier: BSD-2-Clause
"""Partner lists by URL: fetched, kept, replaced, and what a server of lists
cannot do to us (design §5, §7)."""
import glob
import os
import signal
import time

import pytest

from rig.client import send
from rig.wait import until
from rig.world import PRIVATE

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
    """What `list status` says of the only list."""
    (one,) = daemon.status()["lists"]
    return one


def loaded(daemon, count):
    until(lambda: state(daemon)["domains"] == count,
          "a list of %d domains" % count)


def refresh(daemon):
    return daemon.tool("list", "refresh", "partners")


def copies(daemon):
    return glob.glob(os.path.join(daemon.state_dir, "lists", "*"))


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
