/*
 * Messages as JSON, in proto3's own mapping, driven by protobuf-c's descriptors: lowerCamelCase
 * names, enums by name, 64-bit numbers as strings, maps as objects, Timestamp and Duration as text.
 * Fields with their default value are left out.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>

/*
 * Makes an object (or a string, for a Timestamp or a Duration) of a message. *ret is owned by the
 * caller. 0, -ENOMEM, or -EOPNOTSUPP for a field of type float, double or bytes: the API has none.
 */
int json_from_message(const ProtobufCMessage *message, json_t **ret);

/*
 * The member of such an object by its path, with the names of the .proto: "restart.policy". NULL
 * where it has its default value. Lent.
 */
const json_t *json_member(const json_t *object, const char *path);
