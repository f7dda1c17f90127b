/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/selftest.h"

#include "mtasts/evloop.h"
#include "util/str.h"

#define ZONES_MAX 4
/* libunbound remembers for a minute that it could not get a key. */
#define RETEST_MS 15000

struct zone {
	struct selftest *test;
	char *name;
	struct dns_query *query;
};

struct selftest {
	struct selftest_owner owner;
	struct evtimer *timer;
	struct zone zones[ZONES_MAX];
	unsigned zones_n;
	unsigned left;		/* answers to come */
	enum selftest_result result;
	char why[sizeof(((struct dns_answer *)NULL)->why)];
};

static enum selftest_result judge(const struct dns_answer *a)
{
	switch (a->status) {
	case DNS_FOUND:
		return a->secure ? SELFTEST_PASSED : SELFTEST_FAILED;
	case DNS_NODATA:
	case DNS_NXDOMAIN:
	case DNS_BOGUS:
		return SELFTEST_FAILED;
	case DNS_SERVFAIL:
	case DNS_TIMEOUT:
		break;
	}
	return SELFTEST_NO_ANSWER;
}

static void note_why(struct selftest *t, const struct dns_answer *a)
{
	if (!t->why[0])
		snprintf(t->why, sizeof(t->why), "%s", a->why[0] ? a->why :
		    a->status == DNS_FOUND ? t->owner.insecure :
		    dns_status_text(a->status));
}

static void end(struct selftest *t)
{
	bool passed = t->result == SELFTEST_PASSED;

	if (!passed)
		evtimer_set(t->timer, RETEST_MS);
	else if (t->owner.repeat_ms > 0)
		evtimer_set(t->timer, t->owner.repeat_ms);
	t->owner.ended(t->owner.arg, t->result, passed ? "" : t->why);
}

static void on_answer(void *arg, const struct dns_answer *a)
{
	struct zone *z = arg;
	struct selftest *t = z->test;
	enum selftest_result result = judge(a);

	z->query = NULL;
	if (result != SELFTEST_PASSED)
		note_why(t, a);
	if (result < t->result)
		t->result = result;
	if (--t->left == 0)
		end(t);
}

static void begin(void *arg)
{
	struct selftest *t = arg;

	t->result = SELFTEST_NO_ANSWER;
	t->why[0] = '\0';
	t->left = 0;
	for (unsigned i = 0; i < t->zones_n; i++) {
		struct zone *z = &t->zones[i];

		z->query = t->owner.ask(t->owner.arg, z->name, on_answer, z);
		t->left += z->query != NULL;
	}
	if (t->left)
		return;
	snprintf(t->why, sizeof(t->why), "out of memory");
	end(t);
}

struct selftest *selftest_new(struct evloop *loop,
    const struct selftest_owner *owner)
{
	struct selftest *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->owner = *owner;
	t->timer = evtimer_new(loop, begin, t);
	if (!t->timer) {
		free(t);
		return NULL;
	}
	return t;
}

void selftest_free(struct selftest *t)
{
	if (!t)
		return;
	for (unsigned i = 0; i < t->zones_n; i++) {
		dns_query_cancel(t->zones[i].query);
		free(t->zones[i].name);
	}
	evtimer_free(t->timer);
	free(t);
}

bool selftest_add_zone(struct selftest *t, const char *name, size_t len)
{
	struct zone *z = &t->zones[t->zones_n];

	for (unsigned i = 0; i < t->zones_n; i++)
		if (strlen(t->zones[i].name) == len &&
		    str_ieq_n(t->zones[i].name, name, len))
			return true;
	if (t->zones_n == ZONES_MAX)
		return true;
	z->test = t;
	z->name = strndup(name, len);
	t->zones_n += z->name != NULL;
	return z->name != NULL;
}

bool selftest_has_zones(const struct selftest *t)
{
	return t->zones_n > 0;
}

void selftest_begin(struct selftest *t)
{
	begin(t);
}
