/*
 * indexerd: runs blockchain indexers as transient systemd services. Parse, set up, serve, drain.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <getopt.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <systemd/sd-daemon.h>

#include <config.h>
#include "clear/request.h"
#include "common/log.h"
#include "common/util.h"
#include "indexerd/config.h"
#include "journal/bus-error.h"
#include "journal/journal.h"
#include "journal/step.h"
#include "manager/manager.h"
#include "model/names.h"
#include "rpc/server.h"
#include "rpc/tls.h"
#include "runtime/runtime.h"

#define RUNNER_ADDRESS "unix:/run/indexerd/unit.sock"

/* Serving begins when systemd has told of all units, or without that after so long. */
#define SYNC_LIMIT_USEC (10 * USEC_PER_SEC)

struct daemon {
	sd_event *event;
	struct config config;
	struct manager *manager;
	struct journal *journal;
	struct rpc_server *server;
	bool serving;
	bool draining;
};

static const char *const runtime_dirs[] = { SYSCONFDIR "/indexerd/runtimes", RUNTIMESDIR, NULL };

static const struct {
	const char *name; /* FileDescriptorName= of the socket unit */
	enum rpc_face face;
} sockets[] = {
	{ "clients", RPC_FACE_CLIENTS },
	{ "indexers", RPC_FACE_INDEXERS },
	{ "subjects", RPC_FACE_SUBJECTS },
};

static int listen_on(struct daemon *daemon, int fd, const char *name)
{
	for (size_t i = 0; i < ELEMENTSOF(sockets); i++)
		if (streq(sockets[i].name, name))
			return rpc_server_listen(daemon->server, fd, sockets[i].face);
	log_error("The socket \"%s\" is none of indexerd's.", name);
	return -EINVAL;
}

static int listen_all(struct daemon *daemon)
{
	char **names = NULL;
	int n = sd_listen_fds_with_names(true, &names), r = 0;

	if (n == 0) {
		log_error("No sockets were passed. indexerd is started by systemd: "
			  "systemctl start indexerd.socket indexerd-unit.socket indexerd.service");
		return -EINVAL;
	}
	for (int i = 0; i < n && r >= 0; i++)
		r = listen_on(daemon, SD_LISTEN_FDS_START + i, names[i]);
	for (int i = 0; i < n; i++)
		free(names[i]);
	free(names);
	return n < 0 ? n : r;
}

static void serve(struct daemon *daemon)
{
	int r;

	if (daemon->serving || daemon->draining)
		return;
	daemon->serving = true;
	r = listen_all(daemon);
	if (r < 0) {
		log_error("The sockets cannot be served: %s", strerror(-r));
		(void)sd_event_exit(daemon->event, r);
		return;
	}
	(void)sd_notify(false, "READY=1\nSTATUS=Serving.");
}

static void on_synced(void *userdata)
{
	serve(userdata);
}

static int on_sync_limit(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct daemon *daemon = userdata;

	(void)source, (void)usec;
	if (!daemon->serving)
		log_warning("systemd has not answered yet; reads are served meanwhile.");
	serve(daemon);
	return 0;
}

static void on_drained(void *userdata)
{
	struct daemon *daemon = userdata;

	(void)sd_event_exit(daemon->event, 0);
}

/* What still waits is told so while there is time to answer, and not just cut off at the end. */
static int on_patience_over(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct daemon *daemon = userdata;

	(void)source, (void)usec;
	manager_refuse_waiting(daemon->manager);
	return 0;
}

static int on_terminate(sd_event_source *source, const struct signalfd_siginfo *info,
			void *userdata)
{
	struct daemon *daemon = userdata;
	int r;

	(void)source, (void)info;
	if (daemon->draining)
		return 0;
	daemon->draining = true;
	(void)sd_notify(false, "STOPPING=1\nSTATUS=Draining.");
	r = sd_event_add_time_relative(daemon->event, NULL, CLOCK_MONOTONIC,
				       daemon->config.drain_usec / 2, 0, on_patience_over, daemon);
	r = r < 0 ? r
		  : rpc_server_shutdown(daemon->server, daemon->config.drain_usec, on_drained,
					daemon);
	if (r < 0) {
		log_error("The calls in flight cannot be waited for: %s", strerror(-r));
		(void)sd_event_exit(daemon->event, 0);
	}
	return 0;
}

/* `r` is 1 where there is nothing of the kind. */
static void log_reload(const char *what, int r)
{
	if (r < 0)
		log_error("The %s cannot be read anew: %s", what, strerror(-r));
	else if (r == 0)
		log_info("The %s were read anew.", what);
}

static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	struct daemon *daemon = userdata;

	(void)source, (void)info;
	log_reload("runtimes", manager_reload(daemon->manager));
	log_reload("certificates", rpc_server_reload(daemon->server));
	return 0;
}

static int setup_event(struct daemon *daemon)
{
	static const struct {
		int signal;
		sd_event_signal_handler_t handler;
	} signals[] = {
		{ SIGTERM, on_terminate },
		{ SIGINT, on_terminate },
		{ SIGHUP, on_hangup },
	};
	int r = sd_event_default(&daemon->event);

	r = r < 0 ? r : sd_event_set_watchdog(daemon->event, true);
	for (size_t i = 0; r >= 0 && i < ELEMENTSOF(signals); i++)
		r = sd_event_add_signal(daemon->event, NULL, signals[i].signal, signals[i].handler,
					daemon);
	return r < 0 ? r
		     : sd_event_add_time_relative(daemon->event, NULL, CLOCK_MONOTONIC,
						  SYNC_LIMIT_USEC, 0, on_sync_limit, daemon);
}

static int setup(struct daemon *daemon)
{
	struct manager_config manager = {
		.registry_path = "/var/lib/indexerd/registry.db",
		.credentials_dir = "/run/indexerd/credentials",
		.runtime_dirs = runtime_dirs,
		.runner_address = RUNNER_ADDRESS,
		.exec_path = PKGLIBEXECDIR "/indexer-exec",
		.unit_group = INDEXER_GROUP,
		.max_indexers = daemon->config.max_indexers,
		.quotas = daemon->config.quotas,
		.log = daemon->config.log,
		.persistence = daemon->config.persistence,
		.abandoned = daemon->config.abandoned,
		.clear_socket = CLEAR_SOCKET,
		.clear_timeout_usec = daemon->config.clear_timeout_usec,
		.source = daemon->config.source,
		.secrets = &daemon->config.secrets,
	};
	struct rpc_server_config server = {
		.limits = &daemon->config.limits,
		.rules = &daemon->config.rules,
		.tls = &daemon->config.tls,
		.secrets = &daemon->config.secrets,
	};
	const struct journal_source source = { .log_namespace = daemon->config.log.log_namespace };
	int r = journal_catch_bus_errors();

	manager.source.cache_dir = "/var/cache/indexerd";
	manager.source.fetch_path = PKGLIBEXECDIR "/indexer-fetch";
	r = r < 0 ? r : journal_catch_aborts();
	r = r < 0 ? r : setup_event(daemon);
	r = r < 0 ? r : journal_new(&source, &daemon->journal);
	if (r < 0)
		return r;
	manager.journal = daemon->journal;
	r = manager_new(daemon->event, &manager, &daemon->manager);
	if (r < 0)
		return r;
	manager_on_synced(daemon->manager, on_synced, daemon);
	server.manager = daemon->manager;
	server.journal = daemon->journal;
	return rpc_server_new(daemon->event, &server, &daemon->server);
}

static void tear_down(struct daemon *daemon, int exit_code)
{
	/* Calls that still wait in the manager are answered before the server they came by goes. */
	manager_refuse_waiting(daemon->manager);
	/* Threads that are left may still use the rest, and what libraries would clean up at
	 * exit(). */
	if (rpc_server_free(daemon->server))
		_exit(exit_code);
	manager_free(daemon->manager);
	journal_free(daemon->journal);
	config_clear(&daemon->config);
	sd_event_unref(daemon->event);
}

static void block_signals(void)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ELEMENTSOF(signals); i++)
		sigaddset(&set, signals[i]);
	/* Before any thread is there: each of them has the signals blocked, and the loop reads
	 * them. */
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
}

static int usage(FILE *f)
{
	fprintf(f,
		"Usage: indexerd [--check | --help | --version]\n\n"
		"Runs blockchain indexers as transient systemd services. It is started by systemd\n"
		"with its sockets; see indexerd(8). With --check it only reads its configuration,\n"
		"and says what is wrong with it.\n");
	return f == stdout ? 0 : 2;
}

/* The daemon is root without a single capability: what others own, it may not read. */
static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};

	return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}

/* Reads the configuration, all that it names, and the runtimes, as a start would. What is wrong is
 * in the log. */
static int check(void)
{
	struct config config = {};
	const struct tls_files *files = &config.tls;
	struct runtime_set *runtimes = NULL;
	struct tls *tls = NULL;
	int r = drop_capabilities();

	r = r < 0 ? r : config_load(&config);
	if (r >= 0 && (files->certificate || files->key || files->client_ca))
		r = tls_new(files, &tls);
	r = r < 0 ? r : runtime_set_load(runtime_dirs, &runtimes);
	if (r >= 0 && !runtime_set_is_good(runtimes))
		r = -EBADMSG;
	runtime_set_free(runtimes);
	tls_free(tls);
	config_clear(&config);
	return r < 0 ? 1 : 0;
}

/* Returns -1 where the daemon shall run, or the exit code. */
static int parse_arguments(int argc, char **argv)
{
	static const struct option options[] = {
		{ "check", no_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ "user", no_argument, NULL, 'u' },
		{},
	};
	bool only_check = false;
	int c;

	while ((c = getopt_long(argc, argv, "hV", options, NULL)) >= 0)
		switch (c) {
		case 'c':
			only_check = true;
			break;
		case 'h':
			return usage(stdout);
		case 'V':
			printf("%s %s\n", PACKAGE_NAME, PACKAGE_VERSION);
			return 0;
		case 'u':
			fprintf(stderr, "indexerd: --user is not served by this version\n");
			return 2;
		default:
			return usage(stderr);
		}
	if (optind < argc)
		return usage(stderr);
	return only_check ? check() : -1;
}

int main(int argc, char **argv)
{
	struct daemon daemon = {};
	int r = parse_arguments(argc, argv);

	if (r >= 0)
		return r;
	block_signals();
	r = config_load(&daemon.config);
	if (r >= 0) {
		log_set_max_priority(daemon.config.log_priority);
		r = setup(&daemon);
	}
	if (r >= 0)
		r = sd_event_loop(daemon.event);
	if (r < 0)
		log_error("indexerd cannot go on: %s", strerror(-r));
	tear_down(&daemon, r < 0 ? 1 : 0);
	return r < 0 ? 1 : 0;
}
