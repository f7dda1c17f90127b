/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * no-learner - the functions of the store thread and of the services that
 * tests of doors need and that answer "nothing is known", for programs that
 * make up the rest of it.
 */
#ifndef TM_TESTS_NO_LEARNER_H
#define TM_TESTS_NO_LEARNER_H

#include "milter/learner.h"
#include "milter/services.h"

struct lists *services_lists(struct services *s)
{
	(void)s;
	return NULL;
}

enum learner_dane learner_dane(struct learner *l)
{
	(void)l;
	return LEARNER_DANE_OFF;
}

bool learner_is_out(struct learner *l)
{
	(void)l;
	return false;
}

bool learner_gave_up(struct learner *l, const char *domain)
{
	(void)l;
	(void)domain;
	return false;
}

bool learner_gave_up_dane(struct learner *l, const char *hop)
{
	(void)l;
	(void)hop;
	return false;
}

void learner_want(struct learner *l, const char *domain,
    enum ask_class class)
{
	(void)l;
	(void)domain;
	(void)class;
}

void learner_want_dane(struct learner *l, const char *hop)
{
	(void)l;
	(void)hop;
}

json_t *learner_dnssec(struct learner *l)
{
	(void)l;
	return json_null();
}

#endif
