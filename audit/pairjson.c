/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "audit/pairjson.h"

#include "util/buf.h"
#include "util/clock.h"

static json_t *time_json(int64_t t)
{
	struct buf b;
	json_t *json;

	buf_init(&b, 40);
	clock_add_time(&b, t);
	json = json_string(buf_str(&b));
	buf_clear(&b);
	return json;
}

static json_t *times_json(const struct pair *p)
{
	json_t *array = json_array();
	bool ok = array != NULL;

	for (unsigned i = 0; ok && i < p->times_n; i++)
		ok = json_array_append_new(array, time_json(p->times[i])) == 0;
	if (ok)
		return array;
	json_decref(array);
	return NULL;
}

static json_t *version_json(const struct pair *p)
{
	return p->version ? json_string(pair_version_name(p->version)) :
	    json_null();
}

json_t *pairjson_from_pair(const char *domain, const char *network,
    const struct pair *p, const struct pair_limits *limits, int64_t now,
    bool with_times)
{
	struct history_facts facts;
	json_t *o;

	pair_facts(p, limits, now, &facts);
	o = json_pack("{ss ss so so sI sI so so si sb sb sb}",
	    "domain", domain,
	    "network", network,
	    "first_seen", time_json(p->first),
	    "last_seen", time_json(p->last),
	    "tls", (json_int_t)p->tls,
	    "plaintext", (json_int_t)p->plaintext,
	    "last_tls", p->times_n ? time_json(p->times[0]) : json_null(),
	    "tls_version", version_json(p),
	    "recent_tls", (int)pair_recent(p, limits->days, now),
	    "last_plaintext", p->last_plaintext,
	    "uses_tls", facts.used_tls,
	    "downgraded", facts.used_tls && p->last_plaintext);
	if (!o || !with_times ||
	    json_object_set_new(o, "tls_times", times_json(p)) == 0)
		return o;
	json_decref(o);
	return NULL;
}

static uint32_t count_of(const json_t *object, const char *name)
{
	json_int_t n = json_integer_value(json_object_get(object, name));

	return n < 0 ? 0 : n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

void pairjson_facts(const json_t *object, const struct pair_limits *limits,
    int64_t now, struct history_facts *facts_r)
{
	const json_t *times = json_object_get(object, "tls_times");
	struct pair p = {
		.tls = count_of(object, "tls"),
		.plaintext = count_of(object, "plaintext"),
	};

	for (size_t i = 0; i < json_array_size(times) &&
	    p.times_n < PAIR_TIMES_MAX; i++) {
		const char *text = json_string_value(json_array_get(times, i));
		int64_t t;

		if (text && clock_parse_time(text, &t) && t >= 0 &&
		    t <= UINT32_MAX)
			p.times[p.times_n++] = (uint32_t)t;
	}
	pair_facts(&p, limits, now, facts_r);
}
