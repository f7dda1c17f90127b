/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * where - sockets of the benchmark programs.
 *
 * WHERE is the path of a unix socket, or a port of 127.0.0.1. A program that
 * cannot have its socket says so and ends.
 */
#ifndef TM_BENCH_WHERE_H
#define TM_BENCH_WHERE_H

/* A connection, non-blocking, without Nagle's delay. */
int where_dial(const char *where);

/* A listening socket, non-blocking. What a path names is replaced. */
int where_listen(const char *where);

/* The next connection of a listener, as where_dial() makes them; -1: none
 * now. */
int where_accept(int listener);

#endif
