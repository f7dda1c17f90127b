/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "policy/ar.h"
#include "tests/fuzz/fuzz.h"
#include "util/buf.h"
#include "util/str.h"

const char fuzz_name[] = "ar";

static const char *const ids[] = {
	"our.id", "mx.example.com", "mx.xn--bcher-kva.example", "mailhost",
};

static bool is_ldh(const char *s)
{
	for (; str_is_alnum(*s) || *s == '-' || *s == '.'; s++)
		;
	return !*s;
}

/* Whatever a stranger writes, before or behind it, cannot save a field that
 * plainly claims our id and holds a result of ours. */
static void check_forged(const char *value, const char *id)
{
	struct buf b;

	if (ar_is_forged(value, id, STRIP_AR_OWN))
		FUZZ_CHECK(ar_is_forged(value, id, STRIP_AR_ALL));
	buf_init(&b, 1 << 21);
	buf_addf(&b, "%s; x-tls=pass; %s", id, value);
	FUZZ_CHECK(ar_is_forged(buf_str(&b), id, STRIP_AR_OWN));
	buf_reset(&b);
	buf_addf(&b, "(%zu) \"%s\" 1; dkim=pass\n\t; X-TLS (c) / 1 = %s",
	    strlen(value), id, value);
	FUZZ_CHECK(ar_is_forged(buf_str(&b), id, STRIP_AR_OWN));
	buf_clear(&b);
}

/* What we write is one field, whatever the MTA and the rules told us, and
 * we know it again. */
static void check_format(const char *text)
{
	char *copy = strdup(text);
	struct tls_facts tls = { .state = TLS_ENCRYPTED, .version = copy,
		.cipher = copy, .bits = 128 };
	struct rule rule = { .name = copy };
	struct verdict v = { .action = ACTION_TAG, .rule = &rule };
	struct buf b;

	buf_init(&b, 1 << 16);
	ar_format(&b, text, &tls, &v);
	if (is_ldh(text) && strlen(text) < 100 && strspn(text, ".") == 0 &&
	    *text)
		FUZZ_CHECK(ar_is_forged(buf_str(&b), text, STRIP_AR_OWN));
	buf_addc(&b, '\n');
	buf_addc(&b, '\t');
	ar_format_tag(&b, &tls, &v);
	FUZZ_CHECK(copy == NULL || !b.failed);
	for (const char *s = buf_str(&b); *s; s++) {
		if (*s == '\n')
			FUZZ_CHECK(*++s == '\t');
		else
			FUZZ_CHECK(*s >= ' ' && *s < 0x7f);
	}
	buf_clear(&b);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *value = strndup((const char *)data, size);

	if (!value)
		return 0;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		check_forged(value, ids[i]);
	check_format(value);
	free(value);
	return 0;
}
