/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "conf/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/buf.h"
#include "util/pack.h"
#include "util/str.h"

/* Bounds on what a configuration can make us hold. */
#define FILES_MAX 1024
#define TOTAL_MAX ((size_t)64 * 1024 * 1024)
#define PATH_BYTES_MAX 4096

/* More than this is given back to the system when it is freed. */
#define LARGE ((size_t)1024 * 1024)

static const char magic[8] = "tmconf1\n";

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

struct bundle_file {
	char *path;
	char *data;
	size_t len;
};

struct bundle {
	struct bundle_file *files;
	size_t n;
	size_t total;
};

struct bundle *bundle_new(void)
{
	return calloc(1, sizeof(struct bundle));
}

void bundle_free(struct bundle *b)
{
	bool large = b && b->total > LARGE;

	if (!b)
		return;
	for (size_t i = 0; i < b->n; i++) {
		free(b->files[i].path);
		free(b->files[i].data);
	}
	free(b->files);
	free(b);
	if (large)
		mem_trim();
}

static const struct bundle_file *bundle_find(const struct bundle *b,
    const char *path)
{
	for (size_t i = 0; i < b->n; i++)
		if (strcmp(b->files[i].path, path) == 0)
			return &b->files[i];
	return NULL;
}

/* Append a file whose data becomes the bundle's; false leaves data the
 * caller's. */
static bool bundle_take(struct bundle *b, const char *path, char *data,
    size_t len)
{
	struct bundle_file *files;
	char *copy;

	if (b->n >= FILES_MAX || len > TOTAL_MAX - b->total)
		return false;
	copy = strdup(path);
	files = realloc(b->files, (b->n + 1) * sizeof(*files));
	if (files)
		b->files = files;
	if (!copy || !files) {
		free(copy);
		return false;
	}
	b->files[b->n++] = (struct bundle_file){ copy, data, len };
	b->total += len;
	return true;
}

bool bundle_add_text(struct bundle *b, const char *path, const char *text,
    size_t len)
{
	char *data;

	if (bundle_find(b, path))
		return true;
	data = len > BUNDLE_FILE_MAX ? NULL : malloc(len + 1);
	if (!data)
		return false;
	if (len)
		memcpy(data, text, len);
	data[len] = '\0';
	if (bundle_take(b, path, data, len))
		return true;
	free(data);
	return false;
}

/* Read up to max bytes from the start of fd, without moving its offset:
 * processes that share a memfd share the offset too. */
static ssize_t read_all(int fd, char *data, size_t max)
{
	size_t len = 0;

	while (len < max) {
		ssize_t n = pread(fd, data + len, max - len, (off_t)len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

/* Open a regular file that is not too large; never wait for a FIFO. */
static int open_regular(const char *path, struct stat *st_r, struct buf *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 || fstat(fd, st_r) != 0)
		buf_addf(err, "cannot read %s: %m", path);
	else if (!S_ISREG(st_r->st_mode))
		buf_addf(err, "cannot read %s: not a regular file", path);
	else if (st_r->st_size > BUNDLE_FILE_MAX)
		buf_addf(err, "cannot read %s: larger than %d bytes", path,
		    BUNDLE_FILE_MAX);
	else
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

bool bundle_add_file(struct bundle *b, const char *path, struct buf *err)
{
	struct stat st;
	char *data;
	ssize_t len = -1;
	bool ok = false;
	int fd;

	if (bundle_find(b, path))
		return true;
	fd = open_regular(path, &st, err);
	if (fd < 0)
		return false;
	data = malloc((size_t)st.st_size + 1);
	if (data)
		len = read_all(fd, data, (size_t)st.st_size);
	if (len < 0) {
		buf_addf(err, "cannot read %s: %m", path);
		goto done;
	}
	data[len] = '\0';
	ok = bundle_take(b, path, data, (size_t)len);
	if (!ok)
		buf_addf(err, "cannot read %s: too much in all", path);
done:
	if (!ok)
		free(data);
	close(fd);
	return ok;
}

const char *bundle_get(const struct bundle *b, const char *path,
    size_t *len_r)
{
	const struct bundle_file *f = bundle_find(b, path);

	if (!f)
		return NULL;
	*len_r = f->len;
	return f->data;
}

static bool write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

int bundle_seal(const struct bundle *b)
{
	struct buf out;
	int fd = -1, saved;

	buf_init(&out, 2 * TOTAL_MAX);
	buf_add(&out, magic, sizeof(magic));
	for (size_t i = 0; i < b->n; i++) {
		pack_str(&out, b->files[i].path);
		pack_u32(&out, (uint32_t)b->files[i].len);
		buf_add(&out, b->files[i].data, b->files[i].len);
	}
	if (out.failed) {
		errno = ENOMEM;
		goto fail;
	}
	fd = memfd_create("tlsmilter.conf", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || !write_all(fd, out.data, out.len) ||
	    fcntl(fd, F_ADD_SEALS, SEALS) != 0)
		goto fail;
	buf_clear(&out);
	return fd;
fail:
	saved = errno;
	buf_clear(&out);
	if (fd >= 0)
		close(fd);
	errno = saved;
	return -1;
}

/* Take one file off the reader. */
static bool unpack_file(struct unpack *u, struct bundle *b)
{
	const char *path = unpack_str(u);
	size_t len = unpack_u32(u);
	const char *data = (const char *)u->p;

	if (u->failed || len > u->left || !*path ||
	    strlen(path) > PATH_BYTES_MAX || bundle_find(b, path))
		return false;
	u->p += len;
	u->left -= len;
	return bundle_add_text(b, path, data, len);
}

static bool unpack_bundle(const char *data, size_t len, struct bundle *b)
{
	struct unpack u;

	if (len < sizeof(magic) || memcmp(data, magic, sizeof(magic)) != 0)
		return false;
	unpack_init(&u, data + sizeof(magic), len - sizeof(magic));
	while (u.left > 0)
		if (!unpack_file(&u, b))
			return false;
	return unpack_ok(&u);
}

struct bundle *bundle_open(int fd, struct buf *err)
{
	struct bundle *b = NULL;
	char *data = NULL;
	struct stat st;
	ssize_t len;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &st) != 0 ||
	    st.st_size < 0 || (size_t)st.st_size > 2 * TOTAL_MAX) {
		buf_adds(err, "configuration: not a sealed bundle");
		return NULL;
	}
	data = malloc((size_t)st.st_size + 1);
	b = bundle_new();
	len = data ? read_all(fd, data, (size_t)st.st_size) : -1;
	if (!b || len < 0) {
		buf_adds(err, "configuration: out of memory");
		goto fail;
	}
	if (!unpack_bundle(data, (size_t)len, b)) {
		buf_adds(err, "configuration: bundle damaged");
		goto fail;
	}
	free(data);
	return b;
fail:
	free(data);
	bundle_free(b);
	return NULL;
}
