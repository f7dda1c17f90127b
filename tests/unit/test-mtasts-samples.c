/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The policies of tests/data are judged as their index says, both strictly
 * and at run time.
 */
#include "config.h"

#include "mtasts/mtasts.h"
#include "tests/unit/unit.h"

#define FOLDER "tests/data/policies/"

/* One row of the index. */
struct sample {
	char file[100];
	char abnf_valid[10];
	char run_time[10];
	char mode[20];
	char max_age[20];
	char n_mx[20];
};

static FILE *open_data(const char *name)
{
	const char *srcdir = getenv("srcdir");
	char path[4096];

	snprintf(path, sizeof(path), "%s/" FOLDER "%s",
	    srcdir ? srcdir : ".", name);
	return fopen(path, "rb");
}

/* Split a line at its tabs; missing columns are "". */
static void read_row(char *line, struct sample *s)
{
	char *const columns[] = {
		s->file, s->abnf_valid, s->run_time, s->mode, s->max_age,
		s->n_mx,
	};
	static const size_t sizes[] = { 100, 10, 10, 20, 20, 20 };
	char *next = line, *cell;

	line[strcspn(line, "\n")] = '\0';
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		cell = strsep(&next, "\t");
		snprintf(columns[i], sizes[i], "%s", cell ? cell : "");
	}
}

static void check_values(const struct sample *s,
    const struct mtasts_policy *p)
{
	char text[20];

	CHECK_CASE_STR(s->file, mtasts_mode_name(mtasts_policy_mode(p)),
	    s->mode);
	snprintf(text, sizeof(text), "%u", mtasts_policy_max_age(p));
	CHECK_CASE_STR(s->file, text, s->max_age);
	snprintf(text, sizeof(text), "%zu", mtasts_policy_mx_count(p));
	CHECK_CASE_STR(s->file, text, s->n_mx);
}

static void check_sample(const struct sample *s)
{
	static char text[MTASTS_POLICY_SIZE + 1];
	struct mtasts_policy *strict, *lenient;
	FILE *f = open_data(s->file);
	size_t len;

	CHECK_CASE(s->file, f != NULL);
	if (!f)
		return;
	len = fread(text, 1, sizeof(text), f);
	fclose(f);
	strict = mtasts_policy_parse(text, len, MTASTS_PARSE_STRICT, NULL,
	    NULL, NULL);
	lenient = mtasts_policy_parse(text, len, 0, NULL, NULL, NULL);
	CHECK_CASE_STR(s->file, strict ? "yes" : "no", s->abnf_valid);
	CHECK_CASE_STR(s->file, lenient ? "yes" : "no", s->run_time);
	if (strict)
		check_values(s, strict);
	if (lenient)
		check_values(s, lenient);
	mtasts_policy_free(strict);
	mtasts_policy_free(lenient);
}

static void samples_are_judged_as_indexed(void)
{
	FILE *index = open_data("index.tsv");
	struct sample s;
	char line[1000];
	unsigned n = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(index);
	while (fgets(line, sizeof(line), index)) {
		if (n++ == 0)
			continue;	/* the heading */
		read_row(line, &s);
		check_sample(&s);
	}
	fclose(index);
	CU_ASSERT(n > 40);
}

static const struct unit_test tests[] = {
	{ "samples are judged as indexed", samples_are_judged_as_indexed },
};

UNIT_MAIN("mtasts-samples", tests)
