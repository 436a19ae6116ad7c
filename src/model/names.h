/*
 * What marks units, processes and journal records as indexers': names that one layer writes and
 * another one looks for. Ids and what is spelled from them are in id.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

/* The slice of all indexers' units. */
#define INDEXER_SLICE "indexer.slice"

/* The daemon's own unit. */
#define DAEMON_UNIT "indexerd.service"

/* What the names of units begin with that fetch or build a project, with the indexer's fields. */
#define FETCH_UNIT_PREFIX "indexerd-fetch-"

/* The supplementary group of every indexer's process; the indexers' socket is open to it alone. */
#define INDEXER_GROUP "indexerd-unit"

/*
 * Fields of an indexer's journal records. The unit adds UID, ID, LINEAGE (see lineage.h) and one
 * TREE for each uid in that to all of them, and it is the UID among its LogExtraFields= that makes
 * a unit ours; indexer-exec adds LINE, the number of the line in its invocation, LEVEL to lines of
 * TRACE, and to those of WARNING and ERROR their number among the lines of that level or above:
 * what reads only these sees then whether one is missing. NESTED is in what comes from the slice of
 * a tree: journald's own _SYSTEMD_SLICE= is then none that could be looked for.
 */
#define INDEXER_FIELD_UID      "INDEXER_UID"
#define INDEXER_FIELD_ID       "INDEXER_ID"
#define INDEXER_FIELD_LINEAGE  "INDEXER_LINEAGE"
#define INDEXER_FIELD_TREE     "INDEXER_TREE"
#define INDEXER_FIELD_LEVEL    "INDEXER_LEVEL"
#define INDEXER_FIELD_LINE     "INDEXER_LINE"
#define INDEXER_FIELD_WARNINGS "INDEXER_WARNINGS"
#define INDEXER_FIELD_ERRORS   "INDEXER_ERRORS"
#define INDEXER_FIELD_NESTED   "INDEXER_NESTED"
