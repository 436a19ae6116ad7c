/*
 * The state of indexers in their back ends: which one, what the process is told of it, and clearing
 * it when the indexer is deleted.
 *
 * An indexer keeps the back end that it was created with, whatever the configuration says later:
 * that is where its state is.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "clear/client.h"
#include "common/log.h"
#include "manager/private.h"
#include "model/persistence.h"
#include "systemd/state-directory.h"

#define FIELD_MAX 32

/* Reads a credential of the daemon's unit. 0 or a negative errno. */
static int read_password(const char *name, char ret[BACKEND_PASSWORD_MAX])
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY");
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;
	ssize_t n;

	if (isempty(directory))
		return -ENOENT;
	if (asprintf(&path, "%s/%s", directory, name) < 0)
		return -ENOMEM;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, ret, BACKEND_PASSWORD_MAX);
	if (n < 0)
		return -errno;
	if (n > 0 && ret[n - 1] == '\n')
		n--;
	if (n == 0 || n == BACKEND_PASSWORD_MAX || memchr(ret, '\0', (size_t)n) ||
	    memchr(ret, '\n', (size_t)n))
		return -EINVAL;
	ret[n] = '\0';
	return 0;
}

static const char *describe(int error)
{
	if (error == -EINVAL)
		return "it is not one line of 1 to 1024 bytes";
	return error == -ENOENT ? "LoadCredential= of indexerd.service does not name it"
				: strerror(-error);
}

int persistence_check(const struct persistence *persistence)
{
	char password[BACKEND_PASSWORD_MAX];
	int r = 0;

	if (persistence->credential)
		r = read_password(persistence->credential, password);
	explicit_bzero(password, sizeof(password));
	if (r < 0)
		log_error("[Persistence] Credential=%s cannot be read: %s", persistence->credential,
			  describe(r));
	return r;
}

int persistence_choose(const struct manager *manager, const struct runtime *runtime,
		       struct definition *definition)
{
	char *text;
	int r;

	if (!runtime_persists(runtime) || !isempty(definition->persistence))
		return 0;
	r = persistence_format(&manager->config.persistence, &text);
	if (r < 0)
		return r;
	free(definition->persistence);
	definition->persistence = text;
	return 0;
}

/* Two masters for one state: the request's variables would be passed over. */
static int check_environment(const struct definition *definition, struct refusal *refusal)
{
	char field[sizeof("indexer.environment[\"\"]") + FIELD_MAX];

	for (size_t i = 0; i < definition->environment.n; i++) {
		const char *key = definition->environment.items[i].key;

		if (!persistence_is_variable(key))
			continue;
		(void)snprintf(field, sizeof(field), "indexer.environment[\"%s\"]", key);
		return refuse(refusal, CODE_INVALID_ARGUMENT, "ENVIRONMENT_RESERVED", field,
			      "%s: %s is set by the server, as [Persistence] of indexerd.conf "
			      "and Persistence= of the runtime say",
			      field, key);
	}
	return 0;
}

static int password_refused(const struct persistence *persistence, int error,
			    struct refusal *refusal)
{
	return refuse(refusal, CODE_FAILED_PRECONDITION, "CREDENTIAL_MISSING", NULL,
		      "the credential %s of its state in %s cannot be read: %s",
		      persistence->credential, backend_name(persistence->backend), describe(error));
}

int persistence_variables(const struct runtime *runtime, const struct definition *definition,
			  struct kv_list *ret, struct refusal *refusal)
{
	_cleanup_(persistence_clear) struct persistence persistence = {};
	char state[STATE_DIRECTORY_MAX], path[sizeof("/var/lib/") + STATE_DIRECTORY_MAX];
	char password[BACKEND_PASSWORD_MAX];
	int r = 0;

	if (runtime_persists(runtime))
		r = persistence_parse(definition->persistence, &persistence);
	if (r < 0 || persistence.backend == BACKEND_NONE)
		return r;
	r = check_environment(definition, refusal);
	if (r != 0)
		return r;
	if (persistence.credential) {
		r = read_password(persistence.credential, password);
		if (r < 0)
			return r == -ENOMEM ? r : password_refused(&persistence, r, refusal);
	}
	state_directory_from_id(definition->id, state);
	(void)snprintf(path, sizeof(path), "/var/lib/%s", state);
	r = persistence_environment(&persistence, definition->id, path,
				    persistence.credential ? password : NULL, ret);
	explicit_bzero(password, sizeof(password));
	return r;
}

/* Whether a word is in a text of words with blanks between. */
static bool has_word(const char *words, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = words; p && (p = strstr(p, word)); p++)
		if ((p == words || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\0'))
			return true;
	return false;
}

bool entry_has_store(const struct entry *entry)
{
	const char *text = entry->row.definition->persistence;

	return !entry->store_cleared && !isempty(text) && !streq(text, backend_name(BACKEND_FS));
}

static void failed(struct entry *entry, const struct persistence *persistence, const char *error)
{
	_cleanup_refusal_ struct refusal refusal = {};
	char what[BACKEND_ADDRESS_MAX + 64];
	const char *id = entry->row.definition->id;
	struct refusal out_of_memory = refusal_out_of_memory;
	char *trouble;
	int r;

	(void)snprintf(what, sizeof(what), "its state in %s at %s cannot be cleared",
		       backend_name(persistence->backend), persistence->address);
	r = refuse_indexer(&refusal, CODE_UNAVAILABLE, "STATE_NOT_CLEARED", id,
			   "indexers/%s: %s: %s; it is tried again", id, what, error);
	/* As the refusal has it: nothing that another server has sent is passed on as it is. */
	trouble = r == REFUSED ? strdup(refusal.message) : NULL;
	free(entry->trouble);
	entry->trouble = trouble;
	/* Who is refused and looks then sees why. */
	entry_refresh(entry);
	manager_publish(entry->manager);
	entry_refuse_delete(entry, r == REFUSED ? &refusal : &out_of_memory);
	entry_operation_failed(entry, what, error);
}

static void on_cleared(const char *error, void *userdata)
{
	_cleanup_(persistence_clear) struct persistence persistence = {};
	struct entry *entry = userdata;

	if (!error) {
		entry->store_cleared = true;
		entry->failures = 0;
		free(TAKE(entry->trouble));
		entry_operation_end(entry);
		if (!entry->asked) /* the bus was lost meanwhile */
			entry_query(entry);
	} else if (persistence_parse(entry->row.definition->persistence, &persistence) < 0) {
		entry_operation_failed(entry, "its state cannot be cleared", error);
	} else {
		failed(entry, &persistence, error);
	}
}

static int ask(struct entry *entry, const struct persistence *persistence)
{
	char password[BACKEND_PASSWORD_MAX];
	int r = 0;

	if (persistence->credential)
		r = read_password(persistence->credential, password);
	r = r < 0 ? r
		  : clear_client_ask(entry->manager->clear, persistence,
				     persistence->credential ? password : NULL,
				     entry->row.definition->id, on_cleared, entry);
	explicit_bzero(password, sizeof(password));
	return r;
}

void act_clear_store(struct entry *entry)
{
	_cleanup_(persistence_clear) struct persistence persistence = {};
	struct manager *manager = entry->manager;
	char text[256];
	int r = persistence_parse(entry->row.definition->persistence, &persistence);

	if (r < 0) {
		entry_operation_failed(entry, "its state cannot be cleared", strerror(-r));
		return;
	}
	if (has_word(manager->config.abandoned, persistence.address)) {
		log_notice("%s: its state in %s at %s is left there, as Abandoned= says",
			   entry->row.definition->id, backend_name(persistence.backend),
			   persistence.address);
		entry->store_cleared = true;
		entry_queue(entry);
		return;
	}
	entry_operation_begin(entry, OPERATION_CLEAR_STORE);
	r = ask(entry, &persistence);
	if (r >= 0)
		return;
	(void)snprintf(text, sizeof(text), "its credential %s: %s",
		       persistence.credential ? persistence.credential : "", describe(r));
	failed(entry, &persistence, persistence.credential ? text : strerror(-r));
}
