/*
 * What a filter can be about: fields by their names, and words as values of their types. For the
 * parser.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "model/filter-lex.h"
#include "model/filter-tree.h"

/* What a value is compared with, and how. */
struct filter_subject {
	enum filter_field field;
	const char *key; /* of a label */
	enum filter_comparator comparator;
};

/* Finds a field, and looks whether it can be compared so. REFUSED names it and its column. */
int filter_field_find(const struct filter_lex *lex, const struct filter_member *member,
		      const struct filter_operator *operator, struct filter_subject * ret);

/* Whether a name with dots begins like a field. */
bool filter_field_begins(const struct filter_member *member);

/* Makes the comparison of a subject with a word. REFUSED where the field has no such value. */
int filter_field_term(const struct filter_lex *lex, const struct filter_subject *subject,
		      const struct filter_word *word, struct filter_term *ret);

/* Makes the search for a word that stands alone. REFUSED where it is none to look for. */
int filter_field_word(const struct filter_lex *lex, const struct filter_word *word,
		      struct filter_term *ret);
