/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "check/judge-internal.h"

/* ---- addresses --------------------------------------------------------- */

static bool is_error(const struct family_facts *family)
{
	return family->asked && (family->status == DNS_SERVFAIL ||
	    family->status == DNS_TIMEOUT);
}

static void judge_family(struct judge *j, const struct family_facts *family,
    const char *type, bool alone)
{
	if (!family->asked)
		return;
	if (family->status == DNS_BOGUS)
		findings_add(j->out, "host.bogus", CHECK_FAIL, j->h, NULL,
		    "the %s record: %s%s%s", type,
		    dns_status_text(family->status), *family->why ? ", " :
		    "", family->why);
	/* One family is enough for mail; that the servers fail on the other
	 * is still wrong. */
	else if (is_error(family))
		findings_add(j->out, "host.dns-error", alone ||
		    family->status == DNS_TIMEOUT ? CHECK_UNKNOWN :
		    CHECK_WARN, j->h, NULL, "the %s record: %s%s%s", type,
		    dns_status_text(family->status), *family->why ? ", " :
		    "", family->why);
}

static void judge_addresses(struct judge *j)
{
	const struct host_facts *h = j->h;
	bool four = h->ipv4.status == DNS_FOUND;
	bool six = h->ipv6.status == DNS_FOUND;

	judge_family(j, &h->ipv4, "A", !six);
	judge_family(j, &h->ipv6, "AAAA", !four);
	if (!h->ipv4.asked && !h->ipv6.asked)
		return;
	if (four || six)
		findings_add(j->out, "host.address", CHECK_OK, h, NULL,
		    "%zu address%s%s", h->n, h->n == 1 ? "" : "es",
		    h->n > 0 ? "" : " of a family that was to be tested");
	else if (!is_error(&h->ipv4) && !is_error(&h->ipv6) &&
	    h->ipv4.status != DNS_BOGUS && h->ipv6.status != DNS_BOGUS)
		findings_add(j->out, "host.no-address", CHECK_FAIL, h, NULL,
		    "neither an A nor an AAAA record (%s)",
		    dns_status_text(h->ipv4.status));
	if (four && (h->ipv6.status == DNS_NODATA ||
	    h->ipv6.status == DNS_NXDOMAIN) && h->ipv6.asked)
		findings_add(j->out, "host.no-ipv6", CHECK_INFO, h, NULL,
		    "no IPv6 address");
}

static void judge_name(struct judge *j)
{
	const struct host_facts *h = j->h;

	if (h->is_literal)
		findings_add(j->out, "mx.literal", CHECK_FAIL, h, NULL,
		    "the MX record names an address");
	if (!h->alias)
		return;
	/* Clients of people follow aliases, as everybody does. */
	findings_add(j->out, "mx.alias", j->f->target.is_domain ?
	    CHECK_WARN : CHECK_INFO, h, NULL, "an alias for %s%s%s",
	    h->canonical, *h->base ? "; TLSA records are at " : "",
	    h->base);
}

/* ---- DANE -------------------------------------------------------------- */

static void judge_records(struct judge *j)
{
	const struct host_facts *h = j->h;

	for (size_t i = 0; i < h->tlsa_n; i++)
		if (h->tlsa[i].use != TLSA_COUNTS)
			findings_add(j->out, "dane.record",
			    h->tlsa[i].use == TLSA_WEAKER ? CHECK_INFO :
			    CHECK_WARN, h, NULL, "%s: %s", h->tlsa[i].text,
			    tlsa_use_text(h->tlsa[i].use));
}

/* Is there a record that the next key will fit? */
static void judge_rollover(struct judge *j)
{
	const struct host_facts *h = j->h;
	size_t matching = 0, others = 0;

	for (size_t i = 0; i < h->tlsa_n; i++) {
		if (h->tlsa[i].use != TLSA_COUNTS)
			continue;
		matching += h->tlsa[i].matches == ANSWER_YES;
		others += h->tlsa[i].matches == ANSWER_NO;
	}
	if (matching == 0)
		return;
	if (host_facts_has_ta(h))
		findings_add(j->out, "dane.rollover", CHECK_OK, h, NULL,
		    "a record of the authority fits the next key, too");
	else if (others > 0)
		findings_add(j->out, "dane.rollover", CHECK_OK, h, NULL,
		    "%zu record%s for another key", others,
		    others == 1 ? "" : "s");
	else
		findings_add(j->out, "dane.rollover", CHECK_INFO, h, NULL,
		    "the TLSA records have no \"next\" key yet");
}

static void judge_host_dane(struct judge *j)
{
	const struct host_facts *h = j->h;

	switch (h->dane) {
	case DANE_HOST_USABLE:
		judge_records(j);
		judge_rollover(j);
		break;
	case DANE_HOST_UNUSABLE:
		findings_add(j->out, "dane.unusable", CHECK_WARN, h, NULL,
		    "%zu TLSA record%s, none of which counts", h->tlsa_n,
		    h->tlsa_n == 1 ? "" : "s");
		judge_records(j);
		break;
	case DANE_HOST_TLSA_ERROR:
		findings_add(j->out, "dane.error", CHECK_FAIL, h, NULL,
		    "the TLSA records at _%u._tcp.%s cannot be looked up",
		    j->f->target.port, *h->base ? h->base : h->name);
		break;
	case DANE_HOST_NO_TLSA:
		/* An unsigned zone has nothing to say. */
		if (h->ipv4.secure || h->ipv6.secure)
			findings_add(j->out, "dane.none", CHECK_INFO, h,
			    NULL, "a signed zone, and no TLSA records");
		break;
	case DANE_HOST_PENDING:
	case DANE_HOST_NO_ADDRESS:
	case DANE_HOST_ADDRESS_ERROR:
		break;
	}
}

void judge_host(struct judge *j)
{
	judge_name(j);
	if (!j->h->is_literal)
		judge_addresses(j);
	judge_host_dane(j);
}
