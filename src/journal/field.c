/*
 * Single fields of a journal record; see field.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "journal/field.h"

bool field_get(sd_journal *j, const char *name, char *value, size_t size)
{
	size_t n = strlen(name) + 1, n_data;
	const void *data;

	if (sd_journal_get_data(j, name, &data, &n_data) < 0 || n_data < n || n_data - n >= size)
		return false;
	memcpy(value, (const char *)data + n, n_data - n);
	value[n_data - n] = '\0';
	return true;
}
