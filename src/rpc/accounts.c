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

/* So many of those that are kept out are remembered when they have nothing open any more. */
#define BARRED_MAX 1024

/*
 * gRPC takes in a message whole before it finds it too large. What all connections of a caller may
 * hold is limited, therefore; beyond it gRPC cancels streams, of this caller only.
 */
#define QUOTA_USER (64 << 20)
#define QUOTA_FEW  (16 << 20)

struct account {
	TAILQ_ENTRY(account) link;
	struct accounts *all;
	unsigned refs; /* guarded by the lock of all; one is the list's while it is barred */
	uint64_t barred_until; /* CLOCK_MONOTONIC, microseconds; guarded likewise; 0: it is not */
	grpc_resource_quota *quota;
	struct tally used;
	atomic_uint refused;
	struct guard_meter meter;
	char indexer_uid[ID128_TEXT_MAX];
	char name[CALLER_ACCOUNT_MAX];
};

struct accounts {
	uint64_t bar_usec;
	pthread_mutex_t lock;
	TAILQ_HEAD(, account) list; /* guarded by lock */
	unsigned n_barred;	    /* guarded by lock */
};

int accounts_new(uint64_t bar_usec, struct accounts **ret)
{
	struct accounts *accounts = calloc(1, sizeof(*accounts));

	if (!accounts)
		return -ENOMEM;
	accounts->bar_usec = bar_usec;
	grpc_init(); /* its quotas are gRPC's */
	pthread_mutex_init(&accounts->lock, NULL);
	TAILQ_INIT(&accounts->list);
	*ret = accounts;
	return 0;
}

static void unref_locked(struct account *account)
{
	if (--account->refs > 0)
		return;
	TAILQ_REMOVE(&account->all->list, account, link);
	grpc_resource_quota_unref(account->quota);
	free(account);
}

static void release_locked(struct account *account)
{
	account->barred_until = 0;
	account->all->n_barred--;
	unref_locked(account);
}

/* Lets in again whose time is over, and the one that was barred first where there are too many. */
static void release_some_locked(struct accounts *accounts)
{
	uint64_t now = now_usec(CLOCK_MONOTONIC);
	struct account *account, *next, *first = NULL;

	if (accounts->n_barred == 0)
		return;
	for (account = TAILQ_FIRST(&accounts->list); account; account = next) {
		next = TAILQ_NEXT(account, link);
		if (account->barred_until == 0)
			continue;
		if (account->barred_until <= now)
			release_locked(account);
		else if (!first || account->barred_until < first->barred_until)
			first = account;
	}
	if (accounts->n_barred > BARRED_MAX)
		release_locked(first);
}

struct accounts *accounts_free(struct accounts *accounts)
{
	struct account *account, *next;

	if (!accounts)
		return NULL;
	for (account = TAILQ_FIRST(&accounts->list); account; account = next) {
		next = TAILQ_NEXT(account, link);
		assert(account->barred_until != 0 && account->refs == 1);
		release_locked(account);
	}
	pthread_mutex_destroy(&accounts->lock);
	grpc_shutdown();
	free(accounts);
	return NULL;
}

static struct account *find_locked(const struct accounts *accounts, const struct caller *caller)
{
	struct account *account;

	TAILQ_FOREACH(account, &accounts->list, link)
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
	account->quota = grpc_resource_quota_create(NULL);
	grpc_resource_quota_resize(account->quota,
				   caller_needs_little(caller) ? QUOTA_FEW : QUOTA_USER);
	strcpy(account->name, caller->account);
	strcpy(account->indexer_uid, caller->indexer_uid);
	TAILQ_INSERT_HEAD(&accounts->list, account, link);
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

struct account *account_ref(struct account *account)
{
	pthread_mutex_lock(&account->all->lock);
	account->refs++;
	pthread_mutex_unlock(&account->all->lock);
	return account;
}

struct account *account_unref(struct account *account)
{
	struct accounts *all;

	if (!account)
		return NULL;
	all = account->all;
	pthread_mutex_lock(&all->lock);
	unref_locked(account);
	pthread_mutex_unlock(&all->lock);
	return NULL;
}

bool account_bar(struct account *account)
{
	struct accounts *all = account->all;
	bool is_news;

	pthread_mutex_lock(&all->lock);
	is_news = account->barred_until == 0;
	if (is_news) {
		account->refs++;
		all->n_barred++;
	}
	account->barred_until = now_usec(CLOCK_MONOTONIC) + all->bar_usec;
	release_some_locked(all);
	pthread_mutex_unlock(&all->lock);
	return is_news;
}

bool accounts_is_barred(struct accounts *accounts, const struct caller *caller)
{
	const struct account *account;
	bool barred;

	pthread_mutex_lock(&accounts->lock);
	release_some_locked(accounts);
	account = find_locked(accounts, caller);
	barred = account && account->barred_until != 0;
	pthread_mutex_unlock(&accounts->lock);
	return barred;
}

struct tally *account_tally(struct account *account)
{
	return &account->used;
}

atomic_uint *account_refused(struct account *account)
{
	return &account->refused;
}

grpc_resource_quota *account_quota(struct account *account)
{
	return account->quota;
}

struct guard_meter *account_meter(struct account *account)
{
	return &account->meter;
}
