/*
 * Prints numbered lines, as fast as they are taken, and ends: an indexer for tests.
 *
 *   line-print COUNT
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "journal-lines.h"

int main(int argc, char **argv)
{
	long count = argc > 1 ? atol(argv[1]) : 1;
	char text[NUMBERED_LINE_MAX];

	for (long i = 0; i < count; i++) {
		(void)line_format(i, text);
		if (puts(text) < 0)
			return EXIT_FAILURE;
	}
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
