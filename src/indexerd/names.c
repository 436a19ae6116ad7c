/*
 * Lists of names; see names.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "indexerd/names.h"

#define BLANKS " \t\r\n"

/* Cuts the next word off: 1, 0 at the end, or -EINVAL. */
static int next_word(char **text, char **ret)
{
	char *word = *text + strspn(*text, BLANKS), *end;

	if (!*word)
		return 0;
	if (*word == '"') {
		end = strchr(++word, '"');
		if (!end || end == word || (end[1] && !strchr(BLANKS, end[1])))
			return -EINVAL;
	} else {
		end = word + strcspn(word, BLANKS);
	}
	*text = *end ? end + 1 : end;
	*end = '\0';
	*ret = word;
	return 1;
}

/* 0 to 4294967294; the last number of all means nobody, to the kernel. */
static bool is_number(const char *word, id_t *ret)
{
	char *end;
	unsigned long long n;

	if (word[strspn(word, "0123456789")])
		return false;
	errno = 0;
	n = strtoull(word, &end, 10);
	*ret = (id_t)n;
	return errno == 0 && n < (id_t)-1;
}

static bool look_up(const char *word, bool groups, id_t *ret)
{
	const struct passwd *user = groups ? NULL : getpwnam(word);
	const struct group *group = groups ? getgrnam(word) : NULL;

	if (user)
		*ret = user->pw_uid;
	if (group)
		*ret = group->gr_gid;
	return user || group;
}

int names_to_ids(const char *value, bool groups, const char *where, struct id_list *list)
{
	_cleanup_free_ char *copy = strdup(value);
	char *text = copy, *word;
	id_t id;
	int r;

	if (!copy)
		return -ENOMEM;
	if (!*value)
		id_list_clear(list);
	while ((r = next_word(&text, &word)) > 0) {
		if (!is_number(word, &id) && !look_up(word, groups, &id)) {
			log_error("%s: there is no %s %s on this server", where,
				  groups ? "group" : "user", word);
			return -ENOENT;
		}
		r = id_list_add(list, id);
		if (r < 0)
			return r;
	}
	return r;
}

int names_to_list(const char *value, struct name_list *list)
{
	_cleanup_free_ char *copy = strdup(value);
	char *text = copy, *word;
	int r;

	if (!copy)
		return -ENOMEM;
	if (!*value)
		name_list_clear(list);
	while ((r = next_word(&text, &word)) > 0) {
		if (strlen(word) >= SUBJECT_MAX)
			return -EINVAL;
		r = name_list_add(list, word);
		if (r < 0)
			return r;
	}
	return r;
}

int names_to_patterns(const char *value, struct secret_patterns *patterns)
{
	_cleanup_free_ char *copy = strdup(value);
	char *text = copy, *word;
	int r = 0;

	if (!copy)
		return -ENOMEM;
	if (!*value)
		return secret_patterns_add(patterns, "");
	while (r == 0 && (r = next_word(&text, &word)) > 0)
		r = secret_patterns_add(patterns, word);
	return r;
}
