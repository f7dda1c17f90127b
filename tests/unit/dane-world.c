/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "tests/unit/dane-world.h"

#include "util/str.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define WORDS_MAX 100
#define RECORDS_MAX 64

static const struct {
	enum dns_type type;
	const char *name;
} types[] = {
	{ DNS_A, "A" }, { DNS_AAAA, "AAAA" }, { DNS_CNAME, "CNAME" },
	{ DNS_MX, "MX" }, { DNS_TLSA, "TLSA" },
};

static const struct {
	const char *word;
	enum dns_status status;
} failures[] = {
	{ "none", DNS_NODATA }, { "nx", DNS_NXDOMAIN },
	{ "fail", DNS_SERVFAIL }, { "bogus", DNS_BOGUS },
	{ "timeout", DNS_TIMEOUT },
};

const char *dane_world_type(enum dns_type type)
{
	for (size_t i = 0; i < COUNT(types); i++)
		if (types[i].type == type)
			return types[i].name;
	return "?";
}

static void die(const char *what, const char *line)
{
	fprintf(stderr, "dane-world: %s: %s\n", what, line);
	exit(99);
}

static struct dns_record *new_record(struct dns_answer *a, size_t size)
{
	struct dns_record *r = &a->records[a->n++];

	if (a->n > RECORDS_MAX || !(r->data = calloc(1, size + 1)))
		die("too many records", "");
	r->len = size;
	return r;
}

static void add_tlsa(struct dns_answer *a, const char *word)
{
	bool bad = strcmp(word, "bad") == 0;
	struct dns_record *r = new_record(a,
	    bad ? 1 : word[2] == '2' ? 67 : 35);

	for (size_t i = 0; i < 3 && !bad; i++)
		r->data[i] = (char)(word[i] - '0');
}

static void add_mx(struct dns_answer *a, const char *priority,
    const char *host)
{
	size_t len = strcmp(host, ".") == 0 ? 0 : strlen(host);
	struct dns_record *r = new_record(a, len);

	r->priority = (unsigned)strtoul(priority, NULL, 10);
	memcpy(r->data, host, len);
}

static void add_data(struct dns_answer *a, enum dns_type type, char **words,
    size_t n)
{
	a->status = DNS_FOUND;
	a->records = calloc(RECORDS_MAX + 1, sizeof(*a->records));
	if (!a->records)
		die("out of memory", "");
	if (type != DNS_TLSA && type != DNS_MX)
		new_record(a, 0);
	for (size_t i = 0; i < n; i++)
		if (type == DNS_TLSA)
			add_tlsa(a, words[i]);
		else if (type == DNS_MX && i % 2 == 1)
			add_mx(a, words[i - 1], words[i]);
}

/* The words behind name and type. */
static void read_line(char **words, size_t n, enum dns_type type,
    struct dns_answer *a)
{
	size_t i = 1;

	a->secure = strcmp(words[0], "s") == 0;
	if (i < n && *words[i] == '>') {
		a->alias = true;
		snprintf(a->canonical, sizeof(a->canonical), "%s",
		    words[i++] + 1);
	}
	if (i < n && strncmp(words[i], "ttl=", 4) == 0)
		a->ttl = (uint32_t)strtoul(words[i++] + 4, NULL, 10);
	for (size_t k = 0; i < n && k < COUNT(failures); k++)
		if (strcmp(words[i], failures[k].word) == 0) {
			a->status = failures[k].status;
			if (a->status > DNS_NXDOMAIN) {
				a->ttl = 0;
				a->secure = false;
			}
			return;
		}
	add_data(a, type, words + i, n - i);
}

void dane_world_answer(const char *world, const char *name,
    enum dns_type type, struct dns_answer *a_r)
{
	char *copy = strdup(world), *rest = copy, *line, *word;

	*a_r = (struct dns_answer){ .status = DNS_NODATA, .secure = true,
		.ttl = 3600 };
	while (rest && (line = strsep(&rest, ";"))) {
		char *words[WORDS_MAX];
		size_t n = 0;

		while ((word = strsep(&line, " \n")))
			if (*word && n < WORDS_MAX)
				words[n++] = word;
		if (n > 0 && n < 3)
			die("a line too short", words[0]);
		if (n == 0 || strcmp(words[0], name) != 0 ||
		    strcmp(words[1], dane_world_type(type)) != 0)
			continue;
		read_line(words + 2, n - 2, type, a_r);
		break;
	}
	free(copy);
}
