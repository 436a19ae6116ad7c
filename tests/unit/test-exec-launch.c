/*
 * What indexer-exec does before the program runs: the spec, the environment, the place.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/util.h"
#include "exec/environment.h"
#include "common/place.h"
#include "exec/spec.h"
#include "model/secret.h"
#include "tap.h"

static char *program[] = { (char *)"/bin/true", NULL };

/* A spec that is as it should be, lent. */
static spec_t good_spec(void)
{
	spec_t spec = INDEXERD__EXEC__V1__SPEC__INIT;

	spec.indexer_id = (char *)"my-indexer";
	spec.project_source = (char *)"/srv/project";
	spec.argv = program;
	spec.n_argv = 1;
	spec.log_format = INDEXERD__EXEC__V1__LOG_FORMAT__LOG_FORMAT_RAW;
	return spec;
}

/* Packs and parses; returns the problem, or NULL. */
static const char *problem_of(const spec_t *spec)
{
	size_t n = indexerd__exec__v1__spec__get_packed_size(spec);
	_cleanup_free_ uint8_t *data = malloc(n + 1);
	_cleanup_(spec_freep) spec_t *parsed = NULL;
	const char *problem = NULL;
	int r;

	indexerd__exec__v1__spec__pack(spec, data);
	r = spec_parse(data, n, &parsed, &problem);
	assert((r == 0) == !!parsed && (r == -EBADMSG) == !!problem);
	return problem;
}

static void test_spec(void)
{
	Indexerd__Exec__V1__Variable variable = INDEXERD__EXEC__V1__VARIABLE__INIT;
	Indexerd__Exec__V1__Variable *variables[] = { &variable };
	char *patterns[] = { (char *)"block=${CURRENT}", (char *)"block=" };
	spec_t spec = good_spec(), *parsed = NULL;
	const char *problem = NULL;

	is_str(problem_of(&spec), NULL, "a good spec");
	spec.indexer_id = (char *)"../x";
	is_str(problem_of(&spec), "its indexer_id is not an id", "a bad id");
	spec = good_spec();
	spec.project_source = (char *)"srv";
	is_str(problem_of(&spec), "its project_source is not an absolute path",
	       "a relative source");
	spec = good_spec();
	spec.n_argv = 0;
	is_str(problem_of(&spec), "it has no program", "no program");
	spec = good_spec();
	spec.log_format = 77;
	is_str(problem_of(&spec), "its log_format is unknown", "an unknown format");
	spec = good_spec();
	spec.progress = patterns;
	spec.n_progress = 1;
	is_str(problem_of(&spec), NULL, "a pattern of progress");
	spec.n_progress = 2;
	is_str(problem_of(&spec), "its progress has a pattern that is none, or too many",
	       "one that is none");
	spec = good_spec();
	spec.environment = variables;
	spec.n_environment = 1;
	variable.key = (char *)"A";
	variable.credential = (char *)"../spec";
	is_str(problem_of(&spec), "its environment names a credential that is none",
	       "a credential that is a path");
	variable.credential = (char *)"";
	variable.key = (char *)"A=B";
	ok(problem_of(&spec), "a variable's name with =");
	variable.key = (char *)"";
	ok(problem_of(&spec), "a variable without a name");

	is_int(spec_parse("\xff\xff\xff", 3, &parsed, &problem), -EBADMSG, "no message at all");
	is_int(spec_parse("", 0, &parsed, &problem), -EBADMSG, "an empty message");
}

static void test_spec_file(const char *dir)
{
	_cleanup_free_ char *path = NULL, *data = calloc(1, 2 << 20);
	_cleanup_(spec_freep) spec_t *loaded = NULL;
	spec_t spec = good_spec();
	const char *problem = NULL;
	_cleanup_close_ int fd = -1;

	assert(asprintf(&path, "%s/spec", dir) > 0);
	is_int(spec_load("/nonexistent", &loaded, &problem), -ENOENT, "no directory");
	is_int(spec_load(dir, &loaded, &problem), -ENOENT, "no file");
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert(write(fd, data, 2 << 20) == 2 << 20);
	is_int(spec_load(dir, &loaded, &problem), -EBADMSG, "a file of 2 MiB");
	is_str(problem, "it is larger than 1 MiB", "is refused by its size");
	assert(ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
	indexerd__exec__v1__spec__pack(&spec, (uint8_t *)data);
	assert(write(fd, data, indexerd__exec__v1__spec__get_packed_size(&spec)) > 0);
	is_int(spec_load(dir, &loaded, &problem), 0, "a good file");
	is_str(loaded->argv[0], "/bin/true", "has its program");
	unlink(path);
}

static const char *get(char **environment, const char *name)
{
	for (; *environment; environment++) {
		const char *p = startswith(*environment, name);

		if (p && *p == '=')
			return p + 1;
	}
	return NULL;
}

static void test_environment(void)
{
	static char *const inherited[] = { (char *)"PATH=/bin",
					   (char *)"STATE_DIRECTORY=/s",
					   (char *)"NOTIFY_SOCKET=/n",
					   (char *)"JOURNAL_STREAM=1:2",
					   (char *)"HTTP_PROXY=drop-in",
					   (char *)"INVOCATION_ID=abc",
					   (char *)"broken",
					   NULL };
	static const char *const pairs[][2] = {
		{ "A", "1" },		{ "A", "2" },
		{ "AB", "" },		{ "STATE_DIRECTORY", "/evil" },
		{ "PATH", "/opt/bin" }, { "RUNTIME_DIRECTORY", "/evil" }
	};
	Indexerd__Exec__V1__Variable variables[ELEMENTSOF(pairs)], *list[ELEMENTSOF(pairs)];
	_cleanup_(environment_freep) char **environment = NULL;
	spec_t spec = good_spec();
	struct environment_problem problem;
	size_t n = 0;

	for (size_t i = 0; i < ELEMENTSOF(pairs); i++) {
		indexerd__exec__v1__variable__init(&variables[i]);
		variables[i].key = (char *)pairs[i][0];
		variables[i].value = (char *)pairs[i][1];
		list[i] = &variables[i];
	}
	spec.environment = list;
	spec.n_environment = ELEMENTSOF(list);
	is_int(environment_build(inherited, &spec, "/none", &environment, &problem), 0,
	       "an environment");
	while (environment[n])
		n++;
	is_int(n, 6, "has six variables");
	is_str(get(environment, "A"), "2", "the last of a name wins");
	is_str(get(environment, "AB"), "", "an empty value is one");
	is_str(get(environment, "PATH"), "/opt/bin", "the spec may set PATH");
	is_str(get(environment, "STATE_DIRECTORY"), "/s", "but not STATE_DIRECTORY");
	is_str(get(environment, "RUNTIME_DIRECTORY"), NULL, "nor what systemd has not set");
	is_str(get(environment, "HTTP_PROXY"), "drop-in", "a drop-in's variable is passed on");
	is_str(get(environment, "INVOCATION_ID"), "abc", "and the invocation's id");
	ok(!get(environment, "NOTIFY_SOCKET") && !get(environment, "JOURNAL_STREAM"),
	   "the helper's sockets are not");
}

static void write_file(const char *path, const void *data, size_t size)
{
	FILE *f = fopen(path, "w");

	assert(f && fwrite(data, 1, size, f) == size && fclose(f) == 0);
}

/* Builds an environment of one variable V, of the credential c of the directory. */
static int build_one(const char *dir, bool is_path, char *value, size_t size, const char **words)
{
	Indexerd__Exec__V1__Variable variable = INDEXERD__EXEC__V1__VARIABLE__INIT;
	Indexerd__Exec__V1__Variable *list[] = { &variable };
	_cleanup_(environment_freep) char **environment = NULL;
	struct environment_problem problem;
	char *none[] = { NULL };
	spec_t spec = good_spec();
	int r;

	variable.key = (char *)"V";
	variable.credential = (char *)"c";
	variable.is_path = is_path;
	spec.environment = list;
	spec.n_environment = 1;
	r = environment_build(none, &spec, dir, &environment, &problem);
	assert((r == 0) == !problem.variable && (r == 0) == !!environment);
	if (r == 0)
		(void)snprintf(value, size, "%s", environment[0]);
	else
		*words = problem.words;
	return r;
}

static void test_credentials(const char *dir)
{
	static const struct {
		const char *content, *value;
	} rows[] = {
		{ "secret", "V=secret" },
		{ "secret\n", "V=secret" },
		{ "secret\n\n", "V=secret\n" },
		{ "a\nb\r\n", "V=a\nb\r" },
		{ "", "V=" },
		{ "\n", "V=" },
	};
	static char big[CREDENTIAL_VALUE_MAX + 2], value[CREDENTIAL_VALUE_MAX + 16];
	const char *words = NULL;
	char path[PATH_MAX], want[PATH_MAX + 2];

	(void)snprintf(path, sizeof(path), "%s/c", dir);
	(void)snprintf(want, sizeof(want), "V=%s", path);
	is_int(build_one(dir, false, value, sizeof(value), &words), -ENOENT, "a missing one");
	ok(strstr(words, "none of that name"), "is told");
	is_int(build_one(dir, true, value, sizeof(value), &words), -ENOENT, "also as a file");
	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		write_file(path, rows[i].content, strlen(rows[i].content));
		is_int(build_one(dir, false, value, sizeof(value), &words), 0, "content %zu", i);
		is_str(value, rows[i].value, "has no newline at its end");
		is_int(build_one(dir, true, value, sizeof(value), &words), 0, "as a file");
		is_str(value, want, "by its path");
	}
	write_file(path, "a\0b", 3);
	is_int(build_one(dir, false, value, sizeof(value), &words), -EINVAL, "a NUL byte");
	is_int(build_one(dir, true, value, sizeof(value), &words), 0, "a file may have one");
	memset(big, 'x', sizeof(big));
	big[CREDENTIAL_VALUE_MAX] = '\n';
	write_file(path, big, CREDENTIAL_VALUE_MAX + 1);
	is_int(build_one(dir, false, value, sizeof(value), &words), 0, "the longest");
	is_int((long long)strlen(value), CREDENTIAL_VALUE_MAX + 2, "is whole");
	big[CREDENTIAL_VALUE_MAX] = 'x';
	write_file(path, big, CREDENTIAL_VALUE_MAX + 1);
	is_int(build_one(dir, false, value, sizeof(value), &words), -E2BIG, "a longer one");
	ok(strstr(words, "64 KiB"), "is told with the limit");
	write_file(path, big, CREDENTIAL_VALUE_MAX + 2);
	is_int(build_one(dir, false, value, sizeof(value), &words), -E2BIG, "and a longer one yet");
}

static void test_place(const char *dir)
{
	_cleanup_free_ char *source = NULL;
	char here[PATH_MAX];

	assert(chdir(dir) == 0 && mkdir("src", 0755) == 0 && mkdir("src/app", 0755) == 0);
	assert(mkdir("src-other", 0755) == 0 && symlink("../src-other", "src/out") == 0);
	assert(symlink("app", "src/in") == 0 && symlink("src", "link") == 0);
	assert(symlink("/bin/true", "src/app/away") == 0);
	close(open("src/app/script", O_CREAT | O_WRONLY, 0755));
	assert(asprintf(&source, "%s/link", dir) > 0);

	is_int(place_enter(source, ""), 0, "the source itself, by a link");
	is_int(place_enter(source, "in"), 0, "a link inside");
	ok(getcwd(here, sizeof(here)) && strlen(here) > 8 &&
		   streq(here + strlen(here) - 8, "/src/app"),
	   "leads to its target");
	is_int(place_check_script(source, "script"), 0, "a script");
	is_int(place_check_script(source, "../app/./script"), 0, "by another path");
	is_int(place_check_script(source, "away"), PLACE_OUTSIDE, "a link to a program outside");
	is_int(place_check_script(source, "/bin/true"), PLACE_OUTSIDE, "an absolute path outside");
	is_int(place_check_script(source, "none"), -ENOENT, "a script that is not there");
	is_int(place_enter(source, "out"), PLACE_OUTSIDE,
	       "a link to a directory with the same beginning");
	is_int(place_enter(source, "../.."), PLACE_OUTSIDE, "upwards");
	is_int(place_enter(source, "none"), -ENOENT, "a directory that is not there");
	is_int(place_enter(source, "app/script"), -ENOTDIR, "a file");
	is_int(place_enter("/", "tmp"), 0, "all is inside of the root");
}

int main(void)
{
	char dir[] = "/tmp/test-exec-launch.XXXXXX", command[64];

	assert(mkdtemp(dir));
	test_spec();
	test_spec_file(dir);
	test_environment();
	test_credentials(dir);
	test_place(dir);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	ok(system(command) == 0, "cleaned up");
	return tap_done();
}
