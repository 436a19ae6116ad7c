/*
 * Arenas; see arena.h. A piece that is larger than a chunk gets a chunk of its own.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "common/util.h"
#include "rpc/arena.h"

#define CHUNK_SIZE 2000

struct arena_chunk {
	struct arena_chunk *next;
	size_t size;
	alignas(max_align_t) char data[];
};

void *arena_alloc(struct arena *arena, size_t size)
{
	struct arena_chunk *chunk = arena->chunks;
	size_t align = alignof(max_align_t);

	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + align - 1) / align * align;
	if (!chunk || arena->left < size) {
		size_t n = MAX(size, (size_t)CHUNK_SIZE / align * align);

		chunk = calloc(1, sizeof(*chunk) + n);
		if (!chunk)
			return NULL;
		chunk->next = arena->chunks;
		chunk->size = n;
		arena->chunks = chunk;
		arena->left = n;
	}
	arena->left -= size;
	return chunk->data + (chunk->size - arena->left - size);
}

char *arena_strdup(struct arena *arena, const char *s)
{
	size_t n = strlen(s) + 1;
	char *copy = arena_alloc(arena, n);

	return copy ? memcpy(copy, s, n) : NULL;
}

void arena_clear(struct arena *arena)
{
	struct arena_chunk *next;

	for (struct arena_chunk *chunk = arena->chunks; chunk; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	*arena = (struct arena){ 0 };
}

static void *allocate(void *userdata, size_t size)
{
	return arena_alloc(userdata, size);
}

static void give_back_nothing(void *userdata, void *piece)
{
	(void)userdata, (void)piece;
}

ProtobufCAllocator arena_allocator(struct arena *arena)
{
	return (ProtobufCAllocator){ allocate, give_back_nothing, arena };
}
