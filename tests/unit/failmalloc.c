/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "tests/unit/failmalloc.h"

#include <errno.h>

/* Names the linker makes with --wrap: __real_ is libc's or a sanitizer's. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t n);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t n);

static unsigned countdown;
static bool struck;

void failmalloc_set(unsigned n)
{
	countdown = n;
	struck = false;
}

bool failmalloc_struck(void)
{
	return struck;
}

static bool strikes(void)
{
	if (countdown == 0 || --countdown > 0)
		return false;
	struck = true;
	errno = ENOMEM;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return strikes() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return strikes() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return strikes() ? NULL : __real_realloc(p, size);
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return strikes() ? NULL : __real_reallocarray(p, n, size);
}

char *__wrap_strdup(const char *s)
{
	return strikes() ? NULL : __real_strdup(s);
}

char *__wrap_strndup(const char *s, size_t n)
{
	return strikes() ? NULL : __real_strndup(s, n);
}
