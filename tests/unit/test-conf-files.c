/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/conf-load.h"

static char folder[] = "/tmp/tlsmilter-conf-XXXXXX";

static const char *in_folder(const char *name)
{
	static char path[sizeof(folder) + 32];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(in_folder(name), "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	fputs(text, f);
	fclose(f);
}

static void expect_load_error(const char *file, const char *want)
{
	struct bundle *b = bundle_new();
	struct conf_messages m = { 0 };

	CU_ASSERT_PTR_NULL(conf_load(in_folder(file), b, &m));
	CU_ASSERT_EQUAL(m.n, 1);
	CHECK_CASE(want, m.n && strstr(m.v[0].text, want));
	conf_messages_clear(&m);
	bundle_free(b);
}

static void files_are_read_once_and_handed_on(void)
{
	struct bundle *b = bundle_new(), *copy;
	struct conf_messages m = { 0 };
	struct conf *c, *again;
	struct buf text;
	int fd;

	buf_init(&text, 1000);
	buf_addf(&text, "hosted_domains = {\"file:%s\"}\n"
	    "dns { dnssec = off }\n", in_folder("domains"));
	write_file("domains", "example.com\nexample.org\n");
	write_file("good.conf", buf_str(&text));
	c = conf_load(in_folder("good.conf"), b, &m);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_EQUAL(c->hosted_n, 2);
	fd = bundle_seal(b);
	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT(write(fd, "x", 1) < 0);
	CU_ASSERT_EQUAL(unlink(in_folder("domains")), 0);
	buf_reset(&text);
	copy = bundle_open(fd, &text);
	CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
	again = conf_load_bundle(in_folder("good.conf"), copy, &m);
	CU_ASSERT_PTR_NOT_NULL_FATAL(again);
	CU_ASSERT_PTR_NOT_NULL(conf_hosted(again, "example.org"));
	conf_unref(again);
	conf_unref(c);
	bundle_free(copy);
	bundle_free(b);
	buf_clear(&text);
	conf_messages_clear(&m);
	close(fd);
}

/* Some editors write one, and nobody can see it. */
static void byte_order_marks_are_ignored(void)
{
	struct bundle *b = bundle_new();
	struct conf_messages m = { 0 };
	struct conf *c;
	struct buf text;

	buf_init(&text, 1000);
	buf_addf(&text, "\xef\xbb\xbfmode = enforce\r\n"
	    "relays = {\"file:%s\"}\r\ndns { dnssec = off }\r\n",
	    in_folder("marked"));
	write_file("marked", "\xef\xbb\xbf" "192.0.2.1\r\n");
	write_file("marked.conf", buf_str(&text));
	c = conf_load(in_folder("marked.conf"), b, &m);
	CU_ASSERT_PTR_NOT_NULL(c);
	CU_ASSERT(c && !c->observe);
	conf_unref(c);
	bundle_free(b);
	buf_clear(&text);
	conf_messages_clear(&m);
}

static void unreadable_files_are_named(void)
{
	write_file("list.conf", "mode = observe\n"
	    "relays = {\"file:/nonexistent/list\"}\n");
	write_file("ca.conf", "\n\nhttps { ca_file = \"/nonexistent/ca\" }\n");
	write_file("cadir.conf", "https {\n ca_file = \"/etc\" }\n");
	write_file("fifo.conf", "relays = {\"file:/dev/null\"}\n");
	expect_load_error("nothing.conf", "/nothing.conf: No such file or "
	    "directory");
	expect_load_error(".", "not a regular file");
	expect_load_error("list.conf", "list.conf:2: cannot read "
	    "/nonexistent/list: No such file or directory");
	expect_load_error("ca.conf", "ca.conf:3: ca_file: cannot read "
	    "/nonexistent/ca: No such file or directory");
	expect_load_error("cadir.conf", "cadir.conf:2: ca_file: cannot read "
	    "/etc: Is a directory");
	expect_load_error("fifo.conf", "fifo.conf:1: cannot read /dev/null: "
	    "not a regular file");
}

static void large_files_are_refused(void)
{
	struct bundle *b = bundle_new();
	struct buf err;

	buf_init(&err, 1000);
	write_file("large", "");
	CU_ASSERT_EQUAL(truncate(in_folder("large"), BUNDLE_FILE_MAX + 1), 0);
	CU_ASSERT(!bundle_add_file(b, in_folder("large"), &err));
	CU_ASSERT_PTR_NOT_NULL(strstr(buf_str(&err), "larger than"));
	buf_clear(&err);
	bundle_free(b);
}

static void check_not_a_bundle(const char *label, const char *data,
    size_t len, bool seal)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct buf err;

	buf_init(&err, 1000);
	CU_ASSERT_FATAL(fd >= 0 && write(fd, data, len) == (ssize_t)len);
	if (seal)
		CU_ASSERT_EQUAL(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL |
		    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), 0);
	CHECK_CASE(label, bundle_open(fd, &err) == NULL);
	CHECK_CASE(label, err.len > 0);
	buf_clear(&err);
	close(fd);
}

static void damaged_bundles_are_refused(void)
{
	static const char ok[] = "tmconf1\n\1\0a\0\2\0\0\0xy";
	static const char twice[] =
	    "tmconf1\n\1\0a\0\0\0\0\0\1\0a\0\0\0\0\0";

	check_not_a_bundle("not sealed", ok, sizeof(ok) - 1, false);
	check_not_a_bundle("empty", "", 0, true);
	check_not_a_bundle("other magic", "tmconf2\n", 8, true);
	check_not_a_bundle("same path twice", twice, sizeof(twice) - 1, true);
	for (size_t i = 9; i < sizeof(ok) - 1; i++)
		check_not_a_bundle("cut short", ok, i, true);
	check_not_a_bundle("not a memfd", "", 0, false);
}

static const struct unit_test tests[] = {
	{ "files are read once and handed on",
	    files_are_read_once_and_handed_on },
	{ "byte order marks are ignored", byte_order_marks_are_ignored },
	{ "unreadable files are named", unreadable_files_are_named },
	{ "large files are refused", large_files_are_refused },
	{ "damaged bundles are refused", damaged_bundles_are_refused },
};

static void remove_folder(void)
{
	static const char *const names[] = { "domains", "good.conf",
		"list.conf", "ca.conf", "fifo.conf", "large" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(in_folder(names[i]));
	rmdir(folder);
}

int main(void)
{
	int rc;

	if (!mkdtemp(folder))
		return 1;
	rc = unit_run("conf-files", tests, sizeof(tests) / sizeof(tests[0]));
	remove_folder();
	return rc;
}
