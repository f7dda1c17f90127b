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

int64_t clock_mono_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
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
