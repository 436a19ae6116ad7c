/*
 * Refusals: a code, a reason for programs and words for people, made safe for every terminal and
 * wire.
 *
 * No state; any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "model/refusal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/util.h"
#include "model/id.h"
#include "model/utf8.h"

static const char *const code_names[] = {
	[CODE_OK] = "OK",
	[CODE_CANCELLED] = "CANCELLED",
	[CODE_UNKNOWN] = "UNKNOWN",
	[CODE_INVALID_ARGUMENT] = "INVALID_ARGUMENT",
	[CODE_DEADLINE_EXCEEDED] = "DEADLINE_EXCEEDED",
	[CODE_NOT_FOUND] = "NOT_FOUND",
	[CODE_ALREADY_EXISTS] = "ALREADY_EXISTS",
	[CODE_PERMISSION_DENIED] = "PERMISSION_DENIED",
	[CODE_RESOURCE_EXHAUSTED] = "RESOURCE_EXHAUSTED",
	[CODE_FAILED_PRECONDITION] = "FAILED_PRECONDITION",
	[CODE_ABORTED] = "ABORTED",
	[CODE_OUT_OF_RANGE] = "OUT_OF_RANGE",
	[CODE_UNIMPLEMENTED] = "UNIMPLEMENTED",
	[CODE_INTERNAL] = "INTERNAL",
	[CODE_UNAVAILABLE] = "UNAVAILABLE",
	[CODE_DATA_LOSS] = "DATA_LOSS",
	[CODE_UNAUTHENTICATED] = "UNAUTHENTICATED",
};

const struct refusal refusal_out_of_memory = {
	.code = CODE_RESOURCE_EXHAUSTED,
	.reason = "OUT_OF_MEMORY",
	.message = (char *)"the daemon has no memory left",
	.retry_after_usec = USEC_PER_SEC,
};

const char *code_name(enum code code)
{
	if ((unsigned)code >= ELEMENTSOF(code_names))
		return "UNKNOWN";
	return code_names[code];
}

/* Control characters of both ranges: a terminal would obey them. */
static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f);
}

/*
 * A copy of text that is valid UTF-8 without control characters and below REFUSAL_MESSAGE_MAX
 * bytes; it is cut between characters, never inside of one or of an escape.
 */
static char *printable(const char *text)
{
	char buffer[REFUSAL_MESSAGE_MAX];
	size_t left = strlen(text), used = 0;

	while (left > 0) {
		uint32_t c = 0;
		size_t n = utf8_decode(text, left, &c);
		bool escape = n == 0 || is_control(c);
		size_t in = MAX(n, (size_t)1), out = escape ? 4 * in : in;

		if (used + out >= sizeof(buffer))
			break;
		if (escape) {
			for (size_t i = 0; i < in; i++)
				sprintf(buffer + used + 4 * i, "\\x%02X", (unsigned char)text[i]);
		} else {
			memcpy(buffer + used, text, in);
		}
		used += out;
		text += in;
		left -= in;
	}
	return strndup(buffer, used);
}

static int refuse_va(struct refusal *ret, enum code code, const char *reason, const char *field,
		     const char *resource, const char *format, va_list ap)
{
	_cleanup_refusal_ struct refusal refusal = { .code = code, .reason = reason };
	char text[REFUSAL_MESSAGE_MAX];

	vsnprintf(text, sizeof(text), format, ap);
	refusal.message = printable(text);
	if (!refusal.message)
		return -ENOMEM;
	if (field && !(refusal.field = printable(field)))
		return -ENOMEM;
	if (resource && !(refusal.resource = printable(resource)))
		return -ENOMEM;
	*ret = refusal;
	refusal = (struct refusal){};
	return REFUSED;
}

int refuse(struct refusal *ret, enum code code, const char *reason, const char *field,
	   const char *format, ...)
{
	va_list ap;
	int r;

	va_start(ap, format);
	r = refuse_va(ret, code, reason, field, NULL, format, ap);
	va_end(ap);
	return r;
}

int refuse_indexer(struct refusal *ret, enum code code, const char *reason, const char *id,
		   const char *format, ...)
{
	char name[REFUSAL_MESSAGE_MAX];
	va_list ap;
	int r;

	snprintf(name, sizeof(name), NAME_PREFIX "%s", id);
	va_start(ap, format);
	r = refuse_va(ret, code, reason, NULL, name, format, ap);
	va_end(ap);
	return r;
}

int refuse_quota(struct refusal *ret, const char *reason, const char *subject, const char *format,
		 ...)
{
	_cleanup_refusal_ struct refusal refusal = {};
	va_list ap;
	int r;

	va_start(ap, format);
	r = refuse_va(&refusal, CODE_RESOURCE_EXHAUSTED, reason, NULL, NULL, format, ap);
	va_end(ap);
	if (r == REFUSED && !(refusal.subject = printable(subject)))
		return -ENOMEM;
	if (r == REFUSED) {
		*ret = refusal;
		refusal = (struct refusal){};
	}
	return r;
}

int refuse_not_found(struct refusal *ret, const char *id)
{
	return refuse_indexer(ret, CODE_NOT_FOUND, "INDEXER_NOT_FOUND", id,
			      "there is no " NAME_PREFIX "%s", id);
}

int refusal_set_indexer(struct refusal *refusal, const char *id)
{
	char *name;

	if (asprintf(&name, NAME_PREFIX "%s", id) < 0)
		return -ENOMEM;
	free(refusal->resource);
	refusal->resource = name;
	return REFUSED;
}

int refusal_copy(const struct refusal *from, struct refusal *ret)
{
	_cleanup_refusal_ struct refusal copy = { .code = from->code,
						  .reason = from->reason,
						  .message = strdup(from->message),
						  .retry_after_usec = from->retry_after_usec };

	if (!copy.message || (from->field && !(copy.field = strdup(from->field))) ||
	    (from->resource && !(copy.resource = strdup(from->resource))))
		return -ENOMEM;
	*ret = copy;
	copy = (struct refusal){};
	return 0;
}

void refusal_clear(struct refusal *refusal)
{
	free(refusal->field);
	free(refusal->resource);
	free(refusal->subject);
	free(refusal->message);
	*refusal = (struct refusal){};
}
