#include "app/config/token_keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "app/config/config_load.h"
#include "base/array.h"
#include "hub/token.h"
#include "support/sign_key.h"
#include "support/temp_dir.h"

#define PAYLOAD STR("{\"read\":[\"a\"]}")

static struct temp_dir dir;
static EVP_PKEY *rsa, *ec;

static int make_files(void **state)
{
    char *rsa_pem, *ec_pem;

    (void)state;
    temp_dir_init(&dir);
    rsa = EVP_RSA_gen(2048);
    ec = EVP_EC_gen("P-256");
    rsa_pem = key_public_pem(rsa);
    ec_pem = key_public_pem(ec);
    temp_dir_write(&dir, "rsa.pem", str_of(rsa_pem));
    temp_dir_write(&dir, "ec key.pem", str_of(ec_pem));
    temp_dir_write(&dir, "junk.pem", STR("-----BEGIN PUBLIC KEY-----\njunk junk\n"));
    free(rsa_pem);
    free(ec_pem);
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    temp_dir_done(&dir);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ec);
    return 0;
}

/* Loads the keys of these arguments; why is one line, or "". */
static struct keyring *load(char *const *arguments, char why[512])
{
    char *argv[8] = { "eventhub" };
    char *environment[] = { NULL };
    enum config_action action;
    struct keyring *keys = NULL;
    struct jwks_result skipped;
    struct config config;
    struct config_source source = { .argc = 1, .argv = argv, .environment = environment };
    struct buf text = { 0 };
    int rc;

    for (; *arguments; arguments++)
        argv[source.argc++] = *arguments;
    assert_int_equal(config_load(&source, &config, &action, &text), EH_OK);
    rc = token_keys_load(&config, &keys, &skipped, &text);
    assert_int_equal(rc == EH_OK, buf_used(&text) == 0);
    assert_int_equal(rc == EH_OK, keys != NULL);
    (void)snprintf(why, 512, "%.*s", STR_ARG(buf_str(&text)));
    assert_null(strchr(why, '\n'));
    buf_done(&text);
    config_done(&config);
    return keys;
}

#define ARGS(...) ((char *[]){ __VA_ARGS__, NULL })

static struct keyring *load_file(const char *text, char why[512])
{
    char path[128], argument[256];

    temp_dir_write(&dir, "keys", str_of(text));
    (void)snprintf(argument, sizeof(argument), "--jwt-keys-file=%s",
                   temp_dir_path(&dir, "keys", path));
    return load(ARGS(argument), why);
}

/* Opens and frees the token. */
static bool is_accepted(const struct keyring *keys, char *token)
{
    struct buf payload = { 0 };
    const char *why;
    int rc = token_open(str_of(token), keys, &payload, &why);

    buf_done(&payload);
    free(token);
    return rc == EH_OK;
}

static char *hs256(const char *secret)
{
    return sign_token(STR("{\"alg\":\"HS256\"}"), PAYLOAD, str_of(secret), EVP_sha256());
}

static char *hs512(const char *secret)
{
    return sign_token(STR("{\"alg\":\"HS512\"}"), PAYLOAD, str_of(secret), EVP_sha512());
}

static char *rs256(void)
{
    return sign_token_with(STR("{\"alg\":\"RS256\",\"kid\":\"r\"}"), PAYLOAD, rsa);
}

static char *es256(void)
{
    return sign_token_with(STR("{\"alg\":\"ES256\",\"kid\":\"e\"}"), PAYLOAD, ec);
}

static void loads_secrets(void **state)
{
    char why[512];
    struct keyring *keys = load(ARGS("--jwt-secret=a, b", "--jwt-secret-previous=old"), why);

    (void)state;
    assert_true(is_accepted(keys, hs256("a, b"))); /* one secret, although it holds a comma */
    assert_true(is_accepted(keys, hs256("old")));
    assert_false(is_accepted(keys, hs256("a")));
    assert_false(is_accepted(keys, hs256("eventhub_secret")));
    assert_false(is_accepted(keys, hs512("old")));
    keyring_unref(keys);

    keys = load(ARGS("--jwt-secret=a", "--jwt-algorithm=hs512"), why);
    assert_true(is_accepted(keys, hs512("a")));
    assert_false(is_accepted(keys, hs256("a")));
    keyring_unref(keys);
}

static void loads_a_public_key(void **state)
{
    char path[128], argument[256], why[512];
    struct keyring *keys;

    (void)state;
    (void)snprintf(argument, sizeof(argument), "--jwt-public-key=%s",
                   temp_dir_path(&dir, "rsa.pem", path));
    keys = load(ARGS("--jwt-algorithm=RS256", argument), why);
    assert_true(is_accepted(keys, rs256()));
    assert_false(is_accepted(keys, es256()));
    assert_false(is_accepted(keys, hs256("eventhub_secret")));
    keyring_unref(keys);

    assert_null(load(ARGS("--jwt-algorithm=ES256", argument), why));
    assert_non_null(strstr(why, "JWT_PUBLIC_KEY: "));
    assert_non_null(strstr(why, "rsa.pem: the key is not an EC key"));
}

static void requires_a_public_key_and_its_algorithm(void **state)
{
    char path[128], argument[256], why[512];

    (void)state;
    (void)snprintf(argument, sizeof(argument), "--jwt-public-key=%s",
                   temp_dir_path(&dir, "rsa.pem", path));
    assert_null(load(ARGS(argument), why));
    assert_non_null(
        strstr(why, "JWT_PUBLIC_KEY requires a JWT_ALGORITHM with a public key: RS256, "));
    assert_null(load(ARGS("--jwt-algorithm=ES256"), why));
    assert_non_null(strstr(why, "JWT_ALGORITHM requires JWT_PUBLIC_KEY"));
    assert_null(load(ARGS("--jwt-algorithm=ES256", "--jwt-public-key=/nowhere/at.all"), why));
    assert_string_equal(why, "JWT_PUBLIC_KEY: /nowhere/at.all: No such file or directory");
}

static void loads_a_keys_file(void **state)
{
    char why[512];
    struct keyring *keys = load_file("# the keys of the test\n"
                                     "\n"
                                     "  h  HS256\ta secret with blanks # and a hash  \r\n"
                                     "r RS256 rsa.pem\n"
                                     "   # another comment\n"
                                     "e ES256 ec key.pem", /* no newline at the end */
                                     why);

    (void)state;
    assert_string_equal(why, "");
    assert_true(is_accepted(keys, hs256("a secret with blanks # and a hash")));
    assert_true(is_accepted(keys, rs256()));
    assert_true(is_accepted(keys, es256()));
    assert_false(
        is_accepted(keys, hs256("eventhub_secret"))); /* the file replaces the default secret */
    keyring_unref(keys);
}

static void accepts_an_absolute_path(void **state)
{
    char path[128], text[256], why[512];
    struct keyring *keys;

    (void)state;
    (void)snprintf(text, sizeof(text), "r RS256 %s\n", temp_dir_path(&dir, "rsa.pem", path));
    keys = load_file(text, why);
    assert_non_null(keys);
    assert_true(is_accepted(keys, rs256()));
    keyring_unref(keys);
}

static void refuses_malformed_keys_files(void **state)
{
    static const struct {
        const char *text, *what;
    } cases[] = {
        { "# nothing\n\n", "keys: the file holds no key" },
        { "a\n", "keys:1: the algorithm must be HS256" },
        { "a secret\n", "keys:1: the algorithm must be HS256" },
        { "#\na HS257 secret\n", "keys:2: the algorithm must be HS256" },
        { "a hs256 secret\n", "keys:1: the algorithm must be HS256" },
        { "a Ed25519 rsa.pem\n", "keys:1: the algorithm must be HS256" },
        { "a EdDSA rsa.pem\n", "keys:1: the key is not an Ed25519 key" },
        { "a ES384 ec key.pem\n", "keys:1: the EC key is not on the curve P-384" },
        { "a none secret\n", "keys:1: the algorithm must be HS256" },
        { "{\"keys\":[{\"kty\":\"RSA\"}]}\n",
          "keys:1: a JSON key set cannot be read here: name its file in JWT_JWKS_FILE" },
        { "{\n \"keys\": []\n}\n", "keys:1: a JSON key set cannot be read here: name its file" },
        { "[]\n", "keys:1: a JSON key set cannot be read here: name its file" },
        { "-----BEGIN PUBLIC KEY-----\nMIIB\n", "keys:1: a key cannot be read here: write a line" },
        { "a HS256\n", "keys:1: the key is missing" },
        { "a HS256  \n", "keys:1: the key is missing" },
        { "a HS256 secret\nb HS256 secret\na HS512 secret\n",
          "keys:3: the kid belongs to another key" },
        { "{a} HS256\n", "keys:1: the key is missing" },
        { "r RS256 nowhere.pem\n", "keys:1: No such file or directory" },
        { "r RS256 junk.pem\n", "keys:1: the key is not a public key or a certificate in PEM" },
        { "r RS256 ec key.pem\n", "keys:1: the key is not an RSA key" },
        { "e ES256 rsa.pem\n", "keys:1: the key is not an EC key" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char why[512];

        assert_null(load_file(cases[i].text, why));
        if (!strstr(why, cases[i].what))
            fail_msg("'%s' does not contain '%s'", why, cases[i].what);
        assert_int_equal(strncmp(why, "JWT_KEYS_FILE: ", 15), 0);
        assert_null(strstr(why, "secret"));
        assert_null(strstr(why, "junk junk"));
    }
}

/* ---- JWT_JWKS_FILE ---- */

static struct keyring *load_set(const char *set, char *keys_file, char why[512])
{
    char path[128], argument[256];

    temp_dir_write(&dir, "jwks.json", str_of(set));
    (void)snprintf(argument, sizeof(argument), "--jwt-jwks-file=%s",
                   temp_dir_path(&dir, "jwks.json", path));
    return load(ARGS(argument, keys_file), why);
}

static void loads_a_key_set(void **state)
{
    static const char set[] = "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"o\",\"k\":"
                              "\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"}]}";
    char path[128], argument[256], why[512];
    struct keyring *keys = load_set(set, NULL, why);

    (void)state;
    assert_string_equal(why, "");
    assert_true(is_accepted(keys, hs256("0123456789abcdef0123456789abcdef")));
    assert_false(is_accepted(keys, hs256("eventhub_secret"))); /* it replaces the default secret */
    keyring_unref(keys);

    temp_dir_write(&dir, "keys", STR("r RS256 rsa.pem\n"));
    (void)snprintf(argument, sizeof(argument), "--jwt-keys-file=%s",
                   temp_dir_path(&dir, "keys", path));
    keys = load_set(set, argument, why);
    assert_true(is_accepted(keys, hs256("0123456789abcdef0123456789abcdef"))); /* both count */
    assert_true(is_accepted(keys, rs256()));
    keyring_unref(keys);
}

static void refuses_malformed_key_sets(void **state)
{
    char why[512];

    (void)state;
    assert_null(load_set("{\"keys\":[]}", NULL, why));
    assert_non_null(strstr(why, "JWT_JWKS_FILE: "));
    assert_non_null(strstr(why, "jwks.json: the set holds no key"));
    assert_null(load_set("-----BEGIN PUBLIC KEY-----", NULL, why));
    assert_non_null(strstr(why, "the text is not a JSON key set"));
    assert_null(load(ARGS("--jwt-jwks-file=/nowhere/at.all"), why));
    assert_string_equal(why, "JWT_JWKS_FILE: /nowhere/at.all: No such file or directory");
}

static void limits_the_number_of_keys(void **state)
{
    char text[4096], why[512];
    size_t n = 0;

    (void)state;
    for (int i = 0; i < KEYRING_MAX; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "k%d HS256 secret\n", i);
    keyring_unref(load_file(text, why));
    assert_string_equal(why, "");
    (void)snprintf(text + n, sizeof(text) - n, "more HS256 secret\n");
    assert_null(load_file(text, why));
    assert_non_null(strstr(why, "keys:65: there are more than 64 keys"));
}

static void reports_a_missing_keys_file(void **state)
{
    char why[512];

    (void)state;
    assert_null(load(ARGS("--jwt-keys-file=/nowhere/at.all"), why));
    assert_string_equal(why, "JWT_KEYS_FILE: /nowhere/at.all: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_secrets),
        cmocka_unit_test(loads_a_public_key),
        cmocka_unit_test(requires_a_public_key_and_its_algorithm),
        cmocka_unit_test(loads_a_keys_file),
        cmocka_unit_test(accepts_an_absolute_path),
        cmocka_unit_test(refuses_malformed_keys_files),
        cmocka_unit_test(loads_a_key_set),
        cmocka_unit_test(refuses_malformed_key_sets),
        cmocka_unit_test(limits_the_number_of_keys),
        cmocka_unit_test(reports_a_missing_keys_file),
    };

    return cmocka_run_group_tests(tests, make_files, remove_files);
}
