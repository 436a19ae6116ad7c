/*
 * Callers; see caller.h.
 *
 * No state; any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "model/caller.h"

#include <stdio.h>

#include "model/id.h"

void caller_from_user(uid_t uid, const char *name, struct caller *ret)
{
	*ret = (struct caller){};
	(void)snprintf(ret->account, sizeof(ret->account), "user:%u", (unsigned)uid);
	if (name)
		(void)snprintf(ret->words, sizeof(ret->words), "the user %s (uid %u)", name,
			       (unsigned)uid);
	else
		(void)snprintf(ret->words, sizeof(ret->words), "the user with uid %u",
			       (unsigned)uid);
}

void caller_from_subject(const char *subject, struct caller *ret)
{
	*ret = (struct caller){};
	(void)snprintf(ret->account, sizeof(ret->account), "subject:%.*s", SUBJECT_MAX - 1,
		       subject);
	(void)snprintf(ret->words, sizeof(ret->words), "the certificate's subject %.*s",
		       SUBJECT_MAX - 1, subject);
}

void caller_from_indexer(const char *id, const char *uid, struct caller *ret)
{
	*ret = (struct caller){};
	(void)snprintf(ret->indexer_id, sizeof(ret->indexer_id), "%s", id);
	(void)snprintf(ret->indexer_uid, sizeof(ret->indexer_uid), "%s", uid);
	(void)snprintf(ret->account, sizeof(ret->account), NAME_PREFIX "%s", id);
	(void)snprintf(ret->words, sizeof(ret->words), NAME_PREFIX "%s", id);
}

bool caller_equal(const struct caller *a, const struct caller *b)
{
	return a->rights == b->rights && streq(a->account, b->account) &&
	       streq(a->indexer_uid, b->indexer_uid);
}
