#include "broker/redis/redis_keys.h"

#include <inttypes.h>
#include <openssl/sha.h>

#define HASH_BYTES 16 /* of SHA-256 */

void keys_add(struct buf *out, struct str prefix, struct str name)
{
    buf_add_char(out, '{');
    buf_add_str(out, prefix);
    buf_add_str(out, STR("}:"));
    buf_add_str(out, name);
}

void keys_add_channel(struct buf *out, struct str prefix, struct str topic)
{
    buf_add_str(out, prefix);
    buf_add_char(out, ':');
    buf_add_str(out, topic);
}

void keys_add_once(struct buf *out, struct str prefix, struct str topic, struct str key)
{
    keys_add(out, prefix, STR("once:"));
    buf_add_str(out, topic); /* contains no colon, so the key begins after the next one */
    buf_add_char(out, ':');
    buf_add_str(out, key);
}

void keys_add_count(struct buf *out, struct str prefix, struct str origin_json,
                    const struct rate_rule *rule)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];

    (void)SHA256((const unsigned char *)origin_json.p, origin_json.n, digest);
    keys_add(out, prefix, STR("rl:"));
    for (size_t i = 0; i < HASH_BYTES; i++)
        buf_addf(out, "%02x", digest[i]);
    buf_addf(out, ":%" PRIu32 ":%.*s", rule->interval_s, STR_ARG(rule->topic));
}

static bool is_glob(char c)
{
    return c == '*' || c == '?' || c == '[' || c == ']' || c == '\\' || c == '^';
}

static void add_escaped(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (is_glob(s.p[i]))
            buf_add_char(out, '\\');
        buf_add_char(out, s.p[i]);
    }
}

void keys_add_glob(struct buf *out, struct str prefix, struct str begin)
{
    add_escaped(out, prefix);
    buf_add_char(out, ':');
    add_escaped(out, begin);
    buf_add_char(out, '*');
}

struct str keys_channel_topic(struct str prefix, struct str channel)
{
    if (!str_starts_with(channel, prefix) || channel.n == prefix.n || channel.p[prefix.n] != ':')
        return (struct str){ NULL, 0 };
    return str_skip(channel, prefix.n + 1);
}

bool keys_is_of_longer_prefix(struct str topic)
{
    return topic.n > 0 && memchr(topic.p, ':', topic.n) != NULL;
}
