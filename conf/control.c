/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "conf/control.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/endpoint.h"
#include "util/str.h"

/* A line may arrive together with the beginning of the next. */
#define CONTROL_CHUNK 65536

struct control_client {
	int fd;
	struct control_lines lines;
};

void control_lines_init(struct control_lines *l)
{
	*l = (struct control_lines){ 0 };
	buf_init(&l->in, CONTROL_LINE_MAX + 1 + CONTROL_CHUNK);
}

void control_lines_clear(struct control_lines *l)
{
	buf_clear(&l->in);
	l->start = l->scanned = 0;
}

/* Forget the lines already returned. */
static void lines_compact(struct control_lines *l)
{
	size_t left = l->in.len - l->start;

	if (l->start == 0)
		return;
	memmove(l->in.data, l->in.data + l->start, left);
	buf_cut(&l->in, left);
	l->scanned -= l->start;
	l->start = 0;
}

bool control_lines_add(struct control_lines *l, const void *data, size_t len)
{
	lines_compact(l);
	buf_add(&l->in, data, len);
	return !l->in.failed;
}

const char *control_lines_next(struct control_lines *l, size_t *len_r)
{
	char *from, *newline;

	if (l->in.failed || l->scanned == l->in.len)
		return NULL;
	from = l->in.data + l->scanned;
	newline = memchr(from, '\n', l->in.len - l->scanned);
	if (!newline) {
		l->scanned = l->in.len;
		l->in.failed = l->in.len - l->start > CONTROL_LINE_MAX;
		return NULL;
	}
	from = l->in.data + l->start;
	*len_r = (size_t)(newline - from);
	*newline = '\0';
	l->start = l->scanned = (size_t)(newline - l->in.data) + 1;
	return from;
}

json_t *control_decode(const char *line, size_t len, struct buf *err)
{
	json_error_t error;
	json_t *object;

	object = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
	if (!object) {
		buf_addf(err, "not a JSON object: %s", error.text);
		return NULL;
	}
	if (!json_is_object(object)) {
		buf_adds(err, "not a JSON object");
		json_decref(object);
		return NULL;
	}
	return object;
}

bool control_encode(const json_t *object, struct buf *out)
{
	char *text = json_dumps(object,
	    JSON_COMPACT | JSON_ENSURE_ASCII | JSON_PRESERVE_ORDER);
	size_t before = out->len;

	if (!text)
		return false;
	if (strlen(text) <= CONTROL_LINE_MAX) {
		buf_adds(out, text);
		buf_addc(out, '\n');
	} else {
		out->failed = true;
	}
	free(text);
	if (!out->failed)
		return true;
	buf_cut(out, before);
	out->failed = false;
	return false;
}

json_t *control_error(const char *text)
{
	return json_pack("{s:b, s:o}", "ok", 0, "error",
	    control_string(text));
}

json_t *control_string(const char *text)
{
	json_t *string;
	struct buf b;

	if (str_is_clean_utf8(text, strlen(text)))
		return json_string(text);
	buf_init(&b, CONTROL_LINE_MAX);
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '\n' || c == '\t' || (c >= 0x20 && c < 0x7f))
			buf_addc(&b, *text);
		else
			buf_addf(&b, "\\x%02X", c);
	}
	string = b.failed ? NULL : json_string(buf_str(&b));
	buf_clear(&b);
	return string;
}

struct control_client *control_connect(const struct endpoint *ep,
    int timeout_ms, struct buf *err)
{
	struct control_client *c = calloc(1, sizeof(*c));

	if (!c) {
		buf_adds(err, "out of memory");
		return NULL;
	}
	c->fd = endpoint_connect(ep, timeout_ms, err);
	if (c->fd < 0) {
		free(c);
		return NULL;
	}
	control_lines_init(&c->lines);
	return c;
}

void control_close(struct control_client *c)
{
	if (!c)
		return;
	close(c->fd);
	control_lines_clear(&c->lines);
	free(c);
}

/* Wait until the socket is ready; false with a sentence in err. */
static bool client_wait(struct control_client *c, short events,
    int64_t deadline, struct buf *err)
{
	struct pollfd p = { .fd = c->fd, .events = events };
	int64_t left = deadline - clock_mono_ms();
	int n;

	do {
		n = poll(&p, 1, left < 0 ? 0 : (int)left);
		left = deadline - clock_mono_ms();
	} while (n < 0 && errno == EINTR && left > 0);
	if (n > 0)
		return true;
	buf_adds(err, n < 0 ? strerror(errno) : "the daemon did not answer "
	    "in time");
	return false;
}

/* True when a call on the socket is to be tried again after waiting. */
static bool is_soft(int error)
{
	return error == EAGAIN || error == EINTR;
}

static bool client_write(struct control_client *c, const char *data,
    size_t len, int64_t deadline, struct buf *err)
{
	ssize_t n;

	while (len > 0) {
		if (!client_wait(c, POLLOUT, deadline, err))
			return false;
		n = send(c->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && is_soft(errno))
			continue;
		if (n < 0) {
			buf_addf(err, "cannot write to the daemon: %s",
			    strerror(errno));
			return false;
		}
		data += n;
		len -= (size_t)n;
	}
	return true;
}

bool control_send(struct control_client *c, const json_t *request,
    int timeout_ms, struct buf *err)
{
	int64_t deadline = clock_mono_ms() + timeout_ms;
	struct buf line;
	bool ok;

	buf_init(&line, CONTROL_LINE_MAX + 1);
	ok = control_encode(request, &line);
	if (ok)
		ok = client_write(c, line.data, line.len, deadline, err);
	else
		buf_adds(err, "the request is too long");
	buf_clear(&line);
	return ok;
}

/* Read what is there; false with a sentence in err. */
static bool client_read(struct control_client *c, struct buf *err)
{
	char chunk[16384];
	ssize_t n = recv(c->fd, chunk, sizeof(chunk), MSG_DONTWAIT);

	if (n < 0 && is_soft(errno))
		return true;
	if (n <= 0) {
		buf_addf(err, "the daemon closed the connection%s%s",
		    n < 0 ? ": " : "", n < 0 ? strerror(errno) : "");
		return false;
	}
	if (control_lines_add(&c->lines, chunk, (size_t)n))
		return true;
	buf_adds(err, "the daemon's answer is too long");
	return false;
}

json_t *control_receive(struct control_client *c, int timeout_ms,
    struct buf *err)
{
	int64_t deadline = clock_mono_ms() + timeout_ms;
	const char *line;
	size_t len;

	for (;;) {
		line = control_lines_next(&c->lines, &len);
		if (line)
			return control_decode(line, len, err);
		if (c->lines.in.failed) {
			buf_adds(err, "the daemon's answer is too long");
			return NULL;
		}
		if (!client_wait(c, POLLIN, deadline, err) ||
		    !client_read(c, err))
			return NULL;
	}
}
