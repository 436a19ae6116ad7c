/*
 * Templates: how a runtime's command, and other texts of its file, are made for one indexer.
 *
 *	${NAME}		 the variable's value; it is never split and never read as a template
 *	${NAME:+words}	 a word of its own: the words stand there where the value is not empty
 *	${ARGS}		 a word of its own: all arguments of the definition, each one word. A
 *			 command without it gets them at its end
 *	$$		 a dollar
 *	'...' and "..."	 keep blanks together; ${NAME} acts in them too
 *
 * Words are split at blanks of the template, before anything is expanded. Pure: no I/O, no globals.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/cleanup.h"
#include "runtime/complaint.h"

/* Limits of one template: bytes, words, and pieces of text and variables in all words together. */
#define TEMPLATE_SIZE_MAX  4096
#define TEMPLATE_WORDS_MAX 64
#define TEMPLATE_PARTS_MAX 256

/* An expanded word, NUL included, is at most what the kernel takes as one argument. */
#define TEMPLATE_WORD_MAX 131072

enum template_variable {
	TEMPLATE_PROJECT,     /* absolute path of the project's directory */
	TEMPLATE_SOURCE,      /* absolute path of the project's source */
	TEMPLATE_DIR,	      /* project_dir, as it was given */
	TEMPLATE_SCRIPT,      /* script, as it was given */
	TEMPLATE_SCRIPT_PATH, /* absolute path of the script */
	TEMPLATE_PRESET,
	TEMPLATE_ID,
	TEMPLATE_NAME,	   /* indexers/ID */
	TEMPLATE_ENV_KEYS, /* names of the variables in the definition's environment, by commas */
	TEMPLATE_ARGS,	   /* no text: the arguments */
	TEMPLATE_VARIABLES,
};

/* What a template is expanded with; all texts are set (perhaps ""), but that of TEMPLATE_ARGS. */
struct template_values {
	const char *text[TEMPLATE_VARIABLES];
	char *const *args;
	size_t n_args;
};

enum template_mode {
	TEMPLATE_COMMAND, /* words, as above */
	TEMPLATE_TEXT,	  /* one word: blanks and quotes are text; only ${NAME} and $$ act */
};

struct template;

/*
 * Parses a template; 0, -ENOMEM, or MALFORMED with the column in the text, from 1. On success *ret
 * is owned by the caller.
 */
int template_parse(const char *text, enum template_mode mode, struct template **ret,
		   struct complaint *complaint);
struct template *template_free(struct template *template);
DEFINE_CLEANUP(struct template, template_free);

/* Whether the variable stands anywhere in the template. */
bool template_uses(const struct template *template, enum template_variable variable);

/* Whether the command's first word is that variable and nothing else. */
bool template_program_is(const struct template *template, enum template_variable variable);

/* Whether the command's first word is always there and always an absolute path. */
bool template_program_is_absolute(const struct template *template);

/*
 * Whether the command's first word is always there and always a name without a slash, which may end
 * with ${PRESET} or ${ID}: those have no slash either.
 */
bool template_program_is_name(const struct template *template);

/* Whether the command's first word is the same for every definition. */
bool template_program_is_fixed(const struct template *template);

/*
 * Expands a command into a NULL-terminated array, owned by the caller, of *ret_n words. 0, -ENOMEM,
 * or -E2BIG where a word is longer than TEMPLATE_WORD_MAX.
 */
int template_expand(const struct template *template, const struct template_values *values,
		    char ***ret, size_t *ret_n);

/* As template_expand(), for a text: one string. */
int template_expand_text(const struct template *template, const struct template_values *values,
			 char **ret);
