/*
 * Single fields of a journal record, by name: for the rare records of which only a few matter.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-journal.h>

/*
 * Copies the value of the current record's field, with a NUL. False where it has none, or none that
 * fits into `size` bytes; *value is then untouched.
 */
bool field_get(sd_journal *j, const char *name, char *value, size_t size);
