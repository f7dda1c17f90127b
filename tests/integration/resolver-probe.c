/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * resolver-probe - run the real resolver process and play its parent and
 * the frontend.
 *
 * The first argument is a configuration file. Every other argument is a
 * question, DOMAIN[,WORD…] with the words refetch, mx, rua, private,
 * held=ID and class=N; "close=monitor" and "close=frontend" close one
 * channel once all is answered (both otherwise); "wait=TEXT" waits for a
 * status that holds TEXT before the questions. One JSON object a line for
 * each message of the resolver, and one for its end.
 */
#include "config.h"

#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf/conf.h"
#include "milter/child.h"
#include "milter/proto.h"
#include "milter/resolver.h"
#include "mtasts/answer.h"
#include "util/buf.h"
#include "util/chan.h"
#include "util/pack.h"

#define QUEUE_MAX (16 * 1024 * 1024)

struct probe {
	struct chan *control, *peer;
	pid_t pid;
	bool ready;
	const char *wait;	/* NULL: no more */
	const char *close;
	unsigned asked, answered;
};

static void print(json_t *o)
{
	json_dumpf(o, stdout, JSON_COMPACT | JSON_SORT_KEYS);
	putchar('\n');
	fflush(stdout);
	json_decref(o);
}

static void fail(const char *what)
{
	fprintf(stderr, "resolver-probe: %s\n", what);
	exit(70);
}

/* ---- questions --------------------------------------------------------- */

static void take_word(struct ask *ask, char *word)
{
	static const struct {
		const char *name;
		size_t offset;
	} flags[] = {
		{ "refetch", offsetof(struct ask, refetch) },
		{ "mx", offsetof(struct ask, want_mx) },
		{ "rua", offsetof(struct ask, want_rua) },
		{ "private", offsetof(struct ask, allow_private) },
	};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (strcmp(word, flags[i].name) == 0) {
			*(bool *)(void *)((char *)ask + flags[i].offset) =
			    true;
			return;
		}
	if (strncmp(word, "held=", 5) == 0)
		ask->held_id = word + 5;
	else if (strncmp(word, "class=", 6) == 0)
		ask->class = (enum ask_class)(word[6] - '0');
	else
		fail(word);
}

static void send_ask(struct probe *p, const char *spec)
{
	char *copy = strdup(spec), *rest = copy, *word;
	struct ask ask = { .held_id = "", .class = ASK_RECIPIENT };
	struct buf b;

	ask.domain = strsep(&rest, ",");
	while ((word = strsep(&rest, ",")))
		take_word(&ask, word);
	ask.seq = ++p->asked;
	buf_init(&b, ANSWER_MAX_PACKED);
	ask_pack(&ask, &b);
	if (b.failed || !chan_send(p->peer, MSG_ASK, b.data, b.len, -1))
		fail("cannot send a question");
	buf_clear(&b);
	free(copy);
}

/* ---- messages ---------------------------------------------------------- */

static void on_answer(struct probe *p, const void *data, size_t len)
{
	struct answer a;
	json_t *o;

	if (!answer_unpack(data, len, &a))
		fail("malformed answer");
	o = json_pack("{sssisssisisssssIsb}", "type", "answer",
	    "seq", (int)a.seq, "domain", a.domain, "outcome", (int)a.outcome,
	    "error", (int)a.error, "detail", a.detail, "id", a.id,
	    "ttl", (json_int_t)a.ttl, "secure", a.secure);
	json_object_set_new(o, "mx", json_string(a.mx));
	json_object_set_new(o, "mx_known", json_boolean(a.mx_known));
	json_object_set_new(o, "null_mx", json_boolean(a.null_mx));
	json_object_set_new(o, "rua", json_string(a.rua));
	if (a.outcome == MTASTS_FOUND) {
		json_object_set_new(o, "mode",
		    json_string(mtasts_mode_name(a.mode)));
		json_object_set_new(o, "max_age",
		    json_integer((json_int_t)a.max_age));
		json_object_set_new(o, "patterns", json_string(a.patterns));
		json_object_set_new(o, "text", json_string(a.text));
	}
	print(o);
	p->answered++;
}

static void on_log(struct probe *p, const void *data, size_t len)
{
	struct unpack u;
	unsigned priority;
	const char *line;

	(void)p;
	unpack_init(&u, data, len);
	priority = unpack_u8(&u);
	line = unpack_str(&u);
	if (!unpack_ok(&u))
		fail("malformed line");
	print(json_pack("{sssiss}", "type", "log", "priority", (int)priority,
	    "line", line));
}

static void on_status(struct probe *p, const void *data, size_t len)
{
	json_t *status = json_loadb(data, len, 0, NULL);

	if (!status)
		fail("malformed status");
	if (p->wait && memmem(data, len, p->wait, strlen(p->wait)))
		p->wait = NULL;
	print(json_pack("{ssso}", "type", "status", "status", status));
}

static void on_peer(struct probe *p, unsigned type, const void *data,
    size_t len)
{
	if (type == MSG_ANSWER)
		on_answer(p, data, len);
	else if (type == MSG_LOG)
		on_log(p, data, len);
	else if (type == MSG_RESOLVER_STATUS)
		on_status(p, data, len);
	else
		fail("unknown message");
}

/* Read one channel dry; false when the other end is gone. */
static bool drain(struct probe *p, struct chan *c)
{
	unsigned type;
	const void *data;
	size_t len;
	int fd, n;

	if (!c)
		return true;
	chan_flush(c);
	while ((n = chan_recv(c, &type, &data, &len, &fd)) > 0) {
		if (c == p->peer)
			on_peer(p, type, data, len);
		else if (type == MSG_READY)
			p->ready = true;
	}
	return n == 0;
}

/* Wait for something; false when the resolver is gone. */
static bool turn(struct probe *p)
{
	struct pollfd fds[2] = {
		{ chan_fd(p->peer), POLLIN, 0 },
		{ chan_fd(p->control), POLLIN, 0 },
	};

	if (chan_wants_write(p->peer))
		fds[0].events |= POLLOUT;
	poll(fds, 2, -1);
	return drain(p, p->peer) && drain(p, p->control);
}

/* ---- life -------------------------------------------------------------- */

static int make_bundle(const char *file)
{
	struct conf_messages messages = { .n = 0 };
	struct bundle *bundle = bundle_new();
	struct conf *conf = conf_load(file, bundle, &messages);
	int fd = conf ? bundle_seal(bundle) : -1;

	for (size_t i = 0; i < messages.n; i++)
		fprintf(stderr, "%s\n", messages.v[i].text);
	conf_messages_clear(&messages);
	conf_unref(conf);
	bundle_free(bundle);
	return fd;
}

static void start(struct probe *p, const char *file)
{
	struct child_args args = {
		.config_file = file, .state_dir = "/", .milter = "none",
		.foreground = true,
	};
	int control[2], peer[2], conf = make_bundle(file);
	struct buf err;

	if (conf < 0 || chan_pair(control) || chan_pair(peer))
		fail("cannot begin");
	buf_init(&err, 200);
	p->pid = child_spawn(CHILD_RESOLVER, &args, (struct child_fd[]){
	    { control[1], FD_CONTROL_CHANNEL }, { conf, FD_CONFIG },
	    { peer[1], FD_PEER } }, 3, &err);
	close(control[1]);
	close(peer[1]);
	close(conf);
	p->control = chan_new(control[0], QUEUE_MAX);
	p->peer = chan_new(peer[0], QUEUE_MAX);
	if (p->pid < 0 || !p->control || !p->peer)
		fail("cannot start the resolver");
	buf_clear(&err);
}

static void end(struct probe *p)
{
	int status = 0;

	if (!p->close || strcmp(p->close, "monitor") == 0) {
		chan_free(p->control);
		p->control = NULL;
	}
	if (!p->close || strcmp(p->close, "frontend") == 0) {
		chan_free(p->peer);
		p->peer = NULL;
	}
	if (waitpid(p->pid, &status, 0) != p->pid)
		fail("waitpid");
	chan_free(p->control);
	chan_free(p->peer);
	print(json_pack("{sssisi}", "type", "end", "status",
	    WIFEXITED(status) ? WEXITSTATUS(status) : -1, "signal",
	    WIFSIGNALED(status) ? WTERMSIG(status) : 0));
}

int main(int argc, char **argv)
{
	struct probe p = { .wait = NULL };
	bool alive = true;

	if (argc > 0 && strcmp(argv[0], CHILD_RESOLVER) == 0)
		return resolver_main(argc, argv);
	if (argc < 2)
		fail("no configuration");
	for (int i = 2; i < argc; i++) {
		if (strncmp(argv[i], "close=", 6) == 0)
			p.close = argv[i] + 6;
		if (strncmp(argv[i], "wait=", 5) == 0)
			p.wait = argv[i] + 5;
	}
	start(&p, argv[1]);
	while (alive && (!p.ready || p.wait))
		alive = turn(&p);
	for (int i = 2; i < argc && alive; i++)
		if (strncmp(argv[i], "close=", 6) && strncmp(argv[i],
		    "wait=", 5))
			send_ask(&p, argv[i]);
	while (alive && p.answered < p.asked)
		alive = turn(&p);
	end(&p);
	return 0;
}
