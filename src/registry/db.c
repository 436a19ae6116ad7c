/*
 * The one connection to the registry's file.
 *
 * It is in locking_mode=EXCLUSIVE: a second daemon is refused, no shared-memory file is needed, and
 * no reader can keep the write-ahead log from being checkpointed. The price is that the sqlite3
 * shell cannot read the file beside a running daemon: an administrator stops the daemon first
 * (indexers go on), or asks indexerctl. POSIX locks fall when any descriptor of the file is closed,
 * so nothing here opens the file beside SQLite once it exists.
 *
 * Main loop's thread only.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "registry/db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/log.h"
#include "common/util.h"

/* How long the main loop may wait for a lock; it is taken once, when the file is opened. */
#define BUSY_TIMEOUT_MSEC 1000

/* Longest value that is written or read: whatever a damaged file claims, no more is allocated. */
#define VALUE_MAX (1024 * 1024)

struct db {
	sqlite3 *connection;
	char *path;
	sqlite3_stmt *statements[STATEMENTS];
	int thousands_left; /* of instructions, see db_bound_work() */
};

static const struct {
	int code;
	int error;
} codes[] = {
	{ SQLITE_FULL, -ENOSPC },    { SQLITE_BUSY, -EBUSY },	     { SQLITE_LOCKED, -EBUSY },
	{ SQLITE_NOMEM, -ENOMEM },   { SQLITE_CORRUPT, -EIO },	     { SQLITE_NOTADB, -EIO },
	{ SQLITE_READONLY, -EROFS }, { SQLITE_PERM, -EACCES },	     { SQLITE_AUTH, -EACCES },
	{ SQLITE_TOOBIG, -E2BIG },   { SQLITE_CONSTRAINT, -EINVAL }, { SQLITE_IOERR, -EIO },
};

#define RESCUE                                                                                     \
	"stop indexerd and put back a copy of the file, or move it away to begin with an empty "   \
	"one, each time together with its -wal file"

/* What an administrator can do about it. */
static const struct {
	int error;
	const char *text;
} advice[] = {
	{ -ENOSPC, "; make room in its file system" },
	{ -EBUSY, "; another process holds it: is there a second indexerd?" },
	{ -EROFS, "; it must be writable" },
	{ -EIO,
	  "; look for errors of the disk in the kernel's log; where there are none, " RESCUE },
};

/* The errno behind the result codes that stand for many, or 0. */
static int error_of_system(sqlite3 *connection, int code)
{
	int error = sqlite3_system_errno(connection);

	if (error == EDQUOT)
		error = ENOSPC;
	if (code == SQLITE_IOERR_NOMEM)
		return -ENOMEM;
	if ((code & 0xff) == SQLITE_IOERR && error == ENOSPC)
		return -ENOSPC;
	if ((code & 0xff) == SQLITE_CANTOPEN)
		return -error;
	return 0;
}

static int error_of_code(int code)
{
	for (size_t i = 0; i < ELEMENTSOF(codes); i++)
		if (codes[i].code == (code & 0xff))
			return codes[i].error;
	return -EIO;
}

int db_error(struct db *db, const char *what, int code)
{
	int r = db->connection ? error_of_system(db->connection, code) : 0;
	const char *words = db->connection ? sqlite3_errmsg(db->connection) : sqlite3_errstr(code);
	const char *text = "";

	if (r == 0)
		r = error_of_code(code);
	for (size_t i = 0; i < ELEMENTSOF(advice); i++)
		if (advice[i].error == r)
			text = advice[i].text;
	log_error("registry %s: %.60s: %s (SQLite code %d)%s", db->path, what, words, code, text);
	return r;
}

/* Makes an empty file of mode 0600, whatever the umask is, where there is none. */
static int make_file(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return errno == EEXIST ? 0 : -errno;
	return fchmod(fd, 0600) < 0 ? -errno : 0;
}

static int configure(struct db *db)
{
	static const struct {
		int option, value;
	} options[] = {
		{ SQLITE_DBCONFIG_DEFENSIVE, 1 },
		{ SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },
		{ SQLITE_DBCONFIG_ENABLE_TRIGGER, 0 },
		{ SQLITE_DBCONFIG_ENABLE_VIEW, 0 },
		{ SQLITE_DBCONFIG_DQS_DDL, 0 },
		{ SQLITE_DBCONFIG_DQS_DML, 0 },
		/* Until db_settle(): a file that is not for us stays as it is. */
		{ SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1 },
	};

	sqlite3_busy_timeout(db->connection, BUSY_TIMEOUT_MSEC);
	sqlite3_limit(db->connection, SQLITE_LIMIT_LENGTH, VALUE_MAX);
	for (size_t i = 0; i < ELEMENTSOF(options); i++) {
		int code = sqlite3_db_config(db->connection, options[i].option, options[i].value,
					     NULL);

		if (code != SQLITE_OK)
			return db_error(db, "configure", code);
	}
	return db_run(db, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA temp_store = MEMORY");
}

int db_open(const char *path, struct db **ret)
{
	_cleanup_(db_closep) struct db *db = calloc(1, sizeof(*db));
	int code, r;

	if (!db)
		return -ENOMEM;
	db->path = strdup(path);
	if (!db->path)
		return -ENOMEM;
	r = make_file(path);
	if (r < 0) {
		log_error("registry %s: cannot make the file: %s", path, strerror(-r));
		return r;
	}
	code = sqlite3_open_v2(path, &db->connection,
			       SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
			       NULL);
	if (code != SQLITE_OK)
		return db_error(db, "open", code);
	r = configure(db);
	if (r < 0)
		return r;
	*ret = TAKE(db);
	return 0;
}

struct db *db_close(struct db *db)
{
	if (!db)
		return NULL;
	for (size_t i = 0; i < ELEMENTSOF(db->statements); i++)
		sqlite3_finalize(db->statements[i]);
	sqlite3_close(db->connection);
	free(db->path);
	free(db);
	return NULL;
}

/* Runs a statement that has a text as its only answer, and checks it. */
static int expect(struct db *db, const char *sql, const char *want)
{
	_cleanup_(db_finalizep) sqlite3_stmt *statement = NULL;
	const char *got;
	int r;

	r = db_prepare(db, sql, &statement);
	if (r < 0)
		return r;
	r = db_step(db, statement);
	if (r < 0)
		return r;
	got = (const char *)sqlite3_column_text(statement, 0);
	if (got && streq(got, want))
		return 0;
	log_error("registry %s: %s: %s; " RESCUE, db->path, sql, got ? got : "nothing");
	return -EIO;
}

int db_settle(struct db *db)
{
	int r;

	/* SQLite gives the -wal file the same mode. */
	if (chmod(db->path, 0600) < 0) {
		r = -errno;
		log_error("registry %s: cannot set its mode: %s", db->path, strerror(errno));
		return r;
	}
	r = expect(db, "PRAGMA journal_mode = WAL", "wal");
	if (r < 0)
		return r;
	r = db_run(db, "PRAGMA synchronous = FULL;"
		       "PRAGMA foreign_keys = ON;"
		       "PRAGMA cell_size_check = ON;"
		       "PRAGMA wal_autocheckpoint = 1000;"
		       "PRAGMA journal_size_limit = 8388608");
	if (r < 0)
		return r;
	/* A few milliseconds for thousands of rows, and damage is found now rather than in a call.
	 */
	r = expect(db, "PRAGMA quick_check(1)", "ok");
	if (r < 0)
		return r;
	sqlite3_db_config(db->connection, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
	return 0;
}

const char *db_path(const struct db *db)
{
	return db->path;
}

int db_run(struct db *db, const char *sql)
{
	int code = sqlite3_exec(db->connection, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? 0 : db_error(db, sql, code);
}

int db_run_int64(struct db *db, const char *sql, int64_t *ret)
{
	_cleanup_(db_finalizep) sqlite3_stmt *statement = NULL;
	int r;

	r = db_prepare(db, sql, &statement);
	if (r < 0)
		return r;
	r = db_step(db, statement);
	if (r <= 0)
		return r < 0 ? r : db_error(db, sql, SQLITE_DONE);
	*ret = sqlite3_column_int64(statement, 0);
	return 0;
}

int db_prepare(struct db *db, const char *sql, sqlite3_stmt **ret)
{
	int code = sqlite3_prepare_v2(db->connection, sql, -1, ret, NULL);

	return code == SQLITE_OK ? 0 : db_error(db, sql, code);
}

void db_finalizep(sqlite3_stmt **statement)
{
	sqlite3_finalize(*statement);
}

int db_statement(struct db *db, enum statement statement, sqlite3_stmt **ret)
{
	sqlite3_stmt **kept = &db->statements[statement];

	if (!*kept) {
		int code = sqlite3_prepare_v3(db->connection, statement_sql[statement], -1,
					      SQLITE_PREPARE_PERSISTENT, kept, NULL);
		if (code != SQLITE_OK)
			return db_error(db, statement_sql[statement], code);
	}
	assert(!sqlite3_stmt_busy(*kept));
	*ret = *kept;
	return 0;
}

void db_statement_donep(sqlite3_stmt **statement)
{
	if (!*statement)
		return;
	sqlite3_reset(*statement);
	sqlite3_clear_bindings(*statement);
}

static int on_progress(void *userdata)
{
	struct db *db = userdata;

	return --db->thousands_left <= 0;
}

void db_bound_work(struct db *db, int instructions)
{
	db->thousands_left = instructions / 1000 + 1;
	if (instructions > 0)
		sqlite3_progress_handler(db->connection, 1000, on_progress, db);
	else
		sqlite3_progress_handler(db->connection, 0, NULL, NULL);
}

int db_step(struct db *db, sqlite3_stmt *statement)
{
	int code = sqlite3_step(statement);

	if (code == SQLITE_INTERRUPT)
		return -EINTR;

	if (code == SQLITE_ROW)
		return 1;
	if (code == SQLITE_DONE)
		return 0;
	return db_error(db, sqlite3_sql(statement), code);
}

int db_bind_text(struct db *db, sqlite3_stmt *statement, int parameter, const char *text)
{
	int code = sqlite3_bind_text(statement, parameter, text, -1, SQLITE_STATIC);

	return code == SQLITE_OK ? 0 : db_error(db, "bind", code);
}

int db_bind_int64(struct db *db, sqlite3_stmt *statement, int parameter, int64_t value)
{
	int code = sqlite3_bind_int64(statement, parameter, value);

	return code == SQLITE_OK ? 0 : db_error(db, "bind", code);
}

int db_changes(struct db *db)
{
	return sqlite3_changes(db->connection);
}

int64_t db_last_key(struct db *db)
{
	return sqlite3_last_insert_rowid(db->connection);
}

/* BEGIN, COMMIT or ROLLBACK. */
static int run_kept(struct db *db, enum statement which)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	int r;

	r = db_statement(db, which, &statement);
	if (r < 0)
		return r;
	return db_step(db, statement);
}

int db_begin(struct db *db, struct db **ret_transaction)
{
	int r;

	assert(sqlite3_get_autocommit(db->connection));
	r = run_kept(db, STATEMENT_BEGIN);
	if (r < 0)
		return r;
	*ret_transaction = db;
	return 0;
}

int db_commit(struct db **transaction)
{
	return run_kept(*transaction, STATEMENT_COMMIT);
}

/* SQLite has already undone it after some errors, and after a commit there is nothing to undo. */
void db_rollbackp(struct db **transaction)
{
	struct db *db = *transaction;

	if (db && !sqlite3_get_autocommit(db->connection))
		(void)run_kept(db, STATEMENT_ROLLBACK);
}
