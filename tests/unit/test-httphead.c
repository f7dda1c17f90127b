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
		bool policy, has_length;
	} cases[] = {
		{ "good", { "HTTP/1.1 200 OK\r\n", "Content-Length: 5\r\n" },
		    200, "text/plain", true, true },
		{ "chunked", { "transfer-ENCODING: Chunked\r\n" }, 200,
		    "text/plain", true, true },
		{ "no length", { "X: y\r\n" }, 200, "text/plain;x", true,
		    false },
		{ "type STS-F-10", { NULL }, 200, "text/html", false, false },
		{ "no type STS-F-10", { NULL }, 200, NULL, false, false },
		{ "status STS-F-07", { NULL }, 206, "text/plain", false,
		    false },
		{ "encoded STS-F-15", { "Content-Encoding: br\r\n" }, 200,
		    "text/plain", false, false },
		{ "identity", { "Content-Encoding:identity \r\n" }, 200,
		    "text/plain", true, false },
		{ "transfer coding", { "Transfer-Encoding: gzip, chunked" },
		    200, "text/plain", false, false },
		{ "an interim answer's headers are forgotten",
		    { "HTTP/1.1 103 Hints\r\n", "Content-Encoding: gzip\r\n",
		    "Content-Length: 1\r\n", "HTTP/1.1 200 OK\r\n" }, 200,
		    "text/plain", true, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct httphead h = { .bytes = 0 };
		struct buf why;

		buf_init(&why, 1000);
		for (int k = 0; k < 4 && cases[i].lines[k]; k++)
			CU_ASSERT(httphead_take(&h, cases[i].lines[k],
			    strlen(cases[i].lines[k])));
		CHECK_CASE(cases[i].label, httphead_is_policy(&h,
		    cases[i].status, cases[i].type, &why) == cases[i].policy);
		CHECK_CASE(cases[i].label,
		    h.has_length == cases[i].has_length);
		CHECK_CASE(cases[i].label, (why.len == 0) == cases[i].policy);
		buf_clear(&why);
	}
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
	{ "heads are bounded", heads_are_bounded },
};

UNIT_MAIN("httphead", tests)
