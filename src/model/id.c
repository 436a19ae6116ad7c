/*
 * Ids, names and unit names of indexers, and the way from one to the other.
 *
 * No state; any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "model/id.h"

#include <stdio.h>
#include <string.h>

#include "common/util.h"

/* As much of a wrong value as a message shows: enough to know it again, and the rule still follows.
 */
#define VALUE_SHOWN 128

#define ID_PATTERN "[a-z]([a-z0-9-]{0,61}[a-z0-9])?"

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_lower_or_digit(char c)
{
	return is_lower(c) || (c >= '0' && c <= '9');
}

static bool id_valid_n(const char *id, size_t n)
{
	if (n == 0 || n >= ID_MAX || !is_lower(id[0]) || !is_lower_or_digit(id[n - 1]))
		return false;
	for (size_t i = 1; i < n; i++)
		if (!is_lower_or_digit(id[i]) && id[i] != '-')
			return false;
	return true;
}

bool id_valid(const char *id)
{
	return id && id_valid_n(id, strnlen(id, ID_MAX));
}

int id_check(const char *id, const char *field, struct refusal *refusal)
{
	if (id_valid(id))
		return 0;
	return refuse(refusal, CODE_INVALID_ARGUMENT, "ID_INVALID", field,
		      "%s: '%.*s' is not an indexer's id (" ID_PATTERN ")", field, VALUE_SHOWN,
		      id ? id : "");
}

int id_from_name(const char *name, const char *field, const char **ret, struct refusal *refusal)
{
	const char *id = name ? startswith(name, NAME_PREFIX) : NULL;

	if (id_valid(id)) {
		*ret = id;
		return 0;
	}
	return refuse(refusal, CODE_INVALID_ARGUMENT, "NAME_INVALID", field,
		      "%s: '%.*s' is not an indexer's name (" NAME_PREFIX ID_PATTERN ")", field,
		      VALUE_SHOWN, name ? name : "");
}

void name_from_id(const char *id, char *buffer)
{
	assert(id_valid(id));
	stpcpy(stpcpy(buffer, NAME_PREFIX), id);
}

void unit_from_id(const char *id, char *buffer)
{
	assert(id_valid(id));
	snprintf(buffer, UNIT_MAX_SIZE, UNIT_PREFIX "%s" UNIT_SUFFIX, id);
}

bool id_from_unit(const char *unit, char *buffer)
{
	const char *id = startswith(unit, UNIT_PREFIX);
	const size_t suffix = strlen(UNIT_SUFFIX);
	size_t n;

	if (!id)
		return false;
	n = strlen(id);
	if (n <= suffix || !streq(id + n - suffix, UNIT_SUFFIX) || !id_valid_n(id, n - suffix))
		return false;
	memcpy(buffer, id, n - suffix);
	buffer[n - suffix] = '\0';
	return true;
}

void slice_from_uid(const char *uid, char *buffer)
{
	assert(strlen(uid) == ID128_TEXT_MAX - 1);
	(void)snprintf(buffer, SLICE_MAX_SIZE, UNIT_PREFIX "%s" SLICE_SUFFIX, uid);
}

bool slice_is_tree(const char *slice, size_t n, char *ret_uid)
{
	const size_t prefix = strlen(UNIT_PREFIX), digits = ID128_TEXT_MAX - 1;

	if (n != SLICE_MAX_SIZE - 1 || memcmp(slice, UNIT_PREFIX, prefix) != 0 ||
	    memcmp(slice + prefix + digits, SLICE_SUFFIX, strlen(SLICE_SUFFIX)) != 0)
		return false;
	for (size_t i = prefix; i < prefix + digits; i++)
		if (!strchr("0123456789abcdef", slice[i]) || slice[i] == '\0')
			return false;
	if (ret_uid) {
		memcpy(ret_uid, slice + prefix, digits);
		ret_uid[digits] = '\0';
	}
	return true;
}
