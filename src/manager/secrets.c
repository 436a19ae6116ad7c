/*
 * Secrets in the environment of indexers: which credentials may be named, and by whom.
 *
 * Whoever may change an indexer's program can have what it is given. So a credential of the server
 * is given only where the administrator's patterns allow its name; and a request of an indexer can
 * name only what that indexer has itself, so that what a factory can spread is what its own
 * definition says.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "manager/private.h"
#include "model/secret.h"
#include "model/validate.h"
#include "systemd/credential-store.h"

static int refuse_redacted(const struct kv *variable, struct refusal *refusal)
{
	char field[MEMBER_FIELD_MAX];

	environment_field(field, variable->key);
	return refuse(refusal, CODE_INVALID_ARGUMENT, "VALUE_REDACTED", field,
		      "%s: '" SECRET_REDACTED "' stands for a value that is set and not shown, and "
		      "none is set",
		      field);
}

static int check_redacted(const struct definition *definition, struct refusal *refusal)
{
	for (size_t i = 0; i < definition->environment.n; i++)
		if (streq(definition->environment.items[i].value, SECRET_REDACTED))
			return refuse_redacted(&definition->environment.items[i], refusal);
	return 0;
}

static int refuse_credential(const struct kv *variable, const char *name, const char *why,
			     struct refusal *refusal)
{
	char field[MEMBER_FIELD_MAX];

	environment_field(field, variable->key);
	return refuse(refusal, CODE_PERMISSION_DENIED, "CREDENTIAL_FORBIDDEN", field,
		      "%s: the credential %s %s", field, name, why);
}

int secrets_check_allowed(const struct manager *manager, const struct definition *definition,
			  struct refusal *refusal)
{
	const char *name;

	for (size_t i = 0; i < definition->environment.n; i++) {
		const struct kv *variable = &definition->environment.items[i];

		if (reference_parse(variable->value, &name) != REFERENCE_NONE &&
		    !credential_is_allowed(manager->config.secrets, name))
			return refuse_credential(variable, name,
						 "is none that an indexer may have; "
						 "Credentials= in [Secrets] of indexerd.conf says "
						 "which are",
						 refusal);
	}
	return 0;
}

#define FIELD_SOURCE "indexer.project_source"

int secrets_check_source(const struct manager *manager, const struct source *source,
			 struct refusal *refusal)
{
	const char *name = source->credential;

	if (!name || credential_is_allowed(manager->config.secrets, name))
		return 0;
	return refuse(refusal, CODE_PERMISSION_DENIED, "CREDENTIAL_FORBIDDEN", FIELD_SOURCE,
		      FIELD_SOURCE ": the credential %s is none that an indexer may have; "
				   "Credentials= in [Secrets] of indexerd.conf says which are",
		      name);
}

/*
 * Whether an indexer may have a project fetched by it: its own process is given it, or its own
 * project comes from there by it. That one's credential its process has never seen, and would learn
 * by a host or a build of its own choice.
 */
static bool may_fetch_by(const struct entry *own, const struct source *source)
{
	const struct definition *definition = own->row.definition;
	_cleanup_source_ struct source owned = {};
	char problem[SOURCE_PROBLEM_MAX];

	return environment_names(&definition->environment, source->credential) ||
	       (source_parse(definition->project_source, &owned, problem) == 0 &&
		streq_null(owned.credential, source->credential) &&
		streq_null(owned.url, source->url));
}

int secrets_check_own_source(const struct entry *own, const struct source *source,
			     struct refusal *refusal)
{
	if (!source->credential || may_fetch_by(own, source))
		return 0;
	return refuse(refusal, CODE_PERMISSION_DENIED, "CREDENTIAL_FORBIDDEN", FIELD_SOURCE,
		      FIELD_SOURCE ": the credential %s is none that the calling indexer has "
				   "itself, for this repository or in its environment",
		      source->credential);
}

/* What it has, and what the other one has already, it may name. */
static int check_own(const struct entry *own, const struct definition *base,
		     const struct definition *definition, struct refusal *refusal)
{
	const struct kv_list *owned = &own->row.definition->environment;
	const char *name;

	for (size_t i = 0; i < definition->environment.n; i++) {
		const struct kv *variable = &definition->environment.items[i];

		if (reference_parse(variable->value, &name) != REFERENCE_NONE &&
		    !environment_names(owned, name) &&
		    !(base && environment_names(&base->environment, name)))
			return refuse_credential(variable, name,
						 "is none that the calling indexer has itself",
						 refusal);
	}
	return 0;
}

int secrets_check(const struct manager *manager, const struct entry *own,
		  const struct definition *base, const struct definition *definition,
		  struct refusal *refusal)
{
	int r = check_redacted(definition, refusal);

	r = r != 0 ? r : secrets_check_allowed(manager, definition, refusal);
	return r != 0 || !own ? r : check_own(own, base, definition, refusal);
}

int secrets_sort(const struct definition *definition, struct kv_list *ret_plain,
		 struct kv_list *ret_encrypted)
{
	const char *name;
	int r = 0;

	for (size_t i = 0; r == 0 && i < definition->environment.n; i++)
		if (reference_parse(definition->environment.items[i].value, &name) !=
		    REFERENCE_NONE)
			r = kv_list_set(credential_is_encrypted(name) ? ret_encrypted : ret_plain,
					name, "");
	return r;
}
