#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The gates catch what they are for: each finds the offence planted in a
tree made for it, and is silent about the same tree without it."""
import os
import subprocess
import sys
import tempfile

import gate

SPDX = "/* SPDX-License-Identifier: BSD-2-Clause */\n"
GOOD = {
    "util/a.h": SPDX + "int a(int n);\n",
    "util/a.c": SPDX + '#include "util/a.h"\n\nint a(int n)\n{\n'
                       "\treturn n + 1;\n}\n",
    "man/a.1": '.\\" SPDX-License-Identifier: BSD-2-Clause\n'
               ".Dd November 1, 2026\n.Dt A 1\n.Os\n.Sh NAME\n.Nm a\n"
               ".Nd do it\n.Sh DESCRIPTION\nIt does it.\n",
}


def source(body):
    return SPDX + body + "\n"


# Gate, file, its text, what the gate must say.
PLANTED = [
    ("layers", "util/b.c", source('#include "policy/x.h"'), "may not include"),
    ("layers", "util/b.c", source('#include "a.h"'), "write"),
    ("layers", "tool/b.c", source("#include <curl/curl.h>"), "only"),
    ("sizes", "util/b.c", source("int b;\n" * 1001), "lines"),
    ("sizes", "util/b.c", source("int b(void)\n{\n" + "\tb();\n" * 101
                                 + "\treturn 0;\n}"), "b() has"),
    ("sizes", "util/b.c", source("int b(void)\n{\n" + "\t" * 5
                                 + "return 0;\n}"), "nested"),
    ("sizes", "util/b.c", source("#if X\n#endif"), "conditionals"),
    ("sizes", "util/b.c", source("int " + "b" * 100 + ";"), "columns"),
    ("text", "util/b.c", "int b;\n", "no SPDX"),
    ("text", "util/b.c", source("int b; "), "white space"),
    ("text", "util/b.c", source("int b;") + "\n", "empty line"),
    ("text", "util/b.c", SPDX + "int b;", "no newline"),
    ("text", "util/b.c", source("int b = atoi (c);"), "atoi() is banned"),
    ("text", "util/b.c", source("/* TO" "DO */"), "unfinished"),
    ("text", "tests/unit/b.c", source("sleep(1);"), "waits for"),
    ("manpages", "man/b.1", GOOD["man/a.1"] + ".Oops\n", "Oops"),
]


def run(name, files):
    """Run a gate over a tree of these files; return status and output."""
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            path = os.path.join(root, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as file:
                file.write(text)
        done = subprocess.run(
            [sys.executable, os.path.join(os.path.dirname(
                os.path.abspath(__file__)), name + ".py")],
            env=dict(os.environ, GATE_ROOT=root), capture_output=True,
            text=True)
    return done.returncode, done.stdout + done.stderr


def main():
    wrong = []
    for name in sorted({name for name, *_ in PLANTED}):
        status, out = run(name, GOOD)
        if status == 77:
            gate.tool_missing(out.strip())
        if status:
            wrong.append("%s refuses a good tree: %s" % (name, out))
    for name, path, text, said in PLANTED:
        status, out = run(name, dict(GOOD, **{path: text}))
        if status != 1 or said not in out:
            wrong.append("%s misses %r: status %d, %s" % (
                name, said, status, out))
    gate.finish(wrong, "selftest: %d offences planted" % len(PLANTED))


main()
