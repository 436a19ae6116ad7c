/*
 * What each caller has open, kept for as long as it has anything: who disconnects while calls are
 * still under way, and comes back, finds them counted.
 *
 * Any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "common/cleanup.h"
#include "rpc/tally.h"

struct account;
struct accounts;

/* 0 or -ENOMEM; on success *ret is owned by the caller. */
int accounts_new(struct accounts **ret);

/* All accounts must have been given back. Takes NULL, returns NULL. */
struct accounts *accounts_free(struct accounts *accounts);

/*
 * The account to which this caller is charged: one for each user, subject and indexer, an indexer
 * being known by its uid. It is referenced, and must be given back; NULL without memory.
 */
struct account *account_get(struct accounts *accounts, const struct caller *caller);

/* Takes NULL, returns NULL. */
struct account *account_unref(struct account *account);

struct tally *account_tally(struct account *account);
