/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "milter/notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/buf.h"

bool notify_wanted(void)
{
	const char *path = getenv("NOTIFY_SOCKET");

	return path && (*path == '/' || *path == '@');
}

/* Fill in the address; a leading @ means the abstract name space. */
static bool notify_address(struct sockaddr_un *sun, socklen_t *len)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t n = strlen(path);

	if (n >= sizeof(sun->sun_path))
		return false;
	*sun = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(sun->sun_path, path, n);
	if (*path == '@')
		sun->sun_path[0] = '\0';
	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	return true;
}

static void send_text(const char *text, size_t len)
{
	struct sockaddr_un sun;
	socklen_t sun_len;
	int fd;

	if (!notify_address(&sun, &sun_len))
		return;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	sendto(fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT,
	    (struct sockaddr *)&sun, sun_len);
	close(fd);
}

void notify_send(const char *fmt, ...)
{
	struct buf text;
	va_list ap;

	if (!notify_wanted())
		return;
	buf_init(&text, 1000);
	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	if (!text.failed)
		send_text(text.data, text.len);
	buf_clear(&text);
}

void notify_reloading(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	notify_send("RELOADING=1\nMONOTONIC_USEC=%lld",
	    (long long)ts.tv_sec * 1000000 + ts.tv_nsec / 1000);
}
