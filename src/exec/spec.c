/*
 * The spec, read and checked; see spec.h. It was written by indexerd, so a wrong one is not an
 * attack but a mistake or a damaged disk; it is refused all the same, before anything is done with
 * it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>

#include "common/read.h"
#include "common/util.h"
#include "exec/spec.h"
#include "lines/format.h"
#include "lines/native.h"
#include "model/id.h"
#include "model/secret.h"

#define SPEC_SIZE_MAX (1024 * 1024)
#define VARIABLES_MAX 4096

static_assert(ID_MAX <= NATIVE_IDENTIFIER_MAX, "an id is the identifier of its lines");

void spec_free(spec_t *spec)
{
	if (spec)
		indexerd__exec__v1__spec__free_unpacked(spec, NULL);
}

int spec_patterns(const spec_t *spec, struct progress_patterns *ret)
{
	const char *problem;
	size_t at;
	int r = 0;

	ret->n = 0;
	for (size_t i = 0; i < spec->n_progress && r == 0; i++)
		r = progress_patterns_add(ret, spec->progress[i], &problem, &at);
	return r;
}

/* What is wrong with its variables, in words; NULL if nothing. */
static const char *environment_problem(const spec_t *spec)
{
	for (size_t i = 0; i < spec->n_environment; i++) {
		const Indexerd__Exec__V1__Variable *variable = spec->environment[i];

		if (isempty(variable->key) || strchr(variable->key, '='))
			return "its environment has a variable without a proper name";
		if (*variable->credential && !reference_name_is_valid(variable->credential))
			return "its environment names a credential that is none";
	}
	return NULL;
}

/* What is wrong with a spec, in words; NULL if nothing. */
static const char *spec_problem(const spec_t *spec)
{
	struct progress_patterns patterns;

	if (!id_valid(spec->indexer_id))
		return "its indexer_id is not an id";
	if (spec->project_source[0] != '/')
		return "its project_source is not an absolute path";
	if (spec->n_argv == 0 || isempty(spec->argv[0]))
		return "it has no program";
	if (!format_find(spec->log_format))
		return "its log_format is unknown";
	if (spec_patterns(spec, &patterns) < 0)
		return "its progress has a pattern that is none, or too many";
	if (spec->n_environment > VARIABLES_MAX)
		return "its environment has too many variables";
	return environment_problem(spec);
}

int spec_parse(const void *data, size_t size, spec_t **ret, const char **ret_problem)
{
	_cleanup_(spec_freep) spec_t *spec = indexerd__exec__v1__spec__unpack(NULL, size, data);
	const char *problem = spec ? spec_problem(spec) : "it is no protobuf message of its type";

	if (problem) {
		*ret_problem = problem;
		return -EBADMSG;
	}
	*ret = TAKE(spec);
	return 0;
}

int spec_load(const char *directory, spec_t **ret, const char **ret_problem)
{
	_cleanup_close_ int dir = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC), fd = -1;
	_cleanup_free_ char *data = NULL;
	ssize_t n;

	if (dir < 0)
		return -errno;
	fd = openat(dir, SPEC_CREDENTIAL, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;
	data = malloc(SPEC_SIZE_MAX + 1);
	if (!data)
		return -ENOMEM;
	n = read_all(fd, data, SPEC_SIZE_MAX + 1);
	if (n < 0)
		return (int)n;
	if (n > SPEC_SIZE_MAX) {
		*ret_problem = "it is larger than 1 MiB";
		return -EBADMSG;
	}
	return spec_parse(data, (size_t)n, ret, ret_problem);
}
