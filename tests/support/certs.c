#include "support/certs.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/array.h"

#define DAY_S 86400

static void need(bool done, const char *what)
{
    if (done)
        return;
    fprintf(stderr, "certs: %s\n", what);
    abort();
}

static EVP_PKEY *make_key(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");

    need(key, "a key");
    return key;
}

static void add_extension(X509 *x, int nid, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    need(e && X509_add_ext(x, e, -1), value);
    X509_EXTENSION_free(e);
}

/* Returns a certificate that is valid for ten days from `from_day` on. issuer NULL: an authority
 * that signs itself. */
static X509 *make_cert(const char *cn, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key,
                       int from_day)
{
    static long serial;
    const unsigned char *name = (const unsigned char *)cn;
    X509 *x = X509_new();

    need(x && X509_set_version(x, 2) && X509_set_pubkey(x, key), "X509");
    ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(x), (long)from_day * DAY_S);
    X509_gmtime_adj(X509_getm_notAfter(x), (long)(from_day + 10) * DAY_S);
    if (cn[0])
        need(X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, name, -1, -1,
                                        0),
             cn);
    X509_set_issuer_name(x, X509_get_subject_name(issuer ? issuer : x));
    if (issuer)
        add_extension(x, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1");
    else
        add_extension(x, NID_basic_constraints, "critical,CA:TRUE");
    need(X509_sign(x, issuer_key, EVP_sha256()), "a signature");
    return x;
}

static FILE *create(struct certs *c, char path[CERTS_PATH], const char *name)
{
    FILE *f;

    (void)snprintf(path, CERTS_PATH, "%s/%s", c->dir, name);
    f = fopen(path, "we");
    need(f, path);
    return f;
}

static void write_cert(struct certs *c, char path[CERTS_PATH], const char *name, X509 *x)
{
    FILE *f = create(c, path, name);

    need(PEM_write_X509(f, x), path);
    fclose(f);
    X509_free(x);
}

static void write_key(struct certs *c, char path[CERTS_PATH], const char *name, EVP_PKEY *key,
                      const char *password)
{
    FILE *f = create(c, path, name);

    need(PEM_write_PKCS8PrivateKey(f, key, password ? EVP_aes_128_cbc() : NULL, NULL, 0, NULL,
                                   (void *)(uintptr_t)password),
         path);
    fclose(f);
}

static void write_strangers(struct certs *c)
{
    EVP_PKEY *key = make_key();
    EVP_PKEY *rsa = EVP_RSA_gen(2048);
    FILE *f;

    write_cert(c, c->other_ca, "other-ca.pem", make_cert("Other CA", key, NULL, key, -1));
    write_key(c, c->other_key, "other-key.pem", key, NULL);
    write_key(c, c->rsa_key, "rsa-key.pem", rsa, NULL);
    f = create(c, c->junk, "junk.pem");
    fputs("this is not a certificate\n", f);
    fclose(f);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(key);
}

void certs_make(struct certs *c)
{
    EVP_PKEY *ca_key = make_key();
    EVP_PKEY *key = make_key();
    X509 *ca = make_cert("Test CA", ca_key, NULL, ca_key, -1);

    *c = (struct certs){ .dir = "/tmp/eventhub-certs-XXXXXX" };
    need(mkdtemp(c->dir), c->dir);
    write_cert(c, c->cert, "cert.pem", make_cert("first", key, ca, ca_key, -1));
    write_cert(c, c->second, "second.pem", make_cert("second", key, ca, ca_key, -1));
    write_cert(c, c->nameless, "nameless.pem", make_cert("", key, ca, ca_key, -1));
    write_cert(c, c->expired, "expired.pem", make_cert("expired", key, ca, ca_key, -20));
    write_key(c, c->key, "key.pem", key, NULL);
    write_key(c, c->encrypted_key, "encrypted-key.pem", key, "secret");
    write_cert(c, c->ca, "ca.pem", ca);
    write_strangers(c);
    EVP_PKEY_free(key);
    EVP_PKEY_free(ca_key);
}

void certs_remove(struct certs *c)
{
    const char *const paths[] = { c->ca,      c->cert,          c->key,      c->expired,
                                  c->second,  c->nameless,      c->other_ca, c->other_key,
                                  c->rsa_key, c->encrypted_key, c->junk };

    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        (void)unlink(paths[i]);
    (void)rmdir(c->dir);
}
