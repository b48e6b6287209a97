/* The text that is signed is "<header>.<payload>" in base64url; the signature is the third part.
 * OpenSSL makes it in one of these forms:
 *
 *   HS256, HS384, HS512   HMAC: the bytes as they are
 *   RS, PS, EdDSA         RSASSA-PKCS1-v1_5, RSASSA-PSS, Ed25519: the bytes as they are
 *   ES256, ES384, ES512   ECDSA: OpenSSL returns DER, SEQUENCE { INTEGER r, INTEGER s }, of varying
 *                         length. A token has r and s as two numbers of 32, 48 or 66 bytes each
 *                         (RFC 7518, 3.4), with leading zeros: about one r in 256 has one.
 *
 * keyring.c does the reverse. Both empty OpenSSL's queue of errors, since TLS reads the same queue.
 */
#include "hub/token_sign.h"

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <stdlib.h>

#include "base/mem.h"
#include "hub/base64url.h"
#include "hub/key_rules.h"
#include "hub/token.h"
#include "proto/json.h"

#define ECDSA_MAX 132 /* bytes of r and s on P-521 */
#define TOO_LONG  "the token would be longer than 65536 bytes"

_Static_assert(TOKEN_MAX == 65536 && KEYRING_KID_MAX == 256, "as the texts say");

struct token_signer {
    enum key_algorithm algorithm;
    EVP_PKEY *pkey; /* NULL: the secret counts */
    size_t secret_n;
    char secret[KEYRING_KEY_MAX];
};

/* ---- keys ---- */

/* Called for an encrypted key. Without it OpenSSL would ask on the terminal. */
static int refuse_passphrase(char *out, int size, int is_writing, void *was_asked)
{
    (void)out;
    (void)size;
    (void)is_writing;
    *(bool *)was_asked = true;
    return -1;
}

/* Reads the first private key; NULL: there is none. */
static EVP_PKEY *parse_private(struct str pem, bool *ret_is_encrypted)
{
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    EVP_PKEY *pkey = NULL;

    *ret_is_encrypted = false;
    if (bio)
        pkey = PEM_read_bio_PrivateKey(bio, NULL, refuse_passphrase, ret_is_encrypted);
    BIO_free(bio);
    ERR_clear_error();
    return pkey;
}

bool token_key_is_pem(struct str key)
{
    static const struct str mark = { "-----BEGIN ", 11 };

    return key.n && memmem(key.p, key.n, mark.p, mark.n);
}

enum key_algorithm token_key_algorithm(struct str key, enum key_algorithm preferred)
{
    bool is_encrypted;
    EVP_PKEY *pkey;
    enum key_algorithm a = KEY_RS256;

    if (!token_key_is_pem(key))
        return key_algorithm_is_public(preferred) ? KEY_HS256 : preferred;
    pkey = key.n <= KEYRING_PEM_MAX ? parse_private(key, &is_encrypted) : NULL;
    if (pkey)
        a = key_fault(preferred, pkey) ? key_suggests(pkey) : preferred;
    EVP_PKEY_free(pkey);
    ERR_clear_error();
    return a;
}

static const char *set_private(struct token_signer *s, struct str pem)
{
    bool is_encrypted = false;
    const char *why;

    if (pem.n <= KEYRING_PEM_MAX)
        s->pkey = parse_private(pem, &is_encrypted);
    if (is_encrypted)
        return "the key is encrypted (openssl pkey -in FILE -out NEW-FILE decrypts it)";
    if (!s->pkey)
        return "the key is not a private key in PEM (a public key or a certificate cannot sign)";
    why = key_fault(s->algorithm, s->pkey);
    ERR_clear_error();
    return why;
}

static const char *set_secret(struct token_signer *s, struct str secret)
{
    const char *why = key_secret_fault(secret);

    if (why)
        return why;
    memcpy(s->secret, secret.p, secret.n);
    s->secret_n = secret.n;
    return NULL;
}

const char *token_signer_create(enum key_algorithm a, struct str key,
                                struct token_signer **ret_signer)
{
    struct token_signer *s = mem_zalloc(sizeof(*s));
    const char *why;

    s->algorithm = a;
    why = key_algorithm_is_public(a) ? set_private(s, key) : set_secret(s, key);
    if (why)
        token_signer_free(s);
    else
        *ret_signer = s;
    return why;
}

void token_signer_free(struct token_signer *s)
{
    if (!s)
        return;
    EVP_PKEY_free(s->pkey); /* OpenSSL overwrites private numbers */
    OPENSSL_cleanse(s, sizeof(*s));
    free(s);
}

/* ---- signatures ---- */

static bool sign_mac(const struct token_signer *s, struct str text, struct buf *out)
{
    unsigned char *mac = (unsigned char *)buf_reserve(out, EVP_MAX_MD_SIZE);
    unsigned n = 0;

    if (!HMAC(key_rules[s->algorithm].hash(), s->secret, (int)s->secret_n,
              (const unsigned char *)text.p, text.n, mac, &n))
        return false;
    buf_commit(out, n);
    return true;
}

static bool sign_digest(const struct token_signer *s, struct str text, struct buf *out)
{
    size_t n = (size_t)EVP_PKEY_get_size(s->pkey); /* the longest signature */
    unsigned char *signature = (unsigned char *)buf_reserve(out, n);
    const EVP_MD *hash = key_rules[s->algorithm].hash ? key_rules[s->algorithm].hash() : NULL;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *padding = NULL; /* belongs to ctx */
    bool is_signed = ctx && EVP_DigestSignInit(ctx, &padding, hash, NULL, s->pkey) == 1 &&
                     key_set_padding(s->algorithm, padding) &&
                     EVP_DigestSign(ctx, signature, &n, (const unsigned char *)text.p, text.n) == 1;

    EVP_MD_CTX_free(ctx);
    if (is_signed)
        buf_commit(out, n);
    return is_signed;
}

/* Replaces the DER of an ECDSA signature by r and s, raw_n bytes together. */
static bool convert_ecdsa(struct buf *signature, size_t raw_n)
{
    const unsigned char *der = (const unsigned char *)buf_head(signature);
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)buf_used(signature));
    unsigned char raw[ECDSA_MAX];
    int half = (int)raw_n / 2;
    bool fits = sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, half) == half &&
                BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + half, half) == half;

    ECDSA_SIG_free(sig);
    buf_clear(signature);
    if (fits)
        buf_add(signature, raw, raw_n);
    return fits;
}

static bool add_signature(const struct token_signer *s, struct buf *token)
{
    struct buf signature = { 0 };
    bool is_signed = s->pkey ? sign_digest(s, buf_str(token), &signature)
                             : sign_mac(s, buf_str(token), &signature);

    if (is_signed && key_rules[s->algorithm].family == KEY_FAMILY_EC)
        is_signed = convert_ecdsa(&signature, key_rules[s->algorithm].signature_n);
    ERR_clear_error();
    buf_add_char(token, '.');
    base64url_encode(buf_str(&signature), token);
    buf_done(&signature);
    return is_signed;
}

static void add_header(const struct token_signer *s, struct str kid, struct buf *token)
{
    struct buf header = { 0 };

    buf_addf(&header, "{\"alg\":\"%s\",\"typ\":\"JWT\"", key_rules[s->algorithm].name);
    if (kid.n) {
        buf_add_str(&header, STR(",\"kid\":"));
        json_add_string(&header, kid);
    }
    buf_add_char(&header, '}');
    base64url_encode(buf_str(&header), token);
    buf_done(&header);
}

const char *token_sign(const struct token_signer *s, struct str kid, struct str payload,
                       struct buf *ret_token)
{
    struct buf token = { 0 };
    const char *why = NULL;

    if (kid.n > KEYRING_KID_MAX)
        return "the kid is longer than 256 bytes";
    if (payload.n > TOKEN_MAX)
        return TOO_LONG;
    add_header(s, kid, &token);
    buf_add_char(&token, '.');
    base64url_encode(payload, &token);
    if (!add_signature(s, &token))
        why = "the key cannot sign";
    else if (buf_used(&token) > TOKEN_MAX)
        why = TOO_LONG;
    else
        buf_add_str(ret_token, buf_str(&token));
    buf_done(&token);
    return why;
}
