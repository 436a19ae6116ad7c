/*
 * Unpacking an archive. tar itself leaves out what would be put outside of the directory; what came
 * of it is looked at afterwards (tree.h), and not its list of contents, which tar alone reads as
 * tar does. See job.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>

#include "common/read.h"
#include "common/util.h"
#include "fetch/job.h"

#define BUFFER_SIZE (256 * 1024)

static void hash_free(EVP_MD_CTX *hash)
{
	EVP_MD_CTX_free(hash);
}
DEFINE_CLEANUP(EVP_MD_CTX, hash_free);

/* The SHA-256 of a file, from its beginning. 0 or a negative errno. */
static int hash_file(int fd, char ret[static COMMIT_MAX])
{
	_cleanup_(hash_freep) EVP_MD_CTX *hash = EVP_MD_CTX_new();
	_cleanup_free_ char *buffer = malloc(BUFFER_SIZE);
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned size;
	ssize_t n;

	if (!hash || !buffer || EVP_DigestInit_ex(hash, EVP_sha256(), NULL) != 1)
		return -ENOMEM;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	while ((n = read_all(fd, buffer, BUFFER_SIZE)) > 0)
		if (EVP_DigestUpdate(hash, buffer, (size_t)n) != 1)
			return -ENOMEM;
	if (n < 0 || EVP_DigestFinal_ex(hash, digest, &size) != 1)
		return n < 0 ? (int)n : -ENOMEM;
	assert(2 * size + 1 == COMMIT_MAX);
	source_hex(digest, size, ret);
	return 0;
}

/* The archive, a file: nothing that would be waited for. A descriptor, or -1 with the problem. */
static int open_archive(struct job *job)
{
	const char *path = job->source.path;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	(void)job_fail(job, "cannot read %s: %s", path, fd < 0 ? strerror(errno) : "it is no file");
	closep(&fd);
	return -1;
}

int archive_resolve(struct job *job)
{
	_cleanup_close_ int fd = open_archive(job);
	int r;

	if (fd < 0)
		return FAILED;
	r = hash_file(fd, job->commit);
	if (r < 0)
		return job_fail(job, "cannot read %s: %s", job->source.path, strerror(-r));
	if (*job->order->ref && !streq(job->order->ref, job->commit))
		return job_fail(job, "the archive has changed since it was first taken (sha256 %s)",
				job->commit);
	return 0;
}

int archive_fetch(struct job *job)
{
	const size_t n = strlen(job->source.path);
	const bool zstd = n > 4 && streq(job->source.path + n - 4, ".zst");
	const char *const argv[] = { "tar",
				     "--extract",
				     zstd ? "--zstd" : "--gzip",
				     "--file=-",
				     "--no-same-owner",
				     "--no-same-permissions",
				     "--no-overwrite-dir",
				     "--delay-directory-restore",
				     NULL };
	_cleanup_close_ int fd = open_archive(job);
	char again[COMMIT_MAX];
	int r;

	if (fd < 0)
		return FAILED;
	if (mkdir(job->tree, 0755) < 0)
		return -errno;
	r = job_feed(job, argv, fd);
	if (r != 0)
		return r;
	r = hash_file(fd, again);
	if (r < 0 || !streq(again, job->commit))
		return job_fail(job, "%s was changed while it was read", job->source.path);
	return 0;
}
