/*
 * The API's own description: the FileDescriptorSet that protoc made of it, embedded in the program.
 *
 * Immutable; any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A serialized FileDescriptorProto inside the set. */
struct descriptor_file {
	const uint8_t *data;
	size_t size;
};

#define DESCRIPTOR_FILES_MAX 32

/* Finds a file by its path, or the one that defines a fully qualified symbol. */
bool descriptors_find_file(const char *path, struct descriptor_file *ret);
bool descriptors_find_symbol(const char *symbol, struct descriptor_file *ret);

/* The file itself, then all that it imports, directly or not; each once. Returns how many. */
size_t descriptors_closure(struct descriptor_file file,
			   struct descriptor_file ret[DESCRIPTOR_FILES_MAX]);

/* Calls a function with the full name of each service; the name is valid during the call. */
void descriptors_each_service(void (*function)(const char *name, void *userdata), void *userdata);
