/*
 * Who may do what, how much of it, and how a caller is told.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/util.h"
#include "rpc/rights.h"
#include "rpc/tally.h"
#include "tap.h"

#define ALICE 1001
#define BOB   1002
#define CAROL 1003
#define STAFF 100
#define OPS   200
#define VIEW  300

static void fill(struct id_list *list, const id_t ids[3])
{
	for (size_t i = 0; i < 3 && ids[i]; i++)
		id_list_add(list, ids[i]);
}

/* What the lists make of a user with one group beside STAFF. */
static void test_users(void)
{
	static const struct {
		const char *what;
		id_t users[3], groups[3], read_only_users[3], read_only_groups[3];
		uid_t uid;
		gid_t group;
		enum rights want;
		const char *why;
	} cases[] = {
		{ "no lists", .uid = ALICE, .want = RIGHTS_FULL },
		{ "a listed user", { ALICE }, .uid = ALICE, .want = RIGHTS_FULL },
		{ "one that is not",
		  { ALICE },
		  .uid = BOB,
		  .want = RIGHTS_NONE,
		  .why = "neither Users= nor Groups=" },
		{ "a group's member", .groups = { OPS }, .uid = BOB, .group = OPS,
		  .want = RIGHTS_FULL },
		{ "by the main group", .groups = { STAFF }, .uid = BOB, .want = RIGHTS_FULL },
		{ "no member", .groups = { OPS }, .uid = BOB, .group = VIEW, .want = RIGHTS_NONE,
		  .why = "neither Users= nor Groups=" },
		{ "a reader",
		  { ALICE },
		  .read_only_users = { CAROL, BOB },
		  .uid = BOB,
		  .want = RIGHTS_READ_ONLY,
		  .why = "by ReadOnlyUsers=" },
		{ "a group's reader",
		  { ALICE },
		  .read_only_groups = { VIEW },
		  .uid = BOB,
		  .group = VIEW,
		  .want = RIGHTS_READ_ONLY,
		  .why = "by ReadOnlyGroups=" },
		{ "readers only: another one", .read_only_users = { BOB }, .uid = ALICE,
		  .want = RIGHTS_FULL },
		{ "readers only: the reader", .read_only_users = { BOB }, .uid = BOB,
		  .want = RIGHTS_READ_ONLY, .why = "by ReadOnlyUsers=" },
		{ "a reader in a group with all", .groups = { OPS }, .read_only_users = { BOB },
		  .uid = BOB, .group = OPS, .want = RIGHTS_READ_ONLY, .why = "by ReadOnlyUsers=" },
		{ "a user with all in a group of readers",
		  { BOB },
		  .read_only_groups = { VIEW },
		  .uid = BOB,
		  .group = VIEW,
		  .want = RIGHTS_FULL },
		{ "in groups of both kinds", .groups = { OPS }, .read_only_groups = { STAFF },
		  .uid = BOB, .group = OPS, .want = RIGHTS_FULL },
		{ "root", { ALICE }, .read_only_users = { 0 }, .uid = 0, .want = RIGHTS_FULL },
	};

	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		_cleanup_(rights_rules_clear) struct rights_rules rules = {
			.users_given = cases[i].users[0] != 0,
			.groups_given = cases[i].groups[0] != 0,
		};
		const gid_t groups[] = { STAFF, cases[i].group };
		const struct credentials who = { cases[i].uid, groups, cases[i].group ? 2 : 1 };
		struct caller caller;

		fill(&rules.users, cases[i].users);
		fill(&rules.groups, cases[i].groups);
		fill(&rules.read_only_users, cases[i].read_only_users);
		fill(&rules.read_only_groups, cases[i].read_only_groups);
		caller_from_user(who.uid, NULL, &caller);
		rights_of_user(&rules, &who, &caller);
		is_int(caller.rights, cases[i].want, "%s", cases[i].what);
		ok(cases[i].why ? caller.why && strstr(caller.why, cases[i].why) != NULL
				: !caller.why,
		   "and why: %s", caller.why ? caller.why : "-");
	}
}

static void test_given_but_empty(void)
{
	const struct rights_rules rules = { .users_given = true };
	const struct credentials who = { BOB, NULL, 0 };
	struct caller caller;

	caller_from_user(BOB, "bob", &caller);
	rights_of_user(&rules, &who, &caller);
	is_int(caller.rights, RIGHTS_NONE, "a list that names nobody gives access to nobody");
	is_str(caller.words, "the user bob (uid 1002)", "who is told so by name");
}

static void test_subjects(void)
{
	static const struct {
		const char *names[3];
		enum rights want;
		const char *account;
	} cases[] = {
		{ { "ci" }, RIGHTS_FULL, "subject:ci" },
		{ { "whoever", "spiffe://x/y" }, RIGHTS_FULL, "subject:spiffe://x/y" },
		{ { "Jane Doe" }, RIGHTS_READ_ONLY, "subject:Jane Doe" },
		{ { "Jane Doe", "ci" }, RIGHTS_FULL, "subject:ci" },
		{ { "CI" }, RIGHTS_NONE, "subject:CI" },
		{ { "ci.example.org", "c" }, RIGHTS_NONE, "subject:ci.example.org" },
		{ {}, RIGHTS_NONE, "subject:" },
	};
	_cleanup_(rights_rules_clear) struct rights_rules rules = {};

	name_list_add(&rules.subjects, "ci");
	name_list_add(&rules.subjects, "spiffe://x/y");
	name_list_add(&rules.read_only_subjects, "Jane Doe");
	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		_cleanup_(name_list_clear) struct name_list names = {};
		struct caller caller;

		for (size_t j = 0; j < 3 && cases[i].names[j]; j++)
			name_list_add(&names, cases[i].names[j]);
		rights_of_subject(&rules, &names, &caller);
		is_int(caller.rights, cases[i].want, "subject %zu", i);
		is_str(caller.account, cases[i].account, "is charged by the name that decides");
		ok(!caller_is_indexer(&caller), "and is no indexer");
	}
}

static void test_callers(void)
{
	struct caller a, b;
	char longest[1000];

	caller_from_user(1000, NULL, &a);
	caller_from_user(1000, "you", &b);
	is_str(a.account, "user:1000", "a user's account");
	is_str(a.words, "the user with uid 1000", "in words without a name");
	ok(caller_equal(&a, &b), "the name makes no difference");
	b.rights = RIGHTS_READ_ONLY;
	ok(!caller_equal(&a, &b), "other rights do");
	caller_from_indexer("x", "0123456789abcdef0123456789abcdef", &a);
	caller_from_indexer("x", "fedcba9876543210fedcba9876543210", &b);
	ok(caller_is_indexer(&a) && !caller_equal(&a, &b), "and another life of an indexer");
	is_str(a.account, "indexers/x", "an indexer's account");
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	caller_from_subject(longest, &a);
	is_int((long long)strlen(a.account), SUBJECT_MAX - 1 + 8, "a long subject is cut");
}

static void enter(struct tally *own, struct tally *all, const struct caller *caller,
		  const struct rpc_limits *limits, int want, const char *subject, const char *key)
{
	_cleanup_refusal_ struct refusal refusal = {};

	is_int(tally_enter(own, all, TALLY_CALLS, caller, limits, &refusal), want, "%s: one more",
	       caller->account);
	if (want == 0)
		return;
	is_int(refusal.code, CODE_RESOURCE_EXHAUSTED, "its code");
	is_str(refusal.subject, subject, "whose quota");
	ok(strstr(refusal.message, key) != NULL, "and which: %s", refusal.message);
	ok(refusal.retry_after_usec > 0, "later it may go");
}

static void test_tally(void)
{
	const struct rpc_limits limits = { .calls = 5,
					   .calls_per_user = 3,
					   .calls_per_indexer = 2,
					   .streams = 1,
					   .streams_per_user = 1,
					   .reserved = 1 };
	struct tally all = {}, first = {}, second = {}, third = {};
	struct caller user, other, indexer;
	struct refusal none = {};

	caller_from_user(1, NULL, &user);
	caller_from_user(2, NULL, &other);
	caller_from_indexer("x", "0123456789abcdef0123456789abcdef", &indexer);
	for (int i = 0; i < 3; i++)
		enter(&first, &all, &user, &limits, 0, NULL, NULL);
	enter(&first, &all, &user, &limits, REFUSED, "user:1", "MaxCallsPerUser= in indexerd.conf");
	enter(&third, &all, &indexer, &limits, 0, NULL, NULL);
	enter(&third, &all, &indexer, &limits, 0, NULL, NULL);
	enter(&third, &all, &indexer, &limits, REFUSED, "indexers/x", "MaxCallsPerIndexer=");
	enter(&second, &all, &other, &limits, 0, NULL, NULL); /* all are used up, but it has none */
	enter(&second, &all, &other, &limits, REFUSED, "indexerd", "MaxCalls=");
	is_int(all.n[TALLY_CALLS], 6, "what was refused is not counted");
	is_int(tally_enter(&second, &all, TALLY_STREAMS, &other, &limits, &none), 0,
	       "streams are counted apart");
	tally_leave(&first, &all, TALLY_CALLS);
	enter(&first, &all, &user, &limits, REFUSED, "indexerd", "MaxCalls=");
	tally_leave(&third, &all, TALLY_CALLS);
	enter(&first, &all, &user, &limits, 0, NULL, NULL);
}

int main(void)
{
	test_users();
	test_given_but_empty();
	test_subjects();
	test_callers();
	test_tally();
	return tap_done();
}
