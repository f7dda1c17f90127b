/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main - tlsmilterd: the monitor, or one of its children.
 */
#include "config.h"

#include <errno.h>
#include <sysexits.h>

#include "milter/background.h"
#include "milter/child.h"
#include "milter/cmdline.h"
#include "milter/frontend.h"
#include "milter/monitor.h"
#include "milter/notify.h"
#include "milter/resolver.h"
#include "util/buf.h"
#include "util/log.h"
#include "util/str.h"

/* The same program serves as every process; its title says which. */
static const struct {
	const char *title;
	int (*main)(int argc, char **argv);
} children[] = {
	{ CHILD_FRONTEND, frontend_main },
	{ CHILD_RESOLVER, resolver_main },
};

static int print_text(void (*fn)(struct buf *))
{
	struct buf text;

	buf_init(&text, 10000);
	fn(&text);
	fputs(buf_str(&text), stdout);
	buf_clear(&text);
	return fflush(stdout) == 0 ? EX_OK : EX_IOERR;
}

static bool read_cmdline(int argc, char **argv, struct cmdline *cmd)
{
	struct buf err;
	bool ok;

	buf_init(&err, 500);
	ok = cmdline_parse(argc, argv, cmd, &err);
	if (!ok)
		fprintf(stderr, "tlsmilterd: %s; -h lists the options\n",
		    buf_str(&err));
	buf_clear(&err);
	return ok;
}

/* Without a service manager and without -f we leave the terminal. */
static int go_background(const struct cmdline *cmd)
{
	if (cmd->foreground || notify_wanted() || background_begin())
		return EX_OK;
	log_err("monitor", "cannot go to the background: %s",
	    strerror(errno));
	return EX_OSERR;
}

static int run(const struct cmdline *cmd, struct monitor *m)
{
	int status = monitor_load(m);

	if (status == EX_OK && cmd->dump)
		return monitor_dump(m);
	if (status == EX_OK && cmd->check)
		monitor_advise(m);
	if (cmd->check)
		return status;
	if (status == EX_OK)
		status = go_background(cmd);
	if (status == EX_OK)
		status = monitor_open(m);
	if (status == EX_OK)
		status = monitor_serve(m);
	return status;
}

int main(int argc, char **argv)
{
	struct cmdline cmd;
	struct monitor *m;
	int status;

	mem_keep_little();
	for (size_t i = 0; i < sizeof(children) / sizeof(children[0]); i++)
		if (argc > 0 && strcmp(argv[0], children[i].title) == 0)
			return children[i].main(argc, argv);
	log_open("tlsmilterd", LOG_MAIL);
	if (!read_cmdline(argc, argv, &cmd))
		return EX_USAGE;
	if (cmd.help)
		return print_text(cmdline_usage);
	if (cmd.version)
		return print_text(cmdline_version);
	m = monitor_new(&cmd);
	status = m ? run(&cmd, m) : EX_OSERR;
	monitor_free(m);
	return status;
}
