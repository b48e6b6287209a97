#include "app/config/config_conflicts.h"

#include "proto/origin.h"

int config_find_conflict(const struct config *c, struct buf *why)
{
    if (c->jwt_cookie[0] && origin_list_is_open(str_of(c->allowed_origins))) {
        buf_addf(why, "JWT_COOKIE requires ALLOWED_ORIGINS to name the pages that may use the "
                      "cookie: with * or null, any site could act for its visitors");
        return EH_EINVAL;
    }
    return EH_OK;
}
