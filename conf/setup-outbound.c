/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What Postfix and Sendmail must say so that they ask the socketmap about
 * outgoing mail (design §8, PF-TP, PF-SM-13).
 */
#include "config.h"

#include "conf/setup-internal.h"

#include "util/buf.h"

#define V(major, minor) POSTFIX_VERSION(major, minor)
#define CA_FILE "/etc/ssl/certs/ca-certificates.crt"

/* Nothing can be printed without a socket; say how to make one. */
static bool has_socketmap(const struct conf *c, const char *comment,
    struct buf *out)
{
	if (c->socketmap.n)
		return true;
	buf_addf(out,
	    "%s There is no socketmap: put into tlsmilter.conf\n"
	    "%s   socketmap = {\"inet:8461@127.0.0.1\"}\n"
	    "%s restart tlsmilterd, and run this command again.\n", comment,
	    comment, comment);
	return false;
}

/* ---- Postfix ------------------------------------------------------------- */

/* smtp(8) is chrooted in Debian, and looks for a unix socket there. */
static void add_socket_remarks(const struct conf *c, struct buf *out)
{
	const struct endpoint *ep = &c->socketmap.v[0];

	if (ep->kind == ENDPOINT_UNIX)
		setup_add_socket_advice(c, ep, "socketmap", "map.sock", out);
	for (size_t i = 1; i < c->socketmap.n; i++) {
		buf_adds(out, i == 1 ? "# Any of these will do as well:\n" :
		    "");
		buf_adds(out, "#   socketmap:");
		setup_add_socket(&c->socketmap.v[i], out);
		buf_adds(out, ":postfix\n");
	}
}

/* A list of tables is split at blanks and commas, and one in braces is
 * another kind of table. */
static bool postfix_can_say(const struct endpoint *ep)
{
	return ep->kind != ENDPOINT_UNIX || !strpbrk(ep->path, ", \t{}");
}

static void add_map_line(const struct endpoint *ep, struct buf *out)
{
	if (!postfix_can_say(ep)) {
		buf_addf(out, "# Postfix cannot use the path %s here: choose "
		    "one without\n# blanks, commas and braces.\n", ep->path);
		return;
	}
	buf_adds(out, "smtp_tls_policy_maps = socketmap:");
	setup_add_socket(ep, out);
	buf_adds(out, ":postfix\n");
}

static void add_map(const struct conf *c, struct buf *out)
{
	buf_adds(out,
	    "# 1. The map. If smtp_tls_policy_maps names others already, put "
	    "this one\n"
	    "# behind them. While tlsmilterd is not running, mail to whatever "
	    "they do not\n"
	    "# find is deferred (4.7.5), not sent without what was "
	    "promised.\n");
	add_socket_remarks(c, out);
	add_map_line(&c->socketmap.v[0], out);
	buf_adds(out,
	    "# Whoever comes from postfix-mta-sts-resolver or postfix-tlspol "
	    "keeps the\n"
	    "# name of the map (QUERY, QUERYwithTLSRPT, or that of a zone) "
	    "and changes\n# the address.\n");
}

static void add_level(const struct conf *c, struct buf *out)
{
	buf_addf(out,
	    "\n# 2. The level of everything else, which postfix.default_level "
	    "must repeat.\n"
	    "smtp_tls_security_level = %s\n",
	    tls_level_name(c->postfix.default_level));
	if (c->postfix.default_level == TLS_LEVEL_NONE)
		buf_adds(out, "# Below \"may\" most mail is sent in "
		    "plaintext.\n");
}

static void add_authorities(const struct conf *c, struct buf *out)
{
	buf_adds(out,
	    "\n# 3. Without authorities every \"secure\" answer defers the "
	    "mail.\n"
	    "smtp_tls_CAfile = " CA_FILE "\n");
	if (c->postfix.version >= V(3, 6))
		buf_adds(out, "# RFC 8461, section 7.2:\n"
		    "smtp_tls_mandatory_protocols = >=TLSv1.2\n");
	else
		buf_adds(out, "# RFC 8461, section 7.2:\n"
		    "smtp_tls_mandatory_protocols = !SSLv2, !SSLv3, !TLSv1, "
		    "!TLSv1.1\n");
}

/* What any level of DANE needs, of an answer or of main.cf itself. */
static void add_dnssec(const struct conf *c, struct buf *out)
{
	buf_adds(out,
	    "# Postfix looks TLSA records up by itself, and needs a resolver "
	    "that validates\n"
	    "# and says so (AD), in /etc/resolv.conf and, for a chrooted "
	    "smtp(8), in\n"
	    "# " QUEUE_DIRECTORY "etc/resolv.conf. What one on another host "
	    "says can be\n"
	    "# forged on the way.\n"
	    "smtp_dns_support_level = dnssec\n"
	    "smtp_host_lookup = dns\n");
	if (c->postfix.version < V(3, 10))
		buf_adds(out,
		    "# The default of this one was wrong before 3.6.17, "
		    "3.7.13, 3.8.8 and 3.9.2:\n"
		    "# hosts of a domain that does not sign its MX record "
		    "would get \"may\".\n"
		    "smtp_tls_dane_insecure_mx_policy = dane\n");
}

static void add_dane(const struct conf *c, struct buf *out)
{
	enum tls_level level = c->postfix.default_level;

	if (c->postfix.dane)
		buf_adds(out,
		    "\n# 4. DANE is answered while the resolver in "
		    "/etc/resolv.conf sets AD;\n"
		    "# tlsmilter query says if it does not.\n");
	else
		buf_adds(out,
		    "\n# 4. DANE is not answered: postfix.dane is off. It "
		    "outranks MTA-STS where\n"
		    "# both are published (RFC 8461, section 2).\n");
	if (c->postfix.dane || level == TLS_LEVEL_DANE ||
	    level == TLS_LEVEL_DANE_ONLY)
		add_dnssec(c, out);
}

static void add_version(const struct conf *c, struct buf *out)
{
	unsigned version = c->postfix.version;

	buf_addf(out, "\n# 5. Answers are for Postfix %s (postfix.version; "
	    "postconf mail_version).\n", c->postfix.version_text);
	if (version < V(3, 4))
		buf_adds(out, "# It cannot send the server's name (SNI), so "
		    "hosts with several certificates\n# may show the wrong "
		    "one. 3.4 can.\n");
	if (version < V(3, 10))
		buf_adds(out,
		    "# It compares the certificate with the policy, not the "
		    "name of the MX host:\n"
		    "# any host with a certificate of the policy's names will "
		    "do, and\n"
		    "# \"*.example.com\" of a policy matches several labels. "
		    "3.10.5 compares both.\n");
	else
		buf_adds(out,
		    "# From 3.10.5 on it also skips MX hosts that are not in "
		    "the policy; keep\n"
		    "# smtp_tls_enforce_sts_mx_patterns at its default, "
		    "yes.\n");
}

bool setup_postfix_outbound(const struct conf *c, struct buf *out)
{
	buf_addf(out, "# Postfix main.cf for outgoing mail with tlsmilter, "
	    "made from\n# %s.\n# Nothing has been changed on this "
	    "system.\n\n", c->file);
	if (!has_socketmap(c, "#", out))
		return false;
	add_map(c, out);
	add_level(c, out);
	add_authorities(c, out);
	add_dane(c, out);
	add_version(c, out);
	/* postmap(1) is not chrooted. */
	buf_adds(out, "\n# Then: postfix reload, and see what is answered:\n"
	    "#   postmap -q example.com socketmap:");
	endpoint_format(&c->socketmap.v[0], ENDPOINT_POSTFIX, out);
	buf_adds(out, ":postfix\n#   tlsmilter query example.com\n");
	return true;
}

/* ---- Sendmail ------------------------------------------------------------ */

/* The socket Sendmail's own default names, or the first. */
static const struct endpoint *sendmail_socket(const struct conf *c,
    bool *standard_r)
{
	for (size_t i = 0; i < c->socketmap.n; i++) {
		const struct endpoint *ep = &c->socketmap.v[i];
		struct buf text;

		buf_init(&text, 500);
		endpoint_format(ep, ENDPOINT_LIBMILTER, &text);
		*standard_r = strcmp(buf_str(&text), "inet:5461@127.0.0.1") ==
		    0;
		buf_clear(&text);
		if (*standard_r)
			return ep;
	}
	return &c->socketmap.v[0];
}

static void add_feature(const struct conf *c, struct buf *out)
{
	bool standard = false;
	const struct endpoint *ep = sendmail_socket(c, &standard);

	buf_adds(out,
	    "dnl 1. The map. Its name is sts; while tlsmilterd is not "
	    "running, mail is\n"
	    "dnl deferred (450 4.7.0).\n");
	if (standard) {
		buf_adds(out, "FEATURE(`sts')dnl\n");
		return;
	}
	if (!setup_sendmail_can_say(ep)) {
		buf_addf(out, "dnl Sendmail cannot use the path %s: choose "
		    "one without blanks,\ndnl commas and quotes.\n",
		    ep->path);
		return;
	}
	buf_adds(out,
	    "dnl With the socket inet:5461@127.0.0.1, which is its default, "
	    "FEATURE(`sts')\n"
	    "dnl is enough.\n"
	    "FEATURE(`sts', `socket -d5 -T<TMPF> ");
	endpoint_format(ep, ENDPOINT_LIBMILTER, out);
	buf_adds(out, "')dnl\n");
}

bool setup_sendmail_outbound(const struct conf *c, struct buf *out)
{
	buf_addf(out, "dnl Sendmail .mc lines for outgoing mail with "
	    "tlsmilter, made from\ndnl %s.\n"
	    "dnl Sendmail 8.18 or later, built with STS. They belong above "
	    "the MAILER\ndnl lines. Nothing has been changed on this "
	    "system.\n\n", c->file);
	if (!has_socketmap(c, "dnl", out))
		return false;
	add_feature(c, out);
	buf_adds(out,
	    "\ndnl 2. Without authorities no certificate is good enough, and "
	    "mail to whoever\n"
	    "dnl enforces a policy is deferred.\n"
	    "define(`confCACERT', `" CA_FILE "')dnl\n"
	    "define(`confCACERT_PATH', `/etc/ssl/certs')dnl\n"
	    "dnl Sendmail 8.18.1 refuses wildcard certificates; 8.18.2 does "
	    "not. Policies\n"
	    "dnl with more than 255 bytes of names are more than it can "
	    "read: that mail\ndnl waits.\n"
	    "\ndnl 3. DANE is Sendmail's own business (confDANE), and comes "
	    "first there;\ndnl answers on the map sts leave it out.\n"
	    "\ndnl Then: make sendmail.cf anew and restart Sendmail; "
	    "tlsmilter query\ndnl example.com shows what is answered to "
	    "sts.\n");
	return true;
}
