/*
 * Templates; see template.h. A template is an array of words, each a run of parts; a part is a
 * variable or a piece of the text that all words share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>

#include "common/util.h"
#include "runtime/strv.h"
#include "runtime/template.h"

#define NO_VARIABLE TEMPLATE_VARIABLES

struct part {
	enum template_variable variable; /* NO_VARIABLE: text */
	size_t offset, size;		 /* of the text */
};

struct word {
	size_t first, n;		  /* parts */
	enum template_variable condition; /* the word stands there where it is not empty */
};

struct template
{
	enum template_mode mode;
	struct word words[TEMPLATE_WORDS_MAX];
	struct part parts[TEMPLATE_PARTS_MAX];
	size_t n_words, n_parts, text_size;
	char text[]; /* all fixed text, end to end */
};

struct parser {
	const char *text;
	size_t at;
	struct template *template;
	struct complaint *complaint;
	bool in_word;
	char quote;			  /* the open one, or NUL */
	enum template_variable condition; /* of the open ${NAME:+, or NO_VARIABLE */
	size_t quote_at, condition_at;	  /* where they were opened */
	size_t condition_words;		  /* how many words there were then */
};

static const char *const variable_names[TEMPLATE_VARIABLES] = {
	[TEMPLATE_PROJECT] = "PROJECT",
	[TEMPLATE_SOURCE] = "SOURCE",
	[TEMPLATE_DIR] = "DIR",
	[TEMPLATE_SCRIPT] = "SCRIPT",
	[TEMPLATE_SCRIPT_PATH] = "SCRIPT_PATH",
	[TEMPLATE_PRESET] = "PRESET",
	[TEMPLATE_ID] = "ID",
	[TEMPLATE_NAME] = "NAME",
	[TEMPLATE_ENV_KEYS] = "ENV_KEYS",
	[TEMPLATE_ARGS] = "ARGS",
};

#define complain_at(p, at, ...) complain((p)->complaint, (unsigned)(at) + 1, __VA_ARGS__)

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Whether a word may end before this byte. */
static bool is_word_end(const struct parser *p, char c)
{
	return c == '\0' || is_blank(c) || (c == '}' && p->condition != NO_VARIABLE);
}

static int begin_word(struct parser *p)
{
	struct template *t = p->template;

	if (p->in_word)
		return 0;
	if (t->n_words == TEMPLATE_WORDS_MAX)
		return complain_at(p, p->at, "more than %d words", TEMPLATE_WORDS_MAX);
	t->words[t->n_words++] = (struct word){ .first = t->n_parts, .condition = p->condition };
	p->in_word = true;
	return 0;
}

static int add_part(struct parser *p, enum template_variable variable)
{
	struct template *t = p->template;
	int r;

	r = begin_word(p);
	if (r != 0)
		return r;
	if (t->n_parts == TEMPLATE_PARTS_MAX)
		return complain_at(p, p->at, "more than %d pieces", TEMPLATE_PARTS_MAX);
	t->parts[t->n_parts++] = (struct part){ .variable = variable, .offset = t->text_size };
	t->words[t->n_words - 1].n++;
	return 0;
}

static int add_byte(struct parser *p, char c)
{
	struct template *t = p->template;
	struct word *word = p->in_word ? &t->words[t->n_words - 1] : NULL;
	int r;

	if (!word || word->n == 0 || t->parts[t->n_parts - 1].variable != NO_VARIABLE) {
		r = add_part(p, NO_VARIABLE);
		if (r != 0)
			return r;
	}
	t->text[t->text_size++] = c;
	t->parts[t->n_parts - 1].size++;
	return 0;
}

/* Takes the name that stands at `name`; the parser stays where it is. */
static int find_variable(const struct parser *p, size_t name, size_t size,
			 enum template_variable *ret)
{
	for (size_t i = 0; i < ELEMENTSOF(variable_names); i++)
		if (strlen(variable_names[i]) == size &&
		    strncmp(variable_names[i], p->text + name, size) == 0) {
			*ret = (enum template_variable)i;
			return 0;
		}
	return complain_at(p, p->at,
			   "unknown variable ${%.*s} (known: PROJECT, SOURCE, DIR, SCRIPT, "
			   "SCRIPT_PATH, PRESET, ID, NAME, ENV_KEYS, ARGS)",
			   (int)MIN(size, (size_t)64), p->text + name);
}

static int parse_condition(struct parser *p, enum template_variable variable, size_t end)
{
	if (p->template->mode != TEMPLATE_COMMAND)
		return complain_at(p, p->at, "${NAME:+words} is for commands only");
	if (p->in_word || p->quote)
		return complain_at(p, p->at, "${NAME:+words} must be a word of its own");
	if (p->condition != NO_VARIABLE)
		return complain_at(p, p->at, "${NAME:+words} within another one");
	p->condition = variable;
	p->condition_at = p->at;
	p->condition_words = p->template->n_words;
	p->at = end;
	return 0;
}

static int parse_variable(struct parser *p)
{
	size_t name = p->at + 2, size = strspn(p->text + name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");
	size_t end = name + size;
	enum template_variable variable = NO_VARIABLE;
	int r;

	if (p->text[end] != '}' && strncmp(p->text + end, ":+", 2) != 0)
		return complain_at(p, p->at, "expected ${NAME} or ${NAME:+words}");
	r = find_variable(p, name, size, &variable);
	if (r != 0)
		return r;
	if (p->text[end] == ':')
		return parse_condition(p, variable, end + 2);
	if (variable == TEMPLATE_ARGS && (p->template->mode != TEMPLATE_COMMAND || p->in_word ||
					  p->quote || !is_word_end(p, p->text[end + 1])))
		return complain_at(p, p->at, "${ARGS} must be a word of its own, in a command");
	r = add_part(p, variable);
	p->at = end + 1;
	return r;
}

static int parse_dollar(struct parser *p)
{
	int r;

	if (p->text[p->at + 1] == '{')
		return parse_variable(p);
	if (p->text[p->at + 1] != '$')
		return complain_at(p, p->at, "a dollar is written $$, a variable ${NAME}");
	r = add_byte(p, '$');
	p->at += 2;
	return r;
}

static int parse_quote(struct parser *p, char c)
{
	p->quote_at = p->at++;
	p->quote = p->quote ? '\0' : c;
	return begin_word(p);
}

static int end_condition(struct parser *p)
{
	if (p->template->n_words == p->condition_words)
		return complain_at(p, p->condition_at, "${NAME:+} without words");
	p->in_word = false;
	p->condition = NO_VARIABLE;
	p->at++;
	if (!is_word_end(p, p->text[p->at]))
		return complain_at(p, p->at, "${NAME:+words} must be a word of its own");
	return 0;
}

/* One step inside a command: what splits it into words. */
static int parse_command_byte(struct parser *p, char c)
{
	int r;

	if (c == '\\')
		return complain_at(p, p->at, "a backslash has no meaning here; use quotes");
	if (p->quote ? c == p->quote : c == '"' || c == '\'')
		return parse_quote(p, c);
	if (!p->quote && is_blank(c)) {
		p->in_word = false;
		p->at++;
		return 0;
	}
	if (!p->quote && c == '}' && p->condition != NO_VARIABLE)
		return end_condition(p);
	r = add_byte(p, c);
	p->at++;
	return r;
}

static int parse_end(struct parser *p)
{
	if (p->quote)
		return complain_at(p, p->quote_at, "the quote %c is not closed", p->quote);
	if (p->condition != NO_VARIABLE)
		return complain_at(p, p->condition_at, "${NAME:+words} is not closed");
	if (p->template->n_words == 0)
		return complain_at(p, 0, "it is empty");
	return 0;
}

int template_parse(const char *text, enum template_mode mode, struct template **ret,
		   struct complaint *complaint)
{
	_cleanup_(template_freep) struct template *template = NULL;
	struct parser p = { .text = text, .complaint = complaint, .condition = NO_VARIABLE };
	size_t size = strnlen(text, TEMPLATE_SIZE_MAX + 1);
	int r = 0;

	if (size > TEMPLATE_SIZE_MAX)
		return complain(complaint, 0, "longer than %d bytes", TEMPLATE_SIZE_MAX);
	p.template = template = calloc(1, sizeof(*template) + size);
	if (!template)
		return -ENOMEM;
	template->mode = mode;
	if (mode == TEMPLATE_TEXT)
		r = begin_word(&p);
	while (r == 0 && text[p.at]) {
		if (text[p.at] == '$')
			r = parse_dollar(&p);
		else if (mode == TEMPLATE_COMMAND)
			r = parse_command_byte(&p, text[p.at]);
		else
			r = add_byte(&p, text[p.at]), p.at++;
	}
	if (r == 0)
		r = parse_end(&p);
	if (r != 0)
		return r;
	*ret = TAKE(template);
	return 0;
}

struct template *template_free(struct template *template)
{
	free(template);
	return NULL;
}

static bool has_part(const struct template *template, enum template_variable variable)
{
	for (size_t i = 0; i < template->n_parts; i++)
		if (template->parts[i].variable == variable)
			return true;
	return false;
}

bool template_uses(const struct template *template, enum template_variable variable)
{
	if (has_part(template, variable))
		return true;
	for (size_t i = 0; i < template->n_words; i++)
		if (template->words[i].condition == variable)
			return true;
	return false;
}

bool template_program_is(const struct template *template, enum template_variable variable)
{
	const struct word *word = &template->words[0];

	return word->n == 1 && word->condition == NO_VARIABLE &&
	       template->parts[word->first].variable == variable;
}

bool template_program_is_absolute(const struct template *template)
{
	const struct word *word = &template->words[0];
	const struct part *part = &template->parts[word->first];

	if (word->n == 0 || word->condition != NO_VARIABLE)
		return false;
	if (part->variable == NO_VARIABLE)
		return template->text[part->offset] == '/';
	return part->variable == TEMPLATE_PROJECT || part->variable == TEMPLATE_SOURCE ||
	       part->variable == TEMPLATE_SCRIPT_PATH;
}

bool template_program_is_name(const struct template *template)
{
	const struct word *word = &template->words[0];

	/* With text first, no value can make an option of it. */
	if (word->n == 0 || word->condition != NO_VARIABLE ||
	    template->parts[word->first].variable != NO_VARIABLE)
		return false;
	for (size_t i = word->first; i < word->first + word->n; i++) {
		const struct part *part = &template->parts[i];

		if (part->variable == NO_VARIABLE
			    ? memchr(template->text + part->offset, '/', part->size) != NULL
			    : part->variable != TEMPLATE_PRESET && part->variable != TEMPLATE_ID)
			return false;
	}
	return true;
}

bool template_program_is_fixed(const struct template *template)
{
	const struct word *word = &template->words[0];

	for (size_t i = word->first; i < word->first + word->n; i++)
		if (template->parts[i].variable != NO_VARIABLE)
			return false;
	return true;
}

static bool is_empty(const struct template_values *values, enum template_variable variable)
{
	return variable == TEMPLATE_ARGS ? values->n_args == 0 : !values->text[variable][0];
}

static int expand_word(const struct template *template, const struct word *word,
		       const struct template_values *values, char **ret)
{
	const struct part *parts = template->parts + word->first;
	size_t size = 0, n;
	char *s;

	for (size_t i = 0; i < word->n; i++)
		size += parts[i].variable == NO_VARIABLE ? parts[i].size
							 : strlen(values->text[parts[i].variable]);
	if (size >= TEMPLATE_WORD_MAX)
		return -E2BIG;
	s = *ret = malloc(size + 1);
	if (!s)
		return -ENOMEM;
	for (size_t i = 0; i < word->n; i++) {
		const char *from = parts[i].variable == NO_VARIABLE
					   ? template->text + parts[i].offset
					   : values->text[parts[i].variable];

		n = parts[i].variable == NO_VARIABLE ? parts[i].size : strlen(from);
		memcpy(s, from, n);
		s += n;
	}
	*s = '\0';
	return 0;
}

static int append_args(const struct template_values *values, char **argv, size_t *n)
{
	for (size_t i = 0; i < values->n_args; i++) {
		if (strnlen(values->args[i], TEMPLATE_WORD_MAX) == TEMPLATE_WORD_MAX)
			return -E2BIG;
		argv[*n] = strdup(values->args[i]);
		if (!argv[*n])
			return -ENOMEM;
		++*n;
	}
	return 0;
}

static bool is_args(const struct template *template, const struct word *word)
{
	return word->n == 1 && template->parts[word->first].variable == TEMPLATE_ARGS;
}

/* How many words there can be at most. */
static size_t count_words(const struct template *template, const struct template_values *values)
{
	size_t n = template->n_words + values->n_args;

	for (size_t i = 0; i < template->n_words; i++)
		if (is_args(template, &template->words[i]))
			n += values->n_args;
	return n;
}

int template_expand(const struct template *template, const struct template_values *values,
		    char ***ret, size_t *ret_n)
{
	_cleanup_(strv_freep) char **argv = NULL;
	size_t n = 0;
	int r = 0;

	argv = calloc(count_words(template, values) + 1, sizeof(*argv));
	if (!argv)
		return -ENOMEM;
	for (size_t i = 0; i < template->n_words && r == 0; i++) {
		const struct word *word = &template->words[i];

		if (word->condition != NO_VARIABLE && is_empty(values, word->condition))
			continue;
		if (is_args(template, word))
			r = append_args(values, argv, &n);
		else
			r = expand_word(template, word, values, &argv[n]);
		if (argv[n])
			n++;
	}
	if (r == 0 && !has_part(template, TEMPLATE_ARGS))
		r = append_args(values, argv, &n);
	if (r < 0)
		return r;
	*ret = TAKE(argv);
	*ret_n = n;
	return 0;
}

int template_expand_text(const struct template *template, const struct template_values *values,
			 char **ret)
{
	return expand_word(template, &template->words[0], values, ret);
}
