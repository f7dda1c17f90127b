/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A note:
 *
 *   {"version": 1, "mx": ["10 mx1.example.com"],
 *    "sts": {"mode", "id", "max_age", "mx": […]},
 *    "hosts": {"mx1.example.com": {"tlsa": true, "starttls": COUNTS,
 *      "addresses": {"192.0.2.1": {"starttls": COUNTS, "last_check": …,
 *        "joined": true, "tls": "TLSv1.3", "issuer": "CN=…",
 *        "certificates": ["hex"]}}}}}
 *
 * COUNTS: {"offered", "told", "last_offered", "missing_since"}. "joined": the
 * host was known before this address could be told about. What is not
 * there, or of another type, is not remembered.
 */
#include "config.h"

#include "check/memory.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "check/memory-internal.h"
#include "util/buf.h"

#define NOTE_VERSION 1
/* What has not been seen for so long is forgotten. */
#define FORGET_AFTER (180 * (int64_t)86400)

/* ---- reading ----------------------------------------------------------- */

struct memory *memory_read(const char *text, size_t len)
{
	struct memory *m = calloc(1, sizeof(*m));
	json_t *note = NULL;

	if (!m)
		return NULL;
	if (text && len > 0 && len <= MEMORY_NOTE_MAX)
		note = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	if (json_integer_value(json_object_get(note, "version")) == NOTE_VERSION) {
		m->note = note;
		m->known = true;
		return m;
	}
	json_decref(note);
	m->note = json_pack("{s:i}", "version", NOTE_VERSION);
	if (!m->note) {
		free(m);
		return NULL;
	}
	return m;
}

void memory_free(struct memory *m)
{
	if (!m)
		return;
	json_decref(m->note);
	free(m);
}

json_t *memory_host(const struct memory *m, const char *host)
{
	return json_object_get(json_object_get(m->note, "hosts"), host);
}

json_t *memory_address(const struct memory *m, const char *host,
    const struct netaddr *addr)
{
	char text[NETADDR_TEXT];

	return json_object_get(json_object_get(memory_host(m, host),
	    "addresses"), netaddr_format(addr, text));
}

static json_int_t number(const json_t *o, const char *member)
{
	json_int_t n = json_integer_value(json_object_get(o, member));

	return n > 0 ? n : 0;
}

static unsigned count(const json_t *o, const char *member)
{
	json_int_t n = number(o, member);

	return n < 1000000000 ? (unsigned)n : 1000000000u;
}

void memory_starttls(const struct memory *m, const char *host,
    const struct netaddr *addr, struct memory_starttls *s_r)
{
	json_t *where = addr ? memory_address(m, host, addr) :
	    memory_host(m, host);
	json_t *counts = json_object_get(where, "starttls");
	unsigned told = count(counts, "told");

	/* An address that is new, at a host that is not, is held to what the
	 * host's others did, until it has offered STARTTLS itself. */
	if (addr && (told == 0 || (count(counts, "offered") == 0 &&
	    json_is_true(json_object_get(where, "joined")))))
		counts = json_object_get(memory_host(m, host), "starttls");
	s_r->offered = count(counts, "offered");
	s_r->told = count(counts, "told");
	s_r->last_offered = number(counts, "last_offered");
	s_r->missing_since = number(counts, "missing_since");
	s_r->last_check = number(where, "last_check");
}

/* ---- what was seen ----------------------------------------------------- */

/* NO only if no connection was offered it. */
enum check_answer memory_offered(const struct address_facts *a)
{
	if (a->first.offered == ANSWER_YES ||
	    (a->second_kind != SECOND_NONE &&
	    a->second.offered == ANSWER_YES))
		return ANSWER_YES;
	return a->first.offered;
}

const struct probe_tls *memory_tls(const struct address_facts *a)
{
	if (a->first.has_tls)
		return &a->first.tls;
	return a->second_kind == SECOND_RETRY && a->second.has_tls ?
	    &a->second.tls : NULL;
}

/* ---- writing ----------------------------------------------------------- */

/* A member that is an object, made if it is none; NULL: out of memory. */
static json_t *object_in(json_t *o, const char *member)
{
	json_t *value = json_object_get(o, member);

	if (json_is_object(value))
		return value;
	value = json_object();
	return json_object_set_new(o, member, value) == 0 ? value : NULL;
}

static bool set_number(json_t *o, const char *member, int64_t n)
{
	return json_object_set_new(o, member, json_integer(n)) == 0;
}

static bool add_starttls(json_t *where, enum check_answer offered, int64_t now)
{
	json_t *counts = object_in(where, "starttls");
	unsigned yes = count(counts, "offered");
	unsigned told = count(counts, "told");

	if (!counts || offered == ANSWER_UNKNOWN)
		return counts != NULL;
	if (offered == ANSWER_YES)
		return set_number(counts, "offered", yes + 1) &&
		    set_number(counts, "told", told + 1) &&
		    set_number(counts, "last_offered", now) &&
		    set_number(counts, "missing_since", 0);
	return set_number(counts, "told", told + 1) &&
	    (number(counts, "missing_since") > 0 ||
	    set_number(counts, "missing_since", now));
}

/* The newest first; machines behind one address take turns. */
static bool add_certificate(json_t *where, const char *sha256)
{
	json_t *list = json_object_get(where, "certificates");
	json_t *fresh = json_array();
	bool ok = json_array_append_new(fresh, json_string(sha256)) == 0;
	size_t i;
	json_t *one;

	json_array_foreach(list, i, one)
		if (json_is_string(one) && strcmp(json_string_value(one),
		    sha256) != 0 && json_array_size(fresh) <
		    MEMORY_CERTIFICATES)
			ok = ok && json_array_append(fresh, one) == 0;
	if (!ok) {
		json_decref(fresh);
		return false;
	}
	return json_object_set_new(where, "certificates", fresh) == 0;
}

/* known: the host offered STARTTLS at an earlier check. */
static bool add_address(json_t *addresses, const struct address_facts *a,
    bool known, int64_t now)
{
	char text[NETADDR_TEXT];
	json_t *where = object_in(addresses, netaddr_format(&a->addr, text));
	const struct probe_tls *t = memory_tls(a);

	if (!where || !set_number(where, "last_check", now))
		return false;
	if (known && count(json_object_get(where, "starttls"), "told") == 0 &&
	    json_object_set_new(where, "joined", json_true()) != 0)
		return false;
	if (!add_starttls(where, memory_offered(a), now))
		return false;
	if (!t)
		return true;
	return json_object_set_new(where, "tls", json_string(t->version)) ==
	    0 &&
	    json_object_set_new(where, "issuer",
		json_string(t->cert.issuer ? t->cert.issuer : "")) == 0 &&
	    add_certificate(where, t->cert.sha256);
}

static enum check_answer host_offered(const struct host_facts *h)
{
	enum check_answer best = ANSWER_UNKNOWN;

	for (size_t i = 0; i < h->n; i++)
		if (memory_offered(&h->addresses[i]) > best)
			best = memory_offered(&h->addresses[i]);
	return best;
}

static bool add_host(json_t *hosts, const struct host_facts *h, int64_t now)
{
	json_t *where = object_in(hosts, h->name);
	json_t *addresses = where ? object_in(where, "addresses") : NULL;
	bool known = count(json_object_get(where, "starttls"), "offered") > 0;

	if (!addresses || !set_number(where, "last_check", now) ||
	    !add_starttls(where, host_offered(h), now))
		return false;
	if ((h->dane == DANE_HOST_USABLE || h->dane == DANE_HOST_NO_TLSA ||
	    h->dane == DANE_HOST_UNUSABLE) &&
	    json_object_set_new(where, "tlsa",
		json_boolean(h->dane == DANE_HOST_USABLE)) != 0)
		return false;
	for (size_t i = 0; i < h->n; i++)
		if (!add_address(addresses, &h->addresses[i], known,
		    now))
			return false;
	return true;
}

static json_t *strings(const struct strv *sv)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < sv->n; i++)
		if (json_array_append_new(list, json_string(sv->v[i])) != 0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

/* The policy, if it could be told whether there is one. */
static bool add_sts(json_t *note, const struct check_facts *f)
{
	if (f->sts_asked && f->sts == MTASTS_FOUND)
		return json_object_set_new(note, "sts",
		    json_pack("{s:s, s:s, s:I, s:o}", "mode",
			mtasts_mode_name(f->sts_mode), "id", f->sts_id,
			"max_age", (json_int_t)f->sts_max_age, "mx",
			strings(&f->sts_mx))) == 0;
	if (f->sts_asked && f->sts == MTASTS_ABSENT)
		json_object_del(note, "sts");
	return true;
}

bool memory_mx(const struct check_facts *f, json_t **list_r)
{
	json_t *list = json_array();
	bool ok = list != NULL;

	for (size_t i = 0; ok && i < f->n; i++)
		ok = json_array_append_new(list, json_sprintf("%u %s",
		    f->hosts[i].preference, f->hosts[i].name)) == 0;
	if (!ok) {
		json_decref(list);
		return false;
	}
	*list_r = list;
	return true;
}

/* Forget the members that were last seen before `since`. */
static void forget(json_t *members, int64_t since)
{
	const char *key;
	json_t *one;
	void *next;

	json_object_foreach_safe(members, next, key, one) {
		if (number(one, "last_check") < since)
			json_object_del(members, key);
		else
			forget(json_object_get(one, "addresses"), since);
	}
}

static bool write_note(struct memory *m, const struct check_facts *f,
    struct buf *note)
{
	json_t *hosts = json_object_get(m->note, "hosts");
	char *text;

	forget(hosts, f->started - FORGET_AFTER);
	text = json_dumps(m->note, JSON_COMPACT | JSON_SORT_KEYS);
	if (text && strlen(text) > MEMORY_NOTE_MAX) {
		/* Then only what is there now. */
		free(text);
		forget(hosts, f->started);
		text = json_dumps(m->note, JSON_COMPACT | JSON_SORT_KEYS);
	}
	if (text && strlen(text) <= MEMORY_NOTE_MAX)
		buf_adds(note, text);
	free(text);
	return text != NULL && !note->failed;
}

bool memory_update(struct memory *m, const struct check_facts *f,
    struct buf *note)
{
	json_t *hosts = object_in(m->note, "hosts");
	json_t *mx;

	if (!hosts)
		return false;
	for (size_t i = 0; i < f->n; i++)
		if (!add_host(hosts, &f->hosts[i], f->started))
			return false;
	if (f->target.is_domain && f->mx == MX_FOUND &&
	    (!memory_mx(f, &mx) ||
	    json_object_set_new(m->note, "mx", mx) != 0))
		return false;
	return add_sts(m->note, f) && write_note(m, f, note);
}
