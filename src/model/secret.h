/*
 * Secrets in an environment: values that name a credential of the server, values that are not
 * shown, and the patterns by which an administrator says which.
 *
 * A reference is the whole value: `credential:NAME` becomes the credential's content,
 * `credential-file:NAME` the path of its file. The name is no secret, and is shown.
 *
 * Rules are written at the start only; any thread may read them then.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "model/kv.h"

/* What is shown in the place of a value; sent back, it means the value that is there. */
#define SECRET_REDACTED "[redacted]"

/* The credential that carries the spec to indexer-exec: nobody else's name. */
#define SPEC_CREDENTIAL "spec"

/* How many credentials one indexer may name. */
#define CREDENTIALS_MAX 64

/* The longest content that becomes a variable, in bytes: the kernel takes no string of 128 KiB. */
#define CREDENTIAL_VALUE_MAX (64 * 1024)

enum reference {
	REFERENCE_NONE,	 /* a value like any other */
	REFERENCE_VALUE, /* the content is the variable's value */
	REFERENCE_FILE,	 /* the path of the file is */
};

/* Whether a value is a reference; *ret_name, inside of it, may still be no name that can be had. */
enum reference reference_parse(const char *value, const char **ret_name);

/* Whether an indexer's unit can have a credential of this name; see credential_name_is_valid(). */
bool reference_name_is_valid(const char *name);

/* Whether a variable of the environment names the credential, in either way. */
bool environment_names(const struct kv_list *environment, const char *name);

/* Patterns: those that are there by themselves, and the administrator's. All zero has none. */
struct secret_patterns {
	const char *const *defaults; /* NULL-terminated and static; or NULL */
	struct kv_list own;	     /* as keys */
};

struct secret_rules {
	struct secret_patterns credentials; /* that a request may name */
	struct secret_patterns redact;	    /* variables whose values are not shown, in any case */
};

/* The defaults, which own nothing. */
extern const struct secret_rules secret_rules_default;

/* Adds a pattern, or with "" takes all back. 0, -ENOMEM, or -EINVAL for one that is too long. */
#define SECRET_PATTERN_MAX 128
int secret_patterns_add(struct secret_patterns *patterns, const char *pattern);

void secret_rules_clear(struct secret_rules *rules);

/* Whether all of a text fits a pattern, in which * is any text and ? any one byte. */
bool pattern_matches(const char *pattern, const char *text, bool ignore_case);

/*
 * Whether an indexer may have the credential: its name is one, also in the registry of a version to
 * which it was a value like any other, and the rules have it. Without rules, none.
 */
bool credential_is_allowed(const struct secret_rules *rules, const char *name);

/* What is shown of a variable: its value, lent, or SECRET_REDACTED. Without rules, the value. */
const char *environment_shown(const struct secret_rules *rules, const struct kv *variable);
