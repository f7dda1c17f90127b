/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/fetch.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "mtasts/castore.h"
#include "mtasts/evloop.h"
#include "mtasts/httphead.h"
#include "mtasts/proxy.h"
#include "util/buf.h"
#include "util/clock.h"

/* To connect, TLS included, while there is another address to try. */
#define CONNECT_MS 5000

struct fetcher {
	struct evloop *loop;
	CURLM *multi;
	struct evtimer *timer;
	X509_STORE *store;
	struct proxy *proxy;		/* NULL: none */
	struct curl_slist *port_map;	/* NULL: port 443 */
	uint32_t timeout_ms;
	uint32_t max_size;
	uint16_t port;
	struct fetch *fetches;
};

struct fetch {
	struct fetch *prev, *next;
	struct fetcher *fetcher;
	/* The attempt with addrs[at]. */
	CURL *easy;
	CURLSH *share;			/* its own DNS cache */
	SSL_CTX *ssl_ctx;		/* points back to us */
	struct curl_slist *entry;
	/* What is asked for. */
	struct curl_slist *headers;
	enum httphead_kind kind;
	bool conditional;		/* it holds an If-None-Match */
	uint16_t port;
	bool own_port;			/* not the fetcher's */
	uint32_t max_size;
	char *path;
	char host[MTASTS_DOMAIN_SIZE];
	struct netaddr addrs[FETCH_ADDRS_MAX];
	size_t addrs_n;
	size_t at;
	int64_t deadline;
	/* The answer. */
	struct buf body;
	struct httphead head;
	bool too_long;
	bool closed;			/* the server said close_notify */
	fetch_fn *fn;
	void *arg;
	char error[CURL_ERROR_SIZE];
};

/* ---- results ----------------------------------------------------------- */

/* What libcurl's codes mean to us; others are a failed connection. */
static const struct {
	CURLcode code;
	enum mtasts_error error;
} curl_errors[] = {
	{ CURLE_OUT_OF_MEMORY, MTASTS_E_MEMORY },
	{ CURLE_OPERATION_TIMEDOUT, MTASTS_E_TIMEOUT },
	{ CURLE_FILESIZE_EXCEEDED, MTASTS_E_SIZE },
	{ CURLE_SSL_CONNECT_ERROR, MTASTS_E_TLS },
	{ CURLE_PEER_FAILED_VERIFICATION, MTASTS_E_TLS },
	{ CURLE_SSL_CERTPROBLEM, MTASTS_E_TLS },
	{ CURLE_SSL_CIPHER, MTASTS_E_TLS },
	{ CURLE_SSL_ISSUER_ERROR, MTASTS_E_TLS },
	{ CURLE_SSL_INVALIDCERTSTATUS, MTASTS_E_TLS },
	{ CURLE_GOT_NOTHING, MTASTS_E_HTTP },
	{ CURLE_PARTIAL_FILE, MTASTS_E_HTTP },
	{ CURLE_WEIRD_SERVER_REPLY, MTASTS_E_HTTP },
	{ CURLE_UNSUPPORTED_PROTOCOL, MTASTS_E_HTTP },
	{ CURLE_BAD_CONTENT_ENCODING, MTASTS_E_HTTP },
	{ CURLE_HTTP_RETURNED_ERROR, MTASTS_E_HTTP },
};

static enum mtasts_error translate(CURLcode code)
{
	for (size_t i = 0; i < sizeof(curl_errors) / sizeof(curl_errors[0]);
	    i++)
		if (curl_errors[i].code == code)
			return curl_errors[i].error;
	return MTASTS_E_CONNECT;
}

static long http_status(const struct fetch *t)
{
	long status = 0;

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

/* The transfer as such succeeded; judge the answer. */
static enum mtasts_error judge_answer(struct fetch *t, struct buf *detail)
{
	char *type = NULL;

	curl_easy_getinfo(t->easy, CURLINFO_CONTENT_TYPE, &type);
	if (!httphead_is_good(&t->head, t->kind, http_status(t), type,
	    detail))
		return MTASTS_E_HTTP;
	/* RFC 9112 §9.8: anyone on the way could have shortened it. */
	if (!t->head.has_length && !t->closed) {
		buf_adds(detail, "the connection was cut");
		return MTASTS_E_HTTP;
	}
	if (t->body.failed) {
		buf_adds(detail, "out of memory");
		return MTASTS_E_MEMORY;
	}
	return MTASTS_OK;
}

static enum mtasts_error judge_failure(struct fetch *t, CURLcode code,
    struct buf *detail)
{
	if (t->too_long || code == CURLE_FILESIZE_EXCEEDED) {
		/* An error page may be long, too: say what matters. */
		if (http_status(t) != 200)
			return judge_answer(t, detail);
		buf_addf(detail, "more than %u bytes", t->max_size);
		return MTASTS_E_SIZE;
	}
	if (t->head.bytes > HTTPHEAD_MAX) {
		buf_addf(detail, "more than %u bytes of HTTP headers",
		    HTTPHEAD_MAX);
		return MTASTS_E_HTTP;
	}
	for (const char *s = t->error[0] ? t->error :
	    curl_easy_strerror(code); *s; s++)
		buf_addc(detail, *s >= ' ' && *s <= '~' ? *s : '?');
	return translate(code);
}

static bool attempt_start(struct fetch *t);

/* ---- transfers --------------------------------------------------------- */

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct fetch *t = arg;

	/* libcurl's size is always 1. */
	if (n > t->max_size - t->body.len) {
		t->too_long = true;
		return 0;
	}
	buf_add(&t->body, data, n);
	return t->body.failed ? 0 : size * n;
}

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
	struct fetch *t = arg;

	return httphead_take(&t->head, data, n) ? size * n : 0;
}

/* libcurl does not tell the end of a connection from one that was cut. */
static void on_ssl_info(const SSL *ssl, int where, int value)
{
	struct fetch *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	if (t && where == SSL_CB_READ_ALERT &&
	    (value & 0xff) == SSL_AD_CLOSE_NOTIFY)
		t->closed = true;
}

/* libcurl may end a connection after the fetch is gone. */
static void forget_ssl_ctx(struct fetch *t)
{
	if (!t->ssl_ctx)
		return;
	SSL_CTX_set_app_data(t->ssl_ctx, NULL);
	SSL_CTX_free(t->ssl_ctx);
	t->ssl_ctx = NULL;
}

/*
 * Trust our store, and only DNS names in the SAN (STS-F-03). libcurl's own
 * check falls back to the CN; OpenSSL's refuses it only with the host name
 * set in the same parameters as the flag.
 */
static CURLcode on_ssl_ctx(CURL *easy, void *ssl_ctx, void *arg)
{
	struct fetch *t = arg;
	X509_VERIFY_PARAM *p = SSL_CTX_get0_param(ssl_ctx);

	(void)easy;
	SSL_CTX_set1_cert_store(ssl_ctx, t->fetcher->store);
	forget_ssl_ctx(t);
	if (!SSL_CTX_up_ref(ssl_ctx))
		return CURLE_OUT_OF_MEMORY;
	t->ssl_ctx = ssl_ctx;
	SSL_CTX_set_app_data(ssl_ctx, t);
	SSL_CTX_set_info_callback(ssl_ctx, on_ssl_info);
	X509_VERIFY_PARAM_set_hostflags(p, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
	    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return X509_VERIFY_PARAM_set1_host(p, t->host, 0) ? CURLE_OK :
	    CURLE_OUT_OF_MEMORY;
}

static void attempt_clear(struct fetch *t)
{
	if (t->easy) {
		curl_multi_remove_handle(t->fetcher->multi, t->easy);
		curl_easy_cleanup(t->easy);
	}
	forget_ssl_ctx(t);
	curl_share_cleanup(t->share);
	curl_slist_free_all(t->entry);
	t->easy = NULL;
	t->share = NULL;
	t->entry = NULL;
}

static void fetch_free(struct fetch *t)
{
	struct fetcher *f = t->fetcher;

	if (t->prev)
		t->prev->next = t->next;
	else if (f->fetches == t)
		f->fetches = t->next;
	if (t->next)
		t->next->prev = t->prev;
	attempt_clear(t);
	curl_slist_free_all(t->headers);
	free(t->path);
	buf_clear(&t->body);
	free(t);
}

/* libcurl's own way through several addresses waits too long for dead
 * ones, so each attempt knows one address only. */
static bool try_next(struct fetch *t, CURLcode code)
{
	curl_off_t connected = 0;

	curl_easy_getinfo(t->easy, CURLINFO_APPCONNECT_TIME_T, &connected);
	if (connected || (code != CURLE_COULDNT_CONNECT &&
	    code != CURLE_OPERATION_TIMEDOUT) || t->at + 1 >= t->addrs_n ||
	    clock_mono_ms() >= t->deadline)
		return false;
	attempt_clear(t);
	t->at++;
	t->error[0] = '\0';
	return attempt_start(t);
}

/* True when what the caller holds is still good (RFC 9110 §15.4.5). */
static bool is_unchanged(const struct fetch *t, CURLcode code)
{
	return code == CURLE_OK && t->conditional && http_status(t) == 304;
}

static void fetch_ended(struct fetch *t, CURLcode code)
{
	struct fetch_result r = { .unchanged = is_unchanged(t, code) };
	struct buf detail;
	fetch_fn *fn = t->fn;
	void *arg = t->arg;
	char etag[HTTPHEAD_ETAG_SIZE];

	buf_init(&detail, 300);
	memcpy(etag, t->head.etag, sizeof(etag));
	if (!r.unchanged)
		r.error = code == CURLE_OK ? judge_answer(t, &detail) :
		    judge_failure(t, code, &detail);
	r.detail = buf_str(&detail);
	r.etag = etag;
	if (r.error == MTASTS_OK) {
		r.body_len = t->body.len;
		r.body = buf_steal(&t->body);
	}
	if (r.error == MTASTS_OK && !r.body)
		r = (struct fetch_result){ .error = MTASTS_E_MEMORY,
			.detail = "out of memory", .etag = "" };
	fetch_free(t);
	fn(arg, &r);
	free(r.body);
	buf_clear(&detail);
}

/* Hand out what ended. Callbacks may start and cancel other fetches: no
 * message is held over a call. */
static void check_ended(struct fetcher *f)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(f->multi, &left))) {
		char *p = NULL;
		CURLcode code = m->data.result;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &p);
		if (code == CURLE_OK || !try_next((struct fetch *)p, code))
			fetch_ended((struct fetch *)p, code);
	}
}

static void on_socket_ready(void *arg, int fd, unsigned events)
{
	struct fetcher *f = arg;
	int bits = 0, running;

	if (events & EVLOOP_READ)
		bits |= CURL_CSELECT_IN;
	if (events & EVLOOP_WRITE)
		bits |= CURL_CSELECT_OUT;
	curl_multi_socket_action(f->multi, fd, bits, &running);
	check_ended(f);
}

static void on_timer(void *arg)
{
	struct fetcher *f = arg;
	int running;

	curl_multi_socket_action(f->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	check_ended(f);
}

static int on_timer_change(CURLM *multi, long ms, void *arg)
{
	struct fetcher *f = arg;

	(void)multi;
	evtimer_set(f->timer, ms);
	return 0;
}

/* Without memory for a watch the transfer runs into its time limit; an
 * error from here would make libcurl give up all transfers for ever. */
static int on_socket_change(CURL *easy, curl_socket_t fd, int what,
    void *arg, void *socket_arg)
{
	struct fetcher *f = arg;
	struct evio *io = socket_arg;
	unsigned events = 0;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		evio_free(io);
		return 0;
	}
	if (what & CURL_POLL_IN)
		events |= EVLOOP_READ;
	if (what & CURL_POLL_OUT)
		events |= EVLOOP_WRITE;
	if (!io) {
		io = evio_new(f->loop, fd, events, on_socket_ready, f);
		if (io)
			curl_multi_assign(f->multi, fd, io);
		return 0;
	}
	evio_set(io, events);
	return 0;
}

/* ---- starting ---------------------------------------------------------- */

/* Options of libcurl in groups by type; the first error is kept. */
struct setup {
	CURL *easy;
	CURLcode rc;
};

static void set_long(struct setup *s, CURLoption option, long value)
{
	if (s->rc == CURLE_OK)
		s->rc = curl_easy_setopt(s->easy, option, value);
}

static void set_ptr(struct setup *s, CURLoption option, const void *value)
{
	if (s->rc == CURLE_OK)
		s->rc = curl_easy_setopt(s->easy, option, value);
}

/* What is the same for every fetch (STS-F-02, F-08, F-09, F-13, F-15). */
static void set_policy(struct setup *s, const struct fetcher *f)
{
	static const struct {
		CURLoption option;
		long value;
	} longs[] = {
		{ CURLOPT_NOSIGNAL, 1 },
		{ CURLOPT_FOLLOWLOCATION, 0 },
		{ CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1 },
		{ CURLOPT_HTTP09_ALLOWED, 0 },
		{ CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2 },
		{ CURLOPT_SSL_VERIFYPEER, 1 },
		{ CURLOPT_SSL_VERIFYHOST, 2 },
		{ CURLOPT_SSL_SESSIONID_CACHE, 0 },
		{ CURLOPT_FORBID_REUSE, 1 },
		{ CURLOPT_FRESH_CONNECT, 1 },
		{ CURLOPT_NETRC, CURL_NETRC_IGNORED },
		{ CURLOPT_HSTS_CTRL, 0 },
		{ CURLOPT_HTTP_CONTENT_DECODING, 0 },
		{ CURLOPT_SUPPRESS_CONNECT_HEADERS, 1 },
	};

	for (size_t i = 0; i < sizeof(longs) / sizeof(longs[0]); i++)
		set_long(s, longs[i].option, longs[i].value);
	set_ptr(s, CURLOPT_PROTOCOLS_STR, "https");
	set_ptr(s, CURLOPT_REDIR_PROTOCOLS_STR, "https");
	set_ptr(s, CURLOPT_USERAGENT, "libmtasts/" PACKAGE_VERSION);
	/* An empty proxy keeps the environment out. */
	set_ptr(s, CURLOPT_PROXY, f->proxy ? f->proxy->url : "");
	set_ptr(s, CURLOPT_NOPROXY, "");
	/* No files: on_ssl_ctx() brings the certificates. */
	set_ptr(s, CURLOPT_CAINFO, NULL);
	set_ptr(s, CURLOPT_CAPATH, NULL);
}

/* The URL, and the headers that go with what is asked for. */
static bool set_request(struct setup *s, const struct fetch *t)
{
	struct buf url;

	buf_init(&url, MTASTS_DOMAIN_SIZE + strlen(t->path) + 20);
	buf_addf(&url, "https://%s", t->host);
	if (t->own_port)
		buf_addf(&url, ":%u", t->port);
	buf_addf(&url, "/%s", t->path);
	if (!url.failed)
		set_ptr(s, CURLOPT_URL, buf_str(&url));
	set_ptr(s, CURLOPT_HTTPHEADER, t->headers);
	/* Tests have another port, but ask for the same URL. */
	if (t->fetcher->port_map && !t->own_port)
		set_ptr(s, CURLOPT_CONNECT_TO, t->fetcher->port_map);
	if (s->rc == CURLE_OK)
		s->rc = curl_easy_setopt(s->easy, CURLOPT_MAXFILESIZE_LARGE,
		    (curl_off_t)t->max_size);
	buf_clear(&url);
	return !url.failed && s->rc == CURLE_OK;
}

static void set_callbacks(struct setup *s, struct fetch *t)
{
	CURLcode rc = s->rc;

	if (rc == CURLE_OK)
		rc = curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_body);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION,
		    on_header);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(t->easy, CURLOPT_SSL_CTX_FUNCTION,
		    on_ssl_ctx);
	s->rc = rc;
	set_ptr(s, CURLOPT_WRITEDATA, t);
	set_ptr(s, CURLOPT_HEADERDATA, t);
	set_ptr(s, CURLOPT_SSL_CTX_DATA, t);
	set_ptr(s, CURLOPT_PRIVATE, t);
	set_ptr(s, CURLOPT_ERRORBUFFER, t->error);
}

/* "HOST:PORT:ADDR,[ADDR6]" for CURLOPT_RESOLVE. */
static struct curl_slist *resolve_entry(const char *host, unsigned port,
    const struct netaddr *addrs, size_t n)
{
	struct curl_slist *list = NULL;
	struct buf text;

	buf_init(&text, 2000);
	buf_addf(&text, "%s:%u:", host, port);
	for (size_t i = 0; i < n; i++) {
		char addr[NETADDR_TEXT];

		netaddr_format(&addrs[i], addr);
		buf_addf(&text, addrs[i].family == AF_INET6 ?
		    "%s[%s]" : "%s%s", i ? "," : "", addr);
	}
	if (!text.failed)
		list = curl_slist_append(NULL, buf_str(&text));
	buf_clear(&text);
	return list;
}

/*
 * A cache of names for this attempt alone: what CURLOPT_RESOLVE puts into
 * the common one stays there for ever.
 */
static bool set_address(struct setup *s, struct fetch *t)
{
	struct fetcher *f = t->fetcher;

	t->share = curl_share_init();
	if (!t->share || curl_share_setopt(t->share, CURLSHOPT_SHARE,
	    CURL_LOCK_DATA_DNS) != CURLSHE_OK)
		return false;
	set_ptr(s, CURLOPT_SHARE, t->share);
	if (!f->proxy)
		t->entry = resolve_entry(t->host, t->port, &t->addrs[t->at],
		    1);
	else if (f->proxy->addrs_n)
		t->entry = resolve_entry(f->proxy->host, f->proxy->port,
		    f->proxy->addrs, f->proxy->addrs_n);
	else
		return true;
	set_ptr(s, CURLOPT_RESOLVE, t->entry);
	return t->entry != NULL;
}

static void set_times(struct setup *s, const struct fetch *t)
{
	int64_t left = t->deadline - clock_mono_ms();
	bool last = t->at + 1 >= t->addrs_n;

	if (left < 1)
		left = 1;
	set_long(s, CURLOPT_TIMEOUT_MS, (long)left);
	set_long(s, CURLOPT_CONNECTTIMEOUT_MS,
	    (long)(last || left < CONNECT_MS ? left : CONNECT_MS));
}

static bool attempt_start(struct fetch *t)
{
	struct setup s = { curl_easy_init(), CURLE_OK };

	t->easy = s.easy;
	if (!t->easy)
		return false;
	set_policy(&s, t->fetcher);
	set_callbacks(&s, t);
	set_times(&s, t);
	return set_address(&s, t) && set_request(&s, t) &&
	    curl_multi_add_handle(t->fetcher->multi, t->easy) == CURLM_OK;
}

/* Append a header line; false when out of memory. */
static bool add_header(struct fetch *t, const char *name, const char *value)
{
	struct curl_slist *more = NULL;
	struct buf line;

	buf_init(&line, 500);
	buf_addf(&line, "%s: %s", name, value);
	if (!line.failed)
		more = curl_slist_append(t->headers, buf_str(&line));
	buf_clear(&line);
	if (more)
		t->headers = more;
	return more != NULL;
}

static bool take_request(struct fetch *t, const struct fetch_request *r)
{
	size_t host_len = strlen(r->host);

	t->kind = r->kind;
	t->own_port = r->port != 0;
	t->port = t->own_port ? r->port : t->fetcher->port;
	t->max_size = r->max_size ? r->max_size : t->fetcher->max_size;
	t->conditional = r->etag && *r->etag;
	buf_init(&t->body, t->max_size);
	t->path = strdup(r->path);
	if (host_len >= sizeof(t->host) || !t->path)
		return false;
	memcpy(t->host, r->host, host_len + 1);
	return add_header(t, "Accept", httphead_accept(r->kind)) &&
	    (!t->conditional || add_header(t, "If-None-Match", r->etag));
}

struct fetch *fetch_start(struct fetcher *f, const struct fetch_request *r,
    const struct netaddr *addrs, size_t addrs_n, fetch_fn *fn, void *arg)
{
	struct fetch *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->fetcher = f;
	t->fn = fn;
	t->arg = arg;
	t->deadline = clock_mono_ms() + f->timeout_ms;
	if (!take_request(t, r) || addrs_n > FETCH_ADDRS_MAX ||
	    (!addrs_n && !f->proxy))
		goto fail;
	if (addrs_n)
		memcpy(t->addrs, addrs, addrs_n * sizeof(*addrs));
	t->addrs_n = addrs_n;
	if (!attempt_start(t))
		goto fail;
	t->next = f->fetches;
	if (t->next)
		t->next->prev = t;
	f->fetches = t;
	return t;
fail:
	fetch_free(t);
	return NULL;
}

void fetch_cancel(struct fetch *t)
{
	if (t)
		fetch_free(t);
}

/* ---- the fetcher ------------------------------------------------------- */

static bool set_multi(struct fetcher *f)
{
	return curl_multi_setopt(f->multi, CURLMOPT_SOCKETFUNCTION,
	    on_socket_change) == CURLM_OK &&
	    curl_multi_setopt(f->multi, CURLMOPT_SOCKETDATA, f) == CURLM_OK &&
	    curl_multi_setopt(f->multi, CURLMOPT_TIMERFUNCTION,
	    on_timer_change) == CURLM_OK &&
	    curl_multi_setopt(f->multi, CURLMOPT_TIMERDATA, f) == CURLM_OK;
}

static bool set_port(struct fetcher *f, uint16_t port)
{
	char map[16];

	f->port = port;
	if (port == 443)
		return true;
	snprintf(map, sizeof(map), ":::%u", port);
	f->port_map = curl_slist_append(NULL, map);
	return f->port_map != NULL;
}

static bool fetcher_init(struct fetcher *f, const struct fetcher_options *o,
    struct buf *err)
{
	f->store = castore_load(o->ca_file, o->ca_text, err);
	if (f->store && o->proxy)
		f->proxy = proxy_new(o->proxy, err);
	if (!f->store || (o->proxy && !f->proxy))
		return false;
	f->multi = curl_multi_init();
	f->timer = evtimer_new(f->loop, on_timer, f);
	if (f->multi && f->timer && set_multi(f) &&
	    set_port(f, o->port))
		return true;
	buf_adds(err, "libcurl: out of memory");
	return false;
}

struct fetcher *fetcher_new(struct evloop *loop,
    const struct fetcher_options *o, struct buf *err)
{
	struct fetcher *f;

	/* Counted, and safe in threads since libcurl 7.84. */
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		buf_adds(err, "libcurl does not start");
		return NULL;
	}
	f = calloc(1, sizeof(*f));
	if (!f) {
		buf_adds(err, "out of memory");
		curl_global_cleanup();
		return NULL;
	}
	f->loop = loop;
	f->timeout_ms = o->timeout_ms;
	f->max_size = o->max_size;
	if (!fetcher_init(f, o, err)) {
		fetcher_free(f);
		return NULL;
	}
	return f;
}

void fetcher_free(struct fetcher *f)
{
	if (!f)
		return;
	while (f->fetches)
		fetch_free(f->fetches);
	curl_multi_cleanup(f->multi);
	evtimer_free(f->timer);
	curl_slist_free_all(f->port_map);
	X509_STORE_free(f->store);
	proxy_free(f->proxy);
	free(f);
	curl_global_cleanup();
}

bool fetcher_has_proxy(const struct fetcher *f)
{
	return f->proxy != NULL;
}

const char *fetch_library_version(void)
{
	return curl_version_info(CURLVERSION_NOW)->version;
}
