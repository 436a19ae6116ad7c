/*
 * Bytes that should be text: what a protobuf string may carry over this API is valid UTF-8 without
 * NUL. protobuf-c checks neither, and a NUL would cut the string short behind the client's back.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* How many bytes at the beginning of s are valid UTF-8 without NUL; n where all are. */
size_t text_valid_prefix(const uint8_t *s, size_t n);

/* The size of text_clean()'s output. */
size_t text_clean_size(const uint8_t *s, size_t n);

/*
 * Copies n bytes and writes U+FFFD in place of each byte that no valid character begins with and of
 * each NUL. `out` has room for text_clean_size() bytes. Returns the end of what was written.
 */
uint8_t *text_clean(const uint8_t *s, size_t n, uint8_t *out);

/* The longest prefix of at most `max` bytes of a valid UTF-8 string that ends between characters.
 */
size_t text_cut(const char *s, size_t max);
