# SPDX-License-Identifier: BSD-2-Clause
"""Discovery as libmtasts does it: TXT, addresses, fetch (RFC 8461 §3).

mtasts-probe drives the public interface; ids such as STS-F-03 name the
requirement a case is about.
"""
import json
import os
import subprocess

import pytest

from rig.world import PRIVATE, WEB4, WEB6

PROBE = os.path.join(os.environ.get("TLSMILTER_BUILD", "."),
                     "tests/integration/mtasts-probe")


@pytest.fixture
def probe(world):
    """probe(domain…, name=value…): the results, one dict each."""

    def run(*domains, env=None, **options):
        options.setdefault("ca", world.ca_file)
        if options.get("dnssec") == "validate":
            options.setdefault("anchor", world.trust_anchor)
        args = ["%s=%s" % pair for pair in options.items()]
        names = [getattr(d, "name", d) for d in domains]
        done = subprocess.run([PROBE, *args, *names], text=True, timeout=100,
                              capture_output=True,
                              env={**os.environ, **(env or {})})
        assert done.stderr == ""
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run


def one(results):
    assert len(results) == 1
    return results[0]


def test_a_policy_is_found(world, probe):
    d = world.domain(mode="enforce")
    r = one(probe(d))
    assert r["outcome"] == "found"
    assert (r["mode"], r["max_age"], r["id"]) == ("enforce", 604800, "1")
    request = d.host.requests[0]
    assert request.line == "GET /.well-known/mta-sts.txt HTTP/1.1"
    assert request.headers["host"] == "mta-sts." + d.name     # STS-F-01
    assert request.sni == "mta-sts." + d.name                 # STS-F-06
    assert request.headers["user-agent"].startswith("libmtasts/")
    assert "accept-encoding" not in request.headers           # STS-F-15
    assert "if-none-match" not in request.headers             # STS-F-09
    assert d.host.count == 1
