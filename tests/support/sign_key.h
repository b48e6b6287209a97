/* sign_key.h - public keys in PEM and tokens that are signed with a key pair.
 * Owns:    nothing; the functions return C strings for the caller to free.
 */
#ifndef EH_TESTS_SIGN_KEY_H
#define EH_TESTS_SIGN_KEY_H

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "../support/sign.h"

/* Takes what was written and frees the BIO. */
static inline char *key_take_text(BIO *bio)
{
    char *data, *text;
    long n = BIO_get_mem_data(bio, &data);

    text = mem_dup(data, (size_t)n);
    BIO_free(bio);
    return text;
}

static inline char *key_public_pem(EVP_PKEY *pkey)
{
    BIO *bio = BIO_new(BIO_s_mem());

    if (PEM_write_bio_PUBKEY(bio, pkey) != 1)
        abort();
    return key_take_text(bio);
}

/* RSA only: the form of PKCS#1. */
static inline char *key_pkcs1_pem(EVP_PKEY *pkey)
{
    BIO *bio = BIO_new(BIO_s_mem());
    unsigned char *der = NULL;
    int n = i2d_PublicKey(pkey, &der);

    if (n <= 0 || PEM_write_bio(bio, PEM_STRING_RSA_PUBLIC, "", der, n) <= 0)
        abort();
    OPENSSL_free(der);
    return key_take_text(bio);
}

/* With a passphrase if there is a cipher. */
static inline char *key_private_pem(EVP_PKEY *pkey, const EVP_CIPHER *cipher)
{
    BIO *bio = BIO_new(BIO_s_mem());

    if (PEM_write_bio_PrivateKey(bio, pkey, cipher, (const unsigned char *)"pass", 4, NULL, NULL) !=
        1)
        abort();
    return key_take_text(bio);
}

static inline bool key_has_own_hash(EVP_PKEY *pkey)
{
    int kind = EVP_PKEY_get_base_id(pkey);

    return kind == EVP_PKEY_ED25519 || kind == EVP_PKEY_ED448;
}

/* A certificate of the key, signed with it, that expired long ago; with its description, as
 * `openssl x509 -text` prints it, before the PEM block. */
static inline char *key_certificate_pem(EVP_PKEY *pkey)
{
    BIO *bio = BIO_new(BIO_s_mem());
    X509 *certificate = X509_new();

    if (!certificate || X509_set_version(certificate, X509_VERSION_3) != 1 ||
        !ASN1_TIME_set_string(X509_getm_notBefore(certificate), "20000101000000Z") ||
        !ASN1_TIME_set_string(X509_getm_notAfter(certificate), "20010101000000Z") ||
        X509_set_pubkey(certificate, pkey) != 1 ||
        X509_sign(certificate, pkey, key_has_own_hash(pkey) ? NULL : EVP_sha256()) == 0 ||
        X509_print(bio, certificate) != 1 || PEM_write_bio_X509(bio, certificate) != 1)
        abort();
    X509_free(certificate);
    return key_take_text(bio);
}

/* The parameters of a signature; Ed25519 needs none. */
struct sign_way {
    const EVP_MD *hash;
    const EVP_MD *mgf1; /* NULL: not PSS */
    int salt_n;         /* PSS: bytes, or a constant of OpenSSL */
};

static inline void sign_digest(EVP_PKEY *pkey, const struct sign_way *way, struct str input,
                               struct buf *out)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *padding = NULL;
    size_t n = (size_t)EVP_PKEY_get_size(pkey);
    const EVP_MD *hash = key_has_own_hash(pkey) ? NULL : way->hash;

    if (EVP_DigestSignInit(ctx, &padding, hash, NULL, pkey) != 1 ||
        (way->mgf1 && (EVP_PKEY_CTX_set_rsa_padding(padding, RSA_PKCS1_PSS_PADDING) != 1 ||
                       EVP_PKEY_CTX_set_rsa_mgf1_md(padding, way->mgf1) != 1 ||
                       EVP_PKEY_CTX_set_rsa_pss_saltlen(padding, way->salt_n) != 1)) ||
        EVP_DigestSign(ctx, (unsigned char *)buf_reserve(out, n), &n,
                       (const unsigned char *)input.p, input.n) != 1)
        abort();
    buf_commit(out, n);
    EVP_MD_CTX_free(ctx);
}

/* Converts a signature from the ASN.1 of OpenSSL to the form of a token: two numbers of half_n
 * bytes (RFC 7518 3.4). */
static inline void sign_ec_raw(struct buf *signature, size_t half_n)
{
    const unsigned char *der = (const unsigned char *)buf_head(signature);
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)buf_used(signature));
    unsigned char raw[132];

    if (!sig || BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, (int)half_n) < 0 ||
        BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + half_n, (int)half_n) < 0)
        abort();
    ECDSA_SIG_free(sig);
    buf_clear(signature);
    buf_add(signature, raw, 2 * half_n);
}

/* Signs in this way, whatever the header says. */
static inline char *sign_token_in_way(struct str header, struct str payload, EVP_PKEY *pkey,
                                      const struct sign_way *way)
{
    struct buf text = { 0 }, signature = { 0 };
    char *token;

    sign_add_base64url(&text, header);
    buf_add_char(&text, '.');
    sign_add_base64url(&text, payload);
    sign_digest(pkey, way, buf_str(&text), &signature);
    if (EVP_PKEY_get_base_id(pkey) == EVP_PKEY_EC)
        sign_ec_raw(&signature, (size_t)(EVP_PKEY_get_bits(pkey) + 7) / 8);
    buf_add_char(&text, '.');
    sign_add_base64url(&text, buf_str(&signature));
    token = mem_dup(buf_head(&text), buf_used(&text));
    buf_done(&signature);
    buf_done(&text);
    return token;
}

/* Signs with SHA-256 and the kind of signature that fits the key, whatever the header says. */
static inline char *sign_token_with(struct str header, struct str payload, EVP_PKEY *pkey)
{
    const struct sign_way way = { .hash = EVP_sha256() };

    return sign_token_in_way(header, payload, pkey, &way);
}

#endif
