/*
 * indexerctl create: an indexer from options.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>

#include "common/util.h"
#include "ctl/difference.h"
#include "ctl/indexer-options.h"
#include "ctl/output.h"
#include "ctl/verb.h"
#include "model/id.h"

/* An id that was taken is no error, but the options are not what it has then: that is told. */
static int tell_difference(const Indexerd__V1__Indexer *asked, const Indexerd__V1__Indexer *got)
{
	const struct option_table options = { .rows = create_option_rows, .n = CREATE_OPTIONS };
	_cleanup_free_ char *differences = NULL;
	int r = difference_options(asked, got, &options, &differences);

	if (r < 0 || isempty(differences))
		return r;
	fprintf(stderr, "%s: ", program_invocation_short_name);
	print_clean(stderr, got->name);
	fprintf(stderr,
		" exists already, and the options were not applied: it has another %s\n"
		"  To change it, use indexerctl update, which can change all but its parent.\n",
		differences);
	return 0;
}

/*
 * What the server has chosen, where it was to choose and could; owned by the caller. 0 or -ENOMEM.
 */
static int chosen_text(const Indexerd__V1__Indexer *asked, const Indexerd__V1__Indexer *got,
		       char **ret)
{
	bool preset = isempty(asked->preset) && !isempty(got->preset);

	if (!isempty(asked->runtime) || isempty(got->runtime))
		return 0;
	if (asprintf(ret, "runtime %s%s%s", got->runtime, preset ? ", preset " : "",
		     preset ? got->preset : "") < 0) {
		*ret = NULL;
		return -ENOMEM;
	}
	(void)clean(*ret);
	return 0;
}

/* Sends the request; what it points to belongs to the caller. */
static int send_create(struct ctl *ctl, const char *id, Indexerd__V1__Indexer *indexer)
{
	_cleanup_message_ ProtobufCMessage *answer = NULL;
	Indexerd__V1__CreateIndexerRequest request = INDEXERD__V1__CREATE_INDEXER_REQUEST__INIT;
	const char *id_of_name = startswith(id, NAME_PREFIX);
	const Indexerd__V1__Indexer *made;
	_cleanup_free_ char *chosen = NULL;
	int r;

	request.indexer_id = (char *)(id_of_name ? id_of_name : id);
	request.indexer = indexer;
	r = ctl_call(ctl, "CreateIndexer", &request.base, TIMEOUT_START, &answer);
	if (r != 0)
		return r;
	made = (const Indexerd__V1__Indexer *)answer;
	r = tell_difference(indexer, made);
	r = r != 0 ? r : chosen_text(indexer, made, &chosen);
	return r != 0 ? r : ctl_show(ctl, made, chosen);
}

static int run_create(struct ctl *ctl, void *config, char **operands)
{
	_cleanup_(indexer_message_clear) struct indexer_message message;
	int r = indexer_message_init(&message, config);

	return r < 0 ? r : send_create(ctl, operands[0], &message.indexer);
}

const struct verb verb_create = {
	.name = "create",
	.operands = "ID",
	.summary = "Create an indexer and start it",
	.n_operands = 1,
	.options = create_option_rows,
	.n_options = CREATE_OPTIONS,
	.config_size = sizeof(struct indexer_options),
	.run = run_create,
	.clear = indexer_options_clear,
};
