#include "hub/token.h"

#include <jansson.h>
#include <stdint.h>

#include "base/array.h"
#include "hub/base64url.h"
#include "hub/claims.h"
#include "proto/json.h"

#define HEADER_ENCODING "the token's header must be base64url without padding"

_Static_assert(TOKEN_MAX == 65536, "as the text says");

/* Accepts a typ, in which "application/" may be omitted (RFC 7515, 4.1.9). */
static bool is_our_type(struct str typ)
{
    static const struct str prefix = { "application/", 12 };

    if (str_starts_with_nocase(typ, prefix))
        typ = str_skip(typ, prefix.n);
    return str_eq_nocase(typ, STR("JWT")) || str_eq_nocase(typ, STR("at+jwt"));
}

static const char *read_header(struct str part, json_t **ret_header)
{
    static const struct claim used[] = {
        CLAIM("the token's typ", "typ"),
        CLAIM("the token's alg", "alg"),
        CLAIM("the token's kid", "kid"),
        CLAIM("the token's crit", "crit"),
    };
    struct buf text = { 0 };
    const char *why = HEADER_ENCODING;
    const json_t *typ, *kid;

    if (base64url_decode(part, &text))
        why = claims_read(buf_str(&text), "the token's header is not a JSON object", used,
                          ARRAY_LEN(used), ret_header);
    buf_done(&text);
    if (why)
        return why;
    typ = json_object_get(*ret_header, "typ");
    kid = json_object_get(*ret_header, "kid");
    if (typ && !is_our_type(json_text(typ)))
        return "the token's typ must be JWT or at+jwt";
    if (kid && !json_is_string(kid))
        return "the token's kid must be a string";
    if (json_object_get(*ret_header, "crit"))
        return "the token needs an extension, and the server supports none (crit)";
    return NULL;
}

struct parts {
    struct str header, payload, signature;
};

static const char *split(struct str token, struct parts *ret)
{
    struct str rest = token;

    if (token.n == 0)
        return "there is no token";
    if (token.n > TOKEN_MAX)
        return "the token is longer than 65536 bytes";
    if (!str_cut(&rest, '.', &ret->header) || !str_cut(&rest, '.', &ret->payload) ||
        !str_cut(&rest, '.', &ret->signature) || rest.p)
        return "the token must have three parts with dots between them";
    return NULL;
}

/* Checks the signature. EH_ENOENT: no key verifies it. */
static int check_signature(const struct parts *parts, const json_t *header,
                           const struct keyring *keys, struct keyring_key *ret_key,
                           const char **ret_why)
{
    struct buf signature = { 0 };
    const char *end = parts->payload.p + parts->payload.n;
    struct keyring_token signed_token = {
        .signed_text = str_make(parts->header.p, (size_t)(end - parts->header.p)),
        .algorithm = json_text(json_object_get(header, "alg")),
        .kid = json_text(json_object_get(header, "kid")),
    };
    const char *why = "the token's signature must be base64url without padding";
    int rc = EH_EINVAL;

    if (base64url_decode(parts->signature, &signature)) {
        signed_token.signature = buf_str(&signature);
        why = keyring_verify(keys, &signed_token, ret_key);
        rc = why ? EH_ENOENT : EH_OK;
    }
    buf_done(&signature);
    if (why)
        *ret_why = why;
    return rc;
}

static const char *decode_payload(const struct parts *parts, struct buf *ret)
{
    return base64url_decode(parts->payload, ret)
               ? NULL
               : "the token's payload must be base64url without padding";
}

static int outcome(const char *why, const char **ret_why)
{
    if (!why)
        return EH_OK;
    *ret_why = why;
    return EH_EINVAL;
}

static int verify(struct str token, const struct keyring *keys, struct parts *ret_parts,
                  struct keyring_key *ret_key, const char **ret_why)
{
    json_auto_t *header = NULL;

    EH_TRY(outcome(split(token, ret_parts), ret_why));
    EH_TRY(outcome(read_header(ret_parts->header, &header), ret_why));
    return check_signature(ret_parts, header, keys, ret_key, ret_why);
}

int token_open(struct str token, const struct keyring *keys, struct buf *ret_payload,
               const char **ret_why)
{
    struct keyring_key key;
    struct parts parts;

    EH_TRY(verify(token, keys, &parts, &key, ret_why));
    return outcome(decode_payload(&parts, ret_payload), ret_why);
}

int token_find_key(struct str token, const struct keyring *keys, struct keyring_key *ret_key,
                   const char **ret_why)
{
    struct parts parts;

    return verify(token, keys, &parts, ret_key, ret_why);
}

int token_decode(struct str token, struct buf *ret_header, struct buf *ret_payload,
                 const char **ret_why)
{
    struct parts parts;
    const char *why = split(token, &parts);

    if (!why && !base64url_decode(parts.header, ret_header))
        why = HEADER_ENCODING;
    if (!why)
        why = decode_payload(&parts, ret_payload);
    return outcome(why, ret_why);
}
