/*
 * The order, read and checked; see order.h. It was written by indexerd out of what a user wrote: it
 * is taken apart once more by the same parser, so that nothing gets to git that this has not seen.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fetch/order.h"

#include <errno.h>
#include <fcntl.h>

#include "common/read.h"
#include "common/util.h"
#include "model/id.h"
#include "model/secret.h"
#include "model/source-key.h"

/* systemd passes no more on. */
#define ORDER_SIZE_MAX (1024 * 1024)

/* In a command for a shell, and in ssh's list of files, these bytes stand for themselves. */
#define PLAIN_BYTES "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-"

void order_free(order_t *order)
{
	if (order)
		indexerd__fetch__v1__fetch_order__free_unpacked(order, NULL);
}

static const char *git_problem(const order_t *order, struct source *ret)
{
	char problem[SOURCE_PROBLEM_MAX];
	_cleanup_free_ char *text = NULL;
	const char *name = order->credential;

	if (asprintf(&text, "%s%s%s%s%s", order->url, *name ? "?credential=" : "", name,
		     *order->ref ? "#" : "", order->ref) < 0)
		return "there is no memory for it";
	if (source_parse(text, ret, problem) != 0 || ret->kind != SOURCE_GIT ||
	    !streq(ret->url, order->url))
		return "its url, ref or credential is none";
	return NULL;
}

static const char *archive_problem(const order_t *order, struct source *ret)
{
	char problem[SOURCE_PROBLEM_MAX];

	if (source_parse(order->path, ret, problem) != 0 || ret->kind != SOURCE_ARCHIVE)
		return "its path is none of an archive";
	if (*order->ref && !source_key_is_valid(order->ref))
		return "its ref is no SHA-256 of an archive";
	return NULL;
}

static const char *source_problem(const order_t *order, struct source *ret)
{
	switch (order->kind) {
	case INDEXERD__FETCH__V1__KIND__KIND_GIT:
		return git_problem(order, ret);
	case INDEXERD__FETCH__V1__KIND__KIND_ARCHIVE:
		return archive_problem(order, ret);
	default:
		return "its kind is unknown";
	}
}

static const char *build_problem(const order_t *order)
{
	for (size_t i = 0; i < order->n_build; i++)
		if (order->build[i]->n_argv == 0 || order->build[i]->argv[0][0] != '/')
			return "a command of its build has no program by an absolute path";
	if (order->build_dir[0] == '/')
		return "its build_dir is not relative";
	return NULL;
}

/* What is wrong with an order, in words; NULL if nothing, and then *ret is filled. */
static const char *order_problem(const order_t *order, struct source *ret)
{
	const char *problem;

	if (!id_valid(order->indexer_id))
		return "its indexer_id is not an id";
	if (order->work[0] != '/' || strspn(order->work, PLAIN_BYTES) != strlen(order->work))
		return "its work is not the absolute path of a directory, of plain bytes";
	for (size_t i = 0; i < order->n_known_hosts; i++)
		if (order->known_hosts[i][0] != '/' ||
		    strspn(order->known_hosts[i], PLAIN_BYTES) != strlen(order->known_hosts[i]))
			return "its known_hosts has no absolute path, of plain bytes";
	if (*order->tree && (order->tree[0] != '/' || !*order->ref))
		return "its tree is not an absolute path, or nothing says what it is";
	problem = build_problem(order);
	return problem ? problem : source_problem(order, ret);
}

int order_parse(const void *data, size_t size, order_t **ret, struct source *ret_source,
		const char **ret_problem)
{
	_cleanup_(order_freep) order_t *order =
		indexerd__fetch__v1__fetch_order__unpack(NULL, size, data);
	_cleanup_source_ struct source source = {};
	const char *problem =
		order ? order_problem(order, &source) : "it is no protobuf message of its type";

	if (problem) {
		*ret_problem = problem;
		return -EBADMSG;
	}
	*ret = TAKE(order);
	*ret_source = source;
	source = (struct source){};
	return 0;
}

int order_load(const char *directory, order_t **ret, struct source *ret_source,
	       const char **ret_problem)
{
	_cleanup_free_ char *path = NULL, *data = malloc(ORDER_SIZE_MAX + 1);
	_cleanup_close_ int fd = -1;
	ssize_t n;

	if (!data || asprintf(&path, "%s/%s", directory, SPEC_CREDENTIAL) < 0)
		return -ENOMEM;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;
	n = read_all(fd, data, ORDER_SIZE_MAX + 1);
	if (n < 0)
		return (int)n;
	if (n > ORDER_SIZE_MAX) {
		*ret_problem = "it is larger than 1 MiB";
		return -EBADMSG;
	}
	return order_parse(data, (size_t)n, ret, ret_source, ret_problem);
}
