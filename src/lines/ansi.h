/*
 * Terminal control sequences, taken out of a line.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stddef.h>

/*
 * Removes ECMA-48 escape sequences (colours, cursor movements, titles, hyperlinks; all that begins
 * with ESC) in place. Returns the new size, at most the old one; the bytes behind become ESC. What
 * only looks like the beginning of a sequence loses its ESC and keeps its text.
 */
size_t ansi_strip(char *text, size_t size);
