/*
 * indexerctl watch: indexers as they are, and then each change of them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/util.h"
#include "ctl/event.h"
#include "ctl/verb.h"

struct watch_config {
	const char *filter;
};

static const struct option_row watch_options[] = {
	{ "filter", 0, "EXPR", take_string, offsetof(struct watch_config, filter), NULL,
	  "only indexers that this is true of, e.g. 'status.state = FAILED'", "filter" },
};

static int print_event(const ProtobufCMessage *message, void *userdata __attribute__((unused)))
{
	Google__Protobuf__Timestamp now = GOOGLE__PROTOBUF__TIMESTAMP__INIT;

	now.seconds = time(NULL);
	event_print(stdout, (const Indexerd__V1__WatchIndexersResponse *)message, &now);
	return 0;
}

static int run_watch(struct ctl *ctl, void *userdata, char **operands __attribute__((unused)))
{
	const struct watch_config *config = userdata;
	Indexerd__V1__WatchIndexersRequest request = INDEXERD__V1__WATCH_INDEXERS_REQUEST__INIT;

	request.filter = (char *)(config->filter ? config->filter : "");
	return ctl_stream(ctl, "WatchIndexers", &request.base, print_event, NULL);
}

const struct verb verb_watch = {
	.name = "watch",
	.operands = "",
	.summary = "Show each change of indexers, as it comes",
	.options = watch_options,
	.n_options = ELEMENTSOF(watch_options),
	.config_size = sizeof(struct watch_config),
	.run = run_watch,
};
