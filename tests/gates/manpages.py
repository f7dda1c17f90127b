#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every manual page is clean for mandoc."""
import re
import shutil
import subprocess

import gate


def main():
    pages = [f for f in gate.walk(("man",))
             if re.search(r"\.[1-8](\.in)?$", f)]
    if not shutil.which("mandoc"):
        gate.tool_missing("mandoc")
    offences = [] if pages else ["man:1: no page at all"]
    for page in pages:
        done = subprocess.run(
            ["mandoc", "-T", "lint", "-W", "style", page], cwd=gate.ROOT,
            capture_output=True, text=True)
        # Which pages this machine has installed says nothing about ours.
        offences += [line.replace("mandoc: ", "", 1)
                     for line in done.stdout.splitlines()
                     if "referenced manual not found" not in line]
    gate.finish(offences, "manpages: %d pages" % len(pages))


main()
