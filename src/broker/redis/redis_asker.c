#include "broker/redis/redis_asker.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/mem.h"
#include "broker/redis/redis_endpoint.h"

#define ASKER_LINKS      2  /* a slot has one target at a time, and for a moment an old one */
#define ASKER_IDLE_TICKS 10 /* seconds */

struct target {
    struct redis_link *link; /* NULL: free */
    unsigned used;           /* in ticks */
};

struct redis_asker {
    struct redis_link_config config;
    unsigned ticks;
    struct target targets[ASKER_LINKS];
};

static void close_target(struct target *t)
{
    redis_link_free(t->link);
    t->link = NULL;
}

/* Returns the place of this server, or a free place, or the place that was not used for longest and
 * has nothing to answer; NULL: all are busy. */
static struct target *place_of(struct redis_asker *a, const struct redis_endpoint *endpoint)
{
    struct target *best = NULL;

    for (size_t i = 0; i < ARRAY_LEN(a->targets); i++) {
        struct target *t = &a->targets[i];

        if (t->link && redis_endpoint_equal(redis_link_endpoint(t->link), endpoint))
            return t;
        if (t->link && redis_link_unanswered(t->link) > 0)
            continue;
        if (!best || (best->link && (!t->link || t->used < best->used)))
            best = t;
    }
    return best;
}

static void on_up(struct redis_link *l, void *owner)
{
    (void)l;
    (void)owner;
}

/* Nothing to do: the next call finds that it cannot be sent. */
static void on_down(struct redis_link *l, void *owner, const char *why)
{
    (void)l;
    (void)owner;
    (void)why;
}

static const struct redis_link_events events = { .on_up = on_up, .on_down = on_down };

bool redis_asker_send(struct redis_asker *a, const struct redis_endpoint *endpoint,
                      struct redis_command *c, struct redis_done done)
{
    struct target *t = place_of(a, endpoint);
    struct redis_command asking;

    if (!t)
        return false;
    if (t->link && !redis_endpoint_equal(redis_link_endpoint(t->link), endpoint))
        close_target(t);
    t->used = a->ticks;
    if (!t->link) {
        a->config.endpoint = *endpoint;
        t->link = redis_link_create(&a->config);
    }
    if (!redis_link_can_send(t->link))
        return false;
    redis_command_asking(&asking);
    redis_link_send(t->link, &asking, (struct redis_done){ 0 });
    redis_link_send(t->link, c, done);
    return true;
}

void redis_asker_tick(struct redis_asker *a)
{
    a->ticks++;
    for (size_t i = 0; i < ARRAY_LEN(a->targets); i++) {
        struct target *t = &a->targets[i];

        if (t->link && redis_link_unanswered(t->link) == 0 && a->ticks - t->used > ASKER_IDLE_TICKS)
            close_target(t);
    }
}

struct redis_asker *redis_asker_create(const struct redis_link_config *config)
{
    struct redis_asker *a = mem_zalloc(sizeof(*a));

    a->config = *config;
    a->config.name = "eventhub:ask";
    a->config.loads_scripts = true;
    a->config.events = &events;
    a->config.owner = a;
    return a;
}

void redis_asker_free(struct redis_asker *a)
{
    for (size_t i = 0; i < ARRAY_LEN(a->targets); i++)
        close_target(&a->targets[i]);
    free(a);
}
