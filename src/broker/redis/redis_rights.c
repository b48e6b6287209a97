#include "broker/redis/redis_rights.h"

#include <assert.h>
#include <string.h>

#include "base/array.h"
#include "broker/redis/redis_reply.h"

/* The words of each command. S, H, X and Z stand for the keys, C for the channel. Each command finds
 * its key as the commands before it left it. */
static const struct {
    const char *right;
    const char *words;
} rights[] = {
    { "ping", "PING" },
    { "evalsha", "EVALSHA ffffffffffffffffffffffffffffffffffffffff 0" },
    { "publish", "PUBLISH C x" },
    { "time", "TIME" },
    { "set", "SET S 1 PX 60000" },
    { "get", "GET S" },
    { "incr", "INCR S" },
    { "exists", "EXISTS S" },
    { "pttl", "PTTL S" },
    { "persist", "PERSIST S" },
    { "pexpireat", "PEXPIREAT S 1" },
    { "hset", "HSET H f 1" },
    { "hmget", "HMGET H f" },
    { "hdel", "HDEL H f" },
    { "xadd", "XADD X 1-0 f 1" },
    { "xlen", "XLEN X" },
    { "xrange", "XRANGE X - +" },
    { "xrevrange", "XREVRANGE X + -" },
    { "xtrim", "XTRIM X MAXLEN 0" },
    { "zadd", "ZADD Z 1 m" },
    { "zscore", "ZSCORE Z m" },
    { "zcount", "ZCOUNT Z 0 1" },
    { "zlexcount", "ZLEXCOUNT Z - +" },
    { "zrangebylex", "ZRANGEBYLEX Z - +" },
    { "zrangebyscore", "ZRANGEBYSCORE Z 0 1" },
    { "zscan", "ZSCAN Z 0" },
    { "zrem", "ZREM Z m" },
    { "del", "DEL S H X Z" },
};

size_t redis_rights_count(void)
{
    return ARRAY_LEN(rights);
}

const char *redis_rights_name(size_t i)
{
    assert(i < ARRAY_LEN(rights));
    return rights[i].right;
}

static struct str name_of(struct str word, const struct redis_rights_names *names)
{
    static const char letters[REDIS_RIGHTS_KEYS] = "SHXZ";
    const char *at = word.n == 1 ? memchr(letters, word.p[0], sizeof(letters)) : NULL;

    if (at)
        return names->keys[at - letters];
    return str_eq(word, STR("C")) ? names->channel : word;
}

void redis_rights_command(struct redis_command *c, size_t i, const struct redis_rights_names *names)
{
    struct str rest, word;

    assert(i < ARRAY_LEN(rights));
    rest = str_of(rights[i].words);
    redis_command_init(c);
    while (str_cut(&rest, ' ', &word))
        redis_command_add(c, name_of(word, names));
}

static bool has(struct str text, const char *words)
{
    return memmem(text.p, text.n, words, strlen(words)) != NULL;
}

/* Redis 6 and 7 word their refusals differently: `... to access one of the keys used as arguments`,
 * `No permissions to access a key`. */
enum redis_refusal redis_refusal_of_text(struct str error)
{
    if (has(error, "NOPERM")) {
        if (!has(error, " access "))
            return REDIS_REFUSAL_COMMAND;
        return has(error, "channel") ? REDIS_REFUSAL_CHANNEL : REDIS_REFUSAL_KEY;
    }
    if (str_starts_with(error, STR("ERR unknown command")))
        return REDIS_REFUSAL_UNKNOWN;
    return REDIS_REFUSAL_OTHER;
}

enum redis_refusal redis_refusal_of(const struct redisReply *r)
{
    if (!redis_reply_is_error(r) || redis_reply_has_code(r, "NOSCRIPT"))
        return REDIS_REFUSAL_NONE;
    return redis_refusal_of_text(redis_reply_text(r));
}
