/*
 * indexerctl update: changes those fields of an indexer that options name.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <err.h>
#include <errno.h>

#include "common/util.h"
#include "ctl/indexer-options.h"
#include "ctl/outcome.h"
#include "ctl/verb.h"

/* What was done shows beside what was there before, so that is asked for first. */
static int update_and_tell(struct ctl *ctl, const Indexerd__V1__UpdateIndexerRequest *request)
{
	Indexerd__V1__GetIndexerRequest get = INDEXERD__V1__GET_INDEXER_REQUEST__INIT;
	_cleanup_message_ ProtobufCMessage *before = NULL, *after = NULL;
	_cleanup_free_ char *outcome = NULL;
	int r;

	get.name = request->indexer->name;
	r = ctl_call(ctl, "GetIndexer", &get.base, TIMEOUT_READ, &before);
	if (r == 0)
		r = ctl_call(ctl, "UpdateIndexer", &request->base, TIMEOUT_START, &after);
	if (r == 0)
		r = outcome_of_update((const Indexerd__V1__Indexer *)before,
				      (const Indexerd__V1__Indexer *)after, &outcome);
	return r != 0 ? r : ctl_show(ctl, (const Indexerd__V1__Indexer *)after, outcome);
}

static int send_update(struct ctl *ctl, Indexerd__V1__Indexer *indexer,
		       const struct string_list *paths)
{
	Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
	Indexerd__V1__UpdateIndexerRequest request = INDEXERD__V1__UPDATE_INDEXER_REQUEST__INIT;

	if (paths->n == 0) {
		warnx("update: no option says what to change");
		return EXIT_USAGE;
	}
	mask.paths = paths->items;
	mask.n_paths = paths->n;
	request.indexer = indexer;
	request.update_mask = &mask;
	return ctl->output == OUTPUT_JSON
		       ? ctl_control(ctl, "UpdateIndexer", &request.base, TIMEOUT_START)
		       : update_and_tell(ctl, &request);
}

static int run_update(struct ctl *ctl, void *config, char **operands)
{
	const struct option_table table = { update_option_rows, UPDATE_OPTIONS, config,
					    ctl->given };
	_cleanup_(indexer_mask_clear) struct string_list paths = { 0 };
	_cleanup_(indexer_message_clear) struct indexer_message message;
	_cleanup_free_ char *name = ctl_name(operands[0]);
	int r = indexer_message_init(&message, config);

	if (r == 0)
		r = indexer_mask(&table, &paths);
	if (r == 0 && !name)
		r = -ENOMEM;
	message.indexer.name = name;
	return r < 0 ? r : send_update(ctl, &message.indexer, &paths);
}

const struct verb verb_update = {
	.name = "update",
	.operands = "ID",
	.summary = "Change an indexer, and restart it where it has to see that",
	.n_operands = 1,
	.options = update_option_rows,
	.n_options = UPDATE_OPTIONS,
	.config_size = sizeof(struct indexer_options),
	.run = run_update,
	.clear = indexer_options_clear,
};
