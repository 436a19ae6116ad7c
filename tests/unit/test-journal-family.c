/*
 * Whose a unit was at a time: its indexers one after the other, and those that are forgotten.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "journal/family.h"
#include "tap.h"

#define ROOT   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define FIRST  ROOT "/0123456789abcdef0123456789abcdef"
#define SECOND "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

/* More than are remembered. */
#define MANY (FAMILY_FORMER_MAX + 100)

static void add(struct family *family, const char *id, const char *lineage, uint64_t created)
{
	struct kin kin = { .created = created };

	strcpy(kin.id, id);
	strcpy(kin.lineage, lineage);
	is_int(family_add(family, &kin), 0, "%s is there", id);
}

/* The lineage of who had the id at the time, or NULL. */
static const char *find(struct family *family, const char *id, uint64_t time)
{
	static struct kin kin;

	return family_find(family, id, time, &kin) ? kin.lineage : NULL;
}

static void test_one_after_the_other(struct family *family)
{
	ok(!find(family, "one", 5) && !family_remove(family, "one"), "nobody is there");
	add(family, "one", FIRST, 10);
	is_str(find(family, "one", 9), NULL, "before it nobody had the id");
	is_str(find(family, "one", 10), FIRST, "from its creation on it has");
	is_str(find(family, "two", 10), NULL, "and no other id");
	ok(family_remove(family, "one"), "it is deleted");
	ok(!family_remove(family, "one"), "once");
	is_str(find(family, "one", 99), FIRST, "what comes late is its still");
	add(family, "one", SECOND, 100);
	is_str(find(family, "one", 99), FIRST, "also beside the next one,");
	is_str(find(family, "one", 100), SECOND, "which has what follows");
}

static void test_forgotten(struct family *family)
{
	struct kin kin = { .created = 5, .lineage = SECOND };
	char id[ID_MAX];
	unsigned found = 0;

	for (unsigned i = 0; i < MANY; i++) {
		(void)snprintf(kin.id, sizeof(kin.id), "many-%u", i);
		strcpy(id, kin.id);
		family_add(family, &kin);
		family_remove(family, id);
	}
	ok(!find(family, "many-0", 9), "one that was deleted long ago is forgotten");
	for (unsigned i = 0; i < MANY; i++) {
		(void)snprintf(id, sizeof(id), "many-%u", i);
		found += find(family, id, 9) != NULL;
	}
	is_int(found, FAMILY_FORMER_MAX, "and so many are not");
	is_str(find(family, "one", 100), SECOND, "who is there stays");
}

int main(void)
{
	struct family *family;

	is_int(family_new(&family), 0, "a family");
	test_one_after_the_other(family);
	test_forgotten(family);
	ok(family_free(family) == NULL && family_free(NULL) == NULL, "is freed");
	return tap_done();
}
