/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each finding means, whatever the target. In order of the ids, which
 * are stable: scripts of administrators name them.
 */
#include "config.h"

#include "check/finding.h"

static const struct finding_info table[] = {
	{ "cert.chain", "The certificate chain",
	    "senders that verify the certificate will not deliver here",
	    "Whether the certificate leads to an authority that this "
	    "machine trusts, as senders that enforce an MTA-STS policy "
	    "require. Others take any certificate: without a promise this is "
	    "information. With DANE-EE (usage 3) the chain does not matter "
	    "at all; with DANE-TA (usage 2) the server has to send it "
	    "whole.", "RFC 8461, section 4.2",
	    "mail programs warn, or refuse to connect" },
	{ "cert.expiry", "The certificate's validity",
	    "senders that verify the certificate will stop delivering",
	    "How long the certificate is still valid. Its automatic renewal "
	    "is usually due when a third of the time is left, so that less "
	    "than a quarter (at most 30 days) is a warning and less than "
	    "three days (an eighth for short lives) a failure, where somebody "
	    "relies on it. With DANE-EE the date does not count.",
	    "RFC 8461, section 4.2; RFC 7672, section 3.1.1",
	    "mail programs will warn, or refuse to connect" },
	{ "cert.key", "The certificate's key",
	    "strict senders will refuse the certificate",
	    "RSA keys below 2048 bits and elliptic curves below 224 are too "
	    "weak.", "RFC 9325, section 4.5",
	    "strict programs will refuse the certificate" },
	{ "cert.name", "The name in the certificate",
	    "senders that verify the name will not deliver here",
	    "The MX host's name has to be among the DNS names of the "
	    "certificate (subjectAltName); a wildcard stands for one whole "
	    "label. The common name does not count.",
	    "RFC 8461, section 4.2; RFC 9525",
	    "mail programs warn, or refuse to connect" },
	{ "cert.no-sni", "The certificate without SNI",
	    "senders that send no server name see another certificate",
	    "The server was asked a second time, without a server name in "
	    "the handshake. Postfix sends none unless it is told to, so a "
	    "certificate that is right only for those who name the server is "
	    "wrong for many.", "RFC 8461, section 7.1; RFC 7672, section 8.1",
	    "programs that send no server name see another certificate" },
	{ "cert.signature", "The certificate's signature",
	    "strict senders will refuse the certificate",
	    "SHA-1 and MD5 can be forged.", "RFC 9325, section 4.5",
	    "strict programs will refuse the certificate" },
	{ "change.certificate", "The certificate was replaced", NULL,
	    "The server has another certificate than at the last check. "
	    "After a renewal that is as it should be; with TLSA records, see "
	    "that they have the next key before it is used.", NULL, NULL },
	{ "change.issuer", "The certificate is from another authority", NULL,
	    "The certificate was replaced, and the new one is from somebody "
	    "else. If nobody of yours did that, somebody may sit between.",
	    NULL, NULL },
	{ "change.mx", "The MX records changed", NULL,
	    "Other hosts take the mail of the domain than at the last check.",
	    NULL, NULL },
	{ "change.policy", "The MTA-STS policy changed", NULL,
	    "The policy text is another than at the last check, and not "
	    "weaker.", NULL, NULL },
	{ "change.tlsa", "TLSA records are gone",
	    "senders no longer have to verify the certificate by DANE",
	    "The host had secure TLSA records that counted at the last "
	    "check, and has none now. That is a downgrade, whoever did it.",
	    "RFC 7672, section 2", NULL },
	{ "change.version", "The TLS version is older than before",
	    "connections are protected less well than they were",
	    "The best version the server and we could agree on is older than "
	    "at the last check. A proxy or an old machine may have come "
	    "between.", NULL,
	    "connections are protected less well than they were" },
	{ "change.weakened", "The MTA-STS policy was weakened",
	    "senders may deliver in clear text what they had to encrypt",
	    "The policy left mode enforce, or is gone, since the last check.",
	    "RFC 8461, section 3.2", NULL },
	{ "dane.domain", "DANE for the domain", NULL,
	    "Whether senders that do DANE have to use it: a signed MX record "
	    "and, for every host, signed addresses and TLSA records.",
	    "RFC 7672, section 2", NULL },
	{ "dane.error", "TLSA records cannot be looked up",
	    "senders that do DANE will not deliver to this host",
	    "The question for TLSA records was answered with an error, or "
	    "with data whose signature is wrong, though the host's zone is "
	    "signed. Senders must not take that for \"no DANE\": they wait. "
	    "Old name servers and firewalls that do not know the record type "
	    "are the usual cause.", "RFC 7672, section 2.1.1", NULL },
	{ "dane.match", "The certificate matches the TLSA records", NULL,
	    "One of the TLSA records fits what the server presents.",
	    "RFC 7672, section 3", NULL },
	{ "dane.mismatch", "No TLSA record matches",
	    "senders that do DANE will not deliver to this host",
	    "The host has secure TLSA records that count, and none of them "
	    "fits what the server presents. Mostly the key was replaced and "
	    "the record was not: publish the new record first, wait for two "
	    "TTLs, then use the key.", "RFC 7672, section 8", NULL },
	{ "dane.mx-insecure", "TLSA records without a signed MX record",
	    "senders use DANE for this domain only half, or not at all",
	    "The hosts have TLSA records, but the domain's MX record is not "
	    "signed, so that an attacker can name other hosts.",
	    "RFC 7672, section 2.2.1", NULL },
	{ "dane.none", "No TLSA records", NULL,
	    "The host's zone is signed, and there are no TLSA records.",
	    "RFC 7672, section 2.2.3", NULL },
	{ "dane.partial", "TLSA records for some MX hosts only",
	    "mail may go to the host without",
	    "An attacker who keeps the hosts with TLSA records from being "
	    "reached gets the mail sent to the one without.",
	    "RFC 7672, section 2.2.1", NULL },
	{ "dane.record", "A TLSA record that does not count",
	    "senders ignore this record",
	    "Only usages 2 (DANE-TA) and 3 (DANE-EE) mean something for "
	    "mail, and only complete digests. Of several digests of one kind "
	    "the strongest counts.", "RFC 7672, section 3.1", NULL },
	{ "dane.rollover", "TLSA records for the next key", NULL,
	    "Whether there is a record for a key that is not yet in use, so "
	    "that the next renewal breaks nothing. A record of the issuing "
	    "authority (usage 2) serves as well.", "RFC 7671, section 8.1",
	    NULL },
	{ "dane.unusable", "TLSA records, none of which counts",
	    "senders encrypt, but cannot verify the host by DANE",
	    "The records are secure, so senders must use TLS; as none of "
	    "them can be used, they take any certificate.",
	    "RFC 7672, section 2.2", NULL },
	{ "egress.port25", "Port 25 from here",
	    "nothing can be said about the hosts from this machine",
	    "No host answered on port 25, or the control host did not. Many "
	    "networks block outgoing connections to port 25; that says "
	    "nothing about the hosts. Run the check where mail can be sent "
	    "from, and see --control.", NULL, NULL },
	{ "host.address", "The host's addresses", NULL,
	    "Whether the name of the host has addresses.",
	    "RFC 5321, section 5.1", NULL },
	{ "host.bogus", "The host's address cannot be trusted",
	    "senders that validate DNSSEC cannot reach the host",
	    "The signature of the answer is wrong.", "RFC 4035", NULL },
	{ "host.dns-error", "The host's address cannot be looked up", NULL,
	    "The name servers failed; nothing was tested.", NULL, NULL },
	{ "host.no-address", "The host has no address",
	    "mail cannot be delivered to this host",
	    "The MX record names a host without an A or AAAA record.",
	    "RFC 5321, section 5.1",
	    "people cannot log in" },
	{ "host.no-ipv6", "The host has no IPv6 address", NULL,
	    "Only that, for whom it matters.", NULL, NULL },
	{ "host.no-route", "No route to this address from here", NULL,
	    "This machine has no route to addresses of this family, so that "
	    "nothing was tested.", NULL, NULL },
	{ "host.not-tested", "The address was not tested", NULL,
	    "The time for the whole check was over, or this machine had no "
	    "means for one more connection.", NULL, NULL },
	{ "host.refused", "The host refuses connections",
	    "mail cannot be delivered to this address",
	    "The address answered that nobody listens on the port.", NULL,
	    "people cannot log in at this address" },
	{ "host.unreachable", "The host does not answer",
	    "senders wait for this address in vain",
	    "No connection came about in time, though others did, so that it "
	    "is not the network here.", NULL,
	    "programs wait for this address in vain" },
	{ "mta-sts.absent", "No MTA-STS policy", NULL,
	    "The domain does not promise TLS by MTA-STS.", "RFC 8461", NULL },
	{ "mta-sts.certificate", "The policy host's certificate",
	    "senders will not be able to fetch the policy",
	    "The certificate of mta-sts.DOMAIN, which is renewed on another "
	    "machine than those of the MX hosts and is easily forgotten.",
	    "RFC 8461, section 3.3", NULL },
	{ "mta-sts.error", "MTA-STS cannot be looked up", NULL,
	    "The name servers failed; nothing can be said.", NULL, NULL },
	{ "mta-sts.fetch", "The policy cannot be fetched",
	    "senders without a cached policy do without one",
	    "There is a TXT record, so that senders ask for the policy and "
	    "do not get it: no redirects, only status 200, type text/plain, "
	    "at most 64 KiB, a certificate for mta-sts.DOMAIN.",
	    "RFC 8461, section 3.3", NULL },
	{ "mta-sts.id", "The policy changed, its id did not",
	    "senders keep the old policy until it expires",
	    "The policy is another than the one in our cache, fetched with "
	    "the same id. Change the policy first, then the id.",
	    "RFC 8461, section 3.1", NULL },
	{ "mta-sts.invalid", "The policy is invalid",
	    "senders act as if there were no policy",
	    "See tlsmilter lint for the line.", "RFC 8461, section 3.2", NULL },
	{ "mta-sts.max-age", "The policy's max_age is short",
	    "an attacker has to wait only that long",
	    "In mode enforce at least two weeks, in mode testing at least a "
	    "day.", "RFC 8461, section 10.2", NULL },
	{ "mta-sts.mode", "The policy's mode", NULL,
	    "Modes testing and none do not keep anybody from delivering in "
	    "clear text.", "RFC 8461, section 3.2", NULL },
	{ "mta-sts.policy", "The MTA-STS policy", NULL,
	    "There is a valid policy.", "RFC 8461", NULL },
	{ "mta-sts.record", "The MTA-STS TXT record is invalid",
	    "senders act as if there were no policy",
	    "There must be exactly one record at _mta-sts that begins with "
	    "v=STSv1, with an id of letters and digits.",
	    "RFC 8461, section 3.1", NULL },
	{ "mta-sts.stale", "A pattern of the policy names no MX host", NULL,
	    "Left over, or a host that is not in DNS yet. Whoever gets that "
	    "name may take mail.", "RFC 8461, section 4.1", NULL },
	{ "mta-sts.text", "The policy's text", NULL,
	    "What tlsmilter lint says of it.", "RFC 8461, section 3.2", NULL },
	{ "mta-sts.uncovered", "An MX host is not in the policy",
	    "senders that honour the policy will not use this host",
	    "No mx line of the policy matches the host.",
	    "RFC 8461, section 4.1", NULL },
	{ "mx.alias", "The MX record names an alias",
	    "some senders refuse it, and TLSA records are easily misplaced",
	    "An MX record must name a host, not a CNAME.",
	    "RFC 5321, section 5.1", NULL },
	{ "mx.bogus", "The MX record cannot be trusted",
	    "senders that validate DNSSEC cannot deliver to the domain",
	    "The signature of the answer is wrong.", "RFC 4035", NULL },
	{ "mx.cut", "More MX hosts than were tested", NULL,
	    "See --max-mx.", NULL, NULL },
	{ "mx.error", "The MX record cannot be looked up", NULL,
	    "The name servers failed; nothing can be said.", NULL, NULL },
	{ "mx.found", "The MX records", NULL,
	    "The hosts that take the domain's mail.", "RFC 5321, section 5.1",
	    NULL },
	{ "mx.implicit", "No MX record",
	    "mail goes to the domain's own address",
	    "Without an MX record mail goes to the address of the domain "
	    "itself. A domain that takes no mail should say so with a null "
	    "MX.", "RFC 5321, section 5.1", NULL },
	{ "mx.literal", "The MX record names an address",
	    "senders cannot use this record",
	    "An MX record must name a host.", "RFC 5321, section 5.1", NULL },
	{ "mx.no-domain", "The domain does not exist",
	    "mail cannot be delivered", "There is no such name in DNS.",
	    NULL, NULL },
	{ "mx.none", "The domain takes no mail, and does not say so",
	    "senders try for days",
	    "There is neither an MX record nor an address. A null MX "
	    "(\"MX 0 .\") says that no mail is taken.", "RFC 7505", NULL },
	{ "mx.null", "The domain takes no mail", NULL,
	    "It has a null MX. There is nothing to test.", "RFC 7505", NULL },
	{ "mx.null-and-others", "A null MX beside others",
	    "senders disagree about whether mail is taken",
	    "A null MX must be the only MX record.", "RFC 7505, section 3",
	    NULL },
	{ "resolver.dnssec", "DNSSEC from here", NULL,
	    "The name servers this machine asks do not deliver DNSSEC, or it "
	    "is switched off, so that nothing can be said about DANE.", NULL,
	    NULL },
	{ "resolver.failed", "Names from here", NULL,
	    "No name could be looked up: the name servers this machine asks "
	    "do not answer.", NULL, NULL },
	{ "smtp.busy", "The server has no time for us", NULL,
	    "It answered with a temporary error (421, 450, greylisting). "
	    "That says nothing about TLS; try again later.", NULL, NULL },
	{ "smtp.greeting", "The server's greeting",
	    "mail cannot be delivered to this address",
	    "The server does not greet as its protocol asks, or refuses to "
	    "talk to this machine.", "RFC 5321, section 3.1",
	    "people cannot log in at this address" },
	{ "smtp.helo", "EHLO is refused",
	    "senders fall back to HELO, and never use TLS",
	    "The server, or something before it, refuses EHLO and accepts "
	    "HELO. That is one way of keeping senders from STARTTLS.",
	    "RFC 5321, section 4.1.1.1",
	    "passwords and mail are sent in clear text, or nobody logs in" },
	{ "smtp.silent", "The server stopped answering", NULL,
	    "It accepted the connection, and then did not say what it should "
	    "have in time.", NULL, NULL },
	{ "starttls.back", "STARTTLS is offered again", NULL,
	    "It was missing at the last check.", NULL, NULL },
	{ "starttls.early", "Clear text behind the reply to STARTTLS",
	    "somebody on the way can put words into the server's mouth",
	    "Bytes in clear text came behind the reply, before the "
	    "handshake. A sender that does not throw them away takes them "
	    "for replies inside TLS.", "RFC 3207, section 4; CVE-2011-0411",
	    "somebody on the way can put words into the server's mouth" },
	{ "starttls.flapping", "STARTTLS is offered only sometimes",
	    "some mail is sent in clear text, and strict senders wait",
	    "Of two connections to one address one was offered STARTTLS and "
	    "one was not: machines behind one address that differ.", NULL,
	    "passwords and mail are sometimes sent in clear text" },
	{ "starttls.hidden", "STARTTLS works, but is not offered",
	    "senders do not use TLS, though the server could",
	    "STARTTLS is not in the list, yet it is accepted when it is "
	    "sent. Something between takes the offer away, or the server is "
	    "set up wrongly.", "RFC 3207, section 4",
	    "passwords and mail are sent in clear text, or nobody logs in" },
	{ "starttls.injection", "Commands injected before TLS are carried out",
	    "an attacker can prepend commands to the mail of others",
	    "A command that was sent in clear text behind STARTTLS was "
	    "carried out inside TLS.",
	    "RFC 9325, section 3.2; CVE-2011-0411",
	    "an attacker can prepend commands to the session of others" },
	{ "starttls.inside", "STARTTLS is offered inside TLS", NULL,
	    "A server must not offer it once TLS is used.",
	    "RFC 3207, section 4.2", NULL },
	{ "starttls.lost", "STARTTLS was offered before, and is not now",
	    "mail is sent in clear text, or waits",
	    "Earlier checks found STARTTLS here. That it is missing now, on "
	    "two connections, is what an attacker or a filter on the way "
	    "brings about; or the server's configuration or certificate is "
	    "broken. Compare from another network.", "RFC 8461, section 10",
	    "passwords and mail are sent in clear text, or nobody logs in" },
	{ "starttls.masked", "A keyword of the server is masked",
	    "senders do not use TLS",
	    "The list of extensions has a word of X's: firewalls with SMTP "
	    "inspection overwrite what they do not want to be used.",
	    NULL,
	    "passwords and mail are sent in clear text, or nobody logs in" },
	{ "starttls.missing", "STARTTLS is not offered",
	    "mail is sent in clear text, or waits",
	    "The server takes mail in clear text only.", "RFC 3207",
	    "passwords and mail are sent in clear text, or nobody logs in" },
	{ "starttls.offered", "STARTTLS is offered and works", NULL,
	    "TLS was agreed on.", "RFC 3207", NULL },
	{ "starttls.refused", "STARTTLS is offered, but refused",
	    "mail is sent in clear text, or waits",
	    "The server has STARTTLS in its list and answers the command "
	    "with a lasting error.", "RFC 3207, section 4",
	    "passwords and mail are sent in clear text, or nobody logs in" },
	{ "starttls.unavailable", "STARTTLS does not work now", NULL,
	    "The server answered 454 or the like, or not at all. If it stays "
	    "so, its certificate or key cannot be read.",
	    "RFC 3207, section 4", NULL },
	{ "tls.cipher", "The cipher", NULL,
	    "AEAD with forward secrecy is good; CBC is to be phased out; no "
	    "forward secrecy, 3DES, RC4 and less than 128 bits are weak.",
	    "RFC 9325, section 4", NULL },
	{ "tls.deep", "Versions and ciphers the server accepts", NULL,
	    "All that could be found by many connections (--deep).",
	    "RFC 9325", NULL },
	{ "tls.ehlo", "EHLO inside TLS",
	    "mail cannot be delivered over TLS",
	    "After the handshake the server has to answer EHLO again.",
	    "RFC 3207, section 4.2",
	    "people cannot log in over TLS" },
	{ "tls.handshake", "The TLS handshake fails",
	    "mail is sent in clear text, or waits",
	    "The server promised TLS, and the handshake did not end well.",
	    "RFC 3207, section 4",
	    "people cannot log in over TLS" },
	{ "tls.version", "The TLS version", NULL,
	    "TLS 1.2 and 1.3 are good. Between mail servers older ones are "
	    "better than clear text, so they are a warning there, and a "
	    "failure where people log in.", "RFC 9325, section 3.1; RFC 8997",
	    NULL },
	{ "tlsrpt.absent", "No TLSRPT record", NULL,
	    "Senders tell nobody when TLS to this domain fails. Whoever "
	    "publishes a policy or TLSA records should want to know.",
	    "RFC 8460", NULL },
	{ "tlsrpt.error", "TLSRPT cannot be looked up", NULL,
	    "The name servers failed.", NULL, NULL },
	{ "tlsrpt.invalid", "The TLSRPT record is invalid",
	    "senders send no reports",
	    "There must be exactly one record at _smtp._tls that begins with "
	    "v=TLSRPTv1, with a rua field.", "RFC 8460, section 3", NULL },
	{ "tlsrpt.record", "The TLSRPT record", NULL,
	    "Senders know where to send reports.", "RFC 8460", NULL },
};

const struct finding_info *finding_table(size_t *n_r)
{
	*n_r = sizeof(table) / sizeof(*table);
	return table;
}
