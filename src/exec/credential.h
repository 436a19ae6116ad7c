/*
 * The credentials that variables name, out of the directory where systemd has put them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

/*
 * The content of a credential as a variable's value: without one newline at its end. *ret is the
 * caller's. A negative errno where it cannot be had, and *ret_problem says why (static, or
 * strerror()'s).
 */
int credential_value(const char *directory, const char *name, char **ret, const char **ret_problem);

/* The path of its file; as above. */
int credential_file(const char *directory, const char *name, char **ret, const char **ret_problem);
