/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "milter/privs.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "util/buf.h"

static bool has_group(const struct privs *p, gid_t gid)
{
	for (int i = 0; i < p->groups_n; i++)
		if (p->groups[i] == gid)
			return true;
	return false;
}

/* Add the groups this process has now, except root's. */
static void add_own_groups(struct privs *p)
{
	gid_t own[PRIVS_GROUPS_MAX];
	int n = getgroups(PRIVS_GROUPS_MAX, own);

	for (int i = 0; i < n && p->groups_n < PRIVS_GROUPS_MAX; i++)
		if (own[i] != 0 && !has_group(p, own[i]))
			p->groups[p->groups_n++] = own[i];
}

bool privs_find(const char *user, bool keep_groups, struct privs *p_r,
    struct buf *err)
{
	struct privs p = { .uid = getuid(), .gid = getgid() };
	const struct passwd *pw;

	if (geteuid() != 0) {
		*p_r = p;
		return true;
	}
	pw = getpwnam(user);
	if (!pw) {
		buf_addf(err, "user \"%s\" does not exist; make it, or name "
		    "another with `user` or -u", user);
		return false;
	}
	if (pw->pw_uid == 0) {
		buf_addf(err, "user \"%s\" is root; name another with `user` "
		    "or -u", user);
		return false;
	}
	p.drop = true;
	p.uid = pw->pw_uid;
	p.gid = pw->pw_gid;
	p.groups_n = PRIVS_GROUPS_MAX;
	if (getgrouplist(user, p.gid, p.groups, &p.groups_n) < 0) {
		buf_addf(err, "user \"%s\" is in more than %d groups", user,
		    PRIVS_GROUPS_MAX);
		return false;
	}
	if (keep_groups)
		add_own_groups(&p);
	*p_r = p;
	return true;
}

bool privs_borrow(const struct privs *p, struct buf *err)
{
	if (!p->drop)
		return true;
	if (setegid(p->gid) == 0 && seteuid(p->uid) == 0)
		return true;
	buf_addf(err, "cannot act as uid %d: %s", (int)p->uid,
	    strerror(errno));
	return false;
}

bool privs_return(const struct privs *p, struct buf *err)
{
	if (!p->drop)
		return true;
	if (seteuid(0) == 0 && setegid(0) == 0)
		return true;
	buf_addf(err, "cannot act as root again: %s", strerror(errno));
	return false;
}

/* True when all ids are the new ones and root is out of reach. */
static bool dropped(const struct privs *p)
{
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;

	if (getresuid(&ruid, &euid, &suid) != 0 ||
	    getresgid(&rgid, &egid, &sgid) != 0)
		return false;
	return ruid == p->uid && euid == p->uid && suid == p->uid &&
	    rgid == p->gid && egid == p->gid && sgid == p->gid &&
	    setuid(0) != 0 && seteuid(0) != 0;
}

bool privs_drop(const struct privs *p, struct buf *err)
{
	if (p->drop && (setgroups((size_t)p->groups_n, p->groups) != 0 ||
	    setresgid(p->gid, p->gid, p->gid) != 0 ||
	    setresuid(p->uid, p->uid, p->uid) != 0)) {
		buf_addf(err, "cannot become uid %d: %s", (int)p->uid,
		    strerror(errno));
		return false;
	}
	if (p->drop && !dropped(p)) {
		buf_adds(err, "root privileges did not go away");
		return false;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
		buf_addf(err, "cannot forbid new privileges: %s",
		    strerror(errno));
		return false;
	}
	return true;
}
