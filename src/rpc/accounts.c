/*
 * Accounts; see accounts.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "common/util.h"
#include "rpc/accounts.h"

struct account {
	LIST_ENTRY(account) link;
	struct accounts *all;
	unsigned refs; /* guarded by the lock of all */
	struct tally used;
	char indexer_uid[ID128_TEXT_MAX];
	char name[CALLER_ACCOUNT_MAX];
};

struct accounts {
	pthread_mutex_t lock;
	LIST_HEAD(, account) list; /* guarded by lock */
};

int accounts_new(struct accounts **ret)
{
	struct accounts *accounts = calloc(1, sizeof(*accounts));

	if (!accounts)
		return -ENOMEM;
	pthread_mutex_init(&accounts->lock, NULL);
	*ret = accounts;
	return 0;
}

struct accounts *accounts_free(struct accounts *accounts)
{
	if (!accounts)
		return NULL;
	assert(LIST_EMPTY(&accounts->list));
	pthread_mutex_destroy(&accounts->lock);
	free(accounts);
	return NULL;
}

static struct account *find_locked(const struct accounts *accounts, const struct caller *caller)
{
	struct account *account;

	LIST_FOREACH(account, &accounts->list, link)
	if (streq(account->name, caller->account) &&
	    streq(account->indexer_uid, caller->indexer_uid))
		return account;
	return NULL;
}

static struct account *add_locked(struct accounts *accounts, const struct caller *caller)
{
	struct account *account = calloc(1, sizeof(*account));

	if (!account)
		return NULL;
	account->all = accounts;
	strcpy(account->name, caller->account);
	strcpy(account->indexer_uid, caller->indexer_uid);
	LIST_INSERT_HEAD(&accounts->list, account, link);
	return account;
}

struct account *account_get(struct accounts *accounts, const struct caller *caller)
{
	struct account *account;

	pthread_mutex_lock(&accounts->lock);
	account = find_locked(accounts, caller);
	if (!account)
		account = add_locked(accounts, caller);
	if (account)
		account->refs++;
	pthread_mutex_unlock(&accounts->lock);
	return account;
}

struct account *account_unref(struct account *account)
{
	struct accounts *all;
	bool last;

	if (!account)
		return NULL;
	all = account->all;
	pthread_mutex_lock(&all->lock);
	last = --account->refs == 0;
	if (last)
		LIST_REMOVE(account, link);
	pthread_mutex_unlock(&all->lock);
	if (last)
		free(account);
	return NULL;
}

struct tally *account_tally(struct account *account)
{
	return &account->used;
}
