/*
 * Where state is kept; see persistence.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "model/persistence.h"

#include <errno.h>
#include <stdio.h>

#include "common/util.h"

#define DIGITS	   "0123456789"
#define WORD_BYTES "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" DIGITS "._-"
#define IPV6_BYTES "ABCDEFabcdef" DIGITS ":."

#define REDIS_PREFIX "apibara:sink:"

static const struct {
	const char *name;
	const char *variable; /* that tells the sink, or NULL */
} backends[] = {
	[BACKEND_NONE] = { "none", NULL },
	[BACKEND_FS] = { "fs", "PERSIST_TO_FS" },
	[BACKEND_REDIS] = { "redis", "PERSIST_TO_REDIS" },
	[BACKEND_ETCD] = { "etcd", "PERSIST_TO_ETCD" },
};

#define SINK_ID "SINK_ID"

void persistence_clear(struct persistence *persistence)
{
	free(persistence->address);
	free(persistence->credential);
	*persistence = (struct persistence){};
}

int persistence_copy(const struct persistence *from, struct persistence *ret)
{
	_cleanup_(persistence_clear) struct persistence copy = { .backend = from->backend };

	if ((from->address && !(copy.address = strdup(from->address))) ||
	    (from->credential && !(copy.credential = strdup(from->credential))))
		return -ENOMEM;
	*ret = copy;
	copy = (struct persistence){};
	return 0;
}

const char *backend_name(enum backend backend)
{
	return backends[backend].name;
}

int backend_from_name(const char *name, enum backend *ret)
{
	for (size_t i = 0; i < ELEMENTSOF(backends); i++)
		if (streq(backends[i].name, name)) {
			*ret = (enum backend)i;
			return 0;
		}
	return -EINVAL;
}

/* Copies n bytes, all of the given ones, into a buffer; false where that cannot be. */
static bool take_word(const char *text, size_t n, const char *bytes, char *ret, size_t size)
{
	if (n == 0 || n >= size || strspn(text, bytes) < n)
		return false;
	memcpy(ret, text, n);
	ret[n] = '\0';
	return true;
}

static bool take_number(const char *text, size_t n, unsigned least, unsigned most, unsigned *ret)
{
	uint64_t number = 0;

	if (decimal_read(text, text + n, &number) != text + n || number < least || number > most)
		return false;
	*ret = (unsigned)number;
	return true;
}

static const char *take_user(const char **text, size_t *n, struct backend_address *ret)
{
	const char *at = memchr(*text, '@', *n);
	size_t used;

	if (!at)
		return NULL;
	used = (size_t)(at - *text);
	if (memchr(*text, ':', used))
		return "it has a password, which everybody could read; give that by Credential=";
	if (!take_word(*text, used, WORD_BYTES, ret->user, sizeof(ret->user)))
		return "the user before the @ is not 1 to 64 letters, digits and characters of ._-";
	*text += used + 1;
	*n -= used + 1;
	return NULL;
}

/* HOST[:PORT]; the port has its default already. Returns what is wrong with it, or NULL. */
static const char *take_host(const char *text, size_t n, struct backend_address *ret)
{
	const char *end = text + n, *port;
	bool good;

	if (n > 0 && *text == '[') {
		port = memchr(text, ']', n);
		if (!port)
			return "the ] behind the host is missing";
		good = take_word(text + 1, (size_t)(port - text - 1), IPV6_BYTES, ret->host,
				 sizeof(ret->host));
		port++;
	} else {
		port = memchr(text, ':', n);
		port = port ? port : end;
		good = take_word(text, (size_t)(port - text), WORD_BYTES, ret->host,
				 sizeof(ret->host));
	}
	if (!good)
		return "the host is neither a name nor a number; IPv6 stands in []";
	if (port < end && (*port != ':' ||
			   !take_number(port + 1, (size_t)(end - port - 1), 1, 65535, &ret->port)))
		return "the port is not a number from 1 to 65535";
	return NULL;
}

static const char *take_database(const char *text, size_t n, struct backend_address *ret)
{
	if (!take_number(text, n, 0, INT32_MAX, &ret->database))
		return "the database is not a number";
	return NULL;
}

static const char *take_redis(const char *text, struct backend_address *ret)
{
	size_t n = strcspn(text, "/");
	const char *rest = text + n, *problem = take_user(&text, &n, ret);

	ret->port = 6379;
	problem = problem ? problem : take_host(text, n, ret);
	if (problem || !*rest || !rest[1])
		return problem;
	return take_database(rest + 1, strlen(rest + 1), ret);
}

static const char *take_etcd(const char *text, struct backend_address *ret)
{
	size_t n = strcspn(text, "/");
	const char *rest = text + n, *problem = take_user(&text, &n, ret);

	ret->port = 2379;
	problem = problem ? problem : take_host(text, n, ret);
	if (problem || !*rest || !rest[1])
		return problem;
	return "there is nothing behind the port of an etcd";
}

static const char *take_query(const char *text, struct backend_address *ret)
{
	while (*text) {
		size_t n = strcspn(text, "&");
		const char *problem = NULL, *value;

		if ((value = startswith(text, "db="))) {
			problem = take_database(value, n - strlen("db="), ret);
		} else if ((value = startswith(text, "user="))) {
			if (!take_word(value, n - strlen("user="), WORD_BYTES, ret->user,
				       sizeof(ret->user)))
				problem = "the user is not 1 to 64 letters, digits and characters "
					  "of ._-";
		} else {
			problem = "behind the ? there may be db= and user= only; a password is "
				  "given by Credential=";
		}
		if (problem)
			return problem;
		text += n + (text[n] == '&');
	}
	return NULL;
}

static const char *take_redis_unix(const char *text, struct backend_address *ret)
{
	size_t n = strcspn(text, "?");

	if (*text != '/' || !take_word(text, n, WORD_BYTES "/", ret->path, sizeof(ret->path)))
		return "the socket's path is not absolute, or not of at most 107 letters, digits "
		       "and characters of /._-";
	return text[n] ? take_query(text + n + 1, ret) : NULL;
}

static const char *refuse_tls(const char *text, struct backend_address *ret)
{
	(void)text, (void)ret;
	return "TLS is not served by this version; reach it by a tunnel on this server";
}

static const struct {
	const char *prefix;
	enum backend backend;
	const char *(*take)(const char *text, struct backend_address *ret);
} schemes[] = {
	{ "redis://", BACKEND_REDIS, take_redis },
	{ "http://", BACKEND_ETCD, take_etcd },
	{ "redis+unix://", BACKEND_REDIS, take_redis_unix },
	{ "rediss://", BACKEND_REDIS, refuse_tls },
	{ "https://", BACKEND_ETCD, refuse_tls },
};

int backend_address_parse(const char *text, struct backend_address *ret, const char **problem)
{
	*problem = "it begins neither with redis:// or redis+unix:// nor, of an etcd, with http://";
	if (strlen(text) >= BACKEND_ADDRESS_MAX) {
		*problem = "it is longer than 255 bytes";
		return -EINVAL;
	}
	for (size_t i = 0; i < ELEMENTSOF(schemes); i++) {
		const char *rest = startswith(text, schemes[i].prefix);

		if (!rest)
			continue;
		*ret = (struct backend_address){ .backend = schemes[i].backend };
		*problem = schemes[i].take(rest, ret);
		break;
	}
	return *problem ? -EINVAL : 0;
}

bool credential_name_is_valid(const char *name)
{
	char buffer[BACKEND_CREDENTIAL_MAX];

	return take_word(name, strlen(name), WORD_BYTES, buffer, sizeof(buffer)) && name[0] != '.';
}

int persistence_format(const struct persistence *persistence, char **ret)
{
	const char *name =
		persistence->backend == BACKEND_NONE ? "" : backend_name(persistence->backend);
	const char *credential = persistence->credential;
	char *text;

	if (!backend_is_remote(persistence->backend))
		text = strdup(name);
	else if (asprintf(&text, "%s %s%s%s", name, persistence->address, credential ? " " : "",
			  credential ? credential : "") < 0)
		text = NULL;
	if (!text)
		return -ENOMEM;
	*ret = text;
	return 0;
}

static int parse_remote(char *words, struct persistence *ret)
{
	char *address = strchr(words, ' '), *credential;
	struct backend_address parsed;
	const char *problem;

	if (!address)
		return -EINVAL;
	*address++ = '\0';
	credential = strchr(address, ' ');
	if (credential)
		*credential++ = '\0';
	if (backend_from_name(words, &ret->backend) < 0 ||
	    backend_address_parse(address, &parsed, &problem) < 0 ||
	    parsed.backend != ret->backend || (credential && !credential_name_is_valid(credential)))
		return -EINVAL;
	ret->address = strdup(address);
	ret->credential = credential ? strdup(credential) : NULL;
	return ret->address && (ret->credential || !credential) ? 0 : -ENOMEM;
}

int persistence_parse(const char *text, struct persistence *ret)
{
	_cleanup_(persistence_clear) struct persistence read = {};
	_cleanup_free_ char *words = strdup(text);
	int r = 0;

	if (!words)
		return -ENOMEM;
	if (streq(text, backend_name(BACKEND_FS)))
		read.backend = BACKEND_FS;
	else if (*text)
		r = parse_remote(words, &read);
	if (r < 0)
		return r;
	*ret = read;
	read = (struct persistence){};
	return 0;
}

void backend_key(enum backend backend, const char *id, char ret[BACKEND_KEY_MAX])
{
	(void)snprintf(ret, BACKEND_KEY_MAX, "%s%s", backend == BACKEND_REDIS ? REDIS_PREFIX : "",
		       id);
}

/* As a URL has it: every byte that may mean something is written as %XX. */
static void encode(const char *text, char *ret)
{
	for (; *text; text++)
		if (strchr(WORD_BYTES, *text))
			*ret++ = *text;
		else
			ret += sprintf(ret, "%%%02X", (unsigned char)*text);
	*ret = '\0';
}

/* The address as it is, with the password where Redis' clients look for it. */
static int make_redis_url(const char *address, const char *password, char **ret)
{
	_cleanup_free_ char *encoded = malloc(password ? 3 * strlen(password) + 1 : 1);
	const char *rest = startswith(address, "redis://"), *at;
	int n;

	if (!encoded)
		return -ENOMEM;
	if (!password) {
		*ret = strdup(address);
		return *ret ? 0 : -ENOMEM;
	}
	encode(password, encoded);
	if (rest) {
		at = strchr(rest, '@');
		n = asprintf(ret, "redis://%.*s:%s@%s", at ? (int)(at - rest) : 0, rest, encoded,
			     at ? at + 1 : rest);
	} else {
		n = asprintf(ret, "%s%cpass=%s", address, strchr(address, '?') ? '&' : '?',
			     encoded);
	}
	return n < 0 ? -ENOMEM : 0;
}

/* Apibara's sinks have neither user nor password for etcd, and would not find the host behind one.
 */
static int make_etcd_url(const char *address, char **ret)
{
	const char *at = strchr(address, '@');

	return asprintf(ret, "http://%s", at ? at + 1 : startswith(address, "http://")) < 0
		       ? -ENOMEM
		       : 0;
}

int persistence_environment(const struct persistence *persistence, const char *id,
			    const char *directory, const char *password, struct kv_list *ret)
{
	_cleanup_free_ char *url = NULL;
	const char *value = directory;
	int r = 0;

	if (persistence->backend == BACKEND_NONE)
		return 0;
	if (backend_is_remote(persistence->backend)) {
		r = persistence->backend == BACKEND_ETCD
			    ? make_etcd_url(persistence->address, &url)
			    : make_redis_url(persistence->address, password, &url);
		value = url;
	}
	r = r < 0 ? r : kv_list_set(ret, SINK_ID, id);
	return r < 0 ? r : kv_list_set(ret, backends[persistence->backend].variable, value);
}

bool persistence_is_variable(const char *key)
{
	for (size_t i = 0; i < ELEMENTSOF(backends); i++)
		if (backends[i].variable && streq(backends[i].variable, key))
			return true;
	return streq(key, SINK_ID);
}
