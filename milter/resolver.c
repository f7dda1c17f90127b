/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "milter/resolver.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <unistd.h>

#include "conf/bundle.h"
#include "conf/conf.h"
#include "milter/asker.h"
#include "milter/child.h"
#include "milter/daneasker.h"
#include "milter/lister.h"
#include "milter/proto.h"
#include "milter/watcher.h"
#include "mtasts/ctx.h"
#include "mtasts/dns.h"
#include "mtasts/evloop.h"
#include "mtasts/fetch.h"
#include "util/buf.h"
#include "util/chan.h"
#include "util/log.h"
#include "util/pack.h"
#include "util/sandbox.h"

#define ERR_MAX 1000
#define LINE_MAX_BYTES 2000
#define PEER_QUEUE_MAX (8 * 1024 * 1024)
#define CONTROL_QUEUE_MAX 65536
/* Messages of one turn; other work gets its turn in between. */
#define TURN 64
/* How long a watched mail host may take for each stage of a session. */
#define WATCH_STAGE_MS 20000

struct resolver {
	struct child_args args;
	struct conf *conf;
	struct mtasts_ctx *ctx;
	struct asker *asker;
	struct daneasker *daneasker;
	struct lister *lister;
	struct watcher *watcher;	/* NULL: no check can be made */
	struct chan *control;		/* to the monitor */
	struct chan *peer;		/* to the frontend */
	struct evio *control_io;
	struct evio *peer_io;
	struct sandbox_state sandbox;
	/* What the log has told. */
	enum dns_validation validation;
	enum dns_mta mta;
	struct buf message;
	bool ending;
};

/*
 * Whether somebody needs to know what DNS gives the mail server. Without
 * DNSSEC here no DANE answer is given, whatever it gets.
 */
static bool wants_mta_test(const struct conf *c)
{
	return c->socketmap.n > 0 && c->dnssec != DNSSEC_OFF;
}

/* ---- sending ----------------------------------------------------------- */

/* While the frontend does not read, take no more questions from it. */
static void watch_peer(struct resolver *r)
{
	if (r->peer_io)
		evio_set(r->peer_io, chan_wants_write(r->peer) ?
		    EVLOOP_WRITE : EVLOOP_READ);
}

static void send_peer(struct resolver *r, unsigned type)
{
	if (!r->message.failed)
		chan_send(r->peer, type, r->message.data, r->message.len, -1);
	watch_peer(r);
}

/* Lines go to the frontend: from here no log can be reached. */
static void log_to_peer(void *arg, int priority, const char *line,
    size_t len)
{
	struct resolver *r = arg;
	struct buf b;

	(void)len;
	buf_init(&b, LINE_MAX_BYTES + 16);
	pack_u8(&b, (unsigned)priority);
	pack_str(&b, line);
	if (!b.failed)
		chan_send(r->peer, MSG_LOG, b.data, b.len, -1);
	buf_clear(&b);
	watch_peer(r);
}

static void send_answer(void *arg, const struct answer *answer)
{
	struct resolver *r = arg;

	buf_reset(&r->message);
	answer_pack(answer, &r->message);
	send_peer(r, MSG_ANSWER);
}

static void send_dane_answer(void *arg, const struct dane_answer *answer)
{
	struct resolver *r = arg;

	buf_reset(&r->message);
	dane_answer_pack(answer, &r->message);
	send_peer(r, MSG_DANE_ANSWER);
}

static void send_watch_answer(void *arg, const struct watch_answer *answer)
{
	struct resolver *r = arg;

	buf_reset(&r->message);
	watch_answer_pack(answer, &r->message);
	send_peer(r, MSG_WATCH_ANSWER);
}

static void send_list_answer(void *arg, const struct list_answer *answer)
{
	struct resolver *r = arg;

	buf_reset(&r->message);
	list_answer_pack(answer, &r->message);
	send_peer(r, MSG_LIST_ANSWER);
}

static void send_list_part(void *arg, const struct list_part *part)
{
	struct resolver *r = arg;

	buf_reset(&r->message);
	list_part_pack(part, &r->message);
	send_peer(r, MSG_LIST_PART);
}

static const char *validation_name(enum dns_validation v)
{
	switch (v) {
	case DNS_VALIDATION_OFF: return "off";
	case DNS_VALIDATION_TESTING: return "testing";
	case DNS_VALIDATION_WORKS: return "works";
	case DNS_VALIDATION_FAILED: return "failed";
	}
	return "unknown";
}

static const char *mta_name(enum dns_mta m)
{
	switch (m) {
	case DNS_MTA_TESTING: return "testing";
	case DNS_MTA_AD: return "works";
	case DNS_MTA_NO_AD: return "failed";
	}
	return "unknown";
}

static void send_status(struct resolver *r)
{
	const char *why, *mta_why;
	enum dns_validation v = dns_validation(r->ctx->dns, &why);
	enum dns_mta mta = dns_mta(r->ctx->dns, &mta_why);
	json_t *o = json_pack("{s{sbsbsb}s{ssssssss}s{ssssssss}}",
	    "sandbox", "wanted", r->conf->sandbox,
	    "landlock", r->sandbox.landlock, "seccomp", r->sandbox.seccomp,
	    "dnssec", "validation", validation_name(v), "reason", why,
	    "mta", wants_mta_test(r->conf) ? mta_name(mta) : "off",
	    "mta_reason", mta_why,
	    "libraries", "c-ares", dns_stub_library_version(),
	    "libcurl", fetch_library_version(),
	    "libunbound", dns_library_version(),
	    "openssl", OpenSSL_version(OPENSSL_VERSION_STRING));
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;

	if (text) {
		buf_reset(&r->message);
		buf_adds(&r->message, text);
		send_peer(r, MSG_RESOLVER_STATUS);
	}
	free(text);
	json_decref(o);
}

/* ---- serving ----------------------------------------------------------- */

static void answer_busy(struct resolver *r, const struct ask *ask)
{
	struct answer answer = {
		.seq = ask->seq, .domain = ask->domain,
		.outcome = MTASTS_FAILED, .error = MTASTS_E_BUSY,
		.detail = mtasts_strerror(MTASTS_E_BUSY),
		.id = "", .patterns = "", .text = "", .mx = "", .rua = "",
	};

	send_answer(r, &answer);
}

static void on_ask(struct resolver *r, const void *data, size_t len)
{
	struct ask ask;

	if (!ask_unpack(data, len, &ask)) {
		log_err(NULL, "malformed question, ignored");
		return;
	}
	if (!asker_ask(r->asker, &ask))
		answer_busy(r, &ask);
}

/* Too much to do is a failure like any other. */
static void on_dane_ask(struct resolver *r, const void *data, size_t len)
{
	struct dane_answer busy = { .rec = { .validated = true,
		.outcome = DANE_ERROR, .hosts = "" } };
	struct dane_ask ask;

	if (!dane_ask_unpack(data, len, &ask)) {
		log_err(NULL, "malformed question about DANE, ignored");
		return;
	}
	if (daneasker_ask(r->daneasker, &ask))
		return;
	busy.seq = ask.seq;
	busy.hop = ask.hop.text;
	send_dane_answer(r, &busy);
}

static void on_list_ask(struct resolver *r, const void *data, size_t len)
{
	struct list_ask ask;

	if (list_ask_unpack(data, len, &ask))
		lister_ask(r->lister, &ask);
	else
		log_err(NULL, "malformed question for a list, ignored");
}

static void on_list_more(struct resolver *r, const void *data, size_t len)
{
	struct list_more more;

	if (list_more_unpack(data, len, &more))
		lister_more(r->lister, &more);
}

static void on_watch_ask(struct resolver *r, const void *data, size_t len)
{
	struct watch_answer none = { .failed = "the resolver can make no "
		"check now" };
	struct watch_ask ask;

	if (!watch_ask_unpack(data, len, &ask)) {
		log_err(NULL, "malformed question for a check, ignored");
		return;
	}
	if (r->watcher && watcher_ask(r->watcher, &ask))
		return;
	none.seq = ask.seq;
	send_watch_answer(r, &none);
}

static void on_message(struct resolver *r, unsigned type, const void *data,
    size_t len)
{
	static const struct {
		unsigned type;
		void (*fn)(struct resolver *r, const void *data, size_t len);
	} handlers[] = {
		{ MSG_ASK, on_ask },
		{ MSG_LIST_ASK, on_list_ask },
		{ MSG_LIST_MORE, on_list_more },
		{ MSG_DANE_ASK, on_dane_ask },
		{ MSG_WATCH_ASK, on_watch_ask },
	};

	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
		if (handlers[i].type == type)
			handlers[i].fn(r, data, len);
}

static void on_peer(void *arg, int fd, unsigned events)
{
	struct resolver *r = arg;
	unsigned type;
	const void *data;
	size_t len;
	int passed, n = 0;

	(void)fd;
	if ((events & EVLOOP_WRITE) && !chan_flush(r->peer))
		n = -1;
	for (int i = 0; i < TURN && n >= 0 && !chan_wants_write(r->peer);
	    i++) {
		n = chan_recv(r->peer, &type, &data, &len, &passed);
		if (n <= 0)
			break;
		if (passed >= 0)
			close(passed);
		on_message(r, type, data, len);
	}
	if (n < 0)
		r->ending = true;
	watch_peer(r);
}

/* The monitor sends nothing; that it is there is all we need to know. */
static void on_control(void *arg, int fd, unsigned events)
{
	struct resolver *r = arg;
	unsigned type;
	const void *data;
	size_t len;
	int passed, n;

	(void)fd;
	(void)events;
	while ((n = chan_recv(r->control, &type, &data, &len, &passed)) > 0)
		if (passed >= 0)
			close(passed);
	if (n < 0)
		r->ending = true;
}

/* RFC 7672 §2.1.1: AD is worth as much as the path it comes over. The
 * administrator has chosen this, but may not know where the servers are. */
static void log_remotes(struct resolver *r)
{
	const char *remotes = dns_trusted_remotes(r->ctx->dns);

	if (*remotes)
		log_warn(NULL, "dnssec = trust-ad: answers of %s are trusted "
		    "over the network", remotes);
}

/* Each is said once for each change; status and metrics repeat it. */
static void log_validation(struct resolver *r)
{
	const char *why;
	enum dns_validation v = dns_validation(r->ctx->dns, &why);

	if (v == r->validation)
		return;
	r->validation = v;
	if (v == DNS_VALIDATION_WORKS)
		log_info(NULL, "DNSSEC validation works%s",
		    r->conf->dnssec == DNSSEC_TRUST_AD ?
		    ", at the DNS servers" : "");
	else
		log_warn(NULL, "the DNS servers do not deliver DNSSEC (%s); "
		    "answers are used without validation, and it is tried "
		    "again", why);
}

static void log_mta(struct resolver *r)
{
	const char *why;
	enum dns_mta mta = dns_mta(r->ctx->dns, &why);

	if (!wants_mta_test(r->conf) || mta == r->mta)
		return;
	r->mta = mta;
	if (mta == DNS_MTA_AD)
		log_notice(NULL, "the servers of resolv.conf set AD: DANE "
		    "answers can be given to the mail server");
	else
		/* Without the option only some maps would be told. */
		log_line(r->conf->postfix.dane ? LOG_WARNING : LOG_INFO, NULL,
		    "the servers of resolv.conf do not set AD (%s): no DANE "
		    "answers are given to the mail server", why);
}

static void on_validation(void *arg)
{
	struct resolver *r = arg;

	log_validation(r);
	log_mta(r);
	send_status(r);
}

/* ---- starting ---------------------------------------------------------- */

static int open_channels(struct resolver *r)
{
	buf_init(&r->message, ANSWER_MAX_PACKED);
	r->control = chan_new(FD_CONTROL_CHANNEL, CONTROL_QUEUE_MAX);
	r->peer = chan_new(FD_PEER, PEER_QUEUE_MAX);
	if (!r->control || !r->peer)
		return EX_OSERR;
	log_set_sink(log_to_peer, r);
	log_set_level(r->args.verbose ? LOG_DEBUG : LOG_INFO);
	return EX_OK;
}

static int open_conf(struct resolver *r)
{
	struct conf_messages messages = { .n = 0 };
	struct bundle *bundle;
	struct buf err;

	buf_init(&err, ERR_MAX);
	bundle = bundle_open(FD_CONFIG, &err);
	if (bundle)
		r->conf = conf_load_bundle(r->args.config_file, bundle,
		    &messages);
	if (!bundle)
		log_err(NULL, "configuration: %s", buf_str(&err));
	/* The monitor has reported what is wrong in it, if anything. */
	else if (!r->conf)
		log_err(NULL, "the configuration was not accepted");
	conf_messages_clear(&messages);
	bundle_free(bundle);
	buf_clear(&err);
	return r->conf ? EX_OK : EX_CONFIG;
}

static const char *or_null(const char *s)
{
	return s && *s ? s : NULL;
}

static uint32_t to_ms(int64_t seconds)
{
	return seconds < 1 ? 1000 : seconds > 86400 ? 86400000 :
	    (uint32_t)seconds * 1000;
}

/* Files a context can do without. */
struct needs {
	enum mtasts_dnssec dnssec;	/* to validate: the trust anchor */
	bool authorities;	/* those that sign the certificates of hosts */
};

/* The files named here are opened now, never again. */
static struct mtasts_ctx *make_ctx(const struct conf *c, struct needs need,
    char *err, size_t errsize)
{
	const char **servers = calloc(c->dns_servers.n + 1,
	    sizeof(*servers));
	struct mtasts_options o = {
		.dns_servers = servers,
		.dnssec = need.dnssec,
		.trust_anchor = or_null(c->trust_anchor),
		.dns_timeout_ms = to_ms(c->dns_timeout),
		.ca_file = or_null(c->ca_file),
		.ca_text = need.authorities ? NULL : "",
		.proxy = or_null(c->proxy),
		.https_timeout_ms = to_ms(c->https_timeout),
		.max_size = (uint32_t)c->https_max_size,
		.allow_private = c->allow_private,
		.https_port = c->https_port,
		.max_lookups = ASKER_LOOKUPS,
	};
	struct ctx_extra extra = { .mta_test = wants_mta_test(c) };
	struct mtasts_ctx *ctx;

	if (!servers) {
		snprintf(err, errsize, "out of memory");
		return NULL;
	}
	for (size_t i = 0; i < c->dns_servers.n; i++)
		servers[i] = c->dns_servers.v[i];
	ctx = ctx_new(&o, &extra, err, errsize);
	free(servers);
	return ctx;
}

/* With DNSSEC validation if we can: mail must not wait for an anchor. */
static bool try_ctx(struct resolver *r, bool authorities, char *err,
    size_t errsize)
{
	struct needs need = { conf_mtasts_dnssec(r->conf), authorities };
	char less[ERR_MAX];

	r->ctx = make_ctx(r->conf, need, err, errsize);
	if (r->ctx || need.dnssec != MTASTS_DNSSEC_VALIDATE)
		return r->ctx != NULL;
	need.dnssec = MTASTS_DNSSEC_OFF;
	r->ctx = make_ctx(r->conf, need, less, sizeof(less));
	if (r->ctx)
		log_err(NULL, "%s; going on without DNSSEC validation", err);
	else
		snprintf(err, errsize, "%s", less);
	return r->ctx != NULL;
}

/* Also while no domain is watched: a reload may change that, and then this
 * process has no files. Checks are the last thing that may keep it from
 * starting. */
static void open_watcher(struct resolver *r, bool authorities)
{
	struct watcher_options o = {
		.ca_file = or_null(r->conf->ca_file),
		.ca_text = authorities ? NULL : "",
		.ehlo = r->conf->mx_names.n ? r->conf->mx_names.v[0] : NULL,
		.timeout_ms = WATCH_STAGE_MS,
	};
	struct buf err;

	buf_init(&err, ERR_MAX);
	r->watcher = watcher_new(r->ctx, &o, send_watch_answer, r, &err);
	if (!r->watcher)
		log_err(NULL, "%s; no watched domain can be checked",
		    buf_str(&err));
	buf_clear(&err);
}

/* What is cached must stay in force whatever is missing here: a resolver
 * that knows of no authority says so once, and refuses every policy host
 * until the monitor sees the file and replaces it. */
static int open_ctx(struct resolver *r)
{
	char err[ERR_MAX];

	bool authorities = true;

	if (!try_ctx(r, true, err, sizeof(err))) {
		authorities = false;
		log_err(NULL, "%s; no policy can be fetched until that is "
		    "mended", err);
		if (!try_ctx(r, false, err, sizeof(err))) {
			log_err(NULL, "cannot start: %s", err);
			return EX_CONFIG;
		}
	}
	r->validation = dns_validation(r->ctx->dns, NULL);
	log_remotes(r);
	log_mta(r);
	dns_on_validation(r->ctx->dns, on_validation, r);
	r->asker = asker_new(r->ctx, send_answer, r);
	r->lister = lister_new(r->ctx, &(struct lister_handler){
		send_list_answer, send_list_part, r });
	r->daneasker = daneasker_new(r->ctx, send_dane_answer, r);
	open_watcher(r, authorities);
	return r->asker && r->daneasker && r->lister ? EX_OK : EX_OSERR;
}

static int close_sandbox(struct resolver *r)
{
	struct buf err;

	tzset();
	/* From /dev/urandom, while there is one: a list of a stranger's could
	 * make every member collide if the seed were only the time. */
	json_object_seed(0);
	if (!r->conf->sandbox)
		return EX_OK;
	/* Standard error may be the journal: lines go through the frontend,
	 * which marks whose they are. */
	if (!child_silence())
		return EX_OSERR;
	buf_init(&err, ERR_MAX);
	sandbox_enter(&r->sandbox, &err);
	if (err.len)
		log_warn(NULL, "sandbox: %sgoing on without that part",
		    buf_str(&err));
	buf_clear(&err);
	return EX_OK;
}

static int open_watches(struct resolver *r)
{
	r->control_io = evio_new(r->ctx->loop, chan_fd(r->control),
	    EVLOOP_READ, on_control, r);
	r->peer_io = evio_new(r->ctx->loop, chan_fd(r->peer), EVLOOP_READ,
	    on_peer, r);
	if (!r->control_io || !r->peer_io)
		return EX_OSERR;
	watch_peer(r);
	send_status(r);
	return chan_send(r->control, MSG_READY, NULL, 0, -1) ? EX_OK :
	    EX_UNAVAILABLE;
}

static void clean_up(struct resolver *r)
{
	log_set_sink(NULL, NULL);
	evio_free(r->control_io);
	evio_free(r->peer_io);
	r->peer_io = NULL;
	watcher_free(r->watcher);
	lister_free(r->lister);
	daneasker_free(r->daneasker);
	if (r->asker)
		asker_free(r->asker);
	else
		mtasts_ctx_free(r->ctx);
	chan_free(r->control);
	chan_free(r->peer);
	buf_clear(&r->message);
	conf_unref(r->conf);
}

int resolver_main(int argc, char **argv)
{
	static int (*const steps[])(struct resolver *) = {
		open_channels, open_conf, open_ctx, close_sandbox,
		open_watches,
	};
	struct resolver r = { .ending = false };
	int status = EX_OK;

	prctl(PR_SET_NAME, "tlsmilterd");
	signal(SIGPIPE, SIG_IGN);
	if (!child_args_parse(argc, argv, &r.args))
		return EX_USAGE;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		status = steps[i](&r);
		if (status != EX_OK)
			break;
	}
	while (status == EX_OK && !r.ending)
		evloop_wait(r.ctx->loop, -1);
	clean_up(&r);
	return status;
}
