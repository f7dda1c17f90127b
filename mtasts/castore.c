/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/castore.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <unistd.h>

#include "util/buf.h"

/* Where systems keep all their roots in one file. */
static const char *const system_files[] = {
	"/etc/ssl/certs/ca-certificates.crt",	/* Debian */
	"/etc/pki/tls/certs/ca-bundle.crt",	/* Fedora */
	"/etc/ssl/ca-bundle.pem",		/* SUSE */
	"/etc/ssl/cert.pem",			/* Alpine, BSD */
};

const char *castore_system_file(void)
{
	for (size_t i = 0; i < sizeof(system_files) / sizeof(system_files[0]);
	    i++)
		if (access(system_files[i], R_OK) == 0)
			return system_files[i];
	return system_files[0];
}

/* Add every certificate; return how many, or -1 when out of memory. */
static int add_all(X509_STORE *store, BIO *bio)
{
	X509 *cert;
	int n = 0;

	while ((cert = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL))) {
		int good = X509_STORE_add_cert(store, cert);

		X509_free(cert);
		if (!good)
			return -1;
		n++;
	}
	/* The end of the text is reported as an error, too. */
	ERR_clear_error();
	return n;
}

static X509_STORE *load(BIO *bio, const char *name, struct buf *err)
{
	X509_STORE *store = X509_STORE_new();
	int n = store ? add_all(store, bio) : -1;

	if (n > 0)
		return store;
	buf_addf(err, "%s: %s", name,
	    n < 0 ? "out of memory" : "no certificate in PEM form");
	X509_STORE_free(store);
	return NULL;
}

X509_STORE *castore_load(const char *file, const char *text,
    struct buf *err)
{
	X509_STORE *store;
	BIO *bio;

	if (text && !*text) {
		store = X509_STORE_new();
		buf_adds(err, store ? "" : "out of memory");
		return store;
	}
	if (!file)
		file = text ? "CA certificates" : castore_system_file();
	errno = 0;
	bio = text ? BIO_new_mem_buf(text, -1) : BIO_new_file(file, "r");
	if (!bio) {
		ERR_clear_error();
		buf_addf(err, "%s: %s", file,
		    strerror(errno ? errno : ENOMEM));
		return NULL;
	}
	store = load(bio, file, err);
	BIO_free(bio);
	return store;
}
