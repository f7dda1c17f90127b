/* SPDX-License-Identifier: BSD-2-Clause */
/* Input: a byte that says how large the pieces are, then what a client of
 * the policy service sends. */
#include "config.h"

#include "policy/delegation.h"
#include "tests/fuzz/fuzz.h"
#include "util/buf.h"

const char fuzz_name[] = "delegation";

/* Whatever text is, the answer is one attribute and an empty line. */
static void check_answer(const char *text)
{
	struct buf out;

	buf_init(&out, 4000);
	delegation_answer(&out, "HOLD", text);
	FUZZ_CHECK(!out.failed && out.len > 2);
	FUZZ_CHECK(memchr(out.data, '\n', out.len) == out.data + out.len - 2);
	FUZZ_CHECK(out.data[out.len - 1] == '\n');
	for (size_t i = 0; i < out.len - 2; i++)
		FUZZ_CHECK(out.data[i] >= ' ' && out.data[i] <= '~');
	buf_clear(&out);
}

static void check_request(const struct delegation *d)
{
	struct delegation_facts f;

	delegation_facts(d, &f);
	FUZZ_CHECK(strcmp(delegation_value(d, DELEGATION_REQUEST),
	    "smtpd_access_policy") == 0);
	FUZZ_CHECK(*delegation_error(d) == '\0');
	FUZZ_CHECK(f.state && f.sender);
	FUZZ_CHECK(!f.recipient || *f.recipient);
	if (f.session.tls.state != TLS_ENCRYPTED)
		FUZZ_CHECK(f.session.tls.verify == VERIFY_UNAVAILABLE &&
		    !f.session.tls.cert_fingerprint);
	if (f.session.tls.verify == VERIFY_OK)
		FUZZ_CHECK(f.session.tls.cert_subject ||
		    f.session.tls.cert_issuer);
	for (int i = 0; i < DELEGATION_ATTRIBUTES; i++) {
		const char *value = delegation_value(d,
		    (enum delegation_attribute)i);

		FUZZ_CHECK(!value || strlen(value) < DELEGATION_LINE_MAX);
		check_answer(value);
	}
}

/* Return the number of requests, and of bytes up to the end of the last. */
static size_t read_all(const char *data, size_t size, size_t piece,
    size_t *end_r)
{
	enum delegation_progress p = DELEGATION_MORE;
	struct delegation *d = delegation_new();
	size_t used, at = 0, requests = 0;

	*end_r = 0;
	while (d && p != DELEGATION_MALFORMED && at < size) {
		size_t n = size - at < piece ? size - at : piece;

		p = delegation_feed(d, data + at, n, &used);
		FUZZ_CHECK(used <= n && (used > 0 ||
		    p == DELEGATION_MALFORMED));
		at += used;
		if (p == DELEGATION_MALFORMED)
			FUZZ_CHECK(*delegation_error(d));
		if (p != DELEGATION_DONE)
			continue;
		check_request(d);
		delegation_reset(d);
		requests++;
		*end_r = at;
	}
	delegation_free(d);
	return requests;
}

/* The size of the pieces makes no difference. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	size_t whole, pieces, n;

	if (size < 2)
		return 0;
	n = read_all(text + 1, size - 1, size, &whole);
	FUZZ_CHECK(read_all(text + 1, size - 1, data[0] % 64 + 1u, &pieces) ==
	    n);
	FUZZ_CHECK(whole == pieces);
	return 0;
}
