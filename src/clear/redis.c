/*
 * Clearing a key of a Redis, by hiredis: connect, AUTH, SELECT, DEL.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdio.h>

#include "clear/backend.h"
#include "common/util.h"

DEFINE_CLEANUP(redisContext, redisFree);

static void free_reply(redisReply **reply)
{
	freeReplyObject(*reply); /* takes NULL */
}

static struct timeval time_left(const struct attempt *attempt)
{
	uint64_t now = now_usec(CLOCK_MONOTONIC);
	uint64_t left = attempt->deadline > now ? attempt->deadline - now : 1;

	return (struct timeval){ .tv_sec = (time_t)(left / USEC_PER_SEC),
				 .tv_usec = (suseconds_t)(left % USEC_PER_SEC) };
}

static redisContext *connect_to(const struct attempt *attempt)
{
	const struct backend_address *address = attempt->address;

	if (!isempty(address->path))
		return redisConnectUnixWithTimeout(address->path, time_left(attempt));
	return redisConnectWithTimeout(address->host, (int)address->port, time_left(attempt));
}

static enum clear_reply fail(struct attempt *attempt, enum clear_reply kind, const char *what,
			     const char *text)
{
	(void)snprintf(attempt->error, sizeof(attempt->error), "%s: %s", what, text);
	return kind;
}

/* Of a socket whose time is over hiredis says what the kernel says: that it would block. */
static const char *describe(const redisContext *context)
{
	bool late = context->err == REDIS_ERR_IO && (errno == EAGAIN || errno == ETIMEDOUT);

	return late ? "no answer in time" : context->errstr;
}

/* Sends a command and reads its reply, which is to be of one type. */
static enum clear_reply command(struct attempt *attempt, redisContext *context,
				enum clear_reply kind, int type, int argc, const char **argv)
{
	_cleanup_(free_reply) redisReply *reply = NULL;

	if (redisSetTimeout(context, time_left(attempt)) != REDIS_OK)
		return fail(attempt, CLEAR_NO_BACKEND, argv[0], describe(context));
	reply = redisCommandArgv(context, argc, argv, NULL);
	if (!reply)
		return fail(attempt, CLEAR_NO_BACKEND, argv[0], describe(context));
	if (reply->type == REDIS_REPLY_ERROR)
		return fail(attempt, kind, argv[0], reply->str);
	if (reply->type != type)
		return fail(attempt, CLEAR_NO_BACKEND, argv[0], "the reply is none of a Redis");
	return CLEAR_DONE;
}

static enum clear_reply enter(struct attempt *attempt, redisContext *context)
{
	const struct backend_address *address = attempt->address;
	const char *password = attempt->request->password;
	const char *auth[3] = { "AUTH" }, *select[] = { "SELECT", NULL };
	char database[16];
	enum clear_reply reply = CLEAR_DONE;
	int n = 1;

	if (!isempty(address->user))
		auth[n++] = address->user;
	auth[n++] = password;
	if (!isempty(password))
		reply = command(attempt, context, CLEAR_NO_BACKEND, REDIS_REPLY_STATUS, n, auth);
	if (reply != CLEAR_DONE || address->database == 0)
		return reply;
	(void)snprintf(database, sizeof(database), "%u", address->database);
	select[1] = database;
	return command(attempt, context, CLEAR_NO_BACKEND, REDIS_REPLY_STATUS, 2, select);
}

enum clear_reply redis_clear(struct attempt *attempt)
{
	_cleanup_(redisFreep) redisContext *context = connect_to(attempt);
	char key[BACKEND_KEY_MAX];
	const char *del[] = { "DEL", key };
	enum clear_reply reply;

	if (!context)
		return fail(attempt, CLEAR_NO_BACKEND, "connect", "out of memory");
	if (context->err)
		return fail(attempt, CLEAR_NO_BACKEND, "connect", describe(context));
	backend_key(BACKEND_REDIS, attempt->request->id, key);
	reply = enter(attempt, context);
	return reply != CLEAR_DONE
		       ? reply
		       : command(attempt, context, CLEAR_FAILED, REDIS_REPLY_INTEGER, 2, del);
}
