#include "hub/token.h"

#include <jansson.h>
#include <stdint.h>

#include "base/array.h"
#include "hub/claims.h"
#include "proto/json.h"

_Static_assert(TOKEN_MAX == 65536, "as the text says");

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

/* Decodes a part into `out`. */
static bool decode_part(struct str part, struct buf *out)
{
    char *to = buf_reserve(out, part.n);
    size_t n;

    if (!base64url_decode(part, to, &n))
        return false;
    buf_commit(out, n);
    return true;
}

/* Accepts a typ, in which "application/" may be omitted (RFC 7515, 4.1.9). */
static bool is_our_type(struct str typ)
{
    static const struct str prefix = { "application/", 12 };

    if (typ.n > prefix.n && str_eq_nocase(str_make(typ.p, prefix.n), prefix))
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
    const char *why = "the token's header must be base64url without padding";
    const json_t *typ, *kid;

    if (decode_part(part, &text))
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

static const char *signature_fault(struct str token, struct str part, const json_t *header,
                                   const struct keyring *keys)
{
    struct buf signature = { 0 };
    struct keyring_token signed_token = {
        .signed_text = str_make(token.p, token.n - part.n - 1),
        .algorithm = json_text(json_object_get(header, "alg")),
        .kid = json_text(json_object_get(header, "kid")),
    };
    const char *why = "the token's signature must be base64url without padding";

    if (decode_part(part, &signature)) {
        signed_token.signature = buf_str(&signature);
        why = keyring_verify(keys, &signed_token);
    }
    buf_done(&signature);
    return why;
}

static const char *open_envelope(struct str token, const struct keyring *keys,
                                 struct buf *ret_payload)
{
    json_auto_t *header = NULL;
    struct str rest = token, header_part, payload_part, signature_part;
    const char *why;

    if (token.n == 0)
        return "there is no token";
    if (token.n > TOKEN_MAX)
        return "the token is longer than 65536 bytes";
    if (!str_cut(&rest, '.', &header_part) || !str_cut(&rest, '.', &payload_part) ||
        !str_cut(&rest, '.', &signature_part) || rest.p)
        return "the token must have three parts with dots between them";
    why = read_header(header_part, &header);
    if (!why)
        why = signature_fault(token, signature_part, header, keys);
    if (!why && !decode_part(payload_part, ret_payload))
        why = "the token's payload must be base64url without padding";
    return why;
}

int token_open(struct str token, const struct keyring *keys, struct buf *ret_payload,
               const char **ret_why)
{
    const char *why = open_envelope(token, keys, ret_payload);

    if (!why)
        return EH_OK;
    *ret_why = why;
    return EH_EINVAL;
}
