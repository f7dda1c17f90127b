# SPDX-License-Identifier: BSD-2-Clause
"""The servers of rig/outbound.py, and the Postfix that sends to them, with
no daemon: main.cf alone says how.
"""
import pytest

from rig.outbound import KINDS

SECURE = "static:{secure match=hostname servername=hostname}"
NOT_SECURE = {
    # kind: what Postfix then says
    "other-name": "Server certificate not verified",
    "untrusted": "Server certificate not verified",
    "self-signed": "Server certificate not verified",
    "expired": "Server certificate not verified",
    "no-starttls": "TLS is required, but was not offered by host",
}


def fates(world, sender, hosts):
    """Send a message to each host; its fate by the host's kind."""
    queued = {}
    for kind, host in hosts.items():
        domain = world.domain(mode=None, zone=host.zone, mx=[host.name])
        queued[kind] = sender.submit(domain.address("b"))
    return {kind: sender.fate(message) for kind, message in queued.items()}


def test_certificates_are_right_or_wrong(receivers, sender, world):
    result = fates(world, sender(main={"smtp_tls_policy_maps": SECURE}),
                   {kind: receivers.host(kind) for kind in KINDS})
    for kind, fate in result.items():
        if kind in NOT_SECURE:
            assert fate.status == "deferred", kind
            assert fate.reason.startswith(NOT_SECURE[kind]), kind
        else:
            assert (fate.status, fate.tls) == ("sent", "Verified"), kind


def test_dane_wants_the_key_and_nothing_else(receivers, sender, world):
    """DANE-M-02: no name, no date, no authority counts with usage 3."""
    world.dns.validate = True
    hosts = {kind: receivers.host(kind, tlsa=["3 1 1"]) for kind in KINDS}
    result = fates(world, sender(main={"smtp_tls_policy_maps":
                                       "static:dane-only"}), hosts)
    assert result.pop("no-starttls").dsn == "4.7.4"
    for kind, fate in result.items():
        assert (fate.status, fate.tls) == ("sent", "Verified"), kind


@pytest.mark.parametrize("record, verified", [
    ("3 0 1", True), ("3 1 2", True), ("3 1 0", True), ("2 0 1", True),
    ("2 1 1", True), ("3 1 1 " + "ab" * 32, False)])
def test_dane_records_fit_the_certificate(
        receivers, sender, world, record, verified):
    world.dns.validate = True
    host = receivers.host(tlsa=[record])
    fate = fates(world, sender(main={"smtp_tls_policy_maps":
                                     "static:dane-only"}), {1: host})[1]
    assert (fate.status == "sent") == (fate.tls == "Verified") == verified


@pytest.mark.parametrize("zone, reason", [
    ("insecure.example", "non DNSSEC destination"),
    ("bogus.example", "Host or domain name not found.")])
def test_dane_needs_signed_records(receivers, sender, world, zone, reason):
    world.dns.validate = True
    host = receivers.host(zone=zone, tlsa=["3 1 1"])
    fate = fates(world, sender(main={"smtp_tls_policy_maps":
                                     "static:dane-only"}), {1: host})[1]
    assert fate.status == "deferred" and fate.reason.startswith(reason)


@pytest.mark.parametrize("chroot", [False, True])
def test_a_deferred_message_can_be_tried_again(
        receivers, sender, world, chroot):
    out = sender(chroot=chroot, main={
        "smtp_tls_policy_maps": "", "smtp_tls_security_level": "encrypt"})
    host = receivers.host("no-starttls")
    domain = world.domain(mode=None, mx=[host.name])
    message = out.submit(domain.address("b"), subject="again")
    assert out.fate(message).status == "deferred"
    assert out.retry(message).status == "deferred"
    other = receivers.host()
    domain.set("", "MX", "10 %s." % other.name)
    fate = out.retry(message)
    assert (fate.status, fate.host) == ("sent", other.name)
    received = receivers.wait_delivered("again").all("Received")[0]
    assert "using TLSv1.3" in received
