/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/danerec.h"

#include "mtasts/name.h"
#include "util/buf.h"
#include "util/pack.h"
#include "util/str.h"

#define DANEREC_VERSION 1

#define LIFE_LEAST 60
#define LIFE_MOST 3600
#define LIFE_FAILED 30
#define STALE 3600

enum {
	FLAG_VALIDATED = 1,
	FLAG_MX_SECURE = 2,
	FLAG_CUT = 4,
	FLAG_ALL = 7
};

/* One word each, since they stand in a list. */
static const char *const words[] = {
	[DANE_HOST_PENDING] = "pending",
	[DANE_HOST_USABLE] = "usable",
	[DANE_HOST_UNUSABLE] = "unusable",
	[DANE_HOST_NO_TLSA] = "none",
	[DANE_HOST_NO_ADDRESS] = "no-address",
	[DANE_HOST_ADDRESS_ERROR] = "address-error",
	[DANE_HOST_TLSA_ERROR] = "tlsa-error",
};

/* ---- hosts ------------------------------------------------------------- */

/* An MX record can name anything; what could never be a host is left out. */
static bool is_host(const char *s, size_t len)
{
	struct name_shape shape;

	return name_scan(s, len, &shape) && !shape.upper;
}

static const char *find_word(const char *s, size_t len)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i]) == len && memcmp(words[i], s, len) == 0)
			return words[i];
	return NULL;
}

static bool read_host(const char *entry, size_t len,
    struct danerec_host *host_r)
{
	const char *equals = memchr(entry, '=', len);

	if (!equals)
		return false;
	host_r->name = entry;
	host_r->name_len = (size_t)(equals - entry);
	host_r->state = find_word(equals + 1, len - host_r->name_len - 1);
	return host_r->state && is_host(entry, host_r->name_len);
}

bool danerec_next_host(const char **list, struct danerec_host *host_r)
{
	const char *entry;
	size_t len;

	return name_list_next(list, &entry, &len) &&
	    read_host(entry, len, host_r);
}

static bool are_hosts(const char *list)
{
	struct danerec_host host;
	const char *entry;
	size_t len, n = 0;

	while (name_list_next(&list, &entry, &len))
		if (++n > DANE_HOSTS_MAX || !read_host(entry, len, &host))
			return false;
	return true;
}

/* ---- the record -------------------------------------------------------- */

void danerec_from_state(const struct danestate *s, struct buf *hosts,
    struct danerec *rec_r)
{
	struct danerec rec = { .outcome = DANE_ERROR, .hosts = "" };
	struct dane_result result;
	struct dane_host_result h;

	if (s) {
		danestate_result(s, &result);
		rec = (struct danerec){ .validated = true,
			.outcome = result.outcome,
			.mx_secure = result.mx_secure, .cut = result.cut,
			.ttl = result.ttl };
		for (size_t i = 0; i < result.hosts; i++) {
			danestate_host(s, i, &h);
			if (is_host(h.name, strlen(h.name)))
				buf_addf(hosts, "%s%s=%s", hosts->len ? " " :
				    "", h.name, words[h.state]);
		}
	}
	rec.hosts = hosts->failed ? "" : buf_str(hosts);
	*rec_r = rec;
}

void danerec_pack(const struct danerec *rec, struct buf *out)
{
	unsigned flags = (rec->validated ? FLAG_VALIDATED : 0u) |
	    (rec->mx_secure ? FLAG_MX_SECURE : 0u) |
	    (rec->cut ? FLAG_CUT : 0u);

	pack_u8(out, DANEREC_VERSION);
	pack_u8(out, flags);
	pack_u8(out, rec->outcome);
	pack_u32(out, rec->ttl);
	pack_i64(out, rec->checked);
	pack_str(out, rec->hosts ? rec->hosts : "");
}

bool danerec_read(const void *data, size_t len, struct danerec *rec_r)
{
	unsigned version, flags, outcome;
	struct danerec rec;
	struct unpack u;

	unpack_init(&u, data, len);
	version = unpack_u8(&u);
	flags = unpack_u8(&u);
	outcome = unpack_u8(&u);
	rec = (struct danerec){ .ttl = unpack_u32(&u) };
	rec.checked = unpack_i64(&u);
	rec.hosts = unpack_str(&u);
	if (!unpack_ok(&u) || version != DANEREC_VERSION ||
	    (flags & ~(unsigned)FLAG_ALL) || outcome > DANE_ERROR ||
	    !are_hosts(rec.hosts))
		return false;
	rec.outcome = (enum dane_outcome)outcome;
	rec.validated = flags & FLAG_VALIDATED;
	rec.mx_secure = flags & FLAG_MX_SECURE;
	rec.cut = flags & FLAG_CUT;
	*rec_r = rec;
	return true;
}

/* ---- for how long ------------------------------------------------------ */

/* Something was found out, as opposed to a failure. */
static bool tells(const struct danerec *rec)
{
	return rec->validated && rec->outcome != DANE_ERROR;
}

static int64_t life_of(const struct danerec *rec)
{
	if (!tells(rec))
		return LIFE_FAILED;
	if (rec->ttl < LIFE_LEAST)
		return LIFE_LEAST;
	return rec->ttl < LIFE_MOST ? rec->ttl : LIFE_MOST;
}

int64_t danerec_expires(const struct danerec *rec)
{
	return rec->checked + life_of(rec);
}

/* A record from the future was made before the clock jumped back: nobody
 * knows how old it is. */
enum danerec_standing danerec_standing(const struct danerec *rec,
    int64_t now)
{
	if (!rec)
		return DANEREC_UNKNOWN;
	if (now >= rec->checked && now < danerec_expires(rec))
		return DANEREC_HOLDS;
	return tells(rec) && now < danerec_expires(rec) + STALE ?
	    DANEREC_STALE : DANEREC_UNKNOWN;
}

bool danerec_is_due(const struct danerec *rec, int64_t now)
{
	return danerec_standing(rec, now) != DANEREC_HOLDS ||
	    (tells(rec) && now >= danerec_expires(rec) - life_of(rec) / 4);
}
