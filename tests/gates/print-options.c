/* SPDX-License-Identifier: BSD-2-Clause */
/* Print the option table, tab-separated, for tests/gates/options.py. */
#include "config.h"

#include "conf/options.h"

int main(void)
{
	for (size_t i = 0; i < options_n; i++) {
		const struct option *o = &options[i];

		printf("%s\t%s\t%s\t%s\t%s\n", o->section, o->name,
		    o->flags & OPT_LATER ? "later" : "built",
		    option_type_name(o->type), o->def ? o->def : "");
	}
	return 0;
}
