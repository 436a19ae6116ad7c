/*
 * Where a project comes from: what is taken apart, and what is refused in which words.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>

#include "common/util.h"
#include "model/source-key.h"
#include "model/source.h"
#include "tap.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567"

static void test_good(void)
{
	static const struct {
		const char *text;
		enum source_kind kind;
		const char *where, *ref, *credential; /* `where` is the path or the URL */
	} good[] = {
		{ "", SOURCE_NONE, NULL, NULL, NULL },
		{ "/", SOURCE_DIRECTORY, "/", NULL, NULL },
		{ "/srv/a b", SOURCE_DIRECTORY, "/srv/a b", NULL, NULL },
		{ "/srv/a.git", SOURCE_DIRECTORY, "/srv/a.git", NULL, NULL },
		{ "/srv/a#b?c", SOURCE_DIRECTORY, "/srv/a#b?c", NULL, NULL },
		{ "/srv/a.tar", SOURCE_DIRECTORY, "/srv/a.tar", NULL, NULL },
		{ "/srv/.tgz", SOURCE_DIRECTORY, "/srv/.tgz", NULL, NULL },
		{ "/srv/a.tgz/", SOURCE_DIRECTORY, "/srv/a.tgz/", NULL, NULL },
		{ "/srv/a.tgz", SOURCE_ARCHIVE, "/srv/a.tgz", NULL, NULL },
		{ "/srv/a.tar.gz", SOURCE_ARCHIVE, "/srv/a.tar.gz", NULL, NULL },
		{ "/a.tar.zst", SOURCE_ARCHIVE, "/a.tar.zst", NULL, NULL },
		{ "https://h/p", SOURCE_GIT, "https://h/p", NULL, NULL },
		{ "git+https://h/p.git", SOURCE_GIT, "https://h/p.git", NULL, NULL },
		{ "https://git.example:8443/a/b%20c#main", SOURCE_GIT,
		  "https://git.example:8443/a/b%20c", "main", NULL },
		{ "https://h/p@v2", SOURCE_GIT, "https://h/p@v2", NULL, NULL },
		{ "ssh://h/p", SOURCE_GIT, "ssh://h/p", NULL, NULL },
		{ "git+ssh://git@[::1]:22/~/p#v1.0", SOURCE_GIT, "ssh://git@[::1]:22/~/p", "v1.0",
		  NULL },
		{ "ssh://git@h/p?credential=indexer.key#feature/a#1", SOURCE_GIT, "ssh://git@h/p",
		  "feature/a#1", "indexer.key" },
		{ "file:///srv/p.git", SOURCE_GIT, "file:///srv/p.git", NULL, NULL },
		{ "git+file:///srv/p#" COMMIT, SOURCE_GIT, "file:///srv/p", COMMIT, NULL },
		{ "https://h/p#0123456789ABCDEF0123456789ABCDEF01234567", SOURCE_GIT, "https://h/p",
		  COMMIT, NULL },
		{ "https://h/p#ABC", SOURCE_GIT, "https://h/p", "ABC", NULL },
		{ "https://h/p#\xc3\xa9@1", SOURCE_GIT, "https://h/p", "\xc3\xa9@1", NULL },
	};

	for (size_t i = 0; i < ELEMENTSOF(good); i++) {
		_cleanup_source_ struct source got = {};
		char problem[SOURCE_PROBLEM_MAX] = "";

		is_int(source_parse(good[i].text, &got, problem), 0, "'%s'%s", good[i].text,
		       problem);
		is_int(got.kind, good[i].kind, "  its kind");
		is_str(got.kind == SOURCE_GIT ? got.url : got.path, good[i].where, "  where it is");
		ok(!got.url || !got.path, "  in one way");
		is_str(got.ref, good[i].ref, "  its ref");
		is_str(got.credential, good[i].credential, "  its credential");
	}
}

static void test_bad(void)
{
	static const struct {
		const char *text, *problem;
	} bad[] = {
		{ "srv/a", "it is neither an absolute path nor" },
		{ "./a.tgz", "it is neither an absolute path nor" },
		{ "git+/srv/a", "it is neither an absolute path nor" },
		{ "HTTPS://h/p", "it is neither an absolute path nor" },
		{ "ftp://h/p", "it is neither an absolute path nor" },
		{ "ext::sh -c id", "it is neither an absolute path nor" },
		{ "ext::sh@h", "it is neither an absolute path nor" },
		{ "http://h/p", "over http:// anybody" },
		{ "git+http://h/p", "over http:// anybody" },
		{ "git://h/p", "over git:// anybody" },
		{ "git@h:a/b", "a repository over ssh is written ssh://USER@HOST/PATH" },
		{ "git+git@h:a/b", "a repository over ssh is written" },
		{ "https://", "the host" },
		{ "https:///p", "the host" },
		{ "https://h", "it has no path" },
		{ "https://h/", "it has no path" },
		{ "https://h#main", "it has no path" },
		{ "https://a b/p", "the host" },
		{ "https://-h/p", "the host" },
		{ "https://h%2d/p", "the host" },
		{ "https://h\\/p", "the host" },
		{ "https://[::1/p", "the ]" },
		{ "https://[]/p", "the host" },
		{ "https://[::1]x/p", "the port" },
		{ "https://h:/p", "the port" },
		{ "https://h:0/p", "the port" },
		{ "https://h:65536/p", "the port" },
		{ "https://h/a b", "its path has a blank" },
		{ "https://h/a\nb", "its path has a blank" },
		{ "https://h/\xc3\xa9", "its path has a blank" },
		{ "https://h/a%0ab", "its path has a control" },
		{ "https://h/a%7F", "its path has a control" },
		{ "https://h/a%0", "behind a %" },
		{ "https://h/a%zz", "behind a %" },
		{ "https://h/a%", "behind a %" },
		{ "https://SECRET@h/p", "there is a user, a password or a token" },
		{ "https://u:SECRET@h/p", "there is a user, a password or a token" },
		{ "https://u@v:SECRET@h/p", "there is a user, a password or a token" },
		{ "https://u:SECRET/1@h/p", "the port" },
		{ "ssh://u:SECRET@h/p", "there is a password" },
		{ "ssh://:SECRET@h/p", "there is a password" },
		{ "ssh://@h/p", "the user" },
		{ "ssh://-oProxyCommand=SECRET@h/p", "the user" },
		{ "ssh://-oProxyCommand=id/p", "the host" },
		{ "ssh://u@-oProxyCommand=id/p", "the host" },
		{ "ssh://a%40@h/p", "the user" },
		{ "file://h/p", "a file:// has no host" },
		{ "file://u:SECRET@h/p", "a file:// has no host" },
		{ "file:///", "it has no path" },
		{ "https://h/p?token=SECRET", "behind the ? there is 'token'" },
		{ "https://h/p?SECRET", "behind the ? there may be" },
		{ "https://h/p?SECRET123=x", "behind the ? there may be" },
		{ "https://h/p?", "behind the ? there may be" },
		{ "https://h/p?credential", "behind the ? there may be" },
		{ "https://h/p?credential=", "behind credential= there is no name" },
		{ "https://h/p?credential=../a", "behind credential= there is no name" },
		{ "https://h/p?credential=spec", "behind credential= there is no name" },
		{ "https://h/p?credential=a&token=SECRET", "behind the ? there is more" },
		{ "https://h/p#", "behind the # there is no" },
		{ "https://h/p#--upload-pack=id", "what is behind the # begins with '-'" },
		{ "https://h/p#main?credential=a", "there is a ? behind the #" },
		{ "https://h/p#a b", "what is behind the # is no name" },
		{ "https://h/p#a\tb", "what is behind the # is no name" },
		{ "https://h/p#a\xff", "what is behind the # is no name" },
		{ "https://h/p#a\xc2\x9b", "what is behind the # is no name" },
		{ "https://h/p#a..b", "what is behind the # is no name" },
		{ "https://h/p#a:b", "what is behind the # is no name" },
		{ "https://h/p#+a:b", "what is behind the # is no name" },
		{ "https://h/p#^a", "what is behind the # is no name" },
		{ "https://h/p#a@{1}", "what is behind the # is no name" },
		{ "https://h/p#@", "what is behind the # is no name" },
		{ "https://h/p#a.", "what is behind the # is no name" },
		{ "https://h/p#/a", "what is behind the # has a part" },
		{ "https://h/p#a/", "what is behind the # has a part" },
		{ "https://h/p#a//b", "what is behind the # has a part" },
		{ "https://h/p#a/.b", "what is behind the # has a part" },
		{ "https://h/p#a.lock/b", "what is behind the # has a part" },
	};

	for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
		struct source got = {};
		char problem[SOURCE_PROBLEM_MAX] = "";

		is_int(source_parse(bad[i].text, &got, problem), -EINVAL, "refused, row %zu", i);
		ok(startswith(problem, bad[i].problem), "  because %s (%s)", bad[i].problem,
		   problem);
		ok(!strstr(problem, "SECRET"), "  which shows no secret");
		ok(got.kind == SOURCE_NONE && !got.url && !got.ref, "  and gives nothing");
	}
}

static void test_sizes(void)
{
	char text[SOURCE_URL_MAX + SOURCE_REF_MAX + 16], problem[SOURCE_PROBLEM_MAX];
	struct source got = {};

	memset(text, 'a', sizeof(text));
	memcpy(text, "https://h/", strlen("https://h/"));
	text[SOURCE_URL_MAX + 1] = '\0';
	is_int(source_parse(text, &got, problem), -EINVAL, "a URL that is too long");
	text[SOURCE_URL_MAX] = '\0';
	is_int(source_parse(text, &got, problem), 0, "the longest one");
	source_clear(&got);
	memset(text + SOURCE_URL_MAX, 'a', SOURCE_REF_MAX + 2);
	text[SOURCE_URL_MAX] = '#';
	text[SOURCE_URL_MAX + SOURCE_REF_MAX + 2] = '\0';
	is_int(source_parse(text, &got, problem), -EINVAL, "a ref that is too long");
	text[SOURCE_URL_MAX + SOURCE_REF_MAX + 1] = '\0';
	is_int(source_parse(text, &got, problem), 0, "the longest one");
	source_clear(&got);
}

static void test_commits(void)
{
	ok(source_ref_is_commit(COMMIT), "40 digits are a commit");
	ok(source_ref_is_commit(COMMIT "0123456789abcdef01234567"), "so are 64");
	ok(!source_ref_is_commit(COMMIT "0"), "41 are not");
	ok(!source_ref_is_commit("0123456"), "nor are 7");
	ok(!source_ref_is_commit("g123456789abcdef0123456789abcdef01234567"), "nor are letters");
}

/* All of it counts, and where one word ends. */
static void test_keys(void)
{
	static const char *const words[] = { "npm", "ci", NULL, "build", NULL };
	static const char *const others[] = { "npm", "ci", "build", NULL, NULL };
	const struct source git = { .kind = SOURCE_GIT, .url = (char *)"https://h/p" },
			    elsewhere = { .kind = SOURCE_GIT, .url = (char *)"https://h/q" },
			    private = { .kind = SOURCE_GIT,
					.url = (char *)"https://h/p",
					.credential = (char *)"indexer.a" },
			    ref = { .kind = SOURCE_GIT,
				    .url = (char *)"https://h/p",
				    .ref = (char *)"main" },
			    archive = { .kind = SOURCE_ARCHIVE, .path = (char *)"https://h/p" };
	const struct source_build build = { "", words, 5 }, fewer = { "", words, 3 },
				  one = { "", others, 5 }, below = { "a", words, 5 };
	const struct {
		const struct source *source;
		const char *commit;
		const struct source_build *build;
	} cases[] = {
		{ &git, COMMIT, NULL },	    { &elsewhere, COMMIT, NULL },
		{ &private, COMMIT, NULL }, { &archive, COMMIT, NULL },
		{ &git, COMMIT "0", NULL }, { &git, COMMIT, &build },
		{ &git, COMMIT, &fewer },   { &git, COMMIT, &one },
		{ &git, COMMIT, &below },   { &private, COMMIT, &build },
	};
	char keys[ELEMENTSOF(cases)][SOURCE_KEY_MAX], key[SOURCE_KEY_MAX];

	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		is_int(source_key(cases[i].source, cases[i].commit, cases[i].build, keys[i]), 0,
		       "a key");
		ok(source_key_is_valid(keys[i]), "  is one");
		for (size_t k = 0; k < i; k++)
			ok(!streq(keys[i], keys[k]), "  and not that of case %zu", k);
	}
	is_int(source_key(&ref, COMMIT, NULL, key), 0, "by a ref");
	is_str(key, keys[0], "  the same commit is the same checkout");
	/* `printf 'ghttps://h/p\0c0123...\0' | sha256sum` */
	is_str(key, "fda63b339bf6de786bdb622d50ea44c950d613ab3e94628fd60413dcb62dd725",
	       "  on every server");
	ok(!source_key_is_valid("") && !source_key_is_valid("../a") && !source_key_is_valid(COMMIT),
	   "other texts are no key");
}

int main(void)
{
	test_good();
	test_bad();
	test_sizes();
	test_commits();
	test_keys();
	return tap_done();
}
