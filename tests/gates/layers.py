#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Lower layers never include higher ones, and each third-party library is
included by one file, behind our own small header."""
import re

import gate

# Folder: what it may include besides itself (design of the layers).
MAY_INCLUDE = {
    "util": "",
    "mtasts": "util",
    "policy": "util mtasts",
    "check": "util mtasts",
    "audit": "util mtasts policy",
    "conf": "util mtasts policy check audit",
    "milter": "util mtasts policy check audit conf",
    "tool": "util mtasts policy check audit conf",
}

# Header prefix: the one file that may include it.
WRAPPED_BY = {
    "ares": "mtasts/dns-stub.c",
    "confuse.h": "conf/parse.c",
    "curl/": "mtasts/fetch.c",
    "event2/": "util/loop.c",
    "idn2.h": "mtasts/domain.c",
    "libmilter/": "milter/door.c",
    "lmdb.h": "util/store.c",
    "seccomp.h": "util/sandbox.c",
    "unbound": "mtasts/dns-unbound.c",
}

OURS = re.compile(r'^\s*#\s*include\s+"([^"]+)"')
THEIRS = re.compile(r"^\s*#\s*include\s+<([^>]+)>")


def offences_of(path):
    folder = path.split("/")[0]
    allowed = {folder, *MAY_INCLUDE[folder].split()}
    for number, line in gate.lines(path):
        ours, theirs = OURS.match(line), THEIRS.match(line)
        if ours and ours[1] != "config.h":
            if "/" not in ours[1]:
                yield number, 'write "%s/%s"' % (folder, ours[1])
            elif ours[1].split("/")[0] not in allowed:
                yield number, "%s/ may not include %s" % (folder, ours[1])
        if theirs:
            for prefix, owner in WRAPPED_BY.items():
                if theirs[1].startswith(prefix) and path != owner:
                    yield number, "only %s may include <%s>" % (
                        owner, theirs[1])


def main():
    files = gate.sources()
    offences = ["%s:%d: %s" % (path, number, text)
                for path in files for number, text in offences_of(path)]
    gate.finish(offences, "layers: %d files" % len(files))


main()
