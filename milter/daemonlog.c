/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "milter/daemonlog.h"

#include <poll.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/log.h"

static atomic_bool to_stderr;

void daemonlog_open(const char *ident, int facility, unsigned verbose)
{
	log_open(ident, facility);
	log_set_level(verbose ? LOG_DEBUG : LOG_INFO);
}

/* True when standard error is the stream systemd connected to its journal
 * (systemd.exec(5), JOURNAL_STREAM: "device:inode"). */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char own[64];
	struct stat st;

	if (!stream || fstat(STDERR_FILENO, &st) != 0)
		return false;
	snprintf(own, sizeof(own), "%llu:%llu", (unsigned long long)st.st_dev,
	    (unsigned long long)st.st_ino);
	return strcmp(own, stream) == 0;
}

void daemonlog_set_stderr(bool on)
{
	to_stderr = on && !stderr_is_journal();
}

/* Nobody may read the other end: skip the line rather than hang. */
static bool stderr_has_room(void)
{
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };

	return poll(&p, 1, 0) == 1 && (p.revents & POLLOUT);
}

void daemonlog_sink(void *arg, int priority, const char *line, size_t len)
{
	(void)arg;
	if (to_stderr && stderr_has_room())
		log_sink_stderr(NULL, priority, line, len);
	log_sink_syslog(NULL, priority, line, len);
}

void daemonlog_sink_patient(void *arg, int priority, const char *line,
    size_t len)
{
	static char patient;

	(void)arg;
	if (to_stderr && stderr_has_room())
		log_sink_stderr(NULL, priority, line, len);
	log_sink_syslog(&patient, priority, line, len);
}
