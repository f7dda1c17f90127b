/* SPDX-License-Identifier: BSD-2-Clause */
/* TLSA records and which of them count (DANE-U). */
#include "config.h"

#include "mtasts/tlsa.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "mtasts/dnswire.h"
#include "tests/unit/unit.h"
#include "util/str.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define DATA_MAX 2000

/* A certificate and its key as the real thing has them. */
static struct der {
	unsigned char b[DATA_MAX];
	size_t len;
} cert_der, key_der, odd_der;

static void make_ders(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	unsigned char *p = cert_der.b;
	int len;

	CU_ASSERT_FATAL(key && cert);
	CU_ASSERT_FATAL(X509_set_pubkey(cert, key) &&
	    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) &&
	    X509_gmtime_adj(X509_getm_notBefore(cert), 0) &&
	    X509_gmtime_adj(X509_getm_notAfter(cert), 60) &&
	    X509_sign(cert, key, EVP_sha256()) > 0);
	len = i2d_X509(cert, NULL);
	CU_ASSERT_FATAL(len > 0 && len < DATA_MAX);
	cert_der.len = (size_t)i2d_X509(cert, &p);
	p = key_der.b;
	len = i2d_PUBKEY(key, NULL);
	CU_ASSERT_FATAL(len > 0 && len < DATA_MAX);
	key_der.len = (size_t)i2d_PUBKEY(key, &p);
	X509_free(cert);
	EVP_PKEY_free(key);
}

/* The certificate again, with a key of a kind nobody knows. */
static void make_odd_der(void)
{
	static const char ec_key[] = "\x2a\x86\x48\xce\x3d\x02\x01";
	unsigned char *oid;

	odd_der = cert_der;
	oid = memmem(odd_der.b, odd_der.len, ec_key, sizeof(ec_key) - 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(oid);
	oid[sizeof(ec_key) - 2] = 0x7f;
}

static void records_are_judged(void)
{
	static const struct {
		const char *label;
		unsigned usage, selector, mtype;
		size_t len;
		enum tlsa_use want;
	} cases[] = {
		{ "DANE-P-03: 3 1 1", 3, 1, 1, 32, TLSA_COUNTS },
		{ "DANE-P-03: 2 0 1", 2, 0, 1, 32, TLSA_COUNTS },
		{ "DANE-U-03: 3 0 2", 3, 0, 2, 64, TLSA_COUNTS },
		{ "DANE-U-02: 31 bytes", 3, 1, 1, 31, TLSA_DIGEST_LENGTH },
		{ "DANE-U-02: 33 bytes", 3, 1, 1, 33, TLSA_DIGEST_LENGTH },
		{ "DANE-U-02: none", 3, 1, 1, 0, TLSA_DIGEST_LENGTH },
		{ "DANE-U-02: SHA-512 of 32 bytes", 3, 1, 2, 32,
		    TLSA_DIGEST_LENGTH },
		{ "DANE-U-04: 1 1 1", 1, 1, 1, 32, TLSA_PKIX },
		{ "DANE-U-04: 0 0 1", 0, 0, 1, 32, TLSA_PKIX },
		{ "DANE-U-03: usage 4", 4, 1, 1, 32, TLSA_UNKNOWN_USAGE },
		{ "DANE-U-03: usage 255", 255, 1, 1, 32, TLSA_UNKNOWN_USAGE },
		{ "DANE-U-01: selector 2", 3, 2, 1, 32,
		    TLSA_UNKNOWN_SELECTOR },
		{ "DANE-U-01: matching type 3", 3, 1, 3, 48,
		    TLSA_UNKNOWN_MTYPE },
		{ "DANE-U-02: a full key that is none", 3, 1, 0, 32,
		    TLSA_NOT_DER },
		{ "DANE-U-02: a full certificate that is none", 2, 0, 0, 0,
		    TLSA_NOT_DER },
	};
	static const unsigned char zeros[64];

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tlsa t = { .usage = cases[i].usage,
			.selector = cases[i].selector,
			.mtype = cases[i].mtype,
			.data = zeros, .len = cases[i].len };

		CHECK_CASE(cases[i].label, tlsa_judge(&t) == cases[i].want);
		CHECK_CASE(cases[i].label, *tlsa_use_text(cases[i].want));
	}
}

static void what_is_there_in_full_is_parsed(void)
{
	static const struct {
		const char *label;
		unsigned usage, selector;
		const struct der *der;
		int more;		/* bytes added or cut off */
		enum tlsa_use want;
	} cases[] = {
		{ "DANE-M-04: 2 0 0", 2, 0, &cert_der, 0, TLSA_COUNTS },
		{ "DANE-M-05: 2 1 0", 2, 1, &key_der, 0, TLSA_COUNTS },
		{ "DANE-U-02: 3 0 0", 3, 0, &cert_der, 0, TLSA_COUNTS },
		{ "DANE-U-02: 3 1 0", 3, 1, &key_der, 0, TLSA_COUNTS },
		{ "DANE-U-02: a key for a certificate", 3, 0, &key_der, 0,
		    TLSA_NOT_DER },
		{ "DANE-U-02: a certificate for a key", 3, 1, &cert_der, 0,
		    TLSA_NOT_DER },
		{ "DANE-U-01: a key of an unknown kind", 3, 0, &odd_der, 0,
		    TLSA_NOT_DER },
		{ "DANE-U-02: a byte too many", 3, 0, &cert_der, 1,
		    TLSA_NOT_DER },
		{ "DANE-U-02: a byte missing", 3, 0, &cert_der, -1,
		    TLSA_NOT_DER },
		{ "DANE-U-02: a byte behind a key", 3, 1, &key_der, 1,
		    TLSA_NOT_DER },
	};

	make_ders();
	make_odd_der();
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tlsa t = { .usage = cases[i].usage,
			.selector = cases[i].selector,
			.data = cases[i].der->b,
			.len = cases[i].der->len + (size_t)cases[i].more };

		CHECK_CASE(cases[i].label, tlsa_judge(&t) == cases[i].want);
	}
}

/* Records of "311 312 2x1 …": usage, selector and matching type, with a
 * digest of the right length, or a wrong one before "!", or "bad" for one
 * byte. */
static size_t read_set(const char *text, struct dns_record *records)
{
	static char data[8][3 + 64];
	size_t n = 0;

	for (; *text; text += strcspn(text, " "), text += *text == ' ', n++) {
		for (size_t i = 0; i < 3; i++)
			data[n][i] = (char)(text[i] - '0');
		records[n] = (struct dns_record){ .data = data[n],
			.len = 3 + (text[2] == '2' ? 64 : 32) };
		if (strncmp(text, "bad", 3) == 0)
			records[n].len = 1;
		else if (text[3] == '!')
			records[n].len--;
	}
	return n;
}

static void the_strongest_digest_counts(void)
{
	static const struct {
		const char *label, *set;
		const char *used;	/* "1" for each that counts */
	} cases[] = {
		{ "DANE-U-05: one", "311", "1" },
		{ "DANE-U-05: two of a kind", "311 311", "11" },
		{ "DANE-U-05: the weaker does not count", "311 312", "01" },
		{ "DANE-U-05: whatever the order", "312 311", "10" },
		{ "DANE-U-05: groups are apart", "311 302", "11" },
		{ "DANE-U-05: also by usage", "211 312 311", "110" },
		{ "DANE-U-01: an unusable one weakens nothing",
		    "311 313 112 bad", "1000" },
		{ "DANE-U-01: nor does a broken stronger one", "311 312!",
		    "10" },
		{ "DANE-U-01: a broken weaker one is just that", "311! 312",
		    "01" },
		{ "DANE-A-05: none counts", "bad 011 511", "000" },
		{ "no record", "", "" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct dns_record records[8];
		enum tlsa_use use[8];
		size_t n = read_set(cases[i].set, records), counts = 0;

		CHECK_CASE(cases[i].label, n == strlen(cases[i].used));
		for (size_t k = 0; k < n; k++)
			counts += cases[i].used[k] == '1';
		CHECK_CASE(cases[i].label,
		    tlsa_judge_set(records, n, use) == counts);
		for (size_t k = 0; k < n; k++)
			CHECK_CASE(cases[i].label, (use[k] == TLSA_COUNTS) ==
			    (cases[i].used[k] == '1'));
		if (strchr(cases[i].set, '!'))
			CHECK_CASE(cases[i].label,
			    use[cases[i].used[0] == '1'] ==
			    TLSA_DIGEST_LENGTH);
	}
}

static void short_data_is_no_record(void)
{
	struct tlsa t = { .usage = 77 };

	CU_ASSERT(!tlsa_read("", 0, &t));
	CU_ASSERT(!tlsa_read("\3\1", 2, &t));
	CU_ASSERT_EQUAL(t.usage, 77);
	CU_ASSERT(tlsa_read("\3\1\2", 3, &t));
	CU_ASSERT(t.usage == 3 && t.selector == 1 && t.mtype == 2 &&
	    t.len == 0);
}

static const struct unit_test tests[] = {
	{ "records are judged", records_are_judged },
	{ "what is there in full is parsed",
	    what_is_there_in_full_is_parsed },
	{ "the strongest digest counts", the_strongest_digest_counts },
	{ "short data is no record", short_data_is_no_record },
};

UNIT_MAIN("tlsa", tests)
