/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * access - the way to cache and history: through the daemon, or by oneself.
 *
 * While the daemon runs it owns state_dir, and every command goes through
 * its control socket. Otherwise the tool takes the lock of state_dir, as
 * root becomes the user who owns it, and opens the files (design §2).
 */
#ifndef TM_TOOL_ACCESS_H
#define TM_TOOL_ACCESS_H

#include <jansson.h>

#include "tool/tool.h"
#include "util/buf.h"

struct cache;
struct history;
struct control_client;

/* How long the daemon may take for an answer that needs no network, and
 * for one that does: a lookup may last as long as DNS and HTTPS allow. */
#define ACCESS_TIMEOUT_MS 10000
#define ACCESS_LOOKUP_TIMEOUT_MS 120000

enum access_mode {
	ACCESS_READ,
	ACCESS_WRITE,
	ACCESS_HISTORY,		/* the cache is not wanted: tool/pairs.h */
};

enum access_kind {
	ACCESS_DAEMON,		/* client is connected */
	ACCESS_FILES,		/* the files are ours now */
	ACCESS_NONE,		/* neither; why says it */
};

struct access {
	enum access_kind kind;
	struct control_client *client;
	struct cache *cache;	/* ACCESS_FILES; NULL: there is none yet, and
				 * it is only to be read */
	struct history *history;	/* ACCESS_FILES; pairs_open() opened it */
	int lock;
	bool daemon_runs;	/* ACCESS_NONE: … but cannot be reached */
	struct buf why;
};

/* False when the configuration is wrong: STATUS_CONFIG, complained. The
 * access is to be closed in any case. */
bool access_open(struct tool *t, enum access_mode mode,
    struct access *a_r);
void access_close(struct access *a);

/* Connect to the daemon only, for commands that are about it. */
bool access_open_daemon(struct tool *t, struct access *a_r);

/* The same for commands that cannot do without: anything but STATUS_GOOD
 * after a complaint. */
enum status access_need(struct tool *t, enum access_mode mode,
    struct access *a_r);
enum status access_need_daemon(struct tool *t, struct access *a_r);

/* As root, become the owner of state_dir or else the daemon's user, before
 * anything a stranger sent is read. False after a complaint. */
bool access_drop_root(struct tool *t);

/* Send a request; takes the reference. False after a complaint. */
bool access_send_request(struct access *a, json_t *request);

/* Send {"command": command, key: value} (key NULL: no argument); takes the
 * reference of value. False after a complaint. */
bool access_send(struct access *a, const char *command, const char *key,
    json_t *value);

/* Call fn with each {"item": …} of an answer, until its last line or until
 * fn returns false. False then, and after a complaint. */
typedef bool access_item_fn(void *arg, const json_t *item);
bool access_each_item(struct access *a, access_item_fn *fn, void *arg);

/*
 * The next line of the answer; NULL after a complaint. An answer with ok
 * false is complained about as well, unless it is a member of a list.
 */
json_t *access_receive(struct access *a, int timeout_ms);

/* Both; NULL after a complaint. */
json_t *access_call(struct access *a, const char *command, const char *key,
    json_t *value, int timeout_ms);

#endif
