/*
 * Where guards see what gRPC reads; see guard.h.
 *
 * gRPC lets nobody look at what it reads from a socket. But it reads by recvmsg(2), and a program's
 * own function of that name takes the place of libc's for its libraries, too. So nothing is copied,
 * no thread is in between, and it costs a few nanoseconds for each read. A libgrpc that reads
 * otherwise would not be guarded; the suite has a test that fails then.
 *
 * Any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/util.h"
#include "rpc/guard.h"

#define DESCRIPTORS_MAX 65536 /* above LimitNOFILE=; a socket beyond it has no guard */

static struct {
	_Atomic(struct guard *) guard;
	_Atomic uint64_t inode;
} guarded[DESCRIPTORS_MAX];

void guard_set(int fd, uint64_t inode, struct guard *guard)
{
	if (fd >= DESCRIPTORS_MAX)
		return;
	atomic_store(&guarded[fd].inode, inode);
	atomic_store(&guarded[fd].guard, guard);
}

void guard_unset(int fd, struct guard *guard)
{
	/* The number may be another socket's by now, and that one's guard stays. */
	if (fd >= 0 && fd < DESCRIPTORS_MAX)
		atomic_compare_exchange_strong(&guarded[fd].guard, &guard, NULL);
}

static bool feed(struct guard *guard, const struct msghdr *message, size_t n)
{
	for (size_t i = 0; i < message->msg_iovlen && n > 0; i++) {
		size_t size = MIN(n, message->msg_iov[i].iov_len);

		if (!guard_feed(guard, message->msg_iov[i].iov_base, size))
			return false;
		n -= size;
	}
	return true;
}

/* A number whose socket was closed a moment ago may be somebody else's already. */
static bool is_the_guarded(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_ino == atomic_load(&guarded[fd].inode);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	ssize_t n = syscall(SYS_recvmsg, fd, message, flags);
	struct guard *guard;

	if (n <= 0 || fd >= DESCRIPTORS_MAX)
		return n;
	guard = atomic_load(&guarded[fd].guard);
	if (guard && !feed(guard, message, (size_t)n) && is_the_guarded(fd))
		return 0;
	return n;
}
