/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/dns.h"

#include "mtasts/adtest.h"
#include "mtasts/dns-internal.h"
#include "mtasts/evloop.h"
#include "mtasts/nameserver.h"
#include "mtasts/selftest.h"
#include "util/buf.h"

/* Questions under way at once, those given up included. */
#define JOBS_MAX 8192

struct dns {
	struct evloop *loop;
	struct dns_upstream *plain;	/* does not validate */
	struct dns_upstream *validating;	/* NULL: validation off */
	uint32_t timeout_ms;
	struct dns_job *jobs;
	unsigned jobs_n;
	struct dns_query *waiting;	/* for the first self-test */
	struct dns_query **waiting_tail;
	struct selftest *selftest;
	enum dns_validation validation;
	char why[160];
	struct dns_upstream *mta_servers[RESOLV_CONF_SERVERS];
	struct adtest *mta_test;	/* NULL: not wanted, or impossible */
	char mta_why[160];		/* if it is NULL */
	dns_validation_fn *on_validation;
	void *on_validation_arg;
};

struct dns_query {
	struct dns_query *next;		/* in dns->waiting */
	struct dns *dns;
	struct dns_job *job;
	struct evtimer *timer;
	bool waits;
	bool answered;
	struct dns_answer answer;
	unsigned type;
	dns_fn *fn;
	void *arg;
	char name[];
};

static void set_why(char *out, size_t size, const char *text)
{
	size_t i = 0;

	for (; text && text[i] && i + 1 < size; i++)
		out[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
	out[i] = '\0';
}

/* ---- questions --------------------------------------------------------- */

static void job_free(struct dns_job *j)
{
	struct dns *d = j->dns;

	if (j->prev)
		j->prev->next = j->next;
	else
		d->jobs = j->next;
	if (j->next)
		j->next->prev = j->prev;
	d->jobs_n--;
	if (j->query)
		j->query->job = NULL;
	free(j);
}

static struct dns_job *job_new(struct dns *d, struct dns_query *q)
{
	struct dns_job *j = calloc(1, sizeof(*j));

	if (!j)
		return NULL;
	j->dns = d;
	j->query = q;
	j->type = q->type;
	j->next = d->jobs;
	if (d->jobs)
		d->jobs->prev = j;
	d->jobs = j;
	d->jobs_n++;
	q->job = j;
	return j;
}

static void query_free(struct dns_query *q)
{
	if (q->job)
		q->job->query = NULL;
	evtimer_free(q->timer);
	dns_answer_clear(&q->answer);
	free(q);
}

/* Call back from the event loop's next round: an upstream may answer inside
 * ask(), and must not be called again from its callback. */
static void query_answered(struct dns_query *q)
{
	q->answered = true;
	evtimer_set(q->timer, 0);
}

static void query_failed(struct dns_query *q, enum dns_status status,
    const char *why)
{
	q->answer = (struct dns_answer){ .status = status };
	set_why(q->answer.why, sizeof(q->answer.why), why);
}

void dns_job_answered(struct dns_job *j, const struct dns_answer *answer)
{
	struct dns_answer unwanted = *answer;
	struct dns_query *q = j->query;

	if (q) {
		q->answer = *answer;
		query_answered(q);
	} else {
		dns_answer_clear(&unwanted);
	}
	job_free(j);
}

void dns_job_failed(struct dns_job *j, enum dns_status status,
    const char *why)
{
	struct dns_query *q = j->query;

	if (q) {
		query_failed(q, status, why);
		query_answered(q);
	}
	job_free(j);
}

static void query_submit(struct dns_query *q, struct dns_upstream *upstream)
{
	struct dns_job *j = job_new(q->dns, q);

	evtimer_set(q->timer, q->dns->timeout_ms);
	if (j) {
		upstream->ask(upstream, q->name, j);
		return;
	}
	query_failed(q, DNS_SERVFAIL, "out of memory");
	query_answered(q);
}

static void query_due(void *arg)
{
	struct dns_query *q = arg;
	struct dns_answer answer;
	dns_fn *fn = q->fn;
	void *fn_arg = q->arg;

	if (!q->answered)
		query_failed(q, DNS_TIMEOUT, NULL);
	answer = q->answer;
	q->answer = (struct dns_answer){ .n = 0 };
	query_free(q);
	fn(fn_arg, &answer);
	dns_answer_clear(&answer);
}

static struct dns_query *query_new(struct dns *d, const char *name,
    enum dns_type type, dns_fn *fn, void *arg)
{
	size_t len = strlen(name);
	struct dns_query *q;

	q = calloc(1, sizeof(*q) + len + 1);
	if (!q)
		return NULL;
	q->timer = evtimer_new(d->loop, query_due, q);
	if (!q->timer) {
		free(q);
		return NULL;
	}
	q->dns = d;
	q->type = type;
	q->fn = fn;
	q->arg = arg;
	memcpy(q->name, name, len + 1);
	return q;
}

static struct dns_upstream *current_upstream(const struct dns *d)
{
	return d->validation == DNS_VALIDATION_WORKS ? d->validating :
	    d->plain;
}

struct dns_query *dns_query_start(struct dns *d, const char *name,
    enum dns_type type, dns_fn *fn, void *arg)
{
	struct dns_query *q = d->jobs_n < JOBS_MAX ?
	    query_new(d, name, type, fn, arg) : NULL;

	if (!q)
		return NULL;
	if (d->validation == DNS_VALIDATION_TESTING) {
		q->waits = true;
		*d->waiting_tail = q;
		d->waiting_tail = &q->next;
	} else {
		query_submit(q, current_upstream(d));
	}
	return q;
}

static void unlink_waiting(struct dns_query *q)
{
	struct dns_query **p = &q->dns->waiting;

	while (*p && *p != q)
		p = &(*p)->next;
	if (*p)
		*p = q->next;
	if (!q->next)
		q->dns->waiting_tail = p;
}

void dns_query_cancel(struct dns_query *q)
{
	if (!q)
		return;
	if (q->waits)
		unlink_waiting(q);
	query_free(q);
}

/* ---- whether answers are validated ------------------------------------- */

static void release_waiting(struct dns *d)
{
	struct dns_query *q;

	while ((q = d->waiting)) {
		d->waiting = q->next;
		q->next = NULL;
		q->waits = false;
		query_submit(q, current_upstream(d));
	}
	d->waiting_tail = &d->waiting;
}

static struct dns_query *ask_soa(struct dns *d,
    struct dns_upstream *upstream, const char *zone, dns_fn *fn, void *arg)
{
	struct dns_query *q = query_new(d, zone, DNS_SOA, fn, arg);

	if (q)
		query_submit(q, upstream);
	return q;
}

static struct dns_query *ask_validated(void *arg, const char *zone,
    dns_fn *fn, void *fn_arg)
{
	struct dns *d = arg;

	return ask_soa(d, d->validating, zone, fn, fn_arg);
}

static void tell_change(void *arg)
{
	struct dns *d = arg;

	if (d->on_validation)
		d->on_validation(d->on_validation_arg);
}

static void test_ended(void *arg, enum selftest_result result,
    const char *why)
{
	enum dns_validation now = result == SELFTEST_PASSED ?
	    DNS_VALIDATION_WORKS : DNS_VALIDATION_FAILED;
	struct dns *d = arg;
	bool changed = d->validation != now || strcmp(d->why, why) != 0;

	d->validation = now;
	set_why(d->why, sizeof(d->why), why);
	release_waiting(d);
	if (changed)
		tell_change(d);
}

enum dns_validation dns_validation(const struct dns *d, const char **why_r)
{
	if (why_r)
		*why_r = d->why;
	return d->validation;
}

void dns_on_validation(struct dns *d, dns_validation_fn *fn, void *arg)
{
	d->on_validation = fn;
	d->on_validation_arg = arg;
}

/* ---- what the MTA gets ------------------------------------------------- */

static struct dns_query *ask_mta_server(void *arg, size_t server,
    const char *zone, dns_fn *fn, void *fn_arg)
{
	struct dns *d = arg;

	return ask_soa(d, d->mta_servers[server], zone, fn, fn_arg);
}

enum dns_mta dns_mta(const struct dns *d, const char **why_r)
{
	if (d->mta_test)
		return adtest_state(d->mta_test, why_r);
	if (why_r)
		*why_r = d->mta_why;
	return DNS_MTA_NO_AD;
}

/* True if all of them can be asked: c-ares knows no scopes. */
static bool can_ask(struct dns *d, const char *const *servers)
{
	struct netaddr addr;
	uint16_t port;

	for (; *servers; servers++)
		if (!nameserver_parse(*servers, &addr, &port)) {
			snprintf(d->mta_why, sizeof(d->mta_why),
			    "%s: cannot be tested", *servers);
			return false;
		}
	return true;
}

/* What is wrong with resolv.conf costs DANE, and nothing else. */
static bool open_mta_test(struct dns *d, const struct dns_options *o,
    struct buf *err)
{
	struct adtest_owner owner = { ask_mta_server, tell_change, d };
	struct resolv_conf rc;
	struct buf why;
	bool good;

	if (!o->mta_test) {
		set_why(d->mta_why, sizeof(d->mta_why), "not tested");
		return true;
	}
	buf_init(&why, sizeof(d->mta_why));
	good = resolv_conf_read(o->resolv_conf, &rc, &why);
	if (!good)
		set_why(d->mta_why, sizeof(d->mta_why), buf_str(&why));
	buf_clear(&why);
	if (!good || !can_ask(d, rc.servers))
		return true;
	for (size_t i = 0; rc.servers[i]; i++) {
		const char *one[] = { rc.servers[i], NULL };

		d->mta_servers[i] = dns_stub_new(d->loop, one, d->timeout_ms,
		    err);
		if (!d->mta_servers[i])
			return false;
	}
	d->mta_test = adtest_new(d->loop, &owner, rc.servers);
	if (!d->mta_test)
		buf_adds(err, "out of memory");
	return d->mta_test != NULL;
}

/* The zones of our trust anchors, if we have any, else the root. */
static bool begin_mta_test(struct dns *d, struct buf *err)
{
	if (!d->mta_test)
		return true;
	if (!d->selftest && !adtest_add_zone(d->mta_test, ".", 1)) {
		buf_adds(err, "out of memory");
		return false;
	}
	adtest_begin(d->mta_test);
	return true;
}

/* ---- setting up -------------------------------------------------------- */

static bool add_zone(struct dns *d, const char *line)
{
	size_t len = strcspn(line, " \t");

	return selftest_add_zone(d->selftest, line, len) &&
	    (!d->mta_test || adtest_add_zone(d->mta_test, line, len));
}

static bool add_anchor(struct dns *d, char *line, unsigned number,
    struct buf *err)
{
	const char *why;

	line[strcspn(line, ";\r")] = '\0';
	line += strspn(line, " \t");
	if (!*line)
		return true;
	why = dns_unbound_add_anchor(d->validating, line);
	if (!why && add_zone(d, line))
		return true;
	buf_addf(err, "trust anchor, line %u: %s", number,
	    why ? why : "out of memory");
	return false;
}

static bool add_anchors(struct dns *d, const char *text, struct buf *err)
{
	char *copy = strdup(text ? text : ""), *rest = copy, *line;
	unsigned number = 0;
	bool good = copy != NULL;

	if (!copy)
		buf_adds(err, "out of memory");
	while (good && (line = strsep(&rest, "\n")))
		good = add_anchor(d, line, ++number, err);
	free(copy);
	if (good && !selftest_has_zones(d->selftest)) {
		buf_adds(err, "trust anchor: no DS or DNSKEY record");
		good = false;
	}
	return good;
}

static bool start_validation(struct dns *d, const struct dns_options *o,
    struct buf *err)
{
	struct selftest_owner owner = {
		.ask = ask_validated, .ended = test_ended, .arg = d,
		.insecure = "answers are not signed",
	};

	if (!o->validate)
		return true;
	d->selftest = selftest_new(d->loop, &owner);
	if (!d->selftest) {
		buf_adds(err, "out of memory");
		return false;
	}
	d->validating = dns_unbound_new(d->loop, o, err);
	if (!d->validating || !add_anchors(d, o->anchors, err) ||
	    !dns_unbound_ready(d->validating, err))
		return false;
	d->validation = DNS_VALIDATION_TESTING;
	selftest_begin(d->selftest);
	return true;
}

struct dns *dns_new(struct evloop *loop, const struct dns_options *o,
    struct buf *err)
{
	struct dns *d = calloc(1, sizeof(*d));

	if (!d) {
		buf_adds(err, "out of memory");
		return NULL;
	}
	d->loop = loop;
	d->timeout_ms = o->timeout_ms;
	d->waiting_tail = &d->waiting;
	d->plain = dns_unbound_new(loop, o, err);
	if (!d->plain || !dns_unbound_ready(d->plain, err) ||
	    !open_mta_test(d, o, err) || !start_validation(d, o, err) ||
	    !begin_mta_test(d, err)) {
		dns_free(d);
		return NULL;
	}
	return d;
}

static void upstream_free(struct dns_upstream *u)
{
	if (u)
		u->free(u);
}

void dns_free(struct dns *d)
{
	if (!d)
		return;
	selftest_free(d->selftest);
	adtest_free(d->mta_test);
	for (size_t i = 0; i < RESOLV_CONF_SERVERS; i++)
		upstream_free(d->mta_servers[i]);
	upstream_free(d->validating);
	upstream_free(d->plain);
	while (d->jobs)
		job_free(d->jobs);
	free(d);
}
