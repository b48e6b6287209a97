#include "net/tls_tickets.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

struct tls_tickets {
    pthread_mutex_t lock;
    uint64_t made_s;        /* when `newest` was made */
    uint64_t older_until_s; /* when `older` expires */
    bool has_newest, has_older;
    struct tls_ticket_key newest, older;
};

/* ---- the keys ---- */

struct tls_tickets *tls_tickets_create(void)
{
    struct tls_tickets *t = mem_zalloc(sizeof(*t));

    pthread_mutex_init(&t->lock, NULL);
    return t;
}

void tls_tickets_free(struct tls_tickets *t)
{
    if (!t)
        return;
    pthread_mutex_destroy(&t->lock);
    OPENSSL_cleanse(t, sizeof(*t));
    free(t);
}

/* Makes an expired newest key the older one, and wipes an expired older key. */
static void age(struct tls_tickets *t, uint64_t now_s)
{
    if (t->has_newest && now_s >= t->made_s + TLS_TICKET_S) {
        t->older = t->newest;
        t->older_until_s = t->made_s + 2 * TLS_TICKET_S;
        t->has_older = true;
        OPENSSL_cleanse(&t->newest, sizeof(t->newest));
        t->has_newest = false;
    }
    if (t->has_older && now_s >= t->older_until_s) {
        OPENSSL_cleanse(&t->older, sizeof(t->older));
        t->has_older = false;
    }
}

void tls_tickets_seal(struct tls_tickets *t, uint64_t now_s, struct tls_ticket_key *ret)
{
    pthread_mutex_lock(&t->lock);
    age(t, now_s);
    if (!t->has_newest) {
        if (RAND_bytes((unsigned char *)&t->newest, sizeof(t->newest)) != 1)
            mem_exhausted("OpenSSL"); /* only lack of memory makes its generator fail */
        t->has_newest = true;
        t->made_s = now_s;
    }
    *ret = t->newest;
    pthread_mutex_unlock(&t->lock);
}

static bool is_named(const struct tls_ticket_key *key, const unsigned char name[16])
{
    return memcmp(key->name, name, sizeof(key->name)) == 0;
}

enum tls_ticket_age tls_tickets_open(struct tls_tickets *t, uint64_t now_s,
                                     const unsigned char name[16], struct tls_ticket_key *ret)
{
    enum tls_ticket_age found = TLS_TICKET_UNKNOWN;

    pthread_mutex_lock(&t->lock);
    age(t, now_s);
    if (t->has_newest && is_named(&t->newest, name)) {
        *ret = t->newest;
        found = TLS_TICKET_RECENT;
    } else if (t->has_older && is_named(&t->older, name)) {
        *ret = t->older;
        found = TLS_TICKET_OLD;
    }
    pthread_mutex_unlock(&t->lock);
    return found;
}

/* ---- within OpenSSL ---- */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int place; /* index of the tickets in a context's ex data */

static void on_context_gone(void *ctx, void *tickets, CRYPTO_EX_DATA *all, int index, long number,
                            void *arg)
{
    (void)ctx;
    (void)all;
    (void)index;
    (void)number;
    (void)arg;
    tls_tickets_free(tickets);
}

static void make_place(void)
{
    place = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, on_context_gone);
    if (place < 0)
        mem_exhausted("OpenSSL");
}

static bool set_mac(EVP_MAC_CTX *ctx, struct tls_ticket_key *key)
{
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){ "SHA256" }, 0),
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->mac, sizeof(key->mac)),
        OSSL_PARAM_construct_end(),
    };

    return EVP_MAC_CTX_set_params(ctx, params) == 1;
}

static int seal(struct tls_tickets *t, uint64_t now_s, unsigned char *name, unsigned char *iv,
                EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    struct tls_ticket_key key;
    bool ready;

    tls_tickets_seal(t, now_s, &key);
    memcpy(name, key.name, sizeof(key.name));
    ready = RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) == 1 &&
            EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key.cipher, iv) == 1 &&
            set_mac(mac, &key);
    OPENSSL_cleanse(&key, sizeof(key));
    return ready ? 1 : -1;
}

static int open_ticket(struct tls_tickets *t, uint64_t now_s, unsigned char *name,
                       unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, bool is_1_3)
{
    struct tls_ticket_key key;
    enum tls_ticket_age how = tls_tickets_open(t, now_s, name, &key);
    int rc = -1;

    if (how == TLS_TICKET_UNKNOWN)
        return 0; /* do a full handshake */
    /* A ticket of TLS 1.3 is used only once (RFC 8446, C.4), so the client gets another (2). */
    if (set_mac(mac, &key) &&
        EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key.cipher, iv) == 1)
        rc = is_1_3 || how == TLS_TICKET_OLD ? 2 : 1;
    OPENSSL_cleanse(&key, sizeof(key));
    return rc;
}

static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int sealing)
{
    struct tls_tickets *t = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), place);
    uint64_t now_s = clock_mono_ms() / 1000;

    if (sealing)
        return seal(t, now_s, name, iv, cipher, mac);
    return open_ticket(t, now_s, name, iv, cipher, mac, SSL_version(ssl) == TLS1_3_VERSION);
}

void tls_tickets_use(struct ssl_ctx_st *ctx)
{
    pthread_once(&once, make_place);
    if (SSL_CTX_set_ex_data(ctx, place, tls_tickets_create()) != 1)
        mem_exhausted("OpenSSL");
    (void)SSL_CTX_set_timeout(ctx, TLS_TICKET_S);
    (void)SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket);
}
