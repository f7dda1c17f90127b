/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/name.h"

#include "mtasts/mtasts.h"
#include "util/str.h"

#define LABEL_MAX 63

/* Return the length of the label at s, 0 if it is none. */
static size_t scan_label(const char *s, size_t len, struct name_shape *shape)
{
	size_t n, digits = 0;

	for (n = 0; n < len && s[n] != '.'; n++) {
		if (str_is_digit(s[n]))
			digits++;
		else if (s[n] >= 'A' && s[n] <= 'Z')
			shape->upper = true;
		else if (!(s[n] >= 'a' && s[n] <= 'z') && s[n] != '-')
			return 0;
	}
	if (n == 0 || n > LABEL_MAX || s[0] == '-' || s[n - 1] == '-')
		return 0;
	shape->labels++;
	shape->numeric = digits == n;
	return n;
}

bool name_scan(const char *s, size_t len, struct name_shape *shape_r)
{
	struct name_shape shape = { 0 };
	size_t n, i = 0;

	if (len > MTASTS_DOMAIN_SIZE - 1)
		return false;
	for (;;) {
		n = scan_label(s + i, len - i, &shape);
		if (n == 0)
			return false;
		i += n;
		if (i == len)
			break;
		i++;	/* the dot; a label must follow */
	}
	*shape_r = shape;
	return true;
}

bool name_is_normal(const char *s, size_t len)
{
	struct name_shape shape;

	return name_scan(s, len, &shape) && !shape.upper && !shape.numeric &&
	    shape.labels > 1;
}

bool name_is_pattern(const char *s, size_t len)
{
	struct name_shape shape;

	if (len > 2 && s[0] == '*' && s[1] == '.') {
		s += 2;
		len -= 2;
	}
	return name_scan(s, len, &shape) && !shape.upper && !shape.numeric;
}

bool name_matches(const char *pattern, size_t len, const char *host)
{
	if (len > 2 && pattern[0] == '*' && pattern[1] == '.') {
		host = strchr(host, '.');
		if (!host)
			return false;
		pattern++;	/* ".example.com" on both sides */
		len--;
	}
	return str_ieq_n(host, pattern, len) && host[len] == '\0';
}

bool name_list_next(const char **list, const char **entry_r, size_t *len_r)
{
	const char *s = *list, *end;

	while (*s == ' ')
		s++;
	end = strchrnul(s, ' ');
	if (end == s)
		return false;
	*entry_r = s;
	*len_r = (size_t)(end - s);
	*list = end;
	return true;
}
