/*
 * Where a project comes from; see source.h. What gets through here is given to git, and by git to
 * ssh, so that hosts, users and refs are held to what neither can take for an option.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "model/source.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/util.h"
#include "model/secret.h"
#include "model/utf8.h"

#define DIGITS	"0123456789"
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

#define USER_MAX   64
#define HOST_MAX   253
#define USER_BYTES LETTERS DIGITS "._-"
#define HOST_BYTES USER_BYTES
#define IPV6_BYTES DIGITS "ABCDEFabcdef:."
/* What RFC 3986 has in a path, without the percent sign, which is looked at. */
#define PATH_BYTES LETTERS DIGITS "-._~!$&'()*+,;=:@/"

#define NO_SECRET                                                                                  \
	"which everybody who sees the indexer could read; put it into a credential of the "        \
	"server and name that: ?credential=NAME"

enum scheme { HTTPS, SSH, LOCAL };

/* The text, taken apart but not copied. */
struct parts {
	enum scheme scheme;
	const char *url, *authority, *path;
	const char *query, *ref;		    /* or NULL */
	size_t n_url, n_authority, n_path, n_query; /* bytes */
};

/* A problem's words; -EINVAL. */
static int __attribute__((format(printf, 2, 3)))
wrong(char problem[static SOURCE_PROBLEM_MAX], const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(problem, SOURCE_PROBLEM_MAX, format, ap);
	va_end(ap);
	return -EINVAL;
}

void source_clear(struct source *source)
{
	free(source->path);
	free(source->url);
	free(source->ref);
	free(source->credential);
	*source = (struct source){};
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), n_end = strlen(end);

	return n > n_end && streq(text + n - n_end, end);
}

static bool is_archive(const char *path)
{
	static const char *const ends[] = { ".tar.gz", ".tgz", ".tar.zst" };

	for (size_t i = 0; i < ELEMENTSOF(ends); i++)
		/* Only the ending, as "/.tgz", is a hidden directory like any other. */
		if (ends_with(path, ends[i]) && path[strlen(path) - strlen(ends[i]) - 1] != '/')
			return true;
	return false;
}

/* Whether n bytes are 1 to `most` of the given ones, and would be no option. */
static bool is_word(const char *text, size_t n, size_t most, const char *bytes)
{
	return n > 0 && n <= most && text[0] != '-' && strspn(text, bytes) >= n;
}

static bool is_port(const char *text, const char *end)
{
	uint64_t port;

	return decimal_read(text, end, &port) == end && port >= 1 && port <= 65535;
}

static int check_host(const char *text, size_t n, char problem[static SOURCE_PROBLEM_MAX])
{
	const char *end = text + n, *rest;
	bool good;

	if (n > 0 && *text == '[') {
		rest = memchr(text, ']', n);
		if (!rest)
			return wrong(problem, "the ] behind the host is missing");
		good = is_word(text + 1, (size_t)(rest - text - 1), HOST_MAX, IPV6_BYTES);
		rest++;
	} else {
		rest = memchr(text, ':', n);
		rest = rest ? rest : end;
		good = is_word(text, (size_t)(rest - text), HOST_MAX, HOST_BYTES);
	}
	if (!good)
		return wrong(problem, "the host is neither a name nor a number; IPv6 stands in []");
	if (rest < end && (*rest != ':' || !is_port(rest + 1, end)))
		return wrong(problem, "the port is not a number from 1 to 65535");
	return 0;
}

static int check_authority(const struct parts *parts, char problem[static SOURCE_PROBLEM_MAX])
{
	const char *host = parts->authority, *end = host + parts->n_authority;
	const char *at = memrchr(host, '@', parts->n_authority);

	if (parts->scheme == LOCAL)
		return parts->n_authority == 0
			       ? 0
			       : wrong(problem, "a file:// has no host: it is file:///PATH");
	if (at && parts->scheme == HTTPS)
		return wrong(problem,
			     "there is a user, a password or a token before the @, "
			     "%s",
			     NO_SECRET);
	if (at && memchr(host, ':', (size_t)(at - host)))
		return wrong(problem,
			     "there is a password before the @, " NO_SECRET ", of an ssh key");
	if (at && !is_word(host, (size_t)(at - host), USER_MAX, USER_BYTES))
		return wrong(problem,
			     "the user before the @ is not 1 to %d letters, digits and "
			     "characters of ._- that begin with no -",
			     USER_MAX);
	host = at ? at + 1 : host;
	return check_host(host, (size_t)(end - host), problem);
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* git reads %XX as the byte. */
static int check_path(const char *path, size_t n, char problem[static SOURCE_PROBLEM_MAX])
{
	if (n < 2)
		return wrong(problem, "it has no path behind the host");
	for (const char *p = path, *end = path + n; p < end; p++) {
		int high = *p == '%' && end - p > 2 ? hex_value(p[1]) : -1;
		int low = high >= 0 ? hex_value(p[2]) : -1;

		if (*p == '%' && low < 0)
			return wrong(problem, "behind a %% in the path there are no two "
					      "hexadecimal digits");
		if (*p == '%' && (high * 16 + low < 0x20 || high * 16 + low == 0x7f))
			return wrong(problem, "its path has a control character");
		if (*p != '%' && !strchr(PATH_BYTES, *p))
			return wrong(problem, "its path has a blank, a quote, or another byte that "
					      "a URL writes as %%XX");
	}
	return 0;
}

/* NAME of credential=NAME, of which there may be one and nothing else. */
static int check_query(const struct parts *parts, char problem[static SOURCE_PROBLEM_MAX])
{
	static const char key[] = "credential=";
	const size_t n_key = sizeof(key) - 1;
	const char *query = parts->query;
	size_t n;

	if (parts->n_query >= n_key && strncmp(query, key, n_key) == 0) {
		if (memchr(query, '&', parts->n_query))
			return wrong(problem, "behind the ? there is more than credential=NAME");
		return 0;
	}
	/* What is no name may be the secret itself. */
	n = strspn(query, LETTERS "_-");
	if (n > 0 && n <= 32 && query[n] == '=')
		return wrong(problem,
			     "behind the ? there is '%.*s', and may be credential=NAME "
			     "only",
			     (int)n, query);
	return wrong(problem, "behind the ? there may be credential=NAME only");
}

static int take_credential(const struct parts *parts, char **ret,
			   char problem[static SOURCE_PROBLEM_MAX])
{
	_cleanup_free_ char *name = NULL;
	int r;

	if (!parts->query)
		return 0;
	r = check_query(parts, problem);
	if (r < 0)
		return r;
	name = strndup(strchr(parts->query, '=') + 1, parts->n_query - (sizeof("credential=") - 1));
	if (!name)
		return -ENOMEM;
	if (!reference_name_is_valid(name))
		return wrong(problem, "behind credential= there is no name of a credential: 1 to "
				      "64 letters, digits and characters of ._-");
	*ret = TAKE(name);
	return 0;
}

/* As `git check-ref-format` has it of a name's parts. */
static bool ref_part_is_valid(const char *part, size_t n)
{
	return n > 0 && part[0] != '.' && (n < 5 || strncmp(part + n - 5, ".lock", 5) != 0);
}

static bool ref_is_text(const char *ref)
{
	size_t left = strlen(ref), n;
	uint32_t c;

	for (; left > 0; ref += n, left -= n) {
		n = utf8_decode(ref, left, &c);
		if (n == 0 || c <= 0x20 || (c >= 0x7f && c <= 0x9f))
			return false;
	}
	return true;
}

static int check_ref(const char *ref, char problem[static SOURCE_PROBLEM_MAX])
{
	size_t n = strlen(ref);

	if (n == 0)
		return wrong(problem, "behind the # there is no branch, tag or commit");
	if (n > SOURCE_REF_MAX)
		return wrong(problem, "what is behind the # is longer than %d bytes",
			     SOURCE_REF_MAX);
	if (ref[0] == '-')
		return wrong(problem, "what is behind the # begins with '-' and would be taken for "
				      "an option");
	if (strchr(ref, '?'))
		return wrong(problem, "there is a ? behind the #: ?credential=NAME stands before "
				      "the #");
	if (strpbrk(ref, "~^:*[\\") || strstr(ref, "..") || strstr(ref, "@{") || streq(ref, "@") ||
	    ref[n - 1] == '.' || !ref_is_text(ref))
		return wrong(problem,
			     "what is behind the # is no name of a branch or a tag, and no "
			     "id of a commit");
	for (size_t used; *ref; ref += used + (ref[used] == '/' && ref[used + 1])) {
		used = strcspn(ref, "/");
		if (!ref_part_is_valid(ref, used) || streq(ref + used, "/"))
			return wrong(problem, "what is behind the # has a part, between two of /, "
					      "that git does not have in names");
	}
	return 0;
}

bool source_ref_is_commit(const char *ref)
{
	size_t n = strlen(ref);

	return (n == 40 || n == 64) && strspn(ref, DIGITS "abcdef") == n;
}

/* The id of a commit comes in either case. */
static int take_ref(const char *text, char **ret, char problem[static SOURCE_PROBLEM_MAX])
{
	_cleanup_free_ char *ref = NULL, *lower = NULL;
	int r;

	if (!text)
		return 0;
	r = check_ref(text, problem);
	if (r < 0)
		return r;
	ref = strdup(text);
	lower = strdup(text);
	if (!ref || !lower)
		return -ENOMEM;
	for (char *p = lower; *p; p++)
		if (*p >= 'A' && *p <= 'F')
			*p |= 0x20;
	*ret = source_ref_is_commit(lower) ? TAKE(lower) : TAKE(ref);
	return 0;
}

/* Of what stands behind the scheme. */
static void split(const char *text, struct parts *parts)
{
	size_t n = strcspn(text, "?#");

	parts->authority = text;
	parts->n_authority = MIN(strcspn(text, "/"), n);
	parts->path = text + parts->n_authority;
	parts->n_path = n - parts->n_authority;
	parts->n_url = (size_t)(text + n - parts->url);
	text += n;
	if (*text == '?') {
		parts->query = text + 1;
		parts->n_query = strcspn(parts->query, "#");
		text = parts->query + parts->n_query;
	}
	parts->ref = *text == '#' ? text + 1 : NULL;
}

static int parse_url(const char *text, struct parts *parts, struct source *ret,
		     char problem[static SOURCE_PROBLEM_MAX])
{
	_cleanup_source_ struct source source = { .kind = SOURCE_GIT };
	int r;

	split(text, parts);
	if (parts->n_url > SOURCE_URL_MAX)
		return wrong(problem, "its URL is longer than %d bytes", SOURCE_URL_MAX);
	r = check_authority(parts, problem);
	r = r < 0 ? r : check_path(parts->path, parts->n_path, problem);
	r = r < 0 ? r : take_credential(parts, &source.credential, problem);
	r = r < 0 ? r : take_ref(parts->ref, &source.ref, problem);
	if (r < 0)
		return r;
	source.url = strndup(parts->url, parts->n_url);
	if (!source.url)
		return -ENOMEM;
	*ret = source;
	source = (struct source){};
	return 0;
}

/* What is meant by a text that is neither a path nor a URL that is served. */
static int refuse_other(const char *text, char problem[static SOURCE_PROBLEM_MAX])
{
	static const struct {
		const char *scheme, *words;
	} unserved[] = {
		{ "http://", "over http:// anybody on the way could change the code; use https:// "
			     "or ssh://" },
		{ "git://", "over git:// anybody on the way could change the code; use https:// or "
			    "ssh://" },
	};
	const char *host = text + strcspn(text, "/:");

	for (size_t i = 0; i < ELEMENTSOF(unserved); i++)
		if (startswith(text, unserved[i].scheme))
			return wrong(problem, "%s", unserved[i].words);
	if (*host == ':' && memchr(text, '@', (size_t)(host - text)))
		return wrong(problem, "a repository over ssh is written ssh://USER@HOST/PATH");
	return wrong(problem,
		     "it is neither an absolute path nor an https://, ssh:// or file:// of "
		     "a repository of git");
}

static int take_path(const char *text, struct source *ret)
{
	char *path = strdup(text);

	if (!path)
		return -ENOMEM;
	*ret = (struct source){
		.kind = is_archive(text) ? SOURCE_ARCHIVE : SOURCE_DIRECTORY,
		.path = path,
	};
	return 0;
}

int source_parse(const char *text, struct source *ret, char problem[static SOURCE_PROBLEM_MAX])
{
	static const char *const schemes[] = {
		[HTTPS] = "https://",
		[SSH] = "ssh://",
		[LOCAL] = "file://",
	};
	const char *url = startswith(text, "git+");

	if (!*text) {
		*ret = (struct source){};
		return 0;
	}
	if (*text == '/')
		return take_path(text, ret);
	url = url ? url : text;
	for (size_t i = 0; i < ELEMENTSOF(schemes); i++) {
		struct parts parts = { .scheme = (enum scheme)i, .url = url };
		const char *rest = startswith(url, schemes[i]);

		if (rest)
			return parse_url(rest, &parts, ret, problem);
	}
	return refuse_other(url, problem);
}
