#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The installed library is what its header says: it exports the functions
declared there and no other symbol, needs no library that only our programs
use, has each function in its manual, and the manual's example builds and
runs."""
import os
import re
import shutil
import subprocess
import tempfile

import gate

LIBRARY = ".libs/libmtasts.so"
HEADER = "mtasts/mtasts.h"
MANUAL = "man/libmtasts.3"
# What only our own programs may depend on.
NOT_NEEDED = ("libmilter", "liblmdb", "libseccomp", "libjansson",
              "libconfuse")


def text_of(path):
    with open(os.path.join(gate.ROOT, path), encoding="utf-8") as file:
        return file.read()


def run(*command):
    return subprocess.run(command, check=True, capture_output=True,
                          text=True).stdout


def declared():
    """The functions of the header."""
    code = re.sub(r"/\*.*?\*/", "", text_of(HEADER), flags=re.DOTALL)
    code = re.sub(r"^typedef[^;]*;", "", code, flags=re.MULTILINE)
    return set(re.findall(r"\b(mtasts_\w+)\(", code))


def check_symbols():
    names = {line.split()[-1].split("@")[0] for line in
             run("nm", "-D", "--defined-only", LIBRARY).splitlines()}
    names -= {"LIBMTASTS_0"}
    for name in sorted(names - declared()):
        yield "%s:1: exports %s, which is not in the header" % (
            LIBRARY, name)
    for name in sorted(declared() - names):
        yield "%s:1: %s() is not in the library" % (HEADER, name)
    needed = re.findall(r"NEEDED.*\[(.*)\]", run("readelf", "-d", LIBRARY))
    for name in needed:
        if name.startswith(NOT_NEEDED):
            yield "%s:1: needs %s" % (LIBRARY, name)


def check_manual():
    manual = text_of(MANUAL)
    named = set(re.findall(r"^\.Nm (mtasts_\w+)", manual, re.MULTILINE))
    synopsis = manual.split(".Sh SYNOPSIS")[1].split(".Sh ")[0]
    shown = set(re.findall(r"^\.F[no] (mtasts_\w+)", synopsis,
                           re.MULTILINE))
    for name in sorted(declared() ^ named):
        yield "%s:1: NAME and the header differ in %s" % (MANUAL, name)
    for name in sorted(declared() - shown):
        yield "%s:1: SYNOPSIS lacks %s" % (MANUAL, name)


def build_example(folder):
    example = re.search(r"^\.Bd -literal\n(.*?)^\.Ed", text_of(MANUAL),
                        re.MULTILINE | re.DOTALL)[1].replace("\\e", "\\")
    source = os.path.join(folder, "example.c")
    with open(source, "w", encoding="utf-8") as file:
        file.write(example)
    program = os.path.join(folder, "example")
    compiler = os.environ.get("CC", "cc").split()
    flags = os.environ.get("SAN_CFLAGS", "").split()
    return program, subprocess.run(
        compiler + flags + ["-Wall", "-Wextra", "-Werror", "-I",
                            os.path.join(gate.ROOT, "mtasts"), source, "-o",
                            program, LIBRARY],
        capture_output=True, text=True)


def check_example():
    with tempfile.TemporaryDirectory() as folder:
        program, built = build_example(folder)
        if built.returncode:
            yield "%s:1: the example does not build: %s" % (
                MANUAL, built.stderr.strip())
            return
        env = dict(os.environ, LD_LIBRARY_PATH=os.path.abspath(".libs"))
        # Not a domain name: an answer without the network.
        done = subprocess.run([program, "localhost", "mx.example.com"],
                              env=env, capture_output=True, text=True,
                              timeout=60)
        if done.returncode != 1 or "not a domain name" not in done.stdout:
            yield "%s:1: the example prints: %s" % (
                MANUAL, (done.stdout + done.stderr).strip())


def main():
    for tool in ("nm", "readelf"):
        if not shutil.which(tool):
            gate.tool_missing(tool)
    offences = [*check_symbols(), *check_manual(), *check_example()]
    gate.finish(offences, "library: %d functions" % len(declared()))


main()
