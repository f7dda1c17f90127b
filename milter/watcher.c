/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "milter/watcher.h"

#include <sys/queue.h>
#include <unistd.h>

#include "check/memory.h"
#include "check/probe.h"
#include "check/report.h"
#include "mtasts/ctx.h"
#include "util/buf.h"

/* The frontend asks for less. */
#define ACTIVE_MAX 8

_Static_assert(WATCH_NOTE_MAX == MEMORY_NOTE_MAX, "every note can travel");

struct job {
	TAILQ_ENTRY(job) entry;
	struct watcher *watcher;
	uint32_t seq;
	struct check_target target;
	char held_id[MTASTS_ID_SIZE + 1];
	struct check *check;
};
TAILQ_HEAD(jobs, job);

struct watcher {
	struct mtasts_ctx *ctx;
	struct prober *prober;
	watcher_fn *fn;
	void *arg;
	struct jobs jobs;
	unsigned jobs_n;
	char ehlo[MTASTS_DOMAIN_SIZE];
};

/* ---- a report in short ------------------------------------------------- */

static const char *text_of(const json_t *o, const char *name)
{
	const char *text = json_string_value(json_object_get(o, name));

	return text ? text : "";
}

static enum check_status status_of(const json_t *o)
{
	enum check_status status = CHECK_UNKNOWN;

	(void)check_status_parse(text_of(o, "status"), &status);
	return status;
}

/* False for what is good, and for what could not travel. */
static bool read_finding(const json_t *o, struct watch_finding *f)
{
	const char *addr = text_of(o, "address");

	*f = (struct watch_finding){
		.info = finding_info(text_of(o, "id")),
		.status = status_of(o),
		.host = text_of(o, "host"),
		.addr = { .family = AF_UNSPEC },
		.text = text_of(o, "text"),
	};
	if (*addr && !netaddr_parse(addr, &f->addr))
		f->addr.family = AF_UNSPEC;
	if (!str_is_clean_utf8(f->text, strlen(f->text)))
		f->text = f->info ? f->info->title : "";
	return f->info && f->status > CHECK_OK && watch_is_host(f->host);
}

/* The mildest is left out when there are too many. */
static void add_finding(struct watch_summary *s,
    const struct watch_finding *f)
{
	if (s->n < WATCH_FINDINGS_MAX) {
		s->v[s->n++] = *f;
		if (s->n == WATCH_FINDINGS_MAX)
			watch_summary_sort(s);
		return;
	}
	s->more++;
	if (s->v[s->n - 1].status < f->status) {
		s->v[s->n - 1] = *f;
		watch_summary_sort(s);
	}
}

static uint32_t count_of(const json_t *verdict, enum check_status status)
{
	json_int_t n = json_integer_value(json_object_get(verdict,
	    check_status_name(status)));

	return n < 0 ? 0 : (uint32_t)n;
}

void watch_summarize(const json_t *report, struct watch_summary *s_r)
{
	const json_t *verdict = json_object_get(report, "verdict");
	const json_t *findings = json_object_get(report, "findings"), *o;
	struct watch_finding f;
	size_t i;

	*s_r = (struct watch_summary){
		.status = status_of(verdict),
		.verdict = text_of(verdict, "text"),
	};
	if (!str_is_clean_utf8(s_r->verdict, strlen(s_r->verdict)))
		s_r->verdict = "";
	for (int s = 0; s < WATCH_STATUSES; s++)
		s_r->counts[s] = count_of(verdict, (enum check_status)s);
	json_array_foreach((json_t *)findings, i, o)
		if (read_finding(o, &f))
			add_finding(s_r, &f);
	watch_summary_sort(s_r);
}

/* ---- checks ------------------------------------------------------------ */

static void job_free(struct job *j)
{
	TAILQ_REMOVE(&j->watcher->jobs, j, entry);
	j->watcher->jobs_n--;
	free(j);
}

/* The note ends with a NUL in what is sent. */
static void answer_checked(struct job *j, const struct check_result *r)
{
	struct watch_answer m = { .seq = j->seq, .failed = "" };
	struct buf note;

	buf_init(&note, WATCH_NOTE_MAX);
	buf_add(&note, r->note, r->note ? r->note_len : 0);
	m.note = note.failed ? "" : buf_str(&note);
	watch_summarize(r->report, &m.summary);
	j->watcher->fn(j->watcher->arg, &m);
	buf_clear(&note);
}

static void on_checked(void *arg, const struct check_result *r)
{
	struct watch_answer none = { .failed = "out of memory" };
	struct job *j = arg;

	if (r && r->report) {
		answer_checked(j, r);
	} else {
		none.seq = j->seq;
		j->watcher->fn(j->watcher->arg, &none);
	}
	if (r)
		json_decref(r->report);
	job_free(j);
}

static bool start(struct job *j, const struct watch_ask *ask)
{
	struct watcher *w = j->watcher;
	struct gather_options o = { .ehlo = w->ehlo, .held_id = j->held_id,
		.held_mode = ask->held_mode,
		.control = { .family = AF_UNSPEC } };
	char err[200];

	snprintf(j->held_id, sizeof(j->held_id), "%s", ask->held_id);
	if (!check_target_domain(ask->domain, &j->target, err, sizeof(err)))
		return false;
	j->check = check_start(w->ctx, w->prober, &j->target, &o,
	    *ask->note ? ask->note : NULL, strlen(ask->note), NULL,
	    on_checked, j);
	return j->check != NULL;
}

static void cancel(struct job *j)
{
	if (j->check)
		check_cancel(j->check);
	job_free(j);
}

static void cancel_domain(struct watcher *w, const char *domain)
{
	struct job *j = TAILQ_FIRST(&w->jobs);

	while (j && strcmp(j->target.name, domain) != 0)
		j = TAILQ_NEXT(j, entry);
	if (j)
		cancel(j);
}

bool watcher_ask(struct watcher *w, const struct watch_ask *ask)
{
	struct job *j;

	cancel_domain(w, ask->domain);
	if (w->jobs_n >= ACTIVE_MAX)
		return false;
	j = calloc(1, sizeof(*j));
	if (!j)
		return false;
	j->watcher = w;
	j->seq = ask->seq;
	TAILQ_INSERT_TAIL(&w->jobs, j, entry);
	w->jobs_n++;
	if (start(j, ask))
		return true;
	job_free(j);
	return false;
}

/* ---- life -------------------------------------------------------------- */

/* RFC 5321 §4.1.3: who has no name says an address. */
static void name_ourselves(struct watcher *w, const char *ehlo)
{
	char name[MTASTS_DOMAIN_SIZE];

	if (ehlo)
		snprintf(name, sizeof(name), "%s", ehlo);
	else if (gethostname(name, sizeof(name)) != 0)
		name[0] = '\0';
	name[sizeof(name) - 1] = '\0';
	if (mtasts_domain_normalize(name, w->ehlo) != MTASTS_OK)
		snprintf(w->ehlo, sizeof(w->ehlo), "[127.0.0.1]");
}

struct watcher *watcher_new(struct mtasts_ctx *ctx,
    const struct watcher_options *o, watcher_fn *fn, void *arg,
    struct buf *err)
{
	struct watcher *w = calloc(1, sizeof(*w));
	struct prober_options p = { .ca_file = o->ca_file,
		.ca_text = o->ca_text, .timeout_ms = o->timeout_ms };

	if (!w) {
		buf_adds(err, "out of memory");
		return NULL;
	}
	w->ctx = ctx;
	w->fn = fn;
	w->arg = arg;
	TAILQ_INIT(&w->jobs);
	name_ourselves(w, o->ehlo);
	p.ehlo = w->ehlo;
	w->prober = prober_new(ctx->loop, &p, err);
	if (w->prober)
		return w;
	free(w);
	return NULL;
}

void watcher_free(struct watcher *w)
{
	struct job *j;

	if (!w)
		return;
	while ((j = TAILQ_FIRST(&w->jobs)))
		cancel(j);
	prober_free(w->prober);
	free(w);
}
