/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * privs - become the user of the configuration, for good.
 *
 * Only a process started as root has anything to give up; for any other
 * `user` is ignored (design §2).
 */
#ifndef TM_MILTER_PRIVS_H
#define TM_MILTER_PRIVS_H

#include <stdbool.h>
#include <sys/types.h>

struct buf;

#define PRIVS_GROUPS_MAX 64

struct privs {
	bool drop;		/* started as root: there is a change to do */
	uid_t uid;		/* who we will be, or are */
	gid_t gid;
	gid_t groups[PRIVS_GROUPS_MAX];
	int groups_n;
};

/*
 * Look the user up. As root it must exist and not be root. Its groups are
 * those of the group file, and with keep_groups also those this process
 * has now, except root's: a service manager gave them to us
 * (SupplementaryGroups=). False with a sentence in err.
 */
bool privs_find(const char *user, bool keep_groups, struct privs *p_r,
    struct buf *err);

/* Between these two, files are opened and made as that user. */
bool privs_borrow(const struct privs *p, struct buf *err);
bool privs_return(const struct privs *p, struct buf *err);

/*
 * Change groups, gid and uid, make sure that nothing is left to go back
 * to, and forbid new privileges by exec. False with a sentence in err:
 * the process must end.
 */
bool privs_drop(const struct privs *p, struct buf *err);

#endif
