/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/nameserver.h"
#include "tests/unit/tmpdir.h"
#include "tests/unit/unit.h"
#include "util/buf.h"

static void servers(void)
{
	static const struct {
		const char *text;
		const char *addr;	/* NULL: refused */
		unsigned port;
		bool local;
	} cases[] = {
		{ "192.0.2.1", "192.0.2.1", 53, false },
		{ "192.0.2.1@5353", "192.0.2.1", 5353, false },
		{ "2001:db8::1@1", "2001:db8::1", 1, false },
		{ "127.0.0.1", "127.0.0.1", 53, true },
		{ "127.0.0.53@53", "127.0.0.53", 53, true },
		{ "::1", "::1", 53, true },
		{ "::ffff:127.0.0.1", "127.0.0.1", 53, true },
		{ "0.0.0.0", "0.0.0.0", 53, true },
		{ "::", "::", 53, true },
		{ "::2", "::2", 53, false },
		{ "128.0.0.1", "128.0.0.1", 53, false },
		{ "192.0.2.1@", NULL, 0, false },
		{ "192.0.2.1@0", NULL, 0, false },
		{ "192.0.2.1@65536", NULL, 0, false },
		{ "fe80::1%eth0", NULL, 0, false },
		{ "[::1]", NULL, 0, false },
		{ "IPv6:::1", NULL, 0, false },
		{ "ns.example", NULL, 0, false },
		{ "localhost", NULL, 0, false },
		{ "", NULL, 0, false },
		{ "@53", NULL, 0, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *label = cases[i].text;
		struct netaddr addr;
		char text[NETADDR_TEXT];
		uint16_t port = 0;
		bool good = nameserver_parse(label, &addr, &port);

		CHECK_CASE(label, good == (cases[i].addr != NULL));
		if (good) {
			CHECK_CASE_STR(label, netaddr_format(&addr, text),
			    cases[i].addr);
			CHECK_CASE(label, port == cases[i].port);
		}
		CHECK_CASE(label, nameserver_is_local(label) ==
		    cases[i].local);
	}
}

static void resolv_conf(void)
{
	static const struct {
		const char *label;
		const char *text;
		const char *servers;	/* joined by blanks */
	} cases[] = {
		{ "one", "nameserver 192.0.2.1\n", "192.0.2.1" },
		{ "no newline at the end", "nameserver 192.0.2.1",
		    "192.0.2.1" },
		{ "blanks, and what follows", "search a.example\n"
		    "nameserver\t 192.0.2.1 \t192.0.2.9\r\n"
		    "options trust-ad\nnameserver ::1 # here\n",
		    "192.0.2.1 ::1" },
		{ "no more than three", "nameserver 192.0.2.1\n"
		    "nameserver 192.0.2.2\nnameserver 192.0.2.3\n"
		    "nameserver 192.0.2.4\n",
		    "192.0.2.1 192.0.2.2 192.0.2.3" },
		{ "comments", "#nameserver 192.0.2.1\n;nameserver 192.0.2.2\n"
		    " nameserver 192.0.2.3\nnameserver 192.0.2.4\n",
		    "192.0.2.4" },
		{ "no address", "nameserver\nnameserver \n"
		    "nameserver ns.example\nnameservers 192.0.2.1\n"
		    "nameserver 192.0.2.1@53\nnameserver [::1]\n"
		    "nameserver IPv6:::1\nnameserver 192.0.2.1%eth0\n"
		    "nameserver 192.0.2.2\n", "192.0.2.2" },
		{ "a scope is kept", "nameserver fe80::1%eth0\n",
		    "fe80::1%eth0" },
		{ "too long to be one", "nameserver fe80::1%an-interface-with"
		    "-a-name-that-is-longer-than-any-interface-can-have\n",
		    "127.0.0.1" },
		{ "none is the server of this host", "search a.example\n",
		    "127.0.0.1" },
		{ "empty", "", "127.0.0.1" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct resolv_conf rc;
		struct buf b;

		buf_init(&b, 1000);
		resolv_conf_parse(cases[i].text, &rc);
		for (size_t k = 0; rc.servers[k]; k++)
			buf_addf(&b, "%s%s", k ? " " : "", rc.servers[k]);
		CHECK_CASE_STR(cases[i].label, buf_str(&b),
		    cases[i].servers);
		buf_clear(&b);
	}
}

static void files(void)
{
	struct tmpdir dir;
	const char *path;
	struct resolv_conf rc;
	struct buf err;
	FILE *f;

	tmpdir_make(&dir);
	path = tmpdir_path(&dir, "resolv.conf");
	buf_init(&err, 500);
	/* resolv.conf(5): without the file, the server is on this host. */
	CU_ASSERT(resolv_conf_read(path, &rc, &err));
	CU_ASSERT_STRING_EQUAL(rc.servers[0], "127.0.0.1");
	CU_ASSERT(rc.servers[1] == NULL);
	f = fopen(path, "w");
	CU_ASSERT_FATAL(f != NULL);
	fputs("nameserver 192.0.2.1\n", f);
	fclose(f);
	CU_ASSERT(resolv_conf_read(path, &rc, &err));
	CU_ASSERT_STRING_EQUAL(rc.servers[0], "192.0.2.1");
	CU_ASSERT_EQUAL(err.len, 0);
	/* A folder can be opened, but not read. */
	CU_ASSERT(!resolv_conf_read(dir.dir, &rc, &err));
	CU_ASSERT_EQUAL(strncmp(buf_str(&err), dir.dir, strlen(dir.dir)), 0);
	buf_clear(&err);
	tmpdir_remove(&dir);
}

static const struct unit_test tests[] = {
	{ "servers", servers },
	{ "resolv.conf", resolv_conf },
	{ "files", files },
};

UNIT_MAIN("nameserver", tests)
