/* test_token_libjwt.c - our tokens against libjwt, an implementation that shares no code with ours:
 * each accepts the tokens that the other signs, and refuses them once they are changed. */
#include "hub/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <jwt.h>

#include "base/array.h"
#include "hub/token_sign.h"
#include "support/sign_key.h"

#define PAYLOAD "{\"read\":[\"a/#\"],\"sub\":\"alice\"}"
#define SECRET  "a secret of the two implementations, 32 bytes or more"

/* What both sides need for one algorithm. */
struct peer {
    enum key_algorithm ours;
    jwt_alg_t theirs;
    EVP_PKEY *pkey; /* NULL: SECRET */
    char *public_pem;
    char *private_pem;
};

static struct peer peers[] = {
    { .ours = KEY_HS256, .theirs = JWT_ALG_HS256 }, { .ours = KEY_HS384, .theirs = JWT_ALG_HS384 },
    { .ours = KEY_HS512, .theirs = JWT_ALG_HS512 }, { .ours = KEY_RS256, .theirs = JWT_ALG_RS256 },
    { .ours = KEY_RS384, .theirs = JWT_ALG_RS384 }, { .ours = KEY_RS512, .theirs = JWT_ALG_RS512 },
    { .ours = KEY_ES256, .theirs = JWT_ALG_ES256 }, { .ours = KEY_ES384, .theirs = JWT_ALG_ES384 },
    { .ours = KEY_ES512, .theirs = JWT_ALG_ES512 },
};

static EVP_PKEY *make_key(enum key_algorithm a)
{
    switch (a) {
    case KEY_ES256: return EVP_EC_gen("P-256");
    case KEY_ES384: return EVP_EC_gen("P-384");
    case KEY_ES512: return EVP_EC_gen("P-521");
    default: return EVP_RSA_gen(2048);
    }
}

static int set_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(peers); i++) {
        struct peer *p = &peers[i];

        if (!key_algorithm_is_public(p->ours))
            continue;
        p->pkey = make_key(p->ours);
        assert_non_null(p->pkey);
        p->public_pem = key_public_pem(p->pkey);
        p->private_pem = key_private_pem(p->pkey, NULL);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(peers); i++) {
        EVP_PKEY_free(peers[i].pkey);
        free(peers[i].public_pem);
        free(peers[i].private_pem);
    }
    return 0;
}

static char *their_token(const struct peer *p)
{
    const char *key = p->private_pem ? p->private_pem : SECRET;
    char *encoded, *token;
    jwt_t *jwt;

    assert_int_equal(jwt_new(&jwt), 0);
    assert_int_equal(jwt_add_grants_json(jwt, PAYLOAD), 0);
    assert_int_equal(jwt_set_alg(jwt, p->theirs, (const unsigned char *)key, (int)strlen(key)), 0);
    encoded = jwt_encode_str(jwt);
    assert_non_null(encoded);
    token = mem_dup(encoded, strlen(encoded));
    free(encoded);
    jwt_free(jwt);
    return token;
}

static char *our_token(const struct peer *p)
{
    struct str key = str_of(p->private_pem ? p->private_pem : SECRET);
    struct token_signer *signer = NULL;
    struct buf text = { 0 };
    char *token;

    assert_null(token_signer_create(p->ours, key, &signer));
    assert_null(token_sign(signer, STR(""), STR(PAYLOAD), &text));
    token = mem_dup(buf_head(&text), buf_used(&text));
    buf_done(&text);
    token_signer_free(signer);
    return token;
}

static bool we_accept(const struct peer *p, const char *token)
{
    struct keyring *keys = keyring_create();
    struct buf payload = { 0 };
    const char *why;
    int rc;

    assert_null(
        keyring_add(keys, STR(""), p->ours, str_of(p->public_pem ? p->public_pem : SECRET)));
    rc = token_open(str_of(token), keys, &payload, &why);
    if (rc == EH_OK) {
        json_t *claims = json_loadb(buf_head(&payload), buf_used(&payload), 0, NULL);

        assert_string_equal(json_string_value(json_object_get(claims, "sub")), "alice");
        json_decref(claims);
    }
    buf_done(&payload);
    keyring_unref(keys);
    return rc == EH_OK;
}

static bool they_accept(const struct peer *p, const char *token)
{
    const char *key = p->public_pem ? p->public_pem : SECRET;
    jwt_t *jwt = NULL;
    bool accepted = jwt_decode(&jwt, token, (const unsigned char *)key, (int)strlen(key)) == 0;

    if (accepted)
        assert_string_equal(jwt_get_grant(jwt, "sub"), "alice");
    jwt_free(jwt);
    return accepted;
}

static void both_accept_the_tokens_of_the_other(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(peers); i++) {
        char *theirs = their_token(&peers[i]), *ours = our_token(&peers[i]);

        if (!we_accept(&peers[i], theirs) || !they_accept(&peers[i], theirs))
            fail_msg("the token of libjwt was refused: %s", key_algorithm_name(peers[i].ours));
        if (!we_accept(&peers[i], ours) || !they_accept(&peers[i], ours))
            fail_msg("our token was refused: %s", key_algorithm_name(peers[i].ours));
        free(theirs);
        free(ours);
    }
}

/* Changes one character of the signed text or of the signature to another one of base64url. */
static void both_refuse_a_changed_token(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(peers); i++) {
        char *token = their_token(&peers[i]);
        size_t n = strlen(token);

        for (size_t at = 0; at + 1 < n; at += 7) { /* the last character may have unused bits */
            char before = token[at];

            if (before == '.')
                continue;
            token[at] = before == 'A' ? 'B' : 'A';
            if (we_accept(&peers[i], token) || they_accept(&peers[i], token))
                fail_msg("%s: a token with a changed character %zu was accepted",
                         key_algorithm_name(peers[i].ours), at);
            token[at] = before;
        }
        assert_true(we_accept(&peers[i], token));
        free(token);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_accept_the_tokens_of_the_other),
        cmocka_unit_test(both_refuse_a_changed_token),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
