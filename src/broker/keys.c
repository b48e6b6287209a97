#include "broker/keys.h"

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

static bool is_glob(char c)
{
    return c == '*' || c == '?' || c == '[' || c == ']' || c == '\\' || c == '^';
}

void keys_add_feed_pattern(struct buf *out, struct str prefix)
{
    for (size_t i = 0; i < prefix.n; i++) {
        if (is_glob(prefix.p[i]))
            buf_add_char(out, '\\');
        buf_add_char(out, prefix.p[i]);
    }
    buf_add_str(out, STR(":*"));
}

struct str keys_channel_topic(struct str prefix, struct str channel)
{
    if (!str_starts_with(channel, prefix) || channel.n == prefix.n || channel.p[prefix.n] != ':')
        return (struct str){ NULL, 0 };
    return str_skip(channel, prefix.n + 1);
}
