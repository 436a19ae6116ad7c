/*
 * Fuzz target: source_parse().
 *
 * What git will be given is one of the URLs that are served, no option, and nothing that anybody
 * must not read; put together again, the parts are the same source.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/util.h"
#include "model/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_url(const char *url)
{
	const char *https = startswith(url, "https://"), *ssh = startswith(url, "ssh://");
	const char *authority = https ? https : ssh ? ssh : "";
	size_t n = strcspn(authority, "/");

	assert(https || ssh || startswith(url, "file:///"));
	for (const char *p = url; *p; p++)
		assert(*p > ' ' && *p < 0x7f && *p != '?' && *p != '#');
	assert(authority[0] != '-' && !memmem(authority, n, "@-", 2));
	assert(!https || !memchr(authority, '@', n));
}

static void check_again(const struct source *source)
{
	_cleanup_source_ struct source again = {};
	_cleanup_free_ char *text = NULL;
	char problem[SOURCE_PROBLEM_MAX];

	if (asprintf(&text, "%s%s%s%s%s", source->url, source->credential ? "?credential=" : "",
		     source->credential ? source->credential : "", source->ref ? "#" : "",
		     source->ref ? source->ref : "") < 0)
		abort();
	assert(source_parse(text, &again, problem) == 0);
	assert(again.kind == SOURCE_GIT && streq(again.url, source->url) &&
	       streq_null(again.ref, source->ref) &&
	       streq_null(again.credential, source->credential));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_source_ struct source source = {};
	_cleanup_free_ char *text = strndup((const char *)data, size);
	char problem[SOURCE_PROBLEM_MAX] = "";
	int r;

	if (!text)
		abort();
	r = source_parse(text, &source, problem);
	assert(r == 0 || (r == -EINVAL && *problem && source.kind == SOURCE_NONE));
	if (source.kind == SOURCE_GIT) {
		check_url(source.url);
		assert(!source.path && (!source.ref || source.ref[0] != '-'));
		check_again(&source);
	} else if (r == 0) {
		assert(!source.url && !source.ref && !source.credential);
		assert((source.kind == SOURCE_NONE) == (*text == '\0'));
		assert(source.kind == SOURCE_NONE || streq(source.path, text));
	}
	return 0;
}
