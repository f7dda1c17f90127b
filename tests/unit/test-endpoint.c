/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "tests/unit/unit.h"
#include "util/endpoint.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/buf.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define LONG_PATH "/0123456789012345678901234567890123456789012345678901234" \
	"56789012345678901234567890123456789012345678901234567890"

static void spellings_are_read_and_written(void)
{
	static const struct {
		const char *text, *libmilter, *postfix;
	} cases[] = {
		/* PF-MI-09: the two spellings */
		{ "inet:8899@127.0.0.1", "inet:8899@127.0.0.1",
		    "inet:127.0.0.1:8899" },
		{ "inet:127.0.0.1:8899", "inet:8899@127.0.0.1",
		    "inet:127.0.0.1:8899" },
		{ "127.0.0.1:9893", "inet:9893@127.0.0.1",
		    "inet:127.0.0.1:9893" },
		{ "inet:localhost:25", "inet:25@127.0.0.1",
		    "inet:127.0.0.1:25" },
		{ "inet6:25@localhost", "inet6:25@[::1]", "inet:[::1]:25" },
		{ "inet6:8899@[::1]", "inet6:8899@[::1]",
		    "inet:[::1]:8899" },
		{ "inet6:8899@::1", "inet6:8899@[::1]", "inet:[::1]:8899" },
		{ "inet:[::1]:8899", "inet6:8899@[::1]", "inet:[::1]:8899" },
		{ "inet:8899@0.0.0.0", "inet:8899@0.0.0.0",
		    "inet:0.0.0.0:8899" },
		{ "unix:/run/a.sock", "unix:/run/a.sock",
		    "unix:/run/a.sock" },
		{ "local:/run/a.sock", "unix:/run/a.sock",
		    "unix:/run/a.sock" },
		{ "/run/a.sock", "unix:/run/a.sock", "unix:/run/a.sock" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct endpoint ep;
		struct buf b;

		buf_init(&b, 1000);
		CU_ASSERT_FATAL(endpoint_parse(cases[i].text, &ep, &b));
		endpoint_format(&ep, ENDPOINT_LIBMILTER, &b);
		CHECK_CASE_STR(cases[i].text, buf_str(&b),
		    cases[i].libmilter);
		buf_reset(&b);
		endpoint_format(&ep, ENDPOINT_POSTFIX, &b);
		CHECK_CASE_STR(cases[i].text, buf_str(&b), cases[i].postfix);
		buf_clear(&b);
	}
}

static void wrong_spellings_are_explained(void)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{ "", "neither PORT@HOST nor HOST:PORT" },
		{ "inet:", "neither PORT@HOST nor HOST:PORT" },
		{ "inet:8899", "neither PORT@HOST nor HOST:PORT" },
		{ "inet:::1:8899", "neither PORT@HOST nor HOST:PORT" },
		{ "inet:8899@", "a host is missing" },
		{ "inet::8899", "a host is missing" },
		{ "inet:0@127.0.0.1", "the port must be" },
		{ "inet:65536@127.0.0.1", "the port must be" },
		{ "inet:123456@127.0.0.1", "the port must be" },
		{ "inet:smtp@127.0.0.1", "the port must be" },
		{ "inet:127.0.0.1@8899", "the port must be" },
		{ "inet:8899@mail.example", "the host must be" },
		{ "inet:8899@1@2", "the host must be" },
		{ "inet6:8899@127.0.0.1", "inet6 needs an IPv6" },
		{ "unix:run/a.sock", "the path must begin" },
		{ "unix:", "the path must begin" },
		{ "unix:" LONG_PATH, "the path is too long" },
		{ "fd:3", "the host must be" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct endpoint ep;
		struct buf b;

		buf_init(&b, 1000);
		CHECK_CASE(cases[i].text,
		    !endpoint_parse(cases[i].text, &ep, &b));
		CHECK_CASE(buf_str(&b),
		    strstr(buf_str(&b), cases[i].why) != NULL);
		buf_clear(&b);
	}
}

/* A folder of its own for the sockets of one test. */
static void unix_endpoint(struct endpoint *ep, char *dir)
{
	*ep = (struct endpoint){ .kind = ENDPOINT_UNIX };
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	snprintf(ep->path, sizeof(ep->path), "%s/s", dir);
}

static void listens_on_unix_sockets(void)
{
	char dir[] = "/tmp/test-endpoint-XXXXXX";
	struct endpoint ep;
	struct stat st;
	struct buf b;
	int fd, peer, again;
	mode_t old;

	buf_init(&b, 1000);
	unix_endpoint(&ep, dir);
	CU_ASSERT_EQUAL(endpoint_connect(&ep, 1000, &b), -1);
	CU_ASSERT(strstr(buf_str(&b), "No such file") != NULL);
	fd = endpoint_listen(&ep, 0660, getgid(), &b);
	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_FATAL(lstat(ep.path, &st) == 0);
	CU_ASSERT_EQUAL(st.st_mode & 07777, 0660);
	CU_ASSERT(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	CU_ASSERT(fcntl(fd, F_GETFL) & O_NONBLOCK);
	peer = endpoint_connect(&ep, 1000, &b);
	CU_ASSERT_FATAL(peer >= 0);
	CU_ASSERT(fcntl(peer, F_GETFD) & FD_CLOEXEC);
	CU_ASSERT(!(fcntl(peer, F_GETFL) & O_NONBLOCK));
	close(peer);

	buf_reset(&b);
	CU_ASSERT_EQUAL(endpoint_listen(&ep, 0660, (gid_t)-1, &b), -1);
	CU_ASSERT(strstr(buf_str(&b), "another process answers") != NULL);

	/* a socket nobody listens on any more is replaced; the umask of the
	 * process takes nothing away */
	close(fd);
	buf_reset(&b);
	old = umask(077);
	again = endpoint_listen(&ep, 0666, (gid_t)-1, &b);
	CU_ASSERT_EQUAL(umask(old), 077);
	CU_ASSERT(again >= 0);
	CU_ASSERT_FATAL(lstat(ep.path, &st) == 0);
	CU_ASSERT_EQUAL(st.st_mode & 07777, 0666);
	close(again);
	unlink(ep.path);
	rmdir(dir);
	buf_clear(&b);
}

static void never_removes_what_is_no_socket(void)
{
	char dir[] = "/tmp/test-endpoint-XXXXXX";
	struct endpoint ep;
	struct stat st;
	struct buf b;
	int fd;

	buf_init(&b, 1000);
	unix_endpoint(&ep, dir);
	fd = open(ep.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(endpoint_listen(&ep, 0660, (gid_t)-1, &b), -1);
	CU_ASSERT(strstr(buf_str(&b), "is not a socket") != NULL);
	CU_ASSERT(lstat(ep.path, &st) == 0 && S_ISREG(st.st_mode));
	close(fd);
	unlink(ep.path);
	rmdir(dir);
	buf_reset(&b);
	CU_ASSERT_EQUAL(endpoint_listen(&ep, 0660, (gid_t)-1, &b), -1);
	CU_ASSERT(strstr(buf_str(&b), "bind: No such file") != NULL);
	buf_clear(&b);
}

/* Nobody accepts and the backlog is full: connecting ends in time. */
static void connecting_has_a_limit(void)
{
	char dir[] = "/tmp/test-endpoint-XXXXXX";
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct endpoint ep;
	struct buf b;
	int fd, first, second;

	buf_init(&b, 1000);
	unix_endpoint(&ep, dir);
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", ep.path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT(bind(fd, (struct sockaddr *)&un, sizeof(un)) == 0);
	CU_ASSERT(listen(fd, 0) == 0);
	first = endpoint_connect(&ep, 50, &b);
	CU_ASSERT(first >= 0);
	second = endpoint_connect(&ep, 50, &b);
	CU_ASSERT_EQUAL(second, -1);
	CU_ASSERT(strstr(buf_str(&b), "timed out") != NULL);
	buf_reset(&b);
	CU_ASSERT_EQUAL(endpoint_listen(&ep, 0600, (gid_t)-1, &b), -1);
	CU_ASSERT(strstr(buf_str(&b), "another process answers") != NULL);
	close(first);
	close(fd);
	unlink(ep.path);
	rmdir(dir);
	buf_clear(&b);
}

static void listens_on_addresses(const char *address)
{
	struct endpoint ep = { .kind = ENDPOINT_INET };
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct buf b;
	int fd, peer;

	buf_init(&b, 1000);
	CU_ASSERT_FATAL(netaddr_parse(address, &ep.addr));
	fd = endpoint_listen(&ep, 0, (gid_t)-1, &b);
	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT(getsockname(fd, (struct sockaddr *)&ss, &len) == 0);
	CU_ASSERT(netaddr_from_sockaddr((struct sockaddr *)&ss, &ep.addr,
	    &ep.port));
	CU_ASSERT(ep.port != 0);
	CU_ASSERT_EQUAL(endpoint_listen(&ep, 0, (gid_t)-1, &b), -1);
	CU_ASSERT(strstr(buf_str(&b), "bind: Address already in use") !=
	    NULL);
	peer = endpoint_connect(&ep, 1000, &b);
	CU_ASSERT(peer >= 0);
	close(peer);
	close(fd);
	CU_ASSERT_EQUAL(endpoint_connect(&ep, 1000, &b), -1);
	CU_ASSERT(strstr(buf_str(&b), "Connection refused") != NULL);
	buf_clear(&b);
}

static void listens_on_ipv4(void)
{
	listens_on_addresses("127.0.0.1");
}

static bool has_ipv6(void)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6,
		.sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok = fd >= 0 &&
	    bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

static void listens_on_ipv6(void)
{
	struct endpoint ep = { .kind = ENDPOINT_INET, .port = 1 };
	struct buf b;

	if (has_ipv6()) {
		listens_on_addresses("::1");
		return;
	}
	/* no ::1 on this machine: the failure must then be reported */
	buf_init(&b, 1000);
	netaddr_parse("::1", &ep.addr);
	CU_ASSERT_EQUAL(endpoint_listen(&ep, 0, (gid_t)-1, &b), -1);
	CU_ASSERT(strstr(buf_str(&b), "inet6:1@[::1]: ") != NULL);
	buf_clear(&b);
}

static const struct unit_test tests[] = {
	{ "spellings are read and written", spellings_are_read_and_written },
	{ "wrong spellings are explained", wrong_spellings_are_explained },
	{ "listens on unix sockets", listens_on_unix_sockets },
	{ "never removes what is no socket",
	    never_removes_what_is_no_socket },
	{ "connecting has a limit", connecting_has_a_limit },
	{ "listens on IPv4", listens_on_ipv4 },
	{ "listens on IPv6", listens_on_ipv6 },
};

UNIT_MAIN("endpoint", tests)
