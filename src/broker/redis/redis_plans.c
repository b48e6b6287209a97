#include "broker/redis/redis_plans.h"

#include <stdlib.h>

#include "base/mem.h"

struct kept {
    struct list link;
    struct redis_plan *plan;
    size_t bytes;
    uint64_t until_ms;
};

static struct kept *kept_of(struct list *link)
{
    return container_of(link, struct kept, link);
}

static struct redis_plan *release(struct redis_plans *ps, struct kept *k)
{
    struct redis_plan *plan = k->plan;

    list_remove(&k->link);
    ps->bytes -= k->bytes;
    free(k);
    return plan;
}

void redis_plans_keep(struct redis_plans *ps, struct redis_plan *p, uint64_t now_ms)
{
    struct kept *k = mem_zalloc(sizeof(*k));
    struct list *oldest;

    k->plan = p;
    k->bytes = redis_plan_bytes(p);
    k->until_ms = now_ms + REDIS_PLANS_MS;
    list_push(&ps->kept, &k->link);
    ps->bytes += k->bytes;
    while (ps->bytes > REDIS_PLANS_BYTES && (oldest = list_first(&ps->kept)))
        redis_plan_free(release(ps, kept_of(oldest)));
}

struct redis_plan *redis_plans_take(struct redis_plans *ps, const struct broker_history *h,
                                    const struct interest *wanted)
{
    list_for_each(link, &ps->kept)
    {
        if (redis_plan_continues(kept_of(link)->plan, h, wanted))
            return release(ps, kept_of(link));
    }
    return NULL;
}

void redis_plans_expire(struct redis_plans *ps, uint64_t now_ms)
{
    struct list *oldest;

    while ((oldest = list_first(&ps->kept)) && kept_of(oldest)->until_ms <= now_ms)
        redis_plan_free(release(ps, kept_of(oldest)));
}

void redis_plans_init(struct redis_plans *ps)
{
    list_init(&ps->kept);
    ps->bytes = 0;
}

void redis_plans_done(struct redis_plans *ps)
{
    redis_plans_expire(ps, UINT64_MAX);
}
