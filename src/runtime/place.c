/*
 * Whether an indexer's process will be able to reach a path: it runs as a dynamic user in a
 * sandbox, which most projects that "work in my shell" have never met. Looks at metadata only.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "common/path.h"
#include "common/util.h"
#include "model/names.h"
#include "runtime/private.h"

/* What no setting of a runtime shows to an indexer. */
static const char *const always_hidden[] = { "/tmp", "/var/tmp", "/dev", "/proc", "/sys" };

/* What ProtectHome= hides, unless it is read-only. */
static const char *const homes[] = { "/home", "/root", "/run/user" };

static const char *find_above(const char *const *dirs, size_t n, const char *path)
{
	for (size_t i = 0; i < n; i++)
		if (path_is_within(path, dirs[i]))
			return dirs[i];
	return NULL;
}

static bool shows_homes(const struct runtime *runtime)
{
	const struct setting *setting =
		runtime ? setting_list_find(&runtime->settings, "ProtectHome") : NULL;

	return setting && streq(setting->string, "read-only");
}

static const char *find_inaccessible(const struct runtime *runtime, const char *path)
{
	const struct setting *setting =
		runtime ? setting_list_find(&runtime->settings, "InaccessiblePaths") : NULL;

	for (char **s = setting ? setting->strings : NULL; s && *s; s++)
		if (path_is_within(path, *s + (**s == '-')))
			return *s + (**s == '-');
	return NULL;
}

int place_check_visible(const struct runtime *runtime, const char *path, const char *field,
			struct refusal *refusal)
{
	const char *hidden = find_above(always_hidden, ELEMENTSOF(always_hidden), path);

	if (!hidden && !shows_homes(runtime))
		hidden = find_above(homes, ELEMENTSOF(homes), path);
	if (!hidden)
		hidden = find_inaccessible(runtime, path);
	if (!hidden)
		return 0;
	return refuse(refusal, CODE_INVALID_ARGUMENT, "PATH_HIDDEN", field,
		      "%s: '%s' lies under %s, which the sandbox%s%s%s hides from indexers; "
		      "put it elsewhere, /srv for example",
		      field, path, hidden, runtime ? " of runtime '" : "",
		      runtime ? runtime->name : "", runtime ? "'" : "");
}

/*
 * An access list may grant what the mode does not, to the one user or group that it names: then
 * nothing is certain.
 */
static bool has_access_list(const char *path)
{
	return lgetxattr(path, "system.posix_acl_access", NULL, 0) > 0;
}

static bool may(const struct runtime_set *set, const char *path, const struct stat *st, mode_t bits)
{
	if ((st->st_mode & bits) == bits)
		return true;
	if (st->st_gid == set->unit_group && (st->st_mode & bits << 3) == bits << 3)
		return true;
	return has_access_list(path);
}

static int check_component(const struct runtime_set *set, const char *path, mode_t bits,
			   const char *field, struct refusal *refusal)
{
	bool execute = bits & S_IXOTH, read = bits & S_IROTH;
	struct stat st;

	if (lstat(path, &st) < 0)
		return refuse(refusal, CODE_INVALID_ARGUMENT, "PATH_UNREADABLE", field,
			      "%s: '%s': %s", field, path, strerrordesc_np(errno));
	if (may(set, path, &st, bits))
		return 0;
	return refuse(
		refusal, CODE_INVALID_ARGUMENT, "PATH_UNREADABLE", field,
		"%s: '%s' (mode %04o) is not %s by other users, and an indexer runs as a dynamic "
		"user: chmod o+%s%s it, or give the group " INDEXER_GROUP " access",
		field, path, st.st_mode & 07777u,
		S_ISDIR(st.st_mode) ? "passable"
		: read		    ? "readable"
				    : "executable",
		read ? "r" : "", execute ? "x" : "");
}

int place_check_access(const struct runtime_set *set, const char *path, mode_t bits,
		       const char *field, struct refusal *refusal)
{
	char above[RUNTIME_PATH_MAX] = "/";
	int r;

	r = check_component(set, above, S_IXOTH, field, refusal);
	for (const char *slash = strchr(path + 1, '/'); slash && r == 0;
	     slash = strchr(slash + 1, '/')) {
		size_t n = (size_t)(slash - path);

		assert(n < sizeof(above));
		memcpy(above, path, n);
		above[n] = '\0';
		r = check_component(set, above, S_IXOTH, field, refusal);
	}
	return r != 0 ? r : check_component(set, path, bits, field, refusal);
}
