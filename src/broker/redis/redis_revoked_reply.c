#include "broker/redis/redis_revoked_reply.h"

#include <hiredis/hiredis.h>

#include "broker/redis/redis_reply.h"

#define HEAD  2 /* elements before the entries */
#define ENTRY 3

int redis_revoke_reply(const struct redisReply *r, bool *ret_full)
{
    if (r->type != REDIS_REPLY_INTEGER)
        return EH_EINVAL;
    *ret_full = r->integer == 0;
    return EH_OK;
}

static int read_number(const struct redisReply *r, uint64_t *ret)
{
    struct str text = redis_reply_text(r);

    if (redis_reply_is_error(r) || !text.p || str_parse_u64(text, ret) < 0)
        return EH_EINVAL;
    return EH_OK;
}

int redis_revoked_reply(const struct redisReply *r, struct redis_revoked_page *ret)
{
    if (r->type != REDIS_REPLY_ARRAY || r->elements < HEAD || (r->elements - HEAD) % ENTRY != 0)
        return EH_EINVAL;
    *ret = (struct redis_revoked_page){ .n = (r->elements - HEAD) / ENTRY };
    EH_TRY(read_number(r->element[0], &ret->last));
    if (redis_reply_text(r->element[1]).n == 0)
        return EH_OK;
    return read_number(r->element[1], &ret->next);
}

int redis_revoked_entry(const struct redisReply *r, size_t i, struct revocation *ret)
{
    struct redisReply *const *row = &r->element[HEAD + i * ENTRY];
    struct str name = redis_reply_text(row[0]);

    if (redis_reply_is_error(row[0]) || !name.p || name.n < 3)
        return EH_EINVAL;
    if (!str_starts_with(name, STR("j:")) && !str_starts_with(name, STR("s:")))
        return EH_EINVAL;
    ret->kind = name.p[0] == 'j' ? REVOKED_ID : REVOKED_SUB;
    ret->name = str_skip(name, 2);
    EH_TRY(read_number(row[1], &ret->before_ms));
    return read_number(row[2], &ret->until_ms);
}
