/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * historian - the only writer of the history (audit/history.h).
 *
 * Callbacks leave what they saw in a bounded queue and never wait; a thread
 * writes it in batches. The thread is not the learner's: there an answer
 * somebody waits for would stand behind a sync of this file, and neither
 * needs the other's file. What is queued is committed within a second and
 * synced every five: that much a crash may lose.
 */
#ifndef TM_MILTER_HISTORIAN_H
#define TM_MILTER_HISTORIAN_H

#include <jansson.h>

#include "audit/history.h"

struct historian;

/* Start the thread; NULL when out of memory or threads. The history is
 * borrowed. */
struct historian *historian_start(struct history *history);

/* Write what is queued, sync, and end the thread. Afterwards nothing is
 * remembered, but other threads may still call what any thread may call. */
void historian_end(struct historian *h);

/* End the thread, if that was not done, and free everything: no other
 * thread may use h any more. */
void historian_stop(struct historian *h);

/* Any thread; h may be NULL, and then nothing happens. */

/* An accepted message: remember it if it is one to be remembered (see
 * pair_of_message()); keep is history.min. A full queue drops and counts. */
void historian_saw(struct historian *h, const struct session_facts *s,
    const struct message_facts *m, unsigned keep, int64_t now);

/*
 * Forget a domain, one of its networks (network not NULL), or everything
 * (domain NULL). fn is called exactly once, in the historian's thread, when
 * that is done and synced, at the latest from historian_end(); text is a
 * clean sentence. False, and no call of fn, when too many wait or memory
 * ran out.
 */
typedef void historian_done_fn(void *arg, bool ok, const char *text);
bool historian_forget(struct historian *h, const char *domain,
    const char *network, historian_done_fn *fn, void *arg);

/* An object of `status`; {"open": false} for NULL. */
json_t *historian_status(struct historian *h);

#endif
