/*
 * The API is what it was: each message, field, enum, value and method that clients may have been
 * compiled against is written down in api.txt, a line each, and must still be there as it stands.
 *
 *	test-api                compares (api.txt below $srcdir) and prints TAP
 *	test-api --add FILE     appends to the file what the API has in addition; refuses where
 *	                        something is gone or different, because then clients break
 *
 * It looks at the description that the server has of itself, and hands out by reflection.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/util.h"
#include "google/protobuf/descriptor.pb-c.h"
#include "rpc/descriptors.h"
#include "../unit/tap.h"

#define API_FILE  "indexerd/v1/indexer_runner.proto"
#define LINE_SIZE 512

typedef Google__Protobuf__FieldDescriptorProto field;
typedef Google__Protobuf__DescriptorProto message;
typedef Google__Protobuf__EnumDescriptorProto enumeration;
typedef Google__Protobuf__ServiceDescriptorProto service;

struct lines {
	char **list;
	size_t n;
};

__attribute__((format(printf, 2, 3))) static void add(struct lines *lines, const char *format, ...)
{
	va_list ap;

	lines->list = realloc(lines->list, (lines->n + 1) * sizeof(*lines->list));
	assert(lines->list);
	va_start(ap, format);
	if (vasprintf(&lines->list[lines->n++], format, ap) < 0)
		abort();
	va_end(ap);
}

static void lines_clear(struct lines *lines)
{
	for (size_t i = 0; i < lines->n; i++)
		free(lines->list[i]);
	free(lines->list);
	*lines = (struct lines){};
}

static bool contains(const struct lines *lines, const char *line)
{
	for (size_t i = 0; i < lines->n; i++)
		if (streq(lines->list[i], line))
			return true;
	return false;
}

/* --- the API as it is ------------------------------------------------------------------------ */

/* "string", or the full name of a message or an enum. */
static const char *type_of(const field *f)
{
	const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(
		&google__protobuf__field_descriptor_proto__type__descriptor, (int)f->type);

	assert(value);
	return f->type_name ? f->type_name + 1 : value->name;
}

static const char *label_of(const message *m, const field *f)
{
	if (f->label == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED)
		return "repeated ";
	if (f->has_oneof_index)
		return f->has_proto3_optional ? "optional " : m->oneof_decl[f->oneof_index]->name;
	return "";
}

static void add_enum(struct lines *lines, const char *scope, const enumeration *e)
{
	add(lines, "enum %s.%s", scope, e->name);
	for (size_t i = 0; i < e->n_value; i++)
		add(lines, "value %s.%s %d %s", scope, e->name, (int)e->value[i]->number,
		    e->value[i]->name);
}

static void add_message(struct lines *lines, const char *scope, const message *m)
{
	char name[LINE_SIZE];

	(void)snprintf(name, sizeof(name), "%s.%s", scope, m->name);
	add(lines, "message %s%s", name, m->options && m->options->map_entry ? " map" : "");
	for (size_t i = 0; i < m->n_field; i++)
		add(lines, "field %s %d %s%s %s", name, (int)m->field[i]->number,
		    label_of(m, m->field[i]), type_of(m->field[i]), m->field[i]->name);
	for (size_t i = 0; i < m->n_nested_type; i++)
		add_message(lines, name, m->nested_type[i]);
	for (size_t i = 0; i < m->n_enum_type; i++)
		add_enum(lines, name, m->enum_type[i]);
}

static void add_service(struct lines *lines, const char *scope, const service *s)
{
	add(lines, "service %s.%s", scope, s->name);
	for (size_t i = 0; i < s->n_method; i++) {
		const Google__Protobuf__MethodDescriptorProto *m = s->method[i];

		add(lines, "rpc %s.%s.%s (%s%s) returns (%s%s)", scope, s->name, m->name,
		    m->client_streaming ? "stream " : "", m->input_type + 1,
		    m->server_streaming ? "stream " : "", m->output_type + 1);
	}
}

static void read_present(struct lines *lines)
{
	Google__Protobuf__FileDescriptorProto *file;
	struct descriptor_file bytes;

	if (!descriptors_find_file(API_FILE, &bytes))
		abort();
	file = google__protobuf__file_descriptor_proto__unpack(NULL, bytes.size, bytes.data);
	assert(file);
	for (size_t i = 0; i < file->n_service; i++)
		add_service(lines, file->package, file->service[i]);
	for (size_t i = 0; i < file->n_message_type; i++)
		add_message(lines, file->package, file->message_type[i]);
	for (size_t i = 0; i < file->n_enum_type; i++)
		add_enum(lines, file->package, file->enum_type[i]);
	google__protobuf__file_descriptor_proto__free_unpacked(file, NULL);
}

/* --- the API as it was ----------------------------------------------------------------------- */

static int read_frozen(const char *path, struct lines *lines)
{
	FILE *file = fopen(path, "re");
	char line[LINE_SIZE];

	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] && line[0] != '#')
			add(lines, "%s", line);
	}
	fclose(file);
	return 0;
}

/* How many words of a line say what it is about: a field by its number, the rest by its name. */
static size_t subject_size(const char *line)
{
	bool numbered = startswith(line, "field ") || startswith(line, "value ");
	size_t n = strcspn(line, " ") + 1;

	n += strcspn(line + n, " ");
	return numbered ? n + 1 + strcspn(line + n + 1, " ") : n;
}

/* What a frozen line that is gone is now; NULL where there is nothing of it. */
static const char *find_successor(const struct lines *present, const char *line)
{
	size_t n = subject_size(line);

	for (size_t i = 0; i < present->n; i++)
		if (subject_size(present->list[i]) == n && strncmp(present->list[i], line, n) == 0)
			return present->list[i];
	return NULL;
}

/* How many lines are gone; tells each by TAP. */
static size_t check_frozen(const struct lines *frozen, const struct lines *present)
{
	size_t gone = 0;

	for (size_t i = 0; i < frozen->n; i++) {
		const char *line = frozen->list[i], *successor;

		if (ok(contains(present, line), "%s", line))
			continue;
		gone++;
		successor = find_successor(present, line);
		printf("# this is in the API that clients have, and cannot %s%s%s\n",
		       successor ? "become: " : "go; to take it out of use, mark it deprecated",
		       successor ? successor : "",
		       successor ? "; give what is new a new number and name" : "");
	}
	return gone;
}

static void check_additions(const struct lines *frozen, const struct lines *present)
{
	for (size_t i = 0; i < present->n; i++)
		if (!contains(frozen, present->list[i]) &&
		    !find_successor(frozen, present->list[i])) {
			ok(false, "%s", present->list[i]);
			printf("# this is new. From the first release on it can never be changed: "
			       "when it is "
			       "final, `make freeze-api` writes it down\n");
		}
}

static int append(const char *path, const struct lines *frozen, const struct lines *present)
{
	FILE *file = fopen(path, "ae");

	if (!file)
		return -1;
	for (size_t i = 0; i < present->n; i++)
		if (!contains(frozen, present->list[i]))
			fprintf(file, "%s\n", present->list[i]);
	return fclose(file) == 0 ? 0 : -1;
}

static int run(const char *path, bool adding)
{
	struct lines frozen = {}, present = {};
	size_t gone;

	if (!ok(read_frozen(path, &frozen) == 0, "%s is there", path))
		return tap_done();
	read_present(&present);
	gone = check_frozen(&frozen, &present);
	if (!adding)
		check_additions(&frozen, &present);
	else if (gone == 0)
		ok(append(path, &frozen, &present) == 0, "%s has what was added", path);
	lines_clear(&frozen);
	lines_clear(&present);
	return tap_done();
}

int main(int argc, char **argv)
{
	const char *top = getenv("srcdir"); /* set by make check */
	char path[4096];

	if (argc == 3 && streq(argv[1], "--add"))
		return run(argv[2], true);
	(void)snprintf(path, sizeof(path), "%s/tests/proto/api.txt", top ? top : ".");
	return run(path, false);
}
