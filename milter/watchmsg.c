/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "milter/watchmsg.h"

#include "mtasts/name.h"
#include "util/buf.h"
#include "util/pack.h"

/* No check finds more than this of anything. */
#define COUNT_MAX 1000000

static bool is_text(const char *s)
{
	size_t len = strnlen(s, WATCH_TEXT_MAX + 1);

	return len <= WATCH_TEXT_MAX && str_is_clean_utf8(s, len);
}

/* As much of a text as may travel, whole characters. */
static void pack_short(struct buf *out, const char *s)
{
	pack_mem(out, s, str_utf8_text_len(s, strnlen(s, WATCH_TEXT_MAX)));
}

bool watch_is_host(const char *host)
{
	size_t len = 0;

	while (host[len] > ' ' && host[len] < 0x7f)
		len++;
	return host[len] == '\0' && len < DNS_NAME_SIZE;
}

/* ---- questions --------------------------------------------------------- */

void watch_ask_pack(const struct watch_ask *m, struct buf *out)
{
	pack_u32(out, m->seq);
	pack_str(out, m->domain);
	pack_str(out, m->held_id);
	pack_u8(out, m->held_mode);
	pack_text(out, m->note);
}

static bool is_id_or_none(const char *id)
{
	return strlen(id) <= MTASTS_ID_SIZE && watch_is_host(id);
}

bool watch_ask_unpack(const void *data, size_t len, struct watch_ask *m_r)
{
	struct watch_ask m;
	struct unpack u;
	unsigned mode;

	unpack_init(&u, data, len);
	m.seq = unpack_u32(&u);
	m.domain = unpack_str(&u);
	m.held_id = unpack_str(&u);
	mode = unpack_u8(&u);
	m.note = unpack_text(&u);
	if (!unpack_ok(&u) || !name_is_normal(m.domain, strlen(m.domain)) ||
	    !is_id_or_none(m.held_id) || mode > MTASTS_ENFORCE ||
	    strlen(m.note) > WATCH_NOTE_MAX)
		return false;
	m.held_mode = (enum mtasts_mode)mode;
	*m_r = m;
	return true;
}

/* ---- a summary --------------------------------------------------------- */

static void pack_finding(const struct watch_finding *f, struct buf *out)
{
	char addr[NETADDR_TEXT];

	pack_str(out, f->info->id);
	pack_u8(out, f->status);
	pack_str(out, f->host);
	pack_str(out, f->addr.family == AF_UNSPEC ? "" :
	    netaddr_format(&f->addr, addr));
	pack_short(out, f->text);
}

void watch_summary_pack(const struct watch_summary *s, struct buf *out)
{
	pack_u8(out, s->status);
	for (size_t i = 0; i < WATCH_STATUSES; i++)
		pack_u32(out, s->counts[i]);
	pack_short(out, s->verdict);
	pack_u32(out, s->more);
	pack_u8(out, s->n);
	for (size_t i = 0; i < s->n; i++)
		pack_finding(&s->v[i], out);
}

/* Only the one text an address has. */
static bool read_addr(const char *text, struct netaddr *addr_r)
{
	char again[NETADDR_TEXT];

	*addr_r = (struct netaddr){ .family = AF_UNSPEC };
	return *text == '\0' || (netaddr_parse(text, addr_r) &&
	    strcmp(netaddr_format(addr_r, again), text) == 0);
}

static bool unpack_finding(struct unpack *u, struct watch_finding *f)
{
	const char *id = unpack_str(u), *addr;
	unsigned status = unpack_u8(u);

	f->host = unpack_str(u);
	addr = unpack_str(u);
	f->text = unpack_str(u);
	f->info = finding_info(id);
	f->status = (enum check_status)status;
	return !u->failed && f->info && status > CHECK_OK &&
	    status <= CHECK_FAIL && watch_is_host(f->host) &&
	    read_addr(addr, &f->addr) && is_text(f->text);
}

static bool unpack_summary(struct unpack *u, struct watch_summary *s)
{
	unsigned status = unpack_u8(u);
	bool good = status <= CHECK_FAIL;

	s->status = (enum check_status)status;
	for (size_t i = 0; i < WATCH_STATUSES; i++) {
		s->counts[i] = unpack_u32(u);
		good = good && s->counts[i] <= COUNT_MAX;
	}
	s->verdict = unpack_str(u);
	s->more = unpack_u32(u);
	s->n = unpack_u8(u);
	good = good && s->more <= COUNT_MAX && s->n <= WATCH_FINDINGS_MAX &&
	    is_text(s->verdict);
	for (size_t i = 0; good && i < s->n; i++)
		good = unpack_finding(u, &s->v[i]);
	return good;
}

bool watch_summary_unpack(const void *data, size_t len,
    struct watch_summary *s_r)
{
	struct unpack u;

	unpack_init(&u, data, len);
	return unpack_summary(&u, s_r) && unpack_ok(&u);
}

void watch_summary_sort(struct watch_summary *s)
{
	for (size_t i = 1; i < s->n; i++) {
		struct watch_finding f = s->v[i];
		size_t k = i;

		for (; k && s->v[k - 1].status < f.status; k--)
			s->v[k] = s->v[k - 1];
		s->v[k] = f;
	}
}

/* ---- answers ----------------------------------------------------------- */

void watch_answer_pack(const struct watch_answer *m, struct buf *out)
{
	pack_u32(out, m->seq);
	pack_short(out, m->failed);
	if (*m->failed)
		return;
	pack_text(out, m->note);
	watch_summary_pack(&m->summary, out);
}

bool watch_answer_unpack(const void *data, size_t len,
    struct watch_answer *m_r)
{
	struct unpack u;

	unpack_init(&u, data, len);
	m_r->seq = unpack_u32(&u);
	m_r->failed = unpack_str(&u);
	m_r->note = "";
	m_r->summary = (struct watch_summary){ .verdict = "" };
	if (!is_text(m_r->failed))
		return false;
	if (*m_r->failed)
		return unpack_ok(&u);
	m_r->note = unpack_text(&u);
	return strlen(m_r->note) <= WATCH_NOTE_MAX &&
	    unpack_summary(&u, &m_r->summary) && unpack_ok(&u);
}
