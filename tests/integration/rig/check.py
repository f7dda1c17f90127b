# SPDX-License-Identifier: BSD-2-Clause
"""Running `tlsmilter check`, and reading what it reports.

    result = check(d.name, "--deep")
    assert result.status == 2
    assert result.report.faults() == {"starttls.missing": "fail"}
"""
import json
import re

from rig.schemas import validated

# Of one step: long for what answers, short for what never does.
TIMEOUT = 2


class Report:
    """What was found at one target."""

    def __init__(self, data):
        self.data = data
        self.target = data["target"]
        self.exit = data["exit"]
        self.findings = data["findings"]

    def faults(self, *without, host=None):
        """What is not ok, {id: status}; the worst if there are several of
        an id. `without` names ids, or {id: status} of what is expected
        everywhere."""
        order = ("info", "warn", "unknown", "fail")
        found = {}
        for one in self.findings:
            if one["status"] == "ok" or one["id"] in without or (
                    host and one["host"] != host):
                continue
            found[one["id"]] = max(found.get(one["id"], "info"),
                                   one["status"], key=order.index)
        return found

    def good(self):
        """The ids of what is ok."""
        return {one["id"] for one in self.findings
                if one["status"] == "ok"}

    def one(self, name):
        """The only finding of an id."""
        found = [f for f in self.findings if f["id"] == name]
        assert len(found) == 1, (name, found)
        return found[0]

    @property
    def addresses(self):
        return [a for host in self.data["hosts"] for a in host["addresses"]]

    @property
    def address(self):
        """The only address there was to look at."""
        assert len(self.addresses) == 1, self.addresses
        return self.addresses[0]

    def stages(self, address=None):
        return {s["name"]: s["state"]
                for s in (address or self.address)["stages"]}


class Result:
    """What one run gave."""

    def __init__(self, result, format):
        self.status, self.out, self.err = (result.status, result.out,
                                           result.err)
        self.reports = []
        if format == "json" and self.out:
            document = validated(json.loads(self.out))
            assert document["exit"] in range(4)
            self.reports = [Report(one) for one in document["reports"]]

    @property
    def report(self):
        assert len(self.reports) == 1, (self.status, self.out, self.err)
        return self.reports[0]

    def __getitem__(self, target):
        return next(r for r in self.reports if r.target == target)


class Checker:
    """check(TARGET, OPTION…): one run with the configuration, and so the
    memory, of a daemon, which need not run."""

    def __init__(self, daemon):
        self.daemon = daemon

    def __call__(self, *arguments, format="json", timeout=TIMEOUT,
                 **options):
        return Result(self.raw("--format", format, "--timeout",
                               str(timeout), *arguments, **options), format)

    def raw(self, *arguments, **options):
        result = self.daemon.tool("check", *arguments, **options)
        assert not re.search("Sanitizer|runtime error:", result.err), \
            result.err
        return result


def worst(faults):
    """The exit status that goes with them."""
    values = set(faults.values())
    return next((status for name, status in (
        ("fail", 2), ("unknown", 3), ("warn", 1)) if name in values), 0)
