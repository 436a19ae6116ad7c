/*
 * The reader of ini text; see ini.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/util.h"
#include "runtime/ini.h"

#define BLANKS " \t\r"

int ini_begin(struct ini *ini, char *text, size_t size, struct complaint *complaint)
{
	const char *nul = memchr(text, '\0', size);

	*ini = (struct ini){ .next = text };
	if (!nul)
		return 0;
	complaint->line = 1;
	for (const char *p = text; p < nul; p++)
		complaint->line += *p == '\n';
	return complain(complaint, 0, "the file holds a NUL byte");
}

/* Cuts the next line off, with those that a backslash joins to it. NULL at the end. */
static char *take_line(struct ini *ini)
{
	char *line = ini->next, *end;
	unsigned joined = 0;

	if (!line)
		return NULL;
	ini->line++;
	for (end = line; (end = strchr(end, '\n')); joined++) {
		if (end == line || end[-1] != '\\' || line[strspn(line, BLANKS)] == '#' ||
		    line[strspn(line, BLANKS)] == ';')
			break;
		end[-1] = end[0] = ' ';
	}
	if (end)
		*end = '\0';
	ini->next = end ? end + 1 : NULL;
	ini->line += joined;
	return line;
}

/* Skips the blanks at the front and cuts those at the end. */
static char *strip(char *s)
{
	size_t n;

	s += strspn(s, BLANKS);
	for (n = strlen(s); n > 0 && strchr(BLANKS, s[n - 1]); n--)
		s[n - 1] = '\0';
	return s;
}

static int take_section(struct ini *ini, char *line, struct complaint *complaint)
{
	char *end = strchr(line, ']');

	if (!end)
		return complain(complaint, 0, "the section's header has no ]");
	if (end[1])
		return complain(complaint, 0, "there is text after the section's header");
	if (end == line + 1)
		return complain(complaint, 0, "the section has no name");
	*end = '\0';
	ini->section = line + 1;
	return 0;
}

static int take_entry(const struct ini *ini, const char *start, char *line, struct ini_entry *entry,
		      struct complaint *complaint)
{
	char *equals = strchr(line, '='), *value;

	if (!equals)
		return complain(complaint, 0, "expected KEY=VALUE, a [section] or a comment");
	*equals = '\0';
	value = strip(equals + 1);
	entry->key = strip(line);
	if (!entry->key[0])
		return complain(complaint, 0, "there is no key before the =");
	if (!ini->section)
		return complain(complaint, 0, "%s= stands before the first [section]", entry->key);
	entry->section = ini->section;
	entry->value = value;
	entry->column = (unsigned)(value - start) + 1;
	return 0;
}

int ini_next(struct ini *ini, struct ini_entry *ret, struct complaint *complaint)
{
	struct ini_entry entry = {};
	unsigned first = ini->line + 1;
	char *start, *line;
	int r = 0;

	for (; !entry.key && (start = take_line(ini)); first = ini->line + 1) {
		line = strip(start);
		complaint->line = entry.line = first;
		if (*line == '\0' || *line == '#' || *line == ';')
			continue;
		if (*line == '[')
			r = take_section(ini, line, complaint);
		else
			r = take_entry(ini, start, line, &entry, complaint);
		if (r != 0)
			return r;
	}
	*ret = entry;
	return 0;
}
