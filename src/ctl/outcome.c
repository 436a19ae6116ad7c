/*
 * What an update has done; see outcome.h.
 *
 * The API's answer is the indexer as it is now. What was done follows from what differs: the etag
 * with the definition, the invocation with each start.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/cleanup.h"
#include "common/util.h"
#include "ctl/difference.h"
#include "ctl/indexer-options.h"
#include "ctl/outcome.h"
#include "ctl/output.h"

/* Whether anything that is shown differs, but for the etag, or with_labels for the labels as well.
 */
static int differs(const Indexerd__V1__Indexer *before, const Indexerd__V1__Indexer *after,
		   bool with_labels, bool *ret)
{
	const struct option_table options = { .rows = update_option_rows, .n = UPDATE_OPTIONS };
	Indexerd__V1__Indexer a = *before, b = *after;
	_cleanup_free_ char *differences = NULL;
	int r;

	if (!with_labels) {
		a.n_labels = b.n_labels = 0;
		a.tree_resources = b.tree_resources = NULL;
	}
	a.etag = b.etag = (char *)"";
	r = difference_options(&a, &b, &options, &differences);
	if (r < 0)
		return r;
	*ret = !isempty(differences);
	return 0;
}

/*
 * Whether anything differs that the process has to see. Where nothing does that is shown, it is a
 * value that is not.
 */
static int differs_inside(const Indexerd__V1__Indexer *before, const Indexerd__V1__Indexer *after,
			  bool *ret)
{
	bool shown;
	int r = differs(before, after, false, ret);

	if (r == 0 && !*ret) {
		r = differs(before, after, true, &shown);
		*ret = !shown;
	}
	return r;
}

static char *tell_restart(const Indexerd__V1__Indexer__Status *before,
			  const Indexerd__V1__Indexer__Status *after)
{
	bool is_new = !streq(before->invocation_id, after->invocation_id);
	char *text;

	/* Its new project cannot be had, and the message says why. */
	if (!is_new && after->state == INDEXERD__V1__STATE__STATE_RUNNING)
		return asprintf(&text, "updated, not restarted: %s", after->message) < 0
			       ? NULL
			       : clean(text);

	if (is_new && after->main_pid)
		return asprintf(&text, "updated, restarted with PID %" PRId64, after->main_pid) < 0
			       ? NULL
			       : text;
	if (!is_new && after->state == INDEXERD__V1__STATE__STATE_STOPPED)
		return strdup("updated, stays stopped");
	if (after->state == INDEXERD__V1__STATE__STATE_STOPPING ||
	    after->state == INDEXERD__V1__STATE__STATE_STARTING)
		return strdup("updated, being restarted");
	return strdup("updated, restarted");
}

/* Its tree has got a slice of its own or lost it, and it was started anew there. */
static bool is_moved(const Indexerd__V1__Indexer *before, const Indexerd__V1__Indexer *after)
{
	return !before->tree_resources != !after->tree_resources &&
	       (!streq(before->status->invocation_id, after->status->invocation_id) ||
		after->status->state == INDEXERD__V1__STATE__STATE_STOPPING ||
		after->status->state == INDEXERD__V1__STATE__STATE_STARTING);
}

int outcome_of_update(const Indexerd__V1__Indexer *before, const Indexerd__V1__Indexer *after,
		      char **ret)
{
	bool inside;
	int r;

	if (!before->status || !after->status)
		return -EBADMSG;
	r = differs_inside(before, after, &inside);
	if (r < 0)
		return r;
	if (streq(before->etag, after->etag))
		*ret = strdup("unchanged");
	else if (inside || is_moved(before, after))
		*ret = tell_restart(before->status, after->status);
	else
		*ret = strdup("updated, not restarted");
	return *ret ? 0 : -ENOMEM;
}
