# SPDX-License-Identifier: BSD-2-Clause
"""What the gates share: the files of the project, and how to end.

A gate prints each offence as FILE:LINE: sentence and exits 1, or prints
what it measured and exits 0. A gate whose tool is missing is skipped with
the name of the package, and fails where CI is set.
"""
import os
import sys

# GATE_ROOT: another tree, for the test of the gates.
ROOT = os.environ.get("GATE_ROOT") or os.path.dirname(os.path.dirname(
    os.path.dirname(os.path.abspath(__file__))))
CODE = ("util", "mtasts", "policy", "check", "audit", "conf", "milter",
        "tool")
FOLDERS = CODE + ("m4", "man", "tests", "contrib")
SKIPPED = {".deps", ".libs", "__pycache__", ".pytest_cache"}


def walk(folders=FOLDERS):
    """Paths relative to the root, sorted; no generated folders."""
    found = []
    for folder in folders:
        for path, names, files in os.walk(os.path.join(ROOT, folder)):
            names[:] = [n for n in names if n not in SKIPPED]
            found += [os.path.relpath(os.path.join(path, f), ROOT)
                      for f in files]
    return sorted(found)


def sources(folders=CODE):
    return [f for f in walk(folders) if f.endswith((".c", ".h"))]


def lines(path):
    """(number, line) pairs of a text file."""
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return list(enumerate(file.read().split("\n"), 1))


def finish(offences, report):
    for offence in offences:
        print(offence)
    print(report)
    sys.exit(1 if offences else 0)


def tool_missing(package):
    print("this gate needs the Debian package %s" % package)
    sys.exit(1 if os.environ.get("CI") else 77)
