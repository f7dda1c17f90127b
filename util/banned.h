/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * banned - functions this project never calls.
 *
 * Included ahead of every source file by the build. Each of them has cost
 * other mail programs a security fix: unbounded copies, hidden static
 * state, silent truncation, numbers parsed without errors.
 */
#ifndef TM_UTIL_BANNED_H
#define TM_UTIL_BANNED_H

#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok
#pragma GCC poison gets atoi atol atoll atof localtime gmtime ctime asctime
#pragma GCC poison tmpnam mktemp

#endif
