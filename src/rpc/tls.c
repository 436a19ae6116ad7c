/*
 * Contexts and names of TLS; see tls.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>

#include "common/log.h"
#include "model/utf8.h"
#include "rpc/tls.h"

#define WORDS_MAX 1024

struct tls {
	const struct tls_files *files; /* not owned */
	pthread_mutex_t lock;
	SSL_CTX *context; /* guarded by lock; counted */
};

void tls_files_clear(struct tls_files *files)
{
	free(files->certificate);
	free(files->key);
	free(files->client_ca);
	*files = (struct tls_files){};
}

/* Logs why OpenSSL could not do something, in its own words, and clears its errors. */
static void log_errors(const char *what)
{
	unsigned long error = ERR_get_error();
	char reason[REASON_MAX];

	ERR_error_string_n(error, reason, sizeof(reason));
	log_error("%s: %s", what, error ? reason : "unknown reason");
	ERR_clear_error();
}

void tls_explain(const SSL *ssl, char ret[REASON_MAX])
{
	long verified = SSL_get_verify_result(ssl);
	const char *reason = ERR_reason_error_string(ERR_peek_error());

	(void)snprintf(ret, REASON_MAX, "%s",
		       verified != X509_V_OK ? X509_verify_cert_error_string(verified)
		       : reason		     ? reason
					     : "unknown reason");
}

/* HTTP/2 or nothing: gRPC has no other form. */
static int choose_protocol(SSL *ssl, const unsigned char **ret, unsigned char *ret_size,
			   const unsigned char *offered, unsigned size, void *userdata)
{
	static const unsigned char h2[] = { 2, 'h', '2' };

	(void)ssl, (void)userdata;
	return SSL_select_next_proto((unsigned char **)ret, ret_size, h2, sizeof(h2), offered,
				     size) == OPENSSL_NPN_NEGOTIATED
		       ? SSL_TLSEXT_ERR_OK
		       : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* A daemon has nobody to ask for it. */
static int no_passphrase(char *buffer, int size, int rwflag, void *userdata)
{
	(void)buffer, (void)size, (void)rwflag, (void)userdata;
	return -1;
}

/*
 * Sessions are not resumed: a client whose certificate is signed by an authority that has been
 * taken off the file would come back. An operation returns after each record, also one without data
 * (KeyUpdate, say): by default OpenSSL goes on for as long as a client sends such records, and
 * nobody else would be served. What is in the file of authorities is trusted, be it a root or not.
 */
static SSL_CTX *make_context(void)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());

	if (!context)
		return NULL;
	SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
					     SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_num_tickets(context, 0);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
					  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					  SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
	X509_STORE_set_flags(SSL_CTX_get_cert_store(context), X509_V_FLAG_PARTIAL_CHAIN);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
	SSL_CTX_set_default_passwd_cb(context, no_passphrase);
	return context;
}

/* A key of the configuration and the file that it names. */
struct named_file {
	const char *key, *path;
};

/* Says which file is wrong; none where all are loaded. */
static struct named_file load_files(SSL_CTX *context, const struct tls_files *files)
{
	STACK_OF(X509_NAME) * asked; /* tells clients with several certificates which to show */

	if (SSL_CTX_use_certificate_chain_file(context, files->certificate) != 1)
		return (struct named_file){ "Certificate", files->certificate };
	if (SSL_CTX_use_PrivateKey_file(context, files->key, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(context) != 1)
		return (struct named_file){ "Key", files->key };
	if (SSL_CTX_load_verify_file(context, files->client_ca) != 1 ||
	    !(asked = SSL_load_client_CA_file(files->client_ca)))
		return (struct named_file){ "ClientCA", files->client_ca };
	SSL_CTX_set_client_CA_list(context, asked);
	return (struct named_file){};
}

int tls_reload(struct tls *tls)
{
	SSL_CTX *context, *former;
	struct named_file wrong;

	ERR_clear_error();
	context = make_context();
	if (!context)
		return -ENOMEM;
	wrong = load_files(context, tls->files);
	if (wrong.key) {
		char what[WORDS_MAX];

		(void)snprintf(what, sizeof(what), "%s=%s in [Listen] of indexerd.conf", wrong.key,
			       wrong.path);
		log_errors(what);
		SSL_CTX_free(context);
		return -EINVAL;
	}
	pthread_mutex_lock(&tls->lock);
	former = tls->context;
	tls->context = context;
	pthread_mutex_unlock(&tls->lock);
	SSL_CTX_free(former);
	return 0;
}

static int check_given(const struct tls_files *files)
{
	if (files->certificate && files->key && files->client_ca)
		return 0;
	log_error("[Listen] of indexerd.conf must have Certificate=, Key= and ClientCA= where "
		  "indexerd-tls.socket is enabled");
	return -EINVAL;
}

int tls_new(const struct tls_files *files, struct tls **ret)
{
	_cleanup_(tls_freep) struct tls *tls = NULL;
	int r = check_given(files);

	if (r < 0)
		return r;
	tls = calloc(1, sizeof(*tls));
	if (!tls)
		return -ENOMEM;
	tls->files = files;
	pthread_mutex_init(&tls->lock, NULL);
	r = tls_reload(tls);
	if (r < 0)
		return r;
	*ret = TAKE(tls);
	return 0;
}

struct tls *tls_free(struct tls *tls)
{
	if (!tls)
		return NULL;
	SSL_CTX_free(tls->context);
	pthread_mutex_destroy(&tls->lock);
	free(tls);
	return NULL;
}

SSL *tls_open(struct tls *tls, int fd)
{
	SSL *ssl;

	pthread_mutex_lock(&tls->lock);
	ssl = SSL_new(tls->context);
	pthread_mutex_unlock(&tls->lock);
	if (ssl && SSL_set_fd(ssl, fd) != 1) {
		SSL_free(ssl);
		return NULL;
	}
	return ssl;
}

/* Names go into messages and the log. */
static bool is_printable(const char *text, size_t size)
{
	uint32_t c;

	for (size_t i = 0, n; i < size; i += n) {
		n = utf8_decode(text + i, size - i, &c);
		if (n == 0 || c < ' ' || (c >= 0x7f && c < 0xa0))
			return false;
	}
	return true;
}

static int add_text(struct name_list *names, const void *text, int size)
{
	char name[SUBJECT_MAX];

	if (size <= 0 || size >= SUBJECT_MAX || !is_printable(text, (size_t)size))
		return 0;
	memcpy(name, text, (size_t)size);
	name[size] = '\0';
	return name_list_add(names, name);
}

static int add_common_names(struct name_list *names, const X509_NAME *subject)
{
	int at = -1, r = 0;

	while (r == 0 &&
	       (at = X509_NAME_get_index_by_NID((X509_NAME *)subject, NID_commonName, at)) >= 0) {
		const X509_NAME_ENTRY *entry = X509_NAME_get_entry(subject, at);
		unsigned char *text = NULL;
		int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(entry));

		r = add_text(names, text, size);
		OPENSSL_free(text);
	}
	return r;
}

static int add_address(struct name_list *names, const ASN1_OCTET_STRING *address)
{
	char text[INET6_ADDRSTRLEN];
	int size = ASN1_STRING_length(address);
	int family = size == 4 ? AF_INET : AF_INET6;

	if ((size != 4 && size != 16) ||
	    !inet_ntop(family, ASN1_STRING_get0_data(address), text, sizeof(text)))
		return 0;
	return name_list_add(names, text);
}

static int add_general_name(struct name_list *names, const GENERAL_NAME *name)
{
	switch (name->type) {
	case GEN_DNS:
	case GEN_EMAIL:
	case GEN_URI: /* all three are one kind of string */
		return add_text(names, ASN1_STRING_get0_data(name->d.ia5),
				ASN1_STRING_length(name->d.ia5));
	case GEN_IPADD:
		return add_address(names, name->d.iPAddress);
	default:
		return 0;
	}
}

static int add_alternative_names(struct name_list *names, const X509 *certificate)
{
	GENERAL_NAMES *all = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	int r = 0;

	for (int i = 0; all && r == 0 && i < sk_GENERAL_NAME_num(all); i++)
		r = add_general_name(names, sk_GENERAL_NAME_value(all, i));
	GENERAL_NAMES_free(all);
	return r;
}

int tls_peer_names(const SSL *ssl, struct name_list *ret)
{
	const X509 *certificate = SSL_get0_peer_certificate(ssl);
	struct name_list names = {};
	int r = add_common_names(&names, X509_get_subject_name(certificate));

	r = r < 0 ? r : add_alternative_names(&names, certificate);
	if (r < 0) {
		name_list_clear(&names);
		return r;
	}
	*ret = names;
	return 0;
}
