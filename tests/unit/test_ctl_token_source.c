#include "ctl/token/token_source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/array.h"
#include "hub/token.h"
#include "support/assert_str.h"
#include "support/sign_key.h"
#include "support/temp_dir.h"

#define PAYLOAD STR("{\"read\":[\"a\"]}")

static struct temp_dir dir;
static char secret_file[TEMP_DIR_PATH_MAX], rsa_file[TEMP_DIR_PATH_MAX], ec_file[TEMP_DIR_PATH_MAX],
    ed_file[TEMP_DIR_PATH_MAX], public_file[TEMP_DIR_PATH_MAX], config_file[TEMP_DIR_PATH_MAX],
    keys_file[TEMP_DIR_PATH_MAX];

static void write_pem(const char *name, char *pem, char path[TEMP_DIR_PATH_MAX])
{
    temp_dir_write(&dir, name, str_of(pem));
    (void)temp_dir_path(&dir, name, path);
    free(pem);
}

static int make_files(void **state)
{
    EVP_PKEY *rsa = EVP_RSA_gen(2048), *ec = EVP_EC_gen("P-256");
    EVP_PKEY *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

    (void)state;
    temp_dir_init(&dir);
    write_pem("rsa.pem", key_private_pem(rsa, NULL), rsa_file);
    write_pem("ec.pem", key_private_pem(ec, NULL), ec_file);
    write_pem("ed.pem", key_private_pem(ed, NULL), ed_file);
    write_pem("public.pem", key_public_pem(ec), public_file);
    temp_dir_write(&dir, "secret", STR("the secret of a file\n"));
    (void)temp_dir_path(&dir, "secret", secret_file);
    temp_dir_write(&dir, "keys",
                   STR("web ES256 public.pem\nold HS384 the old secret\n"
                       "new HS512 the new secret\n"));
    (void)temp_dir_path(&dir, "keys", keys_file);
    temp_dir_write(&dir, "conf",
                   STR("listen_port = 99999999\njwt_secret = of the config\n"
                       "jwt_algorithm = HS512\njwt_audience = hub\n"));
    (void)temp_dir_path(&dir, "conf", config_file);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ec);
    EVP_PKEY_free(ed);
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    temp_dir_done(&dir);
    return 0;
}

#define ENVIRONMENT(...) ((char *[]){ __VA_ARGS__, NULL })
#define EMPTY            ((char *[]){ NULL })

static struct token_source *open_source(const char *key, const char *config, char **environment)
{
    const struct token_place place = { key, config, environment };
    struct token_source *s = NULL;
    struct buf why = { 0 };

    if (token_source_open(&place, &s, &why) < 0)
        fail_msg("%.*s", STR_ARG(buf_str(&why)));
    return s;
}

/* Returns an environment with one variable, a path. */
static char **with_path(const char *name, const char *path)
{
    static char entry[2 * TEMP_DIR_PATH_MAX];
    static char *environment[] = { entry, NULL };

    (void)snprintf(entry, sizeof(entry), "%s=%s", name, path);
    return environment;
}

/* Signs with the chosen key, and finds that key among those that verify. Frees the source. */
static void expect_key(struct token_source *s, const enum key_algorithm *algorithm, const char *kid,
                       enum key_algorithm want, const char *want_name)
{
    struct buf why = { 0 }, token = { 0 }, name = { 0 };
    struct keyring *keys = NULL;
    struct keyring_key found;
    struct token_key key;
    const char *wrong = NULL;

    if (token_source_signer(s, algorithm, str_of(kid), &key, &why) < 0 ||
        token_source_keys(s, &keys, &why) < 0)
        fail_msg("%s: %.*s", want_name, STR_ARG(buf_str(&why)));
    assert_int_equal(key.algorithm, want);
    assert_str(buf_str(&key.name), want_name);
    assert_null(token_sign(key.signer, buf_str(&key.kid), PAYLOAD, &token));
    if (token_find_key(buf_str(&token), keys, &found, &wrong) < 0)
        fail_msg("%s: %s", want_name, wrong);
    assert_int_equal(found.algorithm, want);
    token_source_add_key_name(s, &name, &found);
    assert_str(buf_str(&name), want_name);
    buf_done(&name);
    buf_done(&token);
    token_key_done(&key);
    keyring_unref(keys);
    token_source_close(s);
}

static void takes_the_secret_as_the_server_does(void **state)
{
    struct token_source *s = open_source(NULL, NULL, EMPTY);

    (void)state;
    assert_true(token_source_is_default(s));
    assert_null(token_source_audience(s));
    expect_key(s, NULL, "", KEY_HS256, "the default secret");
    s = open_source(NULL, NULL, ENVIRONMENT("JWT_SECRET=x"));
    assert_false(token_source_is_default(s));
    expect_key(s, NULL, "any", KEY_HS256, "JWT_SECRET");
    expect_key(open_source(NULL, NULL, with_path("JWT_SECRET_FILE", secret_file)), NULL, "",
               KEY_HS256, "JWT_SECRET_FILE");
    s = open_source(NULL, config_file, EMPTY);
    assert_string_equal(token_source_audience(s), "hub");
    assert_null(token_source_issuer(s));
    expect_key(s, NULL, "", KEY_HS512, "JWT_SECRET");
    s = open_source(NULL, config_file,
                    ENVIRONMENT("JWT_ALGORITHM=HS384", "JWT_ISSUER=me", "JWT_LEEWAY=300"));
    assert_int_equal(token_source_leeway_ms(s), 300000);
    assert_string_equal(token_source_issuer(s), "me");
    expect_key(s, NULL, "", KEY_HS384, "JWT_SECRET");
    s = open_source(NULL, NULL, with_path("JWT_KEYS_FILE", keys_file));
    expect_key(s, NULL, "", KEY_HS384, "the key \"old\" of JWT_KEYS_FILE");
    s = open_source(NULL, NULL, with_path("JWT_KEYS_FILE", keys_file));
    expect_key(s, NULL, "new", KEY_HS512, "the key \"new\" of JWT_KEYS_FILE");
}

static void says_when_keys_are_not_known_here(void **state)
{
    struct token_source *s =
        open_source(NULL, NULL, ENVIRONMENT("JWT_JWKS_URL=https://a.example/keys"));
    struct keyring *keys = NULL;
    struct buf why = { 0 };

    (void)state;
    assert_true(token_source_has_provider(s));
    assert_false(token_source_is_default(s)); /* which such a server does not accept */
    assert_int_equal(token_source_keys(s, &keys, &why), EH_OK);
    assert_int_equal(keyring_count(keys), 0);
    keyring_unref(keys);
    token_source_close(s);
    s = open_source(rsa_file, NULL, ENVIRONMENT("JWT_JWKS_URL=https://a.example/keys"));
    assert_false(token_source_has_provider(s)); /* the file counts */
    token_source_close(s);
}

static void names_the_previous_secret(void **state)
{
    struct token_source *s =
        open_source(NULL, NULL, ENVIRONMENT("JWT_SECRET=x", "JWT_SECRET_PREVIOUS=y"));
    const struct keyring_key previous = { .position = 1 };
    struct buf name = { 0 };

    (void)state;
    token_source_add_key_name(s, &name, &previous);
    assert_str(buf_str(&name), "JWT_SECRET_PREVIOUS");
    buf_done(&name);
    token_source_close(s);
}

static void prefers_the_key_of_a_file(void **state)
{
    const enum key_algorithm hs384 = KEY_HS384;
    struct buf want = { 0 };

    (void)state;
    buf_addf(&want, "the key in %s", secret_file);
    buf_add_char(&want, '\0');
    expect_key(open_source(secret_file, NULL, ENVIRONMENT("JWT_SECRET_FILE=/none")), NULL, "",
               KEY_HS256, buf_head(&want));
    expect_key(open_source(secret_file, config_file, EMPTY), NULL, "", KEY_HS512, buf_head(&want));
    expect_key(open_source(secret_file, NULL, EMPTY), &hs384, "kid", KEY_HS384, buf_head(&want));
    buf_done(&want);
}

static void takes_the_algorithm_of_a_private_key(void **state)
{
    const struct {
        const char *path;
        enum key_algorithm want;
        char *configured; /* NULL: the HS512 of config_file */
    } cases[] = {
        { rsa_file, KEY_RS256, NULL },
        { ec_file, KEY_ES256, NULL },
        { ed_file, KEY_EDDSA, NULL },
        { rsa_file, KEY_PS384, "JWT_ALGORITHM=PS384" },
        { ec_file, KEY_ES256, "JWT_ALGORITHM=PS384" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct token_source *s =
            open_source(cases[i].path, config_file, ENVIRONMENT(cases[i].configured));
        struct token_key key;
        struct buf why = { 0 };

        assert_int_equal(token_source_signer(s, NULL, STR("x"), &key, &why), EH_OK);
        assert_int_equal(key.algorithm, cases[i].want);
        assert_str(buf_str(&key.kid), "x");
        token_key_done(&key);
        token_source_close(s);
    }
}

static void expect_no_signer(struct token_source *s, const enum key_algorithm *algorithm,
                             const char *kid, const char *want)
{
    struct token_key key;
    struct buf why = { 0 };

    assert_int_equal(token_source_signer(s, algorithm, str_of(kid), &key, &why), EH_EINVAL);
    buf_add_char(&why, '\0');
    if (!strstr(buf_head(&why), want))
        fail_msg("want '%s', got '%s'", want, buf_head(&why));
    buf_done(&why);
    token_source_close(s);
}

static void says_what_to_do_without_a_key_that_signs(void **state)
{
    const enum key_algorithm hs256 = KEY_HS256, rs256 = KEY_RS256;
    char **keys = with_path("JWT_KEYS_FILE", keys_file);

    (void)state;
    expect_no_signer(open_source(NULL, NULL, keys), NULL, "web",
                     "holds no secret of the kid \"web\": name another kid, or sign with a private "
                     "key (--key FILE)");
    expect_no_signer(open_source(NULL, NULL, keys), &hs256, "new",
                     "--alg: the key \"new\" of JWT_KEYS_FILE is a secret for HS512, not for "
                     "HS256");
    expect_no_signer(open_source(NULL, NULL, ENVIRONMENT("JWT_SECRET=x")), &rs256, "",
                     "--alg: JWT_SECRET is a secret for HS256, not for RS256: name a private key "
                     "(--key FILE)");
    expect_no_signer(open_source(NULL, NULL, ENVIRONMENT("JWT_JWKS_URL=https://a.example/keys")),
                     NULL, "", "JWT_JWKS_URL is set: tokens come from the provider");
    expect_no_signer(open_source(public_file, NULL, EMPTY), NULL, "",
                     "the key is not a private key in PEM");
    expect_no_signer(open_source(ec_file, NULL, EMPTY), &hs256, "", "leave --alg out");
    expect_no_signer(open_source(ec_file, NULL, EMPTY), &rs256, "", "the key is not an RSA key");
    expect_no_signer(open_source(NULL, NULL,
                                 ENVIRONMENT("JWT_ALGORITHM=ES256",
                                             (with_path("JWT_PUBLIC_KEY", public_file))[0])),
                     NULL, "",
                     "JWT_ALGORITHM is ES256: the server has only the public key, so sign with the "
                     "private one (--key FILE)");
}

static void expect_not_opened(const char *key, const char *config, char **environment,
                              const char *want)
{
    const struct token_place place = { key, config, environment };
    struct token_source *s = NULL;
    struct buf why = { 0 };

    assert_int_equal(token_source_open(&place, &s, &why), EH_EINVAL);
    assert_str(buf_str(&why), want);
    buf_done(&why);
}

static void never_repeats_a_secret(void **state)
{
    (void)state;
    expect_not_opened("correct horse", NULL, EMPTY,
                      "--key must name a file with a secret or a key in PEM: No such file or "
                      "directory (a key on the command line could be seen by others: use a file, "
                      "or JWT_SECRET in the environment)");
    expect_not_opened(NULL, "/none/at/all", EMPTY,
                      "--config: /none/at/all: No such file or directory");
    expect_not_opened(NULL, NULL, ENVIRONMENT("JWT_SECRET=x", "JWT_SECRET_FILE=/none"),
                      "JWT_SECRET_FILE conflicts with JWT_SECRET: set one of them");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_the_secret_as_the_server_does),
        cmocka_unit_test(says_when_keys_are_not_known_here),
        cmocka_unit_test(names_the_previous_secret),
        cmocka_unit_test(prefers_the_key_of_a_file),
        cmocka_unit_test(takes_the_algorithm_of_a_private_key),
        cmocka_unit_test(says_what_to_do_without_a_key_that_signs),
        cmocka_unit_test(never_repeats_a_secret),
    };

    return cmocka_run_group_tests(tests, make_files, remove_files);
}
