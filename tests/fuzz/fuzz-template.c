/*
 * Fuzz target: templates, whole runtime files, and scripts that a preset is looked for in. The
 * first byte chooses which. A template that parses must expand into a number of words that no value
 * can change, and every complaint must say where it is.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/util.h"
#include "model/validate.h"
#include "runtime/private.h"
#include "runtime/strv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *const args[] = { (char *)"--a b", (char *)"${ID}" };

/* The number of words, with each variable set to one text. */
static size_t count_words(const struct template *template, const char *text)
{
	struct template_values values = { .args = args, .n_args = ELEMENTSOF(args) };
	char **argv = NULL;
	size_t n = 0, counted = 0;

	for (size_t i = 0; i < TEMPLATE_VARIABLES; i++)
		values.text[i] = text;
	if (template_expand(template, &values, &argv, &n) < 0)
		abort();
	for (char **s = argv; *s; s++)
		counted++;
	assert(counted == n);
	strv_free(argv);
	return n;
}

static void try_template(const char *text, enum template_mode mode)
{
	_cleanup_(template_freep) struct template *template = NULL;
	struct complaint complaint = {};
	int r = template_parse(text, mode, &template, &complaint);

	if (r != 0) {
		assert(r == MALFORMED && !template && complaint.text[0]);
		assert(complaint.column <= strlen(text) + 1);
		return;
	}
	assert(count_words(template, "x") == count_words(template, " ' \" $$ ${ID} ${X:+ y} \\"));
	assert(count_words(template, "") <= count_words(template, "x"));
	(void)template_program_is_absolute(template);
}

/* Each error has words. */
static void count_complaint(const struct complaint *complaint, void *userdata)
{
	assert(complaint->text[0]);
	++*(size_t *)userdata;
}

static void try_file(char *text, size_t size)
{
	struct runtime *runtime = calloc(1, sizeof(*runtime));
	size_t complaints = 0;
	const struct complaint_sink sink = { count_complaint, &complaints };
	int r;

	if (!runtime)
		abort();
	r = runtime_parse(runtime, text, size, &sink);
	assert(r == 0 ? runtime->exec && complaints == 0 : r == MALFORMED && complaints > 0);
	runtime_free(runtime);
}

/* What is found in a script's text is a preset, and two that are found differ. */
static void try_script(const char *text, size_t size)
{
	static char *const patterns[] = { (char *)"kind: \"${PRESET}\"", (char *)"a ${PRESET} b" };
	char *found[2] = {};
	int r = preset_find(patterns, ELEMENTSOF(patterns), text, size, found);

	assert(r == PRESET_NONE || r == PRESET_ONE || r == PRESET_SEVERAL);
	assert(!found[0] == (r == PRESET_NONE) && !found[1] == (r != PRESET_SEVERAL));
	assert(!found[1] || !streq(found[0], found[1]));
	for (size_t i = 0; i < 2 && found[i]; i++) {
		assert(found[i][0] && found[i][0] != '-' && found[i][0] != '.');
		assert(strlen(found[i]) <= PRESET_SIZE_MAX && !strchr(found[i], '/'));
		free(found[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size == 0)
		return 0;
	text = malloc(size);
	if (!text)
		abort();
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	if (data[0] == 'F')
		try_file(text, size - 1);
	else if (data[0] == 'S')
		try_script(text, size - 1);
	else
		try_template(text, data[0] == 'T' ? TEMPLATE_TEXT : TEMPLATE_COMMAND);
	free(text);
	return 0;
}
