/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <errno.h>
#include <unistd.h>

#include "conf/conf.h"
#include "milter/monitor-internal.h"
#include "milter/notify.h"
#include "milter/proto.h"
#include "milter/wire.h"
#include "util/log.h"
#include "util/loop.h"
#include "util/pack.h"
#include "util/str.h"

/* The frontend parses the file in milliseconds; this is for one that
 * hangs. */
#define LIMIT_MS 10000
#define MESSAGES_MAX 60000

/* Tell the frontend how the reload it asked for went. */
static void answer(struct monitor *m, bool ok)
{
	struct buf msg;

	if (!m->frontend.wire)
		return;
	buf_init(&msg, MESSAGES_MAX + 100);
	pack_u8(&msg, ok);
	pack_str(&msg, buf_str(&m->reload.messages));
	if (!msg.failed)
		wire_send(m->frontend.wire, MSG_RELOADED, msg.data, msg.len,
		    -1);
	buf_clear(&msg);
}

/* Back to idle, whatever came of it. */
static void finish(struct monitor *m, bool ok)
{
	struct reload *r = &m->reload;

	if (ok)
		log_notice("monitor", "configuration reloaded");
	else
		log_err("monitor", "reload failed, the old configuration "
		    "stays in force");
	notify_send("READY=1\nSTATUS=%s %.800s", ok ? "Serving" :
	    "The last reload failed; still serving", buf_str(&m->doors));
	if (r->asked)
		answer(m, ok);
	loop_timer_set(r->limit, -1);
	conf_unref(r->conf);
	if (r->bundle_fd >= 0)
		close(r->bundle_fd);
	r->conf = NULL;
	r->bundle_fd = -1;
	r->asked = false;
	r->state = RELOAD_IDLE;
	buf_reset(&r->messages);
	reload_resume(m);
}

static void fail(struct monitor *m, const char *why)
{
	struct buf *text = &m->reload.messages;

	log_err("monitor", "reload: %s", why);
	buf_addf(text, "%s%s", text->len ? "\n" : "", why);
	finish(m, false);
}

/* The new configuration is in force: the old one's reference goes back. */
static void commit(struct monitor *m)
{
	struct reload *r = &m->reload;
	struct conf *old = m->conf;
	int old_fd = m->bundle_fd;
	bool differs = conf_resolver_differs(old, r->conf);

	m->conf = r->conf;
	m->bundle_fd = r->bundle_fd;
	r->conf = old;
	r->bundle_fd = old_fd;
	if (m->frontend.wire)
		wire_send(m->frontend.wire, MSG_COMMIT, NULL, 0, -1);
	watchfiles_set(m);
	if (differs) {
		log_info("monitor", "replacing the resolver, its options "
		    "have changed");
		children_replace_resolver(m);
	}
	finish(m, true);
}

/* True when an answer is about what is on offer now. */
static bool is_offered(const struct monitor *m, uint32_t number)
{
	return m->reload.state == RELOAD_OFFERED && number == m->reload.number;
}

void reload_accepted(struct monitor *m, uint32_t number)
{
	if (is_offered(m, number))
		commit(m);
}

void reload_refused(struct monitor *m, uint32_t number, const char *why)
{
	if (is_offered(m, number))
		fail(m, why);
}

void reload_frontend_ended(struct monitor *m)
{
	if (m->reload.state == RELOAD_OFFERED)
		fail(m, "the frontend ended");
}

static void on_limit(void *arg)
{
	fail(arg, "the frontend does not answer");
}

/* Name what was changed in vain. */
static void report_restart_needed(struct monitor *m)
{
	struct strv names = { 0 };
	struct buf text;

	conf_restart_needed(m->start, m->reload.conf, &names);
	buf_init(&text, 1000);
	for (size_t i = 0; i < names.n; i++)
		buf_addf(&text, "%s%s", i ? ", " : "", names.v[i]);
	if (names.n) {
		log_warn("monitor", "changed, but needs a restart: %s",
		    buf_str(&text));
		buf_addf(&m->reload.messages, "%swarning: needs a restart: %s",
		    m->reload.messages.len ? "\n" : "", buf_str(&text));
	}
	buf_clear(&text);
	strv_clear(&names);
}

/* Read everything anew; false when it is no good. */
static bool read_new(struct monitor *m)
{
	struct reload *r = &m->reload;
	struct bundle *bundle = bundle_new();

	if (bundle)
		r->conf = monitor_read_conf(m, bundle, &r->messages);
	if (r->conf)
		r->bundle_fd = bundle_seal(bundle);
	bundle_free(bundle);
	if (r->conf && r->bundle_fd < 0)
		log_err("monitor", "cannot keep the configuration in memory: "
		    "%s", strerror(errno));
	return r->bundle_fd >= 0;
}

/* Let the frontend parse the same bytes. While none runs, the next one
 * will: what the monitor could parse, it can. */
static void offer(struct monitor *m)
{
	struct buf msg;
	bool sent;

	if (!m->frontend.wire) {
		commit(m);
		return;
	}
	if (++m->reload.number == 0)
		m->reload.number = 1;
	buf_init(&msg, 5000);
	pack_u32(&msg, m->reload.number);
	pack_str(&msg, m->config_file ? m->config_file : "");
	sent = !msg.failed && wire_send(m->frontend.wire, MSG_CONFIG,
	    msg.data, msg.len, m->reload.bundle_fd);
	buf_clear(&msg);
	if (!sent) {
		fail(m, "the frontend does not take it");
		return;
	}
	m->reload.state = RELOAD_OFFERED;
	loop_timer_set(m->reload.limit, LIMIT_MS);
}

/* A frontend that has just been started reads what was in force then;
 * it must be heard before it is offered anything else. */
static bool is_busy(const struct monitor *m)
{
	return m->reload.state != RELOAD_IDLE ||
	    (m->frontend.wire && !m->frontend.serving);
}

void reload_resume(struct monitor *m)
{
	struct reload *r = &m->reload;
	bool asked = r->again_asked;

	if (!r->again || is_busy(m))
		return;
	r->again = r->again_asked = false;
	reload_start(m, asked);
}

void reload_start(struct monitor *m, bool asked)
{
	struct reload *r = &m->reload;

	if (m->stopping)
		return;
	if (is_busy(m)) {
		r->again = true;
		r->again_asked |= asked;
		return;
	}
	log_notice("monitor", "reloading %s", m->config_file ?
	    m->config_file : CONF_DEFAULT_FILE);
	notify_reloading();
	r->asked = asked;
	if (!read_new(m)) {
		finish(m, false);
		return;
	}
	report_restart_needed(m);
	offer(m);
}

bool reload_init(struct monitor *m)
{
	buf_init(&m->reload.messages, MESSAGES_MAX);
	m->reload.limit = loop_timer_new(m->loop, on_limit, m);
	return m->reload.limit != NULL;
}

void reload_clear(struct monitor *m)
{
	loop_timer_free(m->reload.limit);
	conf_unref(m->reload.conf);
	if (m->reload.bundle_fd >= 0)
		close(m->reload.bundle_fd);
	buf_clear(&m->reload.messages);
}
