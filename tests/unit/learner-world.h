/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * learner-world - a store thread, its cache, and a resolver played by the
 * test, which sees each question and says each answer.
 *
 * The wall clock is the test's; what the learner logs is kept.
 */
#ifndef TM_TESTS_LEARNER_WORLD_H
#define TM_TESTS_LEARNER_WORLD_H

#include <pthread.h>

#include "milter/learner-internal.h"
#include "tests/unit/tmpdir.h"
#include "tests/unit/unit.h"
#include "util/buf.h"

#define NOW INT64_C(1795294982)
#define ENFORCE_TEXT "version: STSv1\nmode: enforce\nmx: mx.a.example\n" \
	"max_age: 604800\n"
/* Nothing here takes a tenth as long on an idle machine. */
#define PATIENCE_MS 20000

struct world {
	struct tmpdir dir;
	struct cache *cache;
	struct learner *learner;
	struct learner_tuning tuning;
	struct chan *resolver;		/* our end; NULL: none */
	int learner_fd;			/* the other, before the start */
};

/* Prepare; change w->tuning, fill w->cache, then start. */
void world_init(struct world *w);
void world_start(struct world *w, const char *conf_text);
void world_end(struct world *w);

struct conf *world_conf(const char *text);
void world_set_now(int64_t now);
int64_t world_now(void);

/* The resolver dies; a new one takes its place. */
void world_kill_resolver(struct world *w);
void world_new_resolver(struct world *w);

/* The next message of the learner, waiting for it; its bytes are put into
 * keep. False if there is none, or it is of another type. */
bool world_next_message(struct world *w, unsigned type, struct buf *keep);

/* The next question, waiting for it; its strings live in *keep. */
bool world_next_ask(struct world *w, struct ask *ask_r, struct buf *keep);
/* The same, and true if it is about domain. */
bool world_expect_ask(struct world *w, const char *domain,
    struct ask *ask_r);
/* True when everything wanted so far has been looked at and no question
 * has come of it. */
bool world_no_ask(struct world *w);
void world_send(struct world *w, unsigned type, const void *data,
    size_t len);
/* Wait until everything sent so far has been worked on. */
bool world_settle(struct world *w);

/* An answer to a question, to be changed before it is sent. */
struct answer world_found(const struct ask *ask, const char *id);
struct answer world_outcome(const struct ask *ask,
    enum mtasts_outcome outcome, enum mtasts_error error);
void world_answer(struct world *w, const struct answer *answer);

/* Put a record in use into the cache, before the start. */
struct record world_policy(void);
void world_put(struct world *w, const char *domain,
    const struct record *rec);

/* A copy of what is cached; false if nothing is. */
struct held {
	bool found;
	struct record rec;		/* strings are "" but … */
	char id[MTASTS_ID_SIZE + 1];
	char mx[256];
};
bool world_held(struct world *w, const char *domain, struct held *held_r);

/* Wait until the condition holds; false when patience ends. */
typedef bool world_cond(struct world *w, void *arg);
bool world_wait(struct world *w, world_cond *cond, void *arg);
bool world_wait_kind(struct world *w, const char *domain,
    enum record_kind kind);
bool world_wait_id(struct world *w, const char *domain, const char *id);
/* … until the domain is no longer outstanding. */
bool world_wait_done(struct world *w, const char *domain);
bool world_wait_log(struct world *w, const char *text);

/* How many log lines hold a text. */
unsigned world_logged(const char *text);

/* A member of the status, by path: "queues.senders.dropped". */
json_int_t world_status(struct world *w, const char *path);

/* A call of the learner and its result. */
struct result {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	unsigned done;
	bool ok;
	char text[200];
};
void result_init(struct result *r);
bool world_call(struct world *w, enum learner_op op, const char *domain,
    const struct record *rec, struct result *r);
bool result_wait(struct result *r, unsigned n);

#endif
