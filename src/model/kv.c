/*
 * Sorted lists of keys and values. A list belongs to whoever declared it; no locking.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "model/kv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/util.h"

/* The index of key, or of the place where it belongs. */
static size_t find(const struct kv_list *list, const char *key, bool *ret_found)
{
	size_t low = 0, high = list->n;

	*ret_found = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(list->items[middle].key, key);

		if (order == 0) {
			*ret_found = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Makes room for one more item. Capacities are the powers of two, so the count alone tells it. */
static int grow(struct kv_list *list)
{
	struct kv *items;

	if (list->n & (list->n - 1))
		return 0;
	items = reallocarray(list->items, list->n ? 2 * list->n : 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	list->items = items;
	return 0;
}

int kv_list_set(struct kv_list *list, const char *key, const char *value)
{
	_cleanup_free_ char *key_copy = NULL, *value_copy = NULL;
	bool found;
	size_t i;

	value_copy = strdup(value);
	if (!value_copy)
		return -ENOMEM;
	i = find(list, key, &found);
	if (found) {
		free(list->items[i].value);
		list->items[i].value = TAKE(value_copy);
		return 0;
	}

	key_copy = strdup(key);
	if (!key_copy || grow(list) < 0)
		return -ENOMEM;
	memmove(list->items + i + 1, list->items + i, (list->n - i) * sizeof(*list->items));
	list->items[i] = (struct kv){ .key = TAKE(key_copy), .value = TAKE(value_copy) };
	list->n++;
	return 0;
}

void kv_list_clear(struct kv_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		free(list->items[i].key);
		free(list->items[i].value);
	}
	free(list->items);
	*list = (struct kv_list){};
}
