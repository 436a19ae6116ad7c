/*
 * Reads an indexer's record again and again, while its file is emptied as journald empties one that
 * it removes: what is read is the whole record, or nothing.
 *
 *   journal-emptied FILE UID DIRECTORY ROUNDS
 *
 * Each round is about a copy of the file in the directory, which is to be empty, and about the last
 * record of the indexer. Prints in how many rounds it was read before it was gone, and in how many
 * something else was read. Exits 1 where there was such a round, 2 where something else fails.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "journal/access.h"
#include "journal/record.h"
#include "model/names.h"

static char copy_path[PATH_MAX];
static atomic_long n_reads;

/* Its descriptor, which is the caller's, or -1. */
static int make_copy(const char *file)
{
	_cleanup_close_ int from = open(file, O_RDONLY | O_CLOEXEC);
	struct stat st;
	int to;

	if (from < 0 || fstat(from, &st) < 0)
		return -1;
	to = open(copy_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	for (ssize_t left = st.st_size, n; to >= 0 && left > 0; left -= n) {
		n = sendfile(to, from, NULL, (size_t)left);
		if (n <= 0)
			return close(to), -1;
	}
	return to;
}

/* As systemd's unlinkat_deallocate(), once the record is being read. */
static void *empty(void *userdata)
{
	int *fd = userdata;
	off_t size = lseek(*fd, 0, SEEK_END);

	while (atomic_load(&n_reads) < 3)
		;
	if (fallocate(*fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, size) < 0)
		*fd = close(*fd) - 1;
	return NULL;
}

static int open_last(const char *directory, const char *uid, sd_journal **ret)
{
	char match[sizeof(INDEXER_FIELD_UID "=") + ID128_TEXT_MAX];
	int r = journal_open(directory, 0, ret);

	(void)snprintf(match, sizeof(match), "%s=%s", INDEXER_FIELD_UID, uid);
	if (r < 0 || sd_journal_set_data_threshold(*ret, 0) < 0 ||
	    sd_journal_add_match(*ret, match, 0) < 0 || sd_journal_seek_tail(*ret) < 0)
		return -1;
	return sd_journal_previous(*ret) > 0 ? 0 : -1;
}

static bool is_same(const struct reader_record *record, const char *content,
		    const struct reader_record *whole)
{
	return record->log.content_size == whole->log.content_size &&
	       memcmp(record->log.content, content, whole->log.content_size) == 0 &&
	       record->log.level == whole->log.level && record->invocation == whole->invocation &&
	       memcmp(&record->numbers, &whole->numbers, sizeof(whole->numbers)) == 0;
}

/* 1 where all that was read was the record, 0 where something else was, -1 where that is not
 * known. */
static int try_once(const char *file, const char *directory, const char *uid)
{
	_cleanup_close_ int fd = make_copy(file);
	struct record_reader reader = { 0 };
	struct reader_record whole, record;
	char content[LOG_CONTENT_MAX];
	bool same = true;
	pthread_t thread;
	sd_journal *j;

	if (fd < 0 || open_last(directory, uid, &j) < 0 ||
	    record_read(&reader, j, &whole) != READER_RECORD)
		return -1;
	memcpy(content, whole.log.content, whole.log.content_size);
	atomic_store(&n_reads, 0);
	if (pthread_create(&thread, NULL, empty, &fd) != 0)
		return -1;
	while (record_read(&reader, j, &record) == READER_RECORD) {
		same = same && is_same(&record, content, &whole);
		atomic_fetch_add(&n_reads, 1);
	}
	atomic_fetch_add(&n_reads, 3);
	pthread_join(thread, NULL);
	record_reader_clear(&reader);
	sd_journal_close(j);
	return fd < 0 ? -1 : same;
}

int main(int argc, char **argv)
{
	int rounds, wrong = 0;

	if (argc != 5)
		return 2;
	rounds = atoi(argv[4]);
	(void)snprintf(copy_path, sizeof(copy_path), "%s/system.journal", argv[3]);
	for (int i = 0; i < rounds; i++) {
		int r = try_once(argv[1], argv[3], argv[2]);

		if (r < 0)
			return 2;
		wrong += r == 0;
	}
	printf("%d rounds, %d wrong\n", rounds, wrong);
	return wrong > 0;
}
