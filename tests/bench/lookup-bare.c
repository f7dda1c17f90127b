/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lookup-bare - the baseline of the benchmark of cold lookups: the least
 * that a program can do to have the MTA-STS policy of many domains.
 *
 *	lookup-bare [-a ANCHORS] SERVER CA-FILE OUTSTANDING DOMAINS
 *
 * It is libunbound and libcurl on a libevent loop in one thread, and nothing
 * of libmtasts but the reading of DNS packets. For each domain it asks for
 * the same TXT, A and AAAA records and fetches the same file as tlsmilterd,
 * over a new TLS 1.3 connection with the certificate verified; but it does
 * not parse the policy, check the name in the way RFC 8461 asks for, refuse
 * private addresses, bound sizes, remember, log, or answer anybody. Handles
 * of libcurl are used again, and one store of certificates serves all.
 *
 * SERVER is "ADDRESS@PORT" for DNS, DOMAINS a file of names, one a line,
 * OUTSTANDING how many are looked up at a time. With -a, DNSSEC is validated
 * from the trust anchors in that file. Every lookup must succeed. Prints one
 * JSON object.
 */
#include "config.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <event2/event.h>
#include <openssl/ssl.h>
#include <sys/time.h>
#include <unbound-event.h>
#include <unbound.h>
#include <unistd.h>

#include "mtasts/dnswire.h"
#include "util/buf.h"
#include "util/str.h"

#define TIME_LIMIT_S 60

/* One of the lookups under way, for one domain after the other. */
struct slot {
	struct bare *bare;
	struct event *next;	/* libunbound must not be called from its
				 * callbacks: the next step is taken later */
	unsigned waiting;	/* answers */
	bool have_txt;
	char address[INET_ADDRSTRLEN];
	char *domain;
	CURL *easy;
	struct curl_slist *resolve;
	size_t body;
	uint64_t began;
};

struct question {
	struct slot *slot;
	enum dns_type type;
};

struct bare {
	struct event_base *base;
	struct ub_ctx *ub;
	CURLM *multi;
	struct event *timer;
	X509_STORE *store;
	struct strv domains;
	size_t next, done;
	uint64_t *latency;	/* in nanoseconds */
};

static void die(const char *what)
{
	fprintf(stderr, "lookup-bare: %s\n", what);
	exit(1);
}

static void need(bool ok, const char *what)
{
	if (!ok)
		die(what);
}

static uint64_t now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* ---- the fetch --------------------------------------------------------- */

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct slot *s = arg;

	(void)data;
	s->body += size * n;
	return size * n;
}

static CURLcode on_ssl_ctx(CURL *easy, void *ssl_ctx, void *arg)
{
	(void)easy;
	SSL_CTX_set1_cert_store(ssl_ctx, arg);
	return CURLE_OK;
}

static void make_handle(struct slot *s)
{
	CURL *e = curl_easy_init();

	need(e && !curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) &&
	    !curl_easy_setopt(e, CURLOPT_FORBID_REUSE, 1L) &&
	    !curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L) &&
	    !curl_easy_setopt(e, CURLOPT_SSL_SESSIONID_CACHE, 0L) &&
	    !curl_easy_setopt(e, CURLOPT_HTTP_VERSION,
	    (long)CURL_HTTP_VERSION_1_1) &&
	    !curl_easy_setopt(e, CURLOPT_PROXY, "") &&
	    !curl_easy_setopt(e, CURLOPT_CAINFO, NULL) &&
	    !curl_easy_setopt(e, CURLOPT_CAPATH, NULL) &&
	    !curl_easy_setopt(e, CURLOPT_SSL_CTX_FUNCTION, on_ssl_ctx) &&
	    !curl_easy_setopt(e, CURLOPT_SSL_CTX_DATA, s->bare->store) &&
	    !curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body) &&
	    !curl_easy_setopt(e, CURLOPT_WRITEDATA, s) &&
	    !curl_easy_setopt(e, CURLOPT_PRIVATE, s), "curl_easy_setopt");
	s->easy = e;
}

static void begin_fetch(struct slot *s)
{
	char url[600], entry[600];

	need(s->have_txt && s->address[0], "a DNS answer is missing");
	snprintf(url, sizeof(url),
	    "https://mta-sts.%s/.well-known/mta-sts.txt", s->domain);
	snprintf(entry, sizeof(entry), "mta-sts.%s:443:%s", s->domain,
	    s->address);
	curl_slist_free_all(s->resolve);
	s->resolve = curl_slist_append(NULL, entry);
	s->body = 0;
	need(s->resolve &&
	    !curl_easy_setopt(s->easy, CURLOPT_RESOLVE, s->resolve) &&
	    !curl_easy_setopt(s->easy, CURLOPT_URL, url) &&
	    !curl_multi_add_handle(s->bare->multi, s->easy), "fetch");
}

static void begin_lookup(struct slot *s);

static void fetch_ended(struct slot *s, CURLcode code)
{
	struct bare *b = s->bare;
	long status = 0;

	curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status);
	if (code != CURLE_OK)
		die(curl_easy_strerror(code));
	need(status == 200 && s->body > 0, "no policy");
	curl_multi_remove_handle(b->multi, s->easy);
	b->latency[b->done++] = now_ns(CLOCK_MONOTONIC) - s->began;
	if (b->next < b->domains.n)
		begin_lookup(s);
	else if (b->done == b->domains.n)
		event_base_loopbreak(b->base);
}

/* ---- libcurl on libevent ----------------------------------------------- */

static void check_ended(struct bare *b)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(b->multi, &left))) {
		CURLcode code = m->data.result;
		char *slot = NULL;

		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &slot);
		if (m->msg == CURLMSG_DONE)
			fetch_ended((struct slot *)slot, code);
	}
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
	int bits = (what & EV_READ ? CURL_CSELECT_IN : 0) |
	    (what & EV_WRITE ? CURL_CSELECT_OUT : 0), running;
	struct bare *b = arg;

	curl_multi_socket_action(b->multi, fd, bits, &running);
	check_ended(b);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct bare *b = arg;
	int running;

	(void)fd;
	(void)what;
	curl_multi_socket_action(b->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	check_ended(b);
}

static int on_timer_change(CURLM *multi, long ms, void *arg)
{
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };
	struct bare *b = arg;

	(void)multi;
	if (ms < 0)
		evtimer_del(b->timer);
	else
		evtimer_add(b->timer, &tv);
	return 0;
}

static int on_socket_change(CURL *easy, curl_socket_t fd, int what,
    void *arg, void *socket_arg)
{
	short events = (short)(EV_PERSIST | (what & CURL_POLL_IN ? EV_READ :
	    0) | (what & CURL_POLL_OUT ? EV_WRITE : 0));
	struct event *ev = socket_arg;
	struct bare *b = arg;

	(void)easy;
	if (ev)
		event_free(ev);
	ev = NULL;
	if (what != CURL_POLL_REMOVE) {
		ev = event_new(b->base, fd, events, on_socket, b);
		need(ev && event_add(ev, NULL) == 0, "event");
	}
	curl_multi_assign(b->multi, fd, ev);
	return 0;
}

/* ---- DNS --------------------------------------------------------------- */

static void take_answer(struct slot *s, enum dns_type type,
    const struct dns_answer *a)
{
	if (a->status != DNS_FOUND)
		return;		/* such as AAAA */
	if (type == DNS_TXT)
		s->have_txt = true;
	if (type == DNS_A)
		inet_ntop(AF_INET, a->records[0].addr.bytes, s->address,
		    sizeof(s->address));
}

static void on_answer(void *arg, int rcode, void *packet, int len, int sec,
    char *why, int ratelimited)
{
	struct question *q = arg;
	struct slot *s = q->slot;
	struct dns_answer a;

	(void)ratelimited;
	if (rcode != 0 || sec == 1)
		die(why ? why : "DNS");
	need(dns_answer_parse(packet, (size_t)len, q->type, &a), "packet");
	take_answer(s, q->type, &a);
	dns_answer_clear(&a);
	free(q);
	if (--s->waiting == 0)
		event_active(s->next, EV_TIMEOUT, 0);
}

static void ask(struct slot *s, const char *prefix, enum dns_type type)
{
	struct question *q = malloc(sizeof(*q));
	char name[600];

	need(q != NULL, "out of memory");
	*q = (struct question){ s, type };
	s->waiting++;
	snprintf(name, sizeof(name), "%s.%s", prefix, s->domain);
	need(ub_resolve_event(s->bare->ub, name, (int)type, 1, q, on_answer,
	    NULL) == 0, "ub_resolve_event");
}

/* All that was asked is answered. */
static void on_next(evutil_socket_t fd, short what, void *arg)
{
	struct slot *s = arg;

	(void)fd;
	(void)what;
	if (s->address[0]) {
		begin_fetch(s);
	} else {
		need(s->have_txt, "no TXT record");
		ask(s, "mta-sts", DNS_A);
		ask(s, "mta-sts", DNS_AAAA);
	}
}

static void begin_lookup(struct slot *s)
{
	s->domain = s->bare->domains.v[s->bare->next++];
	s->have_txt = false;
	s->address[0] = '\0';
	s->began = now_ns(CLOCK_MONOTONIC);
	ask(s, "_mta-sts", DNS_TXT);
}

/* The same room as tlsmilterd's resolver has. */
static void make_dns(struct bare *b, const char *server, const char *anchors)
{
	static const char *const options[][2] = {
		{ "outgoing-range:", "256" },
		{ "outgoing-num-tcp:", "16" },
		{ "num-queries-per-thread:", "2048" },
		{ "msg-cache-size:", "4m" },
		{ "rrset-cache-size:", "8m" },
		{ "edns-buffer-size:", "1232" },
	};

	b->ub = ub_ctx_create_event(b->base);
	need(b->ub != NULL, "ub_ctx_create_event");
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		need(ub_ctx_set_option(b->ub, options[i][0],
		    options[i][1]) == 0, options[i][0]);
	need(ub_ctx_set_fwd(b->ub, server) == 0, server);
	need(!anchors || ub_ctx_add_ta_file(b->ub, anchors) == 0, anchors);
}

/* ---- the run ----------------------------------------------------------- */

static void load_domains(struct bare *b, const char *file)
{
	FILE *f = fopen(file, "r");
	char line[300];

	need(f != NULL, file);
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		need(strv_add(&b->domains, line), "out of memory");
	}
	fclose(f);
	need(b->domains.n > 0, "no domains");
	b->latency = mem_array(b->domains.n, sizeof(*b->latency));
	need(b->latency != NULL, "out of memory");
}

static void set_up(struct bare *b, const char *server, const char *ca_file,
    const char *anchors)
{
	need(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK, "libcurl");
	b->base = event_base_new();
	b->multi = curl_multi_init();
	b->store = X509_STORE_new();
	need(b->base && b->multi && b->store, "out of memory");
	need(X509_STORE_load_file(b->store, ca_file) == 1, ca_file);
	b->timer = evtimer_new(b->base, on_timer, b);
	need(b->timer && !curl_multi_setopt(b->multi,
	    CURLMOPT_SOCKETFUNCTION, on_socket_change) &&
	    !curl_multi_setopt(b->multi, CURLMOPT_SOCKETDATA, b) &&
	    !curl_multi_setopt(b->multi, CURLMOPT_TIMERFUNCTION,
	    on_timer_change) &&
	    !curl_multi_setopt(b->multi, CURLMOPT_TIMERDATA, b), "libcurl");
	make_dns(b, server, anchors);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void measure(struct bare *b, size_t outstanding)
{
	struct slot *slots = calloc(outstanding, sizeof(*slots));
	struct timeval limit = { TIME_LIMIT_S, 0 };
	uint64_t began, took, cpu;

	need(slots != NULL, "out of memory");
	for (size_t i = 0; i < outstanding; i++) {
		slots[i].bare = b;
		slots[i].next = event_new(b->base, -1, 0, on_next, &slots[i]);
		need(slots[i].next != NULL, "out of memory");
		make_handle(&slots[i]);
	}
	event_base_loopexit(b->base, &limit);
	began = now_ns(CLOCK_MONOTONIC);
	cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	for (size_t i = 0; i < outstanding && b->next < b->domains.n; i++)
		begin_lookup(&slots[i]);
	event_base_dispatch(b->base);
	took = now_ns(CLOCK_MONOTONIC) - began;
	cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	need(b->done == b->domains.n, "too slow");
	qsort(b->latency, b->done, sizeof(*b->latency), compare);
	printf("{\"lookups\": %zu, \"outstanding\": %zu, "
	    "\"per_second\": %.1f, \"p50_us\": %.0f, \"p99_us\": %.0f, "
	    "\"cpu_us\": %.1f}\n", b->done, outstanding,
	    (double)b->done * 1e9 / (double)took,
	    (double)b->latency[b->done / 2] / 1000,
	    (double)b->latency[b->done * 99 / 100] / 1000,
	    (double)cpu / 1000 / (double)b->done);
}

int main(int argc, char **argv)
{
	struct bare b = { .next = 0 };
	const char *anchors = NULL;
	uint64_t outstanding;
	int c;

	while ((c = getopt(argc, argv, "a:")) == 'a')
		anchors = optarg;
	argv += optind;
	if (c != -1 || argc - optind != 4 ||
	    !str_to_u64(argv[2], 1024, &outstanding) || !outstanding) {
		fprintf(stderr, "usage: lookup-bare [-a ANCHORS] SERVER "
		    "CA-FILE OUTSTANDING DOMAINS\n");
		return 64;
	}
	load_domains(&b, argv[3]);
	set_up(&b, argv[0], argv[1], anchors);
	measure(&b, (size_t)outstanding);
	return 0;
}
