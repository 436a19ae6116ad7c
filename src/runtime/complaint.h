/*
 * What is wrong with a runtime file, in words and with its place: parsers fill it, the loader of
 * the set puts the file's path before it and logs it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stddef.h>

/* The positive return value that goes with a filled struct complaint. */
#define MALFORMED 2

struct complaint {
	unsigned line;	 /* from 1; 0 where it is about the whole file */
	unsigned column; /* from 1; 0 where it is about the whole line */
	char text[512];	 /* cut where it is longer */
};

/* Fills the text and the column, leaves the line alone, and returns MALFORMED. */
int complain(struct complaint *complaint, unsigned column, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Is told of each error of a file, in the order of its lines. */
struct complaint_sink {
	void (*tell)(const struct complaint *complaint, void *userdata);
	void *userdata;
};

/* As compilers say it: "FILE:LINE:COLUMN: text", without the numbers that are not known. */
void complaint_format(const struct complaint *complaint, const char *file, char *buffer,
		      size_t size);
