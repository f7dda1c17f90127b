/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The channel to the resolver. What comes out of it was made by the process
 * that reads the Internet: every message is validated, and a channel that
 * misbehaves is closed, like that of a resolver that died.
 */
#include "config.h"

#include "milter/learner-internal.h"

#include <unistd.h>

#include "milter/proto.h"
#include "util/chan.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/pack.h"

#define CHAN_QUEUE_MAX (1024 * 1024)
#define STATUS_MAX 65536
/* One turn of the loop; other work gets its turn in between. */
#define TURN 256
/* Between looks at a domain whose MX names are not known. */
#define MX_PAUSE 60

/* ---- the end of a resolver --------------------------------------------- */

void learner_resolver_close(struct learner *l)
{
	loop_io_free(l->io);
	l->io = NULL;
	chan_free(l->chan);
	l->chan = NULL;
	l->resolver_up = false;
	learner_dane_up(l, false);
}

static size_t count_asked(struct wants *wants)
{
	struct want_counts n;
	size_t asked = 0;

	wants_counts(wants, &n);
	for (size_t q = 0; q < QUEUES; q++)
		asked += n.asked[q];
	return asked;
}

/* Questions under way are asked again of the next resolver. */
static void resolver_lost(struct learner *l)
{
	size_t asked = count_asked(&l->wants) + count_asked(&l->danes);

	learner_resolver_close(l);
	learner_lists_lost(l);
	learner_watch_lost(l);
	wants_requeue_all(&l->wants);
	wants_requeue_all(&l->danes);
	l->counts.resent += asked;
	if (asked)
		log_warn("learner", "the resolver is gone; its successor will "
		    "be asked again (questions: %zu)", asked);
}

/* ---- questions --------------------------------------------------------- */

/* True when a domain must be asked about, for what the record says and for
 * why it is wanted. */
static bool is_needed(const struct want *want, const struct record *rec,
    int64_t now)
{
	if (!rec || want->asked_flags & WANT_REFETCH ||
	    fresh_due(rec, now) != FRESH_NOTHING)
		return true;
	if (now < rec->retry_after && now >= rec->checked)
		return false;
	if (want->asked_flags & WANT_LOOK)
		return true;
	return want->asked_flags & WANT_MX && !rec->mx_known &&
	    (now >= rec->checked + MX_PAUSE || now < rec->checked);
}

static void watch_channel(struct learner *l)
{
	loop_io_set(l->io, chan_wants_write(l->chan) ?
	    LOOP_READ | LOOP_WRITE : LOOP_READ);
}

bool learner_send(struct learner *l, unsigned type)
{
	return !l->message.failed && chan_send(l->chan, type,
	    l->message.data, l->message.len, -1);
}

/* Send the question; false when the channel takes no more now. */
static bool send_question(struct learner *l, struct want *want,
    const struct record *rec)
{
	static const enum ask_class classes[QUEUES] = {
		[QUEUE_CALL] = ASK_OUTBOUND,
		[QUEUE_HOSTED] = ASK_HOSTED,
		[QUEUE_OUTBOUND] = ASK_OUTBOUND,
		[QUEUE_RECIPIENT] = ASK_RECIPIENT,
		[QUEUE_SENDER] = ASK_SENDER,
		[QUEUE_REFRESH] = ASK_SENDER,
	};
	bool hosted = conf_hosted(l->conf, want->domain) != NULL;
	struct ask ask = { .seq = ++l->seq, .domain = want->domain,
		.class = hosted ? ASK_HOSTED : classes[want->asked_queue],
		.want_mx = hosted || want->asked_flags & WANT_MX ||
		    (rec && rec->mx_known),
		.want_rua = hosted,
		.allow_private = hosted };

	fresh_ask(rec, learner_now(l), &ask);
	if (want->asked_flags & WANT_REFETCH)
		ask.refetch = true;
	buf_reset(&l->message);
	ask_pack(&ask, &l->message);
	if (!learner_send(l, MSG_ASK))
		return false;
	want->seq = ask.seq;
	want->brings = (ask.want_mx ? WANT_MX : 0) |
	    (ask.refetch ? WANT_REFETCH : 0);
	l->counts.asked++;
	return true;
}

/* Nothing needs to be asked: note the use, tell who waits. */
static void already_known(struct learner *l, struct want *want)
{
	if (want->asked_flags & WANT_USE)
		learner_stamp_used(l, want->domain);
	learner_calls_result(want, true, "known already");
	learner_calls_finish(l, want);
	learner_known(l, &l->wants, want);
}

/* Handle one wanted domain; false when the channel takes no more now. */
static bool pump_one(struct learner *l, struct want *want)
{
	struct record rec;
	bool found = learner_read(l, want->domain, &rec);

	if (!is_needed(want, found ? &rec : NULL, learner_now(l))) {
		already_known(l, want);
		return true;
	}
	if (send_question(l, want, found ? &rec : NULL))
		return true;
	wants_untake(&l->wants, want);
	return false;
}

/* Ask about domains; false when the channel takes no more now. */
static bool pump_domains(struct learner *l, int64_t *wait_r)
{
	bool taken = true;

	for (unsigned n = 0; taken && n < TURN; n++) {
		int64_t now = clock_mono_ms();
		struct want *want = wants_take(&l->wants, now,
		    now + l->tuning.ask_ms, wait_r);

		if (!want)
			return true;
		taken = pump_one(l, want);
	}
	*wait_r = 0;
	return taken;
}

void learner_pump(struct learner *l)
{
	int64_t wait = 0, dane_wait = 0;
	bool taken;

	if (!l->chan)
		return;
	learner_lists_pump(l);
	learner_watch_pump(l);
	taken = pump_domains(l, &wait) && learner_dane_pump(l, &dane_wait);
	if (wait < 0 || (dane_wait >= 0 && dane_wait < wait))
		wait = dane_wait;
	/* A full channel is pumped again when it can be written; one that
	 * refuses without being full is of no use any more. */
	if (!taken && !chan_wants_write(l->chan)) {
		resolver_lost(l);
		return;
	}
	loop_timer_set(l->pump_timer, taken ? wait : -1);
	watch_channel(l);
}

/* ---- answers ----------------------------------------------------------- */

static void on_answer(struct learner *l, const void *data, size_t len)
{
	struct answer answer;
	struct want *want = NULL;

	if (answer_unpack(data, len, &answer))
		want = wants_find_asked(&l->wants, answer.domain, answer.seq);
	else if (log_limit_take(&l->misc_limit))
		log_warn("learner", "the resolver sent a malformed answer, "
		    "ignored");
	if (!want) {
		l->counts.strays++;
		return;
	}
	l->counts.answered++;
	learner_work(l, want, &answer);
}

/* A line the resolver wants logged: it cannot reach the log itself. */
static void on_line(struct learner *l, const void *data, size_t len)
{
	struct unpack u;
	unsigned priority;
	const char *line;

	unpack_init(&u, data, len);
	priority = unpack_u8(&u);
	line = unpack_str(&u);
	if (!unpack_ok(&u) || !log_limit_take(&l->line_limit)) {
		l->counts.lines_dropped++;
		return;
	}
	if (priority < LOG_ERR || priority > LOG_DEBUG)
		priority = LOG_ERR;
	log_line((int)priority, "resolver", "%s", line);
}

static void on_status(struct learner *l, const void *data, size_t len)
{
	json_t *status = len <= STATUS_MAX ?
	    json_loadb(data, len, 0, NULL) : NULL;
	json_t *old = status;

	if (json_is_object(status)) {
		learner_dane_status(l, status);
		pthread_mutex_lock(&l->lock);
		old = l->resolver_status;
		l->resolver_status = status;
		pthread_mutex_unlock(&l->lock);
	}
	json_decref(old);
}

static void on_message(struct learner *l, unsigned type, const void *data,
    size_t len)
{
	static const struct {
		unsigned type;
		void (*fn)(struct learner *l, const void *data, size_t len);
	} handlers[] = {
		{ MSG_ANSWER, on_answer },
		{ MSG_LOG, on_line },
		{ MSG_RESOLVER_STATUS, on_status },
		{ MSG_LIST_ANSWER, learner_lists_answer },
		{ MSG_LIST_PART, learner_lists_part },
		{ MSG_DANE_ANSWER, learner_dane_answer },
		{ MSG_WATCH_ANSWER, learner_watch_answer },
	};

	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
		if (handlers[i].type == type) {
			handlers[i].fn(l, data, len);
			return;
		}
	l->counts.strays++;
}

/* ---- the channel ------------------------------------------------------- */

/* Receive up to a turn of messages, and no more than one write holds; false
 * when the peer is gone. */
static bool receive(struct learner *l)
{
	for (unsigned n = 0; n < TURN && l->kept_n < LEARNER_WRITE_MAX; n++) {
		const void *data;
		size_t len;
		unsigned type;
		int passfd = -1;
		int rc = chan_recv(l->chan, &type, &data, &len, &passfd);

		if (passfd >= 0)
			close(passfd);
		if (rc <= 0)
			return rc == 0;
		on_message(l, type, data, len);
	}
	return true;
}

static void on_channel(void *arg, int fd, unsigned events)
{
	struct learner *l = arg;
	bool alive = true;

	(void)fd;
	if (events & LOOP_WRITE)
		alive = chan_flush(l->chan);
	/* What came before the end still counts. */
	if (!receive(l) || !alive)
		resolver_lost(l);
	learner_pump(l);
	learner_commit_if_wanted(l);
}

void learner_resolver_take(struct learner *l, int fd)
{
	if (l->chan)
		resolver_lost(l);
	l->chan = chan_new(fd, CHAN_QUEUE_MAX);
	if (!l->chan) {
		close(fd);
		log_err("learner", "no channel to the resolver");
		return;
	}
	l->io = loop_io_new(l->loop, fd, LOOP_READ, on_channel, l);
	if (!l->io) {
		learner_resolver_close(l);
		log_err("learner", "cannot watch the resolver");
		return;
	}
	l->resolver_up = true;
	learner_dane_up(l, true);
}

void learner_give_up_overdue(struct learner *l)
{
	struct answer none = { .outcome = MTASTS_FAILED,
		.error = MTASTS_E_TIMEOUT,
		.detail = "no answer from the resolver", .id = "",
		.patterns = "", .text = "", .mx = "", .rua = "" };
	struct want *want;

	while ((want = wants_overdue(&l->wants, clock_mono_ms()))) {
		none.domain = want->domain;
		none.seq = want->seq;
		l->counts.timeouts++;
		learner_work(l, want, &none);
	}
}
