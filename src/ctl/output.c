/*
 * What is written to stdout; see output.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <langinfo.h>
#include <stdarg.h>
#include <time.h>

#include "common/util.h"
#include "ctl/json.h"
#include "ctl/output.h"

/* How many bytes at p are one control character or escape sequence; 0 where p is ordinary text. */
static size_t control_length(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;
	size_t n = 2;

	if (u[0] == '\t' || (u[0] >= 0x20 && u[0] != 0x7f && u[0] != 0xc2))
		return 0;
	if (u[0] == 0xc2) /* U+0080 to U+009F: the eight-bit controls in UTF-8 */
		return u[1] >= 0x80 && u[1] <= 0x9f ? 2 : 0;
	if (u[0] != 0x1b || u[1] != '[')
		return 1;
	while (u[n] >= 0x20 && u[n] <= 0x3f) /* parameters of "ESC [ ... final" */
		n++;
	return u[n] >= 0x40 && u[n] <= 0x7e ? n + 1 : n;
}

char *clean(char *text)
{
	char *to = text;

	for (const char *from = text; *from;) {
		size_t n = control_length(from);

		if (n > 0)
			from += n;
		else
			*to++ = *from++;
	}
	*to = '\0';
	return text;
}

void print_clean(FILE *file, const char *text)
{
	if (!text)
		return;
	while (*text) {
		size_t n = control_length(text);

		if (n > 0)
			text += n;
		else
			putc(*text++, file);
	}
}

void format_time(const Google__Protobuf__Timestamp *time, char buffer[TIME_TEXT_MAX])
{
	time_t seconds = time ? time->seconds : 0;
	struct tm tm;

	if (!time || !localtime_r(&seconds, &tm) ||
	    strftime(buffer, TIME_TEXT_MAX, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		strcpy(buffer, "-");
}

const char *enum_text(const ProtobufCEnumDescriptor *descriptor, int number)
{
	const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(descriptor, number);
	/* The value 0 ends in UNSPECIFIED or UNKNOWN, and what stands before that is the prefix. */
	const ProtobufCEnumValue *zero = protobuf_c_enum_descriptor_get_value(descriptor, 0);

	if (!value || !zero)
		return "?";
	return value->name + (strrchr(zero->name, '_') + 1 - zero->name);
}

bool locale_is_utf8(void)
{
	return streq(nl_langinfo(CODESET), "UTF-8");
}

struct table {
	const char *const *titles;
	size_t n_columns;
	size_t *widths;
	char **cells;
	size_t n_cells, allocated;
};

/* Columns on the screen: all that is printed in tables is one column wide for each character. */
static size_t width_of(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

int table_new(const char *const *titles, size_t n, struct table **ret)
{
	_cleanup_(table_freep) struct table *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	table->titles = titles;
	table->n_columns = n;
	table->widths = calloc(n, sizeof(*table->widths));
	if (!table->widths)
		return -ENOMEM;
	for (size_t c = 0; c < n; c++)
		table->widths[c] = width_of(titles[c]);
	*ret = TAKE(table);
	return 0;
}

struct table *table_free(struct table *table)
{
	if (!table)
		return NULL;
	for (size_t i = 0; i < table->n_cells; i++)
		free(table->cells[i]);
	free(table->cells);
	free(table->widths);
	free(table);
	return NULL;
}

/* Makes room for one more cell. */
static int table_grow(struct table *table)
{
	size_t wanted = MAX(table->allocated * 2, (size_t)256);
	char **cells;

	if (table->n_cells < table->allocated)
		return 0;
	cells = reallocarray(table->cells, wanted, sizeof(*cells));
	if (!cells)
		return -ENOMEM;
	table->cells = cells;
	table->allocated = wanted;
	return 0;
}

int table_add(struct table *table, char *cell)
{
	size_t column = table->n_cells % table->n_columns;

	if (!cell || table_grow(table) < 0) {
		free(cell);
		return -ENOMEM;
	}
	table->cells[table->n_cells++] = clean(cell);
	table->widths[column] = MAX(table->widths[column], width_of(cell));
	return 0;
}

int table_addf(struct table *table, const char *format, ...)
{
	char *cell;
	va_list ap;
	int r;

	va_start(ap, format);
	r = vasprintf(&cell, format, ap);
	va_end(ap);
	return table_add(table, r < 0 ? NULL : cell);
}

static void print_row(const struct table *table, const char *const *cells, FILE *file)
{
	for (size_t c = 0; c + 1 < table->n_columns; c++)
		fprintf(file, "%s%*s", cells[c], (int)(table->widths[c] - width_of(cells[c]) + 2),
			"");
	fprintf(file, "%s\n", cells[table->n_columns - 1]);
}

void table_print(const struct table *table, FILE *file)
{
	print_row(table, table->titles, file);
	for (size_t i = 0; i + table->n_columns <= table->n_cells; i += table->n_columns)
		print_row(table, (const char *const *)&table->cells[i], file);
}

int print_json(const ProtobufCMessage *message)
{
	_cleanup_(json_decrefp) json_t *json = NULL;
	int r = json_from_message(message, &json);

	if (r < 0)
		return r;
	json_dumpf(json, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
	putchar('\n');
	return flush_stdout();
}

int flush_stdout(void)
{
	if (fflush(stdout) != 0)
		return -errno;
	return ferror(stdout) ? -EIO : 0;
}
