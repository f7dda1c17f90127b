/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "milter/door.h"

#include <errno.h>
#include <fcntl.h>
#include <libmilter/mfapi.h>
#include <stdatomic.h>
#include <unistd.h>

#include "milter/services.h"
#include "milter/session.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/endpoint.h"
#include "util/log.h"

#define WANTED_ACTIONS \
	(SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_QUARANTINE | SMFIF_SETSYMLIST)

/*
 * No replies are wanted where nothing is decided, and no body. DATA is kept:
 * there the queue id is known at last, and SMFIP_NODATA costs 43 ms a message
 * over TCP (design §6.10).
 */
#define WANTED_STEPS \
	(SMFIP_NR_CONN | SMFIP_NR_HELO | SMFIP_NR_HDR | SMFIP_NOEOH | \
	SMFIP_NOBODY | SMFIP_NOUNKNOWN)

/* What to ask the MTA for at each stage; replaces its own list. The TLS
 * macros at MAIL are the point: see PF-MI-03. */
static const struct {
	int stage;
	const char *macros;
} symlists[] = {
	{ SMFIM_CONNECT, "j v {daemon_name} {daemon_port} {client_resolve}" },
	{ SMFIM_HELO, "{tls_version} {cipher} {cipher_bits} {cert_subject} "
	    "{cert_issuer} {verify} {cert_fp} {cert_md5}" },
	{ SMFIM_ENVFROM, "i {auth_type} {auth_authen} {tls_version} {cipher} "
	    "{cipher_bits} {cert_subject} {cert_issuer} {verify} {cert_fp} "
	    "{cert_md5}" },
	{ SMFIM_ENVRCPT, "i" },
	{ SMFIM_DATA, "i" },
	{ SMFIM_EOM, "i" },
};

/* One connection from the MTA. */
struct link {
	struct session *session;
	unsigned long steps;	/* agreed SMFIP_* */
};

static struct services *door_services;

static const char *get_macro(void *ctx, const char *name)
{
	/* libmilter takes char *, but does not write to it. */
	return smfi_getsymval(ctx, (char *)(uintptr_t)name);
}

#define MACROS(ctx) (&(struct session_macros){ get_macro, ctx })

static void link_free(struct link *link)
{
	if (!link)
		return;
	session_free(link->session);
	free(link);
}

/* Make the connection's private data; NULL when out of memory. */
static struct link *link_new(SMFICTX *ctx,
    const struct session_abilities *can, unsigned long steps)
{
	struct link *link = calloc(1, sizeof(*link));

	if (!link)
		return NULL;
	link->steps = steps;
	link->session = session_new(door_services, can);
	if (!link->session || smfi_setpriv(ctx, link) != MI_SUCCESS) {
		link_free(link);
		return NULL;
	}
	return link;
}

/* The private data; made here if the MTA is too old to negotiate. */
static struct link *link_of(SMFICTX *ctx)
{
	struct link *link = smfi_getpriv(ctx);

	if (!link)
		link = link_new(ctx, &(struct session_abilities){ 0 }, 0);
	if (!link)
		counter_add(&services_counters(door_services)->trouble, 1);
	return link;
}

/* CONTINUE, or NOREPLY where that was agreed for this step. */
static sfsistat go_on(const struct link *link, unsigned long no_reply)
{
	return link && (link->steps & no_reply) ? SMFIS_NOREPLY :
	    SMFIS_CONTINUE;
}

static bool set_symlists(SMFICTX *ctx)
{
	bool ok = true;

	for (size_t i = 0; i < sizeof(symlists) / sizeof(symlists[0]); i++)
		if (smfi_setsymlist(ctx, symlists[i].stage,
		    (char *)(uintptr_t)symlists[i].macros) != MI_SUCCESS)
			ok = false;
	return ok;
}

/* Say so at most once an hour, not for each connection. */
static void warn_no_symlist(void)
{
	static atomic_int_fast64_t last = -3600000;
	int_fast64_t before = last, now = clock_mono_ms();

	if (now - before < 3600000 ||
	    !atomic_compare_exchange_strong(&last, &before, now))
		return;
	log_warn("milter", "the MTA does not let us ask for TLS macros at "
	    "MAIL; sessions without them count as unknown, not plaintext");
}

static sfsistat on_negotiate(SMFICTX *ctx, unsigned long f0,
    unsigned long f1, unsigned long f2, unsigned long f3, unsigned long *pf0,
    unsigned long *pf1, unsigned long *pf2, unsigned long *pf3)
{
	struct session_abilities can = {
		.add_headers = f0 & SMFIF_ADDHDRS,
		.change_headers = f0 & SMFIF_CHGHDRS,
		.quarantine = f0 & SMFIF_QUARANTINE,
	};
	struct link *old = smfi_getpriv(ctx);

	(void)f2;
	(void)f3;
	*pf0 = f0 & WANTED_ACTIONS;
	*pf1 = f1 & WANTED_STEPS;
	*pf2 = *pf3 = 0;
	can.symlist = (f0 & SMFIF_SETSYMLIST) && set_symlists(ctx);
	smfi_setpriv(ctx, NULL);
	link_free(old);
	if (!can.symlist)
		warn_no_symlist();
	return link_new(ctx, &can, *pf1) ? SMFIS_CONTINUE : SMFIS_TEMPFAIL;
}

static sfsistat on_connect(SMFICTX *ctx, char *host, _SOCK_ADDR *addr)
{
	struct link *link = link_of(ctx);

	if (link)
		session_connect(link->session, host, (struct sockaddr *)addr,
		    MACROS(ctx));
	return go_on(link, SMFIP_NR_CONN);
}

static sfsistat on_helo(SMFICTX *ctx, char *helo)
{
	struct link *link = link_of(ctx);

	if (link)
		session_helo(link->session, helo, MACROS(ctx));
	return go_on(link, SMFIP_NR_HELO);
}

/* Set the reply; libmilter refuses one of the wrong class or form, which
 * ours never has, so a failure is logged and the MTA's own text used. */
static void set_reply(SMFICTX *ctx, const struct reply *reply)
{
	char text[2 * REPLY_TEXT_MAX + 1];

	reply_escape(reply->text, text, sizeof(text));
	if (smfi_setreply(ctx, (char *)(uintptr_t)reply->code,
	    (char *)(uintptr_t)reply->xcode, text) != MI_SUCCESS)
		log_err("milter", "libmilter refused the reply %s %s %s",
		    reply->code, reply->xcode, text);
}

static sfsistat answer(SMFICTX *ctx, enum session_answer a,
    const struct reply *reply)
{
	switch (a) {
	case SESSION_CONTINUE:
		return SMFIS_CONTINUE;
	case SESSION_TROUBLE:
		return SMFIS_TEMPFAIL;
	case SESSION_DEFER:
		set_reply(ctx, reply);
		return SMFIS_TEMPFAIL;
	case SESSION_REJECT:
		set_reply(ctx, reply);
		return SMFIS_REJECT;
	}
	return SMFIS_TEMPFAIL;
}

static sfsistat on_mail(SMFICTX *ctx, char **argv)
{
	struct link *link = link_of(ctx);

	if (!link)
		return SMFIS_TEMPFAIL;
	return answer(ctx, session_mail(link->session, argv, MACROS(ctx)),
	    NULL);
}

static sfsistat on_rcpt(SMFICTX *ctx, char **argv)
{
	struct link *link = link_of(ctx);
	struct reply reply;
	enum session_answer a;

	if (!link)
		return SMFIS_TEMPFAIL;
	a = session_rcpt(link->session, argv, MACROS(ctx), &reply);
	return answer(ctx, a, &reply);
}

static sfsistat on_data(SMFICTX *ctx)
{
	struct link *link = link_of(ctx);

	if (link)
		session_data(link->session, MACROS(ctx));
	return SMFIS_CONTINUE;
}

static sfsistat on_header(SMFICTX *ctx, char *name, char *value)
{
	struct link *link = link_of(ctx);

	if (link)
		session_header(link->session, name, value);
	return go_on(link, SMFIP_NR_HDR);
}

static bool insert(SMFICTX *ctx, enum session_field field, const char *value)
{
	return smfi_insheader(ctx, 0,
	    (char *)(uintptr_t)session_field_name(field),
	    (char *)(uintptr_t)value) == MI_SUCCESS;
}

/* Carry out the edits, the top field last so that it ends up above. */
static bool edit(SMFICTX *ctx, const struct session_edits *e)
{
	bool ok = true;

	for (size_t i = 0; i < e->deletes_n; i++)
		if (smfi_chgheader(ctx, (char *)(uintptr_t)
		    session_field_name(e->deletes[i].field),
		    e->deletes[i].index, NULL) != MI_SUCCESS)
			ok = false;
	if (e->tag && !insert(ctx, FIELD_TAG, e->tag))
		ok = false;
	if (e->ar && !insert(ctx, FIELD_AR, e->ar))
		ok = false;
	if (e->quarantine && smfi_quarantine(ctx,
	    (char *)(uintptr_t)e->quarantine) != MI_SUCCESS)
		ok = false;
	return ok;
}

static sfsistat on_eom(SMFICTX *ctx)
{
	struct link *link = link_of(ctx);
	struct session_edits edits;
	struct reply reply;
	enum session_answer a;

	if (!link)
		return SMFIS_TEMPFAIL;
	a = session_eom(link->session, MACROS(ctx), &reply, &edits);
	if (a != SESSION_CONTINUE)
		return answer(ctx, a, &reply);
	if (edit(ctx, &edits)) {
		session_accepted(link->session, &edits);
		return SMFIS_CONTINUE;
	}
	log_err("milter", "the MTA refused a header change, deferring");
	counter_add(&services_counters(door_services)->trouble, 1);
	return SMFIS_TEMPFAIL;
}

/* May come twice, or without a message (design §6.9). */
static sfsistat on_abort(SMFICTX *ctx)
{
	struct link *link = smfi_getpriv(ctx);

	if (link)
		session_abort(link->session);
	return SMFIS_CONTINUE;
}

/* May be the only callback of a connection. */
static sfsistat on_close(SMFICTX *ctx)
{
	struct link *link = smfi_getpriv(ctx);

	smfi_setpriv(ctx, NULL);
	link_free(link);
	return SMFIS_CONTINUE;
}

static struct smfiDesc door_desc = {
	.xxfi_name = (char *)(uintptr_t)"tlsmilter",
	.xxfi_version = SMFI_VERSION,
	.xxfi_flags = WANTED_ACTIONS,
	.xxfi_connect = on_connect,
	.xxfi_helo = on_helo,
	.xxfi_envfrom = on_mail,
	.xxfi_envrcpt = on_rcpt,
	.xxfi_header = on_header,
	.xxfi_eom = on_eom,
	.xxfi_abort = on_abort,
	.xxfi_close = on_close,
	.xxfi_data = on_data,
	.xxfi_negotiate = on_negotiate,
};

/* Make libmilter listen on conn; a unix socket left behind is removed. */
static bool listen_on(const char *conn, struct buf *err)
{
	if (smfi_setconn((char *)(uintptr_t)conn) != MI_SUCCESS) {
		buf_addf(err, "libmilter refuses the socket \"%s\"", conn);
		return false;
	}
	if (smfi_opensocket(true) == MI_SUCCESS)
		return true;
	buf_addf(err, "libmilter cannot listen on \"%s\": %s", conn,
	    strerror(errno));
	return false;
}

/* True when the descriptor is inherited and libmilter took it. */
static bool listen_on_fd(int fd)
{
	char conn[32];
	struct buf ignored;
	bool ok;

	if (fd < 0 || fcntl(fd, F_GETFD) < 0)
		return false;
	snprintf(conn, sizeof(conn), "fd:%d", fd);
	buf_init(&ignored, 300);
	ok = listen_on(conn, &ignored);
	if (!ok)
		log_warn("milter", "%s; binding it anew", buf_str(&ignored));
	buf_clear(&ignored);
	return ok;
}

bool door_open(struct services *services, const struct endpoint *ep, int fd,
    struct buf *err)
{
	struct buf conn;
	bool ok;

	door_services = services;
	if (smfi_register(door_desc) != MI_SUCCESS) {
		buf_adds(err, "libmilter refuses to register (its version "
		    "differs from the one this was built with?)");
		return false;
	}
	if (listen_on_fd(fd))
		return true;
	if (fd >= 0)
		close(fd);
	buf_init(&conn, 300);
	endpoint_format(ep, ENDPOINT_LIBMILTER, &conn);
	ok = listen_on(buf_str(&conn), err);
	buf_clear(&conn);
	return ok;
}

bool door_serve(void)
{
	return smfi_main() == MI_SUCCESS;
}
