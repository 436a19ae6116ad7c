/*
 * A fetch, as its files share it: what it is to do (fetch-start.c), and what becomes of it
 * (fetch.c).
 *
 * Main loop's thread only.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "manager/source.h"

enum fetch_state {
	FETCH_QUEUED,	/* until others have ended */
	FETCH_UNKNOWN,	/* of a daemon before this one: its unit is asked about */
	FETCH_STARTING, /* StartTransientUnit, until its reply */
	FETCH_RUNNING,
	FETCH_ENDED,	/* how it ended is asked for */
	FETCH_STOPPING, /* nobody waits for it any more */
};

struct fetch {
	struct fetch *next;
	struct manager *manager;
	enum fetch_state state;
	char request[ID128_TEXT_MAX]; /* names its unit and its directory */
	unsigned tries;
	bool pinned; /* our bus connection holds a reference on the unit */
	char *what;  /* two of the same are one */
	char *text;  /* for people */
	char *project_source;
	char commit[HASH_TEXT_MAX]; /* "": whatever the ref leads to */
	char key[SOURCE_KEY_MAX];   /* "" likewise */
	char plain[SOURCE_KEY_MAX]; /* of a build */
	char **words;		    /* of the build's commands, a NULL behind each */
	size_t n_words;
	char *build_dir;
};

/* Makes one that is not asked for yet. 0 or -ENOMEM; the caller owns *ret. */
int fetch_new(struct manager *manager, const struct definition *definition,
	      const struct fetch_want *want, struct fetch **ret);
void fetch_free(struct fetch *fetch);
DEFINE_CLEANUP(struct fetch, fetch_free);

/* The name of its unit. */
void fetch_unit(const char *request, char ret[FETCH_UNIT_MAX_SIZE]);

/*
 * Makes its directory and its order, and asks systemd for its unit, for the entry whose log has its
 * lines. As systemd_start_fetch(); or REFUSED, and `done` is never called.
 */
int fetch_start_unit(struct fetch *fetch, const struct entry *entry, systemd_done *done,
		     void *userdata, struct refusal *refusal);
