#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Compare the option table with tlsmilter.conf(5), both ways: every option
has an entry with its type and default, and every entry has an option."""

import re
import subprocess

import gate

MAN = "man/tlsmilter.conf.5"
SECTION = re.compile(r"\.Sh (?:SECTION (\w+)|(OPTIONS OUTSIDE OF SECTIONS)"
                     r"|(NOT BUILT YET)|.*)$")
ENTRY = re.compile(r"\.It Cm (\w+) = Ar (\w+)$")
LATER = re.compile(r"\.It Cm (\w+)(?: Cm (\w+))?$")


def table():
    """(section, name) -> (type, default), and the names not built yet."""
    text = subprocess.run(["tests/gates/print-options"], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    built, later = {}, set()
    for line in text.splitlines():
        section, name, state, kind, default = line.split("\t")
        if state == "later":
            later.add((section, name))
        else:
            built[section, name] = (kind, default)
    return built, later


def manual():
    """The same from the manual page; an entry's value is its type and
    text."""
    built, later = {}, set()
    section, entry = None, None
    for _, line in gate.lines(MAN):
        head = SECTION.match(line)
        if head:
            section = head[1] or ("" if head[2] else None)
            section = "later" if head[3] else section
            entry = None
        if section == "later" and LATER.match(line):
            first, second = LATER.match(line).groups()
            later.add((first, second) if second else ("", first))
        elif section is not None and ENTRY.match(line):
            name, kind = ENTRY.match(line).groups()
            entry = section, name
            built[entry] = (kind, "")
        elif entry:
            kind, text = built[entry]
            built[entry] = (kind, text + line + "\n")
    return built, later


def name_of(option):
    return ".".join(part for part in option if part)


def differences():
    options, options_later = table()
    entries, entries_later = manual()
    for option in sorted(set(options) - set(entries)):
        yield "%s: not in the manual page" % name_of(option)
    for option in sorted(set(entries) - set(options)):
        yield "%s: in the manual page only" % name_of(option)
    for option in sorted(options_later ^ entries_later):
        yield "%s: not built yet in one place only" % name_of(option)
    for option in sorted(set(options) & set(entries)):
        kind, default = options[option]
        man_kind, text = entries[option]
        if kind != man_kind:
            yield "%s: is a %s, but %s in the manual page" % (
                name_of(option), kind, man_kind)
        stated = text.rpartition("Default:")[2]
        for item in default.split():
            if not re.search(r"^\.Ql %s( |$)" % re.escape(item), stated,
                             re.M):
                yield "%s: default %s not in the manual page" % (
                    name_of(option), item)


def main():
    found = ["%s:1: %s" % (MAN, text) for text in differences()]
    gate.finish(found, "options: %d built, %d not yet" % tuple(
        len(part) for part in table()))


main()
