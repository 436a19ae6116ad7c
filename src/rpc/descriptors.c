/*
 * Looking things up in the embedded FileDescriptorSet; see descriptors.h.
 *
 * There are a dozen files and few questions, so nothing is indexed: each question walks the bytes.
 * The numbers are descriptor.proto's own.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "common/util.h"
#include "rpc/descriptors.h"
#include "rpc/wire.h"

static const uint8_t set[] = {
#include "descriptors.inc"
};

#define SET_FILE	1
#define FILE_NAME	1
#define FILE_PACKAGE	2
#define FILE_DEPENDENCY 3
#define FILE_SERVICE	6
#define DECLARED_NAME	1 /* in everything that a file declares, and in what that declares */
#define SYMBOL_MAX	256

enum kind { KIND_FILE, KIND_MESSAGE, KIND_ENUM, KIND_SERVICE, KIND_LEAF };

/* Where in a declaration other declarations stand. */
static const struct {
	enum kind inside;
	uint32_t id;
	enum kind kind;
} children[] = {
	{ KIND_FILE, 4, KIND_MESSAGE }, { KIND_FILE, 5, KIND_ENUM },
	{ KIND_FILE, 6, KIND_SERVICE }, { KIND_FILE, 7, KIND_LEAF }, /* extensions */
	{ KIND_MESSAGE, 2, KIND_LEAF }, { KIND_MESSAGE, 3, KIND_MESSAGE },
	{ KIND_MESSAGE, 4, KIND_ENUM }, { KIND_MESSAGE, 6, KIND_LEAF },
	{ KIND_MESSAGE, 8, KIND_LEAF }, { KIND_ENUM, 2, KIND_LEAF },
	{ KIND_SERVICE, 2, KIND_LEAF },
};

typedef struct descriptor_file bytes;

/* Steps to the next field with a number; `*at` is NULL at first. */
static bool next_field(bytes in, uint32_t id, const uint8_t **at, bytes *ret)
{
	const uint8_t *p = *at ? *at : in.data, *end = in.data + in.size;
	struct wire_item item;

	while (p && p < end) {
		p = wire_read(p, end, &item);
		if (p && item.id == id && item.type == WIRE_LENGTH) {
			*at = p;
			*ret = (bytes){ item.data, item.size };
			return true;
		}
	}
	return false;
}

static bytes first_field(bytes in, uint32_t id)
{
	const uint8_t *at = NULL;
	bytes field = { (const uint8_t *)"", 0 };

	next_field(in, id, &at, &field);
	return field;
}

static bool bytes_equal(bytes a, const char *s, size_t n)
{
	return a.size == n && memcmp(a.data, s, n) == 0;
}

/* What follows `name` and a dot in a symbol; NULL where the symbol is not inside of it. */
static const char *inside(const char *symbol, bytes name)
{
	if (name.size == 0)
		return symbol;
	if (strncmp(symbol, (const char *)name.data, name.size) != 0 || symbol[name.size] != '.')
		return NULL;
	return symbol + name.size + 1;
}

static bool declares(bytes in, enum kind kind, const char *symbol);

static bool child_declares(bytes child, enum kind kind, const char *symbol)
{
	bytes name = first_field(child, DECLARED_NAME);
	const char *rest = inside(symbol, name);

	if (bytes_equal(name, symbol, strlen(symbol)))
		return true;
	if (kind == KIND_ENUM) /* its values are its siblings, as in C++ */
		return declares(child, kind, symbol);
	return rest && declares(child, kind, rest);
}

static bool declares(bytes in, enum kind kind, const char *symbol)
{
	for (size_t i = 0; i < ELEMENTSOF(children); i++) {
		const uint8_t *at = NULL;
		bytes child;

		if (children[i].inside != kind)
			continue;
		while (next_field(in, children[i].id, &at, &child))
			if (child_declares(child, children[i].kind, symbol))
				return true;
	}
	return false;
}

static const bytes whole = { set, sizeof(set) };

bool descriptors_find_file(const char *path, struct descriptor_file *ret)
{
	const uint8_t *at = NULL;
	bytes file;

	while (next_field(whole, SET_FILE, &at, &file))
		if (bytes_equal(first_field(file, FILE_NAME), path, strlen(path))) {
			*ret = file;
			return true;
		}
	return false;
}

bool descriptors_find_symbol(const char *symbol, struct descriptor_file *ret)
{
	const uint8_t *at = NULL;
	bytes file;

	while (next_field(whole, SET_FILE, &at, &file)) {
		const char *rest = inside(symbol, first_field(file, FILE_PACKAGE));

		if (rest && declares(file, KIND_FILE, rest)) {
			*ret = file;
			return true;
		}
	}
	return false;
}

static bool contains(const struct descriptor_file *files, size_t n, const uint8_t *data)
{
	for (size_t i = 0; i < n; i++)
		if (files[i].data == data)
			return true;
	return false;
}

size_t descriptors_closure(struct descriptor_file file,
			   struct descriptor_file ret[DESCRIPTOR_FILES_MAX])
{
	size_t n = 0;

	ret[n++] = file;
	for (size_t i = 0; i < n; i++) {
		const uint8_t *at = NULL;
		bytes path, import;

		while (next_field(ret[i], FILE_DEPENDENCY, &at, &path)) {
			char name[SYMBOL_MAX];

			snprintf(name, sizeof(name), "%.*s", (int)path.size,
				 (const char *)path.data);
			if (descriptors_find_file(name, &import) &&
			    !contains(ret, n, import.data)) {
				assert(n < DESCRIPTOR_FILES_MAX);
				ret[n++] = import;
			}
		}
	}
	return n;
}

void descriptors_each_service(void (*function)(const char *name, void *userdata), void *userdata)
{
	const uint8_t *at = NULL, *service_at;
	bytes file, service;

	while (next_field(whole, SET_FILE, &at, &file)) {
		bytes package = first_field(file, FILE_PACKAGE);

		service_at = NULL;
		while (next_field(file, FILE_SERVICE, &service_at, &service)) {
			bytes short_name = first_field(service, DECLARED_NAME);
			char name[SYMBOL_MAX];

			snprintf(name, sizeof(name), "%.*s.%.*s", (int)package.size,
				 (const char *)package.data, (int)short_name.size,
				 (const char *)short_name.data);
			function(name, userdata);
		}
	}
}
