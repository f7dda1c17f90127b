/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/answer.h"
#include "mtasts/record.h"
#include "tests/unit/unit.h"
#include "util/buf.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

#define TEXT "version: STSv1\nmode: enforce\nmx: mx1.example.com\n" \
	"mx: mx2.example.com\nmax_age: 604800\n"
#define A32 "0123456789abcdefghijklmnopqrstuv"

static const struct record usual = {
	.kind = RECORD_POLICY,
	.mode = MTASTS_ENFORCE,
	.error = MTASTS_E_CONNECT,
	.secure = true,
	.mx_known = true,
	.max_age = 604800,
	.fetched = 1795294982,
	.expires = 1795899782,
	.checked = 1795294983,
	.check_after = 1795298582,
	.refetch_after = 1795381382,
	.retry_after = 1795295282,
	.used = 1795219200,
	.id = "20260101T000000",
	.failed_id = "20260102T000000",
	.patterns = "mx1.example.com mx2.example.com",
	.mx = "mx1.example.com mx2.example.com",
	.rua = "tlsrpt@example.com",
	.text = TEXT,
};

static bool same_record(const struct record *a, const struct record *b)
{
	return a->kind == b->kind && a->mode == b->mode &&
	    a->error == b->error && a->secure == b->secure &&
	    a->imported == b->imported && a->mx_known == b->mx_known &&
	    a->null_mx == b->null_mx && a->max_age == b->max_age &&
	    a->fetched == b->fetched && a->expires == b->expires &&
	    a->checked == b->checked && a->check_after == b->check_after &&
	    a->refetch_after == b->refetch_after &&
	    a->retry_after == b->retry_after && a->used == b->used &&
	    strcmp(a->id, b->id) == 0 &&
	    strcmp(a->failed_id, b->failed_id) == 0 &&
	    strcmp(a->patterns, b->patterns) == 0 &&
	    strcmp(a->mx, b->mx) == 0 && strcmp(a->rua, b->rua) == 0 &&
	    strcmp(a->text, b->text) == 0;
}

static void records_come_back(void)
{
	static const struct record other = {
		.kind = RECORD_NEGATIVE, .imported = true, .null_mx = true,
		.id = "", .failed_id = "", .patterns = "", .mx = "",
		.rua = "", .text = "",
	};
	const struct record *cases[] = { &usual, &other };
	struct record got;
	struct buf b;

	buf_init(&b, RECORD_MAX_PACKED);
	for (size_t i = 0; i < N(cases); i++) {
		buf_reset(&b);
		record_pack(cases[i], &b);
		CU_ASSERT(!b.failed);
		CU_ASSERT(record_read(b.data, b.len, &got));
		CU_ASSERT(same_record(cases[i], &got));
	}
	buf_clear(&b);
}

/* Design §11: 600 bytes of file for a domain, 400 aimed at; pages and key
 * take a third. */
static void usual_records_are_small(void)
{
	struct buf b;

	buf_init(&b, RECORD_MAX_PACKED);
	record_pack(&usual, &b);
	CU_ASSERT(!b.failed);
	CU_ASSERT(b.len < 320);
	buf_clear(&b);
}

static void unset_strings_are_empty(void)
{
	static const struct record bare = { .kind = RECORD_NEGATIVE };
	struct record got = usual;
	struct buf b;

	buf_init(&b, RECORD_MAX_PACKED);
	record_pack(&bare, &b);
	CU_ASSERT(record_read(b.data, b.len, &got));
	CU_ASSERT_STRING_EQUAL(got.text, "");
	CU_ASSERT_STRING_EQUAL(got.failed_id, "");
	buf_clear(&b);
}

static void times_keep_within_their_room(void)
{
	struct record rec = usual, got;
	struct buf b;

	rec.fetched = -5;
	rec.expires = INT64_MAX;
	rec.checked = UINT32_MAX;
	buf_init(&b, RECORD_MAX_PACKED);
	record_pack(&rec, &b);
	CU_ASSERT(record_read(b.data, b.len, &got));
	CU_ASSERT_EQUAL(got.fetched, 0);
	CU_ASSERT_EQUAL(got.expires, UINT32_MAX);
	CU_ASSERT_EQUAL(got.checked, UINT32_MAX);
	buf_clear(&b);
}

static void damaged_records_are_refused(void)
{
	static const struct {
		const char *label;
		size_t at;
		char value;
	} cases[] = {
		{ "STS-C-12 other version", 0, 2 },
		{ "unknown kind", 1, RECORD_POLICY + 1 },
		{ "unknown mode", 2, MTASTS_ENFORCE + 1 },
		{ "unknown error", 3, MTASTS_E_CANCELLED + 1 },
		{ "unknown flag", 4, 16 },
		{ "length of the id", 37, 99 },
		{ "NUL in the id", 40, '\0' },
	};
	struct record got = { .kind = RECORD_POLICY };
	struct buf b;

	buf_init(&b, RECORD_MAX_PACKED);
	record_pack(&usual, &b);
	for (size_t i = 0; i < N(cases); i++) {
		char keep = b.data[cases[i].at];

		b.data[cases[i].at] = cases[i].value;
		CHECK_CASE(cases[i].label,
		    !record_read(b.data, b.len, &got));
		b.data[cases[i].at] = keep;
	}
	for (size_t cut = 0; cut < b.len; cut++)
		CU_ASSERT(!record_read(b.data, cut, &got));
	CU_ASSERT_PTR_NULL(got.id);
	buf_addc(&b, 'x');
	CU_ASSERT(!record_read(b.data, b.len, &got));
	buf_clear(&b);
}

static void lists_are_searched(void)
{
	static const struct {
		const char *label, *list, *name;
		bool want;
	} cases[] = {
		{ "first", "a.example b.example", "a.example", true },
		{ "last", "a.example b.example", "b.example", true },
		{ "case", "a.example b.example", "B.Example", true },
		{ "part", "a.example b.example", "a.exam", false },
		{ "longer", "a.example", "a.example.net", false },
		{ "tail", "xa.example", "a.example", false },
		{ "empty list", "", "a.example", false },
		{ "empty name", "a.example", "", false },
		{ "two names", "a.example b.example",
		    "a.example b.example", false },
	};

	for (size_t i = 0; i < N(cases); i++)
		CHECK_CASE(cases[i].label, cases[i].want ==
		    record_list_has(cases[i].list, cases[i].name));
}

static void records_match_hosts(void)
{
	static const struct {
		const char *label, *host;
		bool want;
	} cases[] = {
		{ "STS-V-01 named", "mx.example.com", true },
		{ "STS-V-03 wildcard", "a.example.net", true },
		{ "STS-V-03 two labels", "a.b.example.net", false },
		{ "STS-V-04 case and dot", "MX.example.com.", true },
		{ "STS-V-04 U-label", "b\xc3\xbc" "cher.example.net", true },
		{ "STS-V-01 other", "example.net", false },
		{ "not a name", "", false },
	};
	struct record rec = { .patterns = "mx.example.com *.example.net" };

	for (size_t i = 0; i < N(cases); i++)
		CHECK_CASE(cases[i].label, cases[i].want ==
		    record_matches(&rec, cases[i].host));
	rec.patterns = "";
	CU_ASSERT(!record_matches(&rec, "mx.example.com"));
}

static void questions_come_back(void)
{
	const struct ask ask = {
		.seq = 0xfffffffe, .class = ASK_SENDER,
		.domain = "example.com", .held_id = A32, .refetch = true,
		.want_rua = true,
	};
	struct ask got;
	struct buf b;

	buf_init(&b, ANSWER_MAX_PACKED);
	ask_pack(&ask, &b);
	CU_ASSERT_FATAL(ask_unpack(b.data, b.len, &got));
	CU_ASSERT_EQUAL(got.seq, ask.seq);
	CU_ASSERT_EQUAL(got.class, ask.class);
	CU_ASSERT_STRING_EQUAL(got.domain, ask.domain);
	CU_ASSERT_STRING_EQUAL(got.held_id, ask.held_id);
	CU_ASSERT(got.refetch && got.want_rua);
	CU_ASSERT(!got.want_mx && !got.allow_private);
	for (size_t cut = 0; cut < b.len; cut++)
		CU_ASSERT(!ask_unpack(b.data, cut, &got));
	buf_clear(&b);
}

static void bad_questions_are_refused(void)
{
	static const struct {
		const char *label;
		struct ask ask;
	} cases[] = {
		{ "class", { .domain = "a.example", .class = ASK_CLASSES } },
		{ "no domain", { .domain = "" } },
		{ "STS-A-10 single label", { .domain = "localhost" } },
		{ "upper case", { .domain = "A.example" } },
		{ "blank", { .domain = "a.example b" } },
		{ "STS-T-09 odd id", { .domain = "a.example",
		    .held_id = "a-b" } },
		{ "STS-T-09 long id", { .domain = "a.example",
		    .held_id = A32 "w" } },
	};

	for (size_t i = 0; i < N(cases); i++) {
		struct ask got;
		struct buf b;

		buf_init(&b, ANSWER_MAX_PACKED);
		ask_pack(&cases[i].ask, &b);
		CHECK_CASE(cases[i].label, !ask_unpack(b.data, b.len, &got));
		buf_clear(&b);
	}
}

static const struct answer found = {
	.seq = 7,
	.domain = "example.com",
	.outcome = MTASTS_FOUND,
	.detail = "fetched in 20 ms",
	.id = "1",
	.ttl = 3600,
	.secure = true,
	.mode = MTASTS_TESTING,
	.max_age = MTASTS_MAX_AGE,
	.patterns = "mx.example.com *.example.net",
	.text = "version: STSv1\r\na: \xc3\xbc\tb\n",
	.mx_known = true,
	.mx = "mx.example.com b.example.net",
	.rua = "tlsrpt@example.com o'x+y@example.net",
};

static bool round_trip(const struct answer *a, struct buf *b,
    struct answer *got_r)
{
	buf_reset(b);
	answer_pack(a, b);
	return !b->failed && answer_unpack(b->data, b->len, got_r);
}

static void answers_come_back(void)
{
	struct answer got, failed = {
		.domain = "example.com", .outcome = MTASTS_FAILED,
		.error = MTASTS_E_TLS, .text = "left out", .null_mx = true,
	};
	struct buf b;

	buf_init(&b, ANSWER_MAX_PACKED);
	CU_ASSERT_FATAL(round_trip(&found, &b, &got));
	CU_ASSERT(got.seq == 7 && got.outcome == MTASTS_FOUND &&
	    got.error == MTASTS_OK && got.ttl == 3600 && got.secure &&
	    got.mode == MTASTS_TESTING && got.max_age == MTASTS_MAX_AGE &&
	    got.mx_known && !got.null_mx);
	CU_ASSERT_STRING_EQUAL(got.domain, found.domain);
	CU_ASSERT_STRING_EQUAL(got.detail, found.detail);
	CU_ASSERT_STRING_EQUAL(got.id, found.id);
	CU_ASSERT_STRING_EQUAL(got.patterns, found.patterns);
	CU_ASSERT_STRING_EQUAL(got.text, found.text);
	CU_ASSERT_STRING_EQUAL(got.mx, found.mx);
	CU_ASSERT_STRING_EQUAL(got.rua, found.rua);
	for (size_t cut = 0; cut < b.len; cut++)
		CU_ASSERT(!answer_unpack(b.data, cut, &got));
	CU_ASSERT_FATAL(round_trip(&failed, &b, &got));
	CU_ASSERT(got.outcome == MTASTS_FAILED && got.null_mx &&
	    got.error == MTASTS_E_TLS && !got.secure && !got.mx_known);
	CU_ASSERT_STRING_EQUAL(got.text, "");
	CU_ASSERT_STRING_EQUAL(got.mx, "");
	buf_clear(&b);
}

static void odd_answers_are_refused(void)
{
	static const struct {
		const char *label;
		size_t member;
		const char *value;
	} strings[] = {
#define M(name) offsetof(struct answer, name)
		{ "domain in capitals", M(domain), "Example.com" },
		{ "no domain", M(domain), "" },
		{ "line end in detail", M(detail), "a\nb" },
		{ "8-bit detail", M(detail), "\xc3\xbc" },
		{ "STS-T-09 id", M(id), "a b" },
		{ "STS-P-11 pattern with a brace", M(patterns),
		    "a.example {x}" },
		{ "STS-P-11 star", M(patterns), "*" },
		{ "STS-P-11 no pattern", M(patterns), "" },
		{ "STS-P-11 blanks only", M(patterns), "  " },
		{ "STS-P-12 U-label", M(patterns), "b\xc3\xbc" "c.example" },
		{ "upper-case pattern", M(patterns), "MX.example.com" },
		{ "no text", M(text), "" },
		{ "control byte in text", M(text), "a: b\x1b[2J\n" },
		{ "broken UTF-8 in text", M(text), "a: \xff\n" },
		{ "mx is no name", M(mx), "mx.example.com mx_1.example.com" },
		{ "mx is an address", M(mx), "192.0.2.1" },
		{ "rua without @", M(rua), "example.com" },
		{ "rua without local part", M(rua), "@example.com" },
		{ "rua with odd domain", M(rua), "a@exa mple.com" },
		{ "rua with control byte", M(rua), "a\x01@example.com" },
#undef M
	};
	struct answer got;
	struct buf b;

	buf_init(&b, ANSWER_MAX_PACKED);
	for (size_t i = 0; i < N(strings); i++) {
		struct answer odd = found;

		memcpy((char *)&odd + strings[i].member, &strings[i].value,
		    sizeof(strings[i].value));
		CHECK_CASE(strings[i].label, !round_trip(&odd, &b, &got));
	}
	buf_clear(&b);
}

static void odd_numbers_are_refused(void)
{
	static const struct {
		const char *label;
		enum mtasts_outcome outcome;
		enum mtasts_error error;
		enum mtasts_mode mode;
		uint32_t max_age;
		bool good;
	} cases[] = {
		{ "good", MTASTS_FOUND, MTASTS_OK, MTASTS_ENFORCE, 1, true },
		{ "outcome", (enum mtasts_outcome)(MTASTS_FAILED + 1),
		    MTASTS_OK, MTASTS_ENFORCE, 1, false },
		{ "error", MTASTS_FOUND,
		    (enum mtasts_error)(MTASTS_E_CANCELLED + 1),
		    MTASTS_ENFORCE, 1, false },
		{ "mode", MTASTS_FOUND, MTASTS_OK,
		    (enum mtasts_mode)(MTASTS_ENFORCE + 1), 1, false },
		{ "STS-P-09 max_age", MTASTS_FOUND, MTASTS_OK, MTASTS_ENFORCE,
		    MTASTS_MAX_AGE + 1, false },
	};
	struct answer got;
	struct buf b;

	buf_init(&b, ANSWER_MAX_PACKED);
	for (size_t i = 0; i < N(cases); i++) {
		struct answer a = found;

		a.outcome = cases[i].outcome;
		a.error = cases[i].error;
		a.mode = cases[i].mode;
		a.max_age = cases[i].max_age;
		CHECK_CASE(cases[i].label,
		    round_trip(&a, &b, &got) == cases[i].good);
	}
	buf_clear(&b);
}

static void repeat(struct buf *b, const char *word, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_addf(b, "%s%s", i ? " " : "", word);
}

static size_t words(const char *list)
{
	size_t n = *list != '\0';

	for (; *list; list++)
		n += *list == ' ';
	return n;
}

/* What the packer is given may be larger than what may be sent. */
static void long_lists_are_cut(void)
{
	struct answer a = found, got;
	struct buf b, mx, rua, detail;

	buf_init(&b, ANSWER_MAX_PACKED);
	buf_init(&mx, 1000000);
	buf_init(&rua, 1000000);
	buf_init(&detail, 1000000);
	repeat(&mx, "mx.example.com", ANSWER_MX_MAX + 1);
	repeat(&rua, "a@example.com", ANSWER_RUA_MAX + 1);
	repeat(&detail, "word", ANSWER_DETAIL_MAX);
	a.mx = buf_str(&mx);
	a.rua = buf_str(&rua);
	a.detail = buf_str(&detail);
	CU_ASSERT_FATAL(round_trip(&a, &b, &got));
	CU_ASSERT_EQUAL(words(got.mx), ANSWER_MX_MAX);
	CU_ASSERT_EQUAL(words(got.rua), ANSWER_RUA_MAX);
	CU_ASSERT_EQUAL(strlen(got.detail), ANSWER_DETAIL_MAX);
	buf_clear(&detail);
	buf_clear(&rua);
	buf_clear(&mx);
	buf_clear(&b);
}

/* The largest policy with the longest lists has room. */
static void the_largest_answer_fits(void)
{
	static const char name[] = A32 A32 "." A32 A32 "." A32 A32 ".example";
	struct answer a = found, got;
	struct record rec = usual, read;
	char label63[sizeof(name)], *s = label63;
	struct buf b, list, mx, text;

	for (size_t i = 0; i < sizeof(name); i++)
		if (i % 65 != 0 || i > 190)
			*s++ = name[i];
	buf_init(&b, ANSWER_MAX_PACKED);
	buf_init(&list, 1000000);
	buf_init(&mx, 1000000);
	buf_init(&text, MTASTS_POLICY_SIZE);
	repeat(&list, label63, MTASTS_MX_MAX);
	repeat(&mx, label63, ANSWER_MX_MAX);
	while (text.len < MTASTS_POLICY_SIZE)
		buf_addc(&text, 'x');
	a.patterns = rec.patterns = buf_str(&list);
	a.mx = rec.mx = buf_str(&mx);
	a.text = rec.text = buf_str(&text);
	CU_ASSERT(round_trip(&a, &b, &got));
	CU_ASSERT_EQUAL(strlen(got.text), MTASTS_POLICY_SIZE);
	CU_ASSERT_EQUAL(words(got.patterns), MTASTS_MX_MAX);
	buf_reset(&b);
	record_pack(&rec, &b);
	CU_ASSERT(record_read(b.data, b.len, &read));
	CU_ASSERT(same_record(&rec, &read));
	buf_clear(&text);
	buf_clear(&mx);
	buf_clear(&list);
	buf_clear(&b);
}

static const struct unit_test tests[] = {
	{ "records come back", records_come_back },
	{ "usual records are small", usual_records_are_small },
	{ "unset strings are empty", unset_strings_are_empty },
	{ "times keep within their room", times_keep_within_their_room },
	{ "damaged records are refused", damaged_records_are_refused },
	{ "lists are searched", lists_are_searched },
	{ "records match hosts", records_match_hosts },
	{ "questions come back", questions_come_back },
	{ "bad questions are refused", bad_questions_are_refused },
	{ "answers come back", answers_come_back },
	{ "odd answers are refused", odd_answers_are_refused },
	{ "odd numbers are refused", odd_numbers_are_refused },
	{ "long lists are cut", long_lists_are_cut },
	{ "the largest answer fits", the_largest_answer_fits },
};

UNIT_MAIN("mtasts-record", tests)
