/*
 * Fields and their values; see filter-field.h. A table has the fields, and each type of value has
 * one function that reads it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "model/filter-field.h"

#include <errno.h>
#include <strings.h>

#include "common/util.h"
#include "model/rfc3339.h"
#include "model/validate.h"

#define FIELDS                                                                                     \
	"name, labels.KEY, spawned_by, runtime, script, status.state, create_time and update_time"

enum type {
	TYPE_TEXT,
	TYPE_NAME, /* indexers/ID */
	TYPE_MAP,
	TYPE_STATE,
	TYPE_TIME,
};

static const struct field {
	const char *name, *member; /* "status", "state" */
	enum filter_field field;
	enum type type;
} fields[] = {
	{ "name", NULL, FILTER_NAME, TYPE_NAME },
	{ "labels", NULL, FILTER_LABELS, TYPE_MAP },
	{ "spawned_by", NULL, FILTER_SPAWNED_BY, TYPE_NAME },
	{ "runtime", NULL, FILTER_RUNTIME, TYPE_TEXT },
	{ "script", NULL, FILTER_SCRIPT, TYPE_TEXT },
	{ "status", "state", FILTER_STATE, TYPE_STATE },
	{ "create_time", NULL, FILTER_CREATE_TIME, TYPE_TIME },
	{ "update_time", NULL, FILTER_UPDATE_TIME, TYPE_TIME },
};

static const char *const states[] = {
	[STATE_UNSPECIFIED] = "UNSPECIFIED", [STATE_STARTING] = "STARTING",
	[STATE_RUNNING] = "RUNNING",	     [STATE_BACKING_OFF] = "BACKING_OFF",
	[STATE_STOPPING] = "STOPPING",	     [STATE_STOPPED] = "STOPPED",
	[STATE_FAILED] = "FAILED",	     [STATE_DELETING] = "DELETING",
};

#define STATES "STARTING, RUNNING, BACKING_OFF, STOPPING, STOPPED, FAILED and DELETING"

int filter_state_from_name(const char *name)
{
	const char *behind = startswith(name, "STATE_");

	for (size_t i = 0; i < ELEMENTSOF(states); i++)
		if (streq(behind ? behind : name, states[i]))
			return (int)i;
	return -EINVAL;
}

const char *filter_state_name(int64_t state)
{
	assert(state >= 0 && state < (int64_t)ELEMENTSOF(states));
	return states[state];
}

static const struct field *field_by_name(const struct filter_word *word)
{
	for (size_t i = 0; i < ELEMENTSOF(fields) && !word->quoted; i++)
		if (streq(fields[i].name, word->text))
			return &fields[i];
	return NULL;
}

static enum type type_of(enum filter_field field)
{
	for (size_t i = 0; i < ELEMENTSOF(fields); i++)
		if (fields[i].field == field)
			return fields[i].type;
	assert(field == FILTER_LABEL);
	return TYPE_TEXT;
}

bool filter_field_begins(const struct filter_member *member)
{
	return member->n > 1 && field_by_name(&member->words[0]);
}

/* Looks whether a label can have that key: what can never match is a mistake. */
static int check_key(const struct filter_lex *lex, const struct filter_word *key)
{
	if (key->star)
		return filter_lex_refuse(lex, key->star, "a label's key has no *");
	if (!label_key_valid(key->text))
		return filter_lex_refuse(
			lex, key->at,
			"no label has the key '%.*s': a key is 1 to %d of A-Z a-z "
			"0-9 - _ . /, and begins and ends with a letter or a digit",
			filter_lex_shown(key->text, key->size), key->text, LABEL_KEY_MAX);
	return 0;
}

static int find_label(const struct filter_lex *lex, const struct filter_member *member,
		      struct filter_subject *subject)
{
	const struct filter_word *key = &member->words[1];
	int r;

	if (member->n > 2)
		return filter_lex_refuse(lex, member->words[2].at,
					 "a label has no fields; a key with a dot in it is quoted: "
					 "labels.\"a.b\"");
	r = check_key(lex, key);
	if (r != 0)
		return r;
	subject->field = FILTER_LABEL;
	subject->key = key->text;
	return 0;
}

/* Looks whether the words behind the first one are those of the field. */
static int check_members(const struct filter_lex *lex, const struct filter_member *member,
			 const struct field *field)
{
	const struct filter_word *words = member->words;
	size_t n = field->member ? 2 : 1;

	if (field->member && (member->n < 2 || words[1].quoted || !streq(words[1].text, "state")))
		return filter_lex_refuse(lex, words[member->n > 1].at,
					 "of %s only %s.%s can be filtered by", field->name,
					 field->name, field->member);
	if (member->n > n)
		return filter_lex_refuse(lex, words[n].at, "%s%s%s has no fields", field->name,
					 field->member ? "." : "",
					 field->member ? field->member : "");
	return 0;
}

static int check_operator(const struct filter_lex *lex, enum filter_field field,
			  const struct filter_operator *operator)
{
	enum filter_comparator comparator = operator->comparator;

	if (field == FILTER_LABELS && comparator != FILTER_COMPARE_HAS)
		return filter_lex_refuse(lex, operator->at,
					 "expected ':', as in labels:KEY; a label's value is "
					 "compared with labels.KEY = VALUE");
	if (field == FILTER_STATE && comparator != FILTER_COMPARE_HAS &&
	    comparator != FILTER_COMPARE_EQUAL)
		return filter_lex_refuse(lex, operator->at,
					 "expected = or !=: states have no order");
	return 0;
}

int filter_field_find(const struct filter_lex *lex, const struct filter_member *member,
		      const struct filter_operator *operator, struct filter_subject * ret)
{
	const struct filter_word *word = &member->words[0];
	const struct field *field = field_by_name(word);
	struct filter_subject subject = { .comparator = operator->comparator };
	int r;

	for (size_t i = 0; i < MIN(member->n, ELEMENTSOF(member->words)); i++)
		if (member->words[i].star)
			return filter_lex_refuse(lex, member->words[i].star,
						 "the name of a field or of a label has no *");
	if (word->quoted)
		return filter_lex_refuse(lex, word->at, "a field is not quoted");
	if (!field)
		return filter_lex_refuse(lex, word->at,
					 "there is no field '%.*s' to filter by; there are " FIELDS,
					 filter_lex_shown(word->text, word->size), word->text);
	subject.field = field->field;
	if (field->type == TYPE_MAP && member->n > 1)
		r = find_label(lex, member, &subject);
	else
		r = check_members(lex, member, field);
	if (r == 0)
		r = check_operator(lex, subject.field, operator);
	if (r == 0)
		*ret = subject;
	return r;
}

/* What a comparison of equality means for a word with stars. */
static enum filter_test equality_of(const struct filter_word *word)
{
	if (word->star_first)
		return word->star_last || word->size == 0 ? FILTER_CONTAINS : FILTER_ENDS;
	return word->star_last ? FILTER_BEGINS : FILTER_EQUAL;
}

static enum filter_test test_of(enum filter_comparator comparator)
{
	static const enum filter_test tests[] = {
		[FILTER_COMPARE_EQUAL] = FILTER_EQUAL,
		[FILTER_COMPARE_LESS] = FILTER_LESS,
		[FILTER_COMPARE_LESS_OR_EQUAL] = FILTER_LESS_OR_EQUAL,
		[FILTER_COMPARE_GREATER] = FILTER_GREATER,
		[FILTER_COMPARE_GREATER_OR_EQUAL] = FILTER_GREATER_OR_EQUAL,
		[FILTER_COMPARE_HAS] = FILTER_EQUAL,
	};

	return tests[comparator];
}

static int refuse_star(const struct filter_lex *lex, const struct filter_word *word,
		       const char *why)
{
	if (!word->star)
		return 0;
	return filter_lex_refuse(lex, word->star, "%s; a star itself is written \\* in quotes",
				 why);
}

static int read_text(const struct filter_lex *lex, const struct filter_word *word,
		     struct filter_term *term)
{
	const char *colon = word->quoted ? NULL : memchr(word->text, ':', word->size);

	if (colon)
		return filter_lex_refuse(lex, word->at, "a value with ':' in it is quoted");
	if (word->star_inside)
		return filter_lex_refuse(lex, word->star_inside,
					 "expected a * at the beginning or the end only; a star "
					 "itself is written \\* in quotes");
	term->text = word->text;
	term->size = word->size;
	if (term->test == FILTER_EQUAL)
		term->test = equality_of(word);
	else
		return refuse_star(lex, word, "only = != and : take a *");
	return 0;
}

/* Whether a comparison of equality with a name can be true at all. */
static bool name_possible(const struct filter_term *term)
{
	const char *id = startswith(term->text, NAME_PREFIX);

	if (term->test == FILTER_EQUAL)
		return id_valid(id) || (term->field == FILTER_SPAWNED_BY && term->size == 0);
	if (term->test == FILTER_BEGINS)
		return id || startswith(NAME_PREFIX, term->text);
	return true;
}

static int read_name(const struct filter_lex *lex, const struct filter_word *word,
		     struct filter_term *term)
{
	int r = read_text(lex, word, term);

	if (r != 0 || name_possible(term))
		return r;
	return filter_lex_refuse(
		lex, word->at, "expected a name such as \"" NAME_PREFIX "my-indexer\", not '%.*s'",
		filter_lex_shown(word->text, word->size), word->text);
}

static int read_state(const struct filter_lex *lex, const struct filter_word *word,
		      struct filter_term *term)
{
	int state = word->star ? -EINVAL : filter_state_from_name(word->text);

	if (state < 0)
		return filter_lex_refuse(lex, word->at,
					 "there is no state '%.*s'; there are " STATES,
					 filter_lex_shown(word->text, word->size), word->text);
	term->number = state;
	return 0;
}

static int read_time(const struct filter_lex *lex, const struct filter_word *word,
		     struct filter_term *term)
{
	int64_t usec;
	bool beyond;
	int r = word->star ? -EINVAL : rfc3339_parse(word->text, &usec, &beyond);

	if (r == -ERANGE)
		return filter_lex_refuse(lex, word->at, "expected a time in the years 1 to 9999");
	if (r < 0)
		return filter_lex_refuse(lex, word->at,
					 "expected a time such as 2026-01-31T12:00:00Z or "
					 "2026-01-31T12:00:00.5+02:00, not '%.*s'",
					 filter_lex_shown(word->text, word->size), word->text);
	term->number = 2 * usec + beyond;
	return 0;
}

/* labels:KEY */
static int read_key(const struct filter_lex *lex, const struct filter_word *word,
		    struct filter_term *term)
{
	term->field = FILTER_LABEL;
	term->test = FILTER_PRESENT;
	term->key = word->text;
	return check_key(lex, word);
}

int filter_field_term(const struct filter_lex *lex, const struct filter_subject *subject,
		      const struct filter_word *word, struct filter_term *ret)
{
	static int (*const readers[])(const struct filter_lex *, const struct filter_word *,
				      struct filter_term *) = {
		[TYPE_TEXT] = read_text,   [TYPE_NAME] = read_name, [TYPE_MAP] = read_key,
		[TYPE_STATE] = read_state, [TYPE_TIME] = read_time,
	};
	struct filter_term term = {
		.field = subject->field,
		.key = subject->key,
		.test = test_of(subject->comparator),
	};
	int r = 0;

	if (subject->comparator == FILTER_COMPARE_HAS && word->star && word->size == 0 &&
	    !word->star_inside)
		term.test = FILTER_PRESENT;
	else
		r = readers[type_of(subject->field)](lex, word, &term);
	if (r == 0)
		*ret = term;
	return r;
}

int filter_field_word(const struct filter_lex *lex, const struct filter_word *word,
		      struct filter_term *ret)
{
	static const char *const keywords[] = { "AND", "OR", "NOT" };

	for (size_t i = 0; i < ELEMENTSOF(keywords) && !word->quoted; i++)
		if (strcasecmp(word->text, keywords[i]) == 0)
			return filter_lex_refuse(lex, word->at,
						 "%s is written in capitals; to look for the word, "
						 "put it in quotes",
						 keywords[i]);
	if (word->star)
		return refuse_star(lex, word, "a word alone is found anywhere and takes no *");
	if (word->size == 0)
		return filter_lex_refuse(lex, word->at, "expected a word in the quotes");
	*ret = (struct filter_term){
		.field = FILTER_ANYWHERE,
		.test = FILTER_CONTAINS,
		.text = word->text,
		.size = word->size,
	};
	return 0;
}
