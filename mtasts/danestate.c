/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/danestate.h"

#include "mtasts/tlsa.h"
#include "util/netaddr.h"
#include "util/str.h"

/* The questions about one host. */
enum slot_name { SLOT_A, SLOT_AAAA, SLOT_CNAME, SLOT_TLSA, SLOTS };

enum slot_state {
	SLOT_IDLE,
	SLOT_WANTED,
	SLOT_ASKED,
	SLOT_NONE,		/* the answer is "no" */
	SLOT_ERROR,
};

struct host {
	enum dane_host state;
	unsigned priority;
	enum slot_state slots[SLOTS];
	char name[DNS_NAME_SIZE];
	char expanded[DNS_NAME_SIZE];	/* the end of its aliases; "": none */
	bool at_expanded;	/* which of the two the TLSA question is at */
};

struct danestate {
	char domain[DNS_NAME_SIZE];
	unsigned port;
	enum slot_state mx;
	bool decided;		/* before any host was looked at */
	enum dane_outcome outcome;	/* decided */
	bool mx_secure;
	bool cut;
	uint32_t ttl;
	size_t hosts_n;
	struct host hosts[DANE_HOSTS_MAX];
};

const char *dane_host_text(enum dane_host state)
{
	switch (state) {
	case DANE_HOST_PENDING: return "not known yet";
	case DANE_HOST_USABLE: return "usable TLSA records";
	case DANE_HOST_UNUSABLE: return "unusable TLSA records";
	case DANE_HOST_NO_TLSA: return "no TLSA records";
	case DANE_HOST_NO_ADDRESS: return "no address";
	case DANE_HOST_ADDRESS_ERROR: return "its addresses failed";
	case DANE_HOST_TLSA_ERROR: return "its TLSA records failed";
	}
	return "unknown";
}

const char *dane_outcome_text(enum dane_outcome outcome)
{
	switch (outcome) {
	case DANE_NONE: return "none";
	case DANE_SOME: return "some";
	case DANE_ALL: return "all";
	case DANE_NULL_MX: return "null MX";
	case DANE_ERROR: return "error";
	}
	return "unknown";
}

/* ---- answers in general ------------------------------------------------ */

enum verdict { ANSWER_DATA, ANSWER_NONE, ANSWER_ERROR };

/* RFC 7672 §2.1.1: only "no such data" and "no such name" are answers;
 * whatever else goes wrong is an error, all of one kind (DANE-R-04 to 06). */
static enum verdict verdict_of(const struct dns_answer *a)
{
	switch (a->status) {
	case DNS_FOUND:
		return ANSWER_DATA;
	case DNS_NODATA:
	case DNS_NXDOMAIN:
		return ANSWER_NONE;
	case DNS_SERVFAIL:
	case DNS_BOGUS:
	case DNS_TIMEOUT:
		break;
	}
	return ANSWER_ERROR;
}

static enum slot_state slot_after(enum verdict v)
{
	return v == ANSWER_ERROR ? SLOT_ERROR : SLOT_NONE;
}

/* The outcome rests on this answer. */
static void rests_on(struct danestate *s, const struct dns_answer *a)
{
	if (a->ttl < s->ttl)
		s->ttl = a->ttl;
}

static void copy_name(char *out, const char *name)
{
	snprintf(out, DNS_NAME_SIZE, "%s", name);
}

/* ---- TLSA -------------------------------------------------------------- */

static const char *base_of(const struct host *h)
{
	return h->at_expanded ? h->expanded : h->name;
}

static bool tlsa_name(const struct danestate *s, const struct host *h,
    char *out)
{
	int n = snprintf(out, DNS_NAME_SIZE, "_%u._tcp.%s", s->port,
	    base_of(h));

	/* 253 characters are a whole name (RFC 1035 §3.1). */
	return n > 0 && n <= 253;
}

static void want_tlsa(const struct danestate *s, struct host *h);

/* Nothing at this name: try the other, if there is one (DANE-L-04). */
static void no_tlsa(const struct danestate *s, struct host *h)
{
	if (!h->at_expanded) {
		h->state = DANE_HOST_NO_TLSA;
		return;
	}
	h->at_expanded = false;
	want_tlsa(s, h);
}

/* A name too long to be asked for is a name without records. */
static void want_tlsa(const struct danestate *s, struct host *h)
{
	char name[DNS_NAME_SIZE];

	h->slots[SLOT_TLSA] = SLOT_WANTED;
	if (!tlsa_name(s, h, name))
		no_tlsa(s, h);
}

static bool any_counts(const struct dns_answer *a)
{
	enum tlsa_use use[DNS_RECORDS_MAX];

	return tlsa_judge_set(a->records, a->n, use) > 0;
}

/* DANE-L-09, DANE-A-01 to A-05. */
static void take_tlsa(struct danestate *s, struct host *h,
    const struct dns_answer *a)
{
	enum verdict v = verdict_of(a);

	if (v == ANSWER_ERROR) {
		h->state = DANE_HOST_TLSA_ERROR;
		return;
	}
	rests_on(s, a);
	if (v == ANSWER_DATA && a->secure)
		h->state = any_counts(a) ? DANE_HOST_USABLE :
		    DANE_HOST_UNUSABLE;
	else
		no_tlsa(s, h);
}

/* ---- addresses --------------------------------------------------------- */

/*
 * The first family with addresses decides: both have the name, and so the
 * security, in common, and one that fails or is slow must not stop mail.
 */
static void found_address(struct danestate *s, struct host *h,
    const struct dns_answer *a)
{
	rests_on(s, a);
	if (a->secure) {
		copy_name(h->expanded, a->canonical);
		h->at_expanded = *h->expanded != '\0';
		want_tlsa(s, h);
	} else if (a->alias) {
		/* DANE-R-10: was the first step secure? */
		h->slots[SLOT_CNAME] = SLOT_WANTED;
	} else {
		h->state = DANE_HOST_NO_TLSA;	/* DANE-L-02 */
	}
}

static bool has_ended(enum slot_state slot)
{
	return slot == SLOT_NONE || slot == SLOT_ERROR;
}

static void take_address(struct danestate *s, struct host *h,
    enum slot_name slot, const struct dns_answer *a)
{
	enum verdict v = verdict_of(a);

	/* The other family has decided already. */
	if (h->slots[SLOT_CNAME] != SLOT_IDLE ||
	    h->slots[SLOT_TLSA] != SLOT_IDLE)
		return;
	if (v == ANSWER_DATA) {
		found_address(s, h, a);
		return;
	}
	if (v != ANSWER_ERROR)
		rests_on(s, a);
	h->slots[slot] = slot_after(v);
	if (!has_ended(h->slots[SLOT_A]) || !has_ended(h->slots[SLOT_AAAA]))
		return;
	h->state = h->slots[SLOT_A] == SLOT_ERROR ||
	    h->slots[SLOT_AAAA] == SLOT_ERROR ? DANE_HOST_ADDRESS_ERROR :
	    DANE_HOST_NO_ADDRESS;
}

/* The addresses are not secure, their name is an alias (DANE-L-05). */
static void take_cname(struct danestate *s, struct host *h,
    const struct dns_answer *a)
{
	enum verdict v = verdict_of(a);

	if (v == ANSWER_ERROR) {
		h->state = DANE_HOST_TLSA_ERROR;
		return;
	}
	rests_on(s, a);
	if (v == ANSWER_DATA && a->secure)
		want_tlsa(s, h);
	else
		h->state = DANE_HOST_NO_TLSA;
}

/* ---- hosts ------------------------------------------------------------- */

/* An address where a name should be has no TLSA records (DANE-L-11). */
static void start_host(const struct danestate *s, struct host *h)
{
	struct netaddr addr;

	if (s->port == 0 || netaddr_parse(h->name, &addr)) {
		h->state = DANE_HOST_NO_TLSA;
		return;
	}
	h->slots[SLOT_A] = SLOT_WANTED;
	h->slots[SLOT_AAAA] = SLOT_WANTED;
}

static void only_host(struct danestate *s)
{
	s->hosts_n = 1;
	copy_name(s->hosts[0].name, s->domain);
	start_host(s, &s->hosts[0]);
}

static bool has_host(const struct danestate *s, const char *name)
{
	for (size_t i = 0; i < s->hosts_n; i++)
		if (strcmp(s->hosts[i].name, name) == 0)
			return true;
	return false;
}

/* Insert by preference, behind those of the same (DANE-L-10). */
static void add_host(struct danestate *s, const struct dns_record *mx)
{
	size_t i = s->hosts_n;

	while (i > 0 && s->hosts[i - 1].priority > mx->priority)
		i--;
	if (s->hosts_n == DANE_HOSTS_MAX) {
		s->cut = true;
		if (i == s->hosts_n)
			return;
		s->hosts_n--;
	}
	memmove(&s->hosts[i + 1], &s->hosts[i],
	    (s->hosts_n - i) * sizeof(s->hosts[0]));
	s->hosts[i] = (struct host){ .priority = mx->priority };
	copy_name(s->hosts[i].name, mx->data);
	s->hosts_n++;
}

static void decide(struct danestate *s, enum dane_outcome outcome)
{
	s->decided = true;
	s->outcome = outcome;
}

static void take_mx_hosts(struct danestate *s, const struct dns_answer *a)
{
	if (a->n == 1 && a->records[0].len == 0) {
		decide(s, DANE_NULL_MX);
		return;
	}
	s->cut = a->truncated;
	for (size_t i = 0; i < a->n; i++)
		if (a->records[i].len > 0 && !has_host(s, a->records[i].data))
			add_host(s, &a->records[i]);
	for (size_t i = 0; i < s->hosts_n; i++)
		start_host(s, &s->hosts[i]);
}

/* RFC 7672 §2.1.2, and §2.2.1 for what is not secure: hosts are looked at
 * one by one even then. */
static void take_mx(struct danestate *s, const struct dns_answer *a)
{
	enum verdict v = verdict_of(a);

	s->mx = slot_after(v);
	if (v == ANSWER_ERROR) {
		decide(s, DANE_ERROR);
		return;
	}
	rests_on(s, a);
	s->mx_secure = a->secure;
	if (v == ANSWER_DATA)
		take_mx_hosts(s, a);
	else if (a->status == DNS_NODATA)
		only_host(s);		/* RFC 5321 §5.1 */
	else
		decide(s, DANE_NONE);	/* no such domain, no mail */
}

/* ---- the machine ------------------------------------------------------- */

struct danestate *danestate_new(const char *domain, bool use_mx,
    unsigned port)
{
	struct danestate *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	copy_name(s->domain, domain);
	s->port = port;
	s->ttl = UINT32_MAX;
	if (use_mx) {
		s->mx = SLOT_WANTED;
	} else {
		s->mx = SLOT_NONE;
		s->mx_secure = true;
		only_host(s);
	}
	return s;
}

void danestate_free(struct danestate *s)
{
	free(s);
}

static void ask_host(const struct danestate *s, const struct host *h,
    enum slot_name slot, struct dane_question *q)
{
	static const enum dns_type types[SLOTS] = {
		[SLOT_A] = DNS_A,
		[SLOT_AAAA] = DNS_AAAA,
		[SLOT_CNAME] = DNS_CNAME,
		[SLOT_TLSA] = DNS_TLSA,
	};

	q->type = types[slot];
	if (slot != SLOT_TLSA)
		copy_name(q->name, h->name);
	else
		tlsa_name(s, h, q->name);
}

static bool next_of_host(struct danestate *s, size_t i,
    struct dane_question *q)
{
	struct host *h = &s->hosts[i];

	if (h->state != DANE_HOST_PENDING)
		return false;
	for (unsigned slot = 0; slot < SLOTS; slot++)
		if (h->slots[slot] == SLOT_WANTED) {
			h->slots[slot] = SLOT_ASKED;
			q->id = 1 + (unsigned)i * SLOTS + slot;
			ask_host(s, h, (enum slot_name)slot, q);
			return true;
		}
	return false;
}

bool danestate_next(struct danestate *s, struct dane_question *q_r)
{
	if (s->mx == SLOT_WANTED) {
		s->mx = SLOT_ASKED;
		q_r->id = 0;
		q_r->type = DNS_MX;
		copy_name(q_r->name, s->domain);
		return true;
	}
	for (size_t i = 0; i < s->hosts_n; i++)
		if (next_of_host(s, i, q_r))
			return true;
	return false;
}

static void answer_host(struct danestate *s, struct host *h,
    enum slot_name slot, const struct dns_answer *a)
{
	if (h->slots[slot] != SLOT_ASKED || h->state != DANE_HOST_PENDING)
		return;
	h->slots[slot] = SLOT_NONE;
	switch (slot) {
	case SLOT_A:
	case SLOT_AAAA:
		take_address(s, h, slot, a);
		break;
	case SLOT_CNAME:
		take_cname(s, h, a);
		break;
	case SLOT_TLSA:
		take_tlsa(s, h, a);
		break;
	case SLOTS:
		break;
	}
}

void danestate_answer(struct danestate *s, unsigned id,
    const struct dns_answer *a)
{
	if (id == 0) {
		if (s->mx == SLOT_ASKED)
			take_mx(s, a);
		return;
	}
	id--;
	if (id / SLOTS < s->hosts_n)
		answer_host(s, &s->hosts[id / SLOTS],
		    (enum slot_name)(id % SLOTS), a);
}

void danestate_expire(struct danestate *s)
{
	if (s->mx == SLOT_WANTED || s->mx == SLOT_ASKED) {
		s->mx = SLOT_ERROR;
		decide(s, DANE_ERROR);
	}
	for (size_t i = 0; i < s->hosts_n; i++) {
		struct host *h = &s->hosts[i];

		if (h->state != DANE_HOST_PENDING)
			continue;
		h->state = h->slots[SLOT_TLSA] == SLOT_IDLE &&
		    h->slots[SLOT_CNAME] == SLOT_IDLE ?
		    DANE_HOST_ADDRESS_ERROR : DANE_HOST_TLSA_ERROR;
	}
}

bool danestate_done(const struct danestate *s)
{
	if (s->decided)
		return true;
	if (s->mx == SLOT_WANTED || s->mx == SLOT_ASKED)
		return false;
	for (size_t i = 0; i < s->hosts_n; i++)
		if (s->hosts[i].state == DANE_HOST_PENDING)
			return false;
	return true;
}

/* ---- the outcome ------------------------------------------------------- */

/*
 * A host that cannot be told about may not be used now, others may
 * (RFC 7672 §2.1.2, §2.2). So it does not stop the domain while another
 * is known, and it makes neither "all" of some nor "none" of anything:
 * - all others are usable: ALL, at which that host is not used either;
 * - one of the others has no usable records: not ALL;
 * - none of them has any: SOME, at which the MTA asks about each host
 *   again. With an unsigned MX record whoever can suppress an address can
 *   as well name another host, so there it changes nothing.
 */
static enum dane_outcome outcome_of(const struct danestate *s)
{
	size_t n[DANE_HOST_TLSA_ERROR + 1] = { 0 };
	size_t with, unseen;

	for (size_t i = 0; i < s->hosts_n; i++)
		n[s->hosts[i].state]++;
	with = n[DANE_HOST_USABLE] + n[DANE_HOST_UNUSABLE];
	unseen = n[DANE_HOST_ADDRESS_ERROR] + s->cut;
	if (with + n[DANE_HOST_NO_TLSA] == 0)
		return unseen + n[DANE_HOST_TLSA_ERROR] > 0 ? DANE_ERROR :
		    DANE_NONE;
	if (s->mx_secure && n[DANE_HOST_USABLE] > 0 &&
	    n[DANE_HOST_UNUSABLE] + n[DANE_HOST_NO_TLSA] == 0)
		return DANE_ALL;
	if (with + n[DANE_HOST_TLSA_ERROR] > 0)
		return DANE_SOME;
	return s->mx_secure && unseen > 0 ? DANE_SOME : DANE_NONE;
}

void danestate_result(const struct danestate *s, struct dane_result *r_r)
{
	*r_r = (struct dane_result){
		.outcome = s->decided ? s->outcome : outcome_of(s),
		.mx_secure = s->mx_secure,
		.cut = s->cut,
		.ttl = s->ttl == UINT32_MAX ? 0 : s->ttl,
		.hosts = s->hosts_n,
	};
}

void danestate_host(const struct danestate *s, size_t i,
    struct dane_host_result *r_r)
{
	const struct host *h = &s->hosts[i];
	bool found = h->state == DANE_HOST_USABLE ||
	    h->state == DANE_HOST_UNUSABLE;

	*r_r = (struct dane_host_result){
		.name = h->name, .priority = h->priority, .state = h->state,
		.base = found ? base_of(h) : NULL,
	};
}
