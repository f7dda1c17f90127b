#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every file under version control is in the distribution.

Runs in the build folder and reads tests/gates/distfiles there: what Makefile
would distribute, one entry a line; a folder stands for all that is in it.
"""
import os
import subprocess
import sys

import gate

# Files of the repository alone.
NOT_SHIPPED = {".gitignore", ".git-blame-ignore-revs"}


def main():
    if not os.path.exists(os.path.join(gate.ROOT, ".git")):
        print("not a checkout: nothing to compare with")
        sys.exit(77)
    with open("tests/gates/distfiles") as file:
        entries = [os.path.normpath(line.rstrip("\n")) for line in file]
    shipped = set(entries)
    tracked = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files"], cwd=gate.ROOT,
        check=True, capture_output=True, text=True).stdout.split("\n")
    missing = []
    for path in filter(None, tracked):
        parts = path.split("/")
        parents = {"/".join(parts[:n]) for n in range(1, len(parts) + 1)}
        if not parents & shipped and path not in NOT_SHIPPED:
            missing.append("%s:1: not in the distribution" % path)
    gate.finish(missing, "dist: %d files" % len(tracked))


main()
