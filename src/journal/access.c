/*
 * Opening the journal; see access.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/util.h"
#include "journal/access.h"
#include "model/log_namespace.h"

static void closedirp(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static bool is_journal_file(const char *name)
{
	size_t n = strlen(name);
	size_t suffix = strlen(".journal");

	return n > suffix && streq(name + n - suffix, ".journal");
}

/* 0, or -EACCES where the directory cannot be read or has journal files but none for us. */
static int check_directory(const char *path)
{
	_cleanup_(closedirp) DIR *dir = opendir(path);
	bool denied = false;

	if (!dir)
		return errno == EACCES || errno == EPERM ? -EACCES : 0;
	for (struct dirent *entry; (entry = readdir(dir));) {
		if (!is_journal_file(entry->d_name))
			continue;
		/* By the effective ids: a root without CAP_DAC_OVERRIDE is refused as others are.
		 */
		if (faccessat(dirfd(dir), entry->d_name, R_OK, AT_EACCESS) == 0)
			return 0;
		denied |= errno == EACCES || errno == EPERM;
	}
	return denied ? -EACCES : 0;
}

/* As check_directory(), of the journal of a namespace, or of the default one. */
static int check_namespace(const char *machine, const char *log_namespace)
{
	static const char *const roots[] = { "/var/log/journal", "/run/log/journal" };
	char path[64 + LOG_NAMESPACE_MAX];

	for (size_t i = 0; i < ELEMENTSOF(roots); i++) {
		int r;

		(void)snprintf(path, sizeof(path), "%s/%s%s%s", roots[i], machine,
			       log_namespace ? "." : "", log_namespace ? log_namespace : "");
		r = check_directory(path); /* -EACCES also where the root cannot be searched */
		if (r < 0)
			return r;
	}
	return 0;
}

int journal_access(const struct journal_source *source)
{
	char machine[SD_ID128_STRING_MAX];
	sd_id128_t id;
	int r;

	if (source->directory)
		return check_directory(source->directory);
	r = sd_id128_get_machine(&id);
	if (r < 0)
		return r;
	sd_id128_to_string(id, machine);
	r = check_namespace(machine, NULL);
	if (r == 0 && source->log_namespace)
		r = check_namespace(machine, source->log_namespace);
	return r;
}

int journal_open(const char *directory, int flags, sd_journal **ret)
{
	return directory ? sd_journal_open_directory(ret, directory, 0)
			 : sd_journal_open(ret, SD_JOURNAL_LOCAL_ONLY | flags);
}
