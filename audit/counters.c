/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "audit/counters.h"

static json_t *number(const atomic_uint_fast64_t *counter)
{
	return json_integer((json_int_t)atomic_load_explicit(counter,
	    memory_order_relaxed));
}

json_t *counters_by_action(const atomic_uint_fast64_t *counters)
{
	json_t *o = json_object();

	for (enum action a = ACTION_ACCEPT; a < ACTIONS; a++)
		if (json_object_set_new(o, action_name(a),
			number(&counters[a])) != 0) {
			json_decref(o);
			return NULL;
		}
	return o;
}

json_t *counters_json(const struct counters *c)
{
	/* a failed part is NULL, and json_pack() then frees the others */
	return json_pack("{s:o, s:o, s:{s:o, s:o, s:o}, s:o, s:o, s:o, s:o,"
	    " s:o, s:o}",
	    "sessions", number(&c->sessions),
	    "messages", number(&c->messages),
	    "messages_by_tls",
	    "unknown", number(&c->by_tls[TLS_UNKNOWN]),
	    "plaintext", number(&c->by_tls[TLS_PLAINTEXT]),
	    "encrypted", number(&c->by_tls[TLS_ENCRYPTED]),
	    "recipients", counters_by_action(c->recipients),
	    "would", counters_by_action(c->would),
	    "held", number(&c->held),
	    "tagged", number(&c->tagged),
	    "forged", number(&c->forged),
	    "trouble", number(&c->trouble));
}
