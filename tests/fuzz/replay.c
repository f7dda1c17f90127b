/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay - main() of the fuzz targets in `make check`: runs every file of
 * the target's corpus, or the files and folders named as arguments, whole
 * and cut off at many places. A crash or a failed FUZZ_CHECK is a failure,
 * and so is a corpus that is not there.
 */
#include "config.h"

#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <stdbool.h>
#include <sys/stat.h>

#define INPUT_MAX (1 << 20)
#define CUTS 64

/* In memory of exactly its size, so that a sanitizer sees each byte read
 * behind the end. */
static void run_exact(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		abort();
	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void run_cut(const uint8_t *data, size_t size)
{
	size_t step = size / CUTS + 1;

	for (size_t cut = 0; cut < size; cut += step)
		run_exact(data, cut);
	run_exact(data, size);
}

static bool run_file(const char *path)
{
	static uint8_t data[INPUT_MAX];
	FILE *f = fopen(path, "rb");
	size_t size;

	if (!f) {
		perror(path);
		return false;
	}
	size = fread(data, 1, sizeof(data), f);
	fclose(f);
	run_cut(data, size);
	return true;
}

static int not_hidden(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* Return the number of files run, 0 after an error. */
static unsigned run_folder(const char *path)
{
	struct dirent **entries;
	char file[4096];
	int n = scandir(path, &entries, not_hidden, alphasort);
	unsigned done = 0;
	bool good = true;

	if (n < 0) {
		perror(path);
		return 0;
	}
	for (int i = 0; i < n; i++) {
		snprintf(file, sizeof(file), "%s/%s", path,
		    entries[i]->d_name);
		good = good && run_file(file);
		done++;
		free(entries[i]);
	}
	free(entries);
	return good ? done : 0;
}

static unsigned run_path(const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return run_folder(path);
	return run_file(path) ? 1 : 0;
}

int main(int argc, char **argv)
{
	const char *srcdir = getenv("srcdir");
	char folder[4096];
	unsigned done = 0;

	for (int i = 1; i < argc; i++)
		done += run_path(argv[i]);
	if (argc == 1) {
		snprintf(folder, sizeof(folder), "%s/tests/fuzz/corpus/%s",
		    srcdir ? srcdir : ".", fuzz_name);
		done = run_folder(folder);
	}
	printf("%s: %u inputs\n", fuzz_name, done);
	return done ? 0 : 1;
}
