/*
 * The key of a checkout; see source-key.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "model/source-key.h"

#include <assert.h>
#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#include "common/util.h"

static void hash_free(EVP_MD_CTX *hash)
{
	EVP_MD_CTX_free(hash);
}
DEFINE_CLEANUP(EVP_MD_CTX, hash_free);

/* A letter says what the text is and the NUL ends it, so that no two lists are one text. */
static bool add(EVP_MD_CTX *hash, char what, const char *text)
{
	return EVP_DigestUpdate(hash, &what, 1) == 1 &&
	       EVP_DigestUpdate(hash, text, strlen(text) + 1) == 1;
}

static bool add_build(EVP_MD_CTX *hash, const struct source_build *build)
{
	bool good = add(hash, 'd', build->dir);

	for (size_t i = 0; i < build->n_words && good; i++)
		good = build->words[i] ? add(hash, 'w', build->words[i]) : add(hash, 'e', "");
	return good;
}

int source_key(const struct source *source, const char *commit, const struct source_build *build,
	       char ret[static SOURCE_KEY_MAX])
{
	_cleanup_(hash_freep) EVP_MD_CTX *hash = EVP_MD_CTX_new();
	const char *where = source->kind == SOURCE_GIT ? source->url : source->path;
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n;

	assert(where);
	if (!hash || EVP_DigestInit_ex(hash, EVP_sha256(), NULL) != 1 ||
	    !add(hash, source->kind == SOURCE_GIT ? 'g' : 'a', where) || !add(hash, 'c', commit) ||
	    (source->credential && !add(hash, 'r', source->credential)) ||
	    (build && !add_build(hash, build)) || EVP_DigestFinal_ex(hash, digest, &n) != 1)
		return -ENOMEM;
	assert(2 * n + 1 == SOURCE_KEY_MAX);
	source_hex(digest, n, ret);
	return 0;
}

bool source_key_is_valid(const char *key)
{
	return strlen(key) == SOURCE_KEY_MAX - 1 &&
	       strspn(key, "0123456789abcdef") == SOURCE_KEY_MAX - 1;
}

void source_hex(const unsigned char *bytes, size_t n, char *ret)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		*ret++ = digits[bytes[i] >> 4];
		*ret++ = digits[bytes[i] & 15];
	}
	*ret = '\0';
}
