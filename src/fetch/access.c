/*
 * The credential of a private repository; see access.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fetch/access.h"

#include <errno.h>
#include <fcntl.h>

#include "common/read.h"
#include "common/util.h"

#define CONTENT_MAX (64 * 1024)
#define KEY_BEGINS  "-----BEGIN "
#define HTTPS	    "https://"

/* Who comes with a token alone. GitHub and GitLab want some user, whoever that is. */
#define TOKEN_USER "git"

void access_clear(struct access *access)
{
	if (access->content)
		explicit_bzero(access->content, strlen(access->content));
	free(access->path);
	free(access->content);
	*access = (struct access){};
}

static int read_content(const char *path, char **ret, const char **ret_problem)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	_cleanup_free_ char *content = malloc(CONTENT_MAX + 1);
	ssize_t n = fd < 0 ? -errno : content ? read_all(fd, content, CONTENT_MAX + 1) : -ENOMEM;

	if (n < 0) {
		*ret_problem = n == -ENOENT
				       ? "this server has none of that name, in "
					 "/etc/credstore, /etc/credstore.encrypted or elsewhere"
				       : strerror((int)-n);
		return (int)n;
	}
	if (n > CONTENT_MAX || memchr(content, '\0', (size_t)n)) {
		*ret_problem = "it is longer than 64 KiB, or has a NUL byte";
		return -EINVAL;
	}
	content[n] = '\0';
	*ret = TAKE(content);
	return 0;
}

/* Of what is no key, the one line without its end. */
static const char *login_problem(char *content, const struct source *source)
{
	content[strcspn(content, "\r\n")] = '\0';
	if (!*content)
		return "it is empty";
	if (!startswith(source->url, HTTPS))
		return "it is no private key of ssh: its first line does not begin with "
		       "-----BEGIN";
	return NULL;
}

int access_load(const char *directory, const struct source *source, struct access *ret,
		const char **ret_problem)
{
	_cleanup_(access_clear) struct access access = {};
	const char *problem = NULL;
	int r;

	if (!source->credential)
		return 0;
	if (asprintf(&access.path, "%s/%s", directory, source->credential) < 0) {
		access.path = NULL;
		*ret_problem = strerror(ENOMEM);
		return -ENOMEM;
	}
	r = read_content(access.path, &access.content, ret_problem);
	if (r < 0)
		return r;
	access.is_key = startswith(access.content, KEY_BEGINS);
	if (!access.is_key)
		problem = login_problem(access.content, source);
	if (problem) {
		*ret_problem = problem;
		return -EINVAL;
	}
	*ret = access;
	access = (struct access){};
	return 0;
}

/* A key is masked by its lines, which is how a program would show it. */
int access_mask(const struct access *access, struct mask *mask)
{
	const char *p = access->content ? access->content : "";
	const char *password = strchr(p, ':');
	int r = 0;

	if (!access->is_key && password)
		return mask_add(mask, password + 1, strlen(password + 1));
	for (size_t n; *p && r == 0; p += n + (p[n] != '\0')) {
		n = strcspn(p, "\r\n");
		if (!startswith(p, "-----"))
			r = mask_add(mask, p, n);
	}
	return r;
}

/* Whether the host that git names, with its port if that is not https's own, is the source's. */
static bool is_host(const struct source *source, const char *host)
{
	const char *own = startswith(source->url, HTTPS);
	size_t n = own ? strcspn(own, "/") : 0;

	return own && strlen(host) == n && strncasecmp(own, host, n) == 0;
}

int access_answer(const struct access *access, const struct source *source, FILE *in, FILE *out)
{
	bool https = false, host = false;
	_cleanup_free_ char *line = NULL;
	const char *password;
	size_t size = 0;
	ssize_t n;

	while ((n = getline(&line, &size, in)) > 0) {
		const char *value;

		line[strcspn(line, "\n")] = '\0';
		if ((value = startswith(line, "protocol=")))
			https = streq(value, "https");
		else if ((value = startswith(line, "host=")))
			host = is_host(source, value);
	}
	if (!access->content || access->is_key || !https || !host)
		return 0;
	password = strchr(access->content, ':');
	if (password)
		fprintf(out, "username=%.*s\npassword=%s\n", (int)(password - access->content),
			access->content, password + 1);
	else
		fprintf(out, "username=" TOKEN_USER "\npassword=%s\n", access->content);
	return fflush(out) == 0 ? 0 : -errno;
}
