/*
 * The main of a fuzz target under any compiler: runs it over each file of its corpus, or over the
 * files that are named, and prints TAP. A failure is an abort.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX (1 << 20)

static int count;

static int replay(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *buffer, *exact;
	size_t n;

	if (!file)
		return -1;
	buffer = malloc(INPUT_MAX);
	n = buffer ? fread(buffer, 1, INPUT_MAX, file) : 0;
	fclose(file);
	exact = realloc(buffer, n + !n); /* so that a read behind the end is found */
	if (exact)
		LLVMFuzzerTestOneInput(exact, n);
	free(exact ? exact : buffer);
	printf("%s %d - %s\n", exact ? "ok" : "not ok", ++count, path);
	return exact ? 0 : -1;
}

static int replay_directory(const char *directory)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;
	int r = 0;

	if (!dir) {
		printf("not ok %d - %s: %m\n", ++count, directory);
		return -1;
	}
	while ((entry = readdir(dir))) {
		char *path;

		if (entry->d_name[0] == '.')
			continue;
		if (asprintf(&path, "%s/%s", directory, entry->d_name) < 0)
			return -1;
		if (replay(path) < 0)
			r = -1;
		free(path);
	}
	closedir(dir);
	return r;
}

int main(int argc, char **argv)
{
	const char *top = getenv("srcdir"); /* set by make check */
	char directory[4096];
	int r = 0;

	for (int i = 1; i < argc; i++)
		if (replay(argv[i]) < 0)
			r = -1;
	if (argc < 2) {
		(void)snprintf(directory, sizeof(directory), "%s/%s", top ? top : ".", FUZZ_CORPUS);
		r = replay_directory(directory);
	}
	printf("1..%d\n", count);
	return r < 0 || count == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
