#include "hub/claims.h"

#include <assert.h>

#include "proto/json_pick.h"

static const char *add_claim(json_t *claims, const struct claim *used,
                             const struct json_pick *found)
{
    json_t *value;

    if (found->count == 0)
        return NULL;
    if (found->count > 1)
        return used->is_repeated;
    value =
        json_loadb(found->value.p, found->value.n, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
    /* fails if there is no value */
    return json_object_set_new(claims, used->name, value) < 0 ? used->is_unreadable : NULL;
}

const char *claims_read(struct str text, const char *not_object, const struct claim *used, size_t n,
                        json_t **ret_claims)
{
    struct json_pick found[CLAIMS_MAX];
    json_auto_t *claims = json_object();
    const char *why = NULL;

    assert(n <= CLAIMS_MAX);
    for (size_t i = 0; i < n; i++)
        found[i].name = used[i].name;
    if (!json_pick(text, found, n))
        return not_object;
    for (size_t i = 0; i < n && !why; i++)
        why = add_claim(claims, &used[i], &found[i]);
    if (!why)
        *ret_claims = json_incref(claims);
    return why;
}
