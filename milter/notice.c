/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "milter/notice.h"

#include "util/clock.h"

bool notice_due(struct notice *n, int64_t interval_ms, unsigned *silent_r)
{
	int64_t now = clock_mono_ms();

	if (n->next && now < n->next) {
		n->silent++;
		return false;
	}
	*silent_r = n->silent;
	*n = (struct notice){ .next = now + interval_ms };
	return true;
}
