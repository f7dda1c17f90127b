/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "milter/learner-internal.h"

#include "util/clock.h"
#include "util/log.h"
#include "util/str.h"

#define LINES_A_MINUTE 600	/* of the resolver */
#define MISSED_A_MINUTE 20
#define MISC_A_MINUTE 5

bool log_limit_take(struct log_limit *limit)
{
	if (limit->left == 0) {
		limit->dropped++;
		return false;
	}
	limit->left--;
	return true;
}

/* Refill one limit; say how many lines it swallowed. */
static void limit_refill(struct log_limit *limit, unsigned n,
    const char *what)
{
	if (limit->dropped && what)
		log_warn("learner", "%llu more %s",
		    (unsigned long long)limit->dropped, what);
	limit->dropped = 0;
	limit->left = n;
}

void learner_log_minute(struct learner *l)
{
	limit_refill(&l->full_limit, 1, "records could not be kept");
	limit_refill(&l->missed_limit, MISSED_A_MINUTE,
	    "hosted domains have no policy");
	limit_refill(&l->line_limit, LINES_A_MINUTE,
	    "lines of the resolver dropped");
	limit_refill(&l->misc_limit, MISC_A_MINUTE, NULL);
}

void learner_log_full(struct learner *l, enum store_error e)
{
	if (log_limit_take(&l->full_limit))
		log_warn("cache", "%s: what is learnt now is not kept, mail "
		    "goes on with what is known", e == STORE_FULL ?
		    "cache or disk is full" : store_strerror(e));
}

static void log_new(const char *domain, const struct record *new)
{
	log_info("policy", "new domain=%s mode=%s id=%s max_age=%u mx=\"%s\"",
	    domain, mtasts_mode_name(new->mode), *new->id ? new->id : "-",
	    (unsigned)new->max_age, new->patterns);
}

static void log_changed(const char *domain, const struct record *old,
    const struct record *new)
{
	log_notice("policy", "changed domain=%s mode=%s was=%s id=%s "
	    "max_age=%u mx=\"%s\"", domain, mtasts_mode_name(new->mode),
	    old ? mtasts_mode_name(old->mode) : "-",
	    *new->id ? new->id : "-", (unsigned)new->max_age, new->patterns);
}

/* True when this failure says nothing the one before did not say. A retry
 * comes every few minutes; lines come when the reason changes, and once
 * more when the last fifth of max_age begins (STS-C-08). */
static bool is_repeated(unsigned bits, const struct record *old,
    const struct record *new)
{
	int64_t last_fifth = new->expires - new->max_age / 5;

	if (!old || old->error != new->error)
		return false;
	return !(bits & FRESH_LOG_EXPIRING) || old->checked >= last_fifth;
}

static void log_failed(const char *domain, unsigned bits,
    const struct record *new, const struct answer *answer)
{
	struct buf b;

	buf_init(&b, 1500);
	buf_addf(&b, "refresh failed domain=%s mode=%s reason=", domain,
	    mtasts_mode_name(new->mode));
	str_quote(&b, mtasts_strerror(answer->error), 100);
	buf_adds(&b, " detail=");
	str_quote(&b, answer->detail, 300);
	buf_adds(&b, " kept_until=");
	clock_add_time(&b, new->expires);
	if (bits & FRESH_LOG_EXPIRING)
		buf_adds(&b, ", expires soon");
	log_warn("policy", "%s", buf_str(&b));
	buf_clear(&b);
}

static void log_lost(const char *domain, const struct record *old,
    const struct answer *answer)
{
	struct buf b;

	buf_init(&b, 1500);
	buf_addf(&b, "lost domain=%s mode=%s reason=", domain,
	    old ? mtasts_mode_name(old->mode) : "-");
	str_quote(&b, mtasts_strerror(answer->error), 100);
	buf_adds(&b, " detail=");
	str_quote(&b, answer->detail, 300);
	log_warn("policy", "%s, expired, treating as no policy", buf_str(&b));
	buf_clear(&b);
}

void learner_log_answer(const char *domain, unsigned bits,
    const struct record *old, const struct record *new,
    const struct answer *answer)
{
	if (bits & FRESH_LOG_NEW)
		log_new(domain, new);
	if (bits & FRESH_LOG_CHANGED)
		log_changed(domain, old, new);
	if (bits & FRESH_LOG_LOST)
		log_lost(domain, old, answer);
	if (bits & (FRESH_LOG_REFRESH_FAILED | FRESH_LOG_EXPIRING) &&
	    !is_repeated(bits, old, new))
		log_failed(domain, bits, new, answer);
	if (!bits && answer->outcome == MTASTS_FAILED)
		log_debug("policy", "lookup failed domain=%s: %s: %s", domain,
		    mtasts_strerror(answer->error), answer->detail);
}
