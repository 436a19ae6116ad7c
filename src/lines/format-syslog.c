/*
 * The format `syslog`: a line may begin with its priority as `<N>`, N from 0 to 7, as
 * sd-daemon(3) has it; see format.h. A facility (`<13>`) is no prefix, as it is none to journald's
 * stdout.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "lines/format-impl.h"

#define PREFIX_SIZE 3

static bool head(struct log_line *line)
{
	const char *text = line->text;

	if (line->size < PREFIX_SIZE || text[0] != '<' || text[1] < '0' || text[1] > '7' ||
	    text[2] != '>')
		return false;
	line->priority = text[1] - '0';
	line->trace = false;
	line->text += PREFIX_SIZE;
	line->size -= PREFIX_SIZE;
	return true;
}

const struct format format_syslog = {
	.name = "syslog",
	.usual = { LEVEL_INFO, LEVEL_INFO },
	.is_plain = true,
	.head = head,
};
