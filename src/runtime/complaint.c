/*
 * Complaints about runtime files; see complaint.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdarg.h>
#include <stdio.h>

#include "runtime/complaint.h"

int complain(struct complaint *complaint, unsigned column, const char *format, ...)
{
	va_list ap;

	complaint->column = column;
	va_start(ap, format);
	vsnprintf(complaint->text, sizeof(complaint->text), format, ap);
	va_end(ap);
	return MALFORMED;
}
