/*
 * Lists of names in the configuration: words with blanks between, and in double quotes where a word
 * has blanks itself. An empty value empties the list, any other is appended.
 *
 * At the start only: looking up a name may ask other services, and wait for them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>

#include "model/secret.h"
#include "rpc/rights.h"

/*
 * Users or groups, by name or by number. 0; -ENOMEM; -EINVAL where the quotes do not match; -ENOENT
 * where there is no such user or group, with a line in the log that begins with `where`.
 */
int names_to_ids(const char *value, bool groups, const char *where, struct id_list *list);

/* Subjects, as they are. 0, -ENOMEM, or -EINVAL also where one is longer than SUBJECT_MAX - 1. */
int names_to_list(const char *value, struct name_list *list);

/* Patterns; an empty value takes the defaults back, too. 0, -ENOMEM, or -EINVAL where one is longer
 * than SECRET_PATTERN_MAX. */
int names_to_patterns(const char *value, struct secret_patterns *patterns);
