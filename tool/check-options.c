/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check: from the command line to targets and options.
 */
#include "config.h"

#include "tool/check.h"

#include <netdb.h>
#include <unistd.h>

#include "conf/conf.h"
#include "tool/out.h"
#include "util/buf.h"
#include "util/netaddr.h"

#define JOBS_DEFAULT 8
#define JOBS_MAX 64
#define TIMEOUT_DEFAULT 30
#define TIMEOUT_MAX 600

/* ---- words and numbers ------------------------------------------------- */

static const char *const formats[] = {
	[FORMAT_TEXT] = "text", [FORMAT_JSON] = "json",
	[FORMAT_NDJSON] = "ndjson", [FORMAT_NAGIOS] = "nagios",
	[FORMAT_PROMETHEUS] = "prometheus", NULL
};

static const char *const fail_ons[] = {
	[FAIL_ON_WARN] = "warn", [FAIL_ON_FAIL] = "fail",
	[FAIL_ON_NEVER] = "never", NULL
};

static const char *const probes[] = { "injection", NULL };

/* The place of a word in a list; -1 after a complaint. */
static int read_word(const char *option, const char *word,
    const char *const *words)
{
	struct buf list;

	buf_init(&list, 300);
	for (int i = 0; words[i]; i++) {
		if (strcmp(words[i], word) == 0) {
			buf_clear(&list);
			return i;
		}
		buf_addf(&list, "%s%s", i ? ", " : "", words[i]);
	}
	complain("--%s: \"%s\" is unknown; there is %s", option, word,
	    buf_str(&list));
	buf_clear(&list);
	return -1;
}

/* A number from 1 to max, or the default if there is no text. */
static bool read_number(const char *option, const char *text, unsigned max,
    unsigned otherwise, unsigned *n_r)
{
	uint64_t n = otherwise;

	if (text && (!str_to_u64(text, max, &n) || n == 0)) {
		complain("--%s: \"%s\" is no number from 1 to %u", option,
		    text, max);
		return false;
	}
	*n_r = (unsigned)n;
	return true;
}

static bool read_words(const struct check_values *v, const struct tool *t,
    struct check_options *o)
{
	int format = !v->format ? (t->json ? FORMAT_JSON : FORMAT_TEXT) :
	    read_word("format", v->format, formats);
	int fail_on = v->fail_on ?
	    read_word("fail-on", v->fail_on, fail_ons) : FAIL_ON_WARN;

	if (format < 0 || fail_on < 0 ||
	    (v->probe && read_word("probe", v->probe, probes) < 0))
		return false;
	if (t->json && format != FORMAT_JSON) {
		complain("--json and --format %s exclude each other",
		    v->format);
		return false;
	}
	o->format = (enum check_format)format;
	o->fail_on = (enum check_fail_on)fail_on;
	o->injection = v->probe != NULL;
	return true;
}

static bool read_numbers(const struct check_values *v,
    struct check_options *o)
{
	unsigned seconds;

	if (!read_number("max-mx", v->max_mx, GATHER_HOSTS_MAX, 0, &o->max_mx) ||
	    !read_number("jobs", v->jobs, JOBS_MAX, JOBS_DEFAULT,
		&o->jobs) ||
	    !read_number("timeout", v->timeout, TIMEOUT_MAX,
		TIMEOUT_DEFAULT, &seconds))
		return false;
	o->timeout_ms = seconds * 1000;
	return true;
}

/* ---- targets ----------------------------------------------------------- */

static bool is_known(const struct check_options *o,
    const struct check_target *t)
{
	for (size_t i = 0; i < o->n; i++)
		if (strcmp(o->targets[i].text, t->text) == 0)
			return true;
	return false;
}

static void add_target(struct check_options *o, const struct check_target *t)
{
	if (!is_known(o, t))
		o->targets[o->n++] = *t;
}

static bool read_host(enum check_protocol p, const char *option,
    const char *operand, struct check_target *t_r)
{
	char err[400];

	if (check_target_host(p, operand, t_r, err, sizeof(err)))
		return true;
	complain("--%s: %s", option, err);
	return false;
}

static bool read_domains(int n, char **operands, struct check_options *o)
{
	struct check_target t;
	char err[400];

	for (int i = 0; i < n; i++) {
		if (!check_target_domain(operands[i], &t, err, sizeof(err))) {
			complain("%s; for one host say --smtp", err);
			return false;
		}
		add_target(o, &t);
	}
	return true;
}

/* An address of the family that is left out could never be tested. */
static bool may_connect(const struct check_options *o, const char *option,
    const struct check_target *t)
{
	struct netaddr addr;

	if (!netaddr_parse(t->name, &addr) ||
	    (addr.family == AF_INET ? !o->no_ipv4 : !o->no_ipv6))
		return true;
	complain("--%s: %s is no IPv%c address", option, t->name,
	    addr.family == AF_INET ? '6' : '4');
	return false;
}

static bool read_hosts(enum check_protocol p, const struct strv *hosts,
    struct check_options *o)
{
	const char *option = check_protocol_info(p)->name;
	struct check_target t;

	for (size_t i = 0; i < hosts->n; i++) {
		if (!read_host(p, option, hosts->v[i], &t) ||
		    !may_connect(o, option, &t))
			return false;
		add_target(o, &t);
	}
	return true;
}

/* Domains in the order of the operands, then hosts by protocol. */
static bool read_targets(const struct check_values *v, int n,
    char **operands, struct check_options *o)
{
	bool ok = read_domains(n, operands, o);

	for (unsigned p = 0; ok && p < CHECK_PROTOCOLS; p++)
		ok = read_hosts((enum check_protocol)p, &v->hosts[p], o);
	return ok && (!v->control || read_host(CHECK_SMTP, "control",
	    v->control, &o->control));
}

static size_t count_targets(const struct check_values *v, int n)
{
	size_t count = (size_t)n;

	for (unsigned p = 0; p < CHECK_PROTOCOLS; p++)
		count += v->hosts[p].n;
	return count;
}

bool check_options_read(const struct check_values *v, const struct tool *t,
    int n, char **operands, struct check_options *o_r)
{
	size_t count = count_targets(v, n);

	*o_r = (struct check_options){ .deep = v->deep,
		.no_ipv4 = v->ipv6 && !v->ipv4,
		.no_ipv6 = v->ipv4 && !v->ipv6,
		.no_memory = v->no_memory,
		.verbose = v->verbose, .quiet = t->quiet };
	if (!read_words(v, t, o_r) || !read_numbers(v, o_r))
		return false;
	if (count == 0) {
		complain("nothing to check: name a domain, or a host by "
		    "--smtp and the like; see tlsmilter check --help");
		return false;
	}
	o_r->targets = mem_array(count, sizeof(*o_r->targets));
	if (!o_r->targets)
		complain("out of memory");
	return o_r->targets && read_targets(v, n, operands, o_r);
}

void check_options_clear(struct check_options *o)
{
	free(o->targets);
	o->targets = NULL;
	o->n = 0;
}

/* ---- from the configuration -------------------------------------------- */

/* A domain, or an address in brackets (RFC 5321 §4.1.3). */
static bool take_name(const char *name, struct check_options *o)
{
	char domain[MTASTS_DOMAIN_SIZE];
	struct netaddr addr;
	size_t len = strlen(name);

	if (len >= sizeof(o->ehlo))
		return false;
	if (mtasts_domain_normalize(name, domain) == MTASTS_OK)
		name = domain;
	else if (*name != '[' || name[len - 1] != ']' ||
	    !netaddr_parse(name, &addr))
		return false;
	snprintf(o->ehlo, sizeof(o->ehlo), "%s", name);
	return true;
}

/* Our host name, as DNS or the hosts file completes it. */
static bool take_host_name(struct check_options *o)
{
	struct addrinfo hints = { .ai_flags = AI_CANONNAME,
		.ai_socktype = SOCK_STREAM }, *found = NULL;
	char host[256] = "";
	bool ok;

	if (gethostname(host, sizeof(host) - 1) != 0)
		return false;
	if (take_name(host, o))
		return true;
	if (getaddrinfo(host, NULL, &hints, &found) != 0)
		return false;
	ok = found->ai_canonname && take_name(found->ai_canonname, o);
	freeaddrinfo(found);
	return ok;
}

static bool choose_name(const struct check_values *v,
    const struct conf *conf, struct check_options *o)
{
	if (v->ehlo) {
		if (take_name(v->ehlo, o))
			return true;
		complain("--ehlo: \"%s\" is neither a domain name nor an "
		    "address in brackets", v->ehlo);
		return false;
	}
	if ((conf->mx_names.n && take_name(conf->mx_names.v[0], o)) ||
	    take_host_name(o))
		return true;
	/* A server may refuse this; but it is what a host without a name can
	 * say. */
	snprintf(o->ehlo, sizeof(o->ehlo), "[127.0.0.1]");
	return true;
}

bool check_options_conf(const struct check_values *v,
    const struct conf *conf, struct check_options *o)
{
	o->ca_file = *conf->ca_file ? conf->ca_file : NULL;
	return choose_name(v, conf, o);
}
