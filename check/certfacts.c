/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "check/certfacts.h"

#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "check/reply.h"
#include "util/buf.h"
#include "util/str.h"

#define NAME_MAX_LENGTH 512

/* As clean text that one line holds. */
static char *clean(const char *text, size_t len)
{
	struct buf b;

	buf_init(&b, 4 * NAME_MAX_LENGTH + 8);
	buf_adds(&b, "");
	for (size_t i = 0; i < len; i++)
		if (text[i] == '\n')
			return strdup("(a name with line ends)");
	reply_clean(&b, text, len, NAME_MAX_LENGTH);
	return b.len ? buf_steal(&b) : strdup("");
}

static char *name_text(const X509_NAME *name)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	char *data;
	long len;

	if (!bio)
		return NULL;
	if (X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0) {
		len = BIO_get_mem_data(bio, &data);
		text = clean(data, len > 0 ? (size_t)len : 0);
	}
	BIO_free(bio);
	return text;
}

/* The last CN is the one that counts for those who look at it. */
static bool take_common_name(X509 *cert, struct cert_facts *f)
{
	const X509_NAME *name = X509_get_subject_name(cert);
	int last = -1, at = -1;
	unsigned char *utf8;
	int len;

	while ((at = X509_NAME_get_index_by_NID(name, NID_commonName, at)) >=
	    0)
		last = at;
	if (last < 0)
		return true;
	len = ASN1_STRING_to_UTF8(&utf8,
	    X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, last)));
	if (len < 0)
		return true;
	f->common_name = clean((const char *)utf8, (size_t)len);
	OPENSSL_free(utf8);
	return f->common_name != NULL;
}

static bool take_name(const GENERAL_NAME *name, struct cert_facts *f)
{
	const ASN1_IA5STRING *dns = name->d.dNSName;
	char *text;
	bool ok;

	if (name->type != GEN_DNS)
		return true;
	text = clean((const char *)ASN1_STRING_get0_data(dns),
	    (size_t)ASN1_STRING_length(dns));
	ok = text && strv_add(&f->names, text);
	free(text);
	return ok;
}

static bool take_names(X509 *cert, struct cert_facts *f)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name,
	    NULL, NULL);
	bool ok = true;

	for (int i = 0; ok && i < sk_GENERAL_NAME_num(names) &&
	    i < CERT_NAMES_MAX; i++)
		ok = take_name(sk_GENERAL_NAME_value(names, i), f);
	GENERAL_NAMES_free(names);
	return ok;
}

/* 0 for a time that is none. */
static int64_t wall_time(const ASN1_TIME *t)
{
	struct tm tm;

	return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

static void take_key(X509 *cert, struct cert_facts *f)
{
	const EVP_PKEY *key = X509_get0_pubkey(cert);
	int nid = X509_get_signature_nid(cert);
	const char *signature = nid == NID_undef ? NULL : OBJ_nid2sn(nid);

	if (key) {
		const char *type = EVP_PKEY_get0_type_name(key);
		int bits = EVP_PKEY_get_bits(key);

		snprintf(f->key, sizeof(f->key), "%s", type ? type : "?");
		f->key_bits = bits > 0 ? (unsigned)bits : 0;
	}
	snprintf(f->signature, sizeof(f->signature), "%s",
	    signature ? signature : "unknown");
}

static void take_digests(X509 *cert, struct cert_facts *f)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned char *der = NULL;
	unsigned len;
	int n;

	if (X509_digest(cert, EVP_sha256(), digest, &len) == 1)
		str_hex(digest, len, f->sha256);
	n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
	if (n > 0 && EVP_Digest(der, (size_t)n, digest, &len, EVP_sha256(),
	    NULL) == 1)
		str_hex(digest, len, f->spki_sha256);
	OPENSSL_free(der);
}

bool cert_facts_take(X509 *cert, struct cert_facts *f_r)
{
	struct cert_facts *f = f_r;

	*f = (struct cert_facts){ .names = { NULL, 0, 0 } };
	f->subject = name_text(X509_get_subject_name(cert));
	f->issuer = name_text(X509_get_issuer_name(cert));
	f->not_before = wall_time(X509_get0_notBefore(cert));
	f->not_after = wall_time(X509_get0_notAfter(cert));
	f->self_signed = (X509_get_extension_flags(cert) & EXFLAG_SS) != 0;
	take_key(cert, f);
	take_digests(cert, f);
	return f->subject && f->issuer && take_common_name(cert, f) &&
	    take_names(cert, f);
}
