/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "tool/readfile.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "util/buf.h"

static bool read_all(int fd, const char *path, struct buf *text,
    struct buf *err)
{
	char chunk[16384];
	ssize_t n;

	for (;;) {
		n = read(fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		buf_add(text, chunk, (size_t)n);
		if (text->failed) {
			buf_addf(err, "%s is longer than %zu bytes", path,
			    text->max);
			return false;
		}
	}
	if (n < 0)
		buf_addf(err, "cannot read %s: %s", path, strerror(errno));
	return n == 0;
}

bool readfile(const char *path, struct buf *text, struct buf *err)
{
	bool ok;
	int fd;

	if (strcmp(path, "-") == 0)
		return read_all(STDIN_FILENO, "standard input", text, err);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		buf_addf(err, "cannot read %s: %s", path, strerror(errno));
		return false;
	}
	ok = read_all(fd, path, text, err);
	close(fd);
	return ok;
}
