/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "conf/outgoingjson.h"

#include "policy/partners.h"
#include "util/buf.h"
#include "util/clock.h"

/* ---- DANE -------------------------------------------------------------- */

static json_t *hosts_json(const char *list)
{
	struct danerec_host host;
	json_t *hosts = json_array();

	while (danerec_next_host(&list, &host))
		json_array_append_new(hosts, json_pack("{s:s%, s:s}", "name",
		    host.name, host.name_len, "state", host.state));
	return hosts;
}

static json_t *dane_json(const struct danerec *rec)
{
	struct buf expires;
	json_t *o;

	if (!rec)
		return json_null();
	buf_init(&expires, 40);
	clock_add_time(&expires, danerec_expires(rec));
	o = json_pack("{s:s, s:b, s:o, s:s}", "outcome", rec->validated ?
	    dane_outcome_text(rec->outcome) : "not validated", "mx_secure",
	    rec->mx_secure, "hosts", hosts_json(rec->hosts), "expires",
	    buf_str(&expires));
	buf_clear(&expires);
	return o;
}

/* ---- what comes first -------------------------------------------------- */

static json_t *destination_json(const struct tlspolicy_override *ov,
    const char *title)
{
	json_t *match = json_array();

	for (size_t i = 0; i < ov->match_n; i++)
		json_array_append_new(match, json_string(ov->match[i]));
	return json_pack("{s:s, s:s, s:s, s:o}", "source", "destination",
	    "name", title, "level", tls_level_name(ov->level), "match",
	    match);
}

static json_t *override_json(const struct conf *conf,
    const struct outgoing_known *known, const char *list)
{
	const struct tlspolicy_override *ov;
	const char *title;

	ov = conf_destination_find(conf, known->hop, &title);
	if (ov)
		return destination_json(ov, title);
	if (known->partner && list)
		return json_pack("{s:s, s:s}", "source", "list", "name",
		    list);
	return json_null();
}

/* ---- answers ----------------------------------------------------------- */

static json_t *answer_json(const struct conf *conf,
    const struct outgoing_known *known, const char *map)
{
	static const char *const words[] = {
		[SOCKETMAP_OK] = "OK",
		[SOCKETMAP_NOTFOUND] = "NOTFOUND",
		[SOCKETMAP_TEMP] = "TEMP",
	};
	struct outgoing_answer answer;
	struct buf value;
	json_t *o;

	buf_init(&value, SOCKETMAP_REPLY_MAX);
	outgoing_decide(conf, tls_dialect_of(map, strlen(map)), known,
	    &value, &answer);
	o = json_pack("{s:s, s:s, s:s?, s:s}", "map", map, "status",
	    words[answer.tls.status], "value",
	    answer.tls.status == SOCKETMAP_OK ? buf_str(&value) : NULL,
	    "reason", answer.tls.why);
	buf_clear(&value);
	return o;
}

json_t *outgoing_json(const struct conf *conf,
    const struct outgoing_known *known, const char *list)
{
	static const char *const maps[] = {
		"postfix", "QUERY", "QUERYwithTLSRPT", "sts",
	};
	json_t *answers = json_array();

	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
		if (json_array_append_new(answers, answer_json(conf, known,
		    maps[i])) != 0) {
			json_decref(answers);
			return NULL;
		}
	return json_pack("{s:s, s:o, s:o, s:o}", "next_hop",
	    known->hop->text, "override", override_json(conf, known, list),
	    "dane", dane_json(known->dane), "answers", answers);
}
