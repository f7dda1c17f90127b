#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every file says its licence and is clean text; no banned function, no
note of unfinished work, no fixed sleep in a test."""
import os
import re

import gate

TOP = ("Makefile.am", "configure.ac", "autogen.sh", "README.md",
       "HACKING.md", "CONTRIBUTING.md", "SECURITY.md", "NEWS.md",
       ".clang-format", ".editorconfig", ".ci/run")
# Data is what it is: corpora and samples may be broken on purpose.
DATA = ("tests/data/", "tests/fuzz/corpus", "tests/unit/data/")
# Names the licence would disturb: prose, JSON, and desktop-like formats
# that carry it elsewhere.
UNSIGNED = (".md", ".json", ".map", ".txt")

# poisoned by util/banned.h as well; here also what a macro could hide
BANNED = re.compile(
    r"\b(strcpy|strcat|strncpy|strncat|sprintf|vsprintf|strtok|gets|atoi|"
    r"atol|atoll|atof|localtime|gmtime|ctime|asctime|tmpnam|tempnam|mktemp|"
    r"system|popen|alloca|rand|srand|random|setjmp|longjmp)\s*\(")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
SLEEP = re.compile(r"\b(u?sleep|nanosleep|time\.sleep)\s*\(")
# The one place that waits for a condition, and servers that are slow on
# purpose.
MAY_SLEEP = ("tests/integration/rig/", "tests/unit/unit.h", "tests/bench/")


def is_text(path):
    if path.startswith(DATA) or path.endswith((".o", ".lo", ".la", ".log",
                                               ".trs", ".pyc")):
        return False
    if re.match(r"m4/l.*\.m4$|tests/(unit/test|fuzz/fuzz)-[^.]*$", path):
        return False            # made by libtool and by a build in the tree
    with open(os.path.join(gate.ROOT, path), "rb") as file:
        return b"\0" not in file.read(4096)


def code_only(line):
    """The line without string literals and comments on it."""
    line = re.sub(r'"(?:[^"\\]|\\.)*"', '""', line)
    return re.sub(r"/\*.*?(\*/|$)|//.*$|^\s*\*.*$", "", line)


def offences_of(path):
    text = gate.lines(path)
    head = "\n".join(line for _, line in text[:6])
    if not path.endswith(UNSIGNED) and \
            "SPDX-License-Identifier: BSD-2-Clause" not in head:
        yield 1, "no SPDX-License-Identifier: BSD-2-Clause"
    if text[-1][1] != "":
        yield len(text), "no newline at the end"
    elif len(text) > 2 and text[-2][1] == "":
        yield len(text) - 1, "empty line at the end"
    for number, line in text:
        if line != line.rstrip():
            yield number, "white space at the end of the line"
        if UNFINISHED.search(line) and not path.startswith("tests/gates/"):
            yield number, "unfinished work"
        if path.endswith((".c", ".h")) and path != "util/banned.h":
            banned = BANNED.search(code_only(line))
            if banned:
                yield number, "%s() is banned" % banned[1]
        if path.startswith("tests/") and not path.startswith(MAY_SLEEP) \
                and path.endswith((".c", ".h", ".py")) \
                and not path.startswith("tests/gates/") \
                and SLEEP.search(code_only(line)):
            yield number, "a test waits for a condition, not for a time"


def main():
    files = [f for f in gate.walk() if is_text(f)]
    files += [f for f in TOP if os.path.exists(os.path.join(gate.ROOT, f))]
    offences = []
    for path in files:
        try:
            offences += ["%s:%d: %s" % (path, number, what)
                         for number, what in offences_of(path)]
        except UnicodeDecodeError:
            offences.append("%s:1: not UTF-8" % path)
    gate.finish(offences, "text: %d files" % len(files))


main()
