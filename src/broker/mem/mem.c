#include "broker/mem/mem.h"

#include <jansson.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "broker/fanout.h"
#include "broker/headcount.h"
#include "broker/mem/mem_admission.h"
#include "broker/mem/mem_list.h"
#include "broker/mem/mem_log.h"
#include "broker/mem/mem_read.h"
#include "broker/mem/mem_table.h"

#define SWEEP_MS  1000 /* how often expired entries are removed */
#define SWEEP_MAX 4096 /* entries of one sweep; when there are more, the next tick continues */
#define PURGE_MAX 1024 /* entries that a turn of the loop purges; the next one continues */

/* MEMORY_LIMIT is divided by these for the key/value store, and for the two tables of the admission
 * together. The log may use the rest, and whatever they leave unused. */
#define KV_SHARE        2
#define ADMISSION_SHARE 4

/* Everything expires by the monotonic clock. Ids use wall time, because clients ask for history by
 * it. */
struct mem {
    struct core *core;
    bool cache;
    struct timer sweep;
    struct mem_log log;
    struct mem_table kv;
    struct mem_admission admission;
    struct list asked; /* calls that wait for the workers' counts or answers */
    struct list purges;
    struct loop_task purging;
};

/* A purge under way. */
struct purge {
    struct list link;
    struct broker_call *call;
    struct mem_purge progress;
};

static struct mem_now read_clocks(void)
{
    return (struct mem_now){ .wall_ms = clock_wall_ms(), .mono_ms = clock_mono_ms() };
}

static void share_memory(struct mem *mem)
{
    mem_log_set_others(&mem->log, mem->kv.bytes + mem_admission_bytes(&mem->admission),
                       clock_mono_ms());
}

static void on_sweep(struct timer *t)
{
    struct mem *mem = container_of(t, struct mem, sweep);
    bool has_more = mem_log_expire(&mem->log, clock_mono_ms(), SWEEP_MAX);

    has_more |= mem_table_expire(&mem->kv, clock_mono_ms(), SWEEP_MAX);
    has_more |= mem_admission_expire(&mem->admission, clock_mono_ms(), SWEEP_MAX);
    share_memory(mem);
    loop_timer(mem->core->loop, t, has_more ? TIMER_TICK_MS : SWEEP_MS);
}

/* ---- purges ---- */

static void end_purge(struct mem *mem, struct purge *p, enum broker_status status)
{
    p->call->purge.ret_removed = p->progress.removed;
    core_answer(mem->core, p->call, status);
    list_remove(&p->link);
    free(p);
}

static void go_on(struct mem *mem, struct purge *p)
{
    if (!mem_log_purge(&mem->log, p->call->purge.topic, &p->progress, clock_mono_ms(), PURGE_MAX))
        end_purge(mem, p, BROKER_DONE);
    if (!list_empty(&mem->purges))
        loop_next_turn(mem->core->loop, &mem->purging);
}

/* Goes on with the purge that came first. A log may have a million entries, and clients wait
 * meanwhile. */
static void on_purging(struct loop_task *task)
{
    struct mem *mem = container_of(task, struct mem, purging);

    go_on(mem, container_of(mem->purges.next, struct purge, link));
}

/* Begins at once: what is published from now on is not purged. */
static void purge(struct mem *mem, struct broker_call *call)
{
    struct purge *p = mem_zalloc(sizeof(*p));

    p->call = call;
    list_push(&mem->purges, &p->link);
    go_on(mem, p);
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
    list_init(&mem->asked);
    list_init(&mem->purges);
    mem->purging.fn = on_purging;
    mem_log_init(&mem->log, &limits, clock_wall_ms());
    mem_table_init(&mem->kv, config->memory_limit / KV_SHARE);
    mem_admission_init(&mem->admission, config->memory_limit / ADMISSION_SHARE);
    timer_init(&mem->sweep, on_sweep);
    loop_timer(core->loop, &mem->sweep, SWEEP_MS);
    fanout_set_high_water(core->fanout, mem->log.last);
    core_set_ready(core, true);
    *ret_engine = mem;
    return EH_OK;
}

static void publish(struct mem *mem, struct broker_call *call)
{
    struct broker_publish *p = &call->publish;
    struct mem_now now = read_clocks();
    enum broker_status status;
    struct message *m;

    if (mem_admission_stops(&mem->admission, p, now.mono_ms, &status)) {
        core_answer(mem->core, call, status);
        return;
    }
    p->ret_id = mem_log_next_id(&mem->log, now.wall_ms);
    m = message_create_by(p->ret_id, p->topic, p->message_json, p->origin_json, &p->author);
    if (mem->cache) {
        const struct mem_log_options options = { p->ttl_s, p->max_length, p->timestamp };

        mem_log_add(&mem->log, m, &options, now);
    }
    if (mem_admission_note(&mem->admission, p, now.mono_ms))
        share_memory(mem);
    core_answer(mem->core, call, BROKER_DONE);
    fanout_live(mem->core->fanout, m);
}

static void history(struct mem *mem, struct broker_call *call)
{
    if (mem->cache)
        mem_read(&mem->log, &call->history, read_clocks());
    else
        mem_read_nothing(&mem->log, &call->history, clock_wall_ms());
    core_answer(mem->core, call, BROKER_DONE);
}

static enum broker_status kv_get(struct mem *mem, struct broker_kv *kv)
{
    const struct mem_item *item = mem_table_get(&mem->kv, kv->key, clock_mono_ms());

    kv->ret_found = item != NULL;
    kv->ret_value = item ? bytes_copy(item->value) : NULL;
    return BROKER_DONE;
}

static enum broker_status kv_set(struct mem *mem, struct broker_kv *kv)
{
    uint64_t now = clock_mono_ms();

    if (!mem_table_has_room(&mem->kv, kv->key, kv->value.n, now))
        return BROKER_FULL;
    mem_table_set(&mem->kv, kv->key, kv->value, mem_expiry_after(now, kv->ttl_s));
    share_memory(mem);
    return BROKER_DONE;
}

static enum broker_status kv_delete(struct mem *mem, struct broker_kv *kv)
{
    kv->ret_found = mem_table_delete(&mem->kv, kv->key, clock_mono_ms());
    share_memory(mem);
    return BROKER_DONE;
}

/* Answers a presence call. Without an engine, the call was answered when the engine closed. */
static void on_counted(const void *engine, void *arg, struct presence total)
{
    const struct mem *mem = engine;
    struct broker_call *call = arg;

    if (!mem) {
        presence_done(&total);
        return;
    }
    list_remove(&call->mail.link);
    call->presence.ret_presence = total;
    call->presence.ret_complete = true;
    core_answer(mem->core, call, BROKER_DONE);
}

static void presence(struct mem *mem, struct broker_call *call)
{
    list_push(&mem->asked, &call->mail.link);
    headcount_start(mem->core, call->presence.filter, call->presence.wants_subs, on_counted, call);
}

/* The same for a question. */
static void on_asked(const void *engine, void *arg, json_t *answers)
{
    const struct mem *mem = engine;
    struct broker_call *call = arg;

    if (!mem) {
        json_decref(answers);
        return;
    }
    list_remove(&call->mail.link);
    call->ask.ret_answers = answers;
    call->ask.ret_complete = true;
    core_answer(mem->core, call, BROKER_DONE);
}

static void ask(struct mem *mem, struct broker_call *call)
{
    list_push(&mem->asked, &call->mail.link);
    headcount_ask(mem->core, call->ask.question, on_asked, call);
}

/* Without a log, no topic has entries. */
static void list(struct mem *mem, struct broker_call *call)
{
    mem_list(&mem->log, &call->list, clock_mono_ms());
    core_answer(mem->core, call, BROKER_DONE);
}

/* The table that the workers ask is also the only store. */
static enum broker_status revoke(struct mem *mem, struct broker_revoke *revoke)
{
    revoke->ret_full = revoked_add(mem->core->config.revoked, &revoke->entry, 0) < 0;
    return revoke->ret_full ? BROKER_FULL : BROKER_DONE;
}

static void mem_call(void *engine, struct broker_call *call)
{
    struct mem *mem = engine;

    switch (call->op) {
    case BROKER_OP_PUBLISH: publish(mem, call); break;
    case BROKER_OP_HISTORY: history(mem, call); break;
    case BROKER_OP_GET: core_answer(mem->core, call, kv_get(mem, &call->kv)); break;
    case BROKER_OP_SET: core_answer(mem->core, call, kv_set(mem, &call->kv)); break;
    case BROKER_OP_DELETE: core_answer(mem->core, call, kv_delete(mem, &call->kv)); break;
    case BROKER_OP_PURGE: purge(mem, call); break;
    case BROKER_OP_PRESENCE: presence(mem, call); break;
    case BROKER_OP_ASK: ask(mem, call); break;
    case BROKER_OP_LIST: list(mem, call); break;
    case BROKER_OP_REVOKE: core_answer(mem->core, call, revoke(mem, &call->revoke)); break;
    }
}

static void mem_close(void *engine)
{
    struct mem *mem = engine;
    struct list *link;

    timer_stop(&mem->sweep);
    loop_cancel(&mem->purging);
    while ((link = list_pop(&mem->asked))) {
        struct broker_call *call = container_of(link, struct broker_call, mail.link);

        core_answer(mem->core, call, core_unknown_status(call));
    }
    while (!list_empty(&mem->purges)) /* end_purge unlinks it, which clang does not see */
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
        end_purge(mem, container_of(mem->purges.next, struct purge, link), BROKER_UNKNOWN);
    mem_log_done(&mem->log);
    mem_table_done(&mem->kv);
    mem_admission_done(&mem->admission);
    free(mem);
}

const struct engine_ops mem_engine = {
    .open = mem_open,
    .call = mem_call,
    .close = mem_close,
};
