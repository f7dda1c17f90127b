/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tmpdir - a directory for one test, and the files in it.
 *
 * Flat: tmpdir_remove() deletes plain files only.
 */
#ifndef TM_TESTS_TMPDIR_H
#define TM_TESTS_TMPDIR_H

#include <CUnit/CUnit.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct tmpdir {
	char dir[64];
	char path[400];
};

static inline void tmpdir_make(struct tmpdir *t)
{
	snprintf(t->dir, sizeof(t->dir), "/tmp/tlsmilter-unit-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(t->dir));
}

/* The path of a file inside; lives until the next call. */
static inline const char *tmpdir_path(struct tmpdir *t, const char *name)
{
	snprintf(t->path, sizeof(t->path), "%s/%s", t->dir, name);
	return t->path;
}

static inline void tmpdir_remove(struct tmpdir *t)
{
	DIR *d = opendir(t->dir);
	struct dirent *entry;

	while (d && (entry = readdir(d)))
		if (entry->d_name[0] != '.')
			unlink(tmpdir_path(t, entry->d_name));
	if (d)
		closedir(d);
	CU_ASSERT_EQUAL(rmdir(t->dir), 0);
}

#endif
