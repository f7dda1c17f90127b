/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "check/judge-internal.h"
#include "util/buf.h"
#include "util/clock.h"

#define EVIDENCE_MAX 4096
#define EVIDENCE_LINES 24

/* ---- what it matters --------------------------------------------------- */

bool judge_is_firm(const struct judge *j)
{
	return j->promise == CHECK_PROMISE_ENFORCE ||
	    j->promise == CHECK_PROMISE_TLS ||
	    j->promise == CHECK_PROMISE_DANE;
}

/* Who logs in sends a password: no TLS is never all right there (RFC 8314). */
enum check_status judge_tls(const struct judge *j)
{
	return !j->is_relay || judge_is_firm(j) ? CHECK_FAIL : CHECK_WARN;
}

/* Only MTA-STS asks senders for PKIX, DANE does not; programs of people
 * always do. */
enum check_status judge_pkix(const struct judge *j)
{
	if (!j->is_relay || j->sts_mode == MTASTS_ENFORCE)
		return CHECK_FAIL;
	return j->sts_mode == MTASTS_TESTING ? CHECK_WARN : CHECK_INFO;
}

/* ---- words ------------------------------------------------------------- */

void judge_evidence(struct judge *j, struct finding *one, const char *fmt,
    ...)
{
	struct buf line;
	va_list ap;

	if (!one || one->evidence.n >= EVIDENCE_LINES)
		return;
	buf_init(&line, EVIDENCE_MAX);
	va_start(ap, fmt);
	buf_vaddf(&line, fmt, ap);
	va_end(ap);
	if (line.failed || !strv_add(&one->evidence, buf_str(&line)))
		j->out->failed = true;
	buf_clear(&line);
}

void judge_quote(struct judge *j, struct finding *one, enum stage_id id)
{
	const char *line = j->p->stages[id].reply;

	while (line && *line) {
		size_t n = strcspn(line, "\n");

		judge_evidence(j, one, "%.*s", (int)n, line);
		line += n + (line[n] != '\0');
	}
}

void judge_fix(struct judge *j, struct finding *one, const char *fmt, ...)
{
	struct buf text;
	va_list ap;

	if (!one)
		return;
	buf_init(&text, EVIDENCE_MAX);
	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	one->fix = buf_steal(&text);
	if (!one->fix)
		j->out->failed = true;
}

const char *judge_time_text(int64_t seconds, char *out)
{
	struct buf text;

	buf_init(&text, JUDGE_TIME_SIZE - 1);
	clock_add_span(&text, seconds);
	snprintf(out, JUDGE_TIME_SIZE, "%s", buf_str(&text));
	buf_clear(&text);
	return out;
}

/* ---- where we stand ---------------------------------------------------- */

static void judge_resolver(struct judge *j)
{
	const struct check_facts *f = j->f;

	if (f->validation == DNS_VALIDATION_FAILED)
		findings_add(j->out, "resolver.dnssec", CHECK_UNKNOWN, NULL,
		    NULL, "the name servers %s do not deliver DNSSEC (%s): "
		    "nothing can be said about DANE", f->resolver,
		    f->validation_why);
	else if (f->validation == DNS_VALIDATION_OFF)
		findings_add(j->out, "resolver.dnssec", CHECK_INFO, NULL,
		    NULL, "dns.dnssec is off in the configuration: nothing "
		    "can be said about DANE");
}

/* Nothing answered on port 25, nor said no: is it them, or the network
 * here? */
static void judge_egress(struct judge *j)
{
	const struct check_facts *f = j->f;
	bool tried = false;

	if (f->port25 == ANSWER_YES || f->target.port != 25)
		return;
	for (size_t i = 0; i < f->n; i++)
		for (size_t k = 0; k < f->hosts[i].n; k++) {
			const struct probe_facts *p =
			    &f->hosts[i].addresses[k].first;

			tried = tried || !p->is_local;
			if (p->stages[STAGE_CONNECT].state == STAGE_FAILED)
				return;
		}
	if (f->port25 == ANSWER_NO)
		findings_add(j->out, "egress.port25", CHECK_UNKNOWN, NULL,
		    NULL, "port 25 is blocked from here: the control host "
		    "does not answer either");
	else if (tried)
		findings_add(j->out, "egress.port25", CHECK_UNKNOWN, NULL,
		    NULL, "no host answers on port 25: it may be blocked "
		    "from here");
}

/* ---- all of it --------------------------------------------------------- */

/* A second connection that was made because the first was not good counts,
 * if it came further. */
static const struct probe_facts *better(const struct address_facts *a)
{
	int first = 0, second = 0;

	if (a->second_kind != SECOND_RETRY)
		return &a->first;
	for (int i = 0; i < STAGES; i++) {
		first += a->first.stages[i].state == STAGE_OK;
		second += a->second.stages[i].state == STAGE_OK;
	}
	return second > first ? &a->second : &a->first;
}

static void judge_one_host(struct judge *j, const struct host_facts *h)
{
	j->h = h;
	j->promise = check_promise(j->f, h);
	j->sts_mode = check_sts_mode(j->f, h);
	judge_host(j);
	for (size_t i = 0; i < h->n; i++) {
		j->a = &h->addresses[i];
		j->p = better(j->a);
		judge_server(j);
		if (j->p->has_tls)
			judge_cert(j);
	}
	j->a = NULL;
	j->p = NULL;
}

void check_judge(const struct check_facts *f, const struct memory *m,
    struct findings *out)
{
	struct judge j = { .f = f, .m = m, .out = out, .is_relay =
	    check_protocol_info(f->target.protocol)->is_relay };

	if (!judge_is_deaf(&j))
		judge_resolver(&j);
	if (f->target.is_domain)
		judge_domain(&j);
	judge_egress(&j);
	for (size_t i = 0; i < f->n; i++)
		judge_one_host(&j, &f->hosts[i]);
	if (m)
		memory_compare(m, f, out);
}
