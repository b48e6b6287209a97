#include "broker/redis/redis_probe.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>

#include "base/clock.h"
#include "broker/redis/redis_keys.h"

void redis_probe_send(struct redis_probe *p, struct redis_link *link, struct redis_done done)
{
    struct redis_command c;
    char text[24];

    p->sent_us = 0;
    p->has_come = false;
    p->last = (struct msgid){ 0 };
    p->number++; /* the answer to an earlier one no longer counts: `newest` may have grown */
    if (!link)
        return;
    p->sent_us = clock_mono_us();
    p->published_ms = 0;
    p->newest = core_newest(p->core);
    (void)snprintf(text, sizeof(text), "%" PRIu64, p->sent_us);
    redis_command_probe(&c, p->names, buf_str(&p->channel), str_of(text));
    done.arg = (void *)p->number;
    redis_link_send(link, &c, done);
}

void redis_probe_on_failed(struct redis_probe *p)
{
    p->sent_us = 0;
}

void redis_probe_on_accepted(struct redis_probe *p, struct msgid last)
{
    p->last = last;
    p->published_ms = loop_now(p->core->loop);
}

bool redis_probe_on_message(struct redis_probe *p, struct str channel, struct str text,
                            uint64_t n_live)
{
    uint64_t sent_us;

    if (!str_eq(channel, buf_str(&p->channel)) || str_parse_u64(text, &sent_us) < 0 ||
        sent_us != p->sent_us || sent_us == 0)
        return false;
    metrics_set(p->core->config.metrics, METRIC_PUBLISH_DELAY_MS,
                (clock_mono_us() - sent_us) / 1000);
    p->sent_us = 0;
    p->has_come = true;
    p->n_live = n_live;
    return true;
}

bool redis_probe_take(struct redis_probe *p, struct msgid *ret_last, uint64_t *ret_n_live)
{
    if (!p->has_come || msgid_is_zero(p->last))
        return false;
    p->has_come = false;
    *ret_last = p->last;
    *ret_n_live = p->n_live;
    return true;
}

bool redis_probe_is_under_way(const struct redis_probe *p)
{
    return p->sent_us != 0;
}

bool redis_probe_is_overdue(const struct redis_probe *p, uint64_t timeout_ms)
{
    return p->sent_us && p->published_ms && loop_now(p->core->loop) - p->published_ms >= timeout_ms;
}

void redis_probe_init(struct redis_probe *p, struct core *core, const struct redis_names *names)
{
    uint64_t node = 0;
    char text[40];

    *p = (struct redis_probe){ .core = core, .names = names };
    if (getrandom(&node, sizeof(node), 0) < 0)
        node = clock_mono_us();
    (void)snprintf(text, sizeof(text), REDIS_PROBE_TOPICS "%016" PRIx64, node);
    keys_add_channel(&p->channel, names->prefix, str_of(text));
}

void redis_probe_done(struct redis_probe *p)
{
    buf_done(&p->channel);
}
