/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mtasts-probe - look domains up with libmtasts and print what was found.
 *
 * Drives the public interface as a foreign program would, with poll(2) on
 * one descriptor. Options are NAME=VALUE; every other argument is a domain,
 * and with stdin=1 every line of standard input. One JSON object a line for
 * each result, in the order they arrive.
 */
#include "config.h"

#include <jansson.h>
#include <poll.h>
#include <unistd.h>

#include "mtasts/mtasts.h"
#include "util/str.h"

#define SERVERS_MAX 4

struct probe {
	struct mtasts_options options;
	const char *servers[SERVERS_MAX + 1];
	size_t servers_n;
	const char *held_id;
	unsigned flags;
	uint64_t repeat;	/* lookups of each domain */
	bool again;		/* ask once more from the callback */
	bool cancel;		/* free the context at once */
	bool read_stdin;
	struct mtasts_ctx *ctx;
	size_t outstanding;
	bool starting;		/* inside mtasts_lookup_start() */
};

static const char *const error_names[] = {
	[MTASTS_OK] = "ok",
	[MTASTS_E_MEMORY] = "memory",
	[MTASTS_E_ARGUMENT] = "argument",
	[MTASTS_E_NO_RECORD] = "no-record",
	[MTASTS_E_RECORD] = "record",
	[MTASTS_E_DNS] = "dns",
	[MTASTS_E_BOGUS] = "bogus",
	[MTASTS_E_HOST] = "host",
	[MTASTS_E_CONNECT] = "connect",
	[MTASTS_E_TLS] = "tls",
	[MTASTS_E_HTTP] = "http",
	[MTASTS_E_SIZE] = "size",
	[MTASTS_E_TIMEOUT] = "timeout",
	[MTASTS_E_POLICY] = "policy",
	[MTASTS_E_BUSY] = "busy",
	[MTASTS_E_CANCELLED] = "cancelled",
};

static void ask(struct probe *p, const char *domain);

static void print(const json_t *o)
{
	json_dumpf(o, stdout, JSON_COMPACT | JSON_SORT_KEYS);
	putchar('\n');
	fflush(stdout);
}

static void on_result(void *arg, const struct mtasts_result *r)
{
	static const char *const outcomes[] = {
		[MTASTS_FOUND] = "found", [MTASTS_UNCHANGED] = "unchanged",
		[MTASTS_ABSENT] = "absent", [MTASTS_FAILED] = "failed",
	};
	struct probe *p = arg;
	json_t *o = json_pack("{sssssssssssbsI}", "domain", r->domain,
	    "outcome", outcomes[r->outcome], "error", error_names[r->error],
	    "detail", r->detail, "id", r->id, "secure", r->secure,
	    "ttl", (json_int_t)r->ttl);

	if (p->starting)
		json_object_set_new(o, "reentrant", json_true());
	if (r->policy) {
		json_object_set_new(o, "mode", json_string(
		    mtasts_mode_name(mtasts_policy_mode(r->policy))));
		json_object_set_new(o, "max_age", json_integer(
		    mtasts_policy_max_age(r->policy)));
		json_object_set_new(o, "text_len",
		    json_integer((json_int_t)r->text_len));
		json_object_set_new(o, "mx", json_integer((json_int_t)
		    mtasts_policy_mx_count(r->policy)));
	}
	print(o);
	json_decref(o);
	p->outstanding--;
	if (p->again) {
		p->again = false;
		ask(p, r->domain);
	}
}

static void ask(struct probe *p, const char *domain)
{
	enum mtasts_error error;

	p->starting = true;
	p->outstanding++;
	error = mtasts_lookup_start(p->ctx, domain, p->held_id, p->flags,
	    on_result, p);
	p->starting = false;
	if (error != MTASTS_OK) {
		json_t *o = json_pack("{ssssss}", "domain", domain,
		    "outcome", "refused", "error", error_names[error]);

		p->outstanding--;
		print(o);
		json_decref(o);
	}
}

/* Ask for the domain on the next line; lines come one at a time. */
static void take_line(struct probe *p)
{
	char line[300];
	ssize_t n = read(STDIN_FILENO, line, sizeof(line) - 1);

	if (n <= 0) {
		p->read_stdin = false;
		return;
	}
	line[n] = '\0';
	line[strcspn(line, "\n")] = '\0';
	ask(p, line);
}

static void process(struct probe *p)
{
	struct pollfd pfd[2] = {
		{ mtasts_ctx_fd(p->ctx), POLLIN, 0 },
		{ p->read_stdin ? STDIN_FILENO : -1, POLLIN, 0 },
	};

	poll(pfd, 2, mtasts_ctx_timeout(p->ctx));
	mtasts_ctx_process(p->ctx);
	if (pfd[1].revents)
		take_line(p);
}

/* ---- options ----------------------------------------------------------- */

static uint64_t number(const char *value)
{
	uint64_t n = 0;

	if (!str_to_u64(value, UINT32_MAX, &n)) {
		fprintf(stderr, "mtasts-probe: bad number %s\n", value);
		exit(64);
	}
	return n;
}

static void set_dns(struct probe *p, const char *value)
{
	if (p->servers_n < SERVERS_MAX)
		p->servers[p->servers_n++] = value;
	p->options.dns_servers = p->servers;
}

static void set_dnssec(struct probe *p, const char *value)
{
	p->options.dnssec = str_ieq(value, "validate") ?
	    MTASTS_DNSSEC_VALIDATE : str_ieq(value, "trust-ad") ?
	    MTASTS_DNSSEC_TRUST_AD : MTASTS_DNSSEC_OFF;
}

static void set_anchor(struct probe *p, const char *value)
{
	p->options.trust_anchor = value;
}

static void set_ca(struct probe *p, const char *value)
{
	p->options.ca_file = value;
}

static void set_proxy(struct probe *p, const char *value)
{
	p->options.proxy = value;
}

static void set_port(struct probe *p, const char *value)
{
	p->options.https_port = (uint16_t)number(value);
}

static void set_dns_timeout(struct probe *p, const char *value)
{
	p->options.dns_timeout_ms = (uint32_t)number(value);
}

static void set_timeout(struct probe *p, const char *value)
{
	p->options.https_timeout_ms = (uint32_t)number(value);
}

static void set_max_size(struct probe *p, const char *value)
{
	p->options.max_size = (uint32_t)number(value);
}

static void set_max_lookups(struct probe *p, const char *value)
{
	p->options.max_lookups = (unsigned)number(value);
}

static void set_max_queued(struct probe *p, const char *value)
{
	p->options.max_queued = (unsigned)number(value);
}

static void set_private(struct probe *p, const char *value)
{
	p->options.allow_private = str_ieq(value, "all");
	if (str_ieq(value, "once"))
		p->flags |= MTASTS_LOOKUP_PRIVATE;
}

static void set_refetch(struct probe *p, const char *value)
{
	if (number(value))
		p->flags |= MTASTS_LOOKUP_REFETCH;
}

static void set_held(struct probe *p, const char *value)
{
	p->held_id = value;
}

static void set_repeat(struct probe *p, const char *value)
{
	p->repeat = number(value);
}

static void set_again(struct probe *p, const char *value)
{
	p->again = number(value) != 0;
}

static void set_cancel(struct probe *p, const char *value)
{
	p->cancel = number(value) != 0;
}

static void set_stdin(struct probe *p, const char *value)
{
	p->read_stdin = number(value) != 0;
}

static const struct {
	const char *name;
	void (*set)(struct probe *p, const char *value);
} options[] = {
	{ "again", set_again },
	{ "anchor", set_anchor },
	{ "ca", set_ca },
	{ "cancel", set_cancel },
	{ "dns", set_dns },
	{ "dns_timeout", set_dns_timeout },
	{ "dnssec", set_dnssec },
	{ "held", set_held },
	{ "max_lookups", set_max_lookups },
	{ "max_queued", set_max_queued },
	{ "max_size", set_max_size },
	{ "port", set_port },
	{ "private", set_private },
	{ "proxy", set_proxy },
	{ "refetch", set_refetch },
	{ "repeat", set_repeat },
	{ "stdin", set_stdin },
	{ "timeout", set_timeout },
};

/* True when the argument was an option. */
static bool take_option(struct probe *p, const char *arg)
{
	const char *eq = strchr(arg, '=');

	if (!eq)
		return false;
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (strlen(options[i].name) == (size_t)(eq - arg) &&
		    str_starts(arg, options[i].name)) {
			options[i].set(p, eq + 1);
			return true;
		}
	fprintf(stderr, "mtasts-probe: unknown option %s\n", arg);
	exit(64);
}

int main(int argc, char **argv)
{
	struct probe p = { .repeat = 1 };
	char err[300];

	for (int i = 1; i < argc; i++)
		take_option(&p, argv[i]);
	p.ctx = mtasts_ctx_new(&p.options, err, sizeof(err));
	if (!p.ctx) {
		fprintf(stderr, "mtasts-probe: %s\n", err);
		return 78;
	}
	for (int i = 1; i < argc; i++)
		for (uint64_t n = 0; !strchr(argv[i], '=') && n < p.repeat; n++)
			ask(&p, argv[i]);
	while ((p.outstanding && !p.cancel) || p.read_stdin)
		process(&p);
	mtasts_ctx_free(p.ctx);
	return p.outstanding ? 1 : 0;
}
