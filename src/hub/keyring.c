#include "hub/keyring.h"

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/mem.h"
#include "hub/key_rules.h"
#include "hub/keyring_parts.h"

#define ECDSA_DER_MAX 144 /* P-521 needs at most 141 bytes */

_Static_assert(KEYRING_MAX == 64 && KEYRING_KID_MAX == 256 && KEYRING_TRIES == 16,
               "as the texts say");
_Static_assert(KEY_ALGORITHMS_N < 32, "they fit into an unsigned");

struct key {
    char *kid;           /* "": it accepts any kid */
    char *secret;        /* of HS algorithms */
    EVP_PKEY *pkey;      /* of all others */
    unsigned algorithms; /* a bit for each (KEY_BIT) */
    size_t secret_n;
};

struct keyring {
    atomic_uint refs;
    size_t n;
    struct key keys[KEYRING_MAX];
};

#define WRONG_SIGNATURE "the token's signature is wrong"
#define WRONG_ALGORITHM "the token's algorithm (alg) is not accepted"

/* The reasons that keyring_may_lack_key knows by their addresses. */
static const char unknown_kid[] = "the token's kid is unknown";
static const char unnamed_signature[] = WRONG_SIGNATURE;
static const char unnamed_algorithm[] = WRONG_ALGORITHM;

struct keyring *keyring_create(void)
{
    struct keyring *ring = mem_zalloc(sizeof(*ring));

    atomic_init(&ring->refs, 1);
    return ring;
}

struct keyring *keyring_ref(struct keyring *ring)
{
    atomic_fetch_add_explicit(&ring->refs, 1, memory_order_relaxed);
    return ring;
}

size_t keyring_count(const struct keyring *ring)
{
    return ring->n;
}

void keyring_unref(struct keyring *ring)
{
    if (!ring || atomic_fetch_sub_explicit(&ring->refs, 1, memory_order_acq_rel) > 1)
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

#define TOO_MANY      "there are more than 64 keys"
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

/* Appends a key, which now belongs to the ring, if there is room. */
static const char *append(struct keyring *ring, struct str kid, struct key k)
{
    if (ring->n == KEYRING_MAX)
        return TOO_MANY;
    k.kid = mem_dup(kid.p, kid.n);
    ring->keys[ring->n++] = k;
    return NULL;
}

const char *keyring_add_secret(struct keyring *ring, struct str kid, unsigned algorithms,
                               struct str secret)
{
    struct key k = { .algorithms = algorithms, .secret_n = secret.n };
    const char *why = key_secret_fault(secret);

    if (why)
        return why;
    k.secret = mem_dup(secret.p, secret.n);
    why = append(ring, kid, k);
    if (why) {
        OPENSSL_cleanse(k.secret, k.secret_n);
        free(k.secret);
    }
    return why;
}

const char *keyring_add_pkey(struct keyring *ring, struct str kid, unsigned algorithms,
                             EVP_PKEY *pkey)
{
    struct key k = { .pkey = pkey };
    const char *why = NULL, *first_why = NULL;

    for (enum key_algorithm a = 0; a < KEY_ALGORITHMS_N; a++) {
        if (!(algorithms & KEY_BIT(a)))
            continue;
        why = key_fault(a, pkey);
        first_why = first_why ? first_why : why;
        if (!why)
            k.algorithms |= KEY_BIT(a);
    }
    ERR_clear_error();
    if (k.algorithms == 0)
        return first_why;
    why = append(ring, kid, k);
    if (!why)
        EVP_PKEY_up_ref(pkey);
    return why;
}

/* Adds the key of a PEM text for these algorithms or, if there are none, for all that it fits. */
static const char *add_pem(struct keyring *ring, struct str kid, unsigned algorithms,
                           struct str pem)
{
    const char *why = NO_PUBLIC_KEY;
    EVP_PKEY *pkey = pem.n <= KEYRING_PEM_MAX ? parse_pem(pem, &why) : NULL;

    if (pkey)
        why = keyring_add_pkey(ring, kid, algorithms ? algorithms : key_fits(pkey), pkey);
    EVP_PKEY_free(pkey);
    return why;
}

const char *keyring_add(struct keyring *ring, struct str kid, enum key_algorithm a, struct str key)
{
    const char *why = kid_fault(ring, kid);

    if (why)
        return why;
    return key_algorithm_is_public(a) ? add_pem(ring, kid, KEY_BIT(a), key)
                                      : keyring_add_secret(ring, kid, KEY_BIT(a), key);
}

const char *keyring_add_public(struct keyring *ring, struct str pem)
{
    return add_pem(ring, STR(""), 0, pem);
}

/* Returns the first algorithm of a key. */
static enum key_algorithm algorithm_of(const struct key *k)
{
    return (enum key_algorithm)__builtin_ctz(k->algorithms);
}

bool keyring_has_short_secret(const struct keyring *ring)
{
    for (size_t i = 0; i < ring->n; i++) {
        const struct key *k = &ring->keys[i];

        if (k->secret && k->secret_n < key_rules[algorithm_of(k)].signature_n)
            return true;
    }
    return false;
}

/* ---- a token ---- */

static bool has_kid(const struct key *k, struct str kid)
{
    return kid.p && k->kid[0] && str_eq(kid, str_of(k->kid));
}

static bool is_for_kid(const struct key *k, struct str kid)
{
    return !kid.p || !k->kid[0] || has_kid(k, kid);
}

/* Compares in constant time: otherwise the time would show how much of a guess is right. */
static bool verifies_secret(const struct key *k, enum key_algorithm a,
                            const struct keyring_token *token)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    const unsigned char *text = (const unsigned char *)token->signed_text.p;
    bool holds = HMAC(key_rules[a].hash(), k->secret, (int)k->secret_n, text, token->signed_text.n,
                      mac, NULL) &&
                 CRYPTO_memcmp(mac, token->signature.p, key_rules[a].signature_n) == 0;

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

static bool verifies_digest(EVP_PKEY *pkey, enum key_algorithm a, struct str text,
                            const unsigned char *sig, size_t sig_n)
{
    const EVP_MD *hash = key_rules[a].hash ? key_rules[a].hash() : NULL;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *padding = NULL; /* belongs to ctx */
    bool holds = ctx && EVP_DigestVerifyInit(ctx, &padding, hash, NULL, pkey) == 1 &&
                 key_set_padding(a, padding) &&
                 EVP_DigestVerify(ctx, sig, sig_n, (const unsigned char *)text.p, text.n) == 1;

    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return holds;
}

static bool verifies(const struct key *k, enum key_algorithm a, const struct keyring_token *token)
{
    const unsigned char *signature = (const unsigned char *)token->signature.p;
    size_t fixed_n = key_rules[a].signature_n;
    unsigned char der[ECDSA_DER_MAX];
    int n;

    if (token->signature.n != (fixed_n ? fixed_n : (size_t)EVP_PKEY_get_size(k->pkey)))
        return false;
    if (k->secret)
        return verifies_secret(k, a, token);
    if (key_rules[a].family != KEY_FAMILY_EC)
        return verifies_digest(k->pkey, a, token->signed_text, signature, token->signature.n);
    n = encode_ecdsa(token->signature, der);
    return n > 0 && verifies_digest(k->pkey, a, token->signed_text, der, (size_t)n);
}

const char *keyring_verify(const struct keyring *ring, const struct keyring_token *token,
                           struct keyring_key *ret_key)
{
    enum key_algorithm a;
    bool is_supported = key_algorithm_parse(token->algorithm, &a);
    bool is_public = is_supported && key_algorithm_is_public(a);
    bool kid_is_known = false, is_named = false;
    size_t tries = 0;

    for (size_t i = 0; i < ring->n; i++) {
        const struct key *k = &ring->keys[i];

        if (!is_for_kid(k, token->kid))
            continue;
        kid_is_known = true;
        is_named |= has_kid(k, token->kid);
        if (!is_supported || !(k->algorithms & KEY_BIT(a)))
            continue;
        if (++tries > KEYRING_TRIES)
            return "the token must have a kid: more than 16 keys have its algorithm";
        if (verifies(k, a, token)) {
            *ret_key = (struct keyring_key){ a, str_of(k->kid), i };
            return NULL;
        }
    }
    if (!kid_is_known)
        return unknown_kid;
    if (tries)
        return is_named ? WRONG_SIGNATURE : unnamed_signature;
    return is_named || !is_public ? WRONG_ALGORITHM : unnamed_algorithm;
}

bool keyring_may_lack_key(const char *why)
{
    return why == unknown_kid || why == unnamed_signature || why == unnamed_algorithm;
}

bool keyring_find_secret(const struct keyring *ring, struct str kid, struct keyring_key *ret_key,
                         struct str *ret_secret)
{
    for (size_t i = 0; i < ring->n; i++) {
        const struct key *k = &ring->keys[i];

        if (!k->secret || (kid.n && !is_for_kid(k, kid)))
            continue;
        *ret_key = (struct keyring_key){ algorithm_of(k), str_of(k->kid), i };
        *ret_secret = str_make(k->secret, k->secret_n);
        return true;
    }
    return false;
}
