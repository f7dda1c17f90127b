/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/adtest.h"

#include "mtasts/nameserver.h"
#include "mtasts/selftest.h"

struct server {
	struct adtest *test;
	struct selftest *selftest;
	char name[NETADDR_TEXT];
	bool ended;			/* once, at least */
	enum selftest_result result;	/* of the last test */
	char why[sizeof(((struct dns_answer *)NULL)->why)];
};

struct adtest {
	struct adtest_owner owner;
	enum dns_mta state;
	char why[sizeof(((struct server *)NULL)->why) + NETADDR_TEXT + 2];
	size_t n;
	struct server servers[];
};

static struct dns_query *ask(void *arg, const char *zone, dns_fn *fn,
    void *fn_arg)
{
	struct server *s = arg;
	struct adtest *t = s->test;

	return t->owner.ask(t->owner.arg, (size_t)(s - t->servers), zone, fn,
	    fn_arg);
}

static const struct server *find(const struct adtest *t,
    enum selftest_result result)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->servers[i].result == result)
			return &t->servers[i];
	return NULL;
}

/* One that answers without AD spoils it; one that is silent does not, as
 * long as another is there. */
static enum dns_mta judge(const struct adtest *t, const struct server **bad_r)
{
	for (size_t i = 0; i < t->n; i++)
		if (!t->servers[i].ended)
			return DNS_MTA_TESTING;
	*bad_r = find(t, SELFTEST_FAILED);
	if (!*bad_r && find(t, SELFTEST_PASSED))
		return DNS_MTA_AD;
	if (!*bad_r)
		*bad_r = find(t, SELFTEST_NO_ANSWER);
	return DNS_MTA_NO_AD;
}

static void ended(void *arg, enum selftest_result result, const char *why)
{
	struct server *s = arg;
	struct adtest *t = s->test;
	const struct server *bad = NULL;
	enum dns_mta state;
	char text[sizeof(t->why)] = "";
	bool changed;

	s->ended = true;
	s->result = result;
	snprintf(s->why, sizeof(s->why), "%s", why);
	state = judge(t, &bad);
	if (bad)
		snprintf(text, sizeof(text), "%s: %s", bad->name, bad->why);
	changed = state != t->state || strcmp(text, t->why) != 0;
	t->state = state;
	memcpy(t->why, text, sizeof(text));
	if (changed)
		t->owner.changed(t->owner.arg);
}

struct adtest *adtest_new(struct evloop *loop,
    const struct adtest_owner *owner, const char *const *servers)
{
	struct selftest_owner lent = { .ask = ask, .ended = ended,
		.insecure = "AD is not set",
		.repeat_ms = SELFTEST_REPEAT_MS };
	struct adtest *t;
	size_t n = 0;

	while (servers[n])
		n++;
	t = calloc(1, sizeof(*t) + n * sizeof(t->servers[0]));
	if (!t)
		return NULL;
	t->owner = *owner;
	for (; t->n < n; t->n++) {
		struct server *s = &t->servers[t->n];

		s->test = t;
		snprintf(s->name, sizeof(s->name), "%s", servers[t->n]);
		lent.arg = s;
		s->selftest = selftest_new(loop, &lent);
		if (!s->selftest) {
			adtest_free(t);
			return NULL;
		}
	}
	return t;
}

void adtest_free(struct adtest *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n; i++)
		selftest_free(t->servers[i].selftest);
	free(t);
}

bool adtest_add_zone(struct adtest *t, const char *name, size_t len)
{
	for (size_t i = 0; i < t->n; i++)
		if (!selftest_add_zone(t->servers[i].selftest, name, len))
			return false;
	return true;
}

void adtest_begin(struct adtest *t)
{
	for (size_t i = 0; i < t->n; i++)
		selftest_begin(t->servers[i].selftest);
}

enum dns_mta adtest_state(const struct adtest *t, const char **why_r)
{
	if (why_r)
		*why_r = t->why;
	return t->state;
}
