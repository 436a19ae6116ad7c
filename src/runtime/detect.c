/*
 * Detects= and Preset= of a runtime's file; see detect.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>

#include "common/util.h"
#include "model/validate.h"
#include "runtime/detect.h"

#define BLANKS	   " \t"
#define VARIABLE   "${PRESET}"
#define WORD_BYTES "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"

static const struct {
	const char *prefix;
	enum condition_kind kind;
} kinds[] = {
	{ "script:", CONDITION_SCRIPT },
	{ "file:", CONDITION_FILE },
	{ "text:", CONDITION_TEXT },
};

/* A relative path that cannot lead out of the project by its text. */
static bool is_inner_path(const char *path, size_t size)
{
	if (path[0] == '/')
		return false;
	for (size_t at = 0, n; at < size; at += n + 1) {
		n = MIN(strcspn(path + at, "/"), size - at);
		if (n == 0 || (n == 2 && strncmp(path + at, "..", 2) == 0))
			return false;
	}
	return true;
}

static int add_condition(struct detect *detect, enum condition_kind kind, const char *text,
			 size_t size)
{
	char *copy = strndup(text, size);

	if (!copy)
		return -ENOMEM;
	detect->conditions[detect->n++] = (struct condition){ .kind = kind, .text = copy };
	return 0;
}

/* Takes the condition at `word`; *ret_end is behind it. */
static int take_condition(struct detect *detect, const char *value, const char *word,
			  const char **ret_end, struct complaint *complaint)
{
	size_t size = strcspn(word, BLANKS);
	unsigned column = (unsigned)(word - value) + 1;

	*ret_end = word + size;
	if (detect->n == CONDITIONS_MAX)
		return complain(complaint, column, "more than %d conditions", CONDITIONS_MAX);
	if (size == strlen("executable") && startswith(word, "executable"))
		return add_condition(detect, CONDITION_EXECUTABLE, "", 0);
	for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
		const char *text = startswith(word, kinds[i].prefix);

		if (!text)
			continue;
		if (kinds[i].kind == CONDITION_TEXT) /* it may have blanks in it */
			*ret_end = text + strlen(text);
		size = (size_t)(*ret_end - text);
		if (size == 0)
			return complain(complaint, column, "there is nothing behind %s",
					kinds[i].prefix);
		if (kinds[i].kind == CONDITION_FILE && !is_inner_path(text, size))
			return complain(
				complaint, column,
				"file: expected a path relative to the project's directory");
		return add_condition(detect, kinds[i].kind, text, size);
	}
	return complain(complaint, column,
			"expected script:PATTERN, file:PATH, executable or text:TEXT");
}

int detect_parse(const char *value, struct detect *ret, struct complaint *complaint)
{
	struct detect detect = { .words = strdup(value) };
	int r = detect.words ? 0 : -ENOMEM;

	for (const char *word = value; r == 0 && *(word += strspn(word, BLANKS));)
		r = take_condition(&detect, value, word, &word, complaint);
	if (r == 0 && detect.n == 0)
		r = complain(complaint, 0, "there is no condition");
	if (r != 0) {
		detect_clear(&detect);
		return r;
	}
	*ret = detect;
	return 0;
}

void detect_clear(struct detect *detect)
{
	for (size_t i = 0; i < detect->n; i++)
		free(detect->conditions[i].text);
	free(detect->words);
	*detect = (struct detect){};
}

/* --- presets ---------------------------------------------------------------------------------- */

int preset_pattern_check(const char *pattern, struct complaint *complaint)
{
	const char *dollar = strchr(pattern, '$');
	const char *behind = dollar ? startswith(dollar, VARIABLE) : NULL;

	if (!behind)
		return complain(complaint, dollar ? (unsigned)(dollar - pattern) + 1 : 0,
				"expected a text with " VARIABLE " in it");
	if (strchr(behind, '$'))
		return complain(complaint, (unsigned)(strchr(behind, '$') - pattern) + 1,
				VARIABLE " stands there once, and no other dollar");
	if (dollar == pattern || !*behind || strchr(WORD_BYTES ".-", *behind))
		return complain(complaint, (unsigned)(dollar - pattern) + 1,
				"there must be text before " VARIABLE
				", and behind it none that a preset could go on with");
	return 0;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Where the text goes on behind a literal of `size` bytes that stands at `at`, or NULL. */
static const char *match_literal(const char *literal, size_t size, const char *at, const char *end)
{
	for (size_t i = 0; i < size; i++) {
		if (strchr(BLANKS, literal[i])) {
			while (at < end && is_space(*at))
				at++;
		} else if (at == end || *at++ != literal[i]) {
			return NULL;
		}
	}
	return at;
}

static const char *match_value(const char *at, const char *end)
{
	const char *start = at;

	if (at < end && (*at == '-' || *at == '.'))
		return NULL;
	while (at < end && *at && strchr(WORD_BYTES ".-", *at))
		at++;
	return at > start && at - start <= PRESET_SIZE_MAX ? at : NULL;
}

static bool is_word_byte(char c)
{
	return c && strchr(WORD_BYTES, c);
}

/* Takes one more value; they are PRESET_SEVERAL with the first that differs. */
static int note_value(const char *value, size_t size, char *ret[2])
{
	char *copy;

	if (ret[0] && strlen(ret[0]) == size && strncmp(ret[0], value, size) == 0)
		return 0;
	copy = strndup(value, size);
	if (!copy)
		return -ENOMEM;
	ret[ret[0] ? 1 : 0] = copy;
	return 0;
}

static int find_pattern(const char *pattern, const char *text, const char *end, char *ret[2])
{
	size_t before = (size_t)(strstr(pattern, VARIABLE) - pattern);
	const char *after = pattern + before + strlen(VARIABLE);
	int r = 0;

	for (const char *at = text;
	     r == 0 && !ret[1] && (at = memchr(at, pattern[0], (size_t)(end - at))); at++) {
		const char *value, *behind;

		if (at > text && is_word_byte(at[0]) && is_word_byte(at[-1]))
			continue;
		value = match_literal(pattern, before, at, end);
		behind = value ? match_value(value, end) : NULL;
		if (behind && match_literal(after, strlen(after), behind, end))
			r = note_value(value, (size_t)(behind - value), ret);
	}
	return r;
}

int preset_find(char *const *patterns, size_t n, const char *text, size_t size, char *ret[2])
{
	char *found[2] = {};
	int r = 0;

	for (size_t i = 0; i < n && r == 0 && !found[1]; i++)
		r = find_pattern(patterns[i], text, text + size, found);
	if (r < 0) {
		free(found[0]);
		free(found[1]);
		return r;
	}
	ret[0] = found[0];
	ret[1] = found[1];
	return found[1] ? PRESET_SEVERAL : found[0] ? PRESET_ONE : PRESET_NONE;
}
