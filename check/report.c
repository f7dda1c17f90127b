/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "check/report.h"

#include <stdlib.h>

#include "check/factsjson.h"
#include "check/judge.h"
#include "check/memory.h"
#include "util/buf.h"

struct check {
	struct gather *gather;
	struct memory *memory;
	gather_progress_fn *progress;
	check_fn *fn;
	void *arg;
};

static void release(struct check *c)
{
	memory_free(c->memory);
	free(c);
}

/* The report and the note; false when out of memory. */
static bool conclude(struct check *c, const struct check_facts *f,
    json_t **report_r, struct buf *note)
{
	struct findings findings = { .v = NULL };
	json_t *report = NULL;

	check_judge(f, c->memory, &findings);
	if (!findings.failed)
		report = check_report_json(f, &findings);
	findings_clear(&findings);
	if (report && !memory_update(c->memory, f, note)) {
		json_decref(report);
		report = NULL;
	}
	if (!report)
		return false;
	*report_r = report;
	return true;
}

static void on_gathered(void *arg, struct check_facts *f)
{
	struct check *c = arg;
	struct check_result result = { .report = NULL };
	check_fn *fn = c->fn;
	void *fn_arg = c->arg;
	struct buf note;
	bool ok;

	buf_init(&note, MEMORY_NOTE_MAX);
	ok = f && conclude(c, f, &result.report, &note);
	if (f)
		check_facts_clear(f);
	release(c);
	result.note = note.data;
	result.note_len = note.len;
	fn(fn_arg, ok ? &result : NULL);
	buf_clear(&note);
}

static void on_progress(void *arg, const char *what)
{
	struct check *c = arg;

	c->progress(c->arg, what);
}

struct check *check_start(struct mtasts_ctx *ctx, struct prober *prober,
    const struct check_target *target, const struct gather_options *o,
    const char *note, size_t note_len, gather_progress_fn *progress,
    check_fn *fn, void *arg)
{
	struct check *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->progress = progress;
	c->fn = fn;
	c->arg = arg;
	c->memory = memory_read(note, note_len);
	if (c->memory)
		c->gather = gather_start(ctx, prober, target, o,
		    progress ? on_progress : NULL, on_gathered, c);
	if (!c->gather) {
		release(c);
		return NULL;
	}
	return c;
}

void check_cancel(struct check *c)
{
	if (!c)
		return;
	gather_cancel(c->gather);
	release(c);
}

int check_report_exit(const json_t *report)
{
	return (int)json_integer_value(json_object_get(report, "exit"));
}
