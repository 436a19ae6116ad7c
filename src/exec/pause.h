/*
 * The wait before a restart: indexer-exec waits out the indexer's back-off itself, before it does
 * anything else, so that it needs no daemon, and any version of systemd will do. See
 * model/backoff.h for how long, and tries.h for how it knows.
 *
 * While it waits the unit is "activating"; SIGTERM, by which a unit is stopped, ends it at once.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "exec/spec.h"
#include "exec/tries.h"

struct pause {
	int directory;	    /* of the tries; negative: there is none, and no try is noted */
	struct tries tries; /* before the present try */
};

/*
 * Waits, if this start is a restart of systemd's own; says so to the journal and as the unit's
 * status. 0, or a negative errno where the record of the tries cannot be written: then the next
 * wait will not be longer than this one.
 */
int pause_before_try(const spec_t *spec, struct pause *pause);

/* Notes that the program is executed now. 0 or a negative errno. */
int pause_end(struct pause *pause);

void pause_clear(struct pause *pause);
