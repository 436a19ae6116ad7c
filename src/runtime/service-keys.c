/*
 * Keys of [Service]; see service-keys.h. One table: what a key is called, what it becomes, and the
 * function that reads its value.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>

#include "common/util.h"
#include "model/log_rate.h"
#include "runtime/service-keys.h"
#include "runtime/strv.h"

#define INFINITE  UINT64_MAX /* what the bus takes for "infinity" */
#define PATHS_MAX 128
#define BLANKS	  " \t"

struct service_key {
	const char *key;
	const char *property;
	int (*take)(const struct service_key *key, const char *value, struct setting_list *list,
		    struct complaint *complaint);
	int64_t min, max;    /* of numbers, in the file's unit */
	const char *choices; /* of words: NULL-terminated list in the form "yes\0no\0" */
	const char *soft;    /* of resource limits: the property of the soft one */
};

static int add(struct setting_list *list, const char *property, enum setting_type type,
	       struct setting **ret)
{
	struct setting *items = reallocarray(list->items, list->n + 1, sizeof(*items));

	if (!items)
		return -ENOMEM;
	list->items = items;
	items[list->n] = (struct setting){ .property = property, .type = type };
	*ret = &items[list->n++];
	return 0;
}

static int add_u64(struct setting_list *list, const char *property, uint64_t value)
{
	struct setting *setting;
	int r = add(list, property, SETTING_UINT64, &setting);

	if (r == 0)
		setting->u64 = value;
	return r;
}

/*
 * Reads digits; what stands behind them goes to *ret_rest. False without digits, or where they are
 * more than an int64_t holds.
 */
static bool read_digits(const char *value, int64_t *ret, const char **ret_rest)
{
	size_t digits = strspn(value, "0123456789");
	int64_t n = 0;

	for (size_t i = 0; i < digits; i++)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, value[i] - '0', &n))
			return false;
	*ret = n;
	*ret_rest = value + digits;
	return digits > 0;
}

static bool read_size(const char *value, uint64_t *ret)
{
	static const char *const units[] = { "", "K", "M", "G", "T" };
	const char *rest;
	int64_t n;

	if (!read_digits(value, &n, &rest))
		return false;
	for (size_t i = 0; i < ELEMENTSOF(units); i++)
		if (streq(rest, units[i]))
			return !__builtin_mul_overflow((uint64_t)n, 1ULL << (10 * i), ret);
	return false;
}

static int take_size(const struct service_key *key, const char *value, struct setting_list *list,
		     struct complaint *complaint)
{
	uint64_t n = INFINITE;

	if (!streq(value, "infinity") && (!read_size(value, &n) || n == INFINITE))
		return complain(complaint, 0,
				"%s=%s: expected bytes (1073741824, 512M, 2G) or infinity",
				key->key, value);
	if (n < (uint64_t)key->min)
		return complain(complaint, 0, "%s=%s: less than %lld bytes", key->key, value,
				(long long)key->min);
	return add_u64(list, key->property, n);
}

static bool read_number(const struct service_key *key, const char *value, int64_t *ret,
			const char **ret_rest)
{
	bool negative = *value == '-';
	int64_t n;

	if (!read_digits(value + negative, &n, ret_rest))
		return false;
	n = negative ? -n : n;
	if (n < key->min || n > key->max)
		return false;
	*ret = n;
	return true;
}

static int complain_number(const struct service_key *key, const char *value, const char *unit,
			   struct complaint *complaint)
{
	return complain(complaint, 0, "%s=%s: expected a number from %lld to %lld%s", key->key,
			value, (long long)key->min, (long long)key->max, unit);
}

/* Reads a value that is nothing but a number. 0 or MALFORMED. */
static int take_number(const struct service_key *key, const char *value, int64_t *ret,
		       struct complaint *complaint)
{
	const char *rest;

	if (!read_number(key, value, ret, &rest) || *rest)
		return complain_number(key, value, "", complaint);
	return 0;
}

static int take_u64(const struct service_key *key, const char *value, struct setting_list *list,
		    struct complaint *complaint)
{
	int64_t n;
	int r = take_number(key, value, &n, complaint);

	return r != 0 ? r : add_u64(list, key->property, (uint64_t)n);
}

static int take_u32(const struct service_key *key, const char *value, struct setting_list *list,
		    struct complaint *complaint)
{
	struct setting *setting;
	int64_t n;
	int r = take_number(key, value, &n, complaint);

	r = r != 0 ? r : add(list, key->property, SETTING_UINT32, &setting);
	if (r == 0)
		setting->u32 = (uint32_t)n;
	return r;
}

static int take_tasks(const struct service_key *key, const char *value, struct setting_list *list,
		      struct complaint *complaint)
{
	if (streq(value, "infinity"))
		return add_u64(list, key->property, INFINITE);
	return take_u64(key, value, list, complaint);
}

static int take_i32(const struct service_key *key, const char *value, struct setting_list *list,
		    struct complaint *complaint)
{
	struct setting *setting;
	int64_t n;
	int r = take_number(key, value, &n, complaint);

	r = r != 0 ? r : add(list, key->property, SETTING_INT32, &setting);
	if (r == 0)
		setting->i32 = (int32_t)n;
	return r;
}

/* Percent of one processor; the bus wants the processor time in each second. */
static int take_quota(const struct service_key *key, const char *value, struct setting_list *list,
		      struct complaint *complaint)
{
	const char *rest;
	int64_t n;

	if (!read_number(key, value, &n, &rest) || !streq(rest, "%"))
		return complain_number(key, value, ", followed by %", complaint);
	return add_u64(list, key->property, (uint64_t)n * USEC_PER_SEC / 100);
}

static bool read_seconds(const struct service_key *key, const char *value, int64_t *ret)
{
	const char *rest;

	return read_number(key, value, ret, &rest) && (!*rest || streq(rest, "s"));
}

static int take_seconds(const struct service_key *key, const char *value, struct setting_list *list,
			struct complaint *complaint)
{
	int64_t n;

	if (!read_seconds(key, value, &n))
		return complain_number(key, value, " seconds", complaint);
	return add_u64(list, key->property, (uint64_t)n * USEC_PER_SEC);
}

/* 0 is no limit. */
static int take_rate(const struct service_key *key, const char *value, struct setting_list *list,
		     struct complaint *complaint)
{
	int64_t n;

	if (!read_seconds(key, value, &n))
		return complain_number(key, value, " seconds", complaint);
	return add_u64(list, key->property, log_rate_interval((uint64_t)n));
}

static bool read_limit(const struct service_key *key, const char *value, uint64_t *ret,
		       const char **ret_rest)
{
	const char *rest = startswith(value, "infinity");
	int64_t n;

	if (rest) {
		*ret = INFINITE;
		*ret_rest = rest;
		return true;
	}
	if (!read_number(key, value, &n, ret_rest))
		return false;
	*ret = (uint64_t)n;
	return true;
}

/* LIMIT or SOFT:HARD; the manager wants the hard one first. */
static int take_limit(const struct service_key *key, const char *value, struct setting_list *list,
		      struct complaint *complaint)
{
	uint64_t soft = 0, hard = 0;
	const char *rest;
	int r;

	if (!read_limit(key, value, &soft, &rest))
		return complain_number(key, value, ", infinity, or SOFT:HARD", complaint);
	hard = soft;
	if (*rest == ':' && !read_limit(key, rest + 1, &hard, &rest))
		return complain_number(key, value, ", infinity, or SOFT:HARD", complaint);
	if (*rest || soft > hard)
		return complain_number(key, value, ", infinity, or SOFT:HARD", complaint);
	r = add_u64(list, key->property, hard);
	return r < 0 ? r : add_u64(list, key->soft, soft);
}

static bool is_choice(const char *choices, const char *value)
{
	for (const char *c = choices; *c; c += strlen(c) + 1)
		if (streq(c, value))
			return true;
	return false;
}

static int take_bool(const struct service_key *key, const char *value, struct setting_list *list,
		     struct complaint *complaint)
{
	bool yes = is_choice("yes\0true\0on\0001\0", value);
	struct setting *setting;
	int r;

	if (!yes && !is_choice("no\0false\0off\0000\0", value))
		return complain(complaint, 0, "%s=%s: expected yes or no", key->key, value);
	r = add(list, key->property, SETTING_BOOL, &setting);
	if (r == 0)
		setting->boolean = yes;
	return r;
}

static int take_word(const struct service_key *key, const char *value, struct setting_list *list,
		     struct complaint *complaint)
{
	_cleanup_free_ char *copy = NULL;
	struct setting *setting;
	int r;

	if (!is_choice(key->choices, value))
		return complain(complaint, 0, "%s=%s: expected yes, read-only or tmpfs", key->key,
				value);
	copy = strdup(value);
	if (!copy)
		return -ENOMEM;
	r = add(list, key->property, SETTING_STRING, &setting);
	if (r == 0)
		setting->string = TAKE(copy);
	return r;
}

/*
 * A path may begin with "-" (it may be missing). % is refused: the manager takes it for a specifier
 * when it reads the unit again.
 */
static int check_path(const struct service_key *key, const char *path, size_t n,
		      struct complaint *complaint)
{
	bool optional = path[0] == '-';

	if (n <= (size_t)optional || path[optional] != '/')
		return complain(complaint, 0, "%s=: %.*s is not an absolute path", key->key,
				(int)MIN(n, (size_t)128), path);
	if (strcspn(path, "%\"'\\") < n)
		return complain(complaint, 0,
				"%s=: %.*s has a quote, a backslash or a percent sign", key->key,
				(int)MIN(n, (size_t)128), path);
	return 0;
}

static int add_path(struct setting *setting, const char *path, size_t n)
{
	size_t old = 0;
	char **strings;

	while (setting->strings && setting->strings[old])
		old++;
	strings = reallocarray(setting->strings, old + 2, sizeof(*strings));
	if (!strings)
		return -ENOMEM;
	setting->strings = strings;
	strings[old] = strndup(path, n);
	strings[old + 1] = NULL;
	return strings[old] ? 0 : -ENOMEM;
}

static int take_paths(const struct service_key *key, const char *value, struct setting_list *list,
		      struct complaint *complaint)
{
	struct setting *setting = (struct setting *)setting_list_find(list, key->property);
	size_t n, count = 0;
	int r = 0;

	if (!setting)
		r = add(list, key->property, SETTING_STRINGS, &setting);
	for (char **s = r == 0 ? setting->strings : NULL; s && *s; s++)
		count++;
	for (; r == 0 && *(value += strspn(value, BLANKS)); value += n) {
		n = strcspn(value, BLANKS);
		if (++count > PATHS_MAX)
			return complain(complaint, 0, "%s=: more than %d paths", key->key,
					PATHS_MAX);
		r = check_path(key, value, n, complaint);
		if (r == 0)
			r = add_path(setting, value, n);
	}
	if (r == 0 && count == 0)
		return complain(complaint, 0, "%s= has no path", key->key);
	return r;
}

#define LIMIT_MAX INT64_MAX

static const struct service_key service_keys[] = {
	{ "MemoryMax", "MemoryMax", take_size, .min = 1 << 20 },
	{ "MemoryHigh", "MemoryHigh", take_size, .min = 1 << 20 },
	{ "MemorySwapMax", "MemorySwapMax", take_size },
	{ "CPUQuota", "CPUQuotaPerSecUSec", take_quota, 1, 409600 },
	{ "CPUWeight", "CPUWeight", take_u64, 1, 10000 },
	{ "IOWeight", "IOWeight", take_u64, 1, 10000 },
	{ "TasksMax", "TasksMax", take_tasks, 2, 4194304 },
	{ "LimitNOFILE", "LimitNOFILE", take_limit, 16, LIMIT_MAX, .soft = "LimitNOFILESoft" },
	{ "LimitCORE", "LimitCORE", take_limit, 0, LIMIT_MAX, .soft = "LimitCORESoft" },
	{ "TimeoutStopSec", "TimeoutStopUSec", take_seconds, 1, 300 },
	{ "LogRateLimitIntervalSec", "LogRateLimitIntervalUSec", take_rate, 0,
	  LOG_RATE_INTERVAL_MOST_SEC },
	{ "LogRateLimitBurst", "LogRateLimitBurst", take_u32, 1, LOG_RATE_BURST_MOST },
	{ "Nice", "Nice", take_i32, -20, 19 },
	{ "OOMScoreAdjust", "OOMScoreAdjust", take_i32, -1000, 1000 },
	{ "ProtectHome", "ProtectHome", take_word, .choices = "yes\0read-only\0tmpfs\0" },
	{ "PrivateDevices", "PrivateDevices", take_bool },
	{ "PrivateNetwork", "PrivateNetwork", take_bool },
	{ "MemoryDenyWriteExecute", "MemoryDenyWriteExecute", take_bool },
	{ "ReadOnlyPaths", "ReadOnlyPaths", take_paths },
	{ "ReadWritePaths", "ReadWritePaths", take_paths },
	{ "InaccessiblePaths", "InaccessiblePaths", take_paths },
};

int service_key_take(const char *key, const char *value, struct setting_list *list,
		     struct complaint *complaint)
{
	for (size_t i = 0; i < ELEMENTSOF(service_keys); i++) {
		const struct service_key *known = &service_keys[i];

		if (!streq(key, known->key))
			continue;
		if (known->take != take_paths && setting_list_find(list, known->property))
			return complain(complaint, 0, "%s= is there twice", key);
		return known->take(known, value, list, complaint);
	}
	return complain(complaint, 0,
			"unknown key %s= in [Service]; indexerd.runtime(5) has the list", key);
}

const struct setting *setting_list_find(const struct setting_list *list, const char *property)
{
	for (size_t i = 0; i < list->n; i++)
		if (streq(list->items[i].property, property))
			return &list->items[i];
	return NULL;
}

void setting_list_clear(struct setting_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		if (list->items[i].type == SETTING_STRING)
			free(list->items[i].string);
		if (list->items[i].type == SETTING_STRINGS)
			strv_free(list->items[i].strings);
	}
	free(list->items);
	*list = (struct setting_list){};
}
