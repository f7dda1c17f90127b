/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * danerec - what is remembered of DANE for a next hop, and for how long.
 *
 * The packed form travels from the process that looks it up to the one that
 * keeps it, and is the value that is kept. Reading it validates everything
 * and gives a view, without allocation. Pure functions.
 */
#ifndef TM_MTASTS_DANEREC_H
#define TM_MTASTS_DANEREC_H

#include "mtasts/danestate.h"

struct buf;

/* Room for the packed form: every host with the word for its state. */
#define DANEREC_MAX_PACKED (64 + DANE_HOSTS_MAX * (DNS_NAME_SIZE + 16))

struct danerec {
	bool validated;		/* false: answers could not be validated, and
				 * nothing below means anything */
	enum dane_outcome outcome;
	bool mx_secure;
	bool cut;		/* more hosts than were looked at */
	uint32_t ttl;		/* seconds, as struct dane_result has it */
	int64_t checked;	/* when the lookup ended; wall clock */
	/* "mx1.example=usable mx2.example=none": most preferred first, for
	 * people. */
	const char *hosts;
};

/* A lookup that ended like this, or NULL: not validated (see dane_fn). The
 * string of *rec_r is put into hosts, which must be empty. */
void danerec_from_state(const struct danestate *s, struct buf *hosts,
    struct danerec *rec_r);

void danerec_pack(const struct danerec *rec, struct buf *out);
/* False when it is damaged, of another version or out of bounds. */
bool danerec_read(const void *data, size_t len, struct danerec *rec_r);

/* The next host of a list; *list moves on. False at the end. */
struct danerec_host {
	const char *name;	/* not terminated */
	size_t name_len;
	const char *state;	/* "usable", "unusable", "none", "no-address",
				 * "address-error", "tlsa-error", "pending" */
};
bool danerec_next_host(const char **list, struct danerec_host *host_r);

/*
 * What a record says now. It holds as long as the DNS answers it rests on
 * (DANE-F-05), at least a minute and at most an hour; a failure and an
 * answer without validation half a minute. For an hour longer it is STALE:
 * better than nothing for somebody who cannot wait for the next lookup to
 * end, as long as that has not failed.
 */
enum danerec_standing {
	DANEREC_UNKNOWN,
	DANEREC_STALE,
	DANEREC_HOLDS,
};
/* rec may be NULL: nothing is held. */
enum danerec_standing danerec_standing(const struct danerec *rec,
    int64_t now);

/* True when a next hop in use should be looked up again: in the last
 * quarter of its time, so that nobody has to wait. */
bool danerec_is_due(const struct danerec *rec, int64_t now);

/* The first second at which it holds no more. */
int64_t danerec_expires(const struct danerec *rec);

#endif
