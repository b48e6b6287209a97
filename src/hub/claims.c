#include "hub/claims.h"

#include <assert.h>

#include "proto/json_pick.h"

/* Reports whether the value is a string of printable ASCII without an escape. */
static bool is_plain_text(struct str value)
{
    if (value.n < 2 || value.p[0] != '"')
        return false;
    for (size_t i = 1; i < value.n - 1; i++) {
        if (value.p[i] < ' ' || value.p[i] > '~' || value.p[i] == '\\')
            return false;
    }
    return true;
}

#define SHORT_DIGITS 18 /* fit into 63 bits */

/* Reads a value that json_pick has found. Names and times, which most tokens have, need no parser.
 * Returns NULL if jansson cannot represent it. */
static json_t *read_value(struct str value)
{
    uint64_t number;

    if (is_plain_text(value))
        return json_stringn_nocheck(value.p + 1, value.n - 2);
    if (value.n <= SHORT_DIGITS && str_parse_u64(value, &number) == EH_OK)
        return json_integer((json_int_t)number);
    return json_loadb(value.p, value.n, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
}

const char *claims_read(struct str text, const char *not_object, const struct claim *used, size_t n,
                        json_t **ret_claims)
{
    struct json_pick found[CLAIMS_MAX];
    json_auto_t *claims = json_object();

    assert(n <= CLAIMS_MAX);
    for (size_t i = 0; i < n; i++)
        found[i].name = used[i].name;
    if (!json_pick(text, found, n))
        return not_object;
    for (size_t i = 0; i < n; i++) {
        json_t *read;

        if (found[i].count == 0 || (found[i].count > 1 && !used[i].is_repeated))
            continue;
        if (found[i].count > 1)
            return used[i].is_repeated;
        read = read_value(found[i].value);
        if (json_object_set_new(claims, used[i].name, read) < 0 /* fails if read is NULL */
            && used[i].is_unreadable)
            return used[i].is_unreadable;
    }
    *ret_claims = json_incref(claims);
    return NULL;
}
