/*
 * SIGBUS from journal files; see bus-error.h.
 *
 * Who empties a journal file punches a hole into it, and keeps its size for the sake of readers
 * (systemd's unlinkat_deallocate()). But journald cuts a file that it has just archived to what its
 * header says, from a thread, and that is nothing where `journalctl --vacuum-files=` came first.
 * `journalctl --rotate --vacuum-files=1` beside a busy indexer and one reader did it in one of two
 * attempts (252).
 *
 * All here runs in a signal handler, of a thread that was reading a mapping and so holds no lock of
 * libc's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/util.h"
#include "journal/bus-error.h"

/* A line of /proc/self/maps: two addresses and a path of PATH_MAX at most, and what is between. */
#define MAPS_LINE_MAX 8192

static uintptr_t page_size;

/* Reads hexadecimal digits up to `end`, which must follow them. Returns what is behind, or NULL. */
static const char *read_address(const char *s, char end, uintptr_t *ret)
{
	char *rest;

	*ret = strtoul(s, &rest, 16);
	return *rest == end ? rest + 1 : NULL;
}

/* Whether a line of /proc/self/maps is a mapping of a journal file that holds the address. */
static bool is_of_journal(const char *line, uintptr_t address)
{
	uintptr_t begin, end;
	const char *rest = read_address(line, '-', &begin);

	rest = rest ? read_address(rest, ' ', &end) : NULL;
	/* ".journal", ".journal~", and both with " (deleted)" behind. */
	return rest && address >= begin && address < end && strstr(rest, ".journal");
}

static bool find_journal(uintptr_t address)
{
	_cleanup_close_ int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	char buffer[MAPS_LINE_MAX];
	size_t used = 0;
	ssize_t n;

	if (fd < 0)
		return false;
	while ((n = read(fd, buffer + used, sizeof(buffer) - 1 - used)) > 0) {
		char *line = buffer, *end;

		used += (size_t)n;
		buffer[used] = '\0';
		for (; (end = strchr(line, '\n')); line = end + 1) {
			*end = '\0';
			if (is_of_journal(line, address))
				return true;
		}
		used -= (size_t)(line - buffer);
		memmove(buffer, line, used);
	}
	return false;
}

/* Puts a page of zeros where the file has none any more. */
static bool replace_page(uintptr_t address)
{
	void *page = (void *)(address - address % page_size);

	return find_journal(address) &&
	       mmap(page, page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
		       page;
}

static void on_bus_error(int signal_number, siginfo_t *info, void *context)
{
	int error = errno;

	(void)context;
	if (info->si_code != BUS_ADRERR || !replace_page((uintptr_t)info->si_addr)) {
		(void)signal(signal_number, SIG_DFL);
		(void)raise(signal_number); /* when the handler has returned */
	}
	errno = error;
}

int journal_catch_bus_errors(void)
{
	const struct sigaction action = { .sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO };

	page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
	return sigaction(SIGBUS, &action, NULL) < 0 ? -errno : 0;
}
