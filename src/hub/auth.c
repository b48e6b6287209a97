#include "hub/auth.h"

#include <jansson.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "hub/token.h"
#include "hub/topic.h"

/* Every connection holds one, so it is one block: the two lists, then sub. In a list each entry
 * has a space behind it, which no topic or pattern can hold. */
struct auth {
    uint64_t expires;
    uint32_t read_n, write_n, sub_n; /* bytes of text */
    char text[];
};

static struct auth *auth_make(struct str text, size_t read_n, size_t write_n, uint64_t expires)
{
    struct auth *a = mem_alloc(sizeof(*a) + text.n);

    a->expires = expires;
    a->read_n = (uint32_t)read_n;
    a->write_n = (uint32_t)write_n;
    a->sub_n = (uint32_t)(text.n - read_n - write_n);
    memcpy(a->text, text.p, text.n);
    return a;
}

static struct str json_text(const json_t *string) /* {NULL, 0} for anything else */
{
    return str_make(json_string_value(string), json_string_length(string));
}

static bool is_later(const json_t *time, uint64_t now_s)
{
    json_int_t t = json_integer_value(time);

    return t > 0 && (uint64_t)t > now_s;
}

static const char *time_fault(const json_t *claims, uint64_t now_s)
{
    const json_t *exp = json_object_get(claims, "exp");
    const json_t *nbf = json_object_get(claims, "nbf");

    if (exp && !json_is_integer(exp))
        return "the claim exp is not an integer";
    if (nbf && !json_is_integer(nbf))
        return "the claim nbf is not an integer";
    if (exp && !is_later(exp, now_s))
        return "token expired";
    if (nbf && is_later(nbf, now_s))
        return "the token is not valid yet";
    return NULL;
}

static const char *type_fault(const json_t *claims)
{
    const json_t *sub = json_object_get(claims, "sub");
    const json_t *read = json_object_get(claims, "read");
    const json_t *write = json_object_get(claims, "write");

    if (sub && !json_is_string(sub))
        return "the claim sub is not a string";
    if (json_string_length(sub) > AUTH_SUB_MAX)
        return "the claim sub is too long";
    if (read && !json_is_array(read))
        return "the claim read is not an array";
    if (write && !json_is_array(write))
        return "the claim write is not an array";
    return NULL;
}

/* Appends the valid entries; returns the bytes they took. */
static size_t list_build(const json_t *array, struct buf *out)
{
    size_t before = buf_used(out);

    for (size_t i = 0; i < json_array_size(array); i++) {
        struct str entry = json_text(json_array_get(array, i));

        if (!filter_is_valid(entry))
            continue;
        buf_add_str(out, entry);
        buf_add_char(out, ' ');
    }
    return buf_used(out) - before;
}

static struct auth *auth_from_claims(const json_t *claims) /* NULL: not one valid entry */
{
    json_int_t expires = json_integer_value(json_object_get(claims, "exp")); /* 0 where absent */
    struct buf text = { 0 };
    size_t read_n = list_build(json_object_get(claims, "read"), &text);
    size_t write_n = list_build(json_object_get(claims, "write"), &text);
    struct auth *a = NULL;

    buf_add_str(&text, json_text(json_object_get(claims, "sub")));
    if (read_n + write_n)
        a = auth_make(buf_str(&text), read_n, write_n, (uint64_t)expires);
    buf_done(&text);
    return a;
}

static const char *read_claims(const json_t *claims, uint64_t now_s, struct auth **ret_auth)
{
    const char *why = time_fault(claims, now_s);
    struct auth *a;

    if (!why)
        why = type_fault(claims);
    if (why)
        return why;
    a = auth_from_claims(claims);
    if (!a)
        return "the token gives no rights";
    *ret_auth = a;
    return NULL;
}

int auth_verify(struct str token, struct str secret, uint64_t now_s, struct auth **ret_auth,
                const char **ret_why)
{
    json_t *claims;
    const char *why;

    EH_TRY(token_open(token, secret, &claims, ret_why));
    why = read_claims(claims, now_s, ret_auth);
    json_decref(claims);
    if (!why)
        return EH_OK;
    *ret_why = why;
    return EH_EINVAL;
}

struct auth *auth_everything(void)
{
    return auth_make(STR("# # "), 2, 2, 0);
}

void auth_free(struct auth *a)
{
    free(a);
}

static struct str auth_list(const struct auth *a, enum auth_right right)
{
    if (right == AUTH_READ)
        return str_make(a->text, a->read_n);
    return str_make(a->text + a->read_n, a->write_n);
}

bool auth_allows(const struct auth *a, enum auth_right right, struct str filter)
{
    struct str list = auth_list(a, right), entry;

    while (list.n && str_cut(&list, ' ', &entry)) {
        if (filter_covers(entry, filter))
            return true;
    }
    return false;
}

struct str auth_sub(const struct auth *a)
{
    return str_make(a->text + a->read_n + a->write_n, a->sub_n);
}

uint64_t auth_expires(const struct auth *a)
{
    return a->expires;
}

struct str auth_header_token(struct str value)
{
    static const struct str scheme = { "Bearer", 6 };
    struct str token = str_trim(value), rest, trimmed;

    if (token.n < scheme.n || !str_eq_nocase(str_make(token.p, scheme.n), scheme))
        return token;
    rest = str_skip(token, scheme.n);
    trimmed = str_trim(rest);
    return rest.n && trimmed.n == rest.n ? token : trimmed; /* no blank between: not the scheme */
}
