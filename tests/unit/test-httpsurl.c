/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/httpsurl.h"
#include "tests/unit/unit.h"
#include "util/buf.h"

static void urls(void)
{
	static const struct {
		const char *label;
		const char *text;
		const char *host;	/* NULL: refused */
		unsigned port;
		const char *path;
	} cases[] = {
		{ "plain", "https://lists.example.org/tls.json",
		    "lists.example.org", 0, "tls.json" },
		{ "scheme and host have no case", "HTTPS://Lists.Example/A",
		    "lists.example", 0, "A" },
		{ "port", "https://a.example:8443/x/y", "a.example", 8443,
		    "x/y" },
		{ "an empty port is none", "https://a.example:/x",
		    "a.example", 0, "x" },
		{ "no path", "https://a.example", "a.example", 0, "" },
		{ "query", "https://a.example/x?y=z&u=%41", "a.example", 0,
		    "x?y=z&u=%41" },
		{ "final dot", "https://a.example./x", "a.example", 0, "x" },
		{ "a colon in the path", "https://a.example/x:y",
		    "a.example", 0, "x:y" },
		{ "an @ in the path", "https://a.example/@x", "a.example", 0,
		    "@x" },
		{ "http", "http://a.example/x", NULL, 0, "" },
		{ "no scheme", "a.example/x", NULL, 0, "" },
		{ "nothing", "", NULL, 0, "" },
		{ "no host", "https:///x", NULL, 0, "" },
		{ "one slash", "https:/a.example", NULL, 0, "" },
		{ "user", "https://u@a.example/x", NULL, 0, "" },
		{ "password", "https://u:p@a.example/x", NULL, 0, "" },
		{ "address", "https://192.0.2.1/x", NULL, 0, "" },
		{ "IPv6 address", "https://[2001:db8::1]/x", NULL, 0, "" },
		{ "port 0", "https://a.example:0/x", NULL, 0, "" },
		{ "port too large", "https://a.example:65536/x", NULL, 0, "" },
		{ "port no number", "https://a.example:x/x", NULL, 0, "" },
		{ "long port", "https://a.example:000000443/x", NULL, 0, "" },
		{ "space", "https://a.example/a b", NULL, 0, "" },
		{ "newline", "https://a.example/a\r\nX: y", NULL, 0, "" },
		{ "8-bit", "https://a.example/\xc3\xa4", NULL, 0, "" },
		{ "fragment", "https://a.example/a#b", NULL, 0, "" },
		{ "query without path", "https://a.example?x", NULL, 0, "" },
		{ "backslash", "https://a.example\\@b.example/", NULL, 0, "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct httpsurl url;
		struct buf err;
		bool good;

		buf_init(&err, 500);
		good = httpsurl_parse(cases[i].text, &url, &err);
		CHECK_CASE(cases[i].label, good == (cases[i].host != NULL));
		CHECK_CASE(cases[i].label, good == (err.len == 0));
		if (good && cases[i].host) {
			CHECK_CASE(cases[i].label,
			    strcmp(url.host, cases[i].host) == 0);
			CHECK_CASE(cases[i].label, url.port == cases[i].port);
			CHECK_CASE(cases[i].label,
			    strcmp(url.path, cases[i].path) == 0);
		}
		buf_clear(&err);
	}
}

static void urls_are_bounded(void)
{
	char text[HTTPSURL_SIZE + 100] = "https://a.example/";
	struct httpsurl url;
	struct buf err;

	buf_init(&err, 500);
	memset(text + strlen(text), 'x', HTTPSURL_SIZE - 1 - strlen(text));
	CU_ASSERT(httpsurl_parse(text, &url, &err));
	text[strlen(text)] = 'x';
	CU_ASSERT(!httpsurl_parse(text, &url, &err));
	/* A host longer than any. */
	memset(text + 8, 'a', 400);
	text[408] = '\0';
	buf_reset(&err);
	CU_ASSERT(!httpsurl_parse(text, &url, &err));
	CU_ASSERT(err.len > 0);
	buf_clear(&err);
}

static const struct unit_test tests[] = {
	{ "urls", urls },
	{ "urls are bounded", urls_are_bounded },
};

UNIT_MAIN("httpsurl", tests)
