/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/dnswire.h"

#include <netinet/in.h>

#include "util/buf.h"
#include "util/str.h"

#define NAME_SIZE 255		/* RFC 1035 §3.1, in wire form */
#define CLASS_IN 1
#define RCODE_NXDOMAIN 3

/* A name in wire form, lower case. */
struct name {
	uint8_t b[NAME_SIZE];
	size_t len;
};

/* The cursor keeps the first error and reads zeros from then on. */
struct reader {
	const uint8_t *packet;
	size_t len;
	size_t at;
	bool failed;
};

/* Return n bytes at the cursor and step over them; NULL after an error. */
static const uint8_t *take(struct reader *r, size_t n)
{
	const uint8_t *p = r->packet + r->at;

	if (r->failed || n > r->len - r->at) {
		r->failed = true;
		return NULL;
	}
	r->at += n;
	return p;
}

static unsigned take_u8(struct reader *r)
{
	const uint8_t *p = take(r, 1);

	return p ? p[0] : 0;
}

static unsigned take_u16(struct reader *r)
{
	const uint8_t *p = take(r, 2);

	return p ? (unsigned)p[0] << 8 | p[1] : 0;
}

static uint32_t take_u32(struct reader *r)
{
	uint32_t high = take_u16(r);

	return high << 16 | take_u16(r);
}

/* RFC 2181 §8: a TTL with the top bit set counts as zero. */
static uint32_t take_ttl(struct reader *r)
{
	uint32_t ttl = take_u32(r);

	return ttl & 0x80000000u ? 0 : ttl;
}

/* Append one label of n bytes to the name; false when it is too long. */
static bool add_label(struct name *name, const uint8_t *label, size_t n)
{
	if (!label || name->len + 1 + n + 1 > NAME_SIZE)
		return false;
	name->b[name->len++] = (uint8_t)n;
	for (size_t i = 0; i < n; i++)
		name->b[name->len++] = (uint8_t)str_lower((char)label[i]);
	return true;
}

/*
 * Read a name, following compression pointers. A pointer may only go back,
 * to before where the last one stood, so that reading always ends.
 */
static void take_name(struct reader *r, struct name *name)
{
	struct reader here = *r;
	size_t limit = r->at;
	bool jumped = false;

	name->len = 0;
	for (;;) {
		unsigned n = take_u8(&here);

		if ((n & 0xc0) == 0xc0) {
			size_t to = (n & 0x3f) << 8 | take_u8(&here);

			if (!jumped)
				r->at = here.at;
			jumped = true;
			if (here.failed || to >= limit)
				break;
			here.at = limit = to;
			continue;
		}
		if (n == 0 && !here.failed) {
			name->b[name->len++] = 0;
			if (!jumped)
				r->at = here.at;
			return;
		}
		if (n > 63 || !add_label(name, take(&here, n), n))
			break;
	}
	name->len = 0;
	r->failed = true;
}

static bool name_equal(const struct name *a, const struct name *b)
{
	return a->len == b->len && memcmp(a->b, b->b, a->len) == 0;
}

static bool is_host_byte(uint8_t c)
{
	return str_is_alnum((char)c) || c == '-' || c == '_';
}

/* Append the text form; false for names no host has. */
static bool name_to_text(const struct name *name, struct buf *out)
{
	for (size_t i = 0; name->b[i] != 0;) {
		size_t n = name->b[i++];

		if (out->len)
			buf_addc(out, '.');
		for (; n > 0; n--, i++) {
			if (!is_host_byte(name->b[i]))
				return false;
			buf_addc(out, (char)name->b[i]);
		}
	}
	return true;
}

/* ---- record data ------------------------------------------------------- */

/* Each reads exactly the record's data. Return false to leave the record
 * out; broken data fails the reader, lack of memory the buffer. */
typedef bool rdata_fn(struct reader *r, struct dns_record *rec,
    struct buf *text);

static bool rdata_a(struct reader *r, struct dns_record *rec,
    struct buf *text)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };
	const uint8_t *p = take(r, 4);
	uint16_t port;

	(void)text;
	if (!p)
		return false;
	memcpy(&sa.sin_addr, p, 4);
	return netaddr_from_sockaddr((struct sockaddr *)&sa, &rec->addr,
	    &port);
}

static bool rdata_aaaa(struct reader *r, struct dns_record *rec,
    struct buf *text)
{
	struct sockaddr_in6 sa = { .sin6_family = AF_INET6 };
	const uint8_t *p = take(r, 16);
	uint16_t port;

	(void)text;
	if (!p)
		return false;
	memcpy(&sa.sin6_addr, p, 16);
	return netaddr_from_sockaddr((struct sockaddr *)&sa, &rec->addr,
	    &port);
}

static bool rdata_mx(struct reader *r, struct dns_record *rec,
    struct buf *text)
{
	struct name name;

	rec->priority = take_u16(r);
	take_name(r, &name);
	return !r->failed && name_to_text(&name, text);
}

static bool rdata_cname(struct reader *r, struct dns_record *rec,
    struct buf *text)
{
	struct name name;

	(void)rec;
	take_name(r, &name);
	return !r->failed && name_to_text(&name, text);
}

/* Whether it makes sense is for others to say: a malformed TLSA record
 * does not spoil the good ones beside it (DANE-U-01). */
static bool rdata_raw(struct reader *r, struct dns_record *rec,
    struct buf *text)
{
	size_t n = r->len - r->at;
	const uint8_t *p = take(r, n);

	(void)rec;
	if (p)
		buf_add(text, p, n);
	return p != NULL;
}

/* Several character-strings are one text, nothing between (STS-T-03). */
static bool rdata_txt(struct reader *r, struct dns_record *rec,
    struct buf *text)
{
	(void)rec;
	while (r->at < r->len && !r->failed) {
		unsigned n = take_u8(r);
		const uint8_t *p = take(r, n);

		if (p)
			buf_add(text, p, n);
	}
	return !r->failed;
}

static const struct {
	unsigned type;
	rdata_fn *read;
	bool has_text;
} rdata_types[] = {
	{ DNS_A, rdata_a, false },
	{ DNS_CNAME, rdata_cname, true },
	{ DNS_MX, rdata_mx, true },
	{ DNS_TXT, rdata_txt, true },
	{ DNS_AAAA, rdata_aaaa, false },
	{ DNS_TLSA, rdata_raw, true },
};

/* ---- the packet -------------------------------------------------------- */

struct parse {
	struct reader r;
	struct name target;	/* owner of the records wanted */
	unsigned type;
	unsigned chain;
	bool seen;
	bool out_of_memory;
	struct dns_answer answer;
};

/* A record as far as it is the same for all types. */
struct rr {
	struct name owner;
	unsigned type;
	unsigned class;
	uint32_t ttl;
	struct reader data;	/* ends with the record */
};

static bool take_rr(struct reader *r, struct rr *rr)
{
	unsigned len;

	take_name(r, &rr->owner);
	rr->type = take_u16(r);
	rr->class = take_u16(r);
	rr->ttl = take_ttl(r);
	len = take_u16(r);
	rr->data = *r;
	if (!take(r, len))
		return false;
	rr->data.len = r->at;
	return true;
}

static void lower_ttl(struct parse *p, uint32_t ttl)
{
	if (ttl < p->answer.ttl)
		p->answer.ttl = ttl;
}

static bool keep_record(struct parse *p, const struct dns_record *rec,
    struct buf *text, bool has_text)
{
	struct dns_record *slot = &p->answer.records[p->answer.n];

	*slot = *rec;
	if (has_text) {
		slot->len = text->len;
		slot->data = buf_steal(text);
		if (!slot->data) {
			p->out_of_memory = true;
			return false;
		}
	}
	p->answer.n++;
	return true;
}

static bool add_record(struct parse *p, struct rr *rr)
{
	struct dns_record rec = { .priority = 0 };
	struct buf text;
	bool good = true;

	p->seen = true;
	lower_ttl(p, rr->ttl);
	if (p->answer.n == DNS_RECORDS_MAX) {
		p->answer.truncated = true;
		return true;
	}
	buf_init(&text, UINT16_MAX);
	for (size_t i = 0; i < sizeof(rdata_types) / sizeof(rdata_types[0]);
	    i++) {
		if (rdata_types[i].type != p->type)
			continue;
		if (rdata_types[i].read(&rr->data, &rec, &text))
			good = keep_record(p, &rec, &text,
			    rdata_types[i].has_text);
		else
			good = !rr->data.failed;
		good = good && rr->data.at == rr->data.len;
	}
	buf_clear(&text);
	return good;
}

/* One record of the answer section; false ends the parse as broken. */
static bool read_answer_rr(struct parse *p)
{
	struct rr rr;

	if (!take_rr(&p->r, &rr))
		return false;
	if (rr.class != CLASS_IN || !name_equal(&rr.owner, &p->target))
		return true;
	if (rr.type == p->type)
		return add_record(p, &rr);
	if (rr.type != DNS_CNAME || p->seen)
		return true;
	if (++p->chain > DNS_CHAIN_MAX)
		return false;
	lower_ttl(p, rr.ttl);
	take_name(&rr.data, &p->target);
	return !rr.data.failed;
}

/* RFC 2308 §5: "no" holds for the lesser of the SOA's TTL and MINIMUM. */
static bool read_negative_ttl(struct parse *p, unsigned count)
{
	uint32_t ttl = 0;
	struct rr rr;

	for (; count > 0; count--) {
		struct name name;

		if (!take_rr(&p->r, &rr))
			return false;
		if (rr.type != DNS_SOA || rr.class != CLASS_IN)
			continue;
		take_name(&rr.data, &name);
		take_name(&rr.data, &name);
		take(&rr.data, 16);
		ttl = take_ttl(&rr.data);
		if (rr.data.failed)
			return false;
		if (rr.ttl < ttl)
			ttl = rr.ttl;
		break;
	}
	lower_ttl(p, ttl);
	return true;
}

static bool read_packet(struct parse *p)
{
	unsigned flags, questions, answers, authorities;

	take_u16(&p->r);
	flags = take_u16(&p->r);
	questions = take_u16(&p->r);
	answers = take_u16(&p->r);
	authorities = take_u16(&p->r);
	take_u16(&p->r);
	take_name(&p->r, &p->target);
	if (take_u16(&p->r) != p->type || take_u16(&p->r) != CLASS_IN ||
	    questions != 1 || p->r.failed)
		return false;
	if ((flags & 15) != 0 && (flags & 15) != RCODE_NXDOMAIN)
		return false;
	for (; answers > 0; answers--)
		if (!read_answer_rr(p))
			return false;
	if (p->seen)
		return true;
	p->answer.status = (flags & 15) == RCODE_NXDOMAIN ? DNS_NXDOMAIN :
	    DNS_NODATA;
	return read_negative_ttl(p, authorities);
}

/* Say where the chain ended; false when out of memory. */
static bool note_alias(struct parse *p)
{
	struct buf text;
	bool good;

	if (p->chain == 0)
		return true;
	p->answer.alias = true;
	buf_init(&text, sizeof(p->answer.canonical) - 1);
	if (name_to_text(&p->target, &text) && !text.failed)
		memcpy(p->answer.canonical, buf_str(&text), text.len + 1);
	good = !text.failed;
	buf_clear(&text);
	return good;
}

bool dns_answer_parse(const void *packet, size_t len, unsigned type,
    struct dns_answer *answer_r)
{
	struct parse p = {
		.r = { .packet = packet, .len = len },
		.type = type,
		.answer = { .status = DNS_FOUND, .ttl = UINT32_MAX },
	};

	p.answer.records = calloc(DNS_RECORDS_MAX,
	    sizeof(*p.answer.records));
	if (!p.answer.records)
		return false;
	if (!read_packet(&p)) {
		dns_answer_clear(&p.answer);
		if (p.out_of_memory)
			return false;
		p.answer.status = DNS_SERVFAIL;
	} else if (!note_alias(&p)) {
		dns_answer_clear(&p.answer);
		return false;
	}
	*answer_r = p.answer;
	return true;
}

void dns_answer_clear(struct dns_answer *a)
{
	for (size_t i = 0; i < a->n; i++)
		free(a->records[i].data);
	free(a->records);
	*a = (struct dns_answer){ .status = a->status };
}

const char *dns_status_text(enum dns_status status)
{
	switch (status) {
	case DNS_FOUND: return "found";
	case DNS_NODATA: return "no data";
	case DNS_NXDOMAIN: return "NXDOMAIN";
	case DNS_SERVFAIL: return "SERVFAIL";
	case DNS_BOGUS: return "DNSSEC validation failed";
	case DNS_TIMEOUT: return "no answer in time";
	}
	return "unknown";
}
