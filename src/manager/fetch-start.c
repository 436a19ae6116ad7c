/*
 * What a fetch is to do: made from what is wanted, written down as an order, and begun as a unit.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>

#include "indexerd/fetch/v1/order.pb-c.h"
#include "manager/fetch-private.h"
#include "systemd/credential-store.h"

void fetch_free(struct fetch *fetch)
{
	for (size_t i = 0; i < fetch->n_words; i++)
		free(fetch->words[i]);
	free(fetch->words);
	free(fetch->what);
	free(fetch->text);
	free(fetch->project_source);
	free(fetch->build_dir);
	free(fetch);
}

/* The words of all commands, copied. */
static int copy_words(struct fetch *fetch, const struct build *build)
{
	size_t n = 0;

	for (size_t i = 0; i < build->n; i++)
		for (char **word = build->commands[i]; n++, *word; word++)
			;
	fetch->words = calloc(n + 1, sizeof(*fetch->words));
	if (!fetch->words)
		return -ENOMEM;
	for (size_t i = 0; i < build->n; i++) {
		for (char **word = build->commands[i]; *word; word++) {
			fetch->words[fetch->n_words] = strdup(*word);
			if (!fetch->words[fetch->n_words++])
				return -ENOMEM;
		}
		fetch->n_words++; /* the NULL */
	}
	return 0;
}

static char *make_text(const struct fetch *fetch, const struct fetch_want *want)
{
	char *text;
	int r;

	if (!want->build || want->build->n == 0)
		r = asprintf(&text, "fetching %s", fetch->project_source);
	else
		r = asprintf(&text, "building it, by %zu command%s of its runtime", want->build->n,
			     want->build->n > 1 ? "s" : "");
	return r < 0 ? NULL : text;
}

int fetch_new(struct manager *manager, const struct definition *definition,
	      const struct fetch_want *want, struct fetch **ret)
{
	_cleanup_(fetch_freep) struct fetch *fetch = calloc(1, sizeof(*fetch));
	int r = 0;

	if (!fetch)
		return -ENOMEM;
	fetch->manager = manager;
	fetch->project_source = strdup(definition->project_source);
	fetch->what = strdup(*want->key ? want->key : definition->project_source);
	fetch->build_dir = strdup(definition->project_dir);
	(void)snprintf(fetch->commit, sizeof(fetch->commit), "%s", want->commit);
	(void)snprintf(fetch->key, sizeof(fetch->key), "%s", want->key);
	if (want->build && want->build->n > 0) {
		(void)snprintf(fetch->plain, sizeof(fetch->plain), "%s", want->plain);
		r = copy_words(fetch, want->build);
	}
	if (r < 0 || !fetch->project_source || !fetch->what || !fetch->build_dir ||
	    !(fetch->text = make_text(fetch, want)))
		return -ENOMEM;
	*ret = TAKE(fetch);
	return 0;
}

static int pack(const Indexerd__Fetch__V1__FetchOrder *order, struct spec *ret)
{
	size_t size = indexerd__fetch__v1__fetch_order__get_packed_size(order);
	uint8_t *data = malloc(MAX(size, (size_t)1));

	if (!data)
		return -ENOMEM;
	*ret = (struct spec){
		.data = data,
		.size = indexerd__fetch__v1__fetch_order__pack(order, data),
	};
	return 0;
}

/* The commands out of their words, of which a NULL stands behind each one's last. */
static size_t split_commands(const struct fetch *fetch, Indexerd__Fetch__V1__Command *commands)
{
	size_t n = 0, first = 0;

	for (size_t i = 0; i < fetch->n_words; i++) {
		if (fetch->words[i])
			continue;
		indexerd__fetch__v1__command__init(&commands[n]);
		commands[n].argv = &fetch->words[first];
		commands[n].n_argv = i - first;
		first = i + 1;
		n++;
	}
	return n;
}

static int make_order(struct fetch *fetch, const struct source *source, const char *id,
		      uint64_t max_bytes, struct spec *ret)
{
	static const char *const known_hosts[] = { SYSCONFDIR "/indexerd/known_hosts",
						   "/etc/ssh/ssh_known_hosts" };
	Indexerd__Fetch__V1__FetchOrder order = INDEXERD__FETCH__V1__FETCH_ORDER__INIT;
	Indexerd__Fetch__V1__Command commands[BUILD_COMMANDS_MAX];
	Indexerd__Fetch__V1__Command *pointers[BUILD_COMMANDS_MAX];
	_cleanup_free_ const char **keys = NULL;
	int r = checkouts_keys(fetch->manager, &keys, &order.n_known_keys);

	if (r < 0)
		return r;
	order.known_keys = (char **)keys;
	order.kind = source->kind == SOURCE_GIT ? INDEXERD__FETCH__V1__KIND__KIND_GIT
						: INDEXERD__FETCH__V1__KIND__KIND_ARCHIVE;
	order.url = source->url ? source->url : (char *)"";
	order.path = source->path ? source->path : (char *)"";
	order.ref = *fetch->commit ? fetch->commit : source->ref ? source->ref : (char *)"";
	order.credential = source->credential ? source->credential : (char *)"";
	order.known_hosts = (char **)known_hosts;
	order.n_known_hosts = ELEMENTSOF(known_hosts);
	order.indexer_id = (char *)id;
	order.work = (char *)PROJECT_MOUNT;
	order.max_bytes = max_bytes;
	if (*fetch->plain)
		order.tree = (char *)PLAIN_TREE;
	order.n_build = split_commands(fetch, commands);
	for (size_t i = 0; i < order.n_build; i++)
		pointers[i] = &commands[i];
	order.build = pointers;
	order.build_dir = fetch->build_dir ? fetch->build_dir : (char *)"";
	return pack(&order, ret);
}

void fetch_unit(const char *request, char ret[FETCH_UNIT_MAX_SIZE])
{
	(void)snprintf(ret, FETCH_UNIT_MAX_SIZE, FETCH_UNIT_PREFIX "%s.service", request);
}

static int start_unit(struct fetch *fetch, const struct source *source, const struct entry *entry,
		      systemd_done *done, void *userdata)
{
	const struct manager *manager = fetch->manager;
	const struct definition *definition = entry->row.definition;
	_cleanup_(kv_list_clear) struct kv_list plain = {}, encrypted = {};
	_cleanup_free_ char *order = NULL, *work = NULL, *checkout = NULL;
	char unit[FETCH_UNIT_MAX_SIZE], lineage[LINEAGE_MAX];
	struct fetch_plan plan = {
		.unit = unit,
		.description = fetch->n_words > 0 ? "Build of an indexer's project"
						  : "Fetch of an indexer's project",
		.id = definition->id,
		.uid = definition->uid,
		.lineage = lineage,
		.exec_path = manager->config.source.fetch_path,
		.credentials = &plain,
		.encrypted = &encrypted,
		.log = &manager->config.log,
		.limits = manager->config.source.limits,
	};
	int r = 0;

	if (source->credential)
		r = kv_list_set(credential_is_encrypted(source->credential) ? &encrypted : &plain,
				source->credential, "");
	fetch_unit(fetch->request, unit);
	entry_lineage(entry, lineage);
	plan.order_path = order =
		credential_path(manager->config.credentials_dir, fetch->request, 0);
	plan.work = work = checkout_path(manager, fetch->request);
	if (*fetch->plain)
		plan.plain = checkout = checkout_path(manager, fetch->plain);
	if (r < 0 || !order || !work || (*fetch->plain && !checkout))
		return -ENOMEM;
	return systemd_start_fetch(manager->systemd, &plan, done, userdata);
}

/* All that can be done before the unit is there. */
static int prepare(struct fetch *fetch, const struct source *source, const struct entry *entry,
		   struct refusal *refusal)
{
	struct manager *manager = fetch->manager;
	_cleanup_(spec_clear) struct spec order = {};
	uint64_t max_bytes;
	int r = checkouts_room(manager, &max_bytes, refusal);

	/* The rules may be others than when it was created. */
	r = r != 0 ? r : secrets_check_source(manager, source, refusal);
	r = r != 0 ? r : make_order(fetch, source, entry->row.definition->id, max_bytes, &order);
	r = r != 0 ? r : checkout_new(manager, fetch->request);
	return r != 0 ? r
		      : credential_write(manager->config.credentials_dir, fetch->request, 0,
					 order.data, order.size);
}

int fetch_start_unit(struct fetch *fetch, const struct entry *entry, systemd_done *done,
		     void *userdata, struct refusal *refusal)
{
	_cleanup_source_ struct source source = {};
	int r = source_of(entry->row.definition, &source, refusal);

	r = r != 0 ? r : prepare(fetch, &source, entry, refusal);
	return r != 0 ? r : start_unit(fetch, &source, entry, done, userdata);
}
