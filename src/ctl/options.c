/*
 * Options from tables; see options.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <assert.h>
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <stdint.h>

#include "common/util.h"
#include "ctl/options.h"
#include "ctl/value.h"

/* getopt_long() answers with this and the option's number; letters are below. */
#define FIRST_OPTION 256

struct parser {
	struct option longs[OPTIONS_MAX + 1];
	char shorts[2 * OPTIONS_MAX + 2];
	const struct option_row *rows[OPTIONS_MAX];
	void *configs[OPTIONS_MAX];
	bool *given[OPTIONS_MAX]; /* NULL where nobody asks */
	size_t n;
};

static void parser_fill(struct parser *parser, const struct option_table *tables, size_t n_tables,
			bool stop)
{
	char *p = parser->shorts;

	if (stop)
		*p++ = '+';
	for (size_t i = 0; i < n_tables; i++)
		for (size_t j = 0; j < tables[i].n; j++) {
			const struct option_row *row = &tables[i].rows[j];

			assert(parser->n < OPTIONS_MAX);
			parser->rows[parser->n] = row;
			parser->configs[parser->n] = tables[i].config;
			parser->given[parser->n] = tables[i].given ? &tables[i].given[j] : NULL;
			parser->longs[parser->n] = (struct option){
				.name = row->name,
				.has_arg = row->value ? required_argument : no_argument,
				.val = FIRST_OPTION + (int)parser->n,
			};
			parser->n++;
			if (!row->letter)
				continue;
			*p++ = row->letter;
			if (row->value)
				*p++ = ':';
		}
}

/* The number of the option that getopt_long() found. */
static size_t parser_find(const struct parser *parser, int found)
{
	size_t i;

	if (found >= FIRST_OPTION)
		return (size_t)(found - FIRST_OPTION);
	for (i = 0; i < parser->n; i++)
		if (parser->rows[i]->letter == found)
			break;
	assert(i < parser->n);
	return i;
}

static int row_take(const struct option_row *row, void *config, char *value)
{
	void *field = (char *)config + row->offset;
	int r;

	if (row->clears > 0 && isempty(value)) {
		memset(field, 0, row->clears);
		return 0;
	}
	r = row->take(value, field);
	if (r == -EINVAL)
		warnx("--%s=%s: %s is expected", row->name, value, row->expects);
	else if (r < 0)
		warnx("--%s: %s", row->name, strerror(-r));
	return r;
}

int options_parse(const struct option_table *tables, size_t n_tables, bool stop, int argc,
		  char **argv)
{
	struct parser parser = { 0 };
	int found, r;
	size_t i;

	parser_fill(&parser, tables, n_tables, stop);
	optind = 0; /* GNU: forget what an earlier call had in mind */
	while ((found = getopt_long(argc, argv, parser.shorts, parser.longs, NULL)) != -1) {
		if (found == '?')
			return -EINVAL; /* getopt_long() has said why */
		i = parser_find(&parser, found);
		r = row_take(parser.rows[i], parser.configs[i], optarg);
		if (r < 0)
			return r;
		if (parser.given[i])
			*parser.given[i] = true;
	}
	return optind;
}

void options_help(const struct option_table *table, FILE *file)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct option_row *row = &table->rows[i];
		const char letter[] = { '-', row->letter, ',', '\0' };
		char text[64];

		snprintf(text, sizeof(text), "%3s --%s%s%s", row->letter ? letter : "", row->name,
			 row->value ? "=" : "", row->value ? row->value : "");
		fprintf(file, "  %-30s %s\n", text, row->help);
	}
}

const struct option_row *options_find_field(const struct option_table *table, const char *field)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct option_row *row = &table->rows[i];
		const char *rest = row->field ? startswith(field, row->field) : NULL;

		if (rest && strchr("[.", *rest)) /* or at its end */
			return row;
	}
	return NULL;
}

int take_flag(char *value __attribute__((unused)), void *field)
{
	*(bool *)field = true;
	return 0;
}

int take_string(char *value, void *field)
{
	*(const char **)field = value;
	return 0;
}

int take_strings(char *value, void *field)
{
	return string_list_append(field, value);
}

int take_pair(char *value, void *field)
{
	return parse_key_value(value, field);
}

int take_size(char *value, void *field)
{
	return parse_size(value, field);
}

int take_count(char *value, void *field)
{
	uint64_t count;

	if (parse_uint(value, INT32_MAX, &count) < 0 || count == 0)
		return -EINVAL;
	*(uint64_t *)field = count;
	return 0;
}

int take_percent(char *value, void *field)
{
	return parse_percent(value, field);
}

int take_span(char *value, void *field)
{
	uint64_t usec;

	if (parse_span(value, &usec) < 0 || usec == 0)
		return -EINVAL;
	*(uint64_t *)field = usec;
	return 0;
}
