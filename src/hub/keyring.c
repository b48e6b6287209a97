#include "hub/keyring.h"

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include "base/mem.h"
#include "hub/key_rules.h"

#define ECDSA_DER_MAX 144 /* P-521 needs at most 141 bytes */

_Static_assert(KEYRING_MAX == 16 && KEYRING_KID_MAX == 256, "as the texts say");

struct key {
    char *kid;      /* "": it accepts any kid */
    char *secret;   /* of HS algorithms */
    EVP_PKEY *pkey; /* of all others */
    size_t secret_n;
    size_t signature_n; /* bytes of a signature */
    enum key_algorithm algorithm;
};

struct keyring {
    struct key keys[KEYRING_MAX];
    size_t n;
};

struct keyring *keyring_create(void)
{
    return mem_zalloc(sizeof(struct keyring));
}

void keyring_free(struct keyring *ring)
{
    if (!ring)
        return;
    for (size_t i = 0; i < ring->n; i++) {
        free(ring->keys[i].kid);
        if (ring->keys[i].secret)
            OPENSSL_cleanse(ring->keys[i].secret, ring->keys[i].secret_n);
        free(ring->keys[i].secret);
        EVP_PKEY_free(ring->keys[i].pkey);
    }
    free(ring);
}

/* ---- a new key ---- */

#define TOO_MANY      "there are more than 16 keys"
#define NO_PUBLIC_KEY "the key is not a public key or a certificate in PEM"
#define IS_PRIVATE                                                                                 \
    "the key is not a public key but a private one (openssl pkey -in FILE -pubout converts it)"

/* Takes only the key: who issued the certificate, and until when, is not checked. */
static EVP_PKEY *certificate_key(const unsigned char *data, long n)
{
    X509 *certificate = d2i_X509(NULL, &data, n);
    EVP_PKEY *pkey = certificate ? X509_get_pubkey(certificate) : NULL;

    X509_free(certificate);
    return pkey;
}

/* Returns the public key in the block; NULL: the block is of another kind, or is malformed. */
static EVP_PKEY *pem_block_key(struct str label, const unsigned char *data, long n)
{
    if (str_eq(label, STR(PEM_STRING_PUBLIC)))
        return d2i_PUBKEY(NULL, &data, n);
    if (str_eq(label, STR(PEM_STRING_RSA_PUBLIC))) /* PKCS#1 */
        return d2i_PublicKey(EVP_PKEY_RSA, NULL, &data, n);
    if (str_eq(label, STR(PEM_STRING_X509)) || str_eq(label, STR(PEM_STRING_X509_OLD)) ||
        str_eq(label, STR(PEM_STRING_X509_TRUSTED)))
        return certificate_key(data, n);
    return NULL;
}

/* Reads the first public key or certificate: the first certificate of a chain is the one that is
 * meant. Skips blocks of other kinds, text around the blocks and a byte order mark. Nothing is
 * decrypted, so OpenSSL never asks for a passphrase. */
static EVP_PKEY *parse_pem(struct str pem, const char **ret_why)
{
    static const struct str mark = { "\xef\xbb\xbf", 3 };
    struct str text = str_starts_with(pem, mark) ? str_skip(pem, mark.n) : pem;
    BIO *bio = BIO_new_mem_buf(text.p, (int)text.n);
    char *label = NULL, *header = NULL;
    unsigned char *data = NULL;
    long n = 0;
    EVP_PKEY *pkey = NULL;

    *ret_why = NO_PUBLIC_KEY;
    while (!pkey && bio && PEM_read_bio(bio, &label, &header, &data, &n) == 1) {
        pkey = pem_block_key(str_of(label), data, n);
        if (strstr(label, "PRIVATE KEY"))
            *ret_why = IS_PRIVATE;
        OPENSSL_free(label);
        OPENSSL_free(header);
        OPENSSL_free(data);
    }
    BIO_free(bio);
    ERR_clear_error(); /* TLS in this thread reads the same queue */
    return pkey;
}

/* Takes a reference of the key. */
static const char *set_pkey(struct key *k, EVP_PKEY *pkey)
{
    const char *why = key_fault(k->algorithm, pkey);

    ERR_clear_error();
    if (why)
        return why;
    EVP_PKEY_up_ref(pkey);
    k->pkey = pkey;
    if (k->signature_n == 0)
        k->signature_n = (size_t)EVP_PKEY_get_size(pkey);
    return NULL;
}

static const char *set_public(struct key *k, struct str pem)
{
    const char *why = NO_PUBLIC_KEY;
    EVP_PKEY *pkey = pem.n <= KEYRING_PEM_MAX ? parse_pem(pem, &why) : NULL;

    if (pkey)
        why = set_pkey(k, pkey);
    EVP_PKEY_free(pkey);
    return why;
}

static const char *set_secret(struct key *k, struct str secret)
{
    const char *why = key_secret_fault(secret);

    if (why)
        return why;
    k->secret = mem_dup(secret.p, secret.n);
    k->secret_n = secret.n;
    return NULL;
}

static const char *kid_fault(const struct keyring *ring, struct str kid)
{
    if (kid.n > KEYRING_KID_MAX)
        return "the kid is longer than 256 bytes";
    for (size_t i = 0; kid.n && i < ring->n; i++) {
        if (str_eq(kid, str_of(ring->keys[i].kid)))
            return "the kid belongs to another key";
    }
    return NULL;
}

static struct key key_of(enum key_algorithm a)
{
    return (struct key){ .algorithm = a, .signature_n = key_rules[a].signature_n };
}

static void append(struct keyring *ring, struct str kid, struct key *k)
{
    k->kid = mem_dup(kid.p, kid.n);
    ring->keys[ring->n++] = *k;
}

const char *keyring_add(struct keyring *ring, struct str kid, enum key_algorithm a, struct str key)
{
    struct key k = key_of(a);
    const char *why = kid_fault(ring, kid);

    if (ring->n == KEYRING_MAX)
        return TOO_MANY;
    if (!why)
        why = key_algorithm_is_public(a) ? set_public(&k, key) : set_secret(&k, key);
    if (!why)
        append(ring, kid, &k);
    return why;
}

const char *keyring_add_public(struct keyring *ring, struct str pem)
{
    const char *why = NO_PUBLIC_KEY;
    EVP_PKEY *pkey = pem.n <= KEYRING_PEM_MAX ? parse_pem(pem, &why) : NULL;

    if (!pkey)
        return why;
    why = key_fault(key_suggests(pkey), pkey); /* otherwise it fits none */
    for (enum key_algorithm a = 0; !why && a < KEY_ALGORITHMS_N; a++) {
        struct key k = key_of(a);

        if (ring->n == KEYRING_MAX)
            why = TOO_MANY;
        else if (key_algorithm_is_public(a) && !set_pkey(&k, pkey))
            append(ring, STR(""), &k);
    }
    EVP_PKEY_free(pkey);
    ERR_clear_error();
    return why;
}

bool keyring_has_short_secret(const struct keyring *ring)
{
    for (size_t i = 0; i < ring->n; i++) {
        if (ring->keys[i].secret && ring->keys[i].secret_n < ring->keys[i].signature_n)
            return true;
    }
    return false;
}

/* ---- a token ---- */

static bool is_for_kid(const struct key *k, struct str kid)
{
    return !kid.p || !k->kid[0] || str_eq(kid, str_of(k->kid));
}

/* Compares in constant time: otherwise the time would show how much of a guess is right. */
static bool verifies_secret(const struct key *k, const struct keyring_token *token)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    const unsigned char *text = (const unsigned char *)token->signed_text.p;
    bool holds = HMAC(key_rules[k->algorithm].hash(), k->secret, (int)k->secret_n, text,
                      token->signed_text.n, mac, NULL) &&
                 CRYPTO_memcmp(mac, token->signature.p, k->signature_n) == 0;

    ERR_clear_error();
    return holds;
}

/* Encodes the two numbers of RFC 7518 3.4 in DER, as OpenSSL needs them. */
static int encode_ecdsa(struct str raw, unsigned char der[ECDSA_DER_MAX])
{
    const unsigned char *p = (const unsigned char *)raw.p;
    BIGNUM *r = BN_bin2bn(p, (int)raw.n / 2, NULL);
    BIGNUM *s = BN_bin2bn(p + raw.n / 2, (int)raw.n / 2, NULL);
    ECDSA_SIG *sig = ECDSA_SIG_new();
    int n = -1;

    if (sig && ECDSA_SIG_set0(sig, r, s) == 1) {
        n = i2d_ECDSA_SIG(sig, &der);
    } else {
        BN_free(r);
        BN_free(s);
    }
    ECDSA_SIG_free(sig);
    return n;
}

static bool verifies_digest(const struct key *k, struct str text, const unsigned char *sig,
                            size_t sig_n)
{
    const EVP_MD *hash = key_rules[k->algorithm].hash ? key_rules[k->algorithm].hash() : NULL;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *padding = NULL; /* belongs to ctx */
    bool holds = ctx && EVP_DigestVerifyInit(ctx, &padding, hash, NULL, k->pkey) == 1 &&
                 key_set_padding(k->algorithm, padding) &&
                 EVP_DigestVerify(ctx, sig, sig_n, (const unsigned char *)text.p, text.n) == 1;

    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return holds;
}

static bool verifies(const struct key *k, const struct keyring_token *token)
{
    const unsigned char *signature = (const unsigned char *)token->signature.p;
    unsigned char der[ECDSA_DER_MAX];
    int n;

    if (token->signature.n != k->signature_n)
        return false;
    if (!k->pkey)
        return verifies_secret(k, token);
    if (key_rules[k->algorithm].family != KEY_FAMILY_EC)
        return verifies_digest(k, token->signed_text, signature, token->signature.n);
    n = encode_ecdsa(token->signature, der);
    return n > 0 && verifies_digest(k, token->signed_text, der, (size_t)n);
}

static struct keyring_key describe(const struct keyring *ring, size_t i)
{
    const struct key *k = &ring->keys[i];

    return (struct keyring_key){ k->algorithm, str_of(k->kid), i };
}

const char *keyring_verify(const struct keyring *ring, const struct keyring_token *token,
                           struct keyring_key *ret_key)
{
    bool kid_is_known = false, was_tried = false;

    for (size_t i = 0; i < ring->n; i++) {
        const struct key *k = &ring->keys[i];

        if (!is_for_kid(k, token->kid))
            continue;
        kid_is_known = true;
        if (!str_eq(token->algorithm, str_of(key_rules[k->algorithm].name)))
            continue;
        was_tried = true;
        if (verifies(k, token)) {
            *ret_key = describe(ring, i);
            return NULL;
        }
    }
    if (!kid_is_known)
        return "the token's kid is unknown";
    return was_tried ? "the token's signature is wrong"
                     : "the token's algorithm (alg) is not accepted";
}

bool keyring_find_secret(const struct keyring *ring, struct str kid, struct keyring_key *ret_key,
                         struct str *ret_secret)
{
    for (size_t i = 0; i < ring->n; i++) {
        const struct key *k = &ring->keys[i];

        if (!k->secret || (kid.n && !is_for_kid(k, kid)))
            continue;
        *ret_key = describe(ring, i);
        *ret_secret = str_make(k->secret, k->secret_n);
        return true;
    }
    return false;
}
