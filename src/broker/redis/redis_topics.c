#include "broker/redis/redis_topics.h"

#include <stdlib.h>

#include "base/mem.h"

static bool is_topic(const void *item, const void *key)
{
    return str_eq(((const struct redis_topic *)item)->channel.text, *(const struct str *)key);
}

static uint32_t hash(const struct redis_topics *t, struct str text)
{
    return (uint32_t)siphash(&t->key, 0, text);
}

struct redis_topic *redis_topics_find(const struct redis_topics *t, struct str text)
{
    return table_find(&t->table, hash(t, text), is_topic, &text);
}

struct redis_topic *redis_topics_get(struct redis_topics *t, struct str text)
{
    struct redis_topic *topic = redis_topics_find(t, text);

    if (topic)
        return topic;
    topic = mem_zalloc(sizeof(*topic) + text.n);
    memcpy(topic->text, text.p, text.n);
    topic->channel.text = str_make(topic->text, text.n);
    table_add(&t->table, topic, hash(t, text));
    list_push(&t->all, &topic->all);
    return topic;
}

static bool is_wanted(const struct redis_topic *topic)
{
    return topic->own || topic->tree;
}

void redis_topics_drop(struct redis_topics *t, struct redis_topic *topic)
{
    if (is_wanted(topic) || redis_channel_is_held(&topic->channel))
        return;
    if (t->swept_to == &topic->all)
        t->swept_to = topic->all.next;
    table_remove(&t->table, topic, hash(t, topic->channel.text));
    list_remove(&topic->all);
    free(topic);
}

bool redis_topics_settle(struct redis_topics *t, struct redis_topic *topic)
{
    enum channel_state *state = &topic->channel.state;

    if (is_wanted(topic) && !redis_target_covers(t->target, topic->channel.text)) {
        if (*state == CHANNEL_ABSENT) {
            if (t->n_open >= t->max)
                return false;
            redis_changes_open(t->changes, &topic->channel);
            t->n_open++;
        } else if (*state == CHANNEL_LINGERING) {
            *state = CHANNEL_LIVE;
            list_remove(&topic->lingering);
        }
    } else if (*state == CHANNEL_LIVE) {
        *state = CHANNEL_LINGERING;
        topic->lingers_until_ms = t->now_ms + CHANNELS_LINGER_MS;
        list_push(&t->lingering, &topic->lingering);
    }
    return true;
}

void redis_topics_sweep(struct redis_topics *t)
{
    t->swept_to = t->all.next;
}

struct redis_topic *redis_topics_next(struct redis_topics *t)
{
    struct list *link = t->swept_to;

    if (link == &t->all)
        return NULL;
    t->swept_to = link->next;
    return container_of(link, struct redis_topic, all);
}

bool redis_topics_is_swept(const struct redis_topics *t)
{
    return t->swept_to == &t->all;
}

void redis_topics_on_tick(struct redis_topics *t, uint64_t now_ms)
{
    t->now_ms = now_ms;
    if (now_ms - t->closes_ms >= 1000) {
        t->closes_ms = now_ms;
        t->n_closes = 0;
    }
}

void redis_topics_close(struct redis_topics *t)
{
    list_for_each_safe(link, &t->lingering)
    {
        struct redis_topic *topic = container_of(link, struct redis_topic, lingering);

        if (t->n_closes >= CLOSES_MAX || topic->lingers_until_ms > t->now_ms)
            return;
        list_remove(link);
        if (is_wanted(topic) && !redis_target_is_live(t->target, topic->channel.text)) {
            topic->channel.state = CHANNEL_LIVE;
            (void)redis_topics_settle(t, topic); /* lingers on, if the target will cover it */
            continue;
        }
        redis_changes_close(t->changes, &topic->channel);
        t->n_closes++;
        t->n_open--;
    }
}

void redis_topics_forget(struct redis_topics *t)
{
    list_for_each_safe(it, &t->lingering) list_remove(it);
    list_for_each_safe(it, &t->all)
    {
        struct redis_topic *topic = container_of(it, struct redis_topic, all);

        redis_changes_forget(&topic->channel);
        redis_topics_drop(t, topic);
    }
    t->n_open = 0;
}

void redis_topics_init(struct redis_topics *t, const struct redis_target *target,
                       struct redis_changes *changes, size_t max, uint64_t now_ms)
{
    *t =
        (struct redis_topics){ .target = target, .changes = changes, .max = max, .now_ms = now_ms };
    t->key = siphash_key_random();
    list_init(&t->all);
    list_init(&t->lingering);
    t->swept_to = &t->all;
}

void redis_topics_done(struct redis_topics *t)
{
    list_for_each_safe(it, &t->all) free(container_of(it, struct redis_topic, all));
    table_done(&t->table);
}
