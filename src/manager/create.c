/*
 * CreateIndexer: who may, under which parent, from which project; then the registry, then the unit.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <systemd/sd-id128.h>

#include "common/log.h"
#include "manager/source.h"
#include "model/validate.h"

/* An existing indexer is the answer, as it is. */
static int answer_existing(struct entry *entry, const struct entry *caller, manager_done *done,
			   void *userdata, struct refusal *refusal)
{
	const char *id = entry->row.definition->id;

	if (caller && !entry_is_within(entry, caller))
		return refuse_outside(refusal, id, caller);
	if (entry->row.tombstone)
		return refuse_being_deleted(refusal, id);
	/* Its creation is still waited for by somebody: the answers are then the same. */
	for (const struct waiter *waiter = entry->waiters; waiter; waiter = waiter->next)
		if (waiter->kind == CALL_SETTLE) {
			int r = check_ready(entry->manager, refusal);

			return r != 0 ? r : waiter_add(entry, CALL_SETTLE, done, userdata);
		}
	manager_publish(entry->manager);
	done(NULL, entry->view, userdata);
	return 0;
}

static int check_parent(struct manager *manager, const struct entry *caller,
			struct definition *definition, struct entry **ret, struct refusal *refusal)
{
	struct entry *parent = NULL;
	int r;

	if (caller && isempty(definition->spawned_by)) {
		r = string_set(&definition->spawned_by, caller->row.definition->id);
		if (r < 0)
			return r;
	}
	if (!isempty(definition->spawned_by)) {
		parent = entry_find(manager, definition->spawned_by);
		if (caller && (!parent || !entry_is_within(parent, caller)))
			return refuse_outside(refusal, definition->spawned_by, caller);
	}
	*ret = parent; /* one that is missing or being deleted is refused by the registry */
	return 0;
}

int inherit_project(struct definition *definition, const struct entry *parent)
{
	int r;

	if (!parent || !isempty(definition->project_source) || !isempty(definition->project_dir))
		return 0;
	r = string_set(&definition->project_source, parent->row.definition->project_source);
	definition->checkout = parent->row.definition->checkout;
	return r < 0 ? r
		     : string_set(&definition->project_dir, parent->row.definition->project_dir);
}

static int set_server_fields(struct definition *definition)
{
	sd_id128_t uid;
	int r = sd_id128_randomize(&uid);

	if (r < 0)
		return r;
	(void)sd_id128_to_string(uid, definition->uid);
	definition->create_time = definition->update_time = now_usec(CLOCK_REALTIME);
	definition->generation = 1;
	if (definition->restart == RESTART_UNSPECIFIED)
		definition->restart = RESTART_ALWAYS;
	backoff_fill(&definition->backoff);
	return 0;
}

int make_ready(const struct manager *manager, struct definition *definition, struct spec *ret,
	       struct refusal *refusal)
{
	_cleanup_(kv_list_clear) struct kv_list state = {};
	_cleanup_free_ char *checkout = NULL;
	const struct runtime *runtime;
	int r = source_checkout(manager, definition, &checkout);

	r = r != 0 ? r
		   : runtime_resolve(manager->runtimes, definition, checkout, &runtime, refusal);
	r = r != 0 ? r : persistence_choose(manager, runtime, definition);
	r = r != 0 ? r : persistence_variables(runtime, definition, &state, refusal);
	return r != 0 ? r
		      : runtime_make_spec(runtime, definition, checkout ? PROJECT_TREE : NULL,
					  manager->config.runner_address, &state, &ret->data,
					  &ret->size, refusal);
}

/* A child of another runtime than its parent's may have to be built in another way. */
static int choose_in_checkout(const struct manager *manager, struct definition *definition,
			      const struct entry *parent, struct refusal *refusal)
{
	_cleanup_free_ char *checkout = NULL;
	int r = source_checkout(manager, definition, &checkout);

	r = r != 0 ? r : runtime_choose(manager->runtimes, definition, checkout, refusal);
	if (r == 0 && checkout && !streq(definition->runtime, parent->row.definition->runtime))
		definition->checkout.key[0] = '\0';
	return r;
}

/*
 * What is left open by the request; of a project that is to be fetched yet it is chosen when it is
 * there, and then the spec is made.
 */
static int choose(struct manager *manager, const struct entry *caller, const struct entry *parent,
		  struct definition *definition, bool *ret_later, struct refusal *refusal)
{
	bool inherits =
		parent && isempty(definition->project_source) && isempty(definition->project_dir);
	bool fetched;
	int r = inherit_project(definition, parent);

	r = r != 0 ? r
		   : source_check(manager, inherits ? NULL : caller, definition, &fetched, refusal);
	if (r != 0)
		return r;
	if (fetched && !checkout_is_there(manager, definition->checkout.key))
		definition->checkout.key[0] = '\0';
	if (!fetched || *definition->checkout.key)
		r = choose_in_checkout(manager, definition, parent, refusal);
	*ret_later = fetched && isempty(definition->checkout.key);
	if (r == 0 && *ret_later)
		r = runtime_check_unfetched(manager->runtimes, definition, refusal);
	return r;
}

static int add_new(struct manager *manager, struct definition *definition, struct spec *spec,
		   struct entry **ret, struct refusal *refusal)
{
	struct registry_row row = { .definition = definition_ref(definition), .run = 1 };
	int r = registry_create(manager->registry, definition, manager->config.max_indexers,
				refusal);

	if (r == 0) {
		r = entry_add(manager, &row, ret);
		if (r < 0) /* it is on disk, and so will be there after the next start */
			log_error("No memory for indexers/%s", definition->id);
	}
	registry_row_clear(&row);
	if (r != 0)
		return r;
	(*ret)->spec = *spec;
	*spec = (struct spec){};
	(*ret)->asked =
		true; /* a unit of that name would have been seen; the start says otherwise */
	return 0;
}

static int create_new(struct manager *manager, const struct entry *caller,
		      struct definition *definition, manager_done *done, void *userdata,
		      struct refusal *refusal)
{
	_cleanup_(spec_clear) struct spec spec = {};
	struct entry *parent = NULL, *entry;
	bool later = false;
	int r = check_ready(manager, refusal);

	r = r != 0 ? r : check_parent(manager, caller, definition, &parent, refusal);
	r = r != 0 ? r : definition_validate_tree(definition, refusal);
	r = r != 0 ? r : check_quotas(manager, definition, parent, refusal);
	r = r != 0 ? r : choose(manager, caller, parent, definition, &later, refusal);
	r = r != 0 ? r : secrets_check(manager, caller, NULL, definition, refusal);
	r = r != 0 ? r : set_server_fields(definition);
	if (r == 0 && !later)
		r = make_ready(manager, definition, &spec, refusal);
	r = r != 0 ? r : add_new(manager, definition, &spec, &entry, refusal);
	if (r != 0)
		return r;
	log_info("indexers/%s is created, runtime %s", definition->id,
		 isempty(definition->runtime) ? "chosen when its project is there"
					      : definition->runtime);
	entry_refresh(entry);
	entry_queue_first(entry);
	return waiter_add(entry, CALL_SETTLE, done, userdata);
}

/* What an indexer creates is charged to who has created the indexer. */
static int set_creator(struct definition *definition, const struct caller *caller,
		       const struct entry *own)
{
	return string_set(&definition->creator,
			  own ? own->row.definition->creator : caller->account);
}

void manager_create(struct manager *manager, const struct caller *caller,
		    struct definition *definition, manager_done *done, void *userdata)
{
	_cleanup_refusal_ struct refusal refusal = {};
	struct entry *own, *existing;
	int r = caller_entry(manager, caller, &own, &refusal);

	r = r != 0 ? r : set_creator(definition, caller, own);
	if (r == 0) {
		existing = entry_find(manager, definition->id);
		r = existing ? answer_existing(existing, own, done, userdata, &refusal)
			     : create_new(manager, own, definition, done, userdata, &refusal);
	}
	if (r != 0)
		call_refuse(r, &refusal, done, userdata);
}
