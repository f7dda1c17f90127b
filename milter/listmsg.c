/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "milter/listmsg.h"

#include "mtasts/httphead.h"
#include "mtasts/httpsurl.h"
#include "policy/partners.h"
#include "util/buf.h"
#include "util/pack.h"

static bool is_etag_or_none(const char *s)
{
	return *s == '\0' || httphead_is_etag(s);
}

void list_ask_pack(const struct list_ask *m, struct buf *out)
{
	pack_u32(out, m->seq);
	pack_str(out, m->url);
	pack_str(out, m->etag);
}

bool list_ask_unpack(const void *data, size_t len, struct list_ask *m_r)
{
	struct list_ask m;
	struct unpack u;

	unpack_init(&u, data, len);
	m.seq = unpack_u32(&u);
	m.url = unpack_str(&u);
	m.etag = unpack_str(&u);
	if (!unpack_ok(&u) || strlen(m.url) >= HTTPSURL_SIZE ||
	    !is_etag_or_none(m.etag))
		return false;
	*m_r = m;
	return true;
}

void list_answer_pack(const struct list_answer *m, struct buf *out)
{
	size_t len = strnlen(m->reason, LISTMSG_REASON_MAX);

	pack_u32(out, m->seq);
	pack_u8(out, m->outcome);
	pack_u32(out, m->size);
	pack_str(out, m->etag);
	pack_mem(out, m->reason, len);
}

/* True when the members go together. */
static bool is_answer(const struct list_answer *m)
{
	if (m->outcome > LIST_FAILED || !is_etag_or_none(m->etag))
		return false;
	if (m->outcome == LIST_FETCHED)
		return m->size > 0 && m->size <= PARTNERS_BLOB_MAX;
	return m->size == 0;
}

bool list_answer_unpack(const void *data, size_t len,
    struct list_answer *m_r)
{
	struct list_answer m;
	struct unpack u;

	unpack_init(&u, data, len);
	m.seq = unpack_u32(&u);
	m.outcome = unpack_u8(&u);
	m.size = unpack_u32(&u);
	m.etag = unpack_str(&u);
	m.reason = unpack_str(&u);
	if (!unpack_ok(&u) || strlen(m.reason) > LISTMSG_REASON_MAX ||
	    !is_answer(&m))
		return false;
	*m_r = m;
	return true;
}

void list_more_pack(const struct list_more *m, struct buf *out)
{
	pack_u32(out, m->seq);
	pack_u32(out, m->offset);
}

bool list_more_unpack(const void *data, size_t len, struct list_more *m_r)
{
	struct list_more m;
	struct unpack u;

	unpack_init(&u, data, len);
	m.seq = unpack_u32(&u);
	m.offset = unpack_u32(&u);
	if (!unpack_ok(&u))
		return false;
	*m_r = m;
	return true;
}

void list_part_pack(const struct list_part *m, struct buf *out)
{
	pack_u32(out, m->seq);
	pack_u32(out, m->offset);
	pack_mem(out, m->data, m->len);
}

bool list_part_unpack(const void *data, size_t len, struct list_part *m_r)
{
	struct list_part m;
	struct unpack u;

	unpack_init(&u, data, len);
	m.seq = unpack_u32(&u);
	m.offset = unpack_u32(&u);
	m.data = unpack_mem(&u, &m.len);
	if (!unpack_ok(&u) || m.len == 0 || m.len > LISTMSG_PART_MAX)
		return false;
	*m_r = m;
	return true;
}
