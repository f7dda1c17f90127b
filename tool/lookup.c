/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "tool/lookup.h"

#include <errno.h>
#include <poll.h>

#include "conf/conf.h"
#include "tool/out.h"
#include "util/buf.h"

#define UNDER_WAY_MAX 32

struct run;

struct one {
	struct run *run;
	size_t index;
};

struct run {
	const struct conf *conf;
	const struct lookup *lookups;
	size_t n;
	struct one *ones;
	struct mtasts_ctx *ctx;
	size_t started, ended;
	lookup_fn *fn;
	void *arg;
};

struct fresh_limits lookup_limits(const struct conf *conf)
{
	return (struct fresh_limits){ .min_refresh = conf->min_refresh,
	    .max_negative = conf->max_negative };
}

struct mtasts_ctx *lookup_context(const struct conf *conf)
{
	const char **servers = mem_array(conf->dns_servers.n + 1,
	    sizeof(*servers));
	struct mtasts_options o = {
		.dnssec = conf_mtasts_dnssec(conf),
		.trust_anchor = conf->trust_anchor,
		.dns_timeout_ms = (uint32_t)(conf->dns_timeout * 1000),
		.ca_file = *conf->ca_file ? conf->ca_file : NULL,
		.proxy = *conf->proxy ? conf->proxy : NULL,
		.https_timeout_ms = (uint32_t)(conf->https_timeout * 1000),
		.max_size = (uint32_t)conf->https_max_size,
		.allow_private = conf->allow_private,
		.https_port = conf->https_port,
	};
	struct mtasts_ctx *ctx = NULL;
	char err[300] = "out of memory";

	if (servers) {
		for (size_t i = 0; i < conf->dns_servers.n; i++)
			servers[i] = conf->dns_servers.v[i];
		servers[conf->dns_servers.n] = NULL;
		o.dns_servers = conf->dns_servers.n ? servers : NULL;
		ctx = mtasts_ctx_new(&o, err, sizeof(err));
	}
	if (!ctx)
		complain("cannot look anything up: %s", err);
	free(servers);
	return ctx;
}

static void on_result(void *arg, const struct mtasts_result *r)
{
	struct one *one = arg;
	struct run *run = one->run;
	struct answer a = {
		.domain = run->lookups[one->index].domain,
		.outcome = r->outcome,
		.error = r->error,
		.detail = r->detail ? r->detail : "",
		.id = r->id,
		.ttl = r->ttl,
		.secure = r->secure,
		.patterns = "",
		.text = r->text ? r->text : "",
		.mx = "",
		.rua = "",
	};
	struct buf patterns;

	buf_init(&patterns, MTASTS_MX_MAX * (MTASTS_DOMAIN_SIZE + 3));
	if (r->outcome == MTASTS_FOUND) {
		a.mode = mtasts_policy_mode(r->policy);
		a.max_age = mtasts_policy_max_age(r->policy);
		for (size_t i = 0; i < mtasts_policy_mx_count(r->policy); i++)
			buf_addf(&patterns, "%s%s", i ? " " : "",
			    mtasts_policy_mx(r->policy, i));
		a.patterns = buf_str(&patterns);
	}
	run->ended++;
	run->fn(run->arg, one->index, &a);
	buf_clear(&patterns);
}

static void start_one(struct run *run)
{
	size_t i = run->started++;
	const struct lookup *l = &run->lookups[i];
	unsigned flags = l->refetch ? MTASTS_LOOKUP_REFETCH : 0;
	struct answer failed = { .domain = l->domain,
		.outcome = MTASTS_FAILED, .id = "", .patterns = "",
		.text = "", .mx = "", .rua = "" };

	if (conf_hosted(run->conf, l->domain))
		flags |= MTASTS_LOOKUP_PRIVATE;
	run->ones[i] = (struct one){ run, i };
	failed.error = mtasts_lookup_start(run->ctx, l->domain, l->held_id,
	    flags, on_result, &run->ones[i]);
	if (failed.error == MTASTS_OK)
		return;
	failed.detail = mtasts_strerror(failed.error);
	run->ended++;
	run->fn(run->arg, i, &failed);
}

/* Wait for something to do, and do it. */
static bool run_wait(struct run *run)
{
	struct pollfd p = { .fd = mtasts_ctx_fd(run->ctx),
		.events = POLLIN };

	if (poll(&p, 1, mtasts_ctx_timeout(run->ctx)) < 0 && errno != EINTR) {
		complain("poll: %s", strerror(errno));
		return false;
	}
	mtasts_ctx_process(run->ctx);
	return true;
}

bool lookup_run(const struct conf *conf, const struct lookup *lookups,
    size_t n, lookup_fn *fn, void *arg)
{
	struct run run = { .conf = conf, .lookups = lookups, .n = n,
		.fn = fn, .arg = arg };
	bool ok = true;

	if (n == 0)
		return true;
	run.ctx = lookup_context(conf);
	run.ones = mem_array(n, sizeof(*run.ones));
	if (!run.ctx || !run.ones) {
		mtasts_ctx_free(run.ctx);
		free(run.ones);
		return false;
	}
	while (ok && run.ended < n) {
		out_progress("looking up %s (%zu of %zu)",
		    lookups[run.ended].domain, run.ended + 1, n);
		while (run.started < n &&
		    run.started - run.ended < UNDER_WAY_MAX)
			start_one(&run);
		if (run.ended < n)
			ok = run_wait(&run);
	}
	out_progress_end();
	mtasts_ctx_free(run.ctx);
	free(run.ones);
	return ok;
}
