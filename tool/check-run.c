/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check: several targets at once on one loop, and their reports as they come
 * or when all have ended, as the form of output wants it.
 */
#include "config.h"

#include "tool/check.h"

#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "check/memory.h"
#include "check/probe.h"
#include "check/report.h"
#include "mtasts/ctx.h"
#include "mtasts/evloop.h"
#include "tool/check-notes.h"
#include "tool/lookup.h"
#include "tool/out.h"
#include "tool/records.h"

#define PROGRESS_WIDTH 78
#define OPEN_TRIES 20
#define OPEN_PAUSE_MS 50

struct run;

struct job {
	struct run *run;
	const struct check_target *target;
	char held_id[MTASTS_ID_SIZE + 1];	/* of the policy cache */
	enum mtasts_mode held_mode;
	json_t *report;		/* until it was printed */
	bool ended;
};

struct run {
	struct tool *t;
	const struct check_options *o;
	struct mtasts_ctx *ctx;
	struct prober *prober;
	struct check_notes notes;
	struct gather_options gather;
	struct job *v;
	size_t started, ended, printed;
	bool shown;		/* some text was printed */
	enum status status;
};

/* ---- output ------------------------------------------------------------ */

static void print_text(struct run *run, struct job *job)
{
	struct check_style style = { .verbose = run->o->verbose,
		.quiet = run->o->quiet };

	if (style.quiet && check_report_status(job->report) == STATUS_GOOD)
		return;
	if (run->shown)
		out_line("%s", "");
	run->shown = true;
	check_print_text(job->report, &style);
	out_flush();
}

/* What can be printed now. Text keeps the order of the command line. */
static void print_ended(struct run *run)
{
	out_progress_end();
	while (run->o->format == FORMAT_TEXT && run->printed < run->o->n &&
	    run->v[run->printed].ended) {
		struct job *job = &run->v[run->printed];

		if (job->report)
			print_text(run, job);
		json_decref(job->report);
		job->report = NULL;
		run->printed++;
	}
}

/* What needs all reports. */
static void print_all(struct run *run)
{
	json_t *reports = json_array();

	for (size_t i = 0; i < run->o->n; i++)
		if (run->v[i].report)
			json_array_append(reports, run->v[i].report);
	if (run->o->format == FORMAT_JSON)
		check_print_json(reports, run->o->quiet);
	if (run->o->format == FORMAT_NAGIOS)
		check_print_nagios(reports);
	if (run->o->format == FORMAT_PROMETHEUS)
		check_print_prometheus(reports);
	json_decref(reports);
}

/* ---- one target -------------------------------------------------------- */

static void on_progress(void *arg, const char *what)
{
	const struct job *job = arg;
	const struct run *run = job->run;

	if (run->o->n == 1)
		out_progress("%.*s", PROGRESS_WIDTH, what);
	else
		out_progress("%zu of %zu ended; %.*s", run->ended, run->o->n,
		    PROGRESS_WIDTH - 30, what);
}

static void job_ends(struct job *job)
{
	job->ended = true;
	job->run->ended++;
	if (!job->report) {
		complain("%s: out of memory", job->target->text);
		job->run->status = status_worse(job->run->status,
		    STATUS_UNKNOWN);
		return;
	}
	job->run->status = status_worse(job->run->status,
	    check_report_status(job->report));
	if (job->run->o->format == FORMAT_NDJSON) {
		out_progress_end();
		check_print_ndjson(job->report, job->run->o->quiet);
		json_decref(job->report);
		job->report = NULL;
	}
}

static void on_check(void *arg, const struct check_result *r)
{
	struct job *job = arg;

	if (r) {
		job->report = r->report;
		check_notes_put(&job->run->notes, job->target->text, r->note,
		    r->note_len);
	}
	job_ends(job);
}

static void job_start(struct job *job)
{
	struct run *run = job->run;
	struct gather_options gather = run->gather;
	struct buf note;

	gather.held_id = job->held_id;
	gather.held_mode = job->held_mode;
	buf_init(&note, MEMORY_NOTE_MAX);
	check_notes_get(&run->notes, job->target->text, &note);
	if (!check_start(run->ctx, run->prober, job->target, &gather,
	    note.len ? buf_str(&note) : NULL, note.len, on_progress,
	    on_check, job))
		job_ends(job);
	buf_clear(&note);
}

static void run_all(struct run *run)
{
	while (run->ended < run->o->n) {
		while (run->started < run->o->n &&
		    run->started - run->ended < run->o->jobs)
			job_start(&run->v[run->started++]);
		print_ended(run);
		if (run->ended < run->started)
			evloop_wait(run->ctx->loop, -1);
	}
	print_ended(run);
	print_all(run);
}

/* ---- before ------------------------------------------------------------ */

/* What the policy cache holds, to be compared with what is published. */
static void take_held(struct run *run, struct access *access)
{
	for (size_t i = 0; i < run->o->n; i++) {
		struct job *job = &run->v[i];
		json_t *record = NULL;
		const char *id;

		if (access->kind == ACCESS_NONE || !job->target->is_domain)
			continue;
		if (records_get(access, job->target->name, &record) ==
		    RECORDS_ERROR)
			return;
		id = records_string(record, "id");
		if (id && records_in_force(record) && mtasts_mode_parse(
		    records_string(record, "mode"), &job->held_mode))
			snprintf(job->held_id, sizeof(job->held_id), "%s",
			    id);
		json_decref(record);
	}
}

/* Another run has state_dir for some milliseconds: unlike the daemon, it
 * does not answer. */
static bool open_access(struct tool *t, struct access *a)
{
	bool ok = access_open(t, ACCESS_READ, a);

	for (int i = 0; ok && a->kind == ACCESS_NONE && a->daemon_runs &&
	    i < OPEN_TRIES; i++) {
		access_close(a);
		poll(NULL, 0, OPEN_PAUSE_MS);
		ok = access_open(t, ACCESS_READ, a);
	}
	return ok;
}

/* The notes, and what the cache holds for whoever asks (v not NULL). */
static bool open_memory(struct run *run)
{
	bool was_root = geteuid() == 0;
	struct access access;
	bool ok = open_access(run->t, &access);

	run->notes.off = true;
	if (ok && run->v)
		take_held(run, &access);
	if (ok && !run->o->no_memory)
		check_notes_init(&run->notes, run->t, &access,
		    was_root && geteuid() != 0);
	access_close(&access);
	return ok;
}

/* The host that tells whether port 25 is open from here. */
static bool take_control(struct run *run)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	const struct check_target *control = &run->o->control;
	struct addrinfo *found = NULL;
	int failed;

	run->gather.control_port = control->port;
	if (!*control->name ||
	    netaddr_parse(control->name, &run->gather.control))
		return true;
	hints.ai_family = run->o->no_ipv6 ? AF_INET :
	    run->o->no_ipv4 ? AF_INET6 : AF_UNSPEC;
	failed = getaddrinfo(control->name, NULL, &hints, &found);
	if (failed) {
		complain("--control: %s: %s", control->name,
		    gai_strerror(failed));
		return false;
	}
	netaddr_from_sockaddr(found->ai_addr, &run->gather.control,
	    &(uint16_t){ 0 });
	freeaddrinfo(found);
	return true;
}

static bool open_prober(struct run *run)
{
	struct prober_options options = {
		.ca_file = run->o->ca_file,
		.ehlo = run->o->ehlo,
		.timeout_ms = run->o->timeout_ms,
	};
	struct buf err;

	run->ctx = lookup_context(run->t->conf);
	if (!run->ctx)
		return false;
	buf_init(&err, 500);
	run->prober = prober_new(run->ctx->loop, &options, &err);
	if (!run->prober)
		complain("%s", buf_str(&err));
	buf_clear(&err);
	return run->prober != NULL;
}

static bool open_jobs(struct run *run)
{
	run->v = calloc(run->o->n, sizeof(*run->v));
	if (!run->v) {
		complain("out of memory");
		return false;
	}
	for (size_t i = 0; i < run->o->n; i++)
		run->v[i] = (struct job){ .run = run,
			.target = &run->o->targets[i] };
	return true;
}

static void run_close(struct run *run)
{
	prober_free(run->prober);
	mtasts_ctx_free(run->ctx);
	for (size_t i = 0; run->v && i < run->o->n; i++)
		json_decref(run->v[i].report);
	free(run->v);
	check_notes_clear(&run->notes);
}

/* --fail-on: what is no reason to fail is no status. */
static enum status status_shown(const struct run *run)
{
	if (run->o->fail_on == FAIL_ON_NEVER ||
	    (run->o->fail_on == FAIL_ON_FAIL &&
	    run->status == STATUS_WARNING))
		return STATUS_GOOD;
	return run->status;
}

enum status check_run(struct tool *t, const struct check_options *o)
{
	struct run run = { .t = t, .o = o, .status = STATUS_GOOD,
		.gather = { .max_mx = o->max_mx, .deep = o->deep,
		    .injection = o->injection, .no_ipv4 = o->no_ipv4,
		    .no_ipv6 = o->no_ipv6, .ehlo = o->ehlo } };
	enum status status = STATUS_UNKNOWN;

	/* A server that hangs up while we write is no reason to end. */
	signal(SIGPIPE, SIG_IGN);
	if (open_jobs(&run) && open_memory(&run) && take_control(&run) &&
	    open_prober(&run)) {
		run_all(&run);
		status = status_shown(&run);
	}
	run_close(&run);
	return status;
}

/* ---- --forget ---------------------------------------------------------- */

static enum status forget_target(struct check_notes *notes,
    const char *target)
{
	switch (check_notes_forget(notes, target)) {
	case FORGOTTEN:
		out_line("%s: forgotten", target);
		return STATUS_GOOD;
	case FORGOTTEN_NOTHING:
		out_line("%s: nothing was remembered", target);
		return STATUS_GOOD;
	case FORGOTTEN_FAILED:
		break;
	}
	return STATUS_UNKNOWN;
}

enum status check_forget(struct tool *t, const struct check_options *o)
{
	struct run run = { .t = t, .o = o };
	enum status status = STATUS_GOOD;

	if (!open_memory(&run))
		return STATUS_CONFIG;
	for (size_t i = 0; i < o->n; i++)
		status = status_worse(status, forget_target(&run.notes,
		    o->targets[i].text));
	check_notes_clear(&run.notes);
	return status;
}
