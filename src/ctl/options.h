/*
 * Options from tables: one row says how an option is written, what it takes, where its value goes,
 * and what --help says of it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct option_row {
	const char *name;  /* without the dashes */
	char letter;	   /* 0 where there is no short form */
	const char *value; /* the value's name in the help, e.g. "DIR"; NULL for an option without
			      one */
	/* Stores the value: 0, -EINVAL (`expects` is told) or another negative errno. */
	int (*take)(char *value, void *field);
	size_t offset;	     /* of the field in the table's config */
	const char *expects; /* what the value must be, in words; NULL where everything goes */
	const char *help;
	/* The request's field that it sets, as a refusal names it; NULL where there is none. */
	const char *field;
	/* So many bytes of the field are cleared by an empty value, which is then not given to
	   take(); 0 where that is a value like any other. */
	size_t clears;
};

struct option_table {
	const struct option_row *rows;
	size_t n;
	void *config;
	bool *given; /* n of them, set for those that are given; NULL where nobody asks */
};

#define OPTIONS_MAX 32

/*
 * Parses the options of all tables out of argv. With `stop` it ends at the first word that is no
 * option; else the words are moved behind the options. Returns the index of the first word, or a
 * negative errno; what is wrong has then been said on stderr.
 */
int options_parse(const struct option_table *tables, size_t n_tables, bool stop, int argc,
		  char **argv);

/* Writes the help of one table. */
void options_help(const struct option_table *table, FILE *file);

/*
 * The option that sets a request's field, which may be a member of the option's, such as
 * `indexer.args[3]`. NULL where there is none.
 */
const struct option_row *options_find_field(const struct option_table *table, const char *field);

/* The usual ways to store a value; the field's type is named. */
int take_flag(char *value, void *field);    /* bool */
int take_string(char *value, void *field);  /* const char *, lent */
int take_strings(char *value, void *field); /* struct string_list */
int take_pair(char *value, void *field);    /* struct kv_list, "KEY=VALUE" */
int take_size(char *value, void *field);    /* uint64_t, bytes */
int take_count(char *value, void *field);   /* uint64_t, 1 to 2^31 - 1 */
int take_percent(char *value, void *field); /* uint32_t */
int take_span(char *value, void *field);    /* uint64_t, microseconds; not 0 */
