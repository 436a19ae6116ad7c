/*
 * Files of variables: what must not be on a command line, which every user of the machine can read.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

/*
 * Gives each line KEY=VALUE of the file, or of stdin for "-", to `take` in their order, as if it
 * were an option's value. Empty lines and those that begin with '#' are none; all behind the first
 * '=' is the value. 0, or -EINVAL after the line that is wrong, or why it cannot be read, was said
 * on stderr; or another negative errno of take().
 */
int environment_file_read(const char *path, int (*take)(char *line, void *field), void *field);
