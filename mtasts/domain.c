/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * domain - names as users write them to the form everything compares.
 *
 * Nearly every name is ASCII already; that path does not allocate, as it is
 * taken in milter callbacks.
 */
#include "config.h"

#include "mtasts/mtasts.h"

#include <idn2.h>

#include "mtasts/name.h"
#include "util/str.h"

/* The longest U-label form looked at: 253 characters of four bytes. */
#define UTF8_MAX ((MTASTS_DOMAIN_SIZE - 1) * 4)

static enum mtasts_error normalize_ascii(const char *domain, char *out)
{
	char name[MTASTS_DOMAIN_SIZE];
	size_t len = strnlen(domain, MTASTS_DOMAIN_SIZE + 1);

	if (len > 0 && domain[len - 1] == '.')
		len--;
	if (len >= sizeof(name))
		return MTASTS_E_ARGUMENT;
	for (size_t i = 0; i < len; i++)
		name[i] = str_lower(domain[i]);
	name[len] = '\0';
	if (!name_is_normal(name, len))
		return MTASTS_E_ARGUMENT;
	memcpy(out, name, len + 1);
	return MTASTS_OK;
}

/* IDNA2008 with UTS #46 mapping, so that "Ü" becomes "ü" first; without its
 * transitional part, so that "ß" stays itself (RFC 5895, RFC 5891). */
static enum mtasts_error normalize_utf8(const char *domain, char *out)
{
	enum mtasts_error e;
	uint8_t *ascii;
	int rc;

	if (strnlen(domain, UTF8_MAX + 1) > UTF8_MAX)
		return MTASTS_E_ARGUMENT;
	rc = idn2_lookup_u8((const uint8_t *)domain, &ascii,
	    IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	if (rc == IDN2_MALLOC)
		return MTASTS_E_MEMORY;
	if (rc != IDN2_OK)
		return MTASTS_E_ARGUMENT;
	e = normalize_ascii((const char *)ascii, out);
	idn2_free(ascii);
	return e;
}

enum mtasts_error mtasts_domain_normalize(const char *domain, char *out)
{
	for (const char *s = domain; *s; s++)
		if ((unsigned char)*s >= 0x80)
			return normalize_utf8(domain, out);
	return normalize_ascii(domain, out);
}
