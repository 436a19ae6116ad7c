/*
 * The credential by which a private repository is read: the private key of ssh, or what https
 * wants, `USER:PASSWORD` or a token alone. Which one it is, its content says.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "fetch/mask.h"
#include "model/source.h"

/* All zero is none. */
struct access {
	char *path;    /* of the file that systemd has put there */
	char *content; /* NUL-terminated */
	bool is_key;   /* of ssh */
};

/*
 * Reads the source's credential out of a directory; without one, *ret is empty. A negative errno
 * where it cannot be had or is of no use, and *ret_problem says why (static, or strerror()'s).
 */
int access_load(const char *directory, const struct source *source, struct access *ret,
		const char **ret_problem);

void access_clear(struct access *access);

/* Adds all in it that must not be seen. 0 or -E2BIG. */
int access_mask(const struct access *access, struct mask *mask);

/*
 * Answers git as its credential helper does (gitcredentials(7)): reads what is asked for, and
 * writes user and password if that is the source's own server, by https. A submodule may be
 * anybody's. 0, or a negative errno.
 */
int access_answer(const struct access *access, const struct source *source, FILE *in, FILE *out);
