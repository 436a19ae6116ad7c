/*
 * What the parts of the manager share that bring projects onto the server: where they come from
 * (source.c), the units that fetch and build them (fetch.c), and the checkouts that are there
 * (checkout.c is one, checkouts.c are all).
 *
 * Main loop's thread only.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "manager/private.h"
#include "model/source-key.h"

/* The project's root in a unit; see PROJECT_MOUNT. */
#define PROJECT_TREE PROJECT_MOUNT "/" CHECKOUT_TREE
#define PLAIN_TREE   PLAIN_MOUNT "/" CHECKOUT_TREE

/* In a checkout, and in the directory of a fetch. */
#define CHECKOUT_TREE	"tree"
#define CHECKOUT_RESULT "result"
#define CHECKOUT_ERROR	"error"

/* What a fetch has brought, by its own words. */
struct fetch_result {
	char key[SOURCE_KEY_MAX];
	char commit[HASH_TEXT_MAX];
	uint64_t bytes;
};

/* What is to be fetched, or built where there are commands. Everything is lent. */
struct fetch_want {
	const struct source *source;
	const char *commit;	   /* "" where the source's own ref is to be found */
	const char *key;	   /* what comes of it; "" where the commit is not known */
	const char *plain;	   /* of a build: the key of what is built */
	const struct build *build; /* NULL or without commands: nothing is built */
};

/* fetch.c */
/*
 * Has it done for the entry, which takes part in one that is under way for the same. entry->fetch
 * is set until it has ended; then the entry is decided upon, with the commit in its definition, or
 * a start that failed. 0 or a negative errno.
 */
int fetch_begin(struct entry *entry, const struct fetch_want *want);
/* The checkout that it needs while it is under way, or "". */
const char *fetch_plain(const struct fetch *fetch);
/* Whether the directory or unit of this name is of one that is under way. */
bool fetch_is_known(const struct manager *manager, const char *request);

/* checkout.c */
/* The path of a checkout or of a fetch's directory; owned by the caller, NULL without memory. */
char *checkout_path(const struct manager *manager, const char *name);
/* The path of the project in it; likewise. */
char *checkout_tree(const struct manager *manager, const char *name);
/* Whether the project is in it. */
bool checkout_has_tree(const struct manager *manager, const char *name);
/* Whether the checkout is there, and complete. */
bool checkout_is_there(const struct manager *manager, const char *key);
/* Makes the directory of a fetch, empty and open to its unit. 0 or a negative errno. */
int checkout_new(const struct manager *manager, const char *request);
/* Reads what a fetch has left: 0, -ENOENT where it left no result, -EBADMSG for one that is none.
 */
int checkout_read_result(const struct manager *manager, const char *request,
			 struct fetch_result *ret);
/* The last words of one that failed, in one line, or "". */
void checkout_read_error(const struct manager *manager, const char *request, char *ret,
			 size_t size);

/* checkouts.c */
/* Looks at what is there. 0 or -ENOMEM; a directory that cannot be read is logged. */
int checkouts_load(struct manager *manager);
void checkouts_free(struct manager *manager);
/* The keys of all that are there, lent until the next call about checkouts; `*ret` is the caller's.
 */
int checkouts_keys(const struct manager *manager, const char ***ret, size_t *ret_n);
/* What one more may take of the disk. REFUSED where there is no room for any. */
int checkouts_room(struct manager *manager, uint64_t *ret, struct refusal *refusal);
/* Makes a fetch's directory the checkout. 0 or a negative errno: -EBADMSG where it has no tree. */
int checkout_publish(struct manager *manager, const char *request,
		     const struct fetch_result *result);
/* Something is used no more, or a fetch has ended: what nobody uses is removed, by and by. */
void checkouts_sweep_later(struct manager *manager);
/* No unit of theirs will be heard of. */
void checkouts_lost(struct manager *manager);
/* A unit of theirs has ended. */
void checkouts_removed(struct manager *manager, const char *unit);

/* source.c */
/* Takes the source of a definition apart; a directory with an archive's name is a directory. 0,
 * REFUSED or -ENOMEM. */
int source_of(const struct definition *definition, struct source *ret, struct refusal *refusal);
bool source_is_fetched(const struct source *source);
/* Writes down which commit the entry's project is of. 0 or a negative errno. */
int source_pin(struct entry *entry, const char *commit);
