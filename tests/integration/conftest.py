# SPDX-License-Identifier: BSD-2-Clause
"""Fixtures: the private world, its log, and servers made on demand."""
import itertools
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))

from rig.check import Checker  # noqa: E402
from rig.client import Smtp  # noqa: E402
from rig.daemon import Daemon  # noqa: E402
from rig.doors import Doors  # noqa: E402
from rig.postfix import DovecotAuth, Postfix  # noqa: E402
from rig.logs import Syslog  # noqa: E402
from rig.outbound import Receivers, Sender  # noqa: E402
from rig.sendmail import SaslAuthd, Sendmail  # noqa: E402
from rig.trixie import Sendmail818  # noqa: E402
from rig.world import World  # noqa: E402
from rig.zoo import Residents, Zoo  # noqa: E402

RIG_DIR = os.environ.get("RIG_DIR")
FOLDERS = itertools.count(1)


def pytest_sessionstart(session):
    if not RIG_DIR:
        pytest.exit("start the tests with tests/integration/run", 2)


@pytest.fixture(scope="session")
def syslog():
    """Everything logged by any program (syslog.py)."""
    log = Syslog()
    log.start()
    return log


@pytest.fixture(scope="session")
def _world(syslog):
    world = World(os.path.join(RIG_DIR, "world"))
    world.start()
    yield world
    world.stop()


@pytest.fixture
def world(_world):
    """DNS and HTTPS (world.py); behaves well again after each test."""
    yield _world
    _world.reset()


@pytest.fixture
def folder(request):
    """A folder of the test that every user may enter."""
    name = "".join(c if c.isalnum() else "-" for c in request.node.name)
    # Short: a unix socket's path has room for 107 bytes.
    path = os.path.join(RIG_DIR, "t%d-%s" % (next(FOLDERS), name[5:25]))
    os.makedirs(path)
    return path


@pytest.fixture
def daemon(world, syslog, folder, request):
    """daemon(config, *arguments, start=True): a running tlsmilterd."""
    made = []

    def make(config="", *arguments, start=True, name="tlsmilter"):
        one = Daemon(os.path.join(folder, name), world, syslog, config)
        made.append(one)
        request.node.rig_daemons = made
        if start:
            one.start(*arguments)
        return one

    yield make
    for one in made:
        one.stop()
    for one in made:
        one.assert_clean()


@pytest.fixture
def check(daemon):
    """check(TARGET, OPTION…): run `tlsmilter check` (check.py)."""
    return Checker(daemon("", start=False))


@pytest.fixture
def postfix(_world, syslog, folder):
    """postfix(milters=…, main={…}, master=…): a running Postfix."""
    made = []

    def make(milters="", main=None, master="", start=True):
        name = "postfix%s" % (len(made) or "")
        one = Postfix(os.path.join(folder, name), _world.authority, milters,
                      main, master)
        made.append(one)
        if start:
            one.start()
        return one

    yield make
    for one in made:
        one.stop()


@pytest.fixture(scope="module")
def receivers(_world, syslog):
    """Servers that take mail, right and wrong ones (outbound.py). They and
    the fixture postfix cannot run at once."""
    one = Receivers(os.path.join(RIG_DIR, "receivers"), _world)
    one.start()
    yield one
    one.stop()


@pytest.fixture(scope="module")
def residents(_world, syslog):
    """The real servers of the zoo (zoo.py). They cannot run beside postfix,
    sendmail and receivers."""
    one = Residents(os.path.join(RIG_DIR, "z%d" % next(FOLDERS)), _world)
    yield one
    one.stop()


@pytest.fixture
def zoo(_world, residents):
    """Servers to be looked at, right and wrong ones (zoo.py)."""
    one = Zoo(_world, residents)
    yield one
    one.stop()


@pytest.fixture
def sender(_world, syslog, folder):
    """sender(main={…}, chroot=…): a running Postfix that sends. kind: of
    another class, such as Sender310 (trixie.py)."""
    made = []

    def make(start=True, kind=Sender, **options):
        one = kind(os.path.join(folder, "sender%s" % (len(made) or "")),
                   _world.authority, syslog, **options)
        made.append(one)
        if start:
            one.start()
        return one

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def sendmail818(_world, syslog):
    """sendmail818(mc): a Sendmail that sends (trixie.py)."""
    return lambda mc: Sendmail818(
        # Not in the test's folder: m4 would expand words of its name.
        os.path.join(RIG_DIR, "s%d" % next(FOLDERS)), _world.authority,
        syslog, mc)


@pytest.fixture
def sendmail(_world, syslog):
    """sendmail(mc): a running Sendmail with these lines added to its .mc
    file."""
    made = []

    def make(mc=""):
        # Not in the test's folder: m4 would expand words of its name.
        path = os.path.join(RIG_DIR, "s%d" % next(FOLDERS))
        one = Sendmail(path, _world.authority, mc)
        made.append(one)
        one.start()
        return one

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def sendmail_sasl(folder):
    """.mc lines with which clients may authenticate, whatever they say."""
    auth = SaslAuthd(os.path.join(folder, "sasl"))
    yield auth.mc
    auth.stop()


@pytest.fixture
def sasl():
    """main.cf options that let clients authenticate, whatever they say."""
    auth = DovecotAuth()
    yield auth.options
    auth.stop()


@pytest.fixture
def doors(daemon, postfix, sendmail):
    """Every kind of mail server wired to a daemon, one at a time (rig/
    doors.py)."""
    return Doors(daemon, postfix, sendmail)


MILTER = "inet:127.0.0.1:8899"


@pytest.fixture
def mx(daemon, postfix):
    """mx(config, main={…}): a daemon and a Postfix wired to it by the
    default milter socket. Returns (daemon, postfix)."""

    def make(config="", main=None, milter=MILTER, **options):
        one = daemon(config)
        return one, postfix(milters=milter, main=main, **options)

    return make


@pytest.fixture
def smtp():
    """smtp(source=…, port=…): a scripted client, closed after the test."""
    made = []

    def make(**options):
        made.append(Smtp(**options))
        return made[-1]

    yield make
    for one in made:
        one.close()


# In CI every other reason to skip a test is a failure.
EXPECTED_SKIPS = ("sanitizers exclude the sandbox",)


def refuse_skip(report):
    reason = str(report.longrepr[-1]) if report.longrepr else ""
    if not reason.endswith(EXPECTED_SKIPS):
        report.outcome = "failed"
        report.longrepr = "unexpected skip: " + reason


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Show the log and the daemon's complaints of a failed test."""
    if call.when == "setup":
        log = getattr(item, "funcargs", {}).get("syslog")
        item.rig_mark = log.mark() if log else 0
    outcome = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("CI"):
        refuse_skip(report)
    if not report.failed:
        return
    log = item.funcargs.get("syslog")
    if log:
        report.sections.append(("log", log.text(
            getattr(item, "rig_mark", 0))[-20000:]))
    for one in getattr(item, "rig_daemons", []):
        if os.path.exists(one.errors):
            report.sections.append(("stderr of tlsmilterd",
                                    one.complaints()[-20000:]))
