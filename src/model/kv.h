/*
 * Sorted lists of keys and values: labels and environments.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct kv {
	char *key;
	char *value;
};

/* Sorted by key in byte order, keys unique; owns its strings. All zero is the empty list. */
struct kv_list {
	struct kv *items;
	size_t n;
};

/* Puts a copy of key and value in its place; a key that is there gets the new value. 0 or -ENOMEM.
 */
int kv_list_set(struct kv_list *list, const char *key, const char *value);

/* Takes a key out, if it is there. */
void kv_list_remove(struct kv_list *list, const char *key);

/* The value of a key, or NULL; not owned. */
const char *kv_list_get(const struct kv_list *list, const char *key);

bool kv_list_equal(const struct kv_list *a, const struct kv_list *b);

/* Makes an empty list a copy of another one. 0 or -ENOMEM, and then *list holds a part of it. */
int kv_list_copy(struct kv_list *list, const struct kv_list *from);

/* Frees what the list owns and leaves it empty. */
void kv_list_clear(struct kv_list *list);
