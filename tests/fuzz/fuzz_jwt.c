/* Property: an accepted token has not expired, keeps the limits of auth.h, and is refused under
 * another key. json_pick finds in a payload what jansson finds. No made-up signature is accepted
 * under any algorithm with a public key.
 * Input that begins with 'p' is a payload; with 'h' it is a header, a newline and a payload.
 * Both are signed with the key, so that the code after the signature check is reached. Input that
 * begins with 's' is a signature, after a letter for its algorithm (a is HS256). Other input is a
 * token. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../support/sign_key.h"
#include "base/array.h"
#include "hub/auth.h"
#include "hub/token.h"
#include "hub/topic.h"
#include "proto/json_pick.h"

#define NOW_MS 1000000500
#define KEY    STR("the secret of the tests")

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static char *token_from(struct str input)
{
    struct str header = STR(SIGN_HS256), payload;

    if (input.n == 0 || (input.p[0] != 'p' && input.p[0] != 'h'))
        return mem_dup(input.p, input.n);
    payload = str_skip(input, 1);
    if (input.p[0] == 'h' && !str_cut(&payload, '\n', &header))
        abort();
    return sign_token(header, payload, KEY, EVP_sha256());
}

static int verify(struct str token, struct str key, struct auth **ret_auth, const char **ret_why)
{
    struct keyring *keys = keyring_create();
    struct auth_policy policy = { .keys = keys };
    int rc;

    if (keyring_add(keys, STR(""), KEY_HS256, key))
        abort();
    rc = auth_verify(token, &policy, NOW_MS, ret_auth, ret_why);
    keyring_unref(keys);
    return rc;
}

static void check_taken(struct str token, const struct auth *a)
{
    struct auth *other = NULL;
    struct rate_rule rule;
    const char *why;

    if (auth_expires_ms(a) != 0 && auth_expires_ms(a) <= NOW_MS)
        abort();
    if (auth_sub(a).n > AUTH_SUB_MAX)
        abort();
    if (auth_allows(a, AUTH_READ, STR("#")) && !auth_allows(a, AUTH_READ, STR("a/+/c")))
        abort();
    (void)auth_allows(a, AUTH_WRITE, STR("a/b"));
    if (auth_rate_rule(a, STR("a/b"), &rule) &&
        (auth_sub(a).n == 0 || !filter_matches(rule.topic, STR("a/b")) || rule.interval_s == 0))
        abort();
    if (verify(token, STR("another secret"), &other, &why) == EH_OK)
        abort();
}

/* json_pick also reads texts that jansson cannot represent, but no NUL byte after a number, which
 * jansson skips. */
static void check_picks(struct str payload)
{
    static const char *const names[] = { "exp", "sub", "read", "" };
    bool has_nul = payload.n && memchr(payload.p, '\0', payload.n);
    json_t *tree = has_nul ? NULL : json_loadb(payload.p, payload.n, JSON_ALLOW_NUL, NULL);

    for (size_t i = 0; i < ARRAY_LEN(names) && json_is_object(tree); i++) {
        struct json_pick pick = { .name = names[i] };
        json_t *value = NULL;

        if (!json_pick(payload, &pick, 1))
            abort();
        if (pick.count)
            value = json_loadb(pick.value.p, pick.value.n, JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
        if (!value != !json_object_get(tree, names[i]) ||
            (value && !json_equal(value, json_object_get(tree, names[i]))))
            abort();
        json_decref(value);
    }
    json_decref(tree);
}

/* ---- signatures ---- */

static void add_key(struct keyring *keys, EVP_PKEY *pkey)
{
    char *pem = key_public_pem(pkey);

    if (keyring_add_public(keys, str_of(pem)))
        abort();
    free(pem);
    EVP_PKEY_free(pkey);
}

/* A ring with one key for each algorithm that has a public key; made once. */
static const struct keyring *public_keys(void)
{
    static struct keyring *keys;

    if (keys)
        return keys;
    keys = keyring_create();
    add_key(keys, EVP_RSA_gen(2048));
    add_key(keys, EVP_EC_gen("P-256"));
    add_key(keys, EVP_EC_gen("P-384"));
    add_key(keys, EVP_EC_gen("P-521"));
    add_key(keys, EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
    return keys;
}

static void check_signature(char letter, struct str signature)
{
    enum key_algorithm a = (enum key_algorithm)((unsigned char)letter - 'a');
    struct buf header = { 0 }, token = { 0 };
    struct keyring_key key;
    const char *why = NULL;

    if ((unsigned char)letter < 'a' || a >= KEY_ALGORITHMS_N || signature.n > 1024)
        return;
    buf_addf(&header, "{\"alg\":\"%s\"}", key_algorithm_name(a));
    sign_add_base64url(&token, buf_str(&header));
    buf_add_str(&token, STR(".e30."));
    sign_add_base64url(&token, signature);
    if (token_find_key(buf_str(&token), public_keys(), &key, &why) == EH_OK || !why)
        abort();
    buf_done(&header);
    buf_done(&token);
}

static void check_token(const uint8_t *p, size_t n)
{
    char *text = token_from(str_make((const char *)p, n));
    bool is_signed = n && (p[0] == 'p' || p[0] == 'h');
    struct str token = { text, is_signed ? strlen(text) : n };
    struct auth *a = NULL;
    const char *why = NULL;
    int rc = verify(token, KEY, &a, &why);

    if ((rc == EH_OK) != (a != NULL) || (rc == EH_OK) != (why == NULL))
        abort();
    if (a)
        check_taken(token, a);
    if (n && p[0] == 'p')
        check_picks(str_make((const char *)p + 1, n - 1));
    auth_free(a);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    if (n > 1 && p[0] == 's')
        check_signature((char)p[1], str_make((const char *)p + 2, n - 2));
    else
        check_token(p, n);
    return 0;
}
