/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe - talk to one server address as a sender would: greeting, EHLO,
 * STARTTLS, handshake, EHLO again, QUIT (OpenSSL).
 *
 * Nothing is sent beyond that: no MAIL, no login. Every stage has its own
 * limit of time, every reply one of lines and bytes. Certificates are
 * looked at, never a reason to stop: the facts say what was seen. Runs on
 * the event loop of libmtasts; not thread-safe.
 */
#ifndef TM_CHECK_PROBE_H
#define TM_CHECK_PROBE_H

#include "check/facts.h"

struct buf;
struct evloop;
struct prober;
struct probe;

struct prober_options {
	const char *ca_file;	/* PEM; NULL: the system's */
	const char *ca_text;	/* PEM; instead of the file if not NULL */
	const char *ehlo;	/* name to say; a domain or "[192.0.2.1]" */
	uint32_t timeout_ms;	/* for each stage */
};

/* Reads the CA file now. NULL with a sentence in err. */
struct prober *prober_new(struct evloop *loop,
    const struct prober_options *o, struct buf *err);
/* After all probes ended or were cancelled. */
void prober_free(struct prober *p);

/* The pointers must live until the probe ends. */
struct probe_request {
	enum check_protocol protocol;
	struct netaddr addr;
	unsigned port;
	const char *name;	/* reference identity; NULL or "": none */
	const char *sni;	/* NULL or "": send none */
	const struct tlsa_fact *tlsa;	/* those with TLSA_COUNTS are used */
	size_t tlsa_n;
	const char *dane_base;	/* reference identity for DANE-TA */
	bool injection;		/* send a command behind STARTTLS */
	/* Enumeration: only this version and cipher, and stop after the
	 * handshake; NULL: whatever is best. */
	const char *version;	/* "TLSv1.2" */
	const char *cipher;	/* a list as OpenSSL takes it */
};

/* Called once, from evloop_process(); the probe is gone by then. Takes over
 * the facts: the callee clears them. */
typedef void probe_fn(void *arg, struct probe_facts *f);

/* Never calls fn from here. NULL when out of memory or descriptors. */
struct probe *probe_start(struct prober *p, const struct probe_request *r,
    probe_fn *fn, void *arg);
void probe_cancel(struct probe *p);	/* fn will not be called */

#endif
