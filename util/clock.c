/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "util/clock.h"

#include "util/buf.h"
#include "util/str.h"

#define DURATION_MAX (10LL * 366 * 86400)

static const struct {
	char unit;
	int64_t seconds;
} units[] = {
	{ 'w', 604800 }, { 'd', 86400 }, { 'h', 3600 }, { 'm', 60 }, { 's', 1 },
};

int64_t clock_wall(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec;
}

static int64_t read_ms(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t clock_mono_ms(void)
{
	return read_ms(CLOCK_MONOTONIC);
}

int64_t clock_mono_tick_ms(void)
{
	return read_ms(CLOCK_MONOTONIC_COARSE);
}

/* Return the seconds of a unit letter, 0 when it is none. */
static int64_t unit_seconds(char unit)
{
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (units[i].unit == unit)
			return units[i].seconds;
	return 0;
}

bool clock_parse_duration(const char *s, int64_t *seconds_r)
{
	char digits[16];
	size_t len = strlen(s);
	int64_t unit = 1;
	uint64_t value;

	if (len == 0 || len >= sizeof(digits))
		return false;
	if (!str_is_digit(s[len - 1])) {
		unit = unit_seconds(s[--len]);
		if (!unit)
			return false;
	}
	memcpy(digits, s, len);
	digits[len] = '\0';
	if (!str_to_u64(digits, (uint64_t)(DURATION_MAX / unit), &value))
		return false;
	*seconds_r = (int64_t)value * unit;
	return true;
}

void clock_add_duration(struct buf *b, int64_t seconds)
{
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (seconds == 0 || seconds % units[i].seconds != 0)
			continue;
		buf_addf(b, "%lld%c", (long long)(seconds / units[i].seconds),
		    units[i].unit);
		return;
	}
	buf_adds(b, "0s");
}

void clock_add_span(struct buf *b, int64_t seconds)
{
	static const struct {
		int64_t seconds;
		const char *name;
	} spans[] = {
		{ 86400, "days" }, { 3600, "hours" }, { 60, "minutes" },
	};

	for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
		if (seconds < 2 * spans[i].seconds)
			continue;
		buf_addf(b, "%lld %s",
		    (long long)(seconds / spans[i].seconds), spans[i].name);
		return;
	}
	buf_addf(b, "%lld seconds", (long long)seconds);
}

void clock_add_time(struct buf *b, int64_t wall)
{
	time_t t = (time_t)wall;
	char text[32];
	struct tm tm;

	if (!gmtime_r(&t, &tm) ||
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) {
		buf_addf(b, "@%lld", (long long)wall);
		return;
	}
	buf_adds(b, text);
}

bool clock_parse_time(const char *s, int64_t *wall_r)
{
	struct tm tm = { 0 };
	const char *end = strptime(s, "%Y-%m-%dT%H:%M:%SZ", &tm);

	if (!end || *end)
		return false;
	*wall_r = timegm(&tm);
	return true;
}

/* Take n digits off *s, at most max; -1 when they are not there. */
static int take_digits(const char **s, int n, int max)
{
	int value = 0;

	for (; n > 0; n--, (*s)++) {
		if (!str_is_digit(**s))
			return -1;
		value = value * 10 + (**s - '0');
	}
	return value <= max ? value : -1;
}

/* Fill a struct tm from fields of digits, each followed by a character of
 * the form; *s moves past them. */
static bool take_date_time(const char **s, struct tm *tm_r)
{
	static const struct {
		int digits, max;
		const char *then;	/* any of these, or "": anything */
	} form[] = {
		{ 4, 9999, "-" }, { 2, 12, "-" }, { 2, 31, "Tt" },
		{ 2, 23, ":" }, { 2, 59, ":" }, { 2, 60, "" },
	};
	int v[sizeof(form) / sizeof(form[0])];

	for (size_t i = 0; i < sizeof(form) / sizeof(form[0]); i++) {
		v[i] = take_digits(s, form[i].digits, form[i].max);
		if (v[i] < 0)
			return false;
		if (*form[i].then && (!**s || !strchr(form[i].then, *(*s)++)))
			return false;
	}
	*tm_r = (struct tm){ .tm_year = v[0] - 1900, .tm_mon = v[1] - 1,
		.tm_mday = v[2], .tm_hour = v[3], .tm_min = v[4],
		.tm_sec = v[5] };
	return v[1] > 0 && v[2] > 0;
}

/* Take "Z" or "+01:00"; seconds east of UTC. */
static bool take_offset(const char **s, int64_t *seconds_r)
{
	int sign = **s == '-' ? -1 : 1, hours, minutes;

	if (**s == 'Z' || **s == 'z') {
		(*s)++;
		*seconds_r = 0;
		return true;
	}
	if (**s != '+' && **s != '-')
		return false;
	(*s)++;
	hours = take_digits(s, 2, 23);
	if (hours < 0 || *(*s)++ != ':')
		return false;
	minutes = take_digits(s, 2, 59);
	*seconds_r = sign * (hours * 3600 + minutes * 60);
	return minutes >= 0;
}

bool clock_parse_rfc3339(const char *s, int64_t *wall_r)
{
	struct tm tm, same;
	int64_t offset;
	time_t t;

	if (!take_date_time(&s, &tm))
		return false;
	if (*s == '.') {
		if (!str_is_digit(*++s))
			return false;
		while (str_is_digit(*s))
			s++;
	}
	if (!take_offset(&s, &offset) || *s)
		return false;
	same = tm;
	same.tm_sec = 0;
	t = timegm(&same);
	/* The 30th of February would become the 2nd of March. */
	if (same.tm_mon != tm.tm_mon)
		return false;
	*wall_r = t + tm.tm_sec - offset;
	return true;
}
