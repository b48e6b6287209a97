#include "hub/claims.h"

#include <assert.h>

#include "proto/json_pick.h"

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
        struct str value = found[i].value;
        json_t *read;

        if (found[i].count == 0 || (found[i].count > 1 && !used[i].is_repeated))
            continue;
        if (found[i].count > 1)
            return used[i].is_repeated;
        read = json_loadb(value.p, value.n, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
        if (json_object_set_new(claims, used[i].name, read) < 0 /* fails if read is NULL */
            && used[i].is_unreadable)
            return used[i].is_unreadable;
    }
    *ret_claims = json_incref(claims);
    return NULL;
}
