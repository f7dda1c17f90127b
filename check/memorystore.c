/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "check/memorystore.h"

#include <stdlib.h>

#include "check/memory.h"
#include "util/buf.h"

#define MAP_SIZE (256 * UINT64_C(1048576))

/* The file is nothing but a store: the name stands for more. */
struct memorystore {
	struct store *store;
};

struct memorystore *memorystore_open(const char *folder, bool readonly,
    struct buf *err, enum store_error *error_r)
{
	struct store_options o = { .size = MAP_SIZE,
		.sync = STORE_SYNC_COMMIT, .readonly = readonly };
	struct memorystore *m = calloc(1, sizeof(*m));
	struct buf path;

	buf_init(&path, 4096);
	buf_addf(&path, "%s/%s", folder, MEMORYSTORE_FILE);
	*error_r = STORE_IO;
	if (m && !path.failed)
		m->store = store_open(buf_str(&path), &o, err, error_r);
	else
		buf_adds(err, "out of memory");
	buf_clear(&path);
	if (!m || !m->store) {
		free(m);
		return NULL;
	}
	return m;
}

void memorystore_close(struct memorystore *m)
{
	if (!m)
		return;
	store_close(m->store);
	free(m);
}

enum store_error memorystore_get(struct memorystore *m, const char *target,
    struct buf *note)
{
	struct store_read *r = store_read_begin(m->store);
	enum store_error e;
	struct store_value value;

	if (!r)
		return STORE_BUSY;
	e = store_read_get(r, target, &value);
	if (e == STORE_OK && value.len > MEMORY_NOTE_MAX)
		e = STORE_DAMAGED;
	if (e == STORE_OK)
		buf_add(note, value.data, value.len);
	store_read_end(r);
	return e;
}

enum store_error memorystore_put(struct memorystore *m, const char *target,
    const char *note, size_t len)
{
	enum store_error e = store_write_begin(m->store);

	if (e != STORE_OK)
		return e;
	e = store_put(m->store, target, note, len);
	if (e != STORE_OK) {
		store_abort(m->store);
		return e;
	}
	return store_commit(m->store);
}

enum store_error memorystore_forget(struct memorystore *m,
    const char *target)
{
	enum store_error e = store_write_begin(m->store);

	if (e != STORE_OK)
		return e;
	e = store_delete(m->store, target);
	if (e != STORE_OK) {
		store_abort(m->store);
		return e;
	}
	return store_commit(m->store);
}
