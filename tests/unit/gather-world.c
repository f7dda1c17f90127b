/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "tests/unit/gather-world.h"

#include <CUnit/Basic.h>
#include <stdlib.h>
#include <string.h>

#include "check/probe.h"
#include "mtasts/ctx.h"
#include "mtasts/evloop.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define POOL 400

/* A thing under way: a question, a lookup or a probe. */
struct pending {
	bool used;
	struct evtimer *timer;
	void *fn, *arg;
	struct row row;
	char address[NETADDR_TEXT];
	char sni[DNS_NAME_SIZE];
	char version[16], cipher[200];
};

/* Of the one world there is at a time. */
static struct {
	const struct world *world;
	struct evloop *loop;
	struct pending pool[POOL];
	struct { char address[NETADDR_TEXT]; unsigned n; } met[64];
	struct gather_run *out;
} run;

static struct pending *pending_new(evtimer_fn *due)
{
	struct pending *p = run.pool;

	while (p < run.pool + POOL && p->used)
		p++;
	if (p == run.pool + POOL)
		abort();
	*p = (struct pending){ .used = true };
	p->timer = evtimer_new(run.loop, due, p);
	if (!p->timer) {
		p->used = false;
		return NULL;
	}
	evtimer_set(p->timer, 0);
	return p;
}

static void pending_end(struct pending *p)
{
	evtimer_free(p->timer);
	p->used = false;
}

static void add_log(const char *text)
{
	size_t n = strlen(run.out->log);

	snprintf(run.out->log + n, sizeof(run.out->log) - n, "%s\n", text);
}

/* ---- DNS --------------------------------------------------------------- */

struct dns_query *__wrap_dns_query_start(struct dns *d, const char *name,
    enum dns_type type, dns_fn *fn, void *arg);
void __wrap_dns_query_cancel(struct dns_query *q);
enum dns_validation __wrap_dns_validation(const struct dns *d,
    const char **why_r);
const char *__wrap_dns_servers(const struct dns *d);

static void fill(const struct row *row, struct dns_record *records,
    struct dns_answer *a)
{
	static char text[64][200];
	char copy[1000], *rest = copy, *word, *state = NULL;
	size_t words = 0;

	if (row->type == DNS_TXT) {
		records[0].data = (char *)(uintptr_t)row->data;
		records[0].len = strlen(row->data);
		a->n = 1;
		return;
	}
	snprintf(copy, sizeof(copy), "%s", row->data);
	while ((word = strtok_r(rest, " ", &state))) {
		struct dns_record *r = &records[a->n];
		unsigned unsigned_byte;

		rest = NULL;
		if (row->type == DNS_MX && words++ % 2 == 0) {
			r->priority = (unsigned)strtoul(word, NULL, 10);
			continue;
		}
		r->data = text[a->n];
		if (row->type == DNS_TLSA) {
			sscanf(word + 4, "%u", &unsigned_byte);
			memset(text[a->n], (int)unsigned_byte, 35);
			for (size_t i = 0; i < 3; i++)
				text[a->n][i] = (char)(word[i] - '0');
			r->len = 35;
		} else {
			snprintf(text[a->n], sizeof(text[0]), "%s", word);
			r->len = strcmp(word, ".") == 0 ? 0 : strlen(word);
			netaddr_parse(word, &r->addr);
		}
		a->n++;
	}
}

static void answer_due(void *arg)
{
	struct pending *p = arg;
	dns_fn *fn = (dns_fn *)p->fn;
	struct dns_record records[64] = { { .len = 0 } };
	struct dns_answer a = { .status = p->row.status, .ttl = 60,
		.secure = !p->row.insecure && !run.world->unvalidated,
		.records = records, .alias = p->row.alias != NULL };

	if (p->row.alias)
		snprintf(a.canonical, sizeof(a.canonical), "%s",
		    p->row.alias);
	if (a.status == DNS_FOUND)
		fill(&p->row, records, &a);
	pending_end(p);
	fn(p->arg, &a);
}

struct dns_query *__wrap_dns_query_start(struct dns *d, const char *name,
    enum dns_type type, dns_fn *fn, void *arg)
{
	struct pending *p = pending_new(answer_due);
	const struct row *row = run.world->rows;

	(void)d;
	if (!p)
		return NULL;
	while (row->name && (strcmp(row->name, name) != 0 ||
	    row->type != type))
		row++;
	p->row = *row;
	if (!row->name)
		p->row.status = DNS_NODATA;
	if (row->never)
		evtimer_set(p->timer, -1);
	p->fn = (void *)fn;
	p->arg = arg;
	return (struct dns_query *)p;
}

void __wrap_dns_query_cancel(struct dns_query *q)
{
	if (q)
		pending_end((struct pending *)q);
}

enum dns_validation __wrap_dns_validation(const struct dns *d,
    const char **why_r)
{
	(void)d;
	if (why_r)
		*why_r = "";
	return run.world->unvalidated ? DNS_VALIDATION_FAILED :
	    DNS_VALIDATION_WORKS;
}

const char *__wrap_dns_servers(const struct dns *d)
{
	(void)d;
	return "192.0.2.53";
}

/* ---- MTA-STS ----------------------------------------------------------- */

enum mtasts_error __wrap_mtasts_lookup_start(struct mtasts_ctx *ctx,
    const char *domain, const char *held_id, unsigned flags,
    mtasts_result_fn *fn, void *arg);

static void policy_due(void *arg)
{
	struct pending *p = arg;
	mtasts_result_fn *fn = (mtasts_result_fn *)p->fn;
	const char *text = run.world->policy;
	struct mtasts_result r = { .outcome = MTASTS_ABSENT,
		.error = MTASTS_E_NO_RECORD, .detail = "none" };
	struct mtasts_policy *policy = NULL;

	if (text) {
		policy = mtasts_policy_parse(text, strlen(text), 0, NULL,
		    NULL, &r.error);
		r.outcome = policy ? MTASTS_FOUND : MTASTS_FAILED;
		r.policy = policy;
		r.text = text;
		r.text_len = strlen(text);
		snprintf(r.id, sizeof(r.id), "1");
	}
	pending_end(p);
	fn(p->arg, &r);
	mtasts_policy_free(policy);
}

enum mtasts_error __wrap_mtasts_lookup_start(struct mtasts_ctx *ctx,
    const char *domain, const char *held_id, unsigned flags,
    mtasts_result_fn *fn, void *arg)
{
	struct pending *p = pending_new(policy_due);

	(void)ctx, (void)domain, (void)flags;
	if (!p)
		return MTASTS_E_MEMORY;
	CU_ASSERT_PTR_NULL(held_id);
	if (run.world->slow_policy)
		evtimer_set(p->timer, -1);
	p->fn = (void *)fn;
	p->arg = arg;
	return MTASTS_OK;
}

/* ---- the prober -------------------------------------------------------- */

struct probe *__wrap_probe_start(struct prober *pr,
    const struct probe_request *r, probe_fn *fn, void *arg);
void __wrap_probe_cancel(struct probe *p);

/* The word for this connection to the address. */
static void next_word(const char *address, char *word, size_t size)
{
	const struct server *s = run.world->servers;
	const char *p;
	size_t met = 0;

	while (s->address && strcmp(s->address, address) != 0)
		s++;
	while (*run.met[met].address &&
	    strcmp(run.met[met].address, address) != 0)
		met++;
	snprintf(run.met[met].address, NETADDR_TEXT, "%s", address);
	p = s->address ? s->words : "good";
	for (unsigned i = 0; i < run.met[met].n && strchr(p, ' '); i++)
		p = strchr(p, ' ') + 1;
	run.met[met].n++;
	snprintf(word, size, "%.*s", (int)strcspn(p, " "), p);
}

static void up_to(struct probe_facts *f, enum stage_id last,
    enum stage_state state)
{
	for (int i = STAGE_CONNECT; i < (int)last; i++)
		f->stages[i].state = STAGE_OK;
	f->stages[last].state = state;
}

/* Deep requests: what this server has. */
static bool has_it(const struct pending *p, struct probe_facts *f)
{
	static const char *const ciphers[] = { "AES", "CHACHA", "3DES" };
	char excluded[32];

	snprintf(f->tls.version, sizeof(f->tls.version), "%s",
	    *p->version ? p->version : "TLSv1.3");
	snprintf(f->tls.cipher, sizeof(f->tls.cipher), "TLS_AES");
	if (strcmp(f->tls.version, "TLSv1") == 0)
		return false;
	if (strcmp(f->tls.version, "TLSv1.2") != 0)
		return true;
	for (size_t i = 0; i < COUNT(ciphers); i++) {
		snprintf(excluded, sizeof(excluded), "!%s", ciphers[i]);
		if (strstr(p->cipher, excluded))
			continue;
		snprintf(f->tls.cipher, sizeof(f->tls.cipher), "%s",
		    ciphers[i]);
		return true;
	}
	return false;
}

static void look(const struct pending *p, const char *word,
    struct probe_facts *f)
{
	if (strcmp(word, "refused") == 0) {
		up_to(f, STAGE_CONNECT, STAGE_FAILED);
	} else if (strcmp(word, "busy") == 0) {
		up_to(f, STAGE_GREETING, STAGE_UNKNOWN);
		f->stages[STAGE_GREETING].code = 421;
	} else if (strcmp(word, "silent") == 0) {
		up_to(f, STAGE_GREETING, STAGE_UNKNOWN);
	} else if (strcmp(word, "plain") == 0) {
		up_to(f, STAGE_STARTTLS, STAGE_FAILED);
		f->offered = ANSWER_NO;
	} else if (!has_it(p, f)) {
		up_to(f, STAGE_HANDSHAKE, STAGE_FAILED);
		f->offered = f->accepted = ANSWER_YES;
	} else {
		up_to(f, STAGE_HELLO_TLS, STAGE_OK);
		f->offered = f->accepted = ANSWER_YES;
		f->has_tls = true;
		snprintf(f->tls.sni, sizeof(f->tls.sni), "%s", p->sni);
		/* "good=N": the key whose digest is bytes of N. */
		if (strncmp(word, "good=", 5) == 0) {
			for (int i = 0; i < 32; i++)
				snprintf(f->tls.cert.spki_sha256 + 2 * i, 3,
				    "%02lx", strtoul(word + 5, NULL, 10));
			f->tls.dane = ANSWER_YES;
			snprintf(f->tls.dane_record,
			    sizeof(f->tls.dane_record), "3 1 1 %s",
			    f->tls.cert.spki_sha256);
		} else if (strcmp(word, "wrong") == 0) {
			f->tls.dane = ANSWER_NO;
		}
	}
}

static void probe_due(void *arg)
{
	struct pending *p = arg;
	probe_fn *fn = (probe_fn *)p->fn;
	struct probe_facts f = { .has_tls = false };
	char word[32];

	next_word(p->address, word, sizeof(word));
	look(p, word, &f);
	run.out->parallel--;
	pending_end(p);
	fn(p->arg, &f);
}

struct probe *__wrap_probe_start(struct prober *pr,
    const struct probe_request *r, probe_fn *fn, void *arg)
{
	char address[NETADDR_TEXT], line[1000];
	struct pending *p = pending_new(probe_due);
	size_t tlsa = 0;

	(void)pr;
	if (!p)
		return NULL;
	netaddr_format(&r->addr, address);
	for (size_t i = 0; i < POOL; i++)
		if (run.pool[i].used &&
		    strcmp(run.pool[i].address, address) == 0)
			run.out->doubled = true;
	if (++run.out->parallel > run.out->most_parallel)
		run.out->most_parallel = run.out->parallel;
	for (size_t i = 0; i < r->tlsa_n; i++)
		tlsa += r->tlsa[i].use == TLSA_COUNTS;
	snprintf(p->address, sizeof(p->address), "%s", address);
	snprintf(p->sni, sizeof(p->sni), "%s", r->sni ? r->sni : "");
	snprintf(p->version, sizeof(p->version), "%s",
	    r->version ? r->version : "");
	snprintf(p->cipher, sizeof(p->cipher), "%s",
	    r->cipher ? r->cipher : "");
	snprintf(line, sizeof(line), "%s %s:%u name=%s sni=%s tlsa=%zu%s%s%s%s",
	    check_protocol_info(r->protocol)->name, address, r->port,
	    r->name ? r->name : "", p->sni, tlsa, *p->version ? " " : "",
	    p->version, *p->cipher ? " " : "", p->cipher);
	add_log(line);
	p->fn = (void *)fn;
	p->arg = arg;
	return (struct probe *)p;
}

void __wrap_probe_cancel(struct probe *p)
{
	run.out->parallel--;
	pending_end((struct pending *)p);
}

/* ---- running ----------------------------------------------------------- */

static void on_end(void *arg, struct check_facts *f)
{
	struct gather_run *out = arg;

	out->ended = true;
	out->no_memory = !f;
	if (f)
		out->f = *f;
}

/* A lookup of MTA-STS outlives who asked. */
static void end_lookups(void)
{
	for (size_t i = 0; i < POOL; i++)
		if (run.pool[i].used)
			policy_due(&run.pool[i]);
}

void gather_world_run(const struct world *w, const struct check_target *t,
    const struct gather_options *o, int steps, struct gather_run *run_r)
{
	struct mtasts_ctx ctx = { .loop = evloop_new() };
	struct gather *g = NULL;

	*run_r = (struct gather_run){ .parallel = 0 };
	memset(&run, 0, sizeof(run));
	run.world = w;
	run.loop = ctx.loop;
	run.out = run_r;
	if (ctx.loop)
		g = gather_start(&ctx, NULL, t, o, NULL, on_end, run_r);
	if (!g)
		run_r->ended = run_r->no_memory = true;
	for (int i = 0; !run_r->ended && i != steps; i++)
		evloop_wait(ctx.loop, steps < 0 ? -1 : 0);
	if (!run_r->ended)
		gather_cancel(g);
	end_lookups();
	evloop_free(ctx.loop);
}
