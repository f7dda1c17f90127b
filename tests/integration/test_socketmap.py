# SPDX-License-Identifier: BSD-2-Clause
"""The socketmap server on the wire: frames, dialects, waiting, limits
(PF-SM, design §8). Deliveries by real mail servers are in test_outbound.py.
"""
import os
import signal
import stat
import time

import pytest

from rig.socketmap import CONFIG, PORT, Client, ask, frame
from rig.wait import until

GOOD = "3 1 1 " + "ab" * 32


def secure(domain, *more):
    return "OK secure match=%s servername=hostname%s" % (
        ":".join(domain.mx), "".join(" " + m for m in more))


@pytest.fixture
def maps(daemon):
    """maps(config): a daemon that serves a socketmap."""

    def make(config="", **options):
        return daemon(CONFIG + config, **options)

    return make


@pytest.fixture
def ad(world):
    """The mail server's resolver sets AD, so that DANE is answered."""
    world.dns.ad = True


def wait_dane(one):
    until(lambda: one.status()["learner"]["dane"]["state"] == "works",
          "DANE can be relied on")


# ---- frames ----------------------------------------------------------------

MALFORMED = [b"00:,", b"+3:abc,", b" 3:abc,", b"3:abc;", b"9999999999:",
             b"x", b":,", b"-1:,", b"03:a b,", b"99999:", b"3:abc,",
             b"4: abc,", b"0:,", b"7:postfix,"]


@pytest.mark.parametrize("data", MALFORMED)
def test_what_breaks_the_protocol_ends_the_connection(maps, data):
    """PF-SM-03: without an answer, and others do not notice."""
    one = maps()
    with Client() as good, Client() as bad:
        bad.send(data)
        assert bad.hear() is None
        assert good.ask(".example") == "NOTFOUND "
    assert one.status()["socketmap"]["malformed"] == 1
    one.wait_log("closing a connection without an answer: ")


def test_what_came_before_is_answered(maps):
    maps()
    with Client() as client:
        client.send(frame("postfix .a.example") + b"03:x y,")
        assert client.hear() == "NOTFOUND "
        assert client.hear() is None


def test_bytes_one_by_one(maps, world):
    maps()
    d = world.domain()
    with Client() as client:
        for byte in frame("postfix " + d.name):
            client.send(bytes([byte]))
        assert client.hear() == secure(d)


def test_a_connection_serves_many_requests(maps, world):
    """tlspol#7: one request each made Postfix see "unexpected disconnect"."""
    one = maps()
    d = world.domain()
    with Client() as client:
        for _ in range(500):
            assert client.ask(d.name) == secure(d)
    assert one.status()["socketmap"]["requests"] == 500


def test_pipelined_requests_are_answered_in_order(maps, world):
    """Known and unknown ones mixed, more than may wait at once."""
    one = maps()
    slow = world.domain()
    slow.host.delay = 1
    known = world.domain()
    assert ask(known.name) == secure(known)
    keys = [slow.name] + [known.name, ".example", "[192.0.2.1]"] * 100
    with Client() as client:
        client.say(*["postfix " + key for key in keys])
        assert client.hear() == secure(slow)
        for key in keys[1:]:
            assert client.hear() == (
                secure(known) if key == known.name else "NOTFOUND ")
    assert one.status()["socketmap"]["waiting"] == 0


def test_pipelined_lookups_run_side_by_side(maps, world):
    maps()
    domains = [world.domain() for _ in range(10)]
    for d in domains:
        d.host.delay = 1
    began = time.monotonic()
    with Client() as client:
        client.say(*["postfix " + d.name for d in domains])
        for d in domains:
            assert client.hear() == secure(d)
    assert time.monotonic() - began < 9


def test_who_stops_sending_still_gets_the_answer(maps, world):
    maps()
    d = world.domain()
    with Client() as client:
        client.say("postfix " + d.name)
        client.sock.shutdown(1)
        assert client.hear() == secure(d)
        assert client.hear() is None


def test_who_does_not_read_makes_nobody_wait(maps, world):
    """Long answers asked for over and over fill no memory."""
    one = maps('postfix { version = "3.10" }\n')
    d = world.domain()
    d.host.body = d.host.body.rstrip() + b"\r\n" + b"".join(
        b"x%d: %s\r\n" % (i, b"y" * 1000) for i in range(60))
    assert len(ask(d.name)) > 50000
    before = memory(one)
    with Client() as greedy:
        greedy.sock.setblocking(False)
        sent = 0
        request = frame("postfix " + d.name) * 100
        with pytest.raises(BlockingIOError):
            while sent < 64 * 1024 * 1024:
                sent += greedy.sock.send(request)
        assert ask(".example") == "NOTFOUND "
        assert memory(one) - before < 8 * 1024


def memory(one):
    with open("/proc/%d/status" % one.child("frontend")) as file:
        return next(int(line.split()[1]) for line in file
                    if line.startswith("RssAnon"))


def test_thousands_of_idle_connections(maps, world):
    one = maps(start=False)
    one.start(files=16384)
    d = world.domain()
    clients = [Client() for _ in range(2000)]
    assert ask(d.name) == secure(d)
    assert one.status()["socketmap"]["connections"] == 2000
    before = memory(one)
    for client in clients:
        assert client.ask(d.name) == secure(d)
    assert memory(one) - before < 1024
    for client in clients:
        client.close()
    until(lambda: one.status()["socketmap"]["connections"] == 0, "all closed")


def test_one_connection_too_many_ends_the_longest_idle(maps):
    one = maps(start=False)
    one.start(files=400)
    limit = one.status()["socketmap"]["connections_max"]
    clients = [Client() for _ in range(limit)]
    for client in clients[1:]:
        assert client.ask(".example") == "NOTFOUND "
    with Client() as late:
        assert late.ask(".example") == "NOTFOUND "
    assert clients[0].hear() is None
    assert clients[1].ask(".example") == "NOTFOUND "
    for client in clients:
        client.close()


# ---- keys ------------------------------------------------------------------

def test_keys_that_cost_no_lookup(maps, world):
    """PF-TP-02, STS-A-06, STS-A-07, STS-A-10: at once, without DNS."""
    maps()
    ask(".warm.example")
    before = sum(world.dns.queries.values())
    for key in (".example", ".sub.example", "[192.0.2.1]", "192.0.2.1",
                "[2001:db8::1]:25", "2001:db8::1", "/var/run/lmtp", "com",
                "", "a b.example", "x" * 10000, "a..example",
                "-.example.", b"\xff\xfe.example", b"\0.example"):
        assert ask(key) == "NOTFOUND ", key
    assert sum(world.dns.queries.values()) == before


def test_the_spelling_of_a_key_does_not_matter(maps, world):
    """PF-TP-04, PF-SM-12: upper case, final dot, U-labels; one lookup."""
    maps()
    d = world.domain(name="xn--bcher-kva.example")
    for key in ("xn--bcher-kva.example", "XN--BCHER-KVA.Example",
                "xn--bcher-kva.example.", "bücher.example",
                "BÜCHER.EXAMPLE", "xn--bcher-kva.example:25"):
        assert ask(key) == secure(d), key
    assert d.host.count == 1


def test_smart_hosts_have_the_policy_of_their_domain(maps, world):
    """RFC 8461 §3.4, STS-A-05, Snawoot#49."""
    maps()
    d = world.domain()
    for key in ("[%s]", "[%s]:587", "%s:2525", "%s:submission"):
        assert ask(key % d.name) == secure(d), key
    assert d.host.count == 1


# ---- dialects --------------------------------------------------------------

def test_map_names_select_the_dialect(maps, world):
    maps()
    d = world.domain()
    strings = ["{ policy_string = %s }" % line for line in
               d.host.body.decode().split("\r\n") if line]
    tlsrpt = ["policy_type=sts", "policy_domain=" + d.name,
              "mx_host_pattern=" + d.mx[0], *strings]
    for name in ("postfix", "any-zone", "QUERY", "query", "sts", "STS"):
        assert ask(d.name, name) == secure(d), name
    for name in ("QUERYwithTLSRPT", "querywithtlsrpt"):
        assert ask(d.name, name) == secure(d, *tlsrpt), name


@pytest.mark.parametrize("version, servername, tlsrpt", [
    ("3.3", False, False), ("3.4", True, False), ("3.7", True, False),
    ("3.9.2", True, False), ("3.10", True, True), ("3.11", True, True)])
def test_no_version_is_told_what_it_does_not_know(
        maps, world, version, servername, tlsrpt):
    """PF-TP-14, PF-TP-22, Snawoot#76, tlspol#6: unknown attributes defer
    all mail."""
    maps('postfix { version = "%s" }\n' % version)
    reply = ask(world.domain().name)
    assert ("servername" in reply) == servername
    assert ("policy_type" in reply) == tlsrpt


def test_a_list_too_long_for_sendmail_is_temp_and_never_cut(maps, world):
    """PF-SM-13, PF-SM-04: Sendmail's rules fail with 1.3 kB."""
    one = maps()
    d = world.domain(mx=["mx%d.long-names-of-mail-hosts.example" % i
                         for i in range(100)])
    assert ask(d.name) == secure(d)
    assert ask(d.name, "sts") == "TEMP the answer is too long for the client"
    one.wait_log("answer=TEMP next_hop=%s reason=" % d.name)


# ---- lookups ---------------------------------------------------------------

def test_parallel_queries_of_one_cold_domain_are_one_lookup(maps, world, ad):
    """STS-F-18."""
    one = maps("postfix { dane = yes }\n")
    wait_dane(one)
    d = world.domain()
    d.host.delay = 1
    clients = [Client() for _ in range(200)]
    for client in clients:
        client.say("postfix " + d.name)
    for client in clients:
        assert client.hear() == secure(d)
        client.close()
    assert d.host.count == 1
    assert world.dns.count("_mta-sts." + d.name) == 1
    assert world.dns.count(d.name, "MX") == 1


def test_a_policy_host_that_never_answers_costs_one_temp(maps, world):
    """The lookup goes on; the next query has its result, and a later one
    does not begin anew."""
    maps("https { timeout = 8s  ca_file = \"%s\" }\n"
         "cache { max_negative = 1s }\n" % world.ca_file)
    d = world.domain()
    d.host.mute = True
    began = time.monotonic()
    assert ask(d.name) == "TEMP the lookup is under way"
    assert 4 < time.monotonic() - began < 15
    until(lambda: ask(d.name) == "NOTFOUND ", "the result is there")
    assert ask(d.name) == "NOTFOUND "


def test_sendmail_is_answered_before_it_gives_up(maps, world):
    """PF-SM-13: it waits five seconds."""
    maps()
    d = world.domain()
    d.host.mute = True
    began = time.monotonic()
    assert ask(d.name, "sts") == "TEMP the lookup is under way"
    assert time.monotonic() - began < 4.9


def test_a_known_policy_costs_no_wait(maps, world):
    """Whatever becomes of DNS and HTTPS (STS-C-04), and over a restart."""
    one = maps()
    d = world.domain()
    assert ask(d.name) == secure(d)
    world.dns.rules["*", "*"] = "drop"
    world.https.stop()
    began = time.monotonic()
    for _ in range(50):
        assert ask(d.name) == secure(d)
    assert time.monotonic() - began < 2
    one.stop()
    one.start()
    assert ask(d.name) == secure(d)
    world.https.start()


def test_the_next_query_has_what_was_too_slow(maps, world):
    maps()
    d = world.domain()
    d.host.delay = 6
    assert ask(d.name) == "TEMP the lookup is under way"
    until(lambda: ask(d.name) == secure(d), "the policy is known")
    assert d.host.count == 1


# ---- trouble ---------------------------------------------------------------

def test_the_resolver_dies_while_clients_wait(maps, world):
    """Its successor is asked again; nobody notices but by the time."""
    one = maps()
    known, d = world.domain(), world.domain()
    assert ask(known.name) == secure(known)
    d.host.delay = 1.5
    with Client() as client:
        client.say("postfix " + d.name)
        until(lambda: d.host.count > 0, "the policy is being fetched")
        os.kill(one.child("resolver"), signal.SIGKILL)
        assert ask(known.name) == secure(known)
        assert client.hear() == secure(d)


def test_the_frontend_dies_while_clients_wait(maps, world):
    """PF-SM-07: Postfix connects once more, and is served."""
    one = maps()
    d = world.domain()
    assert ask(d.name) == secure(d)
    slow = world.domain()
    slow.host.mute = True
    with Client() as client:
        client.say("postfix " + slow.name)
        until(lambda: one.status()["socketmap"]["waiting"] == 1, "it waits")
        os.kill(one.child("frontend"), signal.SIGKILL)
        assert client.hear() is None
    assert ask(d.name) == secure(d)


def test_ad_can_be_trusted_instead_of_validating(maps, world):
    """dnssec = trust-ad, with a resolver that validates for us."""
    world.dns.validate = True
    one = maps('postfix { dane = yes }\ndns {\n  dnssec = trust-ad\n'
               '  trust_anchor = "%s"\n}\n' % world.trust_anchor)
    wait_dane(one)
    signed = world.domain()
    signed.set("_25._tcp.mx1", "TLSA", GOOD)
    unsigned = world.domain(zone="insecure.example")
    unsigned.set("_25._tcp.mx1", "TLSA", GOOD)
    assert ask(signed.name) == "OK dane-only"
    assert ask(unsigned.name) == secure(unsigned)


def test_servers_without_dnssec_stop_no_mail(maps, world):
    """DANE-R-01: no DANE answers, and a warning."""
    world.dns.strip = True
    one = maps("postfix { dane = yes }\n")
    d = world.domain()
    assert ask(d.name) == secure(d)
    assert ask(world.domain(mode=None).name) == "NOTFOUND "
    one.wait_log("do not deliver DNSSEC")
    assert one.status()["learner"]["dane"]["state"] == "off"


def test_a_resolver_without_ad_means_no_dane_answers(maps, world):
    """Postfix repeats the lookups, and would defer everything."""
    one = maps("postfix { dane = yes }\n")
    d = world.domain()
    d.set("_25._tcp.mx1", "TLSA", GOOD)
    one.wait_log("do not set AD")
    assert ask(d.name) == secure(d)
    assert ask(d.name, "QUERY") == secure(d)
    assert "does not set AD" in one.tool("query", d.name).out


# ---- sockets ---------------------------------------------------------------

def test_unix_sockets_have_mode_and_group(daemon, world, folder):
    """Snawoot#45, tlspol#37: several listeners, and a stale socket."""
    path = os.path.join(folder, "tlsmilter", "run", "map.sock")
    one = daemon('socketmap = {"unix:%s", "inet:%d@127.0.0.1"}\n'
                 'socket_mode = "0666"\nsocket_group = "postfix"\n'
                 % (path, PORT))
    d = world.domain()
    assert ask(d.name, address=path) == secure(d)
    assert ask(d.name) == secure(d)
    entry = os.stat(path)
    assert stat.S_IMODE(entry.st_mode) == 0o666
    assert one.status()["socketmap"]["sockets"] == [
        "unix:" + path, "inet:%d@127.0.0.1" % PORT]
    one.stop(signal.SIGKILL)
    until(lambda: os.path.exists(path), "the socket is left behind")
    one.start()
    assert ask(d.name, address=path) == secure(d)


# ---- overrides -------------------------------------------------------------

DESTINATIONS = '''
destination "Partner.Example" { level = secure  match = {".hosts.example"} }
destination "[relay.example]:587" { level = encrypt }
destination ".corp.example" { level = dane-only }
destination "broken.example" { level = may }
'''

OVERRIDES = [
    ("partner.example", "OK secure match=.hosts.example "
                        "servername=hostname"),
    ("PARTNER.example:25", "OK secure match=.hosts.example "
                           "servername=hostname"),
    ("[relay.example]:587", "OK encrypt"),
    ("a.corp.example", "OK dane-only"),
    ("a.b.corp.example", "OK dane-only"),
    ("corp.example", "NOTFOUND "),
    ("broken.example", "OK may"),
    ("[relay.example]", "NOTFOUND "),
]


def test_destinations_come_first(maps, world):
    """tlspol#178, tlspol#60: also before a policy, and without a lookup."""
    one = maps(DESTINATIONS)
    d = world.domain(name="partner.example")
    before = sum(world.dns.queries.values())
    for key, reply in OVERRIDES[:5]:
        assert ask(key) == reply, key
    assert sum(world.dns.queries.values()) == before and d.host.count == 0
    one.reload(CONFIG)
    one.wait_log("reloaded")
    assert ask("partner.example") == secure(d)


@pytest.mark.parametrize("key, reply", OVERRIDES[5:])
def test_a_destination_is_one_next_hop(maps, key, reply):
    maps(DESTINATIONS)
    assert ask(key) == reply


def test_lists_come_before_policies(maps, world):
    lists = world.list_host()
    named, bare, tested = (world.domain(mode=None) for _ in range(3))
    lists.publish({
        named.name: {"mode": "enforce", "mx": ["mx.listed.example"]},
        bare.name: {"mode": "enforce"}, tested.name: {"mode": "testing"}})
    one = maps('list "partners" { url = "%s" }\n' % lists.url)
    one.wait_log("partners")
    until(lambda: ask(named.name) != "NOTFOUND ", "the list is in force")
    assert ask(named.name) == \
        "OK secure match=mx.listed.example servername=hostname"
    assert ask(bare.name) == "OK encrypt"
    assert ask(tested.name) == "NOTFOUND "
    shown = one.tool("query", "--json", named.name).json
    assert shown["override"] == {"source": "list", "name": "partners"}


def test_our_own_domains_are_never_answered(maps, world):
    d = world.domain()
    one = maps('hosted_domains = {"%s"}\n' % d.name)
    one.wait_log("policy: new")
    assert ask(d.name) == "NOTFOUND "
