/*
 * The set of runtimes: which files there are, and which of them counts; see runtime.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>

#include "common/log.h"
#include "common/util.h"
#include "model/names.h"
#include "runtime/private.h"

#define FILE_SIZE_MAX (64 * 1024)
#define FILES_MAX     256
#define SUFFIX	      ".conf"

struct runtime *runtime_free(struct runtime *runtime)
{
	if (!runtime)
		return NULL;
	for (size_t i = 0; i < runtime->n_environment; i++) {
		free(runtime->environment[i].key);
		template_free(runtime->environment[i].value);
	}
	free(runtime->environment);
	for (size_t i = 0; i < runtime->n_progress; i++)
		free(runtime->progress[i]);
	for (size_t i = 0; i < runtime->n_detects; i++)
		detect_clear(&runtime->detects[i]);
	for (size_t i = 0; i < runtime->n_presets; i++)
		free(runtime->presets[i]);
	setting_list_clear(&runtime->settings);
	for (size_t i = 0; i < runtime->n_build; i++)
		template_free(runtime->build[i]);
	template_free(runtime->exec);
	template_free(runtime->needs);
	template_free(runtime->install);
	free(runtime->needs_hint);
	free(runtime->description);
	free(runtime->path);
	free(runtime->name);
	free(runtime);
	return NULL;
}

static int runtime_new(const char *name, const char *directory, const char *file,
		       struct runtime **ret)
{
	_cleanup_(runtime_freep) struct runtime *runtime = calloc(1, sizeof(*runtime));

	if (!runtime || !(runtime->name = strdup(name)))
		return -ENOMEM;
	if (asprintf(&runtime->path, "%s/%s", directory, file) < 0) {
		runtime->path = NULL;
		return -ENOMEM;
	}
	*ret = TAKE(runtime);
	return 0;
}

/* Reads a whole file, which must be a regular one; MALFORMED where it is not, or cannot be read. */
static int read_file(const char *path, char **ret, size_t *ret_size, struct complaint *complaint)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	_cleanup_free_ char *text = NULL;
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return complain(complaint, 0, "cannot be read: %s", strerrordesc_np(errno));
	if (!S_ISREG(st.st_mode) || st.st_size > FILE_SIZE_MAX)
		return complain(complaint, 0, "is not a regular file of at most %d bytes",
				FILE_SIZE_MAX);
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return -ENOMEM;
	/* A regular file is read at once; what is written to it meanwhile is for the next load. */
	n = read(fd, text, (size_t)st.st_size);
	if (n < 0)
		return complain(complaint, 0, "cannot be read: %s", strerrordesc_np(errno));
	text[n] = '\0';
	*ret = TAKE(text);
	*ret_size = (size_t)n;
	return 0;
}

/* Reads a runtime that has only its name and path. 0, MALFORMED when the sink was told, -ENOMEM. */
static int runtime_read(struct runtime *runtime, const struct complaint_sink *sink)
{
	_cleanup_free_ char *text = NULL;
	struct complaint complaint = {};
	size_t size = 0;
	int r = read_file(runtime->path, &text, &size, &complaint);

	if (r == MALFORMED)
		sink->tell(&complaint, sink->userdata);
	return r != 0 ? r : runtime_parse(runtime, text, size, sink);
}

static void log_complaint(const struct complaint *complaint, void *userdata)
{
	const struct runtime *runtime = userdata;
	char line[LOG_LINE_MAX];

	complaint_format(complaint, runtime->path, line, sizeof(line));
	log_error("%s", line);
}

static int set_add(struct runtime_set *set, struct runtime *runtime)
{
	struct runtime **runtimes = reallocarray(set->runtimes, set->n + 1, sizeof(*set->runtimes));

	if (!runtimes)
		return -ENOMEM;
	set->runtimes = runtimes;
	runtimes[set->n++] = runtime;
	return 0;
}

static bool set_has(const struct runtime_set *set, const char *name)
{
	for (size_t i = 0; i < set->n; i++)
		if (streq(set->runtimes[i]->name, name))
			return true;
	return false;
}

static int load_file(struct runtime_set *set, const char *name, const char *directory,
		     const char *file)
{
	_cleanup_(runtime_freep) struct runtime *runtime = NULL;
	struct complaint_sink sink = { .tell = log_complaint };
	int r;

	r = runtime_new(name, directory, file, &runtime);
	if (r < 0)
		return r;
	sink.userdata = runtime;
	r = runtime_read(runtime, &sink);
	if (r < 0)
		return r;
	/* A broken one stays, so that its name does not fall back to a less important file. */
	runtime->broken = r == MALFORMED;
	r = set_add(set, runtime);
	if (r == 0)
		(void)TAKE(runtime);
	return r;
}

static bool is_runtime_file(const char *file)
{
	size_t n = strlen(file), suffix = strlen(SUFFIX);

	return file[0] != '.' && n > suffix && streq(file + n - suffix, SUFFIX);
}

/* Takes the runtime's name out of its file's, which has the suffix; false where that is no name. */
static bool name_of_file(const char *file, char name[ID_MAX])
{
	size_t n = strlen(file) - strlen(SUFFIX);

	if (n < ID_MAX) {
		memcpy(name, file, n);
		name[n] = '\0';
	}
	return n < ID_MAX && id_valid(name);
}

static bool name_from_file(const char *directory, const char *file, char name[ID_MAX])
{
	size_t n = strlen(file) - strlen(SUFFIX);

	if (name_of_file(file, name))
		return true;
	log_warning("%s/%s: '%.*s' is no name of a runtime: lower-case letters, digits and dashes, "
		    "a letter first; left out",
		    directory, file, (int)MIN(n, (size_t)ID_MAX), file);
	return false;
}

static int load_directory(struct runtime_set *set, const char *directory)
{
	DIR *dir = opendir(directory);
	const struct dirent *entry;
	char name[ID_MAX];
	int r = 0;

	if (!dir) {
		if (errno != ENOENT)
			log_error("%s: cannot be read: %m", directory);
		return 0;
	}
	while (r == 0 && (entry = readdir(dir))) {
		if (!is_runtime_file(entry->d_name))
			continue;
		if (!name_from_file(directory, entry->d_name, name)) {
			set->incomplete = true;
		} else if (set_has(set, name)) {
			continue;
		} else if (set->n < FILES_MAX) {
			r = load_file(set, name, directory, entry->d_name);
		} else {
			log_error("%s/%s: more than %d runtimes, left out", directory,
				  entry->d_name, FILES_MAX);
			set->incomplete = true;
		}
	}
	closedir(dir);
	return r;
}

static int compare(const void *a, const void *b)
{
	return strcmp((*(struct runtime *const *)a)->name, (*(struct runtime *const *)b)->name);
}

static gid_t find_unit_group(void)
{
	char buffer[16 * 1024];
	struct group group, *found = NULL;

	if (getgrnam_r(INDEXER_GROUP, &group, buffer, sizeof(buffer), &found) != 0 || !found)
		return (gid_t)-1;
	return found->gr_gid;
}

int runtime_set_load(const char *const *directories, struct runtime_set **ret)
{
	_cleanup_(runtime_set_freep) struct runtime_set *set = calloc(1, sizeof(*set));
	int r = 0;

	if (!set)
		return -ENOMEM;
	set->unit_group = find_unit_group();
	for (; *directories && r == 0; directories++)
		r = load_directory(set, *directories);
	if (r < 0)
		return r;
	if (set->n > 0)
		qsort(set->runtimes, set->n, sizeof(*set->runtimes), compare);
	*ret = TAKE(set);
	return 0;
}

struct runtime_set *runtime_set_free(struct runtime_set *set)
{
	if (!set)
		return NULL;
	for (size_t i = 0; i < set->n; i++)
		runtime_free(set->runtimes[i]);
	free(set->runtimes);
	free(set);
	return NULL;
}

bool runtime_set_is_good(const struct runtime_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->runtimes[i]->broken)
			return false;
	return !set->incomplete;
}

const struct runtime *runtime_set_find(const struct runtime_set *set, const char *name)
{
	for (size_t i = 0; i < set->n; i++)
		if (streq(set->runtimes[i]->name, name))
			return set->runtimes[i]->broken ? NULL : set->runtimes[i];
	return NULL;
}

const char *runtime_description(const struct runtime *runtime)
{
	return runtime->description ? runtime->description : runtime->name;
}

bool runtime_persists(const struct runtime *runtime)
{
	return !runtime->without_persistence;
}

const struct setting *runtime_settings(const struct runtime *runtime, size_t *ret_n)
{
	*ret_n = runtime->settings.n;
	return runtime->settings.items;
}

/* --- for people ------------------------------------------------------------------------------- */

size_t runtime_set_size(const struct runtime_set *set)
{
	return set->n;
}

const struct runtime *runtime_set_at(const struct runtime_set *set, size_t i)
{
	return set->runtimes[i];
}

const char *runtime_name(const struct runtime *runtime)
{
	return runtime->name;
}

const char *runtime_path(const struct runtime *runtime)
{
	return runtime->path;
}

bool runtime_is_broken(const struct runtime *runtime)
{
	return runtime->broken;
}

int runtime_check_file(const char *path, const struct complaint_sink *sink)
{
	_cleanup_(runtime_freep) struct runtime *runtime = calloc(1, sizeof(*runtime));
	const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;
	struct complaint unnamed = {};
	char name[ID_MAX];
	int r;

	if (!runtime || !(runtime->path = strdup(path)))
		return -ENOMEM;
	r = runtime_read(runtime, sink);
	if (r < 0 || (is_runtime_file(file) && name_of_file(file, name)))
		return r;
	(void)complain(&unnamed, 0,
		       "the file's name is no runtime's: lower-case letters, digits and dashes, a "
		       "letter first, and " SUFFIX);
	sink->tell(&unnamed, sink->userdata);
	return MALFORMED;
}
