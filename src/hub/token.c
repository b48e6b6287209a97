#include "hub/token.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "proto/json.h"

#define MALFORMED "the token is malformed"

_Static_assert(TOKEN_MAX == 65536, "as open_envelope says");

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

/* Decodes RFC 4648 5 without padding, in canonical form only: no lone last digit, no bits left
 * over. `out` has room for text.n bytes. */
static bool base64url_decode(struct str text, char *out, size_t *ret_n)
{
    uint32_t bits = 0;
    unsigned held = 0; /* low bits of `bits` that are still to be written */
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

/* Returns the JSON object in a part, or NULL. */
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

static const char *header_fault(const json_t *header)
{
    const json_t *kid = json_object_get(header, "kid");
    const char *typ = json_string_value(json_object_get(header, "typ"));

    if (!header)
        return MALFORMED;
    if (typ && !str_eq_nocase(str_of(typ), STR("JWT")))
        return "the token's typ must be JWT";
    if (kid && !json_is_string(kid))
        return "the token's kid must be a string";
    if (json_object_get(header, "crit"))
        return "the token needs an extension (crit)";
    return NULL;
}

static const char *signature_fault(struct str token, struct str part, const json_t *header,
                                   const struct keyring *keys)
{
    char *signature = mem_alloc(part.n + 1);
    struct keyring_token signed_token = {
        .text = token,
        .signed_text = str_make(token.p, token.n - part.n - 1),
        .algorithm = json_text(json_object_get(header, "alg")),
        .kid = json_text(json_object_get(header, "kid")),
    };
    const char *why = MALFORMED;
    size_t n;

    if (base64url_decode(part, signature, &n)) {
        signed_token.signature = str_make(signature, n);
        why = keyring_verify(keys, &signed_token);
    }
    free(signature);
    return why;
}

/* Returns NULL, and the caller owns the claims; otherwise why the token is refused. */
static const char *open_envelope(struct str token, const struct keyring *keys, json_t **ret_claims)
{
    json_auto_t *header = NULL, *claims = NULL;
    struct parts parts;
    const char *why;

    if (token.n == 0)
        return "no token";
    if (token.n > TOKEN_MAX)
        return "the token is longer than 65536 bytes";
    if (!split(token, &parts))
        return MALFORMED;
    header = part_object(parts.header);
    why = header_fault(header);
    if (why)
        return why;
    claims = part_object(parts.payload);
    if (!claims)
        return MALFORMED;
    why = signature_fault(token, parts.signature, header, keys);
    if (!why)
        *ret_claims = json_incref(claims);
    return why;
}

int token_open(struct str token, const struct keyring *keys, json_t **ret_claims,
               const char **ret_why)
{
    const char *why = open_envelope(token, keys, ret_claims);

    if (!why)
        return EH_OK;
    *ret_why = why;
    return EH_EINVAL;
}
