/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/ctx.h"

#include <errno.h>

#include "mtasts/dns.h"
#include "mtasts/evloop.h"
#include "mtasts/fetch.h"
#include "util/buf.h"

#define DEFAULT_ANCHOR "/usr/share/dns/root.key"
#define HTTPS_TIMEOUT_MAX_MS 600000
#define ANCHOR_SIZE_MAX 65536

static uint32_t or_default(uint32_t value, uint32_t preset)
{
	return value ? value : preset;
}

static bool open_dns(struct mtasts_ctx *ctx, const struct mtasts_options *o,
    const struct ctx_extra *extra, struct buf *err)
{
	struct dns_options d = {
		.servers = o->dns_servers,
		.dnssec = o->dnssec,
		.anchors = o->trust_anchor_text,
		.timeout_ms = or_default(o->dns_timeout_ms, 5000),
		.mta_test = extra->mta_test,
	};
	struct buf anchors;
	bool good = true;

	buf_init(&anchors, ANCHOR_SIZE_MAX);
	if (d.dnssec == MTASTS_DNSSEC_VALIDATE && !d.anchors) {
		good = buf_add_file(&anchors, o->trust_anchor ?
		    o->trust_anchor : DEFAULT_ANCHOR, err);
		d.anchors = buf_str(&anchors);
	}
	if (good)
		ctx->dns = dns_new(ctx->loop, &d, err);
	buf_clear(&anchors);
	return ctx->dns != NULL;
}

static bool open_fetcher(struct mtasts_ctx *ctx,
    const struct mtasts_options *o, struct buf *err)
{
	struct fetcher_options f = {
		.ca_file = o->ca_file,
		.ca_text = o->ca_text,
		.proxy = o->proxy,
		.timeout_ms = or_default(o->https_timeout_ms, 60000),
		.max_size = or_default(o->max_size, MTASTS_POLICY_SIZE),
		.port = o->https_port ? o->https_port : 443,
	};

	if (f.timeout_ms > HTTPS_TIMEOUT_MAX_MS ||
	    f.max_size > MTASTS_POLICY_SIZE) {
		buf_adds(err, "HTTPS time or size limit is too large");
		return false;
	}
	ctx->fetcher = fetcher_new(ctx->loop, &f, err);
	return ctx->fetcher != NULL;
}

static bool ctx_init(struct mtasts_ctx *ctx, const struct mtasts_options *o,
    const struct ctx_extra *extra, struct buf *err)
{
	ctx->queue_tail = &ctx->queue;
	ctx->allow_private = o->allow_private;
	ctx->max_active = or_default(o->max_lookups, 64);
	ctx->max_queued = or_default(o->max_queued, 4096);
	ctx->loop = evloop_new();
	if (!ctx->loop) {
		buf_addf(err, "epoll: %s", strerror(errno));
		return false;
	}
	return open_dns(ctx, o, extra, err) && open_fetcher(ctx, o, err);
}

struct mtasts_ctx *ctx_new(const struct mtasts_options *options,
    const struct ctx_extra *extra, char *err, size_t errsize)
{
	static const struct mtasts_options defaults;
	struct mtasts_ctx *ctx = calloc(1, sizeof(*ctx));
	struct buf why;

	buf_init(&why, 1000);
	if (!ctx)
		buf_adds(&why, "out of memory");
	if (ctx && !ctx_init(ctx, options ? options : &defaults, extra,
	    &why)) {
		mtasts_ctx_free(ctx);
		ctx = NULL;
	}
	if (!ctx && err && errsize)
		snprintf(err, errsize, "%s", buf_str(&why));
	buf_clear(&why);
	return ctx;
}

struct mtasts_ctx *mtasts_ctx_new(const struct mtasts_options *options,
    char *err, size_t errsize)
{
	static const struct ctx_extra none;

	return ctx_new(options, &none, err, errsize);
}

void mtasts_ctx_free(struct mtasts_ctx *ctx)
{
	if (!ctx)
		return;
	ctx->closing = true;
	lookup_cancel_all(ctx);
	fetcher_free(ctx->fetcher);
	dns_free(ctx->dns);
	evloop_free(ctx->loop);
	free(ctx);
}

int mtasts_ctx_fd(const struct mtasts_ctx *ctx)
{
	return evloop_fd(ctx->loop);
}

int mtasts_ctx_timeout(const struct mtasts_ctx *ctx)
{
	return evloop_timeout(ctx->loop);
}

void mtasts_ctx_process(struct mtasts_ctx *ctx)
{
	evloop_process(ctx->loop);
}
