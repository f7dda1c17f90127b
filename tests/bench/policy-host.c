/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy-host - every policy host there could be, for benchmarks.
 *
 *	policy-host ADDRESS PORT CA-FILE
 *
 * Listens on the IPv4 address, makes a certificate authority of its own and
 * writes its certificate to CA-FILE when it is ready. Whatever host name a
 * client asks for, it answers as that: with a certificate for the name,
 * signed when it is first asked for, and with a policy in mode enforce whose
 * MX hosts are mx1 and mx2 of the domain. One thread; a fetch costs it about
 * a third of what it costs the client, so that the client is what is measured.
 * It runs until it is killed.
 */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/where.h"
#include "util/buf.h"
#include "util/str.h"

#define EVENTS 256
#define BUCKETS 65536
#define HOST_SIZE 256
#define PREFIX "mta-sts."
#define DAY 86400L

struct leaf {
	struct leaf *next;
	X509 *cert;
	char host[HOST_SIZE];
};

struct host {
	int epfd, listener;
	SSL_CTX *ssl_ctx;
	X509 *ca;
	EVP_PKEY *ca_key, *leaf_key;
	long serial;
	struct leaf *leaves[BUCKETS];
};

enum progress { AGAIN, NEXT, END };

struct conn {
	int fd;
	SSL *ssl;
	enum progress (*step)(struct conn *c);
	size_t len;
	char in[4096];
	struct buf out;
};

static void die(const char *what)
{
	fprintf(stderr, "policy-host: %s\n", what);
	exit(1);
}

static void need(bool ok, const char *what)
{
	if (!ok)
		die(what);
}

/* ---- certificates ------------------------------------------------------ */

static void add_extension(X509 *cert, X509 *issuer, int nid,
    const char *value)
{
	X509_EXTENSION *ext;
	X509V3_CTX ctx;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	need(ext && X509_add_ext(cert, ext, -1), value);
	X509_EXTENSION_free(ext);
}

/* A certificate without extensions; ca NULL: it is its own issuer. */
static X509 *certificate(struct host *h, const char *cn, EVP_PKEY *key,
    X509 *ca)
{
	X509 *cert = X509_new();
	X509_NAME *name = cert ? X509_get_subject_name(cert) : NULL;

	need(cert && X509_set_version(cert, X509_VERSION_3) &&
	    ASN1_INTEGER_set(X509_get_serialNumber(cert), ++h->serial) &&
	    X509_gmtime_adj(X509_getm_notBefore(cert), -DAY) &&
	    X509_gmtime_adj(X509_getm_notAfter(cert), 90 * DAY) &&
	    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
	    (const unsigned char *)cn, -1, -1, 0) &&
	    X509_set_issuer_name(cert, ca ? X509_get_subject_name(ca) : name) &&
	    X509_set_pubkey(cert, key), "certificate");
	return cert;
}

static void make_authority(struct host *h)
{
	h->ca_key = EVP_EC_gen("P-256");
	h->leaf_key = EVP_EC_gen("P-256");
	need(h->ca_key && h->leaf_key, "keys");
	h->ca = certificate(h, "Benchmark Root", h->ca_key, NULL);
	add_extension(h->ca, h->ca, NID_basic_constraints,
	    "critical,CA:TRUE");
	add_extension(h->ca, h->ca, NID_key_usage, "critical,keyCertSign");
	add_extension(h->ca, h->ca, NID_subject_key_identifier, "hash");
	need(X509_sign(h->ca, h->ca_key, EVP_sha256()) > 0, "root");
}

/* Whoever waits for the file finds it whole. */
static void write_authority(const struct host *h, const char *path)
{
	char part[1024];
	FILE *f;

	snprintf(part, sizeof(part), "%s.part", path);
	f = fopen(part, "w");
	need(f && PEM_write_X509(f, h->ca) && fclose(f) == 0 &&
	    rename(part, path) == 0, path);
}

static X509 *make_leaf(struct host *h, const char *name)
{
	X509 *cert = certificate(h, "policy host", h->leaf_key, h->ca);
	char san[HOST_SIZE + 8];

	snprintf(san, sizeof(san), "DNS:%s", name);
	add_extension(cert, h->ca, NID_ext_key_usage, "serverAuth");
	add_extension(cert, h->ca, NID_subject_alt_name, san);
	need(X509_sign(cert, h->ca_key, EVP_sha256()) > 0, "leaf");
	return cert;
}

/* FNV-1a. */
static struct leaf **bucket_of(struct host *h, const char *name)
{
	uint32_t hash = 2166136261u;

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619u;
	return &h->leaves[hash % BUCKETS];
}

static X509 *leaf_for(struct host *h, const char *name)
{
	struct leaf **bucket = bucket_of(h, name), *leaf;

	for (leaf = *bucket; leaf; leaf = leaf->next)
		if (strcmp(leaf->host, name) == 0)
			return leaf->cert;
	leaf = calloc(1, sizeof(*leaf));
	need(leaf != NULL, "out of memory");
	snprintf(leaf->host, sizeof(leaf->host), "%s", name);
	leaf->cert = make_leaf(h, name);
	leaf->next = *bucket;
	*bucket = leaf;
	return leaf->cert;
}

static int on_certificate(SSL *ssl, void *arg)
{
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	struct host *h = arg;

	/* With other characters it would not be a host name in a SAN. */
	if (!name || strlen(name) >= HOST_SIZE ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") !=
	    strlen(name))
		return 0;
	return SSL_use_certificate(ssl, leaf_for(h, name)) &&
	    SSL_use_PrivateKey(ssl, h->leaf_key);
}

/* ---- one connection ---------------------------------------------------- */

/* What a call of OpenSSL means for the step it was made in. */
static enum progress outcome(struct conn *c, int rc)
{
	int error;

	if (rc > 0)
		return NEXT;
	error = SSL_get_error(c->ssl, rc);
	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ?
	    AGAIN : END;
}

static enum progress send_answer(struct conn *c)
{
	enum progress p = outcome(c, SSL_write(c->ssl, c->out.data,
	    (int)c->out.len));

	if (p != NEXT)
		return p;
	SSL_shutdown(c->ssl);
	return END;
}

static void write_answer(struct conn *c)
{
	const char *name = SSL_get_servername(c->ssl,
	    TLSEXT_NAMETYPE_host_name);
	const char *domain = str_starts(name, PREFIX) ?
	    name + strlen(PREFIX) : name;
	struct buf body;

	buf_init(&body, 2048);
	buf_addf(&body, "version: STSv1\r\nmode: enforce\r\nmx: mx1.%s\r\n"
	    "mx: mx2.%s\r\nmax_age: 604800\r\n", domain, domain);
	buf_addf(&c->out, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
	    "Content-Length: %zu\r\nConnection: close\r\n\r\n%s", body.len,
	    buf_str(&body));
	buf_clear(&body);
}

static enum progress read_request(struct conn *c)
{
	int n = SSL_read(c->ssl, c->in + c->len,
	    (int)(sizeof(c->in) - 1 - c->len));
	enum progress p = outcome(c, n);

	if (p != NEXT)
		return p;
	c->len += (size_t)n;
	c->in[c->len] = '\0';
	if (!strstr(c->in, "\r\n\r\n"))
		return c->len + 1 < sizeof(c->in) ? NEXT : END;
	write_answer(c);
	c->step = send_answer;
	return NEXT;
}

static enum progress handshake(struct conn *c)
{
	enum progress p = outcome(c, SSL_accept(c->ssl));

	if (p == NEXT)
		c->step = read_request;
	return p;
}

static void conn_free(struct conn *c)
{
	SSL_free(c->ssl);
	close(c->fd);
	buf_clear(&c->out);
	free(c);
}

static void conn_run(struct conn *c)
{
	enum progress p;

	do
		p = c->step(c);
	while (p == NEXT);
	if (p == END)
		conn_free(c);
}

static void conn_new(struct host *h, int fd)
{
	struct conn *c = calloc(1, sizeof(*c));
	/* Edge-triggered: a step goes on until it would wait. */
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLET,
		.data.ptr = c };

	need(c != NULL, "out of memory");
	c->fd = fd;
	c->step = handshake;
	c->ssl = SSL_new(h->ssl_ctx);
	buf_init(&c->out, 8192);
	need(c->ssl && SSL_set_fd(c->ssl, fd) &&
	    epoll_ctl(h->epfd, EPOLL_CTL_ADD, fd, &ev) == 0, "connection");
}

/* ---- all of them ------------------------------------------------------- */

static int listen_on(const char *address, const char *port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
	uint64_t number = 0;

	need(inet_pton(AF_INET, address, &sin.sin_addr) == 1 &&
	    str_to_u64(port, 65535, &number), "not an address and a port");
	sin.sin_port = htons((uint16_t)number);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	need(bind(fd, (const struct sockaddr *)&sin, sizeof(sin)) == 0 &&
	    listen(fd, 4096) == 0, strerror(errno));
	return fd;
}

static void make_context(struct host *h)
{
	h->ssl_ctx = SSL_CTX_new(TLS_server_method());
	need(h->ssl_ctx != NULL, "SSL_CTX_new");
	SSL_CTX_set_cert_cb(h->ssl_ctx, on_certificate, h);
	/* Nobody comes back to the same host. */
	SSL_CTX_set_session_cache_mode(h->ssl_ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_options(h->ssl_ctx, SSL_OP_NO_TICKET);
	SSL_CTX_set_num_tickets(h->ssl_ctx, 0);
}

static void serve(struct host *h)
{
	struct epoll_event ev[EVENTS];

	for (;;) {
		int n = epoll_wait(h->epfd, ev, EVENTS, -1), fd;

		for (int i = 0; i < n; i++) {
			if (ev[i].data.ptr) {
				conn_run(ev[i].data.ptr);
				continue;
			}
			while ((fd = where_accept(h->listener)) >= 0)
				conn_new(h, fd);
		}
	}
}

int main(int argc, char **argv)
{
	struct host *h = calloc(1, sizeof(*h));
	struct epoll_event ev = { .events = EPOLLIN };

	if (argc != 4) {
		fprintf(stderr, "usage: policy-host ADDRESS PORT CA-FILE\n");
		return 64;
	}
	need(h != NULL, "out of memory");
	make_authority(h);
	make_context(h);
	h->epfd = epoll_create1(EPOLL_CLOEXEC);
	h->listener = listen_on(argv[1], argv[2]);
	need(epoll_ctl(h->epfd, EPOLL_CTL_ADD, h->listener, &ev) == 0,
	    "epoll_ctl");
	write_authority(h, argv[3]);
	serve(h);
}
