/*
 * Where an indexer stands in its tree; see lineage.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <ctype.h>

#include "model/lineage.h"

#define UID_SIZE (ID128_TEXT_MAX - 1)

bool lineage_parse(const char *text, size_t size, char ret[LINEAGE_MAX])
{
	ret[0] = '\0';
	if (size >= LINEAGE_MAX || size % ID128_TEXT_MAX != UID_SIZE)
		return false;
	for (size_t i = 0; i < size; i++)
		if (i % ID128_TEXT_MAX == UID_SIZE ? text[i] != '/'
						   : !isxdigit((unsigned char)text[i]))
			return false;
	memcpy(ret, text, size);
	ret[size] = '\0';
	return true;
}

size_t lineage_levels(const char *lineage)
{
	return (strlen(lineage) + 1) / ID128_TEXT_MAX;
}

const char *lineage_at(const char *lineage, size_t i)
{
	return lineage + i * ID128_TEXT_MAX;
}

const char *lineage_own(const char *lineage)
{
	size_t n = lineage_levels(lineage);

	return n > 0 ? lineage_at(lineage, n - 1) : "";
}

bool lineage_has(const char *lineage, const char *uid)
{
	for (size_t i = 0, n = lineage_levels(lineage); i < n; i++)
		if (strncmp(lineage_at(lineage, i), uid, UID_SIZE) == 0 && !uid[UID_SIZE])
			return true;
	return false;
}
