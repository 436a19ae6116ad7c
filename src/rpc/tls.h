/*
 * What a TLS connection is made with: our certificate and key, and whose clients are let in.
 *
 * A new certificate counts for new connections; those that are open go on with what they began
 * with.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <openssl/ssl.h>

#include "rpc/rights.h"

/* Paths of PEM files; the strings are owned. */
struct tls_files {
	char *certificate; /* ours, with what lies between it and its root */
	char *key;
	char *client_ca; /* who has signed the clients' */
};

void tls_files_clear(struct tls_files *files);

struct tls;

/*
 * Reads the files, whose names are lent for as long as the object lives. 0, -ENOMEM, or -EINVAL
 * where one cannot be used, with a line in the log. On success *ret is owned by the caller.
 */
int tls_new(const struct tls_files *files, struct tls **ret);

/* Takes NULL, returns NULL; connections need it no more. */
struct tls *tls_free(struct tls *tls);
DEFINE_CLEANUP(struct tls, tls_free);

/* Reads the files anew; as tls_new(), and where that fails, what was there stays. Any thread. */
int tls_reload(struct tls *tls);

/* The server's side of a connection over a connected socket, which is not owned; or NULL. Any
 * thread. */
SSL *tls_open(struct tls *tls, int fd);

/*
 * Names of the client's certificate after the handshake: its common names, then its alternative
 * names (DNS, URI, e-mail, IP address). One that is not printable UTF-8, or of SUBJECT_MAX bytes or
 * more, is left out. 0 or -ENOMEM.
 */
int tls_peer_names(const SSL *ssl, struct name_list *ret);

/* Room for the words below, with the NUL. */
#define REASON_MAX 256

/* Says why the last handshake has failed, in OpenSSL's words; its errors are left to be cleared. */
void tls_explain(const SSL *ssl, char ret[REASON_MAX]);
