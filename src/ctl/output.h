/*
 * What is written to stdout: tables, JSON documents, times, and text from the server that may not
 * steer a terminal.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdio.h>

#include "common/cleanup.h"
#include "google/protobuf/timestamp.pb-c.h"

/*
 * Writes text without control characters: escape sequences go as a whole, other control characters
 * one by one, but for tabs. NULL is taken as "".
 */
void print_clean(FILE *file, const char *text);

/* The same in place; returns text. */
char *clean(char *text);

/* "2026-01-31 12:00:00" in local time, "-" for NULL. */
#define TIME_TEXT_MAX 32
void format_time(const Google__Protobuf__Timestamp *time, char buffer[TIME_TEXT_MAX]);

/* An enum's value without its type's prefix, e.g. "RUNNING"; "?" for a number that is not known
 * here. */
const char *enum_text(const ProtobufCEnumDescriptor *descriptor, int number);

/* Whether the terminal's character set has line-drawing characters. */
bool locale_is_utf8(void);

/* A table of text, written with each column as wide as its widest cell. */
struct table;

/* `titles` are the n columns' titles, lent. 0 or -ENOMEM. */
int table_new(const char *const *titles, size_t n, struct table **ret);
struct table *table_free(struct table *table);
DEFINE_CLEANUP(struct table, table_free);

/* Adds the next cell, row by row, and takes it over, also on failure. NULL is -ENOMEM. */
int table_add(struct table *table, char *cell);

/* As table_add(), formatted. */
int table_addf(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));

void table_print(const struct table *table, FILE *file);

/* Writes a message as an indented JSON document. 0 or a negative errno. */
int print_json(const ProtobufCMessage *message);

/* Flushes stdout. 0 or a negative errno, e.g. -ENOSPC. */
int flush_stdout(void);
