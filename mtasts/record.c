/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/record.h"

#include "mtasts/name.h"
#include "util/buf.h"
#include "util/pack.h"
#include "util/str.h"

#define RECORD_VERSION 1

enum {
	FLAG_SECURE = 1,
	FLAG_IMPORTED = 2,
	FLAG_MX_KNOWN = 4,
	FLAG_NULL_MX = 8,
	FLAG_ALL = 15
};

static unsigned get_flags(const struct record *rec)
{
	return (rec->secure ? FLAG_SECURE : 0u) |
	    (rec->imported ? FLAG_IMPORTED : 0u) |
	    (rec->mx_known ? FLAG_MX_KNOWN : 0u) |
	    (rec->null_mx ? FLAG_NULL_MX : 0u);
}

static void set_flags(struct record *rec, unsigned flags)
{
	rec->secure = flags & FLAG_SECURE;
	rec->imported = flags & FLAG_IMPORTED;
	rec->mx_known = flags & FLAG_MX_KNOWN;
	rec->null_mx = flags & FLAG_NULL_MX;
}

/* Seven times in 32 bits instead of 64 are 28 bytes of every domain. */
static void pack_time(struct buf *out, int64_t t)
{
	if (t < 0)
		t = 0;
	pack_u32(out, t > UINT32_MAX ? UINT32_MAX : (uint32_t)t);
}

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

void record_pack(const struct record *rec, struct buf *out)
{
	pack_u8(out, RECORD_VERSION);
	pack_u8(out, rec->kind);
	pack_u8(out, rec->mode);
	pack_u8(out, rec->error);
	pack_u8(out, get_flags(rec));
	pack_u32(out, rec->max_age);
	pack_time(out, rec->fetched);
	pack_time(out, rec->expires);
	pack_time(out, rec->checked);
	pack_time(out, rec->check_after);
	pack_time(out, rec->refetch_after);
	pack_time(out, rec->retry_after);
	pack_time(out, rec->used);
	pack_str(out, or_empty(rec->id));
	pack_str(out, or_empty(rec->failed_id));
	pack_str(out, or_empty(rec->patterns));
	pack_str(out, or_empty(rec->mx));
	pack_str(out, or_empty(rec->rua));
	pack_text(out, or_empty(rec->text));
}

bool record_read(const void *data, size_t len, struct record *rec_r)
{
	struct record rec = { 0 };
	unsigned version, kind, mode, error, flags;
	struct unpack u;

	unpack_init(&u, data, len);
	version = unpack_u8(&u);
	kind = unpack_u8(&u);
	mode = unpack_u8(&u);
	error = unpack_u8(&u);
	flags = unpack_u8(&u);
	rec.max_age = unpack_u32(&u);
	rec.fetched = unpack_u32(&u);
	rec.expires = unpack_u32(&u);
	rec.checked = unpack_u32(&u);
	rec.check_after = unpack_u32(&u);
	rec.refetch_after = unpack_u32(&u);
	rec.retry_after = unpack_u32(&u);
	rec.used = unpack_u32(&u);
	rec.id = unpack_str(&u);
	rec.failed_id = unpack_str(&u);
	rec.patterns = unpack_str(&u);
	rec.mx = unpack_str(&u);
	rec.rua = unpack_str(&u);
	rec.text = unpack_text(&u);
	if (!unpack_ok(&u) || version != RECORD_VERSION ||
	    kind > RECORD_POLICY || mode > MTASTS_ENFORCE ||
	    error > MTASTS_E_CANCELLED || (flags & ~(unsigned)FLAG_ALL))
		return false;
	rec.kind = (enum record_kind)kind;
	rec.mode = (enum mtasts_mode)mode;
	rec.error = (enum mtasts_error)error;
	set_flags(&rec, flags);
	*rec_r = rec;
	return true;
}

bool record_list_has(const char *list, const char *name)
{
	size_t len, want = strlen(name);
	const char *entry;

	while (name_list_next(&list, &entry, &len))
		if (len == want && str_ieq_n(entry, name, len))
			return true;
	return false;
}

bool record_matches(const struct record *rec, const char *host)
{
	char name[MTASTS_DOMAIN_SIZE];
	const char *list = rec->patterns, *pattern;
	size_t len;

	if (mtasts_domain_normalize(host, name) != MTASTS_OK)
		return false;
	while (name_list_next(&list, &pattern, &len))
		if (name_matches(pattern, len, name))
			return true;
	return false;
}
