#include "ctl/token/token_source.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#include "app/config/config_load.h"
#include "app/config/config_secrets.h"
#include "app/config/config_warn.h"
#include "app/config/token_keys.h"
#include "base/array.h"
#include "base/file.h"
#include "base/mem.h"

struct token_source {
    struct config config; /* only its JWT_ options */
    const char *key_file; /* NULL: the config's keys count */
    struct buf file;
    struct str key; /* a view of `file`: a secret, or PEM */
};

/* ---- reading ---- */

static int read_config(struct token_source *s, const struct token_place *place, struct buf *why)
{
    struct buf argument = { 0 };
    char *argv[] = { "eventhubctl", NULL, NULL };
    struct config_source source = {
        .argc = 1, .argv = argv, .environment = place->environment, .only = "JWT_"
    };
    enum config_action action;
    int rc;

    if (place->config_file) {
        buf_addf(&argument, "--config=%s", place->config_file);
        buf_add_char(&argument, '\0');
        argv[source.argc++] = buf_head(&argument);
    }
    rc = config_load(&source, &s->config, &action, why);
    if (rc == EH_OK && !place->key_file)
        rc = config_read_secrets(&s->config, why);
    s->config.source = (struct config_source){ 0 }; /* it was ours */
    buf_done(&argument);
    return rc;
}

static int read_key_file(struct token_source *s, const char *path, struct buf *why)
{
    const char *wrong = file_read_secret(path, &s->file, &s->key);

    if (!wrong)
        return EH_OK;
    buf_addf(why,
             "--key must name a file with a secret or a key in PEM: %s (a key on the command line "
             "could be seen by others: use a file, or JWT_SECRET in the environment)",
             wrong);
    return EH_EINVAL;
}

int token_source_open(const struct token_place *place, struct token_source **ret, struct buf *why)
{
    struct token_source *s = mem_zalloc(sizeof(*s));
    int rc = read_config(s, place, why);

    s->key_file = place->key_file;
    if (rc == EH_OK && s->key_file)
        rc = read_key_file(s, s->key_file, why);
    if (rc < 0)
        token_source_close(s);
    else
        *ret = s;
    return rc;
}

void token_source_close(struct token_source *s)
{
    if (!s)
        return;
    if (s->config.jwt_secret)
        OPENSSL_cleanse(s->config.jwt_secret, strlen(s->config.jwt_secret));
    if (s->config.jwt_secret_previous)
        OPENSSL_cleanse(s->config.jwt_secret_previous, strlen(s->config.jwt_secret_previous));
    config_done(&s->config);
    if (s->file.data)
        OPENSSL_cleanse(s->file.data, s->file.cap);
    buf_done(&s->file);
    free(s);
}

const char *token_source_audience(const struct token_source *s)
{
    return s->config.jwt_audience[0] ? s->config.jwt_audience : NULL;
}

const char *token_source_issuer(const struct token_source *s)
{
    return s->config.jwt_issuer[0] ? s->config.jwt_issuer : NULL;
}

uint64_t token_source_leeway_ms(const struct token_source *s)
{
    return s->config.jwt_leeway * 1000;
}

bool token_source_has_provider(const struct token_source *s)
{
    return !s->key_file && s->config.jwt_jwks_url[0];
}

bool token_source_is_default(const struct token_source *s)
{
    return !s->key_file && config_has_default_secret(&s->config);
}

/* ---- the key to sign with ---- */

/* Makes the signer and ends the choice. */
static int take(struct token_key *k, struct str key, struct token_key *ret, struct buf *why)
{
    const char *wrong = token_signer_create(k->algorithm, key, &k->signer);

    if (wrong) {
        buf_addf(why, "%.*s: %s", STR_ARG(buf_str(&k->name)), wrong);
        token_key_done(k);
        return EH_EINVAL;
    }
    *ret = *k;
    return EH_OK;
}

static int take_file(const struct token_source *s, const enum key_algorithm *algorithm,
                     struct str kid, struct token_key *ret, struct buf *why)
{
    enum key_algorithm configured = (enum key_algorithm)s->config.jwt_algorithm;
    bool is_pem = token_key_is_pem(s->key);
    struct token_key k = { .algorithm =
                               algorithm ? *algorithm : token_key_algorithm(s->key, configured) };

    if (is_pem && !key_algorithm_is_public(k.algorithm)) {
        buf_addf(why, "--alg: %s takes a secret, and %s holds a key in PEM: leave --alg out",
                 key_algorithm_name(k.algorithm), s->key_file);
        return EH_EINVAL;
    }
    buf_addf(&k.name, "the key in %s", s->key_file);
    buf_add_str(&k.kid, kid);
    return take(&k, s->key, ret, why);
}

static const char *secret_name(const struct config *c)
{
    if (config_has_default_secret(c))
        return "the default secret";
    return c->jwt_secret_file[0] ? "JWT_SECRET_FILE" : "JWT_SECRET";
}

/* Returns the option of the file that holds the keys. */
static const char *files_name(const struct config *c)
{
    if (!c->jwt_jwks_file[0])
        return "JWT_KEYS_FILE";
    return c->jwt_keys_file[0] ? "JWT_KEYS_FILE or JWT_JWKS_FILE" : "JWT_JWKS_FILE";
}

static int no_secret(const struct config *c, struct str kid, struct buf *why)
{
    if (c->jwt_jwks_url[0])
        buf_addf(why,
                 "JWT_JWKS_URL is set: tokens come from the provider (name the key of another one "
                 "with --key FILE)");
    else if (!token_keys_have_files(c))
        buf_addf(why,
                 "JWT_ALGORITHM is %s: the server has only the public key, so sign with the "
                 "private one (--key FILE)",
                 key_algorithm_name((enum key_algorithm)c->jwt_algorithm));
    else if (kid.n)
        buf_addf(why,
                 "%s holds no secret of the kid \"%.*s\": name another kid, or sign with a "
                 "private key (--key FILE)",
                 files_name(c), STR_ARG(kid));
    else
        buf_addf(why, "%s holds only public keys: sign with a private one (--key FILE)",
                 files_name(c));
    return EH_EINVAL;
}

/* Takes a secret of the ring, with the kid by which the server finds it. */
static int take_secret(const struct config *c, const struct keyring *keys,
                       const enum key_algorithm *algorithm, struct str kid, struct token_key *ret,
                       struct buf *why)
{
    struct token_key k = { .signer = NULL };
    struct keyring_key found;
    struct str secret;

    if (!keyring_find_secret(keys, kid, &found, &secret))
        return no_secret(c, kid, why);
    k.algorithm = algorithm ? *algorithm : found.algorithm;
    if (token_keys_have_files(c)) {
        buf_addf(&k.name, "the key \"%.*s\" of %s", STR_ARG(found.kid), files_name(c));
        buf_add_str(&k.kid, found.kid);
    } else {
        buf_add_str(&k.name, str_of(secret_name(c)));
        buf_add_str(&k.kid, kid);
    }
    if (!key_algorithm_is_public(k.algorithm) &&
        (k.algorithm == found.algorithm || !token_keys_have_files(c)))
        return take(&k, secret, ret, why);
    buf_addf(why, "--alg: %.*s is a secret for %s, not for %s%s", STR_ARG(buf_str(&k.name)),
             key_algorithm_name(found.algorithm), key_algorithm_name(k.algorithm),
             key_algorithm_is_public(k.algorithm) ? ": name a private key (--key FILE)" : "");
    token_key_done(&k);
    return EH_EINVAL;
}

int token_source_signer(const struct token_source *s, const enum key_algorithm *algorithm,
                        struct str kid, struct token_key *ret, struct buf *why)
{
    struct keyring *keys = NULL;
    struct jwks_result skipped;
    int rc;

    if (s->key_file)
        return take_file(s, algorithm, kid, ret, why);
    EH_TRY(token_keys_load(&s->config, &keys, &skipped, why));
    rc = take_secret(&s->config, keys, algorithm, kid, ret, why);
    keyring_unref(keys);
    return rc;
}

void token_key_done(struct token_key *k)
{
    token_signer_free(k->signer);
    buf_done(&k->kid);
    buf_done(&k->name);
    *k = (struct token_key){ 0 };
}

/* ---- the keys to verify with ---- */

/* A secret serves all HS algorithms, and a public key all that it fits. */
static const char *add_key_file(struct keyring *keys, struct str key)
{
    static const enum key_algorithm secret[] = { KEY_HS256, KEY_HS384, KEY_HS512 };
    const char *wrong = NULL;

    if (token_key_is_pem(key))
        return keyring_add_public(keys, key);
    for (size_t i = 0; i < ARRAY_LEN(secret) && !wrong; i++)
        wrong = keyring_add(keys, STR(""), secret[i], key);
    return wrong;
}

int token_source_keys(const struct token_source *s, struct keyring **ret_keys, struct buf *why)
{
    struct jwks_result skipped;
    struct keyring *keys;
    const char *wrong;

    if (!s->key_file)
        return token_keys_load(&s->config, ret_keys, &skipped, why);
    keys = keyring_create();
    wrong = add_key_file(keys, s->key);
    if (!wrong) {
        *ret_keys = keys;
        return EH_OK;
    }
    keyring_unref(keys);
    buf_addf(why, "--key %s: %s", s->key_file, wrong);
    return EH_EINVAL;
}

void token_source_add_key_name(const struct token_source *s, struct buf *out,
                               const struct keyring_key *key)
{
    if (s->key_file)
        buf_addf(out, "the key in %s", s->key_file);
    else if (token_keys_have_files(&s->config))
        buf_addf(out, "the key \"%.*s\" of %s", STR_ARG(key->kid), files_name(&s->config));
    else if (s->config.jwt_public_key[0])
        buf_add_str(out, STR("JWT_PUBLIC_KEY"));
    else
        buf_add_str(out,
                    str_of(key->position == 0 ? secret_name(&s->config) : "JWT_SECRET_PREVIOUS"));
}
