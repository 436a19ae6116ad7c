/*
 * indexer-fetch with the real ssh, and a server of it on a port of its own.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <arpa/inet.h>
#include <pwd.h>

#include "fetch-helper.h"

#define SSHD "/usr/sbin/sshd"

static void stop_server(void)
{
	(void)sh("kill $(cat sshd.pid); while test -e sshd.pid; do sleep 0.01; done");
}

/* A server of ssh for this user on a port of its own; 0 where that cannot be. */
static int start_server(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t size = sizeof(address);
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct passwd *user = getpwuid(geteuid());
	int port;

	if (access(SSHD, X_OK) < 0 || !user || access(user->pw_shell, X_OK) < 0 ||
	    strstr(user->pw_shell, "nologin") || strstr(user->pw_shell, "false"))
		return 0;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		abort();
	port = ntohs(address.sin_port);
	closep(&fd);
	fd = -1;
	if (!sh("for k in host user other; do ssh-keygen -q -t ed25519 -N '' -f $k.key; done\n"
		"test $(id -u) != 0 || mkdir -p /run/sshd\n" SSHD
		" -f /dev/null -p %d -h %s/host.key -o ListenAddress=127.0.0.1 -E sshd.log"
		" -o PidFile=%s/sshd.pid -o AuthorizedKeysFile=%s/user.key.pub"
		" -o StrictModes=no -o UsePAM=no -o PermitRootLogin=prohibit-password\n"
		"echo \"[127.0.0.1]:%d $(cut -d' ' -f1,2 host.key.pub)\" >known\n"
		"echo \"[127.0.0.1]:%d $(cut -d' ' -f1,2 other.key.pub)\" >changed\n"
		"cp user.key credentials/indexer.key; cp other.key credentials/indexer.other\n"
		"chmod 600 credentials/*\n"
		"for n in $(seq 500); do test ! -e sshd.pid || exit 0; sleep 0.02; done; exit 1",
		port, top, top, top, port, port))
		abort();
	return port;
}

/* Behind the credential may stand a ref. */
static int fetch_by_ssh(int port, const char *user, const char *project, const char *credential,
			const char *known_hosts, const char *script)
{
	Indexerd__Fetch__V1__Command command = INDEXERD__FETCH__V1__COMMAND__INIT,
				     *commands[] = { &command };
	char *argv[] = { (char *)"/bin/sh", (char *)"-c", (char *)script };
	_cleanup_free_ char *text = NULL, *hosts = NULL;
	_cleanup_source_ struct source source = {};
	order_t order;

	if (asprintf(&text, "ssh://%s@127.0.0.1:%d%s/%s%s%s", user, port, top, project,
		     credential ? "?credential=" : "", credential ? credential : "") < 0 ||
	    asprintf(&hosts, "%s/%s", top, known_hosts) < 0)
		abort();
	order = order_of(text, &source);
	order.known_hosts = (char *[]){ (char *)"/nonexistent/known_hosts", hosts };
	order.n_known_hosts = 2;
	command.argv = argv;
	command.n_argv = ELEMENTSOF(argv);
	order.build = commands;
	order.n_build = script ? 1 : 0;
	order.build_dir = (char *)"";
	return carry_out(&order);
}

/* A private project, whose build gets a private one, too. */
static void test_ssh(void)
{
	const char *user = getpwuid(geteuid())->pw_name;
	_cleanup_free_ char *script = NULL;
	char old[128];
	int port = start_server();

	if (port == 0) {
		ok(true, "by ssh # SKIP there is no sshd for this user");
		return;
	}
	if (asprintf(&script, "git clone -q ssh://%s@127.0.0.1:%d%s/inner dependency", user, port,
		     top) < 0)
		abort();
	is_int(fetch_by_ssh(port, user, "project", "indexer.key", "known", script), 0, "by ssh");
	is_str(content("tree/file"), "two\n", "  its files");
	is_str(content("tree/dependency/inner.txt"), "inner\n", "  and what its build fetches");
	ok(!sh("grep -rqF -f user.key work"), "  the key is nowhere in it");
	is_int(fetch_by_ssh(port, user, "project", "indexer.key", "known",
			    "cat ../../credentials/*"),
	       0, "a build that shows the key");
	ok(logged("-----BEGIN") && sh("! sed -n 2p user.key | grep -qFf - journal.txt"),
	   "  has it covered");
	/* Without the second version of git's protocol, which sshd keeps from it by default, no
	 * server gives a commit that is the tip of nothing. */
	(void)snprintf(old, sizeof(old), "indexer.key#%s", commit_of("feature/x~1"));
	is_int(fetch_by_ssh(port, user, "project", old, "known", NULL), 0, "a commit in between");
	ok(logged("asking for all of the repository instead"), "  comes with all others");
	is_str(content("tree/file"), "three\n", "  its files");
	is_int(fetch_by_ssh(port, user, "project", "indexer.other", "known", NULL), 1,
	       "another key");
	ok(strstr(content("error"), "Permission denied"), "  is told: %s", content("error"));
	is_int(fetch_by_ssh(port, user, "project", NULL, "known", NULL), 1, "no key");
	ok(strstr(content("error"), "Permission denied"), "  is told");
	is_int(fetch_by_ssh(port, user, "project", "indexer.token", "known", NULL), 1, "a token");
	ok(strstr(content("error"), "indexer.token cannot be used: it is no private key"),
	   "  is told");
	is_int(fetch_by_ssh(port, user, "project", "indexer.key", "unknown", NULL), 1,
	       "a host that is not known");
	ok(strstr(content("error"), "Host key verification failed"), "  is told");
	is_int(fetch_by_ssh(port, user, "project", "indexer.key", "changed", NULL), 1,
	       "a host with another key");
	ok(strstr(content("error"), "Host key verification failed"), "  is told");
	stop_server();
}

int main(void)
{
	fetch_begin();
	test_ssh();
	fetch_end();
	return tap_done();
}
