/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "tool/out.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "util/buf.h"
#include "util/clock.h"
#include "util/str.h"

#define OUT_LINE_MAX (256 * 1024)
#define WIDTH_MIN 80
#define WIDTH_MAX 100

/* The tool has one thread and one output: this is its state. */
static struct {
	FILE *file;		/* NULL: standard output */
	FILE *held;		/* memory stream between hold and release */
	char *held_text;
	size_t held_len;
	bool colour;
	bool progress;
	bool progress_shown;
	bool failed;
} out;

static const char *const colours[] = {
	[PLAIN] = "", [BOLD] = "\033[1m", [GREEN] = "\033[32m",
	[YELLOW] = "\033[33m", [RED] = "\033[31m",
};

void out_init(void)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	out.colour = isatty(STDOUT_FILENO) && (!no_color || !*no_color) &&
	    term && strcmp(term, "dumb") != 0;
	out.progress = isatty(STDERR_FILENO);
}

static FILE *out_file(void)
{
	return out.held ? out.held : out.file ? out.file : stdout;
}

unsigned out_width(void)
{
	struct winsize size = { 0 };

	if (out.file || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 ||
	    size.ws_col < WIDTH_MIN)
		return WIDTH_MIN;
	return size.ws_col > WIDTH_MAX ? WIDTH_MAX : size.ws_col;
}

bool out_to_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	out.file = fd < 0 ? NULL : fdopen(fd, "w");
	if (!out.file) {
		complain("cannot write %s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return false;
	}
	out.colour = false;
	return true;
}

void out_hold(void)
{
	out.held = open_memstream(&out.held_text, &out.held_len);
}

void out_release(bool print)
{
	if (!out.held)
		return;
	if (fclose(out.held) != 0)
		out.failed = true;
	out.held = NULL;
	if (print && !out.failed)
		fwrite(out.held_text, 1, out.held_len, out_file());
	free(out.held_text);
	out.held_text = NULL;
}

/* Append text with every byte that is not printable written as \xHH, a tab
 * as a blank; bytes above ASCII stay when the whole is clean UTF-8. */
static void clean(struct buf *b, const char *s, size_t len)
{
	if (str_is_clean_utf8(s, len)) {
		buf_add(b, s, len);
		return;
	}
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c == '\t')
			buf_addc(b, ' ');
		else if (c >= 0x20 && c < 0x7f)
			buf_addc(b, s[i]);
		else
			buf_addf(b, "\\x%02X", c);
	}
}

/* Format, clean and write, in a colour. */
static void write_clean(FILE *file, enum colour colour, const char *end,
    const char *fmt, va_list ap)
    __attribute__((format(printf, 4, 0)));
static void write_clean(FILE *file, enum colour colour, const char *end,
    const char *fmt, va_list ap)
{
	bool paint = colour != PLAIN && out.colour;
	struct buf raw, text;

	buf_init(&raw, OUT_LINE_MAX);
	buf_init(&text, OUT_LINE_MAX * 4);
	buf_vaddf(&raw, fmt, ap);
	clean(&text, buf_str(&raw), raw.len);
	if (raw.failed || text.failed ||
	    fprintf(file, "%s%s%s%s", paint ? colours[colour] : "",
		buf_str(&text), paint ? "\033[0m" : "", end) < 0)
		out.failed = true;
	buf_clear(&text);
	buf_clear(&raw);
}

void out_line(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_clean(out_file(), PLAIN, "\n", fmt, ap);
	va_end(ap);
}

void out_part(enum colour colour, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_clean(out_file(), colour, "", fmt, ap);
	va_end(ap);
}

void out_text(const char *indent, const char *text)
{
	size_t len;

	for (; *text; text += len + (text[len] == '\n')) {
		size_t shown;

		len = strcspn(text, "\n");
		shown = len && text[len - 1] == '\r' ? len - 1 : len;
		out_line("%s%.*s", indent, (int)shown, text);
	}
}

bool out_json_part(const json_t *object)
{
	bool ok = object && json_dumpf(object, out_file(), JSON_COMPACT |
	    JSON_ENSURE_ASCII | JSON_PRESERVE_ORDER) == 0;

	out.failed |= !ok;
	return ok;
}

bool out_json(json_t *object)
{
	bool ok = out_json_part(object);

	fputc('\n', out_file());
	json_decref(object);
	return ok;
}

void complain(const char *fmt, ...)
{
	va_list ap;

	out_progress_end();
	fflush(out_file());
	fputs("tlsmilter: ", stderr);
	va_start(ap, fmt);
	write_clean(stderr, PLAIN, "\n", fmt, ap);
	va_end(ap);
}

void out_progress(const char *fmt, ...)
{
	va_list ap;

	if (!out.progress)
		return;
	out_progress_end();
	va_start(ap, fmt);
	write_clean(stderr, PLAIN, "", fmt, ap);
	va_end(ap);
	fflush(stderr);
	out.progress_shown = true;
}

void out_progress_end(void)
{
	if (!out.progress_shown)
		return;
	fputs("\r\033[K", stderr);
	out.progress_shown = false;
}

void out_document_begin(const char *schema, const char *members)
{
	struct buf now;

	buf_init(&now, 40);
	clock_add_time(&now, clock_wall());
	out_line("{\"schema\":\"%s\",\"exported\":\"%s\",\"%s\":[",
	    schema, buf_str(&now), members);
	buf_clear(&now);
}

void out_document_end(size_t n)
{
	if (n)
		out_line("%s", "");
	out_line("]}");
}

void out_flush(void)
{
	fflush(out_file());
}

/* Cut what the file held behind the new content. One that nothing was
 * written to keeps its old content: no export, no loss. */
static bool cut_rest(FILE *file)
{
	off_t end = ftello(file);

	return end == 0 || (end > 0 && (ftruncate(fileno(file), end) == 0 ||
	    errno == EINVAL));
}

bool out_finish(void)
{
	FILE *file = out_file();
	bool ok;

	out_progress_end();
	ok = fflush(file) == 0 && !ferror(file) && !out.failed;
	if (ok && out.file)
		ok = cut_rest(file);
	if (!ok)
		complain("cannot write the output: %s", strerror(errno));
	if (out.file)
		fclose(out.file);
	out.file = NULL;
	return ok;
}
