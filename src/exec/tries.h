/*
 * The tries: how often in a row systemd has started the indexer again, and from when to when it ran
 * the last time. A file in the unit's runtime directory, which systemd keeps over restarts
 * (RuntimeDirectoryPreserve=restart) and removes when the unit is stopped; so it needs no daemon,
 * and a reboot forgets it.
 *
 * The directory belongs to the indexer's own user, so the file may say anything, or be anything.
 * What comes of that is another wait of that one indexer's, within the bounds of its back-off.
 *
 * Times are CLOCK_BOOTTIME in microseconds.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tries {
	uint32_t failed; /* in a row, before the present one */
	uint64_t began;	 /* when the program was executed; 0: it was not, since what waited for that
			    was killed */
	uint64_t ended;	 /* when its log helper had no more to do; 0: not yet, or it was killed */
};

/*
 * Whether somebody asked for the start of a process, or systemd restarts the unit by itself. A
 * `systemctl restart` keeps the file as well, and nothing in the process's environment tells the
 * two apart; but systemd by itself makes a pause, the unit's RestartSec=, and who asks is served at
 * once. Where the end is not known, it was systemd.
 */
bool tries_asked_for(const struct tries *tries, uint64_t process_start, uint64_t pause_usec);

/*
 * When this process was made, rounded up to the next tick of the kernel's; 0 where /proc does not
 * say. Of a unit's main process that is before its sandbox was, which may take a second.
 */
uint64_t tries_process_start(void);

/*
 * Another try after the last one has ended, at the time `now`: one more has failed, unless it was
 * healthy, which is the end of a row. Where the end is not known, the time until now counts.
 */
void tries_next(struct tries *tries, uint64_t now, uint64_t healthy_usec);

/* The file's text, and its size. */
#define TRIES_TEXT_MAX 96
size_t tries_write(const struct tries *tries, char text[TRIES_TEXT_MAX]);

/* Reads such a text. False where it is none; then *ret is untouched. */
bool tries_read(const char *text, size_t size, struct tries *ret);

/*
 * Opens the runtime directory that systemd has made, by $RUNTIME_DIRECTORY: the first one there, as
 * a drop-in may have added others. A descriptor; -ENOENT without the variable.
 */
int tries_open(const char *directories);

/*
 * Reads the file. 0; -ENOENT where there is none, which is a first start; -EBADMSG where it is
 * something else. It never blocks.
 */
int tries_load(int directory, struct tries *ret);

/* Puts another file in its place. 0 or a negative errno. */
int tries_save(int directory, const struct tries *tries);

/* Notes that the program of the last try has ended. */
void tries_end(int directory);

/* Removes the file: the next start is a first one. */
void tries_forget(int directory);
