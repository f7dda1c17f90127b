/* SPDX-License-Identifier: BSD-2-Clause */
/* Design §10: our own STARTTLS broke. */
#include "config.h"

#include "tests/unit/unit.h"
#include "policy/fuse.h"

#define AFTER 1800000
#define START 1000

static struct fuse *new_fuse(unsigned networks)
{
	struct fuse *f = fuse_new(AFTER, networks, START);

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	return f;
}

/* Plaintext from n different networks, the first in 10.first.0.0. */
static void plaintext_from(struct fuse *f, const char *listener,
    unsigned first, unsigned n)
{
	struct netaddr a;
	char text[NETADDR_TEXT];

	for (unsigned i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "10.%u.%u.7", first, i);
		CU_ASSERT_FATAL(netaddr_parse(text, &a));
		fuse_saw_plaintext(f, listener, &a, START);
	}
}

static void needs_time_and_networks(void)
{
	struct fuse *f = new_fuse(3);

	plaintext_from(f, "25", 1, 2);
	CU_ASSERT(!fuse_is_blown(f, "25", START + AFTER));
	plaintext_from(f, "25", 1, 3);
	CU_ASSERT(!fuse_is_blown(f, "25", START + AFTER - 1));
	CU_ASSERT(fuse_is_blown(f, "25", START + AFTER));
	/* another listener has its own fuse */
	CU_ASSERT(!fuse_is_blown(f, "587", START + AFTER));
	fuse_free(f);
	fuse_free(NULL);
}

static void tls_closes_it(void)
{
	struct fuse *f = new_fuse(2);

	CU_ASSERT(!fuse_saw_tls(f, "25", START));
	plaintext_from(f, "25", 1, 2);
	CU_ASSERT(fuse_is_blown(f, "25", START + AFTER));
	CU_ASSERT(fuse_saw_tls(f, "25", START + AFTER));
	CU_ASSERT(!fuse_is_blown(f, "25", START + 3 * AFTER));
	CU_ASSERT(!fuse_saw_tls(f, "25", START + 3 * AFTER));
	/* what came before that session no longer counts */
	plaintext_from(f, "25", 1, 1);
	CU_ASSERT(!fuse_is_blown(f, "25", START + 9 * AFTER));
	plaintext_from(f, "25", 2, 1);
	CU_ASSERT(fuse_is_blown(f, "25", START + 9 * AFTER));
	fuse_free(f);
}

/* One network with many addresses must not blow it. */
static void a_network_counts_once(void)
{
	static const char *const clients[] = {
		"192.0.2.1", "192.0.2.254", "::ffff:192.0.2.9",
		"2001:db8:1::1", "2001:db8:1:ffff::2",
	};
	struct fuse *f = new_fuse(3);
	struct netaddr a = { .family = AF_UNSPEC };

	for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++) {
		CU_ASSERT_FATAL(netaddr_parse(clients[i], &a));
		fuse_saw_plaintext(f, "25", &a, START);
	}
	/* a session without an address is nobody's */
	a = (struct netaddr){ .family = AF_UNSPEC };
	fuse_saw_plaintext(f, "25", &a, START);
	CU_ASSERT(!fuse_is_blown(f, "25", START + AFTER));
	CU_ASSERT_FATAL(netaddr_parse("2001:db8:2::1", &a));
	fuse_saw_plaintext(f, "25", &a, START);
	CU_ASSERT(fuse_is_blown(f, "25", START + AFTER));
	fuse_free(f);
}

static void warns_once_a_minute(void)
{
	struct fuse *f = new_fuse(1);
	int64_t now = START + AFTER;

	CU_ASSERT(!fuse_should_warn(f, "25", now));
	plaintext_from(f, "25", 1, 1);
	plaintext_from(f, "587", 1, 1);
	CU_ASSERT(fuse_should_warn(f, "25", now));
	CU_ASSERT(!fuse_should_warn(f, "25", now));
	CU_ASSERT(!fuse_should_warn(f, "25", now + 59999));
	CU_ASSERT(fuse_should_warn(f, "587", now));
	CU_ASSERT(fuse_should_warn(f, "25", now + 60000));
	CU_ASSERT(!fuse_should_warn(f, "25", now + 60001));
	/* blown again after TLS: at once */
	CU_ASSERT(fuse_saw_tls(f, "25", now + 60002));
	plaintext_from(f, "25", 1, 1);
	CU_ASSERT(!fuse_should_warn(f, "25", now + 60003));
	CU_ASSERT(fuse_should_warn(f, "25", now + 60002 + AFTER));
	fuse_free(f);
}

static void new_limits_keep_what_was_seen(void)
{
	struct fuse *f = new_fuse(2);

	plaintext_from(f, "25", 1, 3);
	CU_ASSERT(fuse_is_blown(f, "25", START + AFTER));
	fuse_set(f, AFTER, 4);
	CU_ASSERT(!fuse_is_blown(f, "25", START + AFTER));
	plaintext_from(f, "25", 1, 4);
	CU_ASSERT(fuse_is_blown(f, "25", START + AFTER));
	fuse_set(f, 2 * AFTER, 4);
	CU_ASSERT(!fuse_is_blown(f, "25", START + AFTER));
	fuse_set(f, AFTER, 0);
	CU_ASSERT(!fuse_is_blown(f, "25", START + 9 * AFTER));
	/* more than there is room for means as many as there is room for */
	fuse_set(f, AFTER, 100000);
	plaintext_from(f, "25", 1, 250);
	CU_ASSERT(!fuse_is_blown(f, "25", START + AFTER));
	plaintext_from(f, "25", 2, 250);
	CU_ASSERT(fuse_is_blown(f, "25", START + AFTER));
	fuse_free(f);
}

/* Listeners without a name, with long names, and more than there is room
 * for: all of them are watched. */
static void any_listener_is_watched(void)
{
	static const char longer[] = "a234567890123456789012345678901234567890"
	    "123456789012345678901234567890";
	struct fuse *f = new_fuse(1);
	char name[16];

	plaintext_from(f, NULL, 1, 1);
	CU_ASSERT(fuse_is_blown(f, NULL, START + AFTER));
	plaintext_from(f, longer, 1, 1);
	CU_ASSERT(fuse_is_blown(f, longer, START + AFTER));
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "listener%d", i);
		plaintext_from(f, name, 1, 1);
		CHECK_CASE(name, fuse_is_blown(f, name, START + AFTER));
	}
	/* the last ones share a slot, so TLS at one of them closes it */
	CU_ASSERT(fuse_saw_tls(f, "listener99", START + AFTER));
	CU_ASSERT(!fuse_is_blown(f, "listener98", START + AFTER));
	CU_ASSERT(fuse_is_blown(f, "listener1", START + AFTER));
	fuse_free(f);
}

static const struct unit_test tests[] = {
	{ "needs time and networks", needs_time_and_networks },
	{ "TLS closes it", tls_closes_it },
	{ "a network counts once", a_network_counts_once },
	{ "warns once a minute", warns_once_a_minute },
	{ "new limits keep what was seen", new_limits_keep_what_was_seen },
	{ "any listener is watched", any_listener_is_watched },
};

UNIT_MAIN("fuse", tests)
