/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * history purge: forget who used TLS. Until it is learnt again a downgrade
 * goes unnoticed, so it is logged.
 */
#include "config.h"

#include "tool/history.h"

#include <unistd.h>

#include "audit/history.h"
#include "conf/conf.h"
#include "conf/control.h"
#include "tool/out.h"
#include "tool/pairs.h"
#include "util/log.h"

#define PURGE_SCHEMA "tlsmilter/history-purge-1"

struct purge_values {
	bool all;
};

static const struct option_def purge_options[] = {
	{ "all", 'a', OPTION_FLAG, offsetof(struct purge_values, all), NULL,
	  "everything" },
};

static const char *or_all(const char *name)
{
	return *name ? name : "*";
}

static json_t *or_null(const char *name)
{
	return *name ? json_string(name) : json_null();
}

static void report(const struct tool *t, const struct pairs_wish *wish,
    bool ok, const char *text)
{
	if (t->json) {
		out_json(json_pack("{ss so so sb so}", "schema", PURGE_SCHEMA,
		    "domain", or_null(wish->domain),
		    "network", or_null(wish->network),
		    "ok", ok, "text", control_string(text)));
		return;
	}
	out_part(PLAIN, "%s%s%s: ", *wish->domain ? wish->domain :
	    "everything", *wish->network ? " " : "", wish->network);
	out_part(ok ? GREEN : RED, "%s", ok ? "ok" : "failed");
	out_line(", %s", text);
}

/* ---- by the daemon ----------------------------------------------------- */

static enum status purge_daemon(struct tool *t, struct access *a,
    const struct pairs_wish *wish)
{
	json_t *answer = NULL;
	enum status status = STATUS_UNKNOWN;
	const char *text = NULL;

	if (access_send_request(a, json_pack("{ss ss* ss* sb}", "command",
	    "history-purge", "domain", *wish->domain ? wish->domain : NULL,
	    "network", *wish->network ? wish->network : NULL,
	    "all", !*wish->domain)))
		answer = access_receive(a, ACCESS_LOOKUP_TIMEOUT_MS);
	if (answer) {
		bool ok = json_is_true(json_object_get(answer, "ok"));

		text = json_string_value(json_object_get(answer,
		    ok ? "text" : "error"));
		status = ok ? STATUS_GOOD : STATUS_FAILED;
		if (ok || t->json)
			report(t, wish, ok, text ? text : "");
	}
	json_decref(answer);
	return status;
}

/* ---- in the file ------------------------------------------------------- */

static enum store_error forget_some(struct history *h,
    const struct pairs_wish *wish, uint64_t *n_r)
{
	const char *network = *wish->network ? wish->network : NULL;
	enum store_error e = history_begin(h);
	unsigned n = 0;

	if (!e && *wish->domain)
		e = history_forget(h, wish->domain, network, &n);
	*n_r = n;
	if (!e && !*wish->domain)
		e = history_forget_all(h, n_r);
	if (!e)
		return history_commit(h);
	history_abort(h);
	return e;
}

static enum store_error forget(struct history *h,
    const struct pairs_wish *wish, uint64_t *sum_r)
{
	uint64_t n, sum = 0;
	enum store_error e;

	do {
		e = forget_some(h, wish, &n);
		sum += e ? 0 : n;
	} while (!e && *wish->domain && n == HISTORY_BATCH);
	if (!e)
		e = history_sync(h);
	*sum_r = sum;
	return e;
}

static enum status purge_files(struct tool *t, struct access *a,
    const struct pairs_wish *wish)
{
	enum store_error e = STORE_OK;
	struct buf text;
	uint64_t n = 0;
	bool ok;

	if (a->history)
		e = forget(a->history, wish, &n);
	ok = !e && (n || !*wish->domain);
	buf_init(&text, 1000);
	if (e)
		buf_adds(&text, store_strerror(e));
	else if (!ok)
		buf_adds(&text, "not in the history");
	else
		buf_addf(&text, "%llu forgotten", (unsigned long long)n);
	if (n)
		log_notice("history", "purged by uid %lu domain=%s network=%s "
		    "entries=%llu, a downgrade until it is learnt again",
		    (unsigned long)getuid(), or_all(wish->domain),
		    or_all(wish->network), (unsigned long long)n);
	if (!ok)
		complain("%s%s%s: %s", or_all(wish->domain),
		    *wish->network ? " " : "", wish->network, buf_str(&text));
	if (ok || t->json)
		report(t, wish, ok, buf_str(&text));
	buf_clear(&text);
	return ok ? STATUS_GOOD : STATUS_FAILED;
}

/* ---- the command ------------------------------------------------------- */

static enum status purge(struct tool *t, const struct pairs_wish *wish)
{
	struct access a;
	enum status status = history_open_access(t, true, &a);

	if (status == STATUS_GOOD && a.kind == ACCESS_FILES) {
		log_open("tlsmilter", t->conf->syslog_facility);
		log_set_sink(log_sink_syslog, NULL);
		status = purge_files(t, &a, wish);
	} else if (status == STATUS_GOOD) {
		status = purge_daemon(t, &a, wish);
	}
	access_close(&a);
	return status;
}

static enum status run_purge(struct tool *t, const void *values, int n,
    char **operands)
{
	const struct purge_values *o = values;
	struct pairs_wish wish = { 0 };

	if (o->all == (n > 0)) {
		complain("name the domain to forget, or --all");
		return STATUS_USAGE;
	}
	if (!pairs_take(n > 0 ? operands[0] : NULL, n > 1 ? operands[1] : NULL,
	    &wish))
		return STATUS_USAGE;
	return purge(t, &wish);
}

const struct command command_history_purge = {
	.name = "purge",
	.usage = "DOMAIN [NETWORK]|--all",
	.summary = "forget a sender's domain; a security downgrade, and "
	    "logged",
	.details = "Until it is learnt again, mail in plaintext from there "
	    "goes unnoticed.",
	.options = purge_options,
	.options_n = 1,
	.values_size = sizeof(struct purge_values),
	.max_operands = 2,
	.run = run_purge,
};
