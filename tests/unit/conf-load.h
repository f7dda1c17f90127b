/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conf-load - how the tests of the configuration load a text.
 */
#ifndef TM_TESTS_CONF_LOAD_H
#define TM_TESTS_CONF_LOAD_H

#include "conf/conf.h"
#include "tests/unit/unit.h"
#include "util/buf.h"

#define FILE_NAME "/t.conf"
#define F FILE_NAME ":"

/* Files that a text may name. */
static inline void add_lists(struct bundle *b)
{
	static const char domains[] =
	    "# ours\n\nexample.org\n  example.net=testing  # soon\n";
	static const char bad[] = "example.org\n\nnot a domain\n";
	static const char clients[] = "192.0.2.0/24\r\n192.0.2.7/24\n";
	static const char senders[] = "example.com\n.example.com\nme@\n<>\n";
	static const char partners[] =
	    "{\"schema\":\"tlsmilter/partners-1\",\"author\":\"A\",\n"
	    "\"timestamp\":\"2026-01-01T00:00:00Z\",\"expires\":"
	    "\"9999-01-01T00:00:00Z\",\n"
	    "\"domains\":{\"a.example\":{\"mode\":\"enforce\"}}}";
	static const char old_list[] =
	    "{\"version\":\"0.1\",\"timestamp\":1,\"expires\":2,"
	    "\"policies\":{}}";
	static const char bad_list[] =
	    "{\"schema\":\"tlsmilter/partners-1\",\"author\":\"A\",\n"
	    "\"timestamp\":\"2026-01-01T00:00:00Z\",\"expires\":"
	    "\"9999-01-01T00:00:00Z\",\n"
	    "\"domains\":{\"a.example\":{\"mode\":\"must\"}}}";

	bundle_add_text(b, "/partners", partners, strlen(partners));
	bundle_add_text(b, "/oldlist", old_list, strlen(old_list));
	bundle_add_text(b, "/badlist", bad_list, strlen(bad_list));
	bundle_add_text(b, "/domains", domains, strlen(domains));
	bundle_add_text(b, "/bad", bad, strlen(bad));
	bundle_add_text(b, "/clients", clients, strlen(clients));
	bundle_add_text(b, "/senders", senders, strlen(senders));
	bundle_add_text(b, "/binary", "a\0b", 3);
}

/* Load a text; the caller clears m. */
static inline struct conf *load(const char *text, struct conf_messages *m)
{
	struct bundle *b = bundle_new();
	struct conf *c;

	*m = (struct conf_messages){ 0 };
	bundle_add_text(b, FILE_NAME, text, strlen(text));
	add_lists(b);
	c = conf_load_bundle(FILE_NAME, b, m);
	bundle_free(b);
	return c;
}

/* Load a text that must be right; the caller gives the reference back. */
static inline struct conf *load_good(const char *text)
{
	struct conf_messages m;
	struct conf *c = load(text, &m);

	for (size_t i = 0; i < m.n; i++)
		if (m.v[i].error)
			fprintf(stderr, "%s\n", m.v[i].text);
	conf_messages_clear(&m);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	return c;
}

/* As `tlsmilterd -D` prints it; the caller frees it. */
static inline char *dump(const struct conf *c)
{
	struct buf out;

	buf_init(&out, 100000);
	conf_dump(c, &out);
	return buf_steal(&out);
}

#endif
