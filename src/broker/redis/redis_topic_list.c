#include "broker/redis/redis_topic_list.h"

#include <stdlib.h>

#include "base/mem.h"

struct name {
    const struct redis_topic_list *topics;
    struct str text;
};

static size_t start_of(const struct redis_topic_list *t, size_t i)
{
    return i ? t->ends[i - 1] : 0;
}

struct str redis_topic_list_at(const struct redis_topic_list *t, size_t i)
{
    size_t start = start_of(t, i);

    return str_make(t->text.data + start, t->ends[i] - start); /* nothing is ever consumed */
}

static bool is_name(const void *item, const void *key)
{
    const struct name *name = key;

    return str_eq(redis_topic_list_at(name->topics, (uintptr_t)item - 1), name->text);
}

void redis_topic_list_add(struct redis_topic_list *t, struct str name)
{
    const struct name key = { t, name };
    uint32_t hash;

    if (t->n == 0)
        t->hash_key = siphash_key_random();
    hash = (uint32_t)siphash(&t->hash_key, 0, name);
    if (table_find(&t->seen, hash, is_name, &key))
        return;
    if (t->n == t->cap) {
        t->cap = t->cap ? 2 * t->cap : 16;
        t->ends = mem_array(t->ends, t->cap, sizeof(t->ends[0]));
    }
    buf_add_str(&t->text, name);
    t->ends[t->n++] = (uint32_t)buf_used(&t->text);
    table_add(&t->seen, (void *)(uintptr_t)t->n, hash); /* NOLINT(performance-no-int-to-ptr) */
}

void redis_topic_list_end(struct redis_topic_list *t)
{
    table_done(&t->seen);
}

void redis_topic_list_done(struct redis_topic_list *t)
{
    buf_done(&t->text);
    free(t->ends);
    table_done(&t->seen);
    *t = (struct redis_topic_list){ 0 };
}

size_t redis_topic_list_bytes(const struct redis_topic_list *t)
{
    return buf_used(&t->text) + t->n * sizeof(t->ends[0]);
}
