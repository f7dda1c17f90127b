/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * match - patterns for addresses, clients and listeners.
 *
 * Compiled once at load, immutable then, and so free to share by threads.
 * Address patterns: "example.com" (that domain), ".example.com" (any
 * subdomain, any depth), "user@" (that local part anywhere), a full address,
 * "<>" (the null sender). Local parts are compared without case and without
 * quoting: whoever writes "CEO"@example.com must not escape a rule about
 * ceo@example.com. Client patterns: CIDR, or ".example.com" and
 * "host.example.com" against a name the MTA confirmed.
 */
#ifndef TM_POLICY_MATCH_H
#define TM_POLICY_MATCH_H

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct session_facts;

struct addr_set;
struct addr_set *addr_set_new(void);
void addr_set_free(struct addr_set *set);
/* False with a sentence in err. */
bool addr_set_add(struct addr_set *set, const char *pattern,
    struct buf *err);
bool addr_set_is_empty(const struct addr_set *set);
/* address without <>, "" is the null sender; domain is its normalised
 * domain, NULL if none. Time does not grow with the number of patterns. */
bool addr_set_match(const struct addr_set *set, const char *address,
    const char *domain);

struct client_set;
struct client_set *client_set_new(void);
void client_set_free(struct client_set *set);
bool client_set_add(struct client_set *set, const char *pattern,
    struct buf *err);
bool client_set_is_empty(const struct client_set *set);
bool client_set_match(const struct client_set *set,
    const struct session_facts *session);

/* A port number or a {daemon_name}; names without case. False when the
 * list is empty. */
struct strv;
bool listener_match(const struct strv *listeners,
    const struct session_facts *session);

/*
 * Split an envelope address ("<a@b>", "a@b", source routes, quoted local
 * parts): address_r gets it without <> and route, cut at size; domain_r
 * (MTASTS_DOMAIN_SIZE bytes) the normalised domain, or "" if it has none.
 */
void addr_split(const char *path, char *address_r, size_t size,
    char *domain_r);

#endif
