/*
 * Archives, unpacked by indexer-fetch with the real tar and zstd, and what hostile ones try.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fetch-helper.h"

static void test_archives(void)
{
	char hash[80] = "", text[128];
	_cleanup_source_ struct source source = {};
	order_t order;
	FILE *file;

	make_plain();
	if (!sh("rm plain/tree/link; tar -C plain/tree -czf a.tar.gz .; cp a.tar.gz b.tgz\n"
		"tar -C plain --zstd -cf c.tar.zst tree; sha256sum <a.tar.gz >hash\n"
		"mkdir bad; ln -s ../../etc bad/up; tar -C bad -czf up.tar.gz up\n"
		"ln -s /etc bad/root; tar -C bad -czf root.tar.gz root\n"
		"mkdir -p bad/d/e; ln -s .. bad/d/e/f; ln -s d/e/f/../.. bad/round\n"
		"tar -C bad -czf round.tar.gz d round\n"
		"mkfifo bad/fifo; tar -C bad -czf fifo.tar.gz fifo\n"
		"echo x >bad/x; tar -C bad/d -Pczf dots.tar.gz ../x\n"
		"tar -Pczf absolute.tar.gz %s/bad/x\n"
		"tar -C bad -czf through.tar.gz --transform 's,^x$,root/owned,' root x\n"
		"ln -s loop bad/loop; tar -C bad -czf loop.tar.gz loop\n"
		"ln -s .././x bad/d/to-x; ln -s d/to-x bad/two; ln -s d/none/../../.. bad/none\n"
		"tar -C bad -czf good.tar.gz d/to-x two none x\n"
		"echo garbage >garbage.tar.gz; mkdir dir.tar.gz\n"
		"chmod 4755 bad/x; tar -C bad -czf suid.tar.gz x",
		top))
		abort();
	for (int i = 0; i < 3; i++) {
		const char *const names[] = { "a.tar.gz", "b.tgz", "c.tar.zst" };

		is_int(fetch("%s/%s", top, names[i]), 0, "%s", names[i]);
		is_str(content(i < 2 ? "tree/file" : "tree/tree/file"), "two\n", "  its files");
	}
	(void)snprintf(text, sizeof(text), "%s/hash", top);
	file = fopen(text, "re");
	if (!file || fscanf(file, "%79s", hash) != 1 || fclose(file) != 0)
		abort();
	is_int(fetch("%s/a.tar.gz", top), 0, "again");
	is_str(commit_of_result(), hash, "  it is named by what it holds");
	(void)snprintf(text, sizeof(text), "%s/c.tar.zst", top);
	order = order_of(text, &source);
	order.ref = hash;
	is_int(carry_out(&order), 1, "one that is another by now");
	ok(strstr(content("error"), "the archive has changed since"), "  is told");

	is_int(fetch("%s/up.tar.gz", top), 1, "a link that leads up");
	ok(strstr(content("error"), "up: a link that leads out of the archive"), "  is told");
	is_int(fetch("%s/root.tar.gz", top), 1, "an absolute link");
	ok(strstr(content("error"), "root: a link that leads out"), "  is told");
	is_int(fetch("%s/round.tar.gz", top), 1, "a link that leads out by another one");
	ok(strstr(content("error"), "round: a link that leads out"), "  is told");
	is_int(fetch("%s/loop.tar.gz", top), 1, "a link to itself");
	ok(strstr(content("error"), "loop: Too many levels"), "  is told");
	is_int(fetch("%s/good.tar.gz", top), 0, "links within it");
	ok(sh("test work/tree/d/to-x -ef work/tree/x && test -L work/tree/none"), "  are kept");
	is_int(fetch("%s/fifo.tar.gz", top), 1, "a pipe");
	ok(strstr(content("error"), "fifo: neither a file"), "  is told");
	is_int(fetch("%s/dots.tar.gz", top), 1, "a member above");
	ok(strstr(content("error"), "'..'"), "  in tar's words: %s", content("error"));
	is_int(fetch("%s/absolute.tar.gz", top), 0, "a member with an absolute name");
	ok(sh("test -e work/tree%s/bad/x", top), "  is put below");
	is_int(fetch("%s/through.tar.gz", top), 1, "a member behind a link");
	ok(access("/etc/owned", F_OK) < 0, "  is not put there");
	is_int(fetch("%s/garbage.tar.gz", top), 1, "no archive");
	ok(*content("error"), "  in tar's words: %s", content("error"));
	is_int(fetch("%s/dir.tar.gz", top), 1, "a directory");
	ok(strstr(content("error"), "it is no file"), "  is told");
	is_int(fetch("%s/nothing.tgz", top), 1, "nothing");
	ok(strstr(content("error"), "No such file"), "  is told");
	is_int(fetch("%s/suid.tar.gz", top), 0, "a program with rights");
	is_int(mode("tree/x"), 0755, "  loses them");
}

int main(void)
{
	fetch_begin();
	test_archives();
	fetch_end();
	return tap_done();
}
