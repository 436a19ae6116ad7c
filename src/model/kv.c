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

void kv_list_remove(struct kv_list *list, const char *key)
{
	struct kv_list left = *list;
	bool found;
	size_t i = find(list, key, &found);

	if (!found)
		return;
	free(left.items[i].key);
	free(left.items[i].value);
	left.n--;
	memmove(left.items + i, left.items + i + 1, (left.n - i) * sizeof(*left.items));
	*list = left;
}

const char *kv_list_get(const struct kv_list *list, const char *key)
{
	bool found;
	size_t i = find(list, key, &found);

	return found ? list->items[i].value : NULL;
}

bool kv_list_equal(const struct kv_list *a, const struct kv_list *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!streq(a->items[i].key, b->items[i].key) ||
		    !streq(a->items[i].value, b->items[i].value))
			return false;
	return true;
}

int kv_list_copy(struct kv_list *list, const struct kv_list *from)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < from->n; i++)
		r = kv_list_set(list, from->items[i].key, from->items[i].value);
	return r;
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
