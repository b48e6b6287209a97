#include "broker/redis/redis_publish.h"

#include <assert.h>

#include "base/array.h"
#include "broker/redis/redis_keys.h"

static void add_key(struct redis_command *c, const struct buf *key)
{
    redis_command_add(c, buf_str(key));
}

static bool has_key(const struct broker_publish *p)
{
    return p->key.n > 0;
}

static bool has_limit(const struct broker_publish *p)
{
    return p->limit.topic.n > 0;
}

static void add_own_keys(struct redis_command *c, struct redis_names *names,
                         const struct broker_publish *p)
{
    struct buf *text = &names->batch;
    size_t start = buf_used(text);

    buf_add_str(text, buf_str(&names->logs));
    buf_add_str(text, p->topic);
    redis_command_add_text(c, text, start);
    if (has_key(p)) {
        start = buf_used(text);
        keys_add_once(text, names->prefix, p->topic, p->key);
        redis_command_add_text(c, text, start);
    }
    if (has_limit(p)) {
        start = buf_used(text);
        keys_add_count(text, names->prefix, p->origin_json, &p->limit);
        redis_command_add_text(c, text, start);
    }
}

/* Reserves the memory for all that these publishes append, so that it does not move. */
static void reserve(struct redis_names *names, const struct broker_publish *const *p, size_t n)
{
    size_t size = 256; /* what all share */

    for (size_t i = 0; i < n; i++) {
        size += 3 * buf_used(&names->logs) + 2 * p[i]->topic.n + p[i]->key.n + p[i]->limit.topic.n;
        size += 256 + AUTHOR_TEXT; /* five numbers, a hash, punctuation */
    }
    buf_clear(&names->batch);
    (void)buf_reserve(&names->batch, size);
}

void redis_publish_clean(struct redis_command *c, struct redis_names *names,
                         const struct broker_publish *p)
{
    const struct buf *keys[] = { &names->id,      &names->log_start,    &names->topics,
                                 &names->recent,  &names->floors,       &names->ends,
                                 &names->sweep,   &names->lock,         &names->mark_log,
                                 &names->revoked, &names->revoked_ends, &names->revoked_before };

    reserve(names, &p, 1);
    redis_command_init(c);
    redis_command_add(c, STR("DEL"));
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        add_key(c, keys[i]);
    add_own_keys(c, names, p);
}

static uint64_t length_of(const struct broker_config *config, const struct broker_publish *p)
{
    return p->max_length ? p->max_length : config->max_cache_length;
}

/* Adds how many entries the logs may hold: a single number if it is the same for all messages,
 * which it nearly always is, otherwise one for each. */
static void add_lengths(struct redis_command *c, struct buf *text,
                        const struct broker_config *config, const struct broker_publish *const *p,
                        size_t n)
{
    uint64_t first = length_of(config, p[0]);
    size_t start = buf_used(text), i = 1;

    while (i < n && length_of(config, p[i]) == first)
        i++;
    if (i == n) {
        redis_command_add_number(c, text, first);
        return;
    }
    for (i = 0; i < n; i++) {
        char *out = buf_reserve(text, STR_U64 + 1);
        size_t used = str_format_u64(length_of(config, p[i]), out);

        out[used] = ' ';
        buf_commit(text, used + 1);
    }
    redis_command_add_text(c, text, start);
}

static void add_flag(struct redis_command *c, bool flag)
{
    redis_command_add(c, flag ? STR("1") : STR("0"));
}

/* Adds the text of the author, or an empty text. */
static void add_author(struct redis_command *c, struct buf *text, const struct author *author)
{
    size_t start = buf_used(text);

    if (author->n)
        buf_commit(text, author_format(author, buf_reserve(text, AUTHOR_TEXT)));
    redis_command_add_text(c, text, start);
}

static void add_message(struct redis_command *c, struct redis_names *names,
                        const struct broker_config *config, const struct broker_publish *p)
{
    redis_command_add(c, p->topic);
    redis_command_add(c, p->message_json);
    redis_command_add(c, p->origin_json);
    redis_command_add_number(c, &names->batch, p->ttl_s ? p->ttl_s : config->default_ttl_s);
    /* A timestamp before 1970 is never used. */
    redis_command_add_number(c, &names->batch, p->timestamp > 0 ? (uint64_t)p->timestamp : 0);
    add_flag(c, has_key(p));
    if (has_limit(p)) {
        redis_command_add_number(c, &names->batch, p->limit.max);
        redis_command_add_number(c, &names->batch, (uint64_t)p->limit.interval_s * 1000);
    } else {
        redis_command_add(c, STR(""));
        redis_command_add(c, STR(""));
    }
    add_author(c, &names->batch, &p->author);
}

void redis_publish_make(struct redis_command *c, struct redis_names *names,
                        const struct broker_config *config, const struct broker_publish *const *p,
                        size_t n, struct msgid newest, struct str replid)
{
    size_t n_keys = 5, start;

    assert(n > 0 && n <= REDIS_BATCH_MAX);
    for (size_t i = 0; i < n; i++)
        n_keys += 1U + has_key(p[i]) + has_limit(p[i]);
    reserve(names, p, n);
    redis_command_init(c);
    c->is_script = true;
    c->script = SCRIPT_PUBLISH;
    redis_command_add(c, STR("EVALSHA"));
    redis_command_add(c, STR(""));
    redis_command_add_number(c, &names->batch, n_keys);
    add_key(c, &names->id);
    add_key(c, &names->topics);
    add_key(c, &names->recent);
    add_key(c, &names->floors);
    add_key(c, &names->ends);
    for (size_t i = 0; i < n; i++)
        add_own_keys(c, names, p[i]);
    add_key(c, &names->channel);
    add_lengths(c, &names->batch, config, p, n);
    add_flag(c, config->cache);
    start = buf_used(&names->batch);
    buf_commit(&names->batch, msgid_format(newest, buf_reserve(&names->batch, MSGID_TEXT)));
    redis_command_add_text(c, &names->batch, start);
    redis_command_add_number(c, &names->batch, config->default_ttl_s);
    redis_command_add(c, replid);
    for (size_t i = 0; i < n; i++)
        add_message(c, names, config, p[i]);
}
