#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The help of tlsmilter, its manual page and its completion agree.

Every command and option that the help names is in the other two, and the
manual page explains no option that no command has. No line of the help is
longer than a terminal is wide, but for the usage, which may have to be.
"""
import os
import re
import subprocess

import gate

MAN = "man/tlsmilter.1"
COMPLETION = "contrib/completion/tlsmilter"
TOOL = os.path.join(os.environ.get("TLSMILTER_BUILD", "."), "tlsmilter")


def text(path):
    with open(os.path.join(gate.ROOT, path), encoding="utf-8") as file:
        return file.read()


def help_of(command):
    return subprocess.run([TOOL, *command, "--help"], check=True,
                          capture_output=True, text=True).stdout


def section(shown, name):
    found = re.search(r"^%s:\n((?:.+\n)+)" % name, shown, re.M)
    return found[1] if found else ""


def walk(command=()):
    """Every command as a list of words, with its help."""
    shown = help_of(command)
    yield command, shown
    for word in re.findall(r"^  ([a-z-]+) ", section(shown, "Commands"),
                           re.M):
        yield from walk((*command, word))


def options(shown):
    return re.findall(r" --([a-z0-9-]+) ", section(shown, "Options"))


def main():
    man, completion = text(MAN), text(COMPLETION)
    explained = set(re.findall(r"^\.It .*Fl -([a-z0-9-]+)", man, re.M)) | \
        set(re.findall(r"^\.Fl -([a-z0-9-]+)", man, re.M))
    offences, known, commands = [], set(), 0
    for command, shown in walk():
        commands += 1
        name = " ".join(command)
        is_group = bool(section(shown, "Commands"))
        if command and command != ("help",) and not is_group and \
                not re.search(r"^\.Ss %s\b" % name, man, re.M):
            offences.append("%s: no section about `%s'" % (MAN, name))
        offences += ["%s: `%s' is not completed" % (COMPLETION, word)
                     for word in command
                     if not re.search(r"\b%s\b" % word, completion)]
        known.update(options(shown))
        offences += ["tlsmilter %s --help: longer than 80: %s" % (name, line)
                     for line in shown.splitlines() if len(line) > 80 and
                     not line.startswith("usage:")]
        offences += ["%s: --%s of `%s' is not completed" % (
            COMPLETION, option, name) for option in options(shown)
            if not re.search(r"--%s\b(?!-)" % option, completion)]
    offences += ["%s: --%s is not explained" % (MAN, option)
                 for option in sorted(known - explained)]
    offences += ["%s: explains --%s, which no command has" % (MAN, option)
                 for option in sorted(explained - known)]
    gate.finish(offences, "tool help: %d commands, %d options" % (
        commands, len(known)))


main()
