/*
 * What each caller has open, kept for as long as it has anything, and for a while after it was cut
 * off: who disconnects while calls are still under way, and comes back, finds them counted, and the
 * memory that they take.
 *
 * Any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <grpc/grpc.h>

#include "rpc/guard.h"
#include "rpc/tally.h"

struct account;
struct accounts;

/* `bar_usec`: see account_bar(). 0 or -ENOMEM; on success *ret is owned by the caller. */
int accounts_new(uint64_t bar_usec, struct accounts **ret);

/* All accounts must have been given back. Takes NULL, returns NULL. */
struct accounts *accounts_free(struct accounts *accounts);

/*
 * The account to which this caller is charged: one for each user, subject and indexer, an indexer
 * being known by its uid. It is referenced, and must be given back; NULL without memory.
 */
struct account *account_get(struct accounts *accounts, const struct caller *caller);

/* Takes NULL, returns NULL. */
struct account *account_unref(struct account *account);

struct account *account_ref(struct account *account);

struct tally *account_tally(struct account *account);

/* What gRPC may take for all of the caller's connections, also for those that it is done with. */
grpc_resource_quota *account_quota(struct account *account);

/* What the caller's connections count together. */
struct guard_meter *account_meter(struct account *account);

/*
 * Keeps a caller out for a while from now: gRPC takes longer to get rid of what a flood has
 * left than its sender to connect again. False where it is kept out already.
 */
bool account_bar(struct account *account);

/* Whether the caller is kept out at present. */
bool accounts_is_barred(struct accounts *accounts, const struct caller *caller);

/* The number of its calls that were refused and are still on their way out. */
atomic_uint *account_refused(struct account *account);
