#include "hub/token.h"

#include <jwt.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"

#define HS256_SIGNATURE 43 /* 32 bytes as base64url without padding */

struct parts {
    struct str header, payload, signature;
};

static int base64url_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '-')
        return 62;
    return c == '_' ? 63 : -1;
}

/* RFC 4648 5 without padding, canonical only: no lone last digit, no bits left over. `out` has
 * room for text.n bytes. */
static bool base64url_decode(struct str text, char *out, size_t *ret_n)
{
    uint32_t bits = 0;
    unsigned held = 0; /* how many of the low bits are still to be written */
    size_t n = 0;

    for (size_t i = 0; i < text.n; i++) {
        int digit = base64url_digit(text.p[i]);

        if (digit < 0)
            return false;
        bits = bits << 6 | (uint32_t)digit;
        held += 6;
        if (held < 8)
            continue;
        held -= 8;
        out[n++] = (char)(bits >> held);
        bits &= (1u << held) - 1;
    }
    *ret_n = n;
    return text.n % 4 != 1 && bits == 0;
}

/* The JSON object in a part, NULL if there is none. */
static json_t *part_object(struct str part)
{
    char *text = mem_alloc(part.n + 1);
    json_t *tree = NULL;
    size_t n;

    if (base64url_decode(part, text, &n))
        tree = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
    free(text);
    if (json_is_object(tree))
        return tree;
    json_decref(tree);
    return NULL;
}

static bool split(struct str token, struct parts *ret)
{
    return str_cut(&token, '.', &ret->header) && str_cut(&token, '.', &ret->payload) &&
           str_cut(&token, '.', &ret->signature) && !token.p;
}

static const char *header_fault(struct str part)
{
    json_auto_t *header = part_object(part);
    const char *alg = json_string_value(json_object_get(header, "alg"));
    const char *typ = json_string_value(json_object_get(header, "typ"));

    if (!header)
        return "malformed token";
    if (!alg || strcmp(alg, "HS256") != 0)
        return "the token's algorithm is not HS256";
    if (typ && !str_eq_nocase(str_of(typ), STR("JWT")))
        return "the token's type is not JWT";
    if (json_object_get(header, "crit"))
        return "the token has a critical extension";
    return NULL;
}

/* libjwt takes a C string. A NUL in the signature would cut it short, and the length checked here
 * makes that a mismatch; the other parts were decoded and hold none. */
static bool signature_holds(struct str token, struct str signature, struct str secret)
{
    jwt_t *jwt = NULL;
    char *text;
    bool holds;

    if (signature.n != HS256_SIGNATURE || secret.n == 0) /* without a key libjwt verifies nothing */
        return false;
    text = mem_dup(token.p, token.n);
    holds = jwt_decode(&jwt, text, (const unsigned char *)secret.p, (int)secret.n) == 0 &&
            jwt_get_alg(jwt) == JWT_ALG_HS256;
    jwt_free(jwt);
    free(text);
    return holds;
}

/* NULL, and the claims are the caller's; else why the token is refused. */
static const char *open_envelope(struct str token, struct str secret, json_t **ret_claims)
{
    struct parts parts;
    const char *why;
    json_t *claims;

    if (token.n == 0)
        return "no token";
    if (token.n > TOKEN_MAX)
        return "the token is too long";
    if (!split(token, &parts))
        return "malformed token";
    why = header_fault(parts.header);
    if (why)
        return why;
    claims = part_object(parts.payload);
    if (!claims)
        return "malformed token";
    if (!signature_holds(token, parts.signature, secret)) {
        json_decref(claims);
        return "wrong signature";
    }
    *ret_claims = claims;
    return NULL;
}

int token_open(struct str token, struct str secret, json_t **ret_claims, const char **ret_why)
{
    const char *why = open_envelope(token, secret, ret_claims);

    if (!why)
        return EH_OK;
    *ret_why = why;
    return EH_EINVAL;
}
