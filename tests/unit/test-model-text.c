/*
 * What the model writes for strangers' eyes and takes back from their hands: refusals, UTF-8,
 * tokens, times.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>

#include "common/util.h"
#include "model/page_token.h"
#include "model/refusal.h"
#include "model/rfc3339.h"
#include "model/utf8.h"
#include "tap.h"

static void test_utf8(void)
{
	static const struct {
		const char *bytes;
		size_t n, length;
		uint32_t c;
	} cases[] = {
		{ "", 0, 0, 0 },
		{ "\0", 1, 1, 0 },
		{ "a", 1, 1, 'a' },
		{ "\x7f", 1, 1, 0x7f },
		{ "\x80", 1, 0, 0 },
		{ "\xbf", 1, 0, 0 },
		{ "\xc0\x80", 2, 0, 0 },
		{ "\xc1\xbf", 2, 0, 0 },
		{ "\xc2\x80", 2, 2, 0x80 },
		{ "\xc3\xa9", 2, 2, 0xe9 },
		{ "\xc3", 1, 0, 0 },
		{ "\xc3\x28", 2, 0, 0 },
		{ "\xdf\xbf", 2, 2, 0x7ff },
		{ "\xe0\x9f\xbf", 3, 0, 0 },
		{ "\xe0\xa0\x80", 3, 3, 0x800 },
		{ "\xed\x9f\xbf", 3, 3, 0xd7ff },
		{ "\xed\xa0\x80", 3, 0, 0 },
		{ "\xed\xbf\xbf", 3, 0, 0 },
		{ "\xee\x80\x80", 3, 3, 0xe000 },
		{ "\xe2\x82", 2, 0, 0 },
		{ "\xf0\x8f\xbf\xbf", 4, 0, 0 },
		{ "\xf0\x90\x80\x80", 4, 4, 0x10000 },
		{ "\xf4\x8f\xbf\xbf", 4, 4, 0x10ffff },
		{ "\xf4\x90\x80\x80", 4, 0, 0 },
		{ "\xf5\x80\x80\x80", 4, 0, 0 },
		{ "\xf0\x9f\xa6", 3, 0, 0 },
		{ "\xff\xff\xff\xff", 4, 0, 0 },
	};

	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		uint32_t c = 0;

		is_int(utf8_decode(cases[i].bytes, cases[i].n, &c), cases[i].length, "bytes %zu",
		       i);
		is_int(c, cases[i].c, "its code point");
	}
}

static void test_escapes(void)
{
	static const struct {
		const char *value, *want;
	} cases[] = {
		{ "plain ~ 'text' \\x", "plain ~ 'text' \\x" },
		{ "été 데이터 🦀", "été 데이터 🦀" },
		{ "a\nb\tc\r", "a\\x0Ab\\x09c\\x0D" },
		{ "\033[31m", "\\x1B[31m" },
		{ "\x7f", "\\x7F" },
		{ "\xc2\x9b"
		  "31m",
		  "\\xC2\\x9B31m" },
		{ "\xc2\xa0", "\xc2\xa0" },
		{ "a\xff\xfe", "a\\xFF\\xFE" },
		{ "\xc3", "\\xC3" },
		{ "\xc0\xaf", "\\xC0\\xAF" },
		{ "\xed\xa0\x80", "\\xED\\xA0\\x80" },
		{ "\xf0\x9f\xa6 x", "\\xF0\\x9F\\xA6 x" },
		{ "", "" },
	};

	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		_cleanup_refusal_ struct refusal refusal = {};

		is_int(refuse(&refusal, CODE_ABORTED, "R", cases[i].value, "%s", cases[i].value),
		       REFUSED, "text %zu", i);
		is_str(refusal.message, cases[i].want, "is made printable");
		is_str(refusal.field, cases[i].want, "as a field too");
	}
}

static bool is_utf8(const char *text)
{
	size_t left = strlen(text), n;
	uint32_t c;

	for (; left > 0; text += n, left -= n) {
		n = utf8_decode(text, left, &c);
		if (n == 0)
			return false;
	}
	return true;
}

/* Long messages of each kind of character, begun at every offset: cut between characters. */
static void test_cut(void)
{
	static const char *const characters[] = {
		"a", "é", "데", "🦀", "\n", "\xff", "\xc2\x9b"
	};

	for (size_t i = 0; i < ELEMENTSOF(characters); i++) {
		for (size_t offset = 0; offset < 4; offset++) {
			_cleanup_refusal_ struct refusal refusal = {};
			char text[4 * REFUSAL_MESSAGE_MAX] = "xxxx";
			size_t n = offset, width = strlen(characters[i]);

			while (n + width < sizeof(text)) {
				memcpy(text + n, characters[i], width);
				n += width;
			}
			text[n] = '\0';
			refuse(&refusal, CODE_ABORTED, "R", NULL, "%s", text);
			n = strlen(refusal.message);
			ok(n < REFUSAL_MESSAGE_MAX && n >= REFUSAL_MESSAGE_MAX - 8 &&
				   is_utf8(refusal.message),
			   "character %zu, offset %zu: cut at %zu", i, offset, n);
			ok(i < 4 || streq(refusal.message + n - 4, i == 4   ? "\\x0A"
								   : i == 5 ? "\\xFF"
									    : "\\x9B"),
			   "never inside of an escape");
		}
	}
}

static void test_refusals(void)
{
	struct refusal refusal = {}, copy = {};

	is_int(refuse(&refusal, CODE_NOT_FOUND, "REASON", NULL, "%d and %s", 5, "x"), REFUSED,
	       "a refusal");
	ok(refusal.code == CODE_NOT_FOUND && streq(refusal.reason, "REASON") && !refusal.field &&
		   !refusal.resource && refusal.retry_after_usec == 0,
	   "is filled");
	is_str(refusal.message, "5 and x", "its message");
	refusal_clear(&refusal);
	ok(!refusal.message && refusal.code == CODE_OK && !refusal.reason, "and cleared");
	is_int(refuse_indexer(&refusal, CODE_ABORTED, "R", "a-b", "x"), REFUSED,
	       "about an indexer");
	is_str(refusal.resource, "indexers/a-b", "names it");
	ok(!refusal.field, "and no field");
	refusal_clear(&refusal);
	refuse(&refusal, CODE_FAILED_PRECONDITION, "R", "f", "m");
	refusal.retry_after_usec = 7;
	is_int(refusal_set_indexer(&refusal, "b"), REFUSED, "about a field and an indexer");
	is_int(refusal_copy(&refusal, &copy), 0, "a copy");
	refusal_clear(&refusal);
	ok(copy.code == CODE_FAILED_PRECONDITION && streq(copy.reason, "R") &&
		   streq(copy.field, "f") && streq(copy.resource, "indexers/b") &&
		   streq(copy.message, "m") && copy.retry_after_usec == 7,
	   "has all of it, and is its own");
	refusal_clear(&copy);
	refusal_clear(&refusal);
	is_str(code_name(CODE_OK), "OK", "code 0");
	is_str(code_name(CODE_INVALID_ARGUMENT), "INVALID_ARGUMENT", "code 3");
	is_str(code_name(CODE_UNAUTHENTICATED), "UNAUTHENTICATED", "code 16");
	is_str(code_name((enum code)17), "UNKNOWN", "code 17");
	is_str(code_name((enum code) - 1), "UNKNOWN", "code -1");
}

static int read_token(const char *token, const char *filter, char id[ID_MAX])
{
	_cleanup_refusal_ struct refusal refusal = {};
	int r = page_token_read(token, filter, id, &refusal);

	if (r == REFUSED &&
	    (refusal.code != CODE_INVALID_ARGUMENT ||
	     !streq(refusal.reason, "PAGE_TOKEN_INVALID") || !streq(refusal.field, "page_token")))
		return -1;
	return r;
}

static void test_damaged_token(const char *good)
{
	char token[PAGE_TOKEN_MAX + 8], id[ID_MAX] = "untouched";
	size_t n = strlen(good);
	int taken = 0;

	for (size_t i = 1; i < n; i++) {
		snprintf(token, sizeof(token), "%.*s", (int)i, good);
		taken += read_token(token, "f", id) != REFUSED;
	}
	is_int(taken, 0, "no shorter token of %zu digits is taken", n);
	for (size_t i = 0; i < n * 8; i++) {
		strcpy(token, good);
		token[i / 8] = (char)(token[i / 8] ^ (1 << i % 8));
		if (token[i / 8] != '\0')
			taken += read_token(token, "f", id) != REFUSED;
	}
	is_int(taken, 0, "nor one with a bit turned");
	for (size_t i = 0; i < n; i++) {
		strcpy(token, good);
		for (const char *digit = "0123456789abcdef"; *digit; digit++) {
			token[i] = *digit;
			taken += *digit != good[i] && read_token(token, "f", id) != REFUSED;
		}
	}
	is_int(taken, 0, "nor one with another digit");
	snprintf(token, sizeof(token), "%s00", good);
	is_int(read_token(token, "f", id), REFUSED, "nor a longer one");
	is_str(id, "untouched", "and none leaves a trace");
}

static void test_tokens(void)
{
	static const char longest[] =
		"a23456789012345678901234567890123456789012345678901234567890123";
	static const char *const last[] = { "a", "my-indexer", longest };
	static const char *const filters[] = { "", "f", "labels.a = \"é\"" };
	static const char *const wrong[] = { "0", "00",		"zz",
					     "ü", "indexers/a", "-",
					     " ", "01811c9dc5", "0100000000000000000000" };
	char token[PAGE_TOKEN_MAX], id[ID_MAX];
	_cleanup_free_ char *huge = malloc(100001);

	for (size_t i = 0; i < ELEMENTSOF(last); i++) {
		for (size_t j = 0; j < ELEMENTSOF(filters); j++) {
			page_token_make(last[i], filters[j], token);
			is_int(read_token(token, filters[j], id), 0, "token %zu %zu", i, j);
			is_str(id, last[i], "there and back");
			is_int(read_token(token, "another", id), REFUSED, "not for another filter");
			is_int(read_token(token, filters[(j + 1) % ELEMENTSOF(filters)], id),
			       REFUSED, "nor for the next");
		}
		page_token_make(last[i], "f", token);
		test_damaged_token(token);
	}
	page_token_make("a", NULL, token);
	is_int(read_token(token, "", id), 0, "no filter is the empty filter");
	strcpy(id, "x");
	is_int(read_token("", "f", id), 0, "no token");
	is_str(id, "", "is the first page");
	for (size_t i = 0; i < ELEMENTSOF(wrong); i++)
		is_int(read_token(wrong[i], "", id), REFUSED, "'%s' is no token", wrong[i]);
	memset(huge, 'a', 100000);
	huge[100000] = '\0';
	is_int(read_token(huge, "", id), REFUSED, "nor are 100,000 letters");
}

/* What a text is read as, and written back. */
static const char *read_time(const char *text)
{
	static char buffer[RFC3339_MAX];
	int64_t usec;
	bool beyond;
	int r = rfc3339_parse(text, &usec, &beyond);

	if (r < 0)
		return r == -ERANGE ? "out of range" : r == -EINVAL ? "none" : "another error";
	rfc3339_write(usec, beyond, buffer);
	return buffer;
}

static void test_times(void)
{
	static const char *const cases[][2] = {
		{ "1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z" },
		{ "2026-01-31T12:00:00.5+02:00", "2026-01-31T10:00:00.500000Z" },
		{ "2026-01-31t12:00:00-09:30", "2026-01-31T21:30:00Z" },
		{ "2026-01-01T00:30:00+00:31", "2025-12-31T23:59:00Z" },
		{ "1969-12-31T23:59:59.999999z", "1969-12-31T23:59:59.999999Z" },
		{ "0001-01-01T00:00:00.000001Z", "0001-01-01T00:00:00.000001Z" },
		{ "9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59.9999995Z" },
		{ "2026-01-31T12:00:00.000000000Z", "2026-01-31T12:00:00Z" },
		{ "2026-01-31T12:00:00.0000000001Z", "2026-01-31T12:00:00.0000005Z" },
		{ "2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z" },
		{ "2000-02-29T00:00:00Z", "2000-02-29T00:00:00Z" },
		{ "2023-02-29T00:00:00Z", "none" },
		{ "1900-02-29T00:00:00Z", "none" },
		{ "2026-04-31T00:00:00Z", "none" },
		{ "2026-00-01T00:00:00Z", "none" },
		{ "2026-13-01T00:00:00Z", "none" },
		{ "2026-01-00T00:00:00Z", "none" },
		{ "2026-01-31T24:00:00Z", "none" },
		{ "2026-01-31T12:60:00Z", "none" },
		{ "2016-12-31T23:59:60Z", "none" },
		{ "2026-01-31T12:00:00.Z", "none" },
		{ "2026-01-31T12:00:00", "none" },
		{ "2026-01-31T12:00Z", "none" },
		{ "2026-01-31 12:00:00Z", "none" },
		{ "2026-1-31T12:00:00Z", "none" },
		{ "2026-01-31T12:00:00+24:00", "none" },
		{ "2026-01-31T12:00:00+02:60", "none" },
		{ "2026-01-31T12:00:00+0200", "none" },
		{ "2026-01-31T12:00:00Zx", "none" },
		{ "+026-01-31T12:00:00Z", "none" },
		{ "", "none" },
		{ "0000-12-31T23:59:59Z", "out of range" },
		{ "0001-01-01T00:00:00+00:01", "out of range" },
		{ "9999-12-31T23:59:59-00:01", "out of range" },
	};

	for (size_t i = 0; i < ELEMENTSOF(cases); i++)
		is_str(read_time(cases[i][0]), cases[i][1], "time '%s'", cases[i][0]);
}

int main(void)
{
	test_times();
	test_utf8();
	test_escapes();
	test_cut();
	test_refusals();
	test_tokens();
	return tap_done();
}
