/*
 * Rights; see rights.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "rpc/rights.h"

int id_list_add(struct id_list *list, id_t id)
{
	id_t *ids = reallocarray(list->ids, list->n + 1, sizeof(*ids));

	if (!ids)
		return -ENOMEM;
	ids[list->n++] = id;
	list->ids = ids;
	return 0;
}

int name_list_add(struct name_list *list, const char *name)
{
	_cleanup_free_ char *copy = strdup(name);
	char **names;

	if (!copy)
		return -ENOMEM;
	names = reallocarray(list->names, list->n + 1, sizeof(*names));
	if (!names)
		return -ENOMEM;
	names[list->n++] = TAKE(copy);
	list->names = names;
	return 0;
}

void id_list_clear(struct id_list *list)
{
	free(list->ids);
	*list = (struct id_list){};
}

void name_list_clear(struct name_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->names[i]);
	free(list->names);
	*list = (struct name_list){};
}

void rights_rules_clear(struct rights_rules *rules)
{
	id_list_clear(&rules->users);
	id_list_clear(&rules->read_only_users);
	id_list_clear(&rules->groups);
	id_list_clear(&rules->read_only_groups);
	name_list_clear(&rules->subjects);
	name_list_clear(&rules->read_only_subjects);
}

static bool has_id(const struct id_list *list, id_t id)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->ids[i] == id)
			return true;
	return false;
}

static bool has_group(const struct id_list *list, const struct credentials *credentials)
{
	for (size_t i = 0; i < credentials->n_groups; i++)
		if (has_id(list, credentials->groups[i]))
			return true;
	return false;
}

static const char *name_in(const struct name_list *list, const struct name_list *names)
{
	for (size_t i = 0; i < names->n; i++)
		for (size_t j = 0; j < list->n; j++)
			if (streq(names->names[i], list->names[j]))
				return names->names[i];
	return NULL;
}

static void set(struct caller *caller, enum rights rights, const char *why)
{
	caller->rights = rights;
	caller->why = why;
}

void rights_of_user(const struct rights_rules *rules, const struct credentials *credentials,
		    struct caller *caller)
{
	uid_t uid = credentials->uid;

	if (uid == 0 || has_id(&rules->users, uid))
		set(caller, RIGHTS_FULL, NULL);
	else if (has_id(&rules->read_only_users, uid))
		set(caller, RIGHTS_READ_ONLY, "by ReadOnlyUsers= in [Access] of indexerd.conf");
	else if (has_group(&rules->groups, credentials))
		set(caller, RIGHTS_FULL, NULL);
	else if (has_group(&rules->read_only_groups, credentials))
		set(caller, RIGHTS_READ_ONLY, "by ReadOnlyGroups= in [Access] of indexerd.conf");
	else if (rules->users_given || rules->groups_given)
		set(caller, RIGHTS_NONE,
		    "neither Users= nor Groups= in [Access] of indexerd.conf includes it");
	else
		set(caller, RIGHTS_FULL, NULL);
}

void rights_of_subject(const struct rights_rules *rules, const struct name_list *names,
		       struct caller *ret)
{
	const char *name;

	if ((name = name_in(&rules->subjects, names))) {
		caller_from_subject(name, ret);
	} else if ((name = name_in(&rules->read_only_subjects, names))) {
		caller_from_subject(name, ret);
		set(ret, RIGHTS_READ_ONLY, "by ReadOnlySubjects= in [Listen] of indexerd.conf");
	} else {
		caller_from_subject(names->n > 0 ? names->names[0] : "", ret);
		set(ret, RIGHTS_NONE,
		    "neither AllowedSubjects= nor ReadOnlySubjects= in [Listen] of indexerd.conf "
		    "includes it");
	}
}
