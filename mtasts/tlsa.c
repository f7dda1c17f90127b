/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/tlsa.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include "mtasts/dnswire.h"

#define HEAD_SIZE 3
#define SHA256_SIZE 32
#define SHA512_SIZE 64

const char *tlsa_use_text(enum tlsa_use use)
{
	switch (use) {
	case TLSA_COUNTS: return "usable";
	case TLSA_MALFORMED: return "malformed";
	case TLSA_UNKNOWN_USAGE: return "unknown certificate usage";
	case TLSA_UNKNOWN_SELECTOR: return "unknown selector";
	case TLSA_UNKNOWN_MTYPE: return "unknown matching type";
	case TLSA_PKIX: return "a certificate usage not for SMTP";
	case TLSA_DIGEST_LENGTH: return "digest of a wrong length";
	case TLSA_NOT_DER: return "not a certificate or key";
	case TLSA_WEAKER: return "a stronger digest stands beside it";
	}
	return "unknown";
}

bool tlsa_read(const void *rdata, size_t len, struct tlsa *tlsa_r)
{
	const unsigned char *p = rdata;

	if (len < HEAD_SIZE)
		return false;
	*tlsa_r = (struct tlsa){
		.usage = p[0], .selector = p[1], .mtype = p[2],
		.data = p + HEAD_SIZE, .len = len - HEAD_SIZE,
	};
	return true;
}

/* True when the whole of data is one certificate, or one public key of a
 * kind OpenSSL knows. */
static bool is_der(const struct tlsa *t)
{
	const unsigned char *p = t->data;
	EVP_PKEY *key = NULL;
	X509 *cert = NULL;
	bool good;

	if (t->len > LONG_MAX)
		return false;
	if (t->selector == TLSA_CERT)
		cert = d2i_X509(NULL, &p, (long)t->len);
	else
		key = d2i_PUBKEY(NULL, &p, (long)t->len);
	good = (cert || key) && p == t->data + t->len;
	/* its public key is parsed only when asked for */
	if (good && cert)
		good = X509_get0_pubkey(cert) != NULL;
	X509_free(cert);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return good;
}

enum tlsa_use tlsa_judge(const struct tlsa *t)
{
	if (t->usage > TLSA_DANE_EE)
		return TLSA_UNKNOWN_USAGE;
	if (t->selector > TLSA_SPKI)
		return TLSA_UNKNOWN_SELECTOR;
	if (t->mtype > TLSA_SHA512)
		return TLSA_UNKNOWN_MTYPE;
	if (t->usage < TLSA_DANE_TA)
		return TLSA_PKIX;
	if (t->mtype == TLSA_SHA256 && t->len != SHA256_SIZE)
		return TLSA_DIGEST_LENGTH;
	if (t->mtype == TLSA_SHA512 && t->len != SHA512_SIZE)
		return TLSA_DIGEST_LENGTH;
	if (t->mtype == TLSA_FULL && !is_der(t))
		return TLSA_NOT_DER;
	return TLSA_COUNTS;
}

/* DANE-U-05: for each usage and selector the digests of the strongest type
 * there is; what is there in full always counts. */
static void drop_weaker(const struct dns_record *records, size_t n,
    enum tlsa_use *use)
{
	bool strongest[TLSA_DANE_EE + 1][TLSA_SPKI + 1] = { { false } };
	struct tlsa t;

	for (size_t i = 0; i < n; i++)
		if (use[i] == TLSA_COUNTS &&
		    tlsa_read(records[i].data, records[i].len, &t) &&
		    t.mtype == TLSA_SHA512)
			strongest[t.usage][t.selector] = true;
	for (size_t i = 0; i < n; i++)
		if (use[i] == TLSA_COUNTS &&
		    tlsa_read(records[i].data, records[i].len, &t) &&
		    t.mtype == TLSA_SHA256 && strongest[t.usage][t.selector])
			use[i] = TLSA_WEAKER;
}

size_t tlsa_judge_set(const struct dns_record *records, size_t n,
    enum tlsa_use *use)
{
	size_t counts = 0;
	struct tlsa t;

	for (size_t i = 0; i < n; i++)
		use[i] = tlsa_read(records[i].data, records[i].len, &t) ?
		    tlsa_judge(&t) : TLSA_MALFORMED;
	drop_weaker(records, n, use);
	for (size_t i = 0; i < n; i++)
		counts += use[i] == TLSA_COUNTS;
	return counts;
}
