/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proto - messages between monitor, frontend and resolver (util/chan).
 */
#ifndef TM_MILTER_PROTO_H
#define TM_MILTER_PROTO_H

#include "milter/sockets.h"

/* frontend → resolver */
enum {
	MSG_ASK = 1,		/* struct ask, packed */
	MSG_LIST_ASK,		/* partner lists: see listmsg.h */
	MSG_LIST_MORE,
	MSG_DANE_ASK,		/* see danemsg.h */
	MSG_WATCH_ASK,		/* see watchmsg.h */
};

/* resolver → frontend */
enum {
	MSG_ANSWER = 16,	/* struct answer, packed */
	MSG_LOG,		/* u8 priority, line */
	MSG_RESOLVER_STATUS,	/* JSON text: sandbox, versions, self-test */
	MSG_LIST_ANSWER,	/* partner lists: see listmsg.h */
	MSG_LIST_PART,
	MSG_DANE_ANSWER,	/* see danemsg.h */
	MSG_WATCH_ANSWER,	/* see watchmsg.h */
};

/* monitor → child */
enum {
	MSG_CONFIG = 32,	/* u32: number of the offer, string: path;
				 * memfd: a sealed bundle */
	MSG_COMMIT,		/* use the configuration sent last */
	MSG_RESOLVER_FD,	/* memfd is the frontend's end of a new pair */
	MSG_DRAIN,		/* stop taking connections, flush, exit */
};

/* child → monitor */
enum {
	MSG_READY = 48,		/* u32: MSG_CONFIG of that number is good;
				 * 0 or nothing: started */
	MSG_REFUSED,		/* u32: number, string: why not */
	MSG_RELOAD,		/* frontend: `tlsmilter reload` was asked */
};

/* monitor → frontend: the end of a reload asked by MSG_RELOAD */
enum {
	MSG_RELOADED = 64,	/* u8 ok, string: messages */
};

/* With which the frontend ends, of sysexits.h: a file of state_dir is
 * damaged. */
enum {
	EXIT_CACHE_DAMAGED = 65,	/* EX_DATAERR */
	EXIT_HISTORY_DAMAGED = 66,	/* EX_NOINPUT */
	EXIT_CHECKS_DAMAGED = 67,	/* EX_NOUSER */
};

/* Descriptors a child finds open. */
enum {
	FD_CONTROL_CHANNEL = 3,	/* to the monitor */
	FD_CONFIG = 4,		/* sealed bundle */
	FD_PEER = 5,		/* frontend ↔ resolver */
	FD_MILTER = 6,		/* frontend: listening sockets */
	FD_CONTROL = 7,
	FD_LOCK = 8,		/* frontend: the lock of state_dir, so that it
				 * lasts until the last user of the files
				 * is gone */
	FD_SOCKETS = 9,		/* frontend: those of milter/sockets.h */
	FD_CHILD_END = FD_SOCKETS + SOCKETS_MAX,	/* none from here on */
};

#endif
