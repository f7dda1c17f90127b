/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "policy/reply.h"

#include "policy/reason.h"
#include "policy/require.h"
#include "util/str.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ES-01, ES-03; facts of how other servers answer are behind the choice.
 * Both classes of a row mean the same; ES-02 holds in each. */
static const struct codes {
	const char *reject, *xreject;
	const char *defer, *xdefer;
} codes[] = {
	[UNMET_NOTHING] = { "550", "5.7.1", "451", "4.7.1" },
	[UNMET_PLAINTEXT] = { "550", "5.7.10", "451", "4.7.10" },
	[UNMET_WEAK] = { "554", "5.7.5", "454", "4.7.5" },
	[UNMET_CERTIFICATE] = { "550", "5.7.1", "450", "4.7.1" },
	[UNMET_UNKNOWN] = { "550", "5.7.10", "451", "4.7.10" },
};

/* What is required, in words for the sender's postmaster. */
static const struct {
	const char *what;
	const char *text;
} requirements[] = {
	{ "tls", "TLS is" },
	{ "tls1.2", "TLS 1.2 or newer is" },
	{ "tls1.3", "TLS 1.3 is" },
	{ "min_bits", "A stronger TLS cipher is" },
	{ "deny_cipher", "Another TLS cipher is" },
	{ "verified", "A trusted client certificate is" },
	{ "cert_name", "A client certificate with the agreed name is" },
	{ "cert_fingerprint", "The agreed client certificate is" },
};

/* Write what is required, with the verb. */
static void write_requirement(const struct verdict *v, char *out, size_t size)
{
	const char *what = v->unmet_what, *text = "TLS is";

	for (size_t i = 0; what && i < COUNT(requirements); i++)
		if (strcmp(what, requirements[i].what) == 0)
			text = requirements[i].text;
	if (v->rule && what && strcmp(what, "min_bits") == 0)
		snprintf(out, size, "A TLS cipher of %d bits or more is",
		    v->rule->min_bits);
	else
		snprintf(out, size, "%s", text);
}

/* True for a name that may be shown to anybody: LDH and dots only. */
static bool is_ldh(const char *s)
{
	for (; str_is_alnum(*s) || *s == '-' || *s == '.'; s++)
		;
	return !*s;
}

/* True when s can stand in a reply: printable ASCII without blanks. */
static bool is_showable_url(const char *s)
{
	for (; *s > ' ' && *s < 0x7f; s++)
		;
	return !*s;
}

/* Write "mail to example.com", or "this mail" where there is no domain to
 * name, or one too long for a reply. */
static void write_mail(const struct verdict *v, char *out, size_t size)
{
	const char *domain = v->policy_domain;

	if (!domain || !*domain || !is_ldh(domain) ||
	    strlen(domain) + sizeof("mail from ") > size)
		snprintf(out, size, "this mail");
	else
		snprintf(out, size, "mail %s %s",
		    v->about_sender ? "from" : "to", domain);
}

/* Say that mail must wait, because something is not known. */
static void write_unknown(const struct verdict *v, const char *mail,
    char *out, size_t size)
{
	if (reason_is_lookup(v->unmet_what))
		snprintf(out, size, "Looking up whether %s requires TLS; use "
		    "TLS or try again later", mail);
	else if (require_is_about_certificate(v->unmet_what))
		snprintf(out, size, "Cannot check the client certificate "
		    "that is required for %s; try again later", mail);
	else
		snprintf(out, size, "Cannot tell whether TLS is strong "
		    "enough for %s; try again later", mail);
}

/* Our own words; help_url is left out when the line would be too long. */
static void write_text(const struct verdict *v, const char *help_url,
    char *out, size_t size)
{
	char mail[120], requirement[48];
	size_t len;

	write_mail(v, mail, sizeof(mail));
	write_requirement(v, requirement, sizeof(requirement));
	if (v->unmet == UNMET_UNKNOWN)
		write_unknown(v, mail, out, size);
	else
		snprintf(out, size, "%s required for %s", requirement, mail);
	len = strlen(out);
	if (help_url && *help_url && is_showable_url(help_url) &&
	    len + strlen("; see ") + strlen(help_url) < size)
		snprintf(out + len, size - len, "; see %s", help_url);
}

/*
 * Use the rule's own reply. A rule that rejects may still only be deferred
 * (by the fuse): the built-in code then takes the place of the stated one,
 * as a code is silently ignored where its class does not fit (ES-04).
 */
static void apply_template(const struct reply_template *t, char class,
    struct reply *reply)
{
	if (t->code[0] == class)
		memcpy(reply->code, t->code, sizeof(reply->code));
	memcpy(reply->xcode, t->xcode, sizeof(reply->xcode));
	reply->xcode[0] = class;
	snprintf(reply->text, sizeof(reply->text), "%s", t->text);
}

void reply_build(const struct verdict *v, const char *help_url,
    struct reply *reply_r)
{
	const struct codes *c = &codes[v->unmet];
	bool reject = v->action == ACTION_REJECT;

	*reply_r = (struct reply){ 0 };
	memcpy(reply_r->code, reject ? c->reject : c->defer, 4);
	snprintf(reply_r->xcode, sizeof(reply_r->xcode), "%s",
	    reject ? c->xreject : c->xdefer);
	/* "not known yet" is ours to say: the rule's text is for mail that
	 * does not meet it */
	if (v->rule && v->rule->reply.code[0] && v->unmet != UNMET_UNKNOWN)
		apply_template(&v->rule->reply, reject ? '5' : '4', reply_r);
	else
		write_text(v, help_url, reply_r->text,
		    sizeof(reply_r->text));
}

void reply_escape(const char *text, char *out, size_t outsize)
{
	size_t n = 0;

	for (; *text && n + (*text == '%') + 1 < outsize; text++) {
		out[n++] = *text;
		if (*text == '%')
			out[n++] = '%';
	}
	if (outsize > 0)
		out[n] = '\0';
}
