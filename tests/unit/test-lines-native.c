/*
 * Native datagrams: what is encoded is what a parser of the protocol reads; and the sink and the
 * helper's own complaints, against a socket in journald's place.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <endian.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>

#include "common/util.h"
#include "lines/complaint.h"
#include "lines/native.h"
#include "lines/sink.h"
#include "tap.h"

struct field {
	const char *name, *value;
	size_t name_size, value_size;
};

/* Reads a field, in both forms that the protocol has. Returns what follows it, or NULL for garbage.
 */
static const char *read_field(const char *p, const char *end, struct field *ret)
{
	const char *newline = memchr(p, '\n', (size_t)(end - p));
	const char *equals = newline ? memchr(p, '=', (size_t)(newline - p)) : NULL;
	uint64_t n;

	if (!newline)
		return NULL;
	ret->name = p;
	ret->name_size = (size_t)((equals ? equals : newline) - p);
	if (equals) {
		ret->value = equals + 1;
		ret->value_size = (size_t)(newline - ret->value);
		return newline + 1;
	}
	if ((size_t)(end - newline) < 1 + sizeof(n))
		return NULL;
	memcpy(&n, newline + 1, sizeof(n));
	ret->value = newline + 1 + sizeof(n);
	ret->value_size = le64toh(n);
	if (ret->value_size >= (size_t)(end - ret->value) || ret->value[ret->value_size] != '\n')
		return NULL;
	return ret->value + ret->value_size + 1;
}

/* Whether a datagram is one entry: fields up to its end. */
static bool is_one_entry(const char *p, size_t size)
{
	const char *end = p + size;
	struct field field;

	while (p && p < end && *p != '\n')
		p = read_field(p, end, &field);
	return p == end;
}

/* The value of a field of an entry, or NULL. */
static const char *find_field(const char *p, size_t size, const char *name, size_t *ret_size)
{
	const char *end = p + size;
	struct field field;

	while (p < end && *p != '\n') {
		p = read_field(p, end, &field);
		if (!p)
			return NULL;
		if (field.name_size == strlen(name) &&
		    memcmp(field.name, name, field.name_size) == 0) {
			*ret_size = field.value_size;
			return field.value;
		}
	}
	return NULL;
}

static bool field_is(const char *p, size_t size, const char *name, const char *want,
		     size_t want_size)
{
	size_t n;
	const char *value = find_field(p, size, name, &n);

	return want ? value && n == want_size && memcmp(value, want, n) == 0 : !value;
}

static void test_round_trip(void)
{
	static const struct {
		const char *text;
		size_t size;
	} texts[] = {
		{ "plain", 5 },		  { "", 0 },
		{ "a=b\0MESSAGE=x", 13 }, { "\xff\xfe\x80", 3 },
		{ "PRIORITY=0", 10 },	  { "\r\t\033[1m", 6 },
	};

	for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
		struct log_line line = { .text = (char *)texts[i].text,
					 .size = texts[i].size,
					 .priority = 4 };
		char buffer[NATIVE_HEAD_MAX + 64];
		const struct line_numbers numbers = { { 12345, 67, 0 } };
		size_t n = native_head(buffer, "my-indexer", STREAM_STDERR, &numbers, &line);

		memcpy(buffer + n, line.text, line.size);
		memcpy(buffer + n + line.size, NATIVE_TAIL, NATIVE_TAIL_SIZE);
		n += line.size + NATIVE_TAIL_SIZE;
		ok(field_is(buffer, n, "MESSAGE", texts[i].text, texts[i].size) &&
			   field_is(buffer, n, "PRIORITY", "4", 1) &&
			   field_is(buffer, n, "SYSLOG_IDENTIFIER", "my-indexer", 10) &&
			   field_is(buffer, n, "INDEXER_STREAM", "stderr", 6) &&
			   field_is(buffer, n, "INDEXER_LINE", "12345", 5) &&
			   field_is(buffer, n, "INDEXER_WARNINGS", "67", 2) &&
			   field_is(buffer, n, "INDEXER_ERRORS", NULL, 0) &&
			   field_is(buffer, n, "INDEXER_LEVEL", NULL, 0),
		   "text %zu is read back with its fields", i);
	}
}

static void test_longest_head(void)
{
	struct log_line line = {
		.size = SIZE_MAX, .priority = 7, .trace = true, .format = "apibara"
	};
	const struct line_numbers numbers = { { UINT64_MAX, UINT64_MAX, UINT64_MAX } };
	char buffer[NATIVE_HEAD_MAX], id[NATIVE_IDENTIFIER_MAX];
	size_t n;

	memset(id, 'i', sizeof(id) - 1);
	id[sizeof(id) - 1] = '\0';
	n = native_head(buffer, id, STREAM_STDOUT, &numbers, &line);
	ok(n <= NATIVE_HEAD_MAX, "the longest head fits: %zu bytes", n);
	ok(memmem(buffer, n, "INDEXER_LEVEL=trace\n", 20), "a TRACE line says so");
}

/* More than a socket's queue holds. */
#define LINES 100000

/* In journald's place: a bound socket. */
static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)unlink(path);
	strcpy(address.sun_path, path);
	assert(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	return fd;
}

static void *write_lines(void *path)
{
	_cleanup_(sink_freep) struct sink *sink = NULL;
	static char texts[64][16];

	assert(sink_new(path, "id", &(struct line_numbers){ 0 }, &sink) == 0);
	for (int i = 1; i <= LINES; i++) {
		char *text = texts[i % 64];
		struct log_line line = { .text = text,
					 .size = (size_t)sprintf(text, "%d", i),
					 .priority = i % 10 ? 6 : 3 };

		if (sink_push(sink, STREAM_STDOUT, &line) || i % 50 == 0)
			sink_flush(sink);
	}
	sink_settle(sink);
	return NULL;
}

struct inbox {
	int fd;
	char bytes[65536];
};

/* The next datagram, which must be one entry; false where it is empty. */
static bool next_entry(struct inbox *inbox, const char **ret, size_t *ret_size)
{
	ssize_t n = recv(inbox->fd, inbox->bytes, sizeof(inbox->bytes), 0);

	assert(n >= 0 && is_one_entry(inbox->bytes, (size_t)n));
	*ret = inbox->bytes;
	*ret_size = (size_t)n;
	return n > 0;
}

/* Receives `count` lines; returns how many were in their order, from 1 on. */
static int receive_lines(struct inbox *inbox, int count)
{
	int good = 0;

	for (int i = 1; i <= count; i++) {
		char want[16];
		int n = sprintf(want, "%d", i);
		const char *entry;
		size_t size;

		good += next_entry(inbox, &entry, &size) &&
			field_is(entry, size, "MESSAGE", want, (size_t)n) &&
			field_is(entry, size, "INDEXER_LINE", want, (size_t)n) &&
			field_is(entry, size, "INDEXER_ERRORS", i % 10 ? NULL : want,
				 (size_t)n - 1); /* every tenth: its number without the 0 */
	}
	return good;
}

/* Receives until the writer says that it is done; returns the number of the last line. */
static int receive_rest(struct inbox *inbox)
{
	const char *entry;
	size_t size, n;
	int last = 0;

	while (next_entry(inbox, &entry, &size)) {
		const char *value = find_field(entry, size, "INDEXER_LINE", &n);

		assert(value && atoi(value) > last);
		last = atoi(value);
	}
	return last;
}

static void test_sink(void)
{
	char dir[] = "/tmp/test-lines-native.XXXXXX", path[64];
	static struct inbox first, second;
	pthread_t writer;

	assert(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/socket", dir);
	pthread_create(&writer, NULL, write_lines, path);
	usleep(50000); /* not there yet: it is waited for */
	first.fd = listen_at(path);
	is_int(receive_lines(&first, 300), 300, "300 lines, after the socket has appeared");

	/* journald's socket is replaced: what its queue held is lost with it, the rest arrives. */
	second.fd = listen_at(path);
	close(first.fd);
	is_int(receive_rest(&second), LINES, "after the socket was replaced the last line arrives");
	pthread_join(writer, NULL);
	close(second.fd);
	(void)unlink(path);
	(void)rmdir(dir);
}

static void *write_complaint(void *path)
{
	return (void *)(intptr_t)complaint_send(path, LOG_ERR, "id", "cannot execute it: a=b");
}

static void test_complaint(void)
{
	char dir[] = "/tmp/test-lines-native.XXXXXX", path[64];
	static struct inbox inbox;
	pthread_t writer;
	const char *entry;
	size_t size;
	void *result;

	assert(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/socket", dir);
	ok(complaint_send(path, LOG_ERR, "id", "text") < 0, "nobody is there to complain to");
	inbox.fd = listen_at(path);
	pthread_create(&writer, NULL, write_complaint, path);
	ok(next_entry(&inbox, &entry, &size) &&
		   field_is(entry, size, "MESSAGE", "cannot execute it: a=b", 22) &&
		   field_is(entry, size, "PRIORITY", "3", 1) &&
		   field_is(entry, size, "SYSLOG_IDENTIFIER", "id", 2) &&
		   field_is(entry, size, "INDEXER_LINE", NULL, 0),
	   "a complaint is an error without a number");
	ok(!next_entry(&inbox, &entry, &size), "and the last datagram is empty");
	pthread_join(writer, &result);
	ok(!result, "its writer has succeeded");
	close(inbox.fd);
	(void)unlink(path);
	(void)rmdir(dir);
}

int main(void)
{
	test_round_trip();
	test_longest_head();
	test_sink();
	test_complaint();
	return tap_done();
}
