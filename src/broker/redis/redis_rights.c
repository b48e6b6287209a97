#include "broker/redis/redis_rights.h"

#include <assert.h>
#include <string.h>

#include "base/array.h"
#include "broker/redis/redis_reply.h"

/* The words of each command. S, H, X and Z stand for the keys, C for the channel. Each command
 * finds its key as the commands before it left it. */
static const struct {
    const char *right;
    const char *words;
    enum redis_need need;
} rights[] = {
    { "ping", "PING", REDIS_NEED_ALWAYS },
    { "client|setname", "CLIENT SETNAME eventhub", REDIS_NEED_NAME },
    { "wait", "WAIT 0 1", REDIS_NEED_WAIT },
    { "cluster|slots", "CLUSTER SLOTS", REDIS_NEED_CLUSTER },
    { "asking", "ASKING", REDIS_NEED_CLUSTER },
    { "evalsha", "EVALSHA ffffffffffffffffffffffffffffffffffffffff 0", REDIS_NEED_ALWAYS },
    { "publish", "PUBLISH C x", REDIS_NEED_ALWAYS },
    { "unsubscribe", "UNSUBSCRIBE C", REDIS_NEED_LEAVE },
    { "punsubscribe", "PUNSUBSCRIBE C", REDIS_NEED_LEAVE },
    { "time", "TIME", REDIS_NEED_ALWAYS },
    { "set", "SET S 1 PX 60000", REDIS_NEED_ALWAYS },
    { "get", "GET S", REDIS_NEED_ALWAYS },
    { "incr", "INCR S", REDIS_NEED_ALWAYS },
    { "exists", "EXISTS S", REDIS_NEED_ALWAYS },
    { "pttl", "PTTL S", REDIS_NEED_ALWAYS },
    { "persist", "PERSIST S", REDIS_NEED_ALWAYS },
    { "pexpireat", "PEXPIREAT S 1", REDIS_NEED_ALWAYS },
    { "hset", "HSET H f 1", REDIS_NEED_ALWAYS },
    { "hmget", "HMGET H f", REDIS_NEED_ALWAYS },
    { "hdel", "HDEL H f", REDIS_NEED_ALWAYS },
    { "xadd", "XADD X 1-0 f 1", REDIS_NEED_ALWAYS },
    { "xlen", "XLEN X", REDIS_NEED_ALWAYS },
    { "xrange", "XRANGE X - +", REDIS_NEED_ALWAYS },
    { "xrevrange", "XREVRANGE X + -", REDIS_NEED_ALWAYS },
    { "xtrim", "XTRIM X MAXLEN 0", REDIS_NEED_ALWAYS },
    { "zadd", "ZADD Z 1 m", REDIS_NEED_ALWAYS },
    { "zscore", "ZSCORE Z m", REDIS_NEED_ALWAYS },
    { "zcount", "ZCOUNT Z 0 1", REDIS_NEED_ALWAYS },
    { "zlexcount", "ZLEXCOUNT Z - +", REDIS_NEED_ALWAYS },
    { "zrangebylex", "ZRANGEBYLEX Z - +", REDIS_NEED_ALWAYS },
    { "zrangebyscore", "ZRANGEBYSCORE Z 0 1", REDIS_NEED_ALWAYS },
    { "zscan", "ZSCAN Z 0", REDIS_NEED_ALWAYS },
    { "zrem", "ZREM Z m", REDIS_NEED_ALWAYS },
    { "unlink", "UNLINK S", REDIS_NEED_ALWAYS },
    { "del", "DEL S H X Z", REDIS_NEED_ALWAYS },
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

enum redis_need redis_rights_need(size_t i)
{
    assert(i < ARRAY_LEN(rights));
    return rights[i].need;
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
