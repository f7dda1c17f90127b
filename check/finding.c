/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "check/finding.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/facts.h"
#include "util/buf.h"

/* Of one report; a target has a bounded number of hosts and addresses. */
#define FINDINGS_MAX 16384
#define TEXT_MAX 2048

const char *check_status_name(enum check_status s)
{
	switch (s) {
	case CHECK_OK:
		return "ok";
	case CHECK_INFO:
		return "info";
	case CHECK_WARN:
		return "warn";
	case CHECK_UNKNOWN:
		return "unknown";
	case CHECK_FAIL:
		break;
	}
	return "fail";
}

bool check_status_parse(const char *name, enum check_status *s_r)
{
	for (int i = CHECK_OK; i <= CHECK_FAIL; i++)
		if (strcmp(name, check_status_name((enum check_status)i)) ==
		    0) {
			*s_r = (enum check_status)i;
			return true;
		}
	return false;
}

int check_status_exit(enum check_status s)
{
	switch (s) {
	case CHECK_OK:
	case CHECK_INFO:
		return 0;
	case CHECK_WARN:
		return 1;
	case CHECK_FAIL:
		return 2;
	case CHECK_UNKNOWN:
		break;
	}
	return 3;
}

const struct finding_info *finding_info(const char *id)
{
	size_t n;
	const struct finding_info *table = finding_table(&n);

	for (size_t i = 0; i < n; i++)
		if (strcmp(table[i].id, id) == 0)
			return &table[i];
	return NULL;
}

static void finding_clear(struct finding *f)
{
	free(f->text);
	free(f->fix);
	strv_clear(&f->evidence);
}

void findings_clear(struct findings *f)
{
	for (size_t i = 0; i < f->n; i++)
		finding_clear(&f->v[i]);
	free(f->v);
	*f = (struct findings){ .v = NULL };
}

static bool grow(struct findings *f)
{
	size_t size = f->size ? 2 * f->size : 32;
	struct finding *v;

	if (f->n < f->size)
		return true;
	if (size > FINDINGS_MAX)
		return false;
	v = reallocarray(f->v, size, sizeof(*v));
	if (!v)
		return false;
	f->v = v;
	f->size = size;
	return true;
}

struct finding *findings_add(struct findings *f, const char *id,
    enum check_status status, const struct host_facts *host,
    const struct address_facts *address, const char *fmt, ...)
{
	struct finding *one;
	struct buf text;
	va_list ap;

	if (f->failed || !grow(f)) {
		f->failed = true;
		return NULL;
	}
	one = &f->v[f->n];
	*one = (struct finding){ .info = finding_info(id), .status = status };
	buf_init(&text, TEXT_MAX);
	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	one->text = buf_steal(&text);
	if (!one->text) {
		f->failed = true;
		return NULL;
	}
	if (host)
		snprintf(one->host, sizeof(one->host), "%s", host->name);
	if (address)
		one->addr = address->addr;
	f->n++;
	return one;
}

enum check_status findings_worst(const struct findings *f)
{
	enum check_status worst = CHECK_OK;

	for (size_t i = 0; i < f->n; i++)
		if (f->v[i].status > worst)
			worst = f->v[i].status;
	return worst;
}

size_t findings_count(const struct findings *f, enum check_status status)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++)
		n += f->v[i].status == status;
	return n;
}
