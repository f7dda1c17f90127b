/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * error - texts for the library's codes.
 */
#include "config.h"

#include "mtasts/mtasts.h"

static const char *const modes[] = {
	[MTASTS_NONE] = "none",
	[MTASTS_TESTING] = "testing",
	[MTASTS_ENFORCE] = "enforce",
};

const char *mtasts_mode_name(enum mtasts_mode mode)
{
	return modes[mode];
}

bool mtasts_mode_parse(const char *name, enum mtasts_mode *mode_r)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(name, modes[i]) == 0) {
			*mode_r = (enum mtasts_mode)i;
			return true;
		}
	}
	return false;
}

/* No default in these switches: the compiler finds a forgotten code. */

const char *mtasts_strerror(enum mtasts_error e)
{
	switch (e) {
	case MTASTS_OK: return "success";
	case MTASTS_E_MEMORY: return "out of memory";
	case MTASTS_E_ARGUMENT: return "not a domain name, or a bad option";
	case MTASTS_E_NO_RECORD: return "no MTA-STS record in DNS";
	case MTASTS_E_RECORD: return "invalid MTA-STS record in DNS";
	case MTASTS_E_DNS: return "DNS lookup failed";
	case MTASTS_E_BOGUS: return "DNSSEC validation failed";
	case MTASTS_E_HOST: return "policy host has no usable address";
	case MTASTS_E_CONNECT: return "cannot connect to the policy host";
	case MTASTS_E_TLS: return "policy host failed TLS verification";
	case MTASTS_E_HTTP: return "policy host did not answer with a policy";
	case MTASTS_E_SIZE: return "policy too long";
	case MTASTS_E_TIMEOUT: return "policy fetch timed out";
	case MTASTS_E_POLICY: return "invalid policy";
	case MTASTS_E_BUSY: return "too many lookups under way";
	case MTASTS_E_CANCELLED: return "lookup cancelled";
	}
	return "unknown error";
}

/*
 * RFC 8460 §4.3.2.2 knows three types for the fetch. What went wrong before
 * a valid TXT record was seen has none: nothing says there is a policy.
 */
const char *mtasts_tlsrpt_type(enum mtasts_error e)
{
	switch (e) {
	case MTASTS_E_HOST:
	case MTASTS_E_CONNECT:
	case MTASTS_E_HTTP:
	case MTASTS_E_SIZE:
	case MTASTS_E_TIMEOUT:
		return "sts-policy-fetch-error";
	case MTASTS_E_TLS:
		return "sts-webpki-invalid";
	case MTASTS_E_POLICY:
		return "sts-policy-invalid";
	case MTASTS_OK:
	case MTASTS_E_MEMORY:
	case MTASTS_E_ARGUMENT:
	case MTASTS_E_NO_RECORD:
	case MTASTS_E_RECORD:
	case MTASTS_E_DNS:
	case MTASTS_E_BOGUS:
	case MTASTS_E_BUSY:
	case MTASTS_E_CANCELLED:
		break;
	}
	return NULL;
}
