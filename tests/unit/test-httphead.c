/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/httphead.h"
#include "tests/unit/unit.h"
#include "util/buf.h"

static void heads(void)
{
	static const struct {
		const char *label;
		const char *lines[4];
		long status;
		const char *type;
		bool good, has_length;
		enum httphead_kind kind;
	} cases[] = {
		{ "good", { "HTTP/1.1 200 OK\r\n", "Content-Length: 5\r\n" },
		    200, "text/plain", true, true,
		    HTTPHEAD_POLICY },
		{ "chunked", { "transfer-ENCODING: Chunked\r\n" }, 200,
		    "text/plain", true, true,
		    HTTPHEAD_POLICY },
		{ "no length", { "X: y\r\n" }, 200, "text/plain;x", true,
		    false,
		    HTTPHEAD_POLICY },
		{ "type STS-F-10", { NULL }, 200, "text/html", false, false,
		    HTTPHEAD_POLICY },
		{ "no type STS-F-10", { NULL }, 200, NULL, false, false,
		    HTTPHEAD_POLICY },
		{ "status STS-F-07", { NULL }, 206, "text/plain", false,
		    false,
		    HTTPHEAD_POLICY },
		{ "encoded STS-F-15", { "Content-Encoding: br\r\n" }, 200,
		    "text/plain", false, false,
		    HTTPHEAD_POLICY },
		{ "identity", { "Content-Encoding:identity \r\n" }, 200,
		    "text/plain", true, false,
		    HTTPHEAD_POLICY },
		{ "transfer coding", { "Transfer-Encoding: gzip, chunked" },
		    200, "text/plain", false, false,
		    HTTPHEAD_POLICY },
		{ "a list as JSON", { NULL }, 200, "application/json", true,
		    false, HTTPHEAD_LIST },
		{ "a list as JSON, with a parameter", { NULL }, 200,
		    "Application/JSON ; charset=utf-8", true, false,
		    HTTPHEAD_LIST },
		{ "a list as some other JSON", { NULL }, 200,
		    "application/vnd.example+json", true, false,
		    HTTPHEAD_LIST },
		{ "a list as plain text", { NULL }, 200, "text/plain", true,
		    false, HTTPHEAD_LIST },
		{ "no list: a page", { NULL }, 200, "text/html", false,
		    false, HTTPHEAD_LIST },
		{ "no list: two types", { NULL }, 200,
		    "text/html application/json", false, false,
		    HTTPHEAD_LIST },
		{ "no list: a type that only begins so", { NULL }, 200,
		    "application/jsonx", false, false, HTTPHEAD_LIST },
		{ "no list: redirect", { NULL }, 302, "text/plain", false,
		    false, HTTPHEAD_LIST },
		{ "no list: 304 nobody asked for", { NULL }, 304,
		    "text/plain", false, false, HTTPHEAD_LIST },
		{ "no policy: JSON STS-F-10", { NULL }, 200,
		    "application/json", false, false,
		    HTTPHEAD_POLICY },
		{ "an interim answer's headers are forgotten",
		    { "HTTP/1.1 103 Hints\r\n", "Content-Encoding: gzip\r\n",
		    "Content-Length: 1\r\n", "HTTP/1.1 200 OK\r\n" }, 200,
		    "text/plain", true, false,
		    HTTPHEAD_POLICY },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct httphead h = { .bytes = 0 };
		struct buf why;

		buf_init(&why, 1000);
		for (int k = 0; k < 4 && cases[i].lines[k]; k++)
			CU_ASSERT(httphead_take(&h, cases[i].lines[k],
			    strlen(cases[i].lines[k])));
		CHECK_CASE(cases[i].label, httphead_is_good(&h,
		    cases[i].kind, cases[i].status, cases[i].type, &why) ==
		    cases[i].good);
		CHECK_CASE(cases[i].label,
		    h.has_length == cases[i].has_length);
		CHECK_CASE(cases[i].label, (why.len == 0) == cases[i].good);
		buf_clear(&why);
	}
}

static void entity_tags(void)
{
	static const struct {
		const char *label;
		const char *line;
		const char *etag;
	} cases[] = {
		{ "strong", "ETag: \"5f-1a\"\r\n", "\"5f-1a\"" },
		{ "weak", "etag:W/\"x\"", "W/\"x\"" },
		{ "empty", "ETag: \"\"", "\"\"" },
		{ "without quotes", "ETag: 5f-1a", "" },
		{ "two of them", "ETag: \"a\", \"b\"", "" },
		{ "a control character", "ETag: \"a\x01\"", "" },
		{ "a space", "ETag: \"a b\"", "" },
		{ "one quote", "ETag: \"", "" },
	};
	char line[400] = "ETag: \"";
	struct httphead h = { .bytes = 0 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CU_ASSERT(httphead_take(&h, cases[i].line,
		    strlen(cases[i].line)));
		CHECK_CASE(cases[i].label,
		    strcmp(h.etag, cases[i].etag) == 0);
	}
	memset(line + 7, 'x', 200);
	line[207] = '"';
	CU_ASSERT(httphead_take(&h, "ETag: \"a\"", 9));
	CU_ASSERT(httphead_take(&h, line, 208));
	CU_ASSERT_STRING_EQUAL(h.etag, "");
	CU_ASSERT(httphead_take(&h, "ETag: \"a\"", 9));
	CU_ASSERT(httphead_take(&h, "HTTP/1.1 200 OK", 15));
	CU_ASSERT_STRING_EQUAL(h.etag, "");
}

static void heads_are_bounded(void)
{
	struct httphead h = { .bytes = 0 };
	char line[1024];
	int n = 0;

	memset(line, 'x', sizeof(line));
	while (n < 1000 && httphead_take(&h, line, sizeof(line)))
		n++;
	CU_ASSERT_EQUAL(n, 64);
	CU_ASSERT(h.bytes > HTTPHEAD_MAX);
	CU_ASSERT(!httphead_take(&h, "x", 1));
}

static const struct unit_test tests[] = {
	{ "heads", heads },
	{ "entity tags", entity_tags },
	{ "heads are bounded", heads_are_bounded },
};

UNIT_MAIN("httphead", tests)
