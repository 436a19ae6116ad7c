/*
 * Messages as JSON; see json.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/util.h"
#include "ctl/json.h"
#include "google/protobuf/duration.pb-c.h"
#include "google/protobuf/timestamp.pb-c.h"

#define NSEC_PER_SEC 1000000000

/* The digits after the point, none or 3, 6, 9 of them, as the mapping wants them. */
static void format_nanos(int32_t nanos, char buffer[11])
{
	if (nanos == 0)
		buffer[0] = '\0';
	else if (nanos % 1000000 == 0)
		snprintf(buffer, 11, ".%03d", nanos / 1000000);
	else if (nanos % 1000 == 0)
		snprintf(buffer, 11, ".%06d", nanos / 1000);
	else
		snprintf(buffer, 11, ".%09d", nanos);
}

static int json_from_timestamp(const ProtobufCMessage *message, json_t **ret)
{
	const Google__Protobuf__Timestamp *timestamp = (const Google__Protobuf__Timestamp *)message;
	time_t seconds = timestamp->seconds;
	char date[64], fraction[11];
	struct tm tm;

	if (timestamp->nanos < 0 || timestamp->nanos >= NSEC_PER_SEC || !gmtime_r(&seconds, &tm) ||
	    strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		return -EBADMSG;
	format_nanos(timestamp->nanos, fraction);
	*ret = json_sprintf("%s%sZ", date, fraction);
	return *ret ? 0 : -ENOMEM;
}

static int json_from_duration(const ProtobufCMessage *message, json_t **ret)
{
	const Google__Protobuf__Duration *duration = (const Google__Protobuf__Duration *)message;
	bool negative = duration->seconds < 0 || duration->nanos < 0;
	char fraction[11];

	if (duration->nanos <= -NSEC_PER_SEC || duration->nanos >= NSEC_PER_SEC ||
	    duration->seconds == INT64_MIN)
		return -EBADMSG;
	format_nanos(negative ? -duration->nanos : duration->nanos, fraction);
	*ret = json_sprintf("%s%" PRId64 "%ss", negative ? "-" : "",
			    negative ? -duration->seconds : duration->seconds, fraction);
	return *ret ? 0 : -ENOMEM;
}

/* protobuf-c lets any bytes pass as a string, JSON does not: what is no UTF-8 loses its high bytes.
 */
static json_t *json_from_string(const char *string)
{
	json_t *json = json_string(string);
	_cleanup_free_ char *copy = NULL;

	if (json)
		return json;
	copy = strdup(string);
	if (!copy)
		return NULL;
	for (char *p = copy; *p; p++)
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	return json_string(copy);
}

static json_t *json_from_enum(const ProtobufCEnumDescriptor *descriptor, int number)
{
	const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(descriptor, number);

	return value ? json_string(value->name) : json_integer(number);
}

static int json_from_scalar(const ProtobufCFieldDescriptor *field, const void *member, json_t **ret)
{
	switch (field->type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
		*ret = json_integer(*(const int32_t *)member);
		break;
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
		*ret = json_integer(*(const uint32_t *)member);
		break;
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
		*ret = json_sprintf("%" PRId64, *(const int64_t *)member);
		break;
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		*ret = json_sprintf("%" PRIu64, *(const uint64_t *)member);
		break;
	case PROTOBUF_C_TYPE_BOOL:
		*ret = json_boolean(*(const protobuf_c_boolean *)member);
		break;
	case PROTOBUF_C_TYPE_ENUM:
		*ret = json_from_enum(field->descriptor, *(const int *)member);
		break;
	case PROTOBUF_C_TYPE_STRING:
		*ret = json_from_string(*(char *const *)member);
		break;
	case PROTOBUF_C_TYPE_MESSAGE:
		return json_from_message(*(ProtobufCMessage *const *)member, ret);
	default:
		return -EOPNOTSUPP;
	}
	return *ret ? 0 : -ENOMEM;
}

/* The size of one element in an array of the field's type. */
static size_t element_size(const ProtobufCFieldDescriptor *field)
{
	switch (field->type) {
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_MESSAGE:
		return sizeof(void *);
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		return sizeof(int64_t);
	default:
		return sizeof(int32_t); /* bool and enum too: both are an int in protobuf-c */
	}
}

/* protobuf-c keeps no options, so a map is known by what the compiler makes of it. */
static bool is_map(const ProtobufCFieldDescriptor *field)
{
	const ProtobufCMessageDescriptor *entry = field->descriptor;
	size_t length;

	if (field->label != PROTOBUF_C_LABEL_REPEATED || field->type != PROTOBUF_C_TYPE_MESSAGE)
		return false;
	length = strlen(entry->short_name);
	return length > 5 && streq(entry->short_name + length - 5, "Entry") &&
	       entry->n_fields == 2 && streq(entry->fields[0].name, "key") &&
	       entry->fields[0].type == PROTOBUF_C_TYPE_STRING &&
	       streq(entry->fields[1].name, "value");
}

static const void *member_at(const ProtobufCMessage *message, size_t offset)
{
	return (const char *)message + offset;
}

static int json_from_map(const ProtobufCMessage *const *entries, size_t n, json_t **ret)
{
	_cleanup_(json_decrefp) json_t *object = json_object();

	for (size_t i = 0; i < n; i++) {
		const ProtobufCFieldDescriptor *fields = entries[i]->descriptor->fields;
		const char *key = *(char *const *)member_at(entries[i], fields[0].offset);
		json_t *value;
		int r = json_from_scalar(&fields[1], member_at(entries[i], fields[1].offset),
					 &value);

		if (r < 0)
			return r;
		if (json_object_set_new(object, key, value) < 0)
			return -ENOMEM;
	}
	*ret = TAKE(object);
	return 0;
}

static int json_from_array(const ProtobufCFieldDescriptor *field, const char *elements, size_t n,
			   json_t **ret)
{
	_cleanup_(json_decrefp) json_t *array = json_array();

	for (size_t i = 0; i < n; i++) {
		json_t *element;
		int r = json_from_scalar(field, elements + i * element_size(field), &element);

		if (r < 0)
			return r;
		if (json_array_append_new(array, element) < 0)
			return -ENOMEM;
	}
	*ret = TAKE(array);
	return 0;
}

static bool is_default(const ProtobufCFieldDescriptor *field, const void *member)
{
	static const char zero[sizeof(int64_t)];

	switch (field->type) {
	case PROTOBUF_C_TYPE_STRING:
		return isempty(*(char *const *)member);
	case PROTOBUF_C_TYPE_MESSAGE:
		return !*(void *const *)member;
	default:
		return memcmp(member, zero, element_size(field)) == 0;
	}
}

/* One field; *ret is NULL where it has its default value. */
static int json_from_field(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
			   json_t **ret)
{
	const void *member = member_at(message, field->offset);
	size_t n;

	*ret = NULL;
	if (field->label != PROTOBUF_C_LABEL_REPEATED)
		return is_default(field, member) ? 0 : json_from_scalar(field, member, ret);

	n = *(const size_t *)member_at(message, field->quantifier_offset);
	if (n == 0)
		return 0;
	if (is_map(field))
		return json_from_map(*(const ProtobufCMessage *const *const *)member, n, ret);
	return json_from_array(field, *(const char *const *)member, n, ret);
}

/* "main_pid" becomes "mainPid"; names are short, and cut where they are not. */
static void camel_case(const char *name, char buffer[64])
{
	size_t n = 0;

	for (; *name && n < 63; name++) {
		if (*name == '_' && name[1])
			buffer[n++] = (char)toupper((unsigned char)*++name);
		else
			buffer[n++] = *name;
	}
	buffer[n] = '\0';
}

int json_from_message(const ProtobufCMessage *message, json_t **ret)
{
	_cleanup_(json_decrefp) json_t *object = NULL;
	char name[64];

	if (message->descriptor == &google__protobuf__timestamp__descriptor)
		return json_from_timestamp(message, ret);
	if (message->descriptor == &google__protobuf__duration__descriptor)
		return json_from_duration(message, ret);

	object = json_object();
	for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
		json_t *value;
		int r = json_from_field(message, field, &value);

		if (r < 0)
			return r;
		camel_case(field->name, name);
		if (value && json_object_set_new(object, name, value) < 0)
			return -ENOMEM;
	}
	if (!object)
		return -ENOMEM;
	*ret = TAKE(object);
	return 0;
}

const json_t *json_member(const json_t *object, const char *path)
{
	size_t n;

	for (; object && *path; path += n + (path[n] == '.')) {
		char field[64], name[64];

		n = strcspn(path, ".");
		snprintf(field, sizeof(field), "%.*s", (int)n, path);
		camel_case(field, name);
		object = json_object_get(object, name);
	}
	return object;
}
