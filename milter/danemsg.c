/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "milter/danemsg.h"

#include "util/buf.h"
#include "util/pack.h"

/* True for the one text of a next hop whose DANE can be looked up. */
static bool read_hop(const char *text, struct nexthop *hop_r)
{
	return nexthop_parse(text, strlen(text), hop_r) && *hop_r->domain &&
	    strcmp(text, hop_r->text) == 0;
}

void dane_ask_pack(uint32_t seq, const char *hop, struct buf *out)
{
	pack_u32(out, seq);
	pack_str(out, hop);
}

bool dane_ask_unpack(const void *data, size_t len, struct dane_ask *ask_r)
{
	struct unpack u;
	const char *hop;
	uint32_t seq;

	unpack_init(&u, data, len);
	seq = unpack_u32(&u);
	hop = unpack_str(&u);
	if (!unpack_ok(&u) || !read_hop(hop, &ask_r->hop))
		return false;
	ask_r->seq = seq;
	return true;
}

void dane_answer_pack(const struct dane_answer *answer, struct buf *out)
{
	struct buf rec;

	buf_init(&rec, DANEREC_MAX_PACKED);
	danerec_pack(&answer->rec, &rec);
	pack_u32(out, answer->seq);
	pack_str(out, answer->hop);
	pack_mem(out, rec.data, rec.len);
	if (rec.failed)
		out->failed = true;
	buf_clear(&rec);
}

bool dane_answer_unpack(const void *data, size_t len,
    struct dane_answer *answer_r)
{
	struct dane_answer answer;
	struct nexthop hop;
	struct unpack u;
	const void *rec;
	size_t rec_len;

	unpack_init(&u, data, len);
	answer.seq = unpack_u32(&u);
	answer.hop = unpack_str(&u);
	rec = unpack_mem(&u, &rec_len);
	if (!unpack_ok(&u) || !read_hop(answer.hop, &hop) ||
	    !danerec_read(rec, rec_len, &answer.rec))
		return false;
	*answer_r = answer;
	return true;
}
