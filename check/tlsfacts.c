/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "check/tlsfacts.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "check/certfacts.h"

#define NAME_FLAGS X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS

/* ---- the connection ---------------------------------------------------- */

static void take_group(SSL *ssl, struct probe_tls *f)
{
	EVP_PKEY *key = NULL;
	char group[32] = "";

	if (SSL_get_peer_tmp_key(ssl, &key) != 1)
		return;
	if (EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1 &&
	    *group)
		snprintf(f->group, sizeof(f->group), "%s", group);
	else if (EVP_PKEY_is_a(key, "DH"))
		snprintf(f->group, sizeof(f->group), "DH-%d",
		    EVP_PKEY_get_bits(key));
	else
		snprintf(f->group, sizeof(f->group), "%s",
		    EVP_PKEY_get0_type_name(key));
	EVP_PKEY_free(key);
}

static void take_connection(SSL *ssl, struct probe_tls *f)
{
	const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
	const char *sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	int exchange = SSL_CIPHER_get_kx_nid(cipher);

	snprintf(f->version, sizeof(f->version), "%s", SSL_get_version(ssl));
	snprintf(f->cipher, sizeof(f->cipher), "%s",
	    SSL_CIPHER_get_name(cipher));
	f->bits = (unsigned)SSL_CIPHER_get_bits(cipher, NULL);
	f->aead = SSL_CIPHER_is_aead(cipher) == 1;
	f->forward_secret = SSL_version(ssl) >= TLS1_3_VERSION ||
	    exchange == NID_kx_ecdhe || exchange == NID_kx_dhe;
	snprintf(f->sni, sizeof(f->sni), "%s", sni ? sni : "");
	take_group(ssl, f);
}

/* ---- who it is --------------------------------------------------------- */

/* Verify once; X509_V_OK or why not. */
static int verify(X509_STORE *roots, X509 *cert, STACK_OF(X509) *chain,
    unsigned long flags)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	int error = X509_V_ERR_OUT_OF_MEM;

	if (ctx && X509_STORE_CTX_init(ctx, roots, cert, chain) == 1 &&
	    X509_STORE_CTX_set_default(ctx, "ssl_server") == 1) {
		X509_STORE_CTX_set_flags(ctx, flags);
		if (X509_verify_cert(ctx) == 1)
			error = X509_V_OK;
		else
			error = X509_STORE_CTX_get_error(ctx);
	}
	X509_STORE_CTX_free(ctx);
	ERR_clear_error();
	return error;
}

static void take_chain(SSL *ssl, X509_STORE *roots, X509 *cert,
    struct probe_tls *f)
{
	STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);
	int error = verify(roots, cert, chain, 0);
	int timeless = error;

	f->chain_length = (unsigned)(sk_X509_num(chain) > 0 ?
	    sk_X509_num(chain) : 0);
	f->chain_good = error == X509_V_OK;
	if (f->chain_good)
		return;
	if (error == X509_V_ERR_CERT_HAS_EXPIRED ||
	    error == X509_V_ERR_CERT_NOT_YET_VALID)
		timeless = verify(roots, cert, chain,
		    X509_V_FLAG_NO_CHECK_TIME);
	f->chain_expired = timeless == X509_V_OK;
	snprintf(f->chain_error, sizeof(f->chain_error), "%s",
	    X509_verify_cert_error_string(timeless == X509_V_OK ? error :
	    timeless));
}

static void take_name(X509 *cert, const char *name, struct probe_tls *f)
{
	char *matched = NULL;

	if (!*name)
		return;
	f->name_good = X509_check_host(cert, name, 0, NAME_FLAGS |
	    X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, &matched) == 1;
	if (f->name_good)
		snprintf(f->name_matched, sizeof(f->name_matched), "%s",
		    matched ? matched : name);
	else
		f->name_in_cn = X509_check_host(cert, name, 0, NAME_FLAGS |
		    X509_CHECK_FLAG_ALWAYS_CHECK_SUBJECT, NULL) == 1;
	OPENSSL_free(matched);
}

static void dane_text(SSL *ssl, struct probe_tls *f)
{
	uint8_t usage, selector, mtype;
	const unsigned char *data;
	struct tlsa t;
	size_t len;

	if (SSL_get0_dane_tlsa(ssl, &usage, &selector, &mtype, &data, &len) <
	    0)
		return;
	t = (struct tlsa){ usage, selector, mtype, data, len };
	tlsa_text(&t, f->dane_record);
}

/* OpenSSL has compared while it shook hands. */
static void take_dane(SSL *ssl, struct probe_tls *f)
{
	int depth = SSL_get0_dane_authority(ssl, NULL, NULL);

	if (depth < 0 || SSL_get_verify_result(ssl) != X509_V_OK) {
		f->dane = ANSWER_NO;
		return;
	}
	f->dane = ANSWER_YES;
	f->dane_depth = depth;
	dane_text(ssl, f);
}

bool tls_facts_take(SSL *ssl, X509_STORE *roots, const char *name,
    bool with_dane, struct probe_tls *f_r)
{
	X509 *cert = SSL_get0_peer_certificate(ssl);
	bool ok;

	*f_r = (struct probe_tls){ .bits = 0 };
	take_connection(ssl, f_r);
	if (!cert) {
		/* An anonymous cipher: we offer none. */
		snprintf(f_r->chain_error, sizeof(f_r->chain_error),
		    "no certificate");
		return true;
	}
	take_chain(ssl, roots, cert, f_r);
	take_name(cert, name, f_r);
	if (with_dane)
		take_dane(ssl, f_r);
	ok = cert_facts_take(cert, &f_r->cert);
	ERR_clear_error();
	return ok;
}

void tls_error_text(char *out, size_t size)
{
	unsigned long e = ERR_peek_error();
	const char *reason = e ? ERR_reason_error_string(e) : NULL;

	snprintf(out, size, "%s", reason ? reason : "no reason known");
	ERR_clear_error();
}
