/* The embedded engine: one log in this process (mem_log.h), always ready. */
#include "broker/core.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "broker/mem_log.h"
#include "broker/mem_read.h"

#define SWEEP_MS  1000 /* how often expired entries are looked for */
#define SWEEP_MAX 4096 /* entries in one go; when there are more, the next tick goes on */

struct mem {
    struct core *core;
    bool cache;
    struct timer sweep;
    struct mem_log log;
};

static void on_sweep(struct timer *t)
{
    struct mem *mem = container_of(t, struct mem, sweep);
    bool has_more = mem_log_expire(&mem->log, clock_wall_ms(), SWEEP_MAX);

    loop_timer(core_loop(mem->core), t, has_more ? TIMER_TICK_MS : SWEEP_MS);
}

static int mem_open(struct core *core, const struct broker_config *config, void **ret_engine)
{
    const struct mem_log_limits limits = {
        .max_length = config->max_cache_length,
        .default_ttl_s = config->default_ttl_s,
        .memory = config->memory_limit,
    };
    struct mem *mem = mem_zalloc(sizeof(*mem));

    mem->core = core;
    mem->cache = config->cache;
    mem_log_init(&mem->log, &limits, clock_wall_ms());
    timer_init(&mem->sweep, on_sweep);
    loop_timer(core_loop(core), &mem->sweep, SWEEP_MS);
    core_set_mark(core, mem->log.last);
    core_set_ready(core, true);
    *ret_engine = mem;
    return EH_OK;
}

static void publish(struct mem *mem, struct broker_call *call)
{
    struct broker_publish *p = &call->publish;
    uint64_t now = clock_wall_ms();
    struct msgid id = mem_log_next_id(&mem->log, now);
    struct message *m = message_create(id, p->topic, p->message_json, p->origin_json);

    if (mem->cache)
        mem_log_add(&mem->log, m, p->ttl_s, p->timestamp, now);
    p->ret_id = id;
    core_answer(mem->core, call, BROKER_DONE);
    core_live(mem->core, m);
}

static void history(struct mem *mem, struct broker_call *call)
{
    if (mem->cache)
        mem_read(&mem->log, &call->history, clock_wall_ms());
    else
        mem_read_nothing(&mem->log, &call->history, clock_wall_ms());
    core_answer(mem->core, call, BROKER_DONE);
}

static void mem_call(void *engine, struct broker_call *call)
{
    switch (call->op) {
    case BROKER_OP_PUBLISH: publish(engine, call); break;
    case BROKER_OP_HISTORY: history(engine, call); break;
    }
}

static void mem_close(void *engine)
{
    struct mem *mem = engine;

    timer_stop(&mem->sweep);
    mem_log_done(&mem->log);
    free(mem);
}

const struct engine_ops mem_engine = {
    .open = mem_open,
    .call = mem_call,
    .close = mem_close,
};
