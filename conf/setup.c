/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "conf/setup-internal.h"

#include "util/buf.h"

#define QUEUE_FOLDER QUEUE_DIRECTORY "tlsmilter"

/* ---- Postfix: the milter line ------------------------------------------- */

void setup_add_socket(const struct endpoint *ep, struct buf *out)
{
	if (ep->kind == ENDPOINT_UNIX &&
	    str_starts(ep->path, QUEUE_DIRECTORY))
		buf_addf(out, "unix:%s", ep->path + strlen(QUEUE_DIRECTORY));
	else
		endpoint_format(ep, ENDPOINT_POSTFIX, out);
}

/* How to make the folder we recommend; smtpd only passes through it. */
static void add_folder(const struct conf *c, struct buf *out)
{
	buf_addf(out, "#   install -d -o %s -g %s -m 0710 " QUEUE_FOLDER "\n",
	    c->user, *c->socket_group ? c->socket_group : "postfix");
}

static void add_inet_advice(const struct conf *c, const char *name,
    const char *file, struct buf *out)
{
	buf_adds(out,
	    "# A unix socket costs half the CPU. For one, make its folder,\n");
	add_folder(c, out);
	buf_addf(out,
	    "# put into tlsmilter.conf\n"
	    "#   %s = \"unix:" QUEUE_FOLDER "/%s\"\n"
	    "#   socket_group = \"postfix\"\n"
	    "# restart tlsmilterd, and run this command again.\n", name, file);
}

static void add_queue_advice(const struct conf *c, const struct endpoint *ep,
    struct buf *out)
{
	buf_adds(out,
	    "# The path is relative to the queue directory, so it is right "
	    "with and\n# without chroot. The folder of the socket must be "
	    "there");
	if (str_starts(ep->path, QUEUE_FOLDER "/")) {
		buf_adds(out, ":\n");
		add_folder(c, out);
	} else {
		buf_addf(out, ", and %s must\n# be able to write to it.\n",
		    c->user);
	}
}

void setup_add_socket_advice(const struct conf *c,
    const struct endpoint *ep, const char *name, const char *file,
    struct buf *out)
{
	if (ep->kind == ENDPOINT_INET)
		add_inet_advice(c, name, file, out);
	else if (str_starts(ep->path, QUEUE_DIRECTORY))
		add_queue_advice(c, ep, out);
	else
		buf_addf(out,
		    "# Only for a Postfix that is not chrooted (fifth column "
		    "of master.cf: n).\n"
		    "# Debian's is: there the socket must be inside "
		    QUEUE_DIRECTORY ".\n");
	if (ep->kind == ENDPOINT_UNIX)
		buf_adds(out,
		    "# The user postfix must be able to open the socket: see "
		    "socket_group and\n# socket_mode.\n");
}

static void add_milter(const struct conf *c, struct buf *out)
{
	buf_adds(out,
	    "# 1. The milter. If smtpd_milters names others already, add "
	    "this one to\n# them.\n");
	if (c->observe)
		buf_adds(out,
		    "# mode = observe: if tlsmilterd is not running, mail "
		    "flows as without it.\n"
		    "# Use default_action=tempfail when you enforce.\n");
	else
		buf_adds(out,
		    "# mode = enforce: if tlsmilterd is not running, mail is "
		    "deferred, not let\n# through.\n");
	setup_add_socket_advice(c, &c->milter, "milter", "milter.sock", out);
	buf_adds(out, "smtpd_milters = { ");
	setup_add_socket(&c->milter, out);
	buf_addf(out, ", default_action=%s }\n",
	    c->observe ? "accept" : "tempfail");
	buf_adds(out,
	    "# Never add it to non_smtpd_milters: mail from sendmail(1) has "
	    "no TLS to\n# look at.\n");
}

/* ---- Postfix: STARTTLS -------------------------------------------------- */

static bool needs_certificates(const struct conf *c)
{
	for (size_t i = 0; i < c->rules.n; i++) {
		const struct rule *r = c->rules.rules[i];

		if (r->require == REQUIRE_VERIFIED || r->cert_name.n ||
		    r->cert_fingerprint.n)
			return true;
	}
	return false;
}

void setup_add_tls(const struct conf *c, struct buf *out)
{
	buf_adds(out,
	    "\n# 2. STARTTLS must be offered. Not \"encrypt\": that would "
	    "refuse all\n# plaintext, and RFC 3207 forbids it to a public "
	    "server.\n"
	    "smtpd_tls_security_level = may\n"
	    "# Key and certificate, if they are not there yet (Postfix 3.4 "
	    "and later):\n"
	    "#smtpd_tls_chain_files = /etc/postfix/key-and-chain.pem\n");
	if (!needs_certificates(c))
		return;
	buf_adds(out,
	    "# A rule looks at client certificates. Postfix asks for them "
	    "only with\n# this, and names only those it trusts.\n"
	    "smtpd_tls_ask_ccert = yes\n"
	    "smtpd_tls_CApath = /etc/ssl/certs\n");
}

/* ---- Postfix: listener names -------------------------------------------- */

static bool is_port(const char *s)
{
	return strspn(s, "0123456789") == strlen(s);
}

static void collect_names(const struct strv *from, struct strv *names)
{
	for (size_t i = 0; i < from->n; i++)
		if (!is_port(from->v[i]) &&
		    !strv_has_nocase(names, from->v[i]))
			strv_add(names, from->v[i]);
}

void setup_service_names(const struct conf *c, struct strv *names)
{
	for (size_t i = 0; i < c->rules.n; i++)
		collect_names(&c->rules.rules[i]->listeners, names);
	for (size_t i = 0; i < c->listeners_n; i++)
		collect_names(&c->listeners[i].match, names);
}

/* Postfix gives every service its host name as {daemon_name}, unless told
 * otherwise in master.cf. */
static void add_daemon_names(const struct conf *c, struct buf *out)
{
	struct strv names = { 0 };

	setup_service_names(c, &names);
	if (names.n)
		buf_adds(out,
		    "\n# 3. Rules or listener sections name services. Give "
		    "each its name in\n# master.cf, below the line of its "
		    "smtpd; a port number needs nothing.\n");
	for (size_t i = 0; i < names.n; i++)
		buf_addf(out, "#   -o milter_macro_daemon_name=%s\n",
		    names.v[i]);
	strv_clear(&names);
}

void setup_postfix(const struct conf *c, struct buf *out)
{
	buf_addf(out, "# Postfix main.cf for tlsmilter, made from %s.\n"
	    "# Postfix 3.0 or later. Nothing has been changed on this "
	    "system.\n\n", c->file);
	add_milter(c, out);
	setup_add_tls(c, out);
	add_daemon_names(c, out);
	if (c->policy_service.n)
		buf_adds(out, "\n# For policy_service: tlsmilter setup postfix "
		    "--policy-service\n");
	buf_adds(out,
	    "\n# Then: postfix reload; send a message; tlsmilter status\n");
}

/* ---- Sendmail ----------------------------------------------------------- */

bool setup_sendmail_can_say(const struct endpoint *ep)
{
	return ep->kind != ENDPOINT_UNIX || !strpbrk(ep->path, "`', \t\"\\");
}

static void add_sendmail_socket_advice(const struct endpoint *ep,
    struct buf *out)
{
	if (ep->kind == ENDPOINT_INET)
		buf_adds(out,
		    "dnl With a unix socket each message takes a twentieth "
		    "of the time. For\n"
		    "dnl one, put\n"
		    "dnl   milter = \"unix:/run/tlsmilter/milter.sock\"\n"
		    "dnl into tlsmilter.conf, and run this command again.\n");
	else
		buf_adds(out,
		    "dnl No folder on the way to the socket may be writable "
		    "by group or others:\n"
		    "dnl Sendmail would not start. With confRUN_AS_USER, that "
		    "user must be able to\n"
		    "dnl open the socket: see socket_group and "
		    "socket_mode.\n");
}

static void add_sendmail_filter(const struct conf *c, struct buf *out)
{
	buf_adds(out,
	    "dnl 1. The milter. It is asked after those of "
	    "INPUT_MAIL_FILTER lines above.\n");
	if (c->observe)
		buf_adds(out,
		    "dnl mode = observe: if tlsmilterd is not running, mail "
		    "flows as without it.\n"
		    "dnl Insert F=T, before T= when you enforce.\n");
	else
		buf_adds(out,
		    "dnl mode = enforce: if tlsmilterd is not running, mail "
		    "is deferred (F=T), not\ndnl let through.\n");
	add_sendmail_socket_advice(&c->milter, out);
	if (!setup_sendmail_can_say(&c->milter)) {
		buf_addf(out, "dnl Sendmail cannot use the path %s: choose "
		    "one without blanks,\ndnl commas and quotes.\n",
		    c->milter.path);
		return;
	}
	buf_adds(out, "INPUT_MAIL_FILTER(`tlsmilter', `S=");
	endpoint_format(&c->milter, ENDPOINT_LIBMILTER, out);
	buf_addf(out, ", %sT=S:10s;R:10s;E:30s')dnl\n",
	    c->observe ? "" : "F=T, ");
	buf_adds(out,
	    "dnl No macros need to be added to MILTER_MACROS: tlsmilterd "
	    "asks for its own.\n");
}

/* Without it Sendmail tells MD5 fingerprints. */
static void add_sendmail_fingerprint(const struct conf *c, struct buf *out)
{
	bool needed = false;

	for (size_t i = 0; i < c->rules.n; i++)
		needed |= c->rules.rules[i]->cert_fingerprint.n > 0;
	if (needed)
		buf_adds(out,
		    "dnl The kind of fingerprint the rules have (Sendmail "
		    "8.16 and later); without\ndnl this line it is MD5.\n"
		    "define(`confCERT_FINGERPRINT_ALGORITHM', `sha256')dnl\n");
}

static void add_sendmail_tls(const struct conf *c, struct buf *out)
{
	buf_adds(out,
	    "\ndnl 2. STARTTLS must be offered. Sendmail does so only when it "
	    "has all four of\n"
	    "dnl these, and nobody but its owner may read the key:\n"
	    "dnl   define(`confSERVER_CERT', `/etc/mail/tls/chain.pem')\n"
	    "dnl   define(`confSERVER_KEY', `/etc/mail/tls/key.pem')\n"
	    "dnl   define(`confCACERT', `/etc/mail/tls/ca.pem')\n"
	    "dnl   define(`confCACERT_PATH', `/etc/ssl/certs')\n");
	if (needs_certificates(c))
		buf_adds(out,
		    "dnl A rule looks at client certificates. Sendmail asks "
		    "for them unless\n"
		    "dnl confTLS_SRV_OPTIONS contains V, and trusts the "
		    "authorities in confCACERT\n"
		    "dnl and confCACERT_PATH.\n"
		    "define(`confTLS_SRV_OPTIONS', `')dnl\n"
		    "define(`confCACERT_PATH', `/etc/ssl/certs')dnl\n");
	add_sendmail_fingerprint(c, out);
}

static void add_sendmail_names(const struct conf *c, struct buf *out)
{
	struct strv names = { 0 };

	setup_service_names(c, &names);
	if (names.n)
		buf_adds(out,
		    "\ndnl 3. Rules or listener sections name services. Give "
		    "each its name in its\n"
		    "dnl DAEMON_OPTIONS line; a port number needs "
		    "nothing.\n");
	for (size_t i = 0; i < names.n; i++)
		buf_addf(out, "dnl   DAEMON_OPTIONS(`Name=%s, Port=...')\n",
		    names.v[i]);
	strv_clear(&names);
}

void setup_sendmail(const struct conf *c, struct buf *out)
{
	buf_addf(out, "dnl Sendmail .mc lines for tlsmilter, made from %s.\n"
	    "dnl Sendmail 8.14.7 or later. They belong above the MAILER "
	    "lines. Nothing has\n"
	    "dnl been changed on this system.\n\n", c->file);
	add_sendmail_filter(c, out);
	add_sendmail_tls(c, out);
	add_sendmail_names(c, out);
	buf_adds(out,
	    "\ndnl Then: make sendmail.cf anew and restart Sendmail; send a "
	    "message;\ndnl tlsmilter status\n");
}
