#include "ctl/pubsub/pace.h"

#define MS UINT64_C(1000000) /* in ns */

bool pace_may(const struct pace *p, uint64_t now_ms)
{
    return p->rate == 0 || p->due_ns <= now_ms * MS;
}

void pace_take(struct pace *p, uint64_t now_ms)
{
    uint64_t oldest = (now_ms > PACE_SLACK_MS ? now_ms - PACE_SLACK_MS : 0) * MS;

    if (p->rate == 0)
        return;
    if (p->due_ns == 0)
        p->due_ns = now_ms * MS;
    else if (p->due_ns < oldest)
        p->due_ns = oldest;
    p->due_ns += 1000 * MS / p->rate;
}

uint64_t pace_wait_ms(const struct pace *p, uint64_t now_ms)
{
    uint64_t due_ms = (p->due_ns + MS - 1) / MS;

    return due_ms > now_ms ? due_ms - now_ms : 1;
}
