/*
 * The text of a runtime's file: which sections and keys there are, and what each of them means.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>

#include "common/util.h"
#include "model/environment.h"
#include "model/persistence.h"
#include "runtime/ini.h"
#include "runtime/private.h"

#define VARIABLES_MAX	64
#define STALLED_USEC	(600 * USEC_PER_SEC) /* unless the file says otherwise */
#define HEALTHY_USEC	(600 * USEC_PER_SEC) /* likewise */
#define TIME_SEC_MAX	(366 * 24 * 3600)
#define DESCRIPTION_MAX 256
#define PRIORITY_USUAL	50
#define PRIORITY_MAX	100

struct reader {
	struct runtime *runtime;
	struct complaint *complaint; /* of what is being read */
	struct progress_patterns patterns;
	unsigned seen;		   /* a bit for each row of keys[] */
	unsigned exec_line;	   /* 0: there was no Exec= yet */
	unsigned persistence_line; /* likewise */
	unsigned preset_line;	   /* likewise */
};

struct runtime_key {
	const char *key;
	int (*take)(struct reader *reader, const struct ini_entry *entry);
	bool repeats;
};

/* Puts the key before a template's complaint, and makes its column one of the line. */
static int take_template(struct reader *reader, const struct ini_entry *entry, const char *text,
			 enum template_mode mode, struct template **ret)
{
	struct complaint inner = {};
	int r = template_parse(text, mode, ret, &inner);

	if (r != MALFORMED)
		return r;
	if (inner.column > 0)
		inner.column += entry->column - 1 + (unsigned)(text - entry->value);
	return complain(reader->complaint, inner.column, "%s=: %.400s", entry->key, inner.text);
}

static int take_text(struct reader *reader, const struct ini_entry *entry, char **ret)
{
	if (strlen(entry->value) > DESCRIPTION_MAX)
		return complain(reader->complaint, 0, "%s= is longer than %d bytes", entry->key,
				DESCRIPTION_MAX);
	*ret = strdup(entry->value);
	return *ret ? 0 : -ENOMEM;
}

static int take_description(struct reader *reader, const struct ini_entry *entry)
{
	return take_text(reader, entry, &reader->runtime->description);
}

static int take_exec(struct reader *reader, const struct ini_entry *entry)
{
	struct template **exec = &reader->runtime->exec;
	int r;

	reader->exec_line = entry->line;
	r = take_template(reader, entry, entry->value, TEMPLATE_COMMAND, exec);
	if (r == 0 && !template_program_is_absolute(*exec) && !template_program_is_name(*exec))
		return complain(
			reader->complaint, entry->column,
			"Exec=: the program must be an absolute path, with its first byte / or "
			"${PROJECT}, ${SOURCE} or ${SCRIPT_PATH} first, or a name without a slash");
	return r;
}

static int take_script(struct reader *reader, const struct ini_entry *entry)
{
	reader->runtime->script_is_name = streq(entry->value, "name");
	if (streq(entry->value, "name") || streq(entry->value, "path"))
		return 0;
	return complain(reader->complaint, 0, "Script=%.64s: expected path or name", entry->value);
}

static int take_log_format(struct reader *reader, const struct ini_entry *entry)
{
	static const struct {
		const char *word;
		Indexerd__Exec__V1__LogFormat format;
	} formats[] = {
		{ "apibara", INDEXERD__EXEC__V1__LOG_FORMAT__LOG_FORMAT_APIBARA },
		{ "auto", INDEXERD__EXEC__V1__LOG_FORMAT__LOG_FORMAT_AUTO },
		{ "json", INDEXERD__EXEC__V1__LOG_FORMAT__LOG_FORMAT_JSON },
		{ "logfmt", INDEXERD__EXEC__V1__LOG_FORMAT__LOG_FORMAT_LOGFMT },
		{ "python", INDEXERD__EXEC__V1__LOG_FORMAT__LOG_FORMAT_PYTHON },
		{ "raw", INDEXERD__EXEC__V1__LOG_FORMAT__LOG_FORMAT_RAW },
		{ "syslog", INDEXERD__EXEC__V1__LOG_FORMAT__LOG_FORMAT_SYSLOG },
		{ "tracing", INDEXERD__EXEC__V1__LOG_FORMAT__LOG_FORMAT_TRACING },
	};

	for (size_t i = 0; i < ELEMENTSOF(formats); i++)
		if (streq(entry->value, formats[i].word)) {
			reader->runtime->log_format = formats[i].format;
			return 0;
		}
	return complain(reader->complaint, 0,
			"LogFormat=%.64s: expected apibara, auto, json, logfmt, python, raw, "
			"syslog or tracing",
			entry->value);
}

static int check_environment_key(struct reader *reader, const char *key)
{
	if (!environment_key_valid(key))
		return complain(
			reader->complaint, 0,
			"Environment=: '%.64s' is not a variable's name ([A-Za-z_][A-Za-z0-9_]*)",
			key);
	if (environment_key_reserved(key))
		return complain(reader->complaint, 0,
				"Environment=: %s is set by indexerd or systemd", key);
	for (size_t i = 0; i < reader->runtime->n_environment; i++)
		if (streq(reader->runtime->environment[i].key, key))
			return complain(reader->complaint, 0, "Environment=: %s is there twice",
					key);
	return 0;
}

static int take_environment(struct reader *reader, const struct ini_entry *entry)
{
	const char *equals = strchrnul(entry->value, '=');
	struct runtime *runtime = reader->runtime;
	struct runtime_variable *items;
	_cleanup_(template_freep) struct template *value = NULL;
	_cleanup_free_ char *key = strndup(entry->value, (size_t)(equals - entry->value));
	int r;

	if (!key)
		return -ENOMEM;
	if (!*equals)
		return complain(reader->complaint, 0, "Environment=: expected KEY=VALUE");
	r = check_environment_key(reader, key);
	if (r == 0)
		r = take_template(reader, entry, equals + 1, TEMPLATE_TEXT, &value);
	if (r != 0)
		return r;
	if (runtime->n_environment == VARIABLES_MAX)
		return complain(reader->complaint, 0, "more than %d Environment=", VARIABLES_MAX);
	items = reallocarray(runtime->environment, runtime->n_environment + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	runtime->environment = items;
	items[runtime->n_environment++] =
		(struct runtime_variable){ .key = TAKE(key), .value = TAKE(value) };
	return 0;
}

static int take_needs(struct reader *reader, const struct ini_entry *entry)
{
	struct template **needs = &reader->runtime->needs;
	int r = take_template(reader, entry, entry->value, TEMPLATE_TEXT, needs);

	if (r == 0 && !template_program_is_absolute(*needs))
		return complain(
			reader->complaint, entry->column,
			"Needs=: expected an absolute path; ${PROJECT} and ${SOURCE} are some");
	return r;
}

static int take_needs_hint(struct reader *reader, const struct ini_entry *entry)
{
	return take_text(reader, entry, &reader->runtime->needs_hint);
}

/* What is built is for all indexers of the project: nothing of a single one can be named. */
static int check_shared(struct reader *reader, const struct ini_entry *entry,
			const struct template *command)
{
	static const struct {
		enum template_variable variable;
		const char *name;
	} own[] = {
		{ TEMPLATE_SCRIPT, "SCRIPT" }, { TEMPLATE_SCRIPT_PATH, "SCRIPT_PATH" },
		{ TEMPLATE_PRESET, "PRESET" }, { TEMPLATE_ID, "ID" },
		{ TEMPLATE_NAME, "NAME" },     { TEMPLATE_ENV_KEYS, "ENV_KEYS" },
		{ TEMPLATE_ARGS, "ARGS" },
	};

	for (size_t i = 0; i < ELEMENTSOF(own); i++)
		if (template_uses(command, own[i].variable))
			return complain(reader->complaint, entry->column,
					"Build=: ${%s} is one indexer's, and what is built is "
					"shared; there are ${PROJECT}, ${SOURCE} and ${DIR}",
					own[i].name);
	return 0;
}

static int take_build(struct reader *reader, const struct ini_entry *entry)
{
	struct runtime *runtime = reader->runtime;
	_cleanup_(template_freep) struct template *command = NULL;
	int r = take_template(reader, entry, entry->value, TEMPLATE_COMMAND, &command);

	if (r == 0 && !template_program_is_absolute(command) && !template_program_is_name(command))
		return complain(reader->complaint, entry->column,
				"Build=: the program must be an absolute path, with its first byte "
				"/ or ${PROJECT} or ${SOURCE} first, or a name without a slash");
	r = r != 0 ? r : check_shared(reader, entry, command);
	if (r != 0)
		return r;
	if (runtime->n_build == BUILD_COMMANDS_MAX)
		return complain(reader->complaint, 0, "more than %d Build=", BUILD_COMMANDS_MAX);
	runtime->build[runtime->n_build++] = TAKE(command);
	return 0;
}

static int take_install(struct reader *reader, const struct ini_entry *entry)
{
	return take_template(reader, entry, entry->value, TEMPLATE_TEXT, &reader->runtime->install);
}

/* Puts the key before a complaint about its value, and makes its column one of the line. */
static int complain_of_value(struct reader *reader, const struct ini_entry *entry,
			     const struct complaint *inner)
{
	return complain(reader->complaint,
			inner->column > 0 ? inner->column + entry->column - 1 : 0, "%s=: %.400s",
			entry->key, inner->text);
}

static int take_detects(struct reader *reader, const struct ini_entry *entry)
{
	struct runtime *runtime = reader->runtime;
	struct complaint inner = {};
	int r;

	if (runtime->n_detects == DETECTS_MAX)
		return complain(reader->complaint, 0, "more than %d Detects=", DETECTS_MAX);
	r = detect_parse(entry->value, &runtime->detects[runtime->n_detects], &inner);
	if (r == MALFORMED)
		return complain_of_value(reader, entry, &inner);
	runtime->n_detects += r == 0;
	return r;
}

static int take_detects_priority(struct reader *reader, const struct ini_entry *entry)
{
	const char *value = entry->value, *end = value + strlen(value);
	uint64_t n;

	if (decimal_read(value, end, &n) != end || n > PRIORITY_MAX)
		return complain(reader->complaint, 0,
				"DetectsPriority=%.64s: expected a number from 0 to %d", value,
				PRIORITY_MAX);
	reader->runtime->detects_priority = (unsigned)n;
	return 0;
}

static int take_preset(struct reader *reader, const struct ini_entry *entry)
{
	struct runtime *runtime = reader->runtime;
	struct complaint inner = {};

	reader->preset_line = entry->line;
	if (runtime->n_presets == PRESET_PATTERNS_MAX)
		return complain(reader->complaint, 0, "more than %d Preset=", PRESET_PATTERNS_MAX);
	if (preset_pattern_check(entry->value, &inner) != 0)
		return complain_of_value(reader, entry, &inner);
	runtime->presets[runtime->n_presets] = strdup(entry->value);
	if (!runtime->presets[runtime->n_presets])
		return -ENOMEM;
	runtime->n_presets++;
	return 0;
}

static int take_progress(struct reader *reader, const struct ini_entry *entry)
{
	struct runtime *runtime = reader->runtime;
	const char *problem;
	size_t at;
	int r = progress_patterns_add(&reader->patterns, entry->value, &problem, &at);

	if (r == -E2BIG)
		return complain(reader->complaint, 0,
				"more than %d Progress=", PROGRESS_PATTERNS_MAX);
	if (r < 0)
		return complain(reader->complaint, entry->column + (unsigned)at, "Progress=: %s",
				problem);
	runtime->progress[runtime->n_progress] = strdup(entry->value);
	if (!runtime->progress[runtime->n_progress])
		return -ENOMEM;
	runtime->n_progress++;
	return 0;
}

/* A time of at most a year. */
static bool read_time(const char *value, uint64_t *ret)
{
	static const struct {
		const char *name;
		unsigned seconds;
	} units[] = { { "", 1 }, { "s", 1 }, { "min", 60 }, { "h", 3600 } };
	uint64_t n;
	const char *rest = decimal_read(value, value + strlen(value), &n);

	for (size_t i = 0; rest && i < ELEMENTSOF(units); i++)
		if (streq(rest, units[i].name) && n <= TIME_SEC_MAX / units[i].seconds) {
			*ret = n * units[i].seconds * USEC_PER_SEC;
			return true;
		}
	return false;
}

static int take_stalled(struct reader *reader, const struct ini_entry *entry)
{
	const char *value = entry->value;
	uint64_t *stalled = &reader->runtime->stalled_usec;

	if (streq(value, "infinity"))
		*stalled = 0;
	else if (!read_time(value, stalled))
		return complain(reader->complaint, 0,
				"StalledSec=%.64s: expected a time of at most a year (90, 90s, "
				"10min, 2h), or infinity",
				value);
	return 0;
}

static int take_healthy(struct reader *reader, const struct ini_entry *entry)
{
	uint64_t *healthy = &reader->runtime->healthy_usec;

	if (!read_time(entry->value, healthy) || *healthy == 0)
		return complain(reader->complaint, 0,
				"HealthySec=%.64s: expected a time of at most a year, and not 0 "
				"(90, 90s, 10min, 2h)",
				entry->value);
	return 0;
}

static int take_persistence(struct reader *reader, const struct ini_entry *entry)
{
	reader->persistence_line = entry->line;
	reader->runtime->without_persistence = streq(entry->value, "no");
	if (streq(entry->value, "yes") || streq(entry->value, "no"))
		return 0;
	return complain(reader->complaint, 0, "Persistence=%.64s: expected yes or no",
			entry->value);
}

static const struct runtime_key keys[] = {
	{ "Description", take_description },
	{ "Exec", take_exec },
	{ "Script", take_script },
	{ "LogFormat", take_log_format },
	{ "Environment", take_environment, .repeats = true },
	{ "Needs", take_needs },
	{ "NeedsHint", take_needs_hint },
	{ "Build", take_build, .repeats = true },
	{ "Install", take_install },
	{ "Detects", take_detects, .repeats = true },
	{ "DetectsPriority", take_detects_priority },
	{ "Preset", take_preset, .repeats = true },
	{ "Progress", take_progress, .repeats = true },
	{ "StalledSec", take_stalled },
	{ "Persistence", take_persistence },
	{ "HealthySec", take_healthy },
};

static int take_runtime_key(struct reader *reader, const struct ini_entry *entry)
{
	for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
		if (!streq(keys[i].key, entry->key))
			continue;
		if (reader->seen & 1u << i && !keys[i].repeats)
			return complain(reader->complaint, 0, "%s= is there twice", entry->key);
		reader->seen |= 1u << i;
		return keys[i].take(reader, entry);
	}
	return complain(reader->complaint, 0,
			"unknown key %.64s= in [Runtime]; indexerd.runtime(5) has the list",
			entry->key);
}

static int take_entry(struct reader *reader, const struct ini_entry *entry)
{
	if (streq(entry->section, "Runtime"))
		return take_runtime_key(reader, entry);
	if (streq(entry->section, "Service"))
		return service_key_take(entry->key, entry->value, &reader->runtime->settings,
					reader->complaint);
	return complain(reader->complaint, 0,
			"unknown section [%.64s]; there are [Runtime] and [Service]",
			entry->section);
}

/* A runtime that sets one of the variables itself keeps the state where it says. */
static int check_persistence(struct reader *reader)
{
	struct runtime *runtime = reader->runtime;
	const char *own = NULL;

	for (size_t i = 0; i < runtime->n_environment && !own; i++)
		if (persistence_is_variable(runtime->environment[i].key))
			own = runtime->environment[i].key;
	if (own && reader->persistence_line > 0 && !runtime->without_persistence) {
		reader->complaint->line = reader->persistence_line;
		return complain(reader->complaint, 0,
				"Persistence=yes: Environment= sets %s, which indexerd would", own);
	}
	runtime->without_persistence |= own != NULL;
	return 0;
}

/* A preset is looked for in the script's text, which only a path leads to. */
static int check_presets(struct reader *reader)
{
	const struct runtime *runtime = reader->runtime;

	if (runtime->n_presets == 0 || !runtime->script_is_name)
		return 0;
	reader->complaint->line = reader->preset_line;
	return complain(reader->complaint, 0, "Preset= has no meaning with Script=name");
}

/* What can be said only when all keys are known. */
static int check_whole(struct reader *reader)
{
	const struct runtime *runtime = reader->runtime;
	int r;

	reader->complaint->line = reader->exec_line;
	if (!runtime->exec)
		return complain(reader->complaint, 0, "there is no Exec= in [Runtime]");
	if (runtime->script_is_name && template_uses(runtime->exec, TEMPLATE_SCRIPT_PATH))
		return complain(reader->complaint, 0,
				"Exec=: ${SCRIPT_PATH} has no meaning with Script=name");
	r = check_presets(reader);
	return r != 0 ? r : check_persistence(reader);
}

/* Reads all entries; MALFORMED where one of them was, or the text is none. */
static int read_entries(struct reader *reader, struct ini *ini, const struct complaint_sink *sink)
{
	bool malformed = false;

	for (;;) {
		struct complaint complaint = {};
		struct ini_entry entry = {};
		int r = ini_next(ini, &entry, &complaint);

		if (r == 0 && !entry.key)
			return malformed ? MALFORMED : 0;
		complaint.line = r == 0 ? entry.line : complaint.line;
		reader->complaint = &complaint;
		r = r == 0 ? take_entry(reader, &entry) : r;
		if (r < 0)
			return r;
		malformed |= r == MALFORMED;
		if (r == MALFORMED)
			sink->tell(&complaint, sink->userdata);
	}
}

int runtime_parse(struct runtime *runtime, char *text, size_t size,
		  const struct complaint_sink *sink)
{
	struct complaint complaint = {};
	struct reader reader = { .runtime = runtime };
	struct ini ini;
	int r;

	runtime->log_format = INDEXERD__EXEC__V1__LOG_FORMAT__LOG_FORMAT_SYSLOG;
	runtime->stalled_usec = STALLED_USEC;
	runtime->healthy_usec = HEALTHY_USEC;
	runtime->detects_priority = PRIORITY_USUAL;
	r = ini_begin(&ini, text, size, &complaint);
	if (r == 0) {
		r = read_entries(&reader, &ini, sink);
		if (r != 0)
			return r;
		reader.complaint = &complaint;
		r = check_whole(&reader);
	}
	if (r == MALFORMED)
		sink->tell(&complaint, sink->userdata);
	return r;
}
