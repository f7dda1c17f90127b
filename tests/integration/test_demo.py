# SPDX-License-Identifier: BSD-2-Clause
"""The demo of contrib/quickstart shows what it promises, says so when it is
not so, and leaves nothing behind, however it ends."""
import os
import signal
import subprocess

import pytest

from rig.wait import until

HERE = os.path.dirname(os.path.abspath(__file__))
COMMAND = [os.path.join(HERE, "enclosure"), "/usr/bin/python3",
           os.path.join(HERE, "../../contrib/demo/demo")]


def listen_to_interrupts():
    """Our enclosure runs in the background, where SIGINT is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def demo(folder, **environment):
    """Start it in an enclosure of its own, inside of ours."""
    return subprocess.Popen(
        COMMAND, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, start_new_session=True,
        preexec_fn=listen_to_interrupts,
        env=dict(os.environ, TMPDIR=folder, **environment))


def traces(folder):
    """What shows that a demo is or was here: files, mounts, processes."""
    found = [os.path.join(folder, name) for name in os.listdir(folder)]
    with open("/proc/self/mounts") as file:
        found += [line for line in file if folder in line]
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/environ" % pid, "rb") as file:
                if b"TMPDIR=" + folder.encode() in file.read():
                    found.append("process " + pid)
        except OSError:
            pass
    return found


def test_demo_refuses_plaintext_and_delivers_tls(folder):
    run = demo(folder)
    out, _ = run.communicate(timeout=300)
    assert run.returncode == 0, out
    for shown in ("550 5.7.10", "action=reject", "action=accept",
                  "x-tls=pass", "All as it has to be."):
        assert shown in out
    assert "  NO " not in out
    until(lambda: traces(folder) == [], "nothing is left")


def test_demo_fails_without_a_daemon(folder):
    run = demo(folder, TLSMILTER_BUILD=folder)
    out, _ = run.communicate(timeout=300)
    assert run.returncode == 1, out
    assert "All as it has to be." not in out
    until(lambda: traces(folder) == [], "nothing is left")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_demo_leaves_nothing_behind(folder, number):
    run = demo(folder)
    for line in run.stdout:
        if "SMTP dialogue" in line:
            break
    assert traces(folder)
    os.killpg(run.pid, number)
    assert run.wait(60) == 130
    until(lambda: traces(folder) == [], "nothing is left")
