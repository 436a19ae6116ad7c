/*
 * Who calls: known from the socket and the kernel, before gRPC sees a byte.
 *
 * A caller on the indexers' socket is an indexer, named by its own uid; everybody else is a user of
 * this server, or the subject of a client certificate, with the rights that the configuration
 * gives.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "common/util.h"
#include "model/id.h"

/* What a user or a subject may do. Indexers are confined to their subtree instead. */
enum rights {
	RIGHTS_FULL,
	RIGHTS_READ_ONLY,
	RIGHTS_NONE,
};

/* Longest name of a certificate's subject that can be listed, and anybody's account, with the NUL.
 */
#define SUBJECT_MAX	   256
#define CALLER_ACCOUNT_MAX (SUBJECT_MAX + sizeof("subject:"))
#define CALLER_WORDS_MAX   (SUBJECT_MAX + sizeof("the certificate's subject "))

struct caller {
	char indexer_id[ID_MAX];	  /* "" where the caller is no indexer */
	char indexer_uid[ID128_TEXT_MAX]; /* "" where the caller is no indexer */
	/* Whom quotas are charged to: "user:1000", "subject:ci.example.org", "indexers/a". */
	char account[CALLER_ACCOUNT_MAX];
	char words[CALLER_WORDS_MAX]; /* the same for people: "the user alice (uid 1000)" */
	enum rights rights;
	const char *why; /* where they are not full: what the configuration says; a literal */
};

static inline bool caller_is_indexer(const struct caller *caller)
{
	return caller->indexer_uid[0] != '\0';
}

/* Little is set aside for an indexer, and for who is refused anyhow. */
static inline bool caller_needs_little(const struct caller *caller)
{
	return caller_is_indexer(caller) || caller->rights == RIGHTS_NONE;
}

/* Root's account: quotas are not for the administrator. */
#define CALLER_ACCOUNT_ROOT "user:0"

/* Each fills *ret, with full rights. `name` may be NULL; a subject's is cut at SUBJECT_MAX. */
void caller_from_user(uid_t uid, const char *name, struct caller *ret);
void caller_from_subject(const char *subject, struct caller *ret);
void caller_from_indexer(const char *id, const char *uid, struct caller *ret);

/* Whether both are charged together, and may do the same. */
bool caller_equal(const struct caller *a, const struct caller *b);
