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

void complaint_format(const struct complaint *complaint, const char *file, char *buffer,
		      size_t size)
{
	if (complaint->column > 0)
		(void)snprintf(buffer, size, "%s:%u:%u: %s", file, complaint->line,
			       complaint->column, complaint->text);
	else if (complaint->line > 0)
		(void)snprintf(buffer, size, "%s:%u: %s", file, complaint->line, complaint->text);
	else
		(void)snprintf(buffer, size, "%s: %s", file, complaint->text);
}
