#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Compare `tlsmilter lint` with an index of policies.

usage: judge-index.py [FOLDER [PROGRAM]]

FOLDER (default: tests/data/policies) holds index.tsv with the columns file,
abnf_valid and, for policies that are valid, mode, max_age and n_mx. PROGRAM
(default: ./tlsmilter) is run as PROGRAM lint --json FILE.
"""
import csv
import json
import os
import subprocess
import sys


def lint(program, path):
    """What lint says of one file; its exit status must agree."""
    run = subprocess.run([program, "lint", "--json", path],
                         capture_output=True, text=True, timeout=60)
    if not run.stdout:
        sys.exit("%s: %s" % (path, run.stderr.strip() or "no output"))
    verdict = json.loads(run.stdout)
    worst = {f["severity"] for f in verdict["findings"]}
    expected = 2 if "error" in worst else 1 if "warning" in worst else 0
    if run.returncode != expected:
        sys.exit("%s: exit status %d, findings say %d" % (
            path, run.returncode, expected))
    return verdict


def differences(row, verdict):
    if verdict["valid"] != (row["abnf_valid"] == "yes"):
        yield "valid is %s: %s" % (verdict["valid"], " ".join(
            "%(line)s:%(column)s %(text)s;" % f
            for f in verdict["findings"]))
    if not verdict["valid"]:
        return
    found = {"mode": verdict["mode"], "max_age": str(verdict["max_age"]),
             "n_mx": str(len(verdict["mx"]))}
    for column, value in found.items():
        if row[column] and row[column] != value:
            yield "%s is %s, the index says %s" % (
                column, value, row[column])


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(
        os.environ.get("srcdir", "."), "tests/data/policies")
    program = sys.argv[2] if len(sys.argv) > 2 else "./tlsmilter"
    with open(os.path.join(folder, "index.tsv"), encoding="utf-8",
              newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    wrong = 0
    for row in rows:
        verdict = lint(program, os.path.join(folder, row["file"]))
        for difference in differences(row, verdict):
            print("%s: %s" % (row["file"], difference))
            wrong += 1
    print("%d policies, %d differences" % (len(rows), wrong))
    sys.exit(1 if wrong or not rows else 0)


main()
