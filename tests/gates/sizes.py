#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Small files and small functions: a file has at most 1000 lines, a
function at most 100 and three levels of nesting, and the tree at most 3
conditionals per 1000 lines."""
import os
import re
import shutil
import statistics
import subprocess

import gate

FILE_MAX = 1000
FUNCTION_MAX = 100
TEST_MAX = 150              # a test's table counts as its function
CONDITIONALS_MAX = 3        # per 1000 lines
WIDTH_MAX = 96              # columns; the aim is 80

# A statement inside of more than three blocks of a function. Lines that go
# on from the one before are indented by blanks.
NESTED = re.compile(r"\t{5,}(if|for|while|switch|do|return|break|continue|"
                    r"goto|\w+ *(=|\())")
CONDITIONAL = re.compile(r"^\s*#\s*(if|ifdef|ifndef)\b")
TAG = re.compile(r"^(\S+)\t([^\t]+)\t.*\tline:(\d+)\t.*\bend:(\d+)")


def functions(files):
    """(file, line, name, length) of every function, by universal-ctags."""
    ctags = next((c for c in ("ctags-universal", "ctags") if shutil.which(c)
                  and "Universal" in subprocess.run(
                      [c, "--version"], capture_output=True,
                      text=True).stdout), None)
    if not ctags:
        gate.tool_missing("universal-ctags")
    out = subprocess.run(
        [ctags, "-f", "-", "-n", "--sort=no", "--languages=C",
         "--langmap=C:.c.h", "--kinds-C=f", "--fields=+ne", "-L", "-"],
        input="\n".join(files), cwd=gate.ROOT, check=True,
        capture_output=True, text=True).stdout
    for line in out.splitlines():
        tag = TAG.match(line)
        if tag:
            first, last = int(tag[3]), int(tag[4])
            yield tag[2], first, tag[1], last - first + 1


def is_guard(path, line):
    """The include guard of a header is no conditional code."""
    return path.endswith(".h") and re.match(r"#ifndef \w+_H$", line)


def main():
    files = gate.sources(gate.CODE + ("tests",))
    offences, total, conditionals, wide = [], 0, 0, 0
    for path in files:
        text = gate.lines(path)
        total += len(text)
        if len(text) - 1 > FILE_MAX:
            offences.append("%s:1: %d lines" % (path, len(text) - 1))
        for number, line in text:
            if CONDITIONAL.match(line) and not is_guard(path, line):
                conditionals += 1
            if path.endswith(".c") and NESTED.match(line):
                offences.append("%s:%d: nested too deep" % (path, number))
            width = len(line.expandtabs(8))
            wide += width > 80
            if width > WIDTH_MAX:
                offences.append("%s:%d: %d columns" % (path, number, width))
    lengths = []
    for path, number, name, length in functions(files):
        limit = TEST_MAX
        if not path.startswith("tests" + os.sep):
            lengths.append(length)
            limit = FUNCTION_MAX
        if length > limit:
            offences.append("%s:%d: %s() has %d lines" % (
                path, number, name, length))
    if conditionals * 1000 > CONDITIONALS_MAX * total:
        offences.append("%d conditionals in %d lines" % (conditionals, total))
    lengths.sort()
    gate.finish(offences, "sizes: %d files, %d lines, %d conditionals, "
                "%d lines over 80 columns; %d functions, median %d, p95 %d, "
                "longest %d" % (
                    len(files), total, conditionals, wide, len(lengths),
                    statistics.median(lengths),
                    lengths[len(lengths) * 95 // 100], lengths[-1]))


main()
