/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/dns.h"

#include "mtasts/dns-internal.h"
#include "mtasts/evloop.h"
#include "mtasts/nameserver.h"
#include "mtasts/selftest.h"
#include "util/buf.h"

/* Questions under way at once, those given up included. */
#define JOBS_MAX 8192
#define REMOTES_MAX 65536

struct dns {
	struct evloop *loop;
	struct dns_upstream *plain;	/* does not validate */
	struct dns_upstream *validating;	/* NULL: not here */
	char servers[256];		/* for people */
	char *remotes;			/* trusted over the network */
	uint32_t timeout_ms;
	struct dns_job *jobs;
	unsigned jobs_n;
	struct dns_query *waiting;	/* for the first self-test */
	struct dns_query **waiting_tail;
	struct selftest *selftest;
	enum dns_validation validation;
	char why[160];
	struct dns_mta_test *mta;
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
	bool is_test;			/* tells itself what is secure */
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
	answer.secure = answer.secure && (q->is_test ||
	    q->dns->validation == DNS_VALIDATION_WORKS);
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
	return d->validating && d->validation == DNS_VALIDATION_WORKS ?
	    d->validating : d->plain;
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

struct dns_query *dns_test_query(struct dns *d,
    struct dns_upstream *upstream, const char *zone, dns_fn *fn, void *arg)
{
	struct dns_query *q = query_new(d, zone, DNS_SOA, fn, arg);

	if (!q)
		return NULL;
	q->is_test = true;
	query_submit(q, upstream);
	return q;
}

static struct dns_query *ask_validated(void *arg, const char *zone,
    dns_fn *fn, void *fn_arg)
{
	struct dns *d = arg;

	return dns_test_query(d, d->validating ? d->validating : d->plain,
	    zone, fn, fn_arg);
}

void dns_tell_change(struct dns *d)
{
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

	/* Silence is an error and proves nothing (DANE-R-06): what worked
	 * stays until an answer shows that it does not. */
	if (result == SELFTEST_NO_ANSWER &&
	    d->validation == DNS_VALIDATION_WORKS)
		return;
	d->validation = now;
	set_why(d->why, sizeof(d->why), why);
	release_waiting(d);
	if (changed)
		dns_tell_change(d);
}

enum dns_mta dns_mta(const struct dns *d, const char **why_r)
{
	return dns_mta_test_state(d->mta, why_r);
}

enum dns_validation dns_validation(const struct dns *d, const char **why_r)
{
	if (why_r)
		*why_r = d->why;
	return d->validation;
}

const char *dns_trusted_remotes(const struct dns *d)
{
	return d->remotes ? d->remotes : "";
}

void dns_on_validation(struct dns *d, dns_validation_fn *fn, void *arg)
{
	d->on_validation = fn;
	d->on_validation_arg = arg;
}

/* ---- setting up -------------------------------------------------------- */

static bool add_zone(struct dns *d, const char *name, size_t len)
{
	return (!d->selftest || selftest_add_zone(d->selftest, name, len)) &&
	    dns_mta_test_add_zone(d->mta, name, len);
}

static bool add_root(struct dns *d, struct buf *err)
{
	if (add_zone(d, ".", 1))
		return true;
	buf_adds(err, "out of memory");
	return false;
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
	if (!why && add_zone(d, line, strcspn(line, " \t")))
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

static bool new_selftest(struct dns *d, struct selftest_owner *owner,
    struct buf *err)
{
	owner->ask = ask_validated;
	owner->ended = test_ended;
	owner->arg = d;
	d->selftest = selftest_new(d->loop, owner);
	if (!d->selftest)
		buf_adds(err, "out of memory");
	return d->selftest != NULL;
}

static bool open_validating(struct dns *d, const struct dns_options *o,
    struct buf *err)
{
	struct selftest_owner owner = {
		.insecure = "answers are not signed",
	};

	if (!new_selftest(d, &owner, err))
		return false;
	d->validating = dns_unbound_new(d->loop, o, err);
	return d->validating && add_anchors(d, o->anchors, err) &&
	    dns_unbound_ready(d->validating, err);
}

static bool open_plain(struct dns *d, const struct dns_options *o,
    struct buf *err)
{
	d->plain = dns_unbound_new(d->loop, o, err);
	return d->plain && dns_unbound_ready(d->plain, err);
}

static bool note_remotes(struct dns *d, const char *const *servers,
    struct buf *err)
{
	struct buf b;

	buf_init(&b, REMOTES_MAX);
	for (; *servers; servers++)
		if (!nameserver_is_local(*servers))
			buf_addf(&b, "%s%s", b.len ? ", " : "", *servers);
	d->remotes = buf_steal(&b);
	if (!d->remotes)
		buf_adds(err, "out of memory");
	return d->remotes != NULL;
}

static bool open_trusting(struct dns *d, const struct dns_options *o,
    struct buf *err)
{
	struct selftest_owner owner = {
		.insecure = "AD is not set", .repeat_ms = SELFTEST_REPEAT_MS,
	};
	const char *const *servers = o->servers;
	struct resolv_conf rc;

	if (!servers || !servers[0]) {
		if (!resolv_conf_read(o->resolv_conf, &rc, err))
			return false;
		servers = rc.servers;
	}
	d->plain = dns_stub_new(d->loop, servers, d->timeout_ms, err);
	if (!d->plain || !new_selftest(d, &owner, err))
		return false;
	return add_root(d, err) && note_remotes(d, servers, err);
}

static bool open_upstreams(struct dns *d, const struct dns_options *o,
    struct buf *err)
{
	switch (o->dnssec) {
	case MTASTS_DNSSEC_OFF:
		return open_plain(d, o, err) && add_root(d, err);
	case MTASTS_DNSSEC_VALIDATE:
		return open_plain(d, o, err) && open_validating(d, o, err);
	case MTASTS_DNSSEC_TRUST_AD:
		return open_trusting(d, o, err);
	}
	buf_adds(err, "DNSSEC: no such way");
	return false;
}

/* libunbound reads resolv.conf by itself: this is only to be shown, and not
 * worth a failure. */
static void note_servers(struct dns *d, const struct dns_options *o)
{
	const char *const *servers = o->servers;
	struct resolv_conf rc;
	struct buf text, err;

	buf_init(&text, sizeof(d->servers) - 1);
	buf_init(&err, 200);
	if ((!servers || !servers[0]) &&
	    resolv_conf_read(o->resolv_conf, &rc, &err))
		servers = rc.servers;
	for (; servers && *servers; servers++)
		buf_addf(&text, "%s%s", text.len ? ", " : "", *servers);
	set_why(d->servers, sizeof(d->servers), buf_str(&text));
	buf_clear(&text);
	buf_clear(&err);
}

const char *dns_servers(const struct dns *d)
{
	return d->servers;
}

static void begin_tests(struct dns *d)
{
	if (d->selftest) {
		d->validation = DNS_VALIDATION_TESTING;
		selftest_begin(d->selftest);
	}
	dns_mta_test_begin(d->mta);
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
	d->mta = dns_mta_test_new(d, loop, o, err);
	if (!d->mta || !open_upstreams(d, o, err)) {
		dns_free(d);
		return NULL;
	}
	note_servers(d, o);
	begin_tests(d);
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
	dns_mta_test_free(d->mta);
	upstream_free(d->validating);
	upstream_free(d->plain);
	free(d->remotes);
	while (d->jobs)
		job_free(d->jobs);
	free(d);
}
