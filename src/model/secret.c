/*
 * Secrets in an environment; see secret.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "model/secret.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "common/util.h"
#include "model/persistence.h"

/* Not every credential of the host: those of other services are none of an indexer's business. */
static const char *const credentials[] = { "indexer.*", "indexer-*", NULL };

/*
 * Of Apibara: DNA_TOKEN, AUTH_TOKEN, POSTGRES_CONNECTION_STRING. An address often has a password or
 * a provider's key in it. What is shown too seldom costs a look into the project; what is shown too
 * often cannot be taken back.
 */
static const char *const redact[] = {
	"*TOKEN*",
	"*SECRET*",
	"*PASS*",
	"*_PWD",
	"*KEY",
	"*KEYS",
	"*CREDENTIAL*",
	"*PRIVATE*",
	"*JWT*",
	"*AUTH",
	"*AUTHORIZATION",
	"*MNEMONIC*",
	"*SEED*",
	"*DSN",
	"*URL",
	"*URI",
	"*ENDPOINT",
	"*WEBHOOK*",
	"*CONNECTION_STRING*",
	"*CONN_STR*",
	NULL,
};

const struct secret_rules secret_rules_default = {
	.credentials = { .defaults = credentials },
	.redact = { .defaults = redact },
};

enum reference reference_parse(const char *value, const char **ret_name)
{
	const char *name = startswith(value, "credential:");
	enum reference kind = name ? REFERENCE_VALUE : REFERENCE_FILE;

	if (!name)
		name = startswith(value, "credential-file:");
	*ret_name = name;
	return name ? kind : REFERENCE_NONE;
}

bool reference_name_is_valid(const char *name)
{
	return credential_name_is_valid(name) && !streq(name, SPEC_CREDENTIAL);
}

bool environment_names(const struct kv_list *environment, const char *name)
{
	const char *named;

	for (size_t i = 0; i < environment->n; i++)
		if (reference_parse(environment->items[i].value, &named) != REFERENCE_NONE &&
		    streq(named, name))
			return true;
	return false;
}

int secret_patterns_add(struct secret_patterns *patterns, const char *pattern)
{
	if (isempty(pattern)) {
		patterns->defaults = NULL;
		kv_list_clear(&patterns->own);
		return 0;
	}
	if (strlen(pattern) > SECRET_PATTERN_MAX)
		return -EINVAL;
	return kv_list_set(&patterns->own, pattern, "");
}

void secret_rules_clear(struct secret_rules *rules)
{
	kv_list_clear(&rules->credentials.own);
	kv_list_clear(&rules->redact.own);
}

/* Letters of ASCII that differ in their case differ by one bit. */
static bool same_byte(char a, char b, bool ignore_case)
{
	char lower = (char)(a | 0x20);

	return a == b || (ignore_case && (a ^ b) == 0x20 && lower >= 'a' && lower <= 'z');
}

bool pattern_matches(const char *pattern, const char *text, bool ignore_case)
{
	const char *star = NULL, *retry = NULL;

	/* Only the last asterisk is ever tried again: an earlier one has nothing to gain by it. */
	while (*text) {
		if (*pattern == '*') {
			star = pattern++;
			retry = text;
		} else if (*pattern == '?' || same_byte(*pattern, *text, ignore_case)) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star + 1;
			text = ++retry;
		} else {
			return false;
		}
	}
	return pattern[strspn(pattern, "*")] == '\0';
}

/* One of 32 classes of bytes, letters of either case in one. */
static uint32_t class_of(char c)
{
	return 1U << (c & 31);
}

/* Whether nothing in the pattern is missing in the text, which has these classes. */
static bool has_all(uint32_t classes, const char *pattern)
{
	for (; *pattern; pattern++)
		if (*pattern != '*' && *pattern != '?' && !(classes & class_of(*pattern)))
			return false;
	return true;
}

/* For each variable of each answer: what cannot match is mostly seen by a byte or two. */
static bool matches_one(const struct secret_patterns *patterns, const char *text, bool ignore_case)
{
	uint32_t classes = 0;

	for (const char *c = text; *c; c++)
		classes |= class_of(*c);
	for (const char *const *p = patterns->defaults; p && *p; p++)
		if (has_all(classes, *p) && pattern_matches(*p, text, ignore_case))
			return true;
	for (size_t i = 0; i < patterns->own.n; i++)
		if (has_all(classes, patterns->own.items[i].key) &&
		    pattern_matches(patterns->own.items[i].key, text, ignore_case))
			return true;
	return false;
}

bool credential_is_allowed(const struct secret_rules *rules, const char *name)
{
	return rules && reference_name_is_valid(name) &&
	       matches_one(&rules->credentials, name, false);
}

const char *environment_shown(const struct secret_rules *rules, const struct kv *variable)
{
	const char *name;

	if (!rules || reference_parse(variable->value, &name) != REFERENCE_NONE)
		return variable->value;
	return matches_one(&rules->redact, variable->key, true) ? SECRET_REDACTED : variable->value;
}
