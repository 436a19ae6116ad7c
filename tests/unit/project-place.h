/*
 * A place for projects in tests: /mnt, in a mount namespace of the test's own, for what lies in
 * /tmp or /home is refused. One thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/util.h"
#include "model/indexer.h"

#define TOP "/mnt"

static inline void sh(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Runs a command of the shell in the test's own place. */
static inline void sh(const char *format, ...)
{
	char command[2048] = "cd " TOP " && ";
	size_t n = strlen(command);
	va_list ap;

	va_start(ap, format);
	vsnprintf(command + n, sizeof(command) - n, format, ap);
	va_end(ap);
	if (system(command) != 0) {
		printf("Bail out! %s\n", command);
		exit(1);
	}
}

static inline void write_file(const char *path, const char *text)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		abort();
}

/* Makes it; false with errno where no namespace is to be had. */
static inline bool make_place(void)
{
	uid_t uid = getuid();
	gid_t gid = getgid();
	char map[64];

	if (unshare(CLONE_NEWNS) < 0) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
			return false;
		snprintf(map, sizeof(map), "0 %u 1", uid);
		write_file("/proc/self/uid_map", map);
		write_file("/proc/self/setgroups", "deny");
		snprintf(map, sizeof(map), "0 %u 1", gid);
		write_file("/proc/self/gid_map", map);
	}
	return mount("none", "/", "none", MS_REC | MS_PRIVATE, "") == 0 &&
	       mount("tmpfs", TOP, "tmpfs", 0, "mode=0755,size=16m") == 0;
}

static inline struct definition *definition_make(const char *runtime, const char *source,
						 const char *dir, const char *script)
{
	struct definition *d;

	if (definition_new(&d) < 0 || string_set(&d->runtime, runtime) < 0 ||
	    string_set(&d->project_source, source) < 0 || string_set(&d->project_dir, dir) < 0 ||
	    string_set(&d->script, script) < 0)
		abort();
	strcpy(d->id, "my-id");
	memset(d->uid, 'a', sizeof(d->uid) - 1);
	return d;
}
