/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "util/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/buf.h"
#include "util/str.h"

#define LINE_MAX_BYTES 2000

static char log_ident[64] = "tlsmilter";
static int log_fac = LOG_MAIL;
static atomic_int log_level = LOG_INFO;
static log_sink_fn *log_sink = log_sink_stderr;
static void *log_sink_arg;
static atomic_uint_fast64_t log_lost;
static pthread_mutex_t log_sock_lock = PTHREAD_MUTEX_INITIALIZER;
static int log_sock = -1;

void log_open(const char *ident, int facility)
{
	snprintf(log_ident, sizeof(log_ident), "%s", ident);
	log_fac = facility;
}

void log_set_level(int priority)
{
	log_level = priority;
}

bool log_wants(int priority)
{
	return priority <= log_level;
}

void log_set_sink(log_sink_fn *fn, void *arg)
{
	log_sink = fn ? fn : log_sink_stderr;
	log_sink_arg = fn ? arg : NULL;
}

void log_sink_stderr(void *arg, int priority, const char *line, size_t len)
{
	(void)arg;
	(void)priority;
	fprintf(stderr, "%s[%d]: %.*s\n", log_ident, (int)getpid(), (int)len,
	    line);
}

/* Open and connect the datagram socket; return it or -1. */
static int syslog_connect(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX,
		.sun_path = "/dev/log" };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Send one datagram; reconnect once when the log daemon was restarted. */
static bool syslog_send(const char *data, size_t len, int flags)
{
	for (int attempt = 0; attempt < 2; attempt++) {
		if (log_sock < 0)
			log_sock = syslog_connect();
		if (log_sock < 0)
			return false;
		if (send(log_sock, data, len, flags | MSG_NOSIGNAL) >= 0)
			return true;
		if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)
			return false;
		close(log_sock);
		log_sock = -1;
	}
	return false;
}

void log_sink_syslog(void *arg, int priority, const char *line, size_t len)
{
	char stamp[32] = "";
	struct buf b;
	struct tm tm;
	time_t now = time(NULL);
	bool sent = false;

	if (localtime_r(&now, &tm))
		strftime(stamp, sizeof(stamp), "%b %e %H:%M:%S", &tm);
	buf_init(&b, LINE_MAX_BYTES + 200);
	buf_addf(&b, "<%d>%s %s[%d]: ", log_fac | (priority & LOG_PRIMASK),
	    stamp, log_ident, (int)getpid());
	buf_add(&b, line, len < LINE_MAX_BYTES ? len : LINE_MAX_BYTES);
	pthread_mutex_lock(&log_sock_lock);
	if (!b.failed)
		sent = syslog_send(b.data, b.len, arg ? 0 : MSG_DONTWAIT);
	pthread_mutex_unlock(&log_sock_lock);
	if (!sent)
		atomic_fetch_add(&log_lost, 1);
	buf_clear(&b);
}

uint64_t log_syslog_dropped(void)
{
	return log_lost;
}

int log_facility(const char *name)
{
	static const struct {
		const char *name;
		int value;
	} names[] = {
		{ "mail", LOG_MAIL }, { "daemon", LOG_DAEMON },
		{ "user", LOG_USER }, { "auth", LOG_AUTH },
		{ "authpriv", LOG_AUTHPRIV }, { "local0", LOG_LOCAL0 },
		{ "local1", LOG_LOCAL1 }, { "local2", LOG_LOCAL2 },
		{ "local3", LOG_LOCAL3 }, { "local4", LOG_LOCAL4 },
		{ "local5", LOG_LOCAL5 }, { "local6", LOG_LOCAL6 },
		{ "local7", LOG_LOCAL7 },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i].name, name) == 0)
			return names[i].value;
	return -1;
}

void log_vline(int priority, const char *subsystem, const char *fmt,
    va_list ap)
{
	struct buf b;
	int saved = errno;

	if (!log_wants(priority))
		return;
	buf_init(&b, LINE_MAX_BYTES * 4);
	if (subsystem)
		buf_addf(&b, "%s: ", subsystem);
	buf_vaddf(&b, fmt, ap);
	for (size_t i = 0; i < b.len; i++)
		if ((unsigned char)b.data[i] < 0x20 || b.data[i] == 0x7f)
			b.data[i] = '?';
	buf_cut(&b, LINE_MAX_BYTES);
	log_sink(log_sink_arg, priority, buf_str(&b), b.len);
	buf_clear(&b);
	errno = saved;
}

void log_line(int priority, const char *subsystem, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vline(priority, subsystem, fmt, ap);
	va_end(ap);
}
