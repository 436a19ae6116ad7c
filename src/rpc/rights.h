/*
 * Which rights the configuration gives to a user of this server, or to the subject of a client
 * certificate.
 *
 * Pure, no state; any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stddef.h>

#include "model/caller.h"

/* User or group ids in any order. */
struct id_list {
	id_t *ids; /* owned */
	size_t n;
};

struct name_list {
	char **names; /* owned, and so are the strings */
	size_t n;
};

/* All zero: whoever can connect to the first socket has full access, and no subject has any. */
struct rights_rules {
	struct id_list users, read_only_users;
	struct id_list groups, read_only_groups;
	bool users_given,
		groups_given; /* Users=, Groups= are not empty, even if of unknown names */
	struct name_list subjects, read_only_subjects;
};

/* Appends; 0 or -ENOMEM. */
int id_list_add(struct id_list *list, id_t id);
int name_list_add(struct name_list *list, const char *name);
void id_list_clear(struct id_list *list);
void name_list_clear(struct name_list *list);
void rights_rules_clear(struct rights_rules *rules);

/* Who a process is that has connected: its user, and its main and supplementary groups. */
struct credentials {
	uid_t uid;
	const gid_t *groups;
	size_t n_groups;
};

/*
 * Sets the caller's rights, and why where they are not full. Lists of users count before those of
 * groups, and of each kind full access before reading only. Who is in none has full access, unless
 * Users= or Groups= says who has it. Root has it always.
 */
void rights_of_user(const struct rights_rules *rules, const struct credentials *credentials,
		    struct caller *caller);

/*
 * Finds the name among a certificate's that decides, and makes it the caller: one with full access,
 * else one that may read, else the first, without access; "" stands for a certificate without
 * names.
 */
void rights_of_subject(const struct rights_rules *rules, const struct name_list *names,
		       struct caller *ret);
