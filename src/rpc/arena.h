/*
 * Memory that lives as long as one call: many small pieces, given back all at once.
 *
 * A request is unpacked into its call's arena and a reply is built in it, so neither can leak a
 * piece. One owner, one thread at a time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

struct arena_chunk;

/* All zero is an empty arena. */
struct arena {
	struct arena_chunk *chunks;
	size_t left; /* free bytes at the end of the newest chunk */
};

/* `size` bytes of zeros, aligned for any type; NULL where there is no memory. */
void *arena_alloc(struct arena *arena, size_t size);

/* A copy of a string in the arena, or NULL. */
char *arena_strdup(struct arena *arena, const char *s);

/* Frees every piece and leaves the arena empty. */
void arena_clear(struct arena *arena);

/* An allocator for protobuf_c_message_unpack(); what it unpacks must not be freed piece by piece.
 */
ProtobufCAllocator arena_allocator(struct arena *arena);
