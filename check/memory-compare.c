/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <string.h>

#include "check/memory-internal.h"

static const char *text_of(const json_t *o, const char *member)
{
	const char *text = json_string_value(json_object_get(o, member));

	return text ? text : "";
}

static bool has_text(const json_t *list, const char *text)
{
	size_t i;
	json_t *one;

	json_array_foreach(list, i, one)
		if (json_is_string(one) &&
		    strcmp(json_string_value(one), text) == 0)
			return true;
	return false;
}

/* ---- an address -------------------------------------------------------- */

static void compare_certificate(const json_t *was, const struct probe_tls *t,
    const struct host_facts *h, const struct address_facts *a,
    struct findings *out)
{
	const json_t *list = json_object_get(was, "certificates");
	const char *issuer = text_of(was, "issuer");
	const char *now = t->cert.issuer ? t->cert.issuer : "";

	if (json_array_size(list) == 0 || !*t->cert.sha256 ||
	    has_text(list, t->cert.sha256))
		return;
	if (*issuer && strcmp(issuer, now) != 0)
		findings_add(out, "change.issuer", CHECK_INFO, h, a,
		    "a new certificate, from %s; the last was from %s", now,
		    issuer);
	else
		findings_add(out, "change.certificate", CHECK_INFO, h, a,
		    "a new certificate, SHA-256 %.16s...", t->cert.sha256);
}

/* Names of versions sort as the versions do. */
static void compare_version(const json_t *was, const struct probe_tls *t,
    const struct host_facts *h, const struct address_facts *a,
    struct findings *out)
{
	const char *before = text_of(was, "tls");

	if (strncmp(before, "TLSv1", 5) == 0 &&
	    strcmp(t->version, before) < 0)
		findings_add(out, "change.version", CHECK_WARN, h, a,
		    "%s now, %s at the last check", t->version, before);
}

static void compare_address(const struct memory *m,
    const struct host_facts *h, const struct address_facts *a,
    struct findings *out)
{
	const json_t *was = memory_address(m, h->name, &a->addr);
	const struct probe_tls *t = memory_tls(a);
	struct memory_starttls s;

	if (!was)
		return;
	memory_starttls(m, h->name, &a->addr, &s);
	if (s.missing_since > 0 && s.offered > 0 &&
	    memory_offered(a) == ANSWER_YES)
		findings_add(out, "starttls.back", CHECK_INFO, h, a,
		    "STARTTLS is offered again");
	if (t) {
		compare_certificate(was, t, h, a, out);
		compare_version(was, t, h, a, out);
	}
}

static void compare_host(const struct memory *m, const struct host_facts *h,
    struct findings *out)
{
	if (json_is_true(json_object_get(memory_host(m, h->name), "tlsa")) &&
	    h->dane == DANE_HOST_NO_TLSA)
		findings_add(out, "change.tlsa", CHECK_WARN, h, NULL,
		    "the TLSA records are gone");
	for (size_t i = 0; i < h->n; i++)
		compare_address(m, h, &h->addresses[i], out);
}

/* ---- the domain -------------------------------------------------------- */

static bool same_patterns(const json_t *list, const struct strv *mx)
{
	if (json_array_size(list) != mx->n)
		return false;
	for (size_t i = 0; i < mx->n; i++)
		if (!has_text(list, mx->v[i]))
			return false;
	return true;
}

static void compare_found(const json_t *was, const struct check_facts *f,
    struct findings *out)
{
	const char *mode = text_of(was, "mode");
	bool same_id = strcmp(text_of(was, "id"), f->sts_id) == 0;
	bool same = strcmp(mode, mtasts_mode_name(f->sts_mode)) == 0 &&
	    json_integer_value(json_object_get(was, "max_age")) ==
	    (json_int_t)f->sts_max_age &&
	    same_patterns(json_object_get(was, "mx"), &f->sts_mx);

	if (strcmp(mode, "enforce") == 0 && f->sts_mode != MTASTS_ENFORCE)
		findings_add(out, "change.weakened", CHECK_WARN, NULL, NULL,
		    "mode %s now, enforce at the last check",
		    mtasts_mode_name(f->sts_mode));
	else if (!same || !same_id)
		findings_add(out, "change.policy", CHECK_INFO, NULL, NULL,
		    "mode %s, id %s; at the last check mode %s, id %s",
		    mtasts_mode_name(f->sts_mode), f->sts_id, mode,
		    text_of(was, "id"));
	if (!same && same_id)
		findings_add(out, "mta-sts.id", CHECK_WARN, NULL, NULL,
		    "the policy changed since the last check, its id is "
		    "still %s", f->sts_id);
}

static void compare_sts(const struct memory *m, const struct check_facts *f,
    struct findings *out)
{
	const json_t *was = json_object_get(m->note, "sts");

	if (!f->sts_asked || !json_is_object(was))
		return;
	if (f->sts == MTASTS_FOUND)
		compare_found(was, f, out);
	else if (f->sts == MTASTS_ABSENT &&
	    strcmp(text_of(was, "mode"), "enforce") == 0)
		findings_add(out, "change.weakened", CHECK_WARN, NULL, NULL,
		    "the policy is gone; at the last check it was enforce");
}

static void list_changes(const json_t *from, const json_t *to,
    const char *sign, struct finding *one, struct findings *out)
{
	size_t i;
	json_t *mx;

	json_array_foreach(from, i, mx) {
		char line[300];

		if (!json_is_string(mx) || has_text(to,
		    json_string_value(mx)))
			continue;
		snprintf(line, sizeof(line), "%s %s", sign,
		    json_string_value(mx));
		if (one && one->evidence.n < 24 &&
		    !strv_add(&one->evidence, line))
			out->failed = true;
	}
}

static void compare_mx(const struct memory *m, const struct check_facts *f,
    struct findings *out)
{
	json_t *was = json_object_get(m->note, "mx");
	struct finding *one;
	json_t *now;

	if (f->mx != MX_FOUND || !json_is_array(was) || f->mx_cut)
		return;
	if (!memory_mx(f, &now)) {
		out->failed = true;
		return;
	}
	if (!json_equal(was, now)) {
		one = findings_add(out, "change.mx", CHECK_INFO, NULL, NULL,
		    "the MX records are others than at the last check");
		list_changes(now, was, "+", one, out);
		list_changes(was, now, "-", one, out);
	}
	json_decref(now);
}

void memory_compare(const struct memory *m, const struct check_facts *f,
    struct findings *out)
{
	if (!m->known)
		return;
	for (size_t i = 0; i < f->n; i++)
		compare_host(m, &f->hosts[i], out);
	if (!f->target.is_domain)
		return;
	compare_sts(m, f, out);
	compare_mx(m, f, out);
}
