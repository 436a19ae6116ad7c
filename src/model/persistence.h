/*
 * Where the state of an indexer is kept: its directory, or a key of a Redis or an etcd. The choice
 * is made when the indexer is created, and remembered as a text in its row, for that is where its
 * state is cleared when it is deleted, whatever the configuration says by then. Pure.
 *
 * A password is in none of it: the choice has the name of a credential of indexerd.service.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>

#include "common/cleanup.h"
#include "model/id.h"
#include "model/kv.h"

enum backend {
	BACKEND_NONE, /* it has no business of indexerd's */
	BACKEND_FS,   /* the directory that systemd makes and clears anyway */
	BACKEND_REDIS,
	BACKEND_ETCD,
};

/* Sizes with the NUL. */
#define BACKEND_ADDRESS_MAX    256
#define BACKEND_USER_MAX       65
#define BACKEND_CREDENTIAL_MAX 65
#define BACKEND_PASSWORD_MAX   1025

/* All zero is none. The strings are owned. */
struct persistence {
	enum backend backend;
	char *address;	  /* of Redis and etcd; never has a password */
	char *credential; /* name of the password's, or NULL */
};

void persistence_clear(struct persistence *persistence);

/* 0 or -ENOMEM; *ret is untouched then. */
int persistence_copy(const struct persistence *from, struct persistence *ret);

/* The word in the configuration: "none", "fs", "redis" or "etcd". */
const char *backend_name(enum backend backend);

/* -EINVAL where the word is none of them. */
int backend_from_name(const char *name, enum backend *ret);

/* Whether it is another server's, over a connection. */
static inline bool backend_is_remote(enum backend backend)
{
	return backend == BACKEND_REDIS || backend == BACKEND_ETCD;
}

/* An address, taken apart. */
struct backend_address {
	enum backend backend;		/* by the scheme */
	char host[BACKEND_ADDRESS_MAX]; /* a name or number, IPv6 without brackets; "" for a path */
	char path[108];			/* of a Unix socket, or "" */
	unsigned port;
	unsigned database; /* of Redis */
	char user[BACKEND_USER_MAX];
};

/*
 * Reads redis://[USER@]HOST[:PORT][/DATABASE], redis+unix:///PATH[?db=DATABASE][&user=USER] or
 * http://[USER@]HOST[:PORT], which is etcd's. 0, or -EINVAL with the problem in words, a literal;
 * then *ret is undefined.
 */
int backend_address_parse(const char *text, struct backend_address *ret, const char **problem);

/* Whether systemd can have a credential of this name, and it fits. */
bool credential_name_is_valid(const char *name);

/*
 * The choice as the registry has it: "" for none, "fs", or "redis ADDRESS" with " CREDENTIAL" where
 * there is one. The text is the caller's. 0 or -ENOMEM.
 */
int persistence_format(const struct persistence *persistence, char **ret);

/* Reads such a text. 0, -ENOMEM, or -EINVAL where indexerd has not written it. */
int persistence_parse(const char *text, struct persistence *ret);

/* With the NUL. */
#define BACKEND_KEY_MAX (sizeof("apibara:sink:") + ID_MAX)

/* The key under which the state of an indexer lies in Redis or etcd, as Apibara's sinks have it. */
void backend_key(enum backend backend, const char *id, char ret[BACKEND_KEY_MAX]);

/*
 * The variables by which Apibara's sinks are told: SINK_ID, and one of PERSIST_TO_FS (with the
 * directory), PERSIST_TO_REDIS (with the URL, and in it the password if there is one) and
 * PERSIST_TO_ETCD. None for BACKEND_NONE. `password` may be NULL. 0 or -ENOMEM.
 */
int persistence_environment(const struct persistence *persistence, const char *id,
			    const char *directory, const char *password, struct kv_list *ret);

/* Whether a variable is one of those. */
bool persistence_is_variable(const char *key);
