#include "broker/redis/redis_sentinel_text.h"

#include <hiredis/hiredis.h>

#include "broker/redis/redis_endpoint.h"
#include "broker/redis/redis_reply.h"

/* Values are strings, numbers too; a later version may send integers. */
static int read_number(const struct redisReply *r, uint64_t *ret)
{
    if (r->type == REDIS_REPLY_INTEGER && r->integer >= 0) {
        *ret = (uint64_t)r->integer;
        return EH_OK;
    }
    return r->type == REDIS_REPLY_STRING ? str_parse_u64(redis_reply_text(r), ret) : EH_EINVAL;
}

/* Returns the value of a field in a flat array of fields and values; NULL: no such field. */
static const struct redisReply *value_of(const struct redisReply *r, struct str field)
{
    for (size_t i = 0; i + 1 < r->elements; i += 2) {
        if (str_eq(redis_reply_text(r->element[i]), field))
            return r->element[i + 1];
    }
    return NULL;
}

static uint64_t number_of(const struct redisReply *r, struct str field)
{
    const struct redisReply *value = value_of(r, field);
    uint64_t n;

    return value && read_number(value, &n) == EH_OK ? n : 0;
}

static bool is_unknown_name(const struct redisReply *r)
{
    return r->type == REDIS_REPLY_NIL ||
           (redis_reply_is_error(r) &&
            str_starts_with(redis_reply_text(r), STR("ERR No such master")));
}

int redis_sentinel_read_master(const struct redisReply *r, struct redis_sentinel_master *ret)
{
    struct redis_sentinel_master found = { 0 };
    const struct redisReply *ip;

    if (is_unknown_name(r))
        return EH_ENOENT;
    if (r->type != REDIS_REPLY_ARRAY)
        return EH_EINVAL;
    ip = value_of(r, STR("ip"));
    if (!ip || ip->type != REDIS_REPLY_STRING)
        return EH_EINVAL;
    EH_TRY(redis_endpoint_set(&found.endpoint, redis_reply_text(ip), number_of(r, STR("port"))));
    found.epoch = number_of(r, STR("config-epoch"));
    *ret = found;
    return EH_OK;
}

bool redis_sentinel_is_switch(struct str payload, struct str name)
{
    return payload.n > name.n && str_starts_with(payload, name) && payload.p[name.n] == ' ';
}
