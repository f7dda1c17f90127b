/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "conf/listcopy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mtasts/httpsurl.h"
#include "policy/partners.h"
#include "util/buf.h"
#include "util/pack.h"
#include "util/str.h"

/*
 * The file: a head of fixed length (magic, URL, entity tag, zeros), the
 * list, and a checksum of everything before it.
 */
#define HEAD_SIZE 4096
#define SUM_SIZE sizeof(uint64_t)
#define NAME_KEPT 40
#define CHUNK 65536

static const char magic[] = "tlsmilter list 1\n";

/* ---- names ------------------------------------------------------------- */

#define SUM_START UINT64_C(14695981039346656037)

/* FNV-1a: against accidents; who can write here needs no trick. */
static uint64_t sum(uint64_t h, const void *data, size_t len)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * UINT64_C(1099511628211);
	return h;
}

/* Append a file's name: as much of the list's as people need to recognise
 * it, and a hash that tells it from every other. */
static void add_file_name(struct buf *out, const char *name)
{
	for (size_t i = 0; name[i] && i < NAME_KEPT; i++)
		buf_addc(out, str_is_alnum(name[i]) ? name[i] : '_');
	buf_addf(out, "-%016llx.list",
	    (unsigned long long)sum(SUM_START, name, strlen(name)));
}

static void add_path(struct buf *out, const char *state_dir,
    const char *name, const char *suffix)
{
	buf_init(out, 4096);
	buf_addf(out, "%s/%s/", state_dir, LISTCOPY_FOLDER);
	add_file_name(out, name);
	buf_adds(out, suffix);
}

/* ---- opening ----------------------------------------------------------- */

/* A file mapped for reading, until the last user of its list is done. */
struct mapping {
	void *data;
	size_t len;
};

static void mapping_free(void *arg)
{
	struct mapping *m = arg;

	munmap(m->data, m->len);
	free(m);
}

static struct mapping *mapping_new(int fd, size_t len)
{
	struct mapping *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->len = len;
	m->data = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, 0);
	if (m->data != MAP_FAILED)
		return m;
	free(m);
	return NULL;
}

/* Read all of it once: an unreadable disk is an error here, and would be a
 * signal in mapped memory. *sum_r is that of len bytes. */
static bool sum_file(int fd, size_t len, uint64_t *sum_r)
{
	char *chunk = malloc(CHUNK);
	uint64_t h = SUM_START;
	size_t done = 0;

	while (chunk && done < len) {
		size_t want = len - done < CHUNK ? len - done : CHUNK;
		ssize_t n = pread(fd, chunk, want, (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		h = sum(h, chunk, (size_t)n);
		done += (size_t)n;
	}
	free(chunk);
	*sum_r = h;
	return chunk && done == len;
}

/* Read the head; false when it is none. */
static bool read_head(const unsigned char *head, const char **url_r,
    const char **etag_r)
{
	struct unpack u;

	if (memcmp(head, magic, sizeof(magic)) != 0)
		return false;
	unpack_init(&u, head + sizeof(magic), HEAD_SIZE - sizeof(magic));
	*url_r = unpack_str(&u);
	*etag_r = unpack_str(&u);
	return !u.failed && (!**etag_r || httphead_is_etag(*etag_r));
}

static enum listcopy_state damaged(struct buf *err, const char *why)
{
	buf_adds(err, why);
	return LISTCOPY_DAMAGED;
}

static enum listcopy_state failed(struct buf *err, const char *what)
{
	buf_addf(err, "%s: %s", what, strerror(errno));
	return LISTCOPY_FAILED;
}

/* Open what is mapped; on success the list owns the mapping. What passed
 * the checksum is no wreck: should the list not be to our liking, we are out
 * of memory, or of another version than who wrote it. */
static enum listcopy_state open_mapping(struct mapping *m, const char *url,
    struct listcopy *copy, struct buf *err)
{
	const char *from, *etag;

	if (!read_head(m->data, &from, &etag))
		return damaged(err, "it is no partner list of ours");
	if (strcmp(from, url) != 0) {
		buf_addf(err, "it came from %s", from);
		return LISTCOPY_OTHER;
	}
	snprintf(copy->etag, sizeof(copy->etag), "%s", etag);
	copy->partners = partners_open((const char *)m->data + HEAD_SIZE,
	    m->len - HEAD_SIZE - SUM_SIZE, mapping_free, m, err);
	return copy->partners ? LISTCOPY_GOOD : LISTCOPY_FAILED;
}

static enum listcopy_state open_fd(int fd, const char *url,
    struct listcopy *copy_r, struct buf *err)
{
	struct listcopy copy = { .partners = NULL };
	enum listcopy_state state;
	struct mapping *m;
	struct stat st;
	uint64_t found, wanted;
	size_t len;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
	    st.st_size < (off_t)(HEAD_SIZE + SUM_SIZE) ||
	    st.st_size > (off_t)(HEAD_SIZE + PARTNERS_BLOB_MAX + SUM_SIZE))
		return damaged(err, "its size is wrong");
	len = (size_t)st.st_size;
	copy.fetched = st.st_mtime;
	if (!sum_file(fd, len - SUM_SIZE, &found) || pread(fd, &wanted,
	    SUM_SIZE, (off_t)(len - SUM_SIZE)) != (ssize_t)SUM_SIZE)
		return failed(err, "it cannot be read");
	if (found != wanted)
		return damaged(err, "its checksum is wrong");
	m = mapping_new(fd, len);
	if (!m)
		return failed(err, "it cannot be mapped");
	state = open_mapping(m, url, &copy, err);
	if (state == LISTCOPY_GOOD)
		*copy_r = copy;
	else
		mapping_free(m);
	return state;
}

enum listcopy_state listcopy_open(const char *state_dir, const char *name,
    const char *url, struct listcopy *copy_r, struct buf *err)
{
	enum listcopy_state state;
	struct buf path;
	int fd, error;

	add_path(&path, state_dir, name, "");
	fd = open(buf_str(&path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW |
	    O_NONBLOCK);
	error = errno;
	buf_clear(&path);
	if (fd < 0 && (error == ENOENT || error == ENOTDIR))
		return LISTCOPY_NONE;
	if (fd < 0) {
		buf_adds(err, strerror(error));
		return LISTCOPY_FAILED;
	}
	state = open_fd(fd, url, copy_r, err);
	close(fd);
	return state;
}

/* ---- housekeeping ------------------------------------------------------ */

bool listcopy_remove(const char *state_dir, const char *name)
{
	struct buf path;
	bool good;

	add_path(&path, state_dir, name, "");
	good = unlink(buf_str(&path)) == 0 || errno == ENOENT ||
	    errno == ENOTDIR;
	buf_clear(&path);
	return good;
}

void listcopy_touch(const char *state_dir, const char *name)
{
	struct buf path;

	add_path(&path, state_dir, name, "");
	/* Should it fail, the list is fetched sooner after a restart. */
	(void)utimensat(AT_FDCWD, buf_str(&path), NULL, AT_SYMLINK_NOFOLLOW);
	buf_clear(&path);
}

/* True for a file of ours that none of the names has. */
static bool is_stray(const char *file, const char *const *names, size_t n)
{
	struct buf own;
	bool stray = str_ends(file, ".list") || str_ends(file, ".list.new");

	buf_init(&own, 4096);
	for (size_t i = 0; stray && i < n; i++) {
		buf_reset(&own);
		add_file_name(&own, names[i]);
		/* Out of memory nothing is. */
		stray = !own.failed && strcmp(file, buf_str(&own)) != 0;
	}
	buf_clear(&own);
	return stray;
}

void listcopy_sweep(const char *state_dir, const char *const *names,
    size_t n, listcopy_removed_fn *fn, void *arg)
{
	struct dirent *entry;
	struct buf path;
	DIR *dir;

	buf_init(&path, 4096);
	buf_addf(&path, "%s/%s", state_dir, LISTCOPY_FOLDER);
	dir = opendir(buf_str(&path));
	while (dir && (entry = readdir(dir))) {
		if (!is_stray(entry->d_name, names, n))
			continue;
		buf_reset(&path);
		buf_addf(&path, "%s/%s/%s", state_dir, LISTCOPY_FOLDER,
		    entry->d_name);
		if (!path.failed && unlink(buf_str(&path)) == 0)
			fn(arg, buf_str(&path));
	}
	if (dir)
		closedir(dir);
	buf_clear(&path);
}

/* ---- writing ----------------------------------------------------------- */

struct listcopy_writer {
	int fd;
	uint64_t sum;
	size_t len;		/* of the list so far */
	char *url;
	struct buf folder, path, temporary;
};

static bool write_all(struct listcopy_writer *w, const void *data,
    size_t len, struct buf *err)
{
	const char *p = data;

	w->sum = sum(w->sum, data, len);
	while (len > 0) {
		ssize_t n = write(w->fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			buf_addf(err, "cannot write %s: %s",
			    buf_str(&w->temporary), strerror(errno));
			return false;
		}
		p += n;
		len -= (size_t)n;
	}
	return true;
}

static bool write_head(struct listcopy_writer *w, const char *etag,
    struct buf *err)
{
	static const char zeros[HEAD_SIZE];
	struct buf head;
	bool good;

	buf_init(&head, HEAD_SIZE);
	buf_add(&head, magic, sizeof(magic));
	pack_str(&head, w->url);
	pack_str(&head, etag);
	buf_add(&head, zeros, HEAD_SIZE - head.len);
	good = !head.failed && write_all(w, head.data, head.len, err);
	if (head.failed)
		buf_adds(err, "out of memory");
	buf_clear(&head);
	return good;
}

static void writer_free(struct listcopy_writer *w)
{
	if (w->fd >= 0)
		close(w->fd);
	buf_clear(&w->folder);
	buf_clear(&w->path);
	buf_clear(&w->temporary);
	free(w->url);
	free(w);
}

static bool make_file(struct listcopy_writer *w, struct buf *err)
{
	const char *folder = buf_str(&w->folder);

	if (mkdir(folder, 0750) != 0 && errno != EEXIST) {
		buf_addf(err, "cannot make %s: %s", folder, strerror(errno));
		return false;
	}
	w->fd = open(buf_str(&w->temporary), O_RDWR | O_CREAT | O_TRUNC |
	    O_CLOEXEC | O_NOFOLLOW, 0640);
	if (w->fd < 0)
		buf_addf(err, "cannot make %s: %s", buf_str(&w->temporary),
		    strerror(errno));
	return w->fd >= 0;
}

struct listcopy_writer *listcopy_begin(const char *state_dir,
    const char *name, const char *url, const char *etag, struct buf *err)
{
	struct listcopy_writer *w = calloc(1, sizeof(*w));
	bool good;

	if (w)
		w->url = strdup(url);
	if (!w || !w->url || strlen(url) >= HTTPSURL_SIZE ||
	    strlen(etag) >= HTTPHEAD_ETAG_SIZE) {
		buf_adds(err, "out of memory");
		free(w ? w->url : NULL);
		free(w);
		return NULL;
	}
	w->fd = -1;
	w->sum = SUM_START;
	buf_init(&w->folder, 4096);
	buf_addf(&w->folder, "%s/%s", state_dir, LISTCOPY_FOLDER);
	add_path(&w->path, state_dir, name, "");
	add_path(&w->temporary, state_dir, name, ".new");
	good = !w->folder.failed && !w->path.failed && !w->temporary.failed;
	if (!good)
		buf_adds(err, "out of memory");
	if (good && make_file(w, err) && write_head(w, etag, err))
		return w;
	listcopy_abort(w);
	return NULL;
}

bool listcopy_add(struct listcopy_writer *w, const void *data, size_t len,
    struct buf *err)
{
	w->len += len;
	return write_all(w, data, len, err);
}

bool listcopy_check(struct listcopy_writer *w, struct listcopy *copy_r,
    struct buf *err)
{
	uint64_t total = w->sum;

	return write_all(w, &total, sizeof(total), err) &&
	    open_fd(w->fd, w->url, copy_r, err) == LISTCOPY_GOOD;
}

/* Make the new name last. */
static bool sync_folder(const char *folder)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool good = fd >= 0 && fsync(fd) == 0;

	if (fd >= 0)
		close(fd);
	return good;
}

bool listcopy_commit(struct listcopy_writer *w, struct buf *err)
{
	if (fsync(w->fd) != 0 || rename(buf_str(&w->temporary),
	    buf_str(&w->path)) != 0) {
		buf_addf(err, "cannot keep %s: %s", buf_str(&w->path),
		    strerror(errno));
		listcopy_abort(w);
		return false;
	}
	/* Nothing to do should it fail: the old copy was good, too. */
	(void)sync_folder(buf_str(&w->folder));
	writer_free(w);
	return true;
}

void listcopy_abort(struct listcopy_writer *w)
{
	if (!w)
		return;
	if (w->fd >= 0)
		unlink(buf_str(&w->temporary));
	writer_free(w);
}
