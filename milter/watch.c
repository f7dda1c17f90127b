/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "milter/watch.h"

#include <syslog.h>

#include "util/buf.h"
#include "util/pack.h"

/* DNSSEC is tested, and the cache is filled, in the first seconds. */
#define FIRST 5
#define FIRST_APART 2
#define PAUSE_MIN 60
#define PAUSE_MAX 3600
#define STATE_VERSION 1

/* ---- when -------------------------------------------------------------- */

/* FNV-1a of the domain and a time: the same in every process, and another
 * for each check. */
static uint32_t dice(const char *domain, int64_t seed)
{
	uint32_t h = 2166136261u;

	for (; *domain; domain++)
		h = (h ^ (unsigned char)*domain) * 16777619u;
	for (unsigned i = 0; i < 8; i++)
		h = (h ^ (uint32_t)((uint64_t)seed >> (8 * i) & 0xff)) *
		    16777619u;
	return h;
}

int64_t watch_next(const char *domain, int64_t last, int64_t interval)
{
	int64_t tenth = interval / 10;

	return last + interval - tenth +
	    (int64_t)(dice(domain, last) % (uint32_t)(2 * tenth + 1));
}

int64_t watch_first(const char *domain, size_t index, int64_t last,
    int64_t interval, int64_t now)
{
	int64_t soon = now + FIRST + FIRST_APART * (int64_t)index, next;

	if (last <= 0 || last > now)
		return soon;
	next = watch_next(domain, last, interval);
	return next > soon ? next : soon;
}

int64_t watch_pause(unsigned failures, int64_t interval)
{
	int64_t pause = PAUSE_MIN;

	while (failures-- > 1 && pause < PAUSE_MAX)
		pause *= 2;
	if (pause > PAUSE_MAX)
		pause = PAUSE_MAX;
	return pause < interval ? pause : interval;
}

bool watch_is_due(int64_t next, int64_t interval, int64_t now)
{
	return now >= next || next > now + interval + interval / 10 + 1;
}

/* ---- what is news ------------------------------------------------------ */

static bool is_same(const struct watch_finding *a,
    const struct watch_finding *b)
{
	return a->info == b->info && strcmp(a->host, b->host) == 0 &&
	    a->addr.family == b->addr.family &&
	    (a->addr.family == AF_UNSPEC || netaddr_equal(&a->addr,
	    &b->addr));
}

static const struct watch_finding *find(const struct watch_summary *s,
    const struct watch_finding *f)
{
	for (size_t i = 0; s && i < s->n; i++)
		if (is_same(&s->v[i], f))
			return &s->v[i];
	return NULL;
}

/* True when a list of ids, and of groups such as "starttls.", has this one;
 * the empty list has all. */
static bool lists_id(const char *list, const char *id)
{
	bool found = *list == '\0';

	while (*list && !found) {
		size_t len = strcspn(list, " ");

		found = strncmp(id, list, len) == 0 &&
		    (list[len - 1] == '.' || id[len] == '\0');
		list += len + (list[len] == ' ');
	}
	return found;
}

static bool is_of(const struct watch_finding *f, const char *list)
{
	return lists_id(list, f->info->id);
}

#define SESSION "smtp. starttls. tls. cert. dane."
#define HOSTS "host. " SESSION
#define POLICY "mta-sts.error mta-sts.fetch mta-sts.certificate " \
	"mta-sts.record mta-sts.invalid"
#define NO_STARTTLS "starttls.missing starttls.lost starttls.masked " \
	"starttls.hidden starttls.refused"

/*
 * Findings that are why others are not there: what stands behind them could
 * not be looked at, and may be as it was; or, moot, it is no more, and
 * neither good nor bad. In the scope of the finding: its address, all of its
 * host, or the domain.
 */
static const struct cause {
	const char *ids;
	enum check_status least;
	const char *hides;
	bool moot;
} causes[] = {
	{ "resolver.failed", CHECK_UNKNOWN, "", false },
	{ "resolver.dnssec", CHECK_UNKNOWN, "dane.", false },
	{ "egress.port25", CHECK_UNKNOWN, HOSTS, false },
	{ "mx.error mx.bogus", CHECK_UNKNOWN, "mx. mta-sts.uncovered " HOSTS,
	    false },
	{ "mx.no-domain", CHECK_INFO, "", true },
	{ "mx.none mx.null", CHECK_INFO, "mx. " HOSTS, true },
	{ "host.dns-error host.bogus", CHECK_UNKNOWN, "", false },
	{ "host.unreachable host.refused host.not-tested host.no-route "
	    "host.no-address", CHECK_INFO, HOSTS, false },
	{ "smtp.greeting smtp.busy smtp.silent", CHECK_INFO, SESSION, false },
	{ "starttls.unavailable", CHECK_INFO, "starttls. tls. cert. dane.",
	    false },
	{ NO_STARTTLS, CHECK_INFO, "starttls. tls. cert. dane.", true },
	{ "tls.handshake", CHECK_INFO, "tls. cert. dane.", true },
	{ POLICY, CHECK_UNKNOWN, "mta-sts.", false },
	{ "mta-sts.absent", CHECK_INFO, "mta-sts.", true },
	{ "tlsrpt.absent tlsrpt.invalid", CHECK_INFO, "tlsrpt.", true },
};

static bool is_in_scope(const struct watch_finding *cause,
    const struct watch_finding *f)
{
	if (cause->addr.family != AF_UNSPEC)
		return strcmp(cause->host, f->host) == 0 &&
		    f->addr.family != AF_UNSPEC &&
		    netaddr_equal(&cause->addr, &f->addr);
	return *cause->host == '\0' || strcmp(cause->host, f->host) == 0;
}

/* True when both ids have the same word before their dot. */
static bool same_group(const struct watch_finding *a,
    const struct watch_finding *b)
{
	size_t len = strcspn(a->info->id, ".") + 1;

	return strncmp(a->info->id, b->info->id, len) == 0;
}

/* What became of an earlier finding that is not there now. */
enum fate { FATE_GOOD, FATE_MOOT, FATE_HIDDEN };

static enum fate fate_by(const struct watch_finding *cause,
    const struct watch_finding *f)
{
	if (!is_in_scope(cause, f))
		return FATE_GOOD;
	if (cause->status == CHECK_UNKNOWN && same_group(cause, f) &&
	    strcmp(cause->host, f->host) == 0)
		return FATE_HIDDEN;
	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
		if (is_of(cause, causes[i].ids) && is_of(f, causes[i].hides))
			return cause->status < causes[i].least ? FATE_GOOD :
			    cause->status == CHECK_UNKNOWN ||
			    !causes[i].moot ? FATE_HIDDEN : FATE_MOOT;
	return FATE_GOOD;
}

static enum fate fate_of(const struct watch_summary *seen,
    const struct watch_finding *f)
{
	enum fate fate = seen->more ? FATE_HIDDEN : FATE_GOOD;

	for (size_t i = 0; i < seen->n; i++) {
		enum fate by = fate_by(&seen->v[i], f);

		fate = by > fate ? by : fate;
	}
	return fate;
}

/* A fault stays one while nobody can tell. */
static bool outlasts(const struct watch_finding *before,
    const struct watch_finding *now)
{
	return now->status == CHECK_UNKNOWN &&
	    (before->status == CHECK_FAIL || before->status == CHECK_WARN);
}

/* What has happened, and not how things stand: news each time it is told,
 * and none when it is not told again. */
static bool is_event(const struct watch_finding *f)
{
	return is_of(f, "change. starttls.back");
}

/* The mildest goes when there are too many. */
static void keep(struct watch_summary *s, const struct watch_finding *f)
{
	struct watch_finding *mildest = &s->v[0];

	if (f->status > s->status)
		s->status = f->status;
	if (s->n < WATCH_FINDINGS_MAX) {
		s->v[s->n++] = *f;
		return;
	}
	for (size_t i = 1; i < s->n; i++)
		if (s->v[i].status <= mildest->status)
			mildest = &s->v[i];
	if (mildest->status < f->status)
		*mildest = *f;
	s->more++;
}

void watch_merge(const struct watch_summary *kept,
    const struct watch_summary *seen, watch_news_fn *fn, void *arg,
    struct watch_summary *kept_r)
{
	*kept_r = *seen;
	kept_r->n = 0;
	for (size_t i = 0; i < seen->n; i++) {
		const struct watch_finding *f = &seen->v[i];
		const struct watch_finding *before = is_event(f) ? NULL :
		    find(kept, f);

		if (!before)
			fn(arg, WATCH_NEW, f, CHECK_OK);
		else if (outlasts(before, f))
			f = before;
		else if (before->status != f->status)
			fn(arg, WATCH_CHANGED, f, before->status);
		keep(kept_r, f);
	}
	for (size_t i = 0; kept && i < kept->n; i++) {
		const struct watch_finding *f = &kept->v[i];
		enum fate fate;

		if (is_event(f) || find(seen, f))
			continue;
		fate = fate_of(seen, f);
		if (fate == FATE_HIDDEN)
			keep(kept_r, f);
		else if (fate == FATE_GOOD)
			fn(arg, WATCH_GOOD, f, f->status);
	}
	watch_summary_sort(kept_r);
}

static int priority_of(enum watch_news news, enum check_status status)
{
	if (news == WATCH_GOOD)
		return LOG_NOTICE;
	switch (status) {
	case CHECK_FAIL: return LOG_ERR;
	case CHECK_UNKNOWN:
	case CHECK_WARN: return LOG_WARNING;
	case CHECK_INFO:
	case CHECK_OK: break;
	}
	return LOG_NOTICE;
}

int watch_line(const char *domain, enum watch_news news,
    const struct watch_finding *f, enum check_status before,
    struct buf *out)
{
	char addr[NETADDR_TEXT];

	buf_addf(out, "%s %s", domain, f->host);
	if (f->addr.family != AF_UNSPEC)
		buf_addf(out, "[%s]", netaddr_format(&f->addr, addr));
	else if (!*f->host)
		buf_cut(out, out->len - 1);
	buf_addf(out, ": %s ", f->info->id);
	if (news == WATCH_GOOD)
		buf_addf(out, "is good again (was %s)",
		    check_status_name(before));
	else if (news == WATCH_CHANGED)
		buf_addf(out, "(%s, was %s): %s",
		    check_status_name(f->status), check_status_name(before),
		    f->text);
	else
		buf_addf(out, "(%s): %s", check_status_name(f->status),
		    f->text);
	return priority_of(news, f->status);
}

/* ---- what is kept ------------------------------------------------------ */

void watch_state_pack(int64_t checked, const struct watch_summary *s,
    struct buf *out)
{
	pack_u8(out, STATE_VERSION);
	pack_i64(out, checked);
	watch_summary_pack(s, out);
}

bool watch_state_read(const void *data, size_t len, int64_t *checked_r,
    struct watch_summary *s_r)
{
	struct unpack u;
	unsigned version;
	int64_t checked;

	unpack_init(&u, data, len);
	version = unpack_u8(&u);
	checked = unpack_i64(&u);
	if (u.failed || version != STATE_VERSION || checked < 0 ||
	    !watch_summary_unpack(u.p, u.left, s_r))
		return false;
	*checked_r = checked;
	return true;
}
